//! Reading ranges from end to end at one revision: exports, comparisons, what a deletion keeps. Invariant: every answer is of
//! the revision of the first; where etcd has compacted that away the reading fails, because a file or a comparison of two
//! revisions is neither. Pages follow from the bytes of those before; a page that failed can be asked of another member.

use quorate_etcd::{
    EtcdError, MemberClient, Range, RangeEnd, RangeReply,
    stride::{KeyRange, Size, Stride, less},
};
use std::time::Duration;

/// Answers with values.
const SIZE: Size = Size { bytes: 4 << 20, growth: 8, most: 10_000 };

/// A reading that is under way.
#[derive(Clone, Debug)]
pub struct Reader {
    stride: Stride,
    revision: i64,
    keys_only: bool,
}

impl Reader {
    /// Of `ranges`, at `revision`; without one, at that of the first answer.
    pub fn new(ranges: Vec<KeyRange>, revision: Option<u64>, keys_only: bool) -> Self {
        let revision = revision.map_or(0, |revision| i64::try_from(revision).unwrap_or(i64::MAX));
        Self { stride: Stride::new(ranges.into(), SIZE), revision, keys_only }
    }

    /// The revision that is read; 0 before the first answer.
    pub fn revision(&self) -> u64 {
        u64::try_from(self.revision).unwrap_or_default()
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.stride.is_done()
    }

    /// Asks for the next page; [`Reader::took`] moves on. Nothing when all was read.
    ///
    /// # Errors
    /// [`EtcdError`]; dropping the future or asking another member again changes nothing.
    pub async fn ask(&self, client: &MemberClient, deadline: Duration) -> Result<RangeReply, EtcdError> {
        let Some((from, end)) = self.stride.next() else { return Ok(RangeReply::default()) };
        let mut limit = self.stride.limit;
        loop {
            let asked = Range {
                from: from.clone(),
                end: end.clone().map_or(RangeEnd::Last, RangeEnd::Before),
                limit: i64::try_from(limit).unwrap_or_default(),
                revision: self.revision,
                keys_only: self.keys_only,
                ..Range::default()
            };
            let answer = client.range(&asked, deadline).await;
            match answer.as_ref().err().and_then(|error| less(limit, error)) {
                Some(fewer) => limit = fewer,
                None => return answer,
            }
        }
    }

    /// Moves on behind a page.
    pub fn took(&mut self, reply: &RangeReply) {
        self.stride.took(reply);
        if self.revision == 0 {
            self.revision = reply.revision;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::{Pair, stride::FIRST};

    fn reply(keys: &[&str], size: usize, more: bool) -> RangeReply {
        let pair = |key: &&str| Pair { key: key.as_bytes().to_vec(), value: vec![0; size], ..Pair::default() };
        let pairs = keys.iter().map(pair).collect();
        RangeReply { revision: 7, pairs, count: 9, more, ..RangeReply::default() }
    }

    #[test]
    fn a_reading_goes_on_behind_the_last_key_at_the_first_revision() {
        let mut reader = Reader::new(vec![(b"a".to_vec(), Some(b"b".to_vec())), (b"x".to_vec(), None)], None, false);
        reader.took(&reply(&["a1", "a2"], 1, true));
        assert_eq!(reader.stride.ranges, [(b"a2\0".to_vec(), Some(b"b".to_vec())), (b"x".to_vec(), None)]);
        assert_eq!((reader.revision(), reader.stride.limit), (7, FIRST * SIZE.growth));
        reader.took(&RangeReply { revision: 9, ..reply(&[], 0, false) });
        assert_eq!((reader.revision(), reader.is_done()), (7, false));
        reader.took(&reply(&["x"], 3 << 20, false));
        assert!(reader.is_done() && reader.stride.limit == 1, "large values come one by one");
    }
}
