//! Going through ranges of keys in answers of about one size. Invariant: the limit of each answer follows from the bytes of those
//! before, so that none is much larger than it should be; the next one begins right behind the last key. Who is asked, at which
//! revision and until when is `reader`'s and `pager`'s.

use crate::visible::KeyRange;
use quorate_domain::keys::Key;
use quorate_etcd::{EtcdError, RangeReply};
use std::collections::VecDeque;

/// The first answer: of the largest values that etcd takes by default this is 24 MiB.
pub(crate) const FIRST: usize = 16;
/// What an answer has for each key beside key and value.
const BESIDE: usize = 24;
/// What was too large is asked for again with so many times fewer keys.
const SHRINKAGE: usize = 8;

/// How large answers should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Bytes of one.
    pub bytes: usize,
    /// Answers grow by no more than this, …
    pub growth: usize,
    /// … and to no more keys than that.
    pub most: usize,
}

/// Ranges that are being gone through.
#[derive(Clone, Debug)]
pub(crate) struct Stride {
    pub ranges: VecDeque<KeyRange>,
    pub limit: usize,
    size: Size,
}

impl Stride {
    pub fn new(ranges: VecDeque<KeyRange>, size: Size) -> Self {
        Self { ranges, limit: FIRST, size }
    }

    /// What is asked for next; none when all was read.
    pub fn next(&self) -> Option<&KeyRange> {
        self.ranges.front()
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Moves on behind an answer.
    pub fn took(&mut self, reply: &RangeReply) {
        let Some((_, end)) = self.ranges.pop_front() else { return };
        if let (true, Some(last)) = (reply.more, reply.pairs.last()) {
            self.ranges.push_front((Key(last.key.clone()).next().0, end));
        }
        if !reply.pairs.is_empty() {
            let bytes: usize = reply.pairs.iter().map(|pair| pair.key.len() + pair.value.len() + BESIDE).sum();
            let fits = self.size.bytes / (bytes / reply.pairs.len()).max(1);
            self.limit = fits.clamp(1, (self.limit * self.size.growth).min(self.size.most));
        }
    }
}

/// The limit to ask again with after an answer that was too large; none when it was not that, or cannot be less.
pub(crate) fn less(limit: usize, error: &EtcdError) -> Option<usize> {
    (limit > 1 && is_too_much(error)).then(|| (limit / SHRINKAGE).max(1))
}

/// Whether the answer was larger than is taken (the words are tonic's).
fn is_too_much(error: &EtcdError) -> bool {
    error.is_too_large()
        || matches!(error, EtcdError::Refused { message, .. } if message.contains("message length too large"))
}
