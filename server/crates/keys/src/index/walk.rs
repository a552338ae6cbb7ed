//! Going through the keys of an index. Invariant: a walk stands on a key, or behind the last one; it reads each block at
//! most once for neighbours, so that going on within a block costs a comparison.

use super::{
    Index,
    block::{Keys, Meta},
};

/// A place in an index: a block, and how many keys of it lie before. Behind the last key it is the number of blocks and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    block: usize,
    at: usize,
}

/// A walk.
pub struct Walk<'a> {
    index: &'a Index,
    place: Place,
    /// The block that was read last.
    keys: Keys,
    read: Option<usize>,
}

impl Index {
    /// The block that has `key`, or would have it.
    pub(super) fn block_of(&self, key: &[u8]) -> usize {
        self.blocks.partition_point(|block| block.first() <= key).saturating_sub(1)
    }

    /// How many keys lie in between; 0 when `to` lies before `from`.
    pub(super) fn between(&self, from: Place, to: Place) -> u64 {
        if to <= from {
            return 0;
        }
        let whole: usize = self.blocks[from.block..to.block].iter().map(super::Block::count).sum();
        (whole + to.at - from.at) as u64
    }

    /// How many keys there are from `from` on and before `end`.
    pub(super) fn count(&self, from: &[u8], end: Option<&[u8]>) -> u64 {
        let mut walk = Walk::new(self);
        walk.seek(from);
        let start = walk.place();
        walk.seek_end(end);
        self.between(start, walk.place())
    }
}

impl<'a> Walk<'a> {
    pub fn new(index: &'a Index) -> Self {
        Self { index, place: Place { block: 0, at: 0 }, keys: Keys::default(), read: None }
    }

    pub fn place(&self) -> Place {
        self.place
    }

    fn read(&mut self, block: usize) {
        if self.read != Some(block) && block < self.index.blocks.len() {
            self.keys.clear();
            self.index.blocks[block].decode(&mut self.keys);
            self.read = Some(block);
        }
    }

    /// Goes to the first key that is not before `key`.
    pub fn seek(&mut self, key: &[u8]) {
        let block = self.index.block_of(key);
        self.read(block);
        let at = if block < self.index.blocks.len() { self.keys.lower_bound(key) } else { 0 };
        self.stand(Place { block, at });
    }

    /// Goes to where a range ends.
    pub fn seek_end(&mut self, end: Option<&[u8]>) {
        match end {
            Some(end) => self.seek(end),
            None => self.place = Place { block: self.index.blocks.len(), at: 0 },
        }
    }

    /// Goes to the key before this place; false where there is none.
    pub fn back(&mut self) -> bool {
        let Place { block, at } = self.place;
        let before = match (block, at) {
            (0, 0) => return false,
            (block, 0) => Place { block: block - 1, at: self.index.blocks[block - 1].count() - 1 },
            (block, at) => Place { block, at: at - 1 },
        };
        self.read(before.block);
        self.place = before;
        true
    }

    /// Goes to the next key.
    pub fn step(&mut self) {
        self.stand(Place { at: self.place.at + 1, ..self.place });
    }

    fn stand(&mut self, place: Place) {
        self.place = place;
        if self.index.blocks.get(place.block).is_some_and(|block| place.at >= block.count()) {
            self.place = Place { block: place.block + 1, at: 0 };
        }
        self.read(self.place.block);
    }

    /// The key on which it stands.
    pub fn current(&self) -> Option<(&[u8], Meta)> {
        let Place { block, at } = self.place;
        (self.read == Some(block) && block < self.index.blocks.len()).then(|| (self.keys.key(at), self.keys.meta(at)))
    }
}
