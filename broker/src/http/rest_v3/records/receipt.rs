//! What is said of each record: where it is, or why it is nowhere. Pure.

use serde::Serialize;

use crate::http::rest_v3::refusal::Refusal;
use crate::service::Produced;

/// What is said of a key or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    /// How it was sent.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// How many bytes are stored.
    pub(super) size: usize,
}

/// What a receipt says that is known before the record is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    /// What the sender calls it; in `records:batch` only.
    pub(super) id: Option<String>,
    /// Its key, if it was named.
    pub(super) key: Option<Told>,
    /// Its value, if it was named.
    pub(super) value: Option<Told>,
    /// The time it was stored with, unless the log stamps another.
    pub(super) timestamp_ms: i64,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Receipt {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u16>,
    cluster_id: String,
    topic_name: String,
    partition_id: i32,
    offset: i64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Told>,
}

/// What became of a record.
pub(super) type Outcome = Result<Receipt, Refusal>;

/// Where receipts are from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The cluster's id.
    pub(super) cluster: String,
    /// The topic.
    pub(super) topic: String,
    /// Whether each says that it is one; the answer to `records:batch` says so by where they stand.
    pub(super) with_code: bool,
}

/// The receipt of the record that stands at `index` in a batch.
pub(super) fn receipt(origin: &Origin, stub: Stub, produced: &Produced, index: usize) -> Receipt {
    let index = i64::try_from(index).expect("a batch holds fewer records");
    let stamped = if produced.append_time_ms >= 0 { produced.append_time_ms } else { stub.timestamp_ms };
    Receipt {
        id: stub.id,
        error_code: origin.with_code.then_some(200),
        cluster_id: origin.cluster.clone(),
        topic_name: origin.topic.clone(),
        partition_id: produced.partition.0,
        offset: produced.base_offset.0 + index,
        timestamp: iso(stamped),
        key: stub.key,
        value: stub.value,
    }
}

/// Writes what became of a record, and a line's end.
pub(super) fn write(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Ok(receipt) => {
            serde_json::to_writer(&mut *out, receipt).expect("memory takes numbers and texts as JSON");
        }
        Err(refusal) => out.extend_from_slice(&refusal.json()),
    }
    out.extend_from_slice(b"\r\n");
}

/// Milliseconds since 1970 as `2026-01-31T12:00:00.250Z`.
fn iso(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days from the first of March of the year 0, in eras of 400 years (Howard Hinnant's civil_from_days).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, millis) = (rest / 1_000 % 60, rest % 1_000);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::instant::parse_ms;

    #[test]
    fn points_in_time_are_written() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_868_800_000), "2000-03-01T00:00:00Z");
        assert_eq!(iso(1_709_209_815_250), "2024-02-29T12:30:15.250Z");
    }

    proptest! {
        /// Every point in time is read back as it was written.
        #[test]
        fn what_is_written_is_read_back(ms in 0_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_ms(&iso(ms)), Some(ms));
        }
    }
}
