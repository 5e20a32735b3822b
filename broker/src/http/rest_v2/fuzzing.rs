//! Any bytes as the body of a REST Proxy v2 produce. Tests only.

use super::plan::Plan;
use super::produce_body::ProduceBody;
use crate::groups::instances::EmbeddedFormat;
use crate::http::fuzzing::is_sound;
use crate::http::lines::BatchBounds;
use crate::types::PartitionIndex;

/// Reads `data` in one of the formats, and makes batches of it if it is taken.
pub(in crate::http) fn produce(data: &[u8], form: u8, bounds: BatchBounds) {
    let formats = [EmbeddedFormat::Binary, EmbeddedFormat::Json, EmbeddedFormat::Text];
    let Ok(body) = ProduceBody::parse(data) else { return };
    let mut plan = Plan::new(bounds, 5);
    let format = formats[usize::from(form) % formats.len()];
    let taken =
        body.each(format, &mut |_, record| plan.push(PartitionIndex(record.partition.unwrap_or(0)), &record));
    if taken.is_ok() {
        for chain in plan.finish().0 {
            chain.batches.iter().for_each(|batch| is_sound(batch));
        }
    }
    let _ = body.refuse_schemas(format);
}
