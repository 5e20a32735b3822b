//! Batches as real clients sent them, caught on the wire.

use bytes::Bytes;

use super::*;

/// librdkafka through kcat 1.7.1, and kafka-python 3.0.12: each time the same two records.
const CAUGHT: [(&str, Compression, &str); 5] = [
    (
        "librdkafka",
        Compression::None,
        "0000000000000000000000850000000002af989ad7000000000001000001a203718435000001a203718435ffffffffff\
         ffffffffffffffffff0000000252000000046b313a74696465206d61726b2074696465206d61726b2074696465206d61\
         726b020268023152000002046b323a74696465206d61726b2074696465206d61726b2074696465206d61726b02026802\
         31",
    ),
    (
        "librdkafka, raw snappy",
        Compression::Snappy,
        "00000000000000000000005b00000000023f762717000200000001000001a203718445000001a203718445ffffffffff\
         ffffffffffffffffff00000002544452000000046b313a74696465206d61726b204a0a0038020268023152000002046b\
         323a74697e2a00",
    ),
    (
        "librdkafka, gzip",
        Compression::Gzip,
        "0000000000000000000000670000000002b9bdc1a6000100000001000001a203718456000001a203718456ffffffffff\
         ffffffffffffffffff000000021f8b08000000000000030b62606060c936b42ac94c4955c84d2cca56c0c26262ca6032\
         0c62606062c93622422500dfc8e97954000000",
    ),
    (
        "librdkafka, zstd",
        Compression::Zstd,
        "00000000000000000000006100000000020f4de866000400000001000001a203718467000001a203718467ffffffffff\
         ffffffffffffffffff0000000228b52ffd00583d0100f052000000046b313a74696465206d61726b2002026802315200\
         0002046b3202009a229326250c",
    ),
    (
        "kafka-python, lz4",
        Compression::Lz4,
        "0000000000000000000000750000000002410ccccd000300000001000001a2037185c1000001a2037185c1ffffffffff\
         ffffffffffffffffff0000000204224d1868405400000000000000a62d000000ff0352000000046b313a74696465206d\
         61726b200a0000cf020268023152000002046b322a000b50020268023100000000",
    ),
];

fn from_hex(text: &str) -> Bytes {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn batches_of_real_clients_are_valid_and_read() {
    for (client, compression, hex) in CAUGHT {
        let batch = from_hex(hex);
        let limits = BatchLimits::default();
        let header = validate_batch(&batch, &limits).unwrap_or_else(|error| panic!("{client}: {error}"));
        assert_eq!(header.compression(), Ok(compression), "{client}");
        let read = records(&batch, &limits).unwrap();
        let keys: Vec<_> = read.iter().map(|record| record.key.clone().unwrap()).collect();
        assert_eq!(keys, ["k1", "k2"], "{client}");
        for record in read {
            assert_eq!(record.timestamp_ms, header.max_timestamp_ms, "{client}");
            assert_eq!(record.value.unwrap(), "tide mark tide mark tide mark", "{client}");
            assert_eq!(record.headers, [("h".to_owned(), Some(Bytes::from_static(b"1")))], "{client}");
        }
    }
}

#[test]
fn what_is_built_is_byte_for_byte_what_a_client_sends() {
    let caught = from_hex(CAUGHT[0].2);
    let header = BatchHeader::read(&caught).unwrap();
    let mut builder = BatchBuilder::new();
    let headers = [HeaderRef { name: "h", value: Some(b"1") }];
    for key in [b"k1", b"k2"] {
        builder.push(header.base_timestamp_ms, Some(key), Some(b"tide mark tide mark tide mark"), &headers);
    }
    let mut built = builder.finish_mut(None);
    stamp_leader(&mut built, header.base_offset, header.leader_epoch);
    assert_eq!(built, caught);
}
