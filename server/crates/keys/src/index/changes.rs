//! Changes to an index. Invariant: each block is read and written at most once for a batch that hits it; a key only ever
//! goes to a newer revision, and what is told of a revision before the index's own was applied before.

use super::{
    BLOCK, BLOCK_BYTES, BLOCK_MAX, BLOCK_MIN, Index,
    block::{Block, Keys, Meta},
    meta_with,
};
use quorate_domain::{Timestamp, keys::Key};
use quorate_etcd::Heard;

/// A change without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyChange {
    pub key: Vec<u8>,
    revision: u64,
    /// What the key is now; none when it is gone.
    now: Option<Meta>,
}

impl KeyChange {
    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.key.capacity() + super::ALLOCATION
    }
}

impl From<&Heard> for KeyChange {
    fn from(heard: &Heard) -> Self {
        let meta = meta_with(&heard.pair, true);
        let now = (!heard.deleted).then_some(meta);
        Self { key: heard.pair.key.clone(), revision: meta.mod_revision, now }
    }
}

impl Index {
    /// Takes over what a watch told, of which it heard at `at`.
    pub fn apply(&mut self, heard: &[Heard], at: Timestamp) {
        self.change(heard.iter().map(KeyChange::from).collect(), at);
    }

    /// The same without values; `changes` are in the order of their revisions.
    pub(crate) fn change(&mut self, mut changes: Vec<KeyChange>, at: Timestamp) {
        let Some(last) = changes.last().map(|change| change.revision) else { return };
        changes.retain(|change| change.revision >= self.revision);
        // Stable, so that of several changes of a key the last one stays the last.
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        self.rewrite(
            &changes,
            |change| &change.key,
            |old, change| match old {
                Some(old) if old.mod_revision >= change.revision => Some(old),
                _ => change.now,
            },
        );
        self.revision = self.revision.max(last);
        self.times.heard(last, at);
    }

    /// Notes sizes of values, each with the `mod_revision` that it is of; in the order of keys.
    pub(crate) fn set_sizes(&mut self, sizes: &[(Key, u64, u64)]) {
        self.rewrite(
            sizes,
            |(key, ..)| key.as_bytes(),
            |old, (_, mod_revision, size)| {
                let old = old?;
                Some(if old.mod_revision == *mod_revision { Meta { size: Some(*size), ..old } } else { old })
            },
        );
    }

    /// Goes through `changes`, which are in the order of keys, block by block.
    fn rewrite<C>(&mut self, changes: &[C], key: impl Fn(&C) -> &[u8], now: impl Fn(Option<Meta>, &C) -> Option<Meta>) {
        let (mut old, mut new) = (Keys::default(), Keys::default());
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let block = self.block_of(key(first));
            let mine = match self.blocks.get(block + 1) {
                Some(next) => rest.partition_point(|change| key(change) < next.first()),
                None => rest.len(),
            };
            let (mine, others) = rest.split_at(mine);
            rest = others;
            old.clear();
            new.clear();
            if let Some(block) = self.blocks.get(block) {
                block.decode(&mut old);
            }
            if merge(&old, mine, &key, &now, &mut new) {
                self.replace(block, &mut new);
            }
        }
    }

    /// Puts `keys` in the place of a block.
    fn replace(&mut self, block: usize, keys: &mut Keys) {
        let mut to = (block + 1).min(self.blocks.len());
        // A small block joins its neighbour, so that blocks stay few where keys go.
        if keys.len() < BLOCK_MIN
            && let Some(next) = self.blocks.get(to)
        {
            next.decode(keys);
            to += 1;
        }
        let parts = keys.parts(if keys.len() <= BLOCK_MAX { BLOCK_MAX } else { BLOCK }, BLOCK_BYTES);
        let new: Vec<Block> = parts.into_iter().map(|part| Block::encode(keys, part)).collect();
        new.iter().for_each(|block| self.remember(block));
        let gone: Vec<Block> = self.blocks.splice(block..to, new).collect();
        gone.iter().for_each(|block| self.forget(block));
    }
}

/// Writes into `new` what becomes of `old`; whether anything does.
fn merge<C>(
    old: &Keys,
    changes: &[C],
    key: impl Fn(&C) -> &[u8],
    now: impl Fn(Option<Meta>, &C) -> Option<Meta>,
    new: &mut Keys,
) -> bool {
    let (mut at, mut changed) = (0, false);
    for same in changes.chunk_by(|a, b| key(a) == key(b)) {
        let key = key(&same[0]);
        while at < old.len() && old.key(at) < key {
            new.push(old.key(at), old.meta(at));
            at += 1;
        }
        let before = (at < old.len() && old.key(at) == key).then(|| old.meta(at));
        at += usize::from(before.is_some());
        let after = same.iter().fold(before, &now);
        if let Some(meta) = after {
            new.push(key, meta);
        }
        changed |= before != after;
    }
    for at in at..old.len() {
        new.push(old.key(at), old.meta(at));
    }
    changed
}
