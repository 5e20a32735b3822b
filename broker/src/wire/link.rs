//! How a broker names itself on a connection to another broker.
//!
//! A link carries the requests of many clients, so its answers may overtake each other; clients of Kafka expect the
//! order of their requests. The client id of the first request tells the two apart.

use crate::types::BrokerId;

const LINK_CLIENT_PREFIX: &str = "tidemark-broker-";

/// The client id that `broker` uses on its links.
#[must_use]
pub fn link_client_id(broker: BrokerId) -> String {
    format!("{LINK_CLIENT_PREFIX}{broker}")
}

/// The broker whose link has this client id; `None` if it is no link.
#[must_use]
pub fn broker_of_link(client_id: &str) -> Option<BrokerId> {
    client_id.strip_prefix(LINK_CLIENT_PREFIX)?.parse().ok().map(BrokerId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_link_is_one() {
        assert_eq!(broker_of_link(&link_client_id(BrokerId(12))), Some(BrokerId(12)));
        for client_id in ["", "rdkafka", "tidemark-broker-", "tidemark-broker-x", "a-tidemark-broker-1"] {
            assert_eq!(broker_of_link(client_id), None);
        }
    }
}
