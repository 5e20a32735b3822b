//! Where the copies of a new topic go.
