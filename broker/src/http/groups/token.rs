//! The token of a poll: opaque to clients, JSON in base64url to us. Pure.
//!
//! ```text
//! {"v":1,"e":member epoch,"n":turn,"p":{"topic id":[[partition,next offset],...]}}
//! ```
//!
//! It is no secret and no proof: what it says is judged by the group's coordinator, as any commit is.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::groups::TopicIdPartition;
use crate::http::errors::Problem;
use crate::service::PollToken;
use crate::types::{Offset, PartitionIndex, TopicId};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    e: i32,
    n: u32,
    p: BTreeMap<TopicId, Vec<(i32, i64)>>,
}

pub(super) fn write(token: &PollToken) -> String {
    let mut p: BTreeMap<TopicId, Vec<(i32, i64)>> = BTreeMap::new();
    for (one, offset) in &token.positions {
        p.entry(one.topic).or_default().push((one.partition.0, offset.0));
    }
    let written = Written { v: VERSION, e: token.epoch, n: token.turn, p };
    let json = serde_json::to_vec(&written).expect("numbers and ids are always JSON");
    URL_SAFE_NO_PAD.encode(json)
}

pub(in crate::http) fn read(text: &str) -> Result<PollToken, Problem> {
    let bad =
        || Problem::bad_request("ack is no token of a poll: send the last one back as it came, or none");
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let written: Written = serde_json::from_slice(&json).map_err(|_| bad())?;
    if written.v != VERSION || written.e < 1 {
        return Err(bad());
    }
    let positions = written.p.into_iter().flat_map(|(topic, partitions)| {
        let one = move |(p, offset)| (TopicIdPartition::new(topic, PartitionIndex(p)), Offset(offset));
        partitions.into_iter().map(one)
    });
    Ok(PollToken { epoch: written.e, turn: written.n, positions: positions.collect() })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went_and_noise_is_refused() {
        let id = |topic, p| TopicIdPartition::new(TopicId(Uuid::from_u128(topic)), PartitionIndex(p));
        let positions = [(id(1, 0), Offset(7)), (id(1, 3), Offset(0)), (id(2, 0), Offset(1 << 40))].into();
        let token = PollToken { epoch: 5, turn: 9, positions };
        assert_eq!(read(&write(&token)).unwrap(), token);
        let bad_version = URL_SAFE_NO_PAD.encode(r#"{"v":2,"e":1,"n":0,"p":{}}"#);
        for noise in ["", "?", "e30", "AAAA", &bad_version, &write(&token)[1..]] {
            assert!(read(noise).is_err(), "{noise}");
        }
    }
}
