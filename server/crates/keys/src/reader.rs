//! Reading ranges from end to end at one revision: exports, comparisons, what a deletion keeps. Invariant: every answer is of
//! the revision of the first; where etcd has compacted that away the reading fails, because a file or a comparison of two
//! revisions is neither. Pages follow from the bytes of those before; a page that failed can be asked of another member.

use crate::{pager::is_too_much, visible::KeyRange};
use quorate_domain::keys::Key;
use quorate_etcd::{EtcdError, MemberClient, Range, RangeEnd, RangeReply};
use std::{collections::VecDeque, time::Duration};

/// What an answer should have at most.
const ANSWER_BYTES: usize = 4 << 20;
/// The first answer: of the largest values that etcd takes by default this is 24 MiB.
const FIRST: usize = 16;
/// Answers grow by no more than this, and to no more keys than that.
const GROWTH: usize = 8;
const MOST: usize = 10_000;
/// What an answer has for each key beside key and value.
const BESIDE: usize = 24;

/// A reading that is under way.
#[derive(Clone, Debug)]
pub struct Reader {
    ranges: VecDeque<KeyRange>,
    revision: i64,
    limit: usize,
    keys_only: bool,
}

impl Reader {
    /// Of `ranges`, at `revision`; without one, at that of the first answer.
    pub fn new(ranges: Vec<KeyRange>, revision: Option<u64>, keys_only: bool) -> Self {
        let revision = revision.map_or(0, |revision| i64::try_from(revision).unwrap_or(i64::MAX));
        Self { ranges: ranges.into(), revision, limit: FIRST, keys_only }
    }

    /// The revision that is read; 0 before the first answer.
    pub fn revision(&self) -> u64 {
        u64::try_from(self.revision).unwrap_or_default()
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Asks for the next page; [`Reader::took`] moves on. Nothing when all was read.
    ///
    /// # Errors
    /// [`EtcdError`]; dropping the future or asking another member again changes nothing.
    pub async fn ask(&self, client: &MemberClient, deadline: Duration) -> Result<RangeReply, EtcdError> {
        let Some((from, end)) = self.ranges.front() else { return Ok(RangeReply::default()) };
        let mut limit = self.limit;
        loop {
            let asked = Range {
                from: from.clone(),
                end: end.clone().map_or(RangeEnd::Last, RangeEnd::Before),
                limit: i64::try_from(limit).unwrap_or_default(),
                revision: self.revision,
                keys_only: self.keys_only,
                ..Range::default()
            };
            match client.range(&asked, deadline).await {
                Err(error) if limit > 1 && is_too_much(&error) => limit = (limit / GROWTH).max(1),
                answer => return answer,
            }
        }
    }

    /// Moves on behind a page.
    pub fn took(&mut self, reply: &RangeReply) {
        let Some((_, end)) = self.ranges.pop_front() else { return };
        if let (true, Some(last)) = (reply.more, reply.pairs.last()) {
            self.ranges.push_front((Key(last.key.clone()).next().0, end));
        }
        if self.revision == 0 {
            self.revision = reply.revision;
        }
        if !reply.pairs.is_empty() {
            let bytes: usize = reply.pairs.iter().map(|pair| pair.key.len() + pair.value.len() + BESIDE).sum();
            let fits = ANSWER_BYTES / (bytes / reply.pairs.len()).max(1);
            self.limit = fits.clamp(1, (self.limit * GROWTH).min(MOST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::Pair;

    fn reply(keys: &[&str], size: usize, more: bool) -> RangeReply {
        let pair = |key: &&str| Pair { key: key.as_bytes().to_vec(), value: vec![0; size], ..Pair::default() };
        let pairs = keys.iter().map(pair).collect();
        RangeReply { revision: 7, pairs, count: 9, more, ..RangeReply::default() }
    }

    #[test]
    fn a_reading_goes_on_behind_the_last_key_at_the_first_revision() {
        let mut reader = Reader::new(vec![(b"a".to_vec(), Some(b"b".to_vec())), (b"x".to_vec(), None)], None, false);
        reader.took(&reply(&["a1", "a2"], 1, true));
        assert_eq!(reader.ranges, [(b"a2\0".to_vec(), Some(b"b".to_vec())), (b"x".to_vec(), None)]);
        assert_eq!((reader.revision(), reader.limit), (7, FIRST * GROWTH));
        reader.took(&RangeReply { revision: 9, ..reply(&[], 0, false) });
        assert_eq!((reader.revision(), reader.is_done()), (7, false));
        reader.took(&reply(&["x"], 3 << 20, false));
        assert!(reader.is_done() && reader.limit == 1, "large values come one by one");
    }
}
