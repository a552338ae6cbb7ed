//! Going through ranges of keys in answers of about one size. Invariant: the limit of each answer follows from the bytes of those
//! before, so that none is much larger than it should be; the next one begins right behind the last key. Who is asked, at which
//! revision and until when is up to whoever goes through them.

use crate::{
    error::EtcdError,
    kv::{Pair, RangeReply},
};
use quorate_domain::keys::Key;
use std::collections::VecDeque;

/// A range of keys: the first one, and the one before which it ends; no end means the last key there is.
pub type KeyRange = (Vec<u8>, Option<Vec<u8>>);

/// The first answer: of the largest values that etcd takes by default this is 24 MiB.
pub const FIRST: usize = 16;
/// What an answer has for each key beside key and value.
const BESIDE: usize = 24;
/// What was too large is asked for again with so many times fewer keys.
const SHRINKAGE: usize = 8;

/// How large answers should be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Bytes of one.
    pub bytes: usize,
    /// Answers grow by no more than this, …
    pub growth: usize,
    /// … and to no more keys than that.
    pub most: usize,
}

impl Size {
    /// How many keys the next answer may have, if they are like these of one that had a limit of `limit`.
    pub fn limit_after(&self, pairs: &[Pair], limit: usize) -> usize {
        if pairs.is_empty() {
            return limit;
        }
        let bytes: usize = pairs.iter().map(|pair| pair.key.len() + pair.value.len() + BESIDE).sum();
        let fits = self.bytes / (bytes / pairs.len()).max(1);
        fits.clamp(1, (limit * self.growth).min(self.most))
    }
}

/// Ranges that are being gone through.
#[derive(Clone, Debug)]
pub struct Stride {
    /// What is left of them.
    pub ranges: VecDeque<KeyRange>,
    /// Of the next answer.
    pub limit: usize,
    size: Size,
}

impl Stride {
    /// From the beginning of `ranges`.
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
        self.limit = self.size.limit_after(&reply.pairs, self.limit);
    }
}

/// The limit to ask again with after an answer that was too large; none when it was not that, or cannot be less.
pub fn less(limit: usize, error: &EtcdError) -> Option<usize> {
    (limit > 1 && is_too_much(error)).then(|| (limit / SHRINKAGE).max(1))
}

/// Whether the answer was larger than is taken (the words are tonic's).
fn is_too_much(error: &EtcdError) -> bool {
    error.is_too_large()
        || matches!(error, EtcdError::Refused { message, .. } if message.contains("message length too large"))
}
