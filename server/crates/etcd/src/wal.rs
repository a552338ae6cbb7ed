//! The end of a member's log, read from its files: what a member that does not run knows. Invariant: reads bytes and nothing else; a
//! record counts only if its checksum is right, so a write that was cut off by a power loss ends the log, as it does for etcd.
//! etcd's own archive has no tool for this (`etcd-dump-logs` is not part of a release). The format is that of
//! `server/storage/wal` and `wal/walpb`: eight bytes of length and padding, then a record; the checksums are one chain.

use prost::Message;
use quorate_domain::{rescue::LogEnd, wide::Wide};

const ENTRY: i64 = 2;
const CHECKSUM: i64 = 4;
/// A record is one request at most, and etcd takes none of this size.
const LONGEST: u64 = 1 << 30;

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(uint32, tag = "2")]
    crc: u32,
    #[prost(bytes = "vec", optional, tag = "3")]
    data: Option<Vec<u8>>,
}

/// Of an entry only what says how new it is.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

/// The last entry in a file of the log (`member/wal/*.wal`); none if there is none in it. The last file can be without: then it
/// is the last of the file before.
pub fn log_end(file: &[u8]) -> Option<LogEnd> {
    let (mut rest, mut chain, mut last) = (file, 0, None);
    while let Some((record, after)) = record(rest) {
        let data = record.data.unwrap_or_default();
        if record.kind == CHECKSUM {
            // The first record of a file says where the chain stands; within a file it stands there anyway.
            if chain != 0 && chain != record.crc {
                break;
            }
            chain = record.crc;
        } else {
            chain = crc32c::crc32c_append(chain, &data);
            if chain != record.crc {
                break;
            }
        }
        if record.kind == ENTRY {
            let Ok(entry) = Entry::decode(data.as_slice()) else { break };
            last = Some(LogEnd { term: Wide(entry.term), index: Wide(entry.index) });
        }
        rest = after;
    }
    last
}

/// The first record of `bytes` and what comes after it; none at the end, which is zeros that were allotted before.
fn record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let head = u64::from_le_bytes(*head);
    let length = head & !(0xff << 56);
    // Records begin at multiples of eight; the sign says that there is padding, the bits below it how much.
    let padding = if head >> 63 == 1 { (head >> 56) & 0x7 } else { 0 };
    if length == 0 || length > LONGEST {
        return None;
    }
    let (length, padding) = (usize::try_from(length).ok()?, usize::try_from(padding).ok()?);
    let (record, rest) = rest.split_at_checked(length)?;
    Some((Record::decode(record).ok()?, rest.get(padding..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(kind: i64, data: &[u8], chain: &mut u32) -> Vec<u8> {
        if kind != CHECKSUM {
            *chain = crc32c::crc32c_append(*chain, data);
        }
        let record = Record { kind, crc: *chain, data: Some(data.to_vec()) }.encode_to_vec();
        let padding = (8 - record.len() % 8) % 8;
        let mut head = u64::try_from(record.len()).expect("short");
        if padding > 0 {
            head |= (0x80 | u64::try_from(padding).expect("few")) << 56;
        }
        [&head.to_le_bytes()[..], &record, &vec![0; padding]].concat()
    }

    /// A file with entries up to `index`, and room behind them.
    fn file(index: u64) -> Vec<u8> {
        let mut chain = 7;
        let mut file = framed(CHECKSUM, &[], &mut chain);
        for index in 1..=index {
            let mut entry = Entry { term: 2, index }.encode_to_vec();
            entry.extend([0x22, 3, b'a', b'b', b'c']);
            file.extend(framed(ENTRY, &entry, &mut chain));
        }
        file.extend([0; 64]);
        file
    }

    #[test]
    fn the_last_whole_entry_is_the_end() {
        assert_eq!(log_end(&file(5)), Some(LogEnd { term: Wide(2), index: Wide(5) }));
        assert_eq!((log_end(&file(0)), log_end(&[])), (None, None));
        let mut flipped = file(5);
        let at = flipped.len() - 64 - 12;
        flipped[at] ^= 1;
        assert_eq!(log_end(&flipped).map(|end| end.index), Some(Wide(4)), "a record that is not right ends the log");
    }

    proptest! {
        #[test]
        fn a_file_that_was_cut_off_anywhere_ends_earlier_and_never_later(cut in 0usize..400) {
            let whole = file(5);
            let end = log_end(&whole[..cut.min(whole.len())]);
            prop_assert!(end <= log_end(&whole));
        }

        #[test]
        fn nonsense_is_no_log(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // The shortest record with an entry is longer.
            prop_assert!(log_end(&bytes).is_none() || bytes.len() > 16);
        }
    }
}
