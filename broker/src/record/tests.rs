//! What holds for the folder as a whole: what is built is valid and read back; what is damaged, short, lying or random
//! is refused and never panics.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::types::{LeaderEpoch, Offset};

const LIMITS: BatchLimits =
    BatchLimits { batch_bytes_max: 1 << 20, inflated_bytes_max: 1 << 20, record_count_max: 10_000 };

/// What one pushed record was.
#[derive(Clone, Debug)]
struct Pushed {
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn any_record() -> impl Strategy<Value = Pushed> {
    let bytes = || option::of(vec(any::<u8>(), 0..200));
    (any::<i64>(), bytes(), bytes(), vec(("[a-zä]{0,9}", bytes()), 0..3))
        .prop_map(|(timestamp_ms, key, value, headers)| Pushed { timestamp_ms, key, value, headers })
}

fn any_records() -> impl Strategy<Value = Vec<Pushed>> {
    vec(any_record(), 1..20)
}

fn build(pushed: &[Pushed]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for record in pushed {
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| HeaderRef { name, value: value.as_deref() }).collect();
        builder.push(record.timestamp_ms, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    builder.finish(None)
}

fn values(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for (at, value) in (0..).zip(values) {
        builder.push(1_000 + at, Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder.finish(None)
}

/// Writes `bytes` over a batch and makes its CRC right again.
fn forge(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut forged = BytesMut::from(&batch[..]);
    forged[at..at + bytes.len()].copy_from_slice(bytes);
    reseal(&mut forged);
    forged.freeze()
}

fn reseal(batch: &mut BytesMut) {
    let length = i32::try_from(batch.len() - 12).unwrap();
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn with_body(batch: &Bytes, codec: u8, body: &[u8]) -> Bytes {
    let mut packed = BytesMut::from(&batch[..HEADER_LEN]);
    packed[22] = codec;
    packed.extend_from_slice(body);
    reseal(&mut packed);
    packed.freeze()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn snappy(data: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(data).unwrap()
}

fn xerial(data: &[u8]) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for chunk in data.chunks(100) {
        let block = snappy(chunk);
        out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;

/// Every codec as its clients write it, with its number.
const CODECS: [(&str, u8, Compress); 5] = [
    ("gzip", 1, gzip),
    ("raw snappy", 2, snappy),
    ("xerial snappy", 2, xerial),
    ("lz4", 3, lz4),
    ("zstd", 4, zstd),
];

proptest! {
    #[test]
    fn what_is_built_is_valid_and_read_back(pushed in any_records()) {
        let batch = build(&pushed);
        let header = validate_batch(&batch, &LIMITS).unwrap();
        prop_assert_eq!(header.total_len(), batch.len());
        prop_assert_eq!(header.record_count as usize, pushed.len());
        let read = records(&batch, &LIMITS).unwrap();
        prop_assert_eq!(read.len(), pushed.len());
        for (at, (read, pushed)) in (0..).zip(read.iter().zip(&pushed)) {
            prop_assert_eq!(read.offset, Offset(at));
            prop_assert_eq!(read.timestamp_ms, pushed.timestamp_ms);
            prop_assert_eq!(read.key.as_deref(), pushed.key.as_deref());
            prop_assert_eq!(read.value.as_deref(), pushed.value.as_deref());
            let headers: Vec<_> =
                read.headers.iter().map(|(name, value)| (name.clone(), value.as_ref().map(|v| v.to_vec()))).collect();
            prop_assert_eq!(&headers, &pushed.headers);
        }
    }

    #[test]
    fn every_codec_gives_the_same_records(pushed in any_records()) {
        let batch = build(&pushed);
        let plain = records(&batch, &LIMITS).unwrap();
        for (name, code, compress) in CODECS {
            let packed = with_body(&batch, code, &compress(&batch[HEADER_LEN..]));
            prop_assert!(validate_batch(&packed, &LIMITS).is_ok(), "{}", name);
            prop_assert_eq!(&records(&packed, &LIMITS).unwrap(), &plain, "{}", name);
        }
    }

    #[test]
    fn a_flipped_byte_is_refused(pushed in any_records(), at: prop::sample::Index, flip in 1_u8..) {
        let mut batch = BytesMut::from(&build(&pushed)[..]);
        let at = 16 + at.index(batch.len() - 16);
        batch[at] ^= flip;
        prop_assert!(validate_batch(&batch, &LIMITS).is_err());
        prop_assert!(validate_replica_batches(&batch, Offset::ZERO).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = BatchHeader::read(&bytes);
        let _ = next_batch(&bytes);
        prop_assert!(validate_batch(&bytes, &LIMITS).is_err());
        let _ = validate_replica_batches(&bytes, Offset::ZERO);
        let _ = records(&Bytes::from(bytes), &LIMITS);
    }

    #[test]
    fn a_random_body_with_a_right_crc_never_panics(
        body in vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..300),
        codec in 0_u8..8,
        count in prop_oneof![any::<i32>(), 0..5_i32],
    ) {
        let mut batch = BytesMut::from(&with_body(&values(&["v"]), codec, &body)[..]);
        batch[23..27].copy_from_slice(&count.wrapping_sub(1).to_be_bytes());
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        reseal(&mut batch);
        let _ = validate_batch(&batch, &LIMITS);
        let _ = records(&batch.freeze(), &LIMITS);
    }

    #[test]
    fn a_damaged_compressed_body_never_panics(flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let batch = values(&["some text, some text, some text"; 30]);
        for (_, code, compress) in CODECS {
            let mut body = compress(&batch[HEADER_LEN..]);
            for (at, byte) in &flips {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            let packed = with_body(&batch, code, &body);
            let _ = validate_batch(&packed, &LIMITS);
            let _ = records(&packed, &LIMITS);
        }
    }
}

#[test]
fn a_batch_cut_at_any_length_is_refused() {
    let batch = values(&["one", "two", "three"]);
    for len in 0..batch.len() {
        assert!(validate_batch(&batch[..len], &LIMITS).is_err(), "{len}");
        assert!(matches!(next_batch(&batch[..len]), Ok(None)), "{len}");
        assert!(records(&batch.slice(..len), &LIMITS).is_err(), "{len}");
        assert_eq!(validate_replica_batches(&batch[..len], Offset::ZERO).is_ok(), len == 0, "{len}");
    }
}

#[test]
fn records_cut_at_any_length_are_refused_though_the_crc_is_right() {
    let batch = values(&["one", "two", "three"]);
    for len in HEADER_LEN..batch.len() {
        let cut = with_body(&batch, 0, &batch[HEADER_LEN..len]);
        assert!(validate_batch(&cut, &LIMITS).is_err(), "{len}");
        assert!(records(&cut, &LIMITS).is_err(), "{len}");
    }
    let longer = with_body(&batch, 0, &[&batch[HEADER_LEN..], &[0]].concat());
    assert!(validate_batch(&longer, &LIMITS).is_err());
    assert!(records(&longer, &LIMITS).is_err());
}

#[test]
fn a_header_that_lies_is_refused_though_the_crc_is_right() {
    let batch = values(&["one", "two"]);
    let refused = |at: usize, bytes: &[u8]| validate_batch(&forge(&batch, at, bytes), &LIMITS).unwrap_err();
    assert!(matches!(refused(57, &3_i32.to_be_bytes()), RecordError::BadCount { .. }));
    assert!(matches!(refused(57, &1_i32.to_be_bytes()), RecordError::BadCount { .. }));
    assert!(matches!(refused(57, &(-1_i32).to_be_bytes()), RecordError::BadCount { .. }));
    assert!(matches!(refused(57, &i32::MIN.to_be_bytes()), RecordError::BadCount { .. }));
    assert!(matches!(refused(23, &2_i32.to_be_bytes()), RecordError::BadCount { .. }));
    for count in [1_i32, 3, 9_000] {
        // Count and last delta agree with each other and lie both.
        let forged = forge(&forge(&batch, 57, &count.to_be_bytes()), 23, &(count - 1).to_be_bytes());
        assert!(matches!(validate_batch(&forged, &LIMITS), Err(RecordError::BadCount { .. })), "{count}");
    }
    let many = forge(&forge(&batch, 57, &10_001_i32.to_be_bytes()), 23, &10_000_i32.to_be_bytes());
    assert!(matches!(validate_batch(&many, &LIMITS), Err(RecordError::TooManyRecords { .. })));
    assert_eq!(refused(16, &[1]), RecordError::BadMagic(1));
    assert_eq!(refused(22, &[5]), RecordError::UnknownCompression(5));
    assert_eq!(refused(22, &[0x08]), RecordError::LogAppendTime);
    assert_eq!(refused(22, &[0x10]), RecordError::Transactional);
    assert_eq!(refused(22, &[0x20]), RecordError::ControlBatch);
    assert_eq!(
        refused(35, &5_i64.to_be_bytes()),
        RecordError::BadMaxTimestamp { stored: 5, computed: 1_001 }
    );
    assert!(matches!(refused(43, &(-2_i64).to_be_bytes()), RecordError::BadProducer { .. }));
    assert!(matches!(refused(43, &7_i64.to_be_bytes()), RecordError::BadProducer { .. }));
    // Clients without idempotence leave epoch and sequence at zero.
    assert!(validate_batch(&forge(&batch, 51, &[0; 6]), &LIMITS).is_ok());
}

#[test]
fn an_old_message_set_is_named_as_such_though_it_is_short() {
    // Offset, size, CRC, magic 1, attributes, timestamp, no key, one byte of value.
    let old = [&[0; 11][..], &[23], &[0; 4], &[1, 0], &[0; 8], &[0xff; 4], &[0, 0, 0, 1, b'v']].concat();
    assert_eq!(validate_batch(&old, &LIMITS), Err(RecordError::BadMagic(1)));
}

#[test]
fn offset_deltas_that_are_not_the_records_places_are_refused() {
    let batch = values(&["one", "two"]);
    // The first record: length, attributes, timestamp delta, offset delta.
    let forged = forge(&batch, HEADER_LEN + 3, &[2]);
    assert!(matches!(validate_batch(&forged, &LIMITS), Err(RecordError::BadRecord { index: 0, .. })));
    assert!(records(&forged, &LIMITS).is_err(), "deltas must rise");
}

#[test]
fn a_compacted_batch_with_gaps_is_read() {
    let batch = forge(&values(&["one", "two"]), 23, &9_i32.to_be_bytes());
    let read = records(&forge(&batch, HEADER_LEN + 3, &[0]), &LIMITS).unwrap();
    assert_eq!((read.len(), read[1].offset), (2, Offset(1)));
    assert_eq!(BatchHeader::read(&batch).unwrap().next_offset(), Offset(10));
}

#[test]
fn sizes_over_the_limits_are_refused() {
    let batch = values(&["one", "two"]);
    let tight = BatchLimits { batch_bytes_max: batch.len() - 1, ..LIMITS };
    assert!(matches!(validate_batch(&batch, &tight), Err(RecordError::TooLarge { .. })));
    let two = [&batch[..], &batch[..]].concat();
    assert_eq!(validate_batch(&two, &LIMITS), Err(RecordError::TrailingBytes { extra: batch.len() }));
}

#[test]
fn a_decompression_bomb_is_refused_at_the_limit() {
    let bomb = vec![0; 4 << 20];
    for (name, code, compress) in CODECS {
        let packed = with_body(&values(&["v"]), code, &compress(&bomb));
        let limits = BatchLimits { batch_bytes_max: 8 << 20, ..LIMITS };
        let expected = RecordError::Inflation { limit: LIMITS.inflated_bytes_max };
        assert_eq!(validate_batch(&packed, &limits), Err(expected.clone()), "{name}");
        assert_eq!(records(&packed, &limits), Err(expected), "{name}");
    }
    // A snappy block that claims far more than it could hold.
    let lying = with_body(&values(&["v"]), 2, &[0x80, 0x80, 0x20, 0]);
    assert!(matches!(validate_batch(&lying, &LIMITS), Err(RecordError::BadCompression { .. })));
}

#[test]
fn stamps_change_what_they_should_and_keep_the_crc_right() {
    let mut batch = BytesMut::from(&values(&["one", "two"])[..]);
    stamp_leader(&mut batch, Offset(1_000), LeaderEpoch(7));
    let header = validate_batch(&batch, &LIMITS).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (Offset(1_000), LeaderEpoch(7)));
    assert_eq!((header.last_offset(), header.next_offset()), (Offset(1_001), Offset(1_002)));

    let mut wrong = BytesMut::from(&forge(&batch.clone().freeze(), 35, &9_i64.to_be_bytes())[..]);
    stamp_max_timestamp(&mut wrong, 1_001);
    assert_eq!(wrong, batch);

    stamp_log_append_time(&mut batch, 99_999);
    let header = validate_replica_batches(&batch, Offset(1_000)).unwrap()[0];
    assert!(header.uses_log_append_time());
    let read = records(&batch.freeze(), &LIMITS).unwrap();
    assert!(read.iter().all(|record| record.timestamp_ms == 99_999), "{read:?}");
    assert_eq!(read[1].offset, Offset(1_001));
}

#[test]
fn a_run_of_batches_must_rise_but_may_have_gaps() {
    let at = |offset: i64| {
        let mut batch = BytesMut::from(&values(&["one", "two"])[..]);
        stamp_leader(&mut batch, Offset(offset), LeaderEpoch(1));
        batch
    };
    let run = |offsets: &[i64]| offsets.iter().flat_map(|offset| at(*offset).to_vec()).collect::<Vec<u8>>();
    assert_eq!(validate_replica_batches(&run(&[10, 12, 20]), Offset(8)).unwrap().len(), 3);
    for bad in [&[10, 11][..], &[10, 10], &[12, 10], &[7, 9], &[-5]] {
        let refused = validate_replica_batches(&run(bad), Offset(8));
        assert!(matches!(refused, Err(RecordError::BadOffset { .. })), "{bad:?}: {refused:?}");
    }
    assert_eq!(validate_replica_batches(&[], Offset(8)), Ok(vec![]));
    let (header, first) = next_batch(&run(&[10, 12])).unwrap().map(|(h, b)| (h, b.to_vec())).unwrap();
    assert_eq!((header.base_offset, first), (Offset(10), at(10).to_vec()));
}

#[test]
fn sequences_count_records_or_requests_and_wrap() {
    let stamped = |producer_id, base_sequence| {
        let mut builder = BatchBuilder::with_capacity(256);
        builder.push(1, None, Some(b"a"), &[]);
        builder.push(2, None, None, &[]);
        assert_eq!((builder.len(), builder.is_empty()), (2, false));
        let stamp = ProducerStamp { producer_id, producer_epoch: 3, base_sequence };
        validate_batch(&builder.finish(Some(stamp)), &LIMITS).unwrap()
    };
    let header = stamped(42, 10);
    assert_eq!((header.producer_id, header.producer_epoch, header.sequence_span()), (42, 3, 2));
    assert_eq!(header.last_sequence(), 11);
    assert_eq!(stamped(42, i32::MAX).last_sequence(), 0);
    assert_eq!(stamped(REQUEST_SEQUENCED | 42, 10).last_sequence(), 10);
}

#[test]
fn an_uncompressed_record_shares_the_batchs_memory() {
    let batch = values(&["shared"]);
    let value = records(&batch, &LIMITS).unwrap()[0].value.clone().unwrap();
    assert!(batch.as_ptr_range().contains(&value.as_ptr()));
}

/// Worked out by hand from the drawing in the folder's page.
#[test]
fn a_record_is_laid_out_as_drawn() {
    let mut builder = BatchBuilder::new();
    builder.push(0, Some(b"k"), Some(b"v"), &[HeaderRef { name: "h", value: None }]);
    let batch = builder.finish(None);
    assert_eq!(batch[HEADER_LEN..], [22, 0, 0, 0, 2, b'k', 2, b'v', 2, 2, b'h', 1][..]);
}
