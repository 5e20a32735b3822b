//! Fetch and offsets at another broker, in the words of the Kafka port, and its answer in ours.
