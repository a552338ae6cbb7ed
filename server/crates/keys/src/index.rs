//! The keys of a cluster in memory, without values: front-coded blocks in order. Invariant: blocks are never empty, keys
//! rise strictly from each to the next, and `len` is the sum of what the blocks hold; a change that was told before has no
//! effect, so a watch may tell its last revision again. How the index is filled and kept is `keeper`'s.

mod block;
mod changes;
mod child;
mod page;
mod search;
mod times;
mod walk;

pub(crate) use changes::KeyChange;
pub(crate) use child::{Child, child, skip_after};
pub(crate) use search::{Searching, Wanted, changed_note, hits_of, join};

use block::{Block, Keys, Meta};
use quorate_domain::{
    Timestamp,
    ids::LeaseId,
    keys::{Key, KeyMeta},
    wide::Wide,
};
use quorate_etcd::Pair;
use times::Times;
use walk::Walk;

/// How many keys a block has when it is made.
const BLOCK: usize = 256;
/// A block with more is split.
const BLOCK_MAX: usize = 512;
/// Bytes of keys that a block has at most, unless one key has more: a block is read whole.
const BLOCK_BYTES: usize = 1 << 20;
/// A block with fewer joins the one after it.
const BLOCK_MIN: usize = 64;
/// What the allocator keeps beside each piece of memory.
const ALLOCATION: usize = 16;

/// The keys of one cluster.
#[derive(Default)]
pub struct Index {
    blocks: Vec<Block>,
    len: usize,
    /// Bytes of all blocks.
    data: usize,
    /// Every change up to here is in it, and perhaps some of this revision.
    revision: u64,
    times: Times,
}

impl Index {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let heads = self.blocks.capacity() * size_of::<Block>();
        size_of::<Self>() + heads + self.data + self.blocks.len() * ALLOCATION + self.times.bytes()
    }

    /// The last revision of which it heard.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Since when it can say when keys changed.
    pub fn since(&self) -> Option<Timestamp> {
        self.times.since()
    }

    /// Says that what was listed is of `revision`, and that changes are heard of from `at` on.
    pub(crate) fn begin(&mut self, revision: u64, at: Timestamp) {
        self.revision = revision;
        self.times = Times::begin(revision, at);
    }

    /// Adds keys that come after all it has, in order; others of them are left out.
    pub(crate) fn append(&mut self, pairs: &[Pair]) {
        let mut open = Keys::default();
        if let Some(last) = self.blocks.pop_if(|last| last.count() < BLOCK) {
            self.forget(&last);
            last.decode(&mut open);
        } else if let Some(last) = self.blocks.last() {
            // Only the last key is needed, to hold the first new one against.
            last.decode(&mut open);
            let key = open.key(open.len() - 1).to_vec();
            let fresh = pairs.partition_point(|pair| pair.key <= key);
            open.clear();
            return self.append_after(open, &pairs[fresh..]);
        }
        self.append_after(open, pairs);
    }

    fn append_after(&mut self, mut open: Keys, pairs: &[Pair]) {
        for pair in pairs {
            if open.len() > 0 && open.key(open.len() - 1) >= pair.key.as_slice() {
                continue;
            }
            if open.len() == BLOCK || (open.len() > 0 && open.bytes() + pair.key.len() > BLOCK_BYTES) {
                self.push(&open);
                open.clear();
            }
            open.push(&pair.key, Meta::of(pair));
        }
        if open.len() > 0 {
            self.push(&open);
        }
    }

    fn push(&mut self, keys: &Keys) {
        let block = Block::encode(keys, 0..keys.len());
        self.remember(&block);
        self.blocks.push(block);
    }

    fn remember(&mut self, block: &Block) {
        self.len += block.count();
        self.data += block.bytes();
    }

    fn forget(&mut self, block: &Block) {
        self.len -= block.count();
        self.data -= block.bytes();
    }

    /// Notes how large the value of `key` was when it had this `mod_revision`; nothing if it has another by now.
    pub fn set_size(&mut self, key: &[u8], mod_revision: u64, size: u64) {
        self.set_sizes(&[(Key(key.to_vec()), mod_revision, size)]);
    }

    /// The first key and the last one, with what is known of them; none where there are no keys.
    pub(crate) fn ends(&self) -> Option<[(Key, KeyMeta); 2]> {
        let mut walk = Walk::new(self);
        let mut end = |seek: fn(&mut Walk<'_>)| {
            seek(&mut walk);
            walk.current().map(|(key, meta)| (Key(key.to_vec()), meta.known()))
        };
        let first = end(|walk| walk.seek(b""))?;
        let last = end(|walk| {
            walk.seek_end(None);
            walk.back();
        })?;
        Some([first, last])
    }

    /// What is known of a key; none where it is not there.
    pub fn get(&self, key: &[u8]) -> Option<KeyMeta> {
        let mut walk = Walk::new(self);
        walk.seek(key);
        let (found, meta) = walk.current()?;
        (found == key).then(|| self.meta(meta))
    }

    fn meta(&self, meta: Meta) -> KeyMeta {
        KeyMeta { changed_at: self.times.at(meta.mod_revision), ..meta.known() }
    }
}

impl Meta {
    fn of(pair: &Pair) -> Self {
        let number = |n: i64| u64::try_from(n).unwrap_or_default();
        Self {
            mod_revision: number(pair.mod_revision),
            create_revision: number(pair.create_revision),
            version: number(pair.version),
            lease: pair.lease.cast_unsigned(),
            size: None,
        }
    }

    fn known(self) -> KeyMeta {
        KeyMeta {
            create_revision: Wide(self.create_revision),
            mod_revision: Wide(self.mod_revision),
            version: Wide(self.version),
            lease: (self.lease != 0).then_some(LeaseId(self.lease)),
            size: self.size.map(Wide),
            changed_at: None,
        }
    }
}

/// What etcd says of a key that was read from it now; its size only where the value was asked for.
pub(crate) fn meta_of(pair: &Pair, with_value: bool) -> KeyMeta {
    meta_with(pair, with_value).known()
}

/// The same as the index keeps it.
pub(crate) fn meta_with(pair: &Pair, with_value: bool) -> Meta {
    Meta { size: with_value.then_some(pair.value.len() as u64), ..Meta::of(pair) }
}

#[cfg(test)]
mod tests;
