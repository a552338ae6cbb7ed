//! etcd's write-ahead log, segment by segment: where it ends, and what it knows to be confirmed. Invariant: pure; it is fed in parts and
//! keeps one record at most; every record is held against the running checksum, and the first that is wrong ends it. A record that a
//! power cut tore apart (a sector of zeros, or the file's end within it) is told from damage as etcd tells it, because
//! etcd mends the first and refuses the second.

use prost::Message;
use quorate_domain::{
    snapshots::{LogEnd, LogPosition},
    wide::Wide,
};

/// Preallocated space reads as zeros, and a frame is never empty.
const NO_FRAME: i64 = 0;
/// What a frame's length is kept in; the rest of its eight bytes says how it is padded.
const LENGTH_BITS: u32 = 56;
/// A record that claims to be longer is none: etcd takes requests of some megabytes at most.
const MOST: usize = 128 << 20;
/// What a disk writes at once.
const SECTOR: u64 = 512;

/// `walpb.Record`.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(uint32, tag = "2")]
    crc: u32,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

const METADATA: i64 = 1;
const ENTRY: i64 = 2;
const STATE: i64 = 3;
const CRC: i64 = 4;
const SNAPSHOT: i64 = 5;

/// `raftpb.Entry`, without what it carries.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

/// `raftpb.HardState`.
#[derive(Clone, PartialEq, Message)]
struct HardState {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "3")]
    commit: u64,
}

/// `walpb.Snapshot`.
#[derive(Clone, PartialEq, Message)]
struct Snapshot {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
}

/// What a segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The last entry, or the snapshot after which none came.
    pub last: Option<LogPosition>,
    /// What is known to be confirmed.
    pub commit: Option<Wide>,
    /// How it ends.
    pub end: LogEnd,
    /// What is wrong, in words; empty if nothing is.
    pub problem: String,
}

/// One segment as it comes.
#[derive(Default)]
pub struct Segment {
    held: Vec<u8>,
    /// Where `held` begins in the file.
    offset: u64,
    sum: u32,
    begun: bool,
    last: Option<LogPosition>,
    snapshot: Option<LogPosition>,
    commit: Option<Wide>,
    end: Option<(LogEnd, String)>,
}

impl Segment {
    /// Takes the next bytes; false once the rest need not be read.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        self.held.extend_from_slice(bytes);
        let mut used = 0;
        while self.end.is_none()
            && let Some(taken) = self.frame(used)
        {
            used += taken;
        }
        self.held.drain(..used.min(self.held.len()));
        self.offset += used as u64;
        self.end.is_none()
    }

    /// Reads the frame at `from` of what is held; how long it is, or none while it has not come whole.
    fn frame(&mut self, from: usize) -> Option<usize> {
        let length: [u8; 8] = self.held.get(from..from + 8)?.try_into().ok()?;
        let length = i64::from_le_bytes(length);
        if length == NO_FRAME {
            self.end = Some((LogEnd::Whole, String::new()));
            return None;
        }
        let pad = if length < 0 { (length.cast_unsigned() >> LENGTH_BITS) & 7 } else { 0 };
        let bytes = usize::try_from(length.cast_unsigned() & ((1 << LENGTH_BITS) - 1)).unwrap_or(usize::MAX);
        if bytes > MOST {
            self.damaged(from, "a record of impossible length");
            return None;
        }
        let whole = 8 + bytes + usize::try_from(pad).unwrap_or_default();
        self.held.get(from..from + whole)?;
        let data = self.held.get(from + 8..from + 8 + bytes)?;
        let taken = Record::decode(data).map_err(|_| "a record that is none").and_then(|record| self.take(&record));
        match taken {
            Ok(()) => Some(whole),
            Err(_) if torn(self.offset + from as u64 + 8, self.held.get(from + 8..from + 8 + bytes)?) => {
                self.end = Some((LogEnd::Cut, String::new()));
                None
            }
            Err(why) => {
                self.damaged(from, why);
                None
            }
        }
    }

    fn damaged(&mut self, from: usize, why: &str) {
        let at = self.offset + from as u64;
        self.end = Some((LogEnd::Damaged, format!("its log has {why} at byte {at}, so etcd does not open it")));
    }

    fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        if record.kind == CRC {
            if self.begun && record.crc != self.sum {
                return Err("a wrong checksum");
            }
            (self.sum, self.begun) = (record.crc, true);
            return Ok(());
        }
        if !self.begun {
            return Err("no checksum to begin with");
        }
        let sum = crc32c::crc32c_append(self.sum, &record.data);
        if sum != record.crc {
            return Err("a wrong checksum");
        }
        self.sum = sum;
        let unread = |_| "a record that is not understood";
        let data = record.data.as_slice();
        match record.kind {
            ENTRY => {
                let Entry { term, index } = Entry::decode(data).map_err(unread)?;
                // A later leader's entries take the place of those that were never confirmed.
                self.last = Some(LogPosition { term: Wide(term), index: Wide(index) });
            }
            STATE => self.commit = Some(Wide(HardState::decode(data).map_err(unread)?.commit)),
            SNAPSHOT => {
                let Snapshot { index, term } = Snapshot::decode(data).map_err(unread)?;
                self.snapshot = Some(LogPosition { term: Wide(term), index: Wide(index) });
            }
            METADATA => {}
            _ => return Err("a record of an unknown kind"),
        }
        Ok(())
    }

    /// What it said, now that the file ended or enough was read.
    pub fn finish(self) -> Said {
        let (end, problem) = self.end.unwrap_or_else(|| match (self.held.is_empty(), self.begun) {
            (true, true) => (LogEnd::Whole, String::new()),
            (_, false) if self.held.is_empty() => (LogEnd::Damaged, "its log is empty".into()),
            _ => (LogEnd::Cut, String::new()),
        });
        // A snapshot that came from the leader is ahead of all entries.
        let last = match (self.last, self.snapshot) {
            (Some(last), Some(snapshot)) if snapshot.index > last.index => Some(snapshot),
            (None, Some(snapshot)) if snapshot.index > Wide(0) => Some(snapshot),
            (last, _) => last,
        };
        Said { last, commit: self.commit, end, problem }
    }
}

/// Whether a power cut can have left `data`, which begins at `offset` of its file: a sector of it was never written.
fn torn(offset: u64, data: &[u8]) -> bool {
    let mut rest = data;
    let mut at = offset;
    while !rest.is_empty() {
        let to_boundary = usize::try_from(SECTOR - at % SECTOR).unwrap_or(rest.len()).min(rest.len());
        let (sector, after) = rest.split_at(to_boundary);
        if sector.iter().all(|byte| *byte == 0) {
            return true;
        }
        (rest, at) = (after, at + to_boundary as u64);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(record: &Record) -> Vec<u8> {
        let data = record.encode_to_vec();
        let pad = (8 - data.len() % 8) % 8;
        let mut length = data.len() as u64;
        if pad > 0 {
            length |= (0x80 | pad as u64) << LENGTH_BITS;
        }
        [&length.to_le_bytes()[..], &data, &vec![0; pad]].concat()
    }

    /// A segment with these entries and a commit index.
    fn segment(entries: &[(u64, u64)], commit: u64) -> Vec<u8> {
        let mut sum = 77;
        let mut all = frame(&Record { kind: CRC, crc: sum, data: Vec::new() });
        let mut add = |kind, data: Vec<u8>| {
            sum = crc32c::crc32c_append(sum, &data);
            all.extend(frame(&Record { kind, crc: sum, data }));
        };
        add(METADATA, vec![1, 2, 3]);
        for (term, index) in entries {
            add(ENTRY, Entry { term: *term, index: *index }.encode_to_vec());
        }
        add(STATE, HardState { term: 9, commit }.encode_to_vec());
        all
    }

    fn read(bytes: &[u8], step: usize) -> Said {
        let mut segment = Segment::default();
        for part in bytes.chunks(step) {
            if !segment.feed(part) {
                break;
            }
        }
        segment.finish()
    }

    fn at(term: u64, index: u64) -> Option<LogPosition> {
        Some(LogPosition { term: Wide(term), index: Wide(index) })
    }

    #[test]
    fn the_last_entry_written_counts_and_zeros_end_it() {
        let mut bytes = segment(&[(2, 5), (2, 6), (3, 6)], 5);
        bytes.extend([0; 4096]);
        for step in [1, 7, 8, 1000, 1 << 20] {
            let said = read(&bytes, step);
            assert_eq!(
                (said.last, said.commit, said.end),
                (at(3, 6), Some(Wide(5)), LogEnd::Whole),
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_is_damage_and_a_sector_of_zeros_a_power_cut() {
        let good = segment(&[(2, 5)], 5);
        let mut flipped = good.clone();
        let last = flipped.len() - 12;
        flipped[last] ^= 1;
        let said = read(&flipped, 100);
        assert_eq!((said.end, said.last), (LogEnd::Damaged, at(2, 5)), "{said:?}");
        assert!(said.problem.contains("does not open"), "{}", said.problem);
        let data = vec![7; 2000];
        let record = Record { kind: METADATA, crc: crc32c::crc32c_append(77, &data), data };
        let mut torn = [frame(&Record { kind: CRC, crc: 77, data: vec![] }), frame(&record)].concat();
        torn[1024..1536].fill(0);
        assert_eq!(read(&torn, 100).end, LogEnd::Cut);
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_what_came_before_counts(cut in 0_usize..400, step in 1_usize..50) {
            let bytes = segment(&[(2, 5), (2, 6), (3, 7)], 6);
            let cut = cut.min(bytes.len());
            let said = read(&bytes[..cut], step);
            let whole = read(&bytes, step);
            prop_assert!(said.last <= whole.last);
            prop_assert!(said.end != LogEnd::Damaged || cut == 0, "{said:?}");
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), step in 1_usize..50) {
            let _ = read(&bytes, step);
        }
    }
}
