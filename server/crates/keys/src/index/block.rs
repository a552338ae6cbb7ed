//! Some hundred keys in a row, as bytes. Invariant: a block is written once and read whole; reading gives back exactly
//! what was written. A key is written as what it shares with the one before it and what comes after that; numbers are
//! varints, and the revision that made a key is written as its distance from the one that changed it.

use prost::encoding::{decode_varint, encode_varint};
use std::ops::Range;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Meta {
    pub mod_revision: u64,
    pub create_revision: u64,
    pub version: u64,
    /// 0 for none.
    pub lease: u64,
    /// Bytes of its value, where they are known.
    pub size: Option<u64>,
}

/// The bytes of a block.
pub struct Block {
    data: Box<[u8]>,
    count: usize,
}

/// A block that was read: keys lie end to end.
#[derive(Default)]
pub struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    metas: Vec<Meta>,
}

impl Keys {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all keys.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Parts of about as many keys each, of at most `count` keys and `bytes` bytes; one key can have more.
    pub fn parts(&self, count: usize, bytes: usize) -> Vec<Range<usize>> {
        let pieces = self.len().div_ceil(count.max(1));
        let mut parts = Vec::with_capacity(pieces);
        for piece in 0..pieces {
            let (mut from, to) = (self.len() * piece / pieces, self.len() * (piece + 1) / pieces);
            for at in from..to {
                if at > from && self.ends[at] - self.start(from) > bytes {
                    parts.push(from..at);
                    from = at;
                }
            }
            parts.push(from..to);
        }
        parts
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.metas.clear();
    }

    pub fn push(&mut self, key: &[u8], meta: Meta) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.metas.push(meta);
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    pub fn key(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at]]
    }

    pub fn meta(&self, at: usize) -> Meta {
        self.metas[at]
    }

    /// Where the first key is that is not before `key`; `len` where there is none.
    pub fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.key(middle) < key { from = middle + 1 } else { to = middle }
        }
        from
    }
}

impl Block {
    /// Writes a part of `keys`.
    pub fn encode(keys: &Keys, part: Range<usize>) -> Self {
        let mut data = Vec::with_capacity(part.len() * 32);
        let mut before: &[u8] = &[];
        for at in part.clone() {
            let (key, meta) = (keys.key(at), keys.meta(at));
            let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
            encode_varint(shared as u64, &mut data);
            encode_varint((key.len() - shared) as u64, &mut data);
            data.extend_from_slice(&key[shared..]);
            encode_varint(meta.mod_revision, &mut data);
            encode_varint(meta.mod_revision.wrapping_sub(meta.create_revision), &mut data);
            encode_varint(meta.version, &mut data);
            encode_varint(meta.lease, &mut data);
            encode_varint(meta.size.map_or(0, |size| size.saturating_add(1)), &mut data);
            before = key;
        }
        Self { data: data.into_boxed_slice(), count: part.len() }
    }

    /// Reads all of it into `keys`, behind what is there.
    pub fn decode(&self, keys: &mut Keys) {
        let mut data = &*self.data;
        let mut before = keys.bytes.len();
        for _ in 0..self.count {
            let (shared, rest) = (length(&mut data), length(&mut data));
            let start = keys.bytes.len();
            keys.bytes.extend_from_within(before..before + shared);
            let (suffix, after) = data.split_at(rest);
            keys.bytes.extend_from_slice(suffix);
            data = after;
            keys.ends.push(keys.bytes.len());
            let mod_revision = number(&mut data);
            keys.metas.push(Meta {
                mod_revision,
                create_revision: mod_revision.wrapping_sub(number(&mut data)),
                version: number(&mut data),
                lease: number(&mut data),
                size: number(&mut data).checked_sub(1),
            });
            before = start;
        }
    }

    /// Its first key, which shares nothing with another.
    pub fn first(&self) -> &[u8] {
        let mut data = &*self.data;
        let _shared = length(&mut data);
        let rest = length(&mut data);
        &data[..rest]
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn bytes(&self) -> usize {
        self.data.len()
    }
}

/// A number that [`Block::encode`] wrote.
fn number(data: &mut &[u8]) -> u64 {
    decode_varint(data).unwrap_or_default()
}

fn length(data: &mut &[u8]) -> usize {
    usize::try_from(number(data)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, collection::vec, prelude::*};

    fn meta() -> impl Strategy<Value = Meta> {
        let number = || prop_oneof![0..1000_u64, any::<u64>()];
        let size = proptest::option::of(prop_oneof![Just(0), 0..u64::MAX]);
        (number(), number(), number(), number(), size).prop_map(
            |(mod_revision, create_revision, version, lease, size)| Meta {
                mod_revision,
                create_revision,
                version,
                lease,
                size,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(written in btree_map(vec(0..4_u8, 0..6), meta(), 1..40)) {
            let mut keys = Keys::default();
            written.iter().for_each(|(key, meta)| keys.push(key, *meta));
            let block = Block::encode(&keys, 0..keys.len());
            let mut read = Keys::default();
            block.decode(&mut read);
            let again: Vec<(Vec<u8>, Meta)> = (0..read.len()).map(|at| (read.key(at).to_vec(), read.meta(at))).collect();
            prop_assert_eq!(block.first(), keys.key(0));
            prop_assert_eq!(again, written.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn parts_lie_end_to_end_and_none_is_too_large(lengths in vec(0..9_usize, 0..60), count in 1..9_usize, bytes in 1..20_usize) {
            let mut keys = Keys::default();
            lengths.iter().for_each(|length| keys.push(&vec![b'k'; *length], Meta::default()));
            let parts = keys.parts(count, bytes);
            let all: Vec<usize> = parts.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..keys.len()).collect::<Vec<_>>());
            for part in parts {
                let size: usize = lengths[part.clone()].iter().sum();
                prop_assert!((1..=count).contains(&part.len()) && (size <= bytes || part.len() == 1));
            }
        }

        #[test]
        fn the_lower_bound_is_the_first_that_is_not_before(written in btree_map(vec(0..4_u8, 0..4), Just(Meta::default()), 0..20), asked in vec(0..4_u8, 0..4)) {
            let mut keys = Keys::default();
            written.iter().for_each(|(key, meta)| keys.push(key, *meta));
            prop_assert_eq!(keys.lower_bound(&asked), written.keys().filter(|key| **key < asked).count());
        }
    }
}
