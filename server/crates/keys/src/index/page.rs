//! A page of the keys and folders below a prefix. Invariant: a page costs its entries and not the keys below them: a folder
//! is stepped over, and its keys are counted by blocks. What is not visible is neither shown nor counted.

use super::{Child, Index, child, skip_after, walk::Walk};
use crate::visible::{KeyRange, Visible, clip};
use quorate_domain::{
    keys::{Key, KeyEntry, KeyQuery, PAGE_MAX},
    wide::Wide,
};

/// A page being filled.
struct Page<'a> {
    index: &'a Index,
    query: &'a KeyQuery,
    ranges: &'a [KeyRange],
    walk: Walk<'a>,
    limit: usize,
    entries: Vec<KeyEntry>,
}

impl Index {
    /// The entries below the prefix, `after` of the next page, and how many visible keys there are below the prefix.
    pub fn page(&self, query: &KeyQuery, visible: &Visible) -> (Vec<KeyEntry>, Option<Key>, u64) {
        let ranges = visible.below(query.prefix.as_bytes());
        let all = ranges.iter().map(|(from, end)| self.count(from, end.as_deref())).sum();
        let limit = query.limit.clamp(1, PAGE_MAX) as usize;
        let mut page = Page { index: self, query, ranges: &ranges, walk: Walk::new(self), limit, entries: Vec::new() };
        let more = if query.descending { page.backwards() } else { page.forwards() };
        let next = if more { page.entries.last().map(|entry| entry.name.clone()) } else { None };
        (page.entries, next, all)
    }
}

impl Page<'_> {
    /// Fills the page; whether there is more.
    fn forwards(&mut self) -> bool {
        let KeyQuery { prefix, separator, after, .. } = self.query;
        let (prefix, separator) = (prefix.as_bytes(), separator.as_bytes());
        let mut from = match after.as_ref().map(|after| skip_after(after, prefix, separator)) {
            None => Vec::new(),
            Some(Some(from)) => from,
            Some(None) => return false,
        };
        for range in self.ranges {
            let Some((start, end)) = clip(range, &from, None) else { continue };
            self.walk.seek(&start);
            while let Some((key, meta)) = self.walk.current().filter(|(key, _)| inside(key, end.as_deref())) {
                if self.entries.len() == self.limit {
                    return true;
                }
                match child(key, prefix, separator) {
                    Child::Key => {
                        let meta = Some(self.index.meta(meta));
                        self.entries.push(KeyEntry { name: Key(key.to_vec()), meta, keys: None });
                        self.walk.step();
                    }
                    Child::Folder(name) => {
                        let name = Key(name.to_vec());
                        let Some(behind) = name.end() else {
                            self.folder(name);
                            return false;
                        };
                        let first = self.walk.place();
                        from = behind.0;
                        self.walk.seek(&from);
                        if inside(&from, end.as_deref()) {
                            // All of it is visible, and both its ends were just found.
                            let keys = Some(Wide(self.index.between(first, self.walk.place())));
                            self.entries.push(KeyEntry { name, meta: None, keys });
                        } else {
                            self.folder(name);
                        }
                    }
                }
            }
        }
        false
    }

    /// The same from the last name to the first.
    fn backwards(&mut self) -> bool {
        let KeyQuery { prefix, separator, after, .. } = self.query;
        // Whether it is a key or a folder: all before it begins before its name.
        let mut to = after.as_ref().map(|after| after.0.clone());
        for range in self.ranges.iter().rev() {
            while let Some((start, end)) = clip(range, &[], to.as_deref()) {
                self.walk.seek_end(end.as_deref());
                if !self.walk.back() {
                    return false;
                }
                let Some((key, meta)) = self.walk.current().filter(|(key, _)| *key >= start.as_slice()) else { break };
                if self.entries.len() == self.limit {
                    return true;
                }
                match child(key, prefix.as_bytes(), separator.as_bytes()) {
                    Child::Key => {
                        to = Some(key.to_vec());
                        let meta = Some(self.index.meta(meta));
                        self.entries.push(KeyEntry { name: Key(key.to_vec()), meta, keys: None });
                    }
                    Child::Folder(name) => {
                        to = Some(name.to_vec());
                        let name = Key(name.to_vec());
                        self.folder(name);
                    }
                }
            }
        }
        false
    }

    /// Adds a folder with what is visible of it.
    fn folder(&mut self, name: Key) {
        let end = name.end();
        let parts =
            self.ranges.iter().filter_map(|range| clip(range, name.as_bytes(), end.as_ref().map(Key::as_bytes)));
        let keys = parts.map(|(from, end)| self.index.count(&from, end.as_deref())).sum();
        self.entries.push(KeyEntry { name, meta: None, keys: Some(Wide(keys)) });
    }
}

fn inside(key: &[u8], end: Option<&[u8]>) -> bool {
    end.is_none_or(|end| key < end)
}
