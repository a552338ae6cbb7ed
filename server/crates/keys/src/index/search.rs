//! Searching an index. Invariant: one question looks at keys in order and says where it stopped, so that the next one goes
//! on there; each looks at one block at least, so a search ends however often it is stopped.

use super::{BLOCK_MAX, Index, block::Meta, walk::Walk};
use crate::{
    matcher::Matcher,
    visible::{Visible, clip},
};
use quorate_domain::{
    Timestamp,
    keys::{Hit, Key, KeySearch, SearchPage},
    wide::Wide,
};

/// Hits of one answer where nothing is said.
const HITS: u32 = 100;
/// The most hits of one answer.
const HITS_MAX: u32 = 1000;

/// What is wanted of a key beside its name.
pub(crate) struct Wanted {
    lease: Option<u64>,
    /// Changed by this revision or a later one.
    changed: Option<u64>,
    sizes: Option<(u64, u64)>,
    /// Keys that may be meant, whose sizes are not known.
    unsized_keys: u64,
}

impl Wanted {
    /// Of a search; `changed` is the first revision that is wanted.
    pub fn new(search: &KeySearch, changed: Option<u64>) -> Self {
        let (least, most) = (search.min_size, search.max_size);
        let sizes = (least.is_some() || most.is_some())
            .then(|| (least.map_or(0, |size| size.0), most.map_or(u64::MAX, |size| size.0)));
        Self { lease: search.lease.map(|lease| lease.0), changed, sizes, unsized_keys: 0 }
    }

    /// Whether all but the name is as wanted.
    pub fn meta(&mut self, meta: Meta) -> bool {
        let as_told = self.lease.is_none_or(|lease| meta.lease == lease)
            && self.changed.is_none_or(|revision| meta.mod_revision >= revision);
        as_told
            && match (self.sizes, meta.size) {
                (None, _) => true,
                (Some((least, most)), Some(size)) => (least..=most).contains(&size),
                (Some(_), None) => {
                    self.unsized_keys += 1;
                    false
                }
            }
    }

    /// The sentence about sizes that are missing; empty for none.
    pub fn note(&self) -> String {
        match self.unsized_keys {
            0 => String::new(),
            1 => "The size of one key's value is not known; scan sizes to include it.".to_owned(),
            many => format!("The sizes of {many} keys' values are not known; scan sizes to include them."),
        }
    }
}

/// The most hits of an answer to `search`.
pub(crate) fn hits_of(search: &KeySearch) -> usize {
    (if search.limit == 0 { HITS } else { search.limit.min(HITS_MAX) }) as usize
}

impl Index {
    /// Looks for keys from `after` on until there are enough hits, `stop` says so (it is asked every few hundred keys), or
    /// all was looked at. Values are not looked at.
    pub fn search(
        &self,
        search: &KeySearch,
        matcher: &Matcher,
        visible: &Visible,
        stop: impl FnMut() -> bool,
    ) -> SearchPage {
        let mut searching = Searching::new(search);
        searching.go_on(self, matcher, visible, stop);
        searching.page()
    }
}

/// A search that is made in parts, between which the index may change.
pub(crate) struct Searching<'a> {
    search: &'a KeySearch,
    wanted: Wanted,
    /// After which key it goes on.
    after: Option<Key>,
    hits: Vec<Hit>,
    looked: u64,
    of: u64,
    since: Option<Timestamp>,
}

impl<'a> Searching<'a> {
    pub fn new(search: &'a KeySearch) -> Self {
        let after = search.after.clone();
        let wanted = Wanted::new(search, None);
        Self { search, wanted, after, hits: Vec::new(), looked: 0, of: 0, since: None }
    }

    /// Goes on until there are enough hits, `stop` says so, or all was looked at; whether there is no more to do.
    pub fn go_on(
        &mut self,
        index: &Index,
        matcher: &Matcher,
        visible: &Visible,
        mut stop: impl FnMut() -> bool,
    ) -> bool {
        self.wanted.changed = self.search.changed_since.map(|moment| index.times.first_at(moment).unwrap_or(u64::MAX));
        self.since = index.since();
        let ranges = visible.below(self.search.prefix.as_bytes());
        self.of = ranges.iter().map(|(from, end)| index.count(from, end.as_deref())).sum();
        let limit = hits_of(self.search);
        let start = self.after.take().map(|after| after.next().0).unwrap_or_default();
        let literal = Key(matcher.literal_prefix().to_vec());
        let literal_end = literal.end();
        let mut looked = 0_u64;
        let (mut walk, mut ending) = (Walk::new(index), Walk::new(index));
        for range in &ranges {
            let first = start.as_slice().max(literal.as_bytes());
            let Some((from, end)) = clip(range, first, literal_end.as_ref().map(Key::as_bytes)) else { continue };
            walk.seek(&from);
            ending.seek_end(end.as_deref());
            let to = ending.place();
            while let Some((key, meta)) = walk.current().filter(|_| walk.place() < to) {
                looked += 1;
                self.looked += 1;
                if matcher.key(key) && self.wanted.meta(meta) {
                    self.hits.push(Hit { key: Key(key.to_vec()), meta: index.meta(meta), excerpt: String::new() });
                }
                let enough = self.hits.len() >= limit;
                if enough || (looked.is_multiple_of(BLOCK_MAX as u64) && stop()) {
                    self.after = Some(Key(key.to_vec()));
                    return enough;
                }
                walk.step();
            }
        }
        true
    }

    /// What was found so far.
    pub fn page(self) -> SearchPage {
        let note = join([changed_note(self.search, self.since), self.wanted.note()]);
        let (looked, of) = (Wide(self.looked), Some(Wide(self.of)));
        SearchPage { hits: self.hits, next: self.after, looked, read: Wide(0), of, note }
    }
}

/// The sentence about changes that the console did not see; empty where it saw all that is asked for.
pub(crate) fn changed_note(search: &KeySearch, since: Option<Timestamp>) -> String {
    match (search.changed_since, since) {
        (None, _) => String::new(),
        (Some(_), None) => "When keys changed is not known here; only the index of keys knows it.".to_owned(),
        (Some(wanted), Some(since)) if wanted >= since => String::new(),
        (Some(_), Some(since)) => format!("Changes are known since {}.", since.to_utc_text()),
    }
}

/// Sentences as one text.
pub(crate) fn join(notes: [String; 2]) -> String {
    notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join(" ")
}
