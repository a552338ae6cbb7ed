//! The folders and keys that were read so far, and the rows that they make. Invariant: pure; a row is a place in a level, so
//! that a hundred thousand of them are a list of numbers and only those in sight become text.

use quorate_domain::{
    Problem,
    keys::{Key, KeyEntry, KeyPage},
    wide::Wide,
};
use std::ops::Range;

/// How the reading of a level stands.
#[derive(Clone, Debug, PartialEq)]
enum Reading {
    Idle,
    Busy,
    Failed(String),
}

/// What lies below one prefix, as far as it was read.
#[derive(Clone, Debug, PartialEq)]
struct Level {
    prefix: Key,
    open: bool,
    entries: Vec<KeyEntry>,
    next: Option<Key>,
    revision: Option<Wide>,
    keys: Option<Wide>,
    reading: Reading,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    level: usize,
    /// None for the row that stands for what was not read yet.
    entry: Option<usize>,
    depth: usize,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A folder, and whether it is open.
    Folder(bool),
    /// A key.
    Key,
    /// More of a level is there.
    More,
    /// More is being read.
    Busy,
    /// It could not be read.
    Failed(String),
    /// A folder without keys.
    Nothing,
}

/// One row as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Its place among all rows.
    pub(super) index: usize,
    pub(super) what: What,
    /// The key; of a folder and of a row that stands for more, the prefix.
    pub(super) name: Key,
    /// The part of the name that its folder does not say.
    pub(super) label: String,
    /// 1 for the outermost.
    pub(super) depth: usize,
    /// Keys below a folder.
    pub(super) keys: Option<u64>,
    /// Bytes of the value.
    pub(super) size: Option<u64>,
    /// Words beside the name.
    pub(super) note: String,
    /// Its number among its neighbours, and how many they are if that is known.
    pub(super) position: (usize, Option<usize>),
}

impl Row {
    /// Whether it can be chosen or opened.
    pub(super) fn is_entry(&self) -> bool {
        matches!(self.what, What::Folder(_) | What::Key)
    }
}

/// What a keyboard wants of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    In,
    Out,
    Enter,
}

impl Move {
    /// Of a key of the keyboard.
    pub(super) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "ArrowUp" => Self::Up,
            "ArrowDown" => Self::Down,
            "PageUp" => Self::PageUp,
            "PageDown" => Self::PageDown,
            "Home" => Self::First,
            "End" => Self::Last,
            "ArrowRight" => Self::In,
            "ArrowLeft" => Self::Out,
            "Enter" | " " => Self::Enter,
            _ => return None,
        })
    }
}

/// What a move means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// To that row.
    To(usize),
    /// Open this folder.
    Open(Key),
    /// Close it.
    Close(Key),
    /// Show this key.
    Choose(Key),
    /// Nothing.
    Stay,
}

/// Rows that a page of the keyboard goes over.
const PAGE: usize = 12;

/// All that was read.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Tree {
    levels: Vec<Level>,
    rows: Vec<Spot>,
    /// Counts questions of other separators and orders, whose answers are of no use any more.
    generation: u32,
}

impl Tree {
    /// Begins with the outermost level.
    pub(super) fn of(page: KeyPage) -> Self {
        let mut tree = Self::default();
        tree.open(&Key::default());
        tree.put(&Key::default(), page, false);
        tree
    }

    /// Forgets all; what was open is opened again as it is read.
    pub(super) fn restart(&mut self) {
        let generation = self.generation + 1;
        *self = Self { generation, ..Self::default() };
    }

    /// The number that an answer must still find.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Opens a folder; true when it has to be read first.
    pub(super) fn open(&mut self, prefix: &Key) -> bool {
        let fresh = match self.level(prefix) {
            Some(level) => {
                level.open = true;
                false
            }
            None => {
                self.levels.push(Level {
                    prefix: prefix.clone(),
                    open: true,
                    entries: Vec::new(),
                    next: None,
                    revision: None,
                    keys: None,
                    reading: Reading::Busy,
                });
                true
            }
        };
        self.arrange();
        fresh
    }

    /// Closes a folder; what was read stays.
    pub(super) fn close(&mut self, prefix: &Key) {
        if let Some(level) = self.level(prefix) {
            level.open = false;
        }
        self.arrange();
    }

    /// Folders that are open, outermost first.
    pub(super) fn opened(&self) -> Vec<Key> {
        self.levels.iter().filter(|l| l.open && !l.prefix.is_empty()).map(|l| l.prefix.clone()).collect()
    }

    /// Prefixes of levels that were read and hold `key`.
    pub(super) fn around(&self, key: &Key) -> Vec<Key> {
        self.levels.iter().map(|l| &l.prefix).filter(|prefix| prefix.is_prefix_of(&key.0)).cloned().collect()
    }

    /// Where the next page of a level begins, and the revision that it belongs to; none when there is nothing to ask, or an
    /// answer is on its way.
    pub(super) fn ask_more(&mut self, prefix: &Key) -> Option<(Key, Option<Wide>)> {
        let level = self.level(prefix)?;
        if level.reading == Reading::Busy {
            return None;
        }
        let asked = (level.next.clone()?, level.revision);
        level.reading = Reading::Busy;
        Some(asked)
    }

    /// Takes a page in: after what is there, or instead of it.
    pub(super) fn put(&mut self, prefix: &Key, page: KeyPage, more: bool) {
        if let Some(level) = self.level(prefix) {
            if !more {
                level.entries.clear();
            }
            level.entries.extend(page.entries);
            level.next = page.next;
            level.revision = Some(page.revision);
            level.keys = page.keys.or(level.keys);
            level.reading = Reading::Idle;
        }
        self.arrange();
    }

    /// A page could not be read.
    pub(super) fn fail(&mut self, prefix: &Key, problem: &Problem) {
        if let Some(level) = self.level(prefix) {
            level.reading = Reading::Failed(problem.title.clone());
        }
        self.arrange();
    }

    /// Keys in all, where that is known.
    pub(super) fn keys(&self) -> Option<u64> {
        self.levels.iter().find(|l| l.prefix.is_empty()).and_then(|l| l.keys).map(|keys| keys.0)
    }

    /// What is known of a key that was read.
    pub(super) fn entry(&self, key: &Key) -> Option<&KeyEntry> {
        let entries = self.levels.iter().flat_map(|l| &l.entries);
        entries.into_iter().find(|entry| entry.name == *key && entry.meta.is_some())
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Some of the rows.
    pub(super) fn rows(&self, range: Range<usize>) -> Vec<Row> {
        range.filter_map(|index| self.row(index)).collect()
    }

    /// One row.
    pub(super) fn row(&self, index: usize) -> Option<Row> {
        let spot = self.rows.get(index)?;
        let level = self.levels.get(spot.level)?;
        let whole = level.next.is_none().then_some(level.entries.len());
        let Some(entry) = spot.entry.and_then(|entry| level.entries.get(entry)) else {
            let what = match &level.reading {
                Reading::Busy => What::Busy,
                Reading::Failed(why) => What::Failed(why.clone()),
                Reading::Idle if level.next.is_some() => What::More,
                Reading::Idle => What::Nothing,
            };
            return Some(Row {
                index,
                what,
                name: level.prefix.clone(),
                label: String::new(),
                depth: spot.depth,
                keys: None,
                size: None,
                note: String::new(),
                position: (level.entries.len() + 1, None),
            });
        };
        // A key that is spelt like its folder has nothing left: it is told by its whole name.
        let rest = entry.name.0.strip_prefix(level.prefix.as_bytes()).filter(|rest| !rest.is_empty());
        let rest = rest.unwrap_or(entry.name.as_bytes());
        let what = match entry.meta {
            Some(_) => What::Key,
            None => What::Folder(self.is_open(&entry.name)),
        };
        let meta = entry.meta.as_ref();
        Some(Row {
            index,
            what,
            name: entry.name.clone(),
            label: Key(rest.to_vec()).to_string(),
            depth: spot.depth,
            keys: entry.keys.map(|keys| keys.0),
            size: meta.and_then(|meta| meta.size).map(|size| size.0),
            note: if meta.is_some_and(|meta| meta.lease.is_some()) { "lease".to_owned() } else { String::new() },
            position: (spot.entry.unwrap_or_default() + 1, whole),
        })
    }

    /// What `wanted` means at row `at`.
    pub(super) fn step(&self, at: usize, wanted: Move) -> Step {
        let last = self.rows.len().saturating_sub(1);
        let Some(row) = self.row(at.min(last)) else { return Step::Stay };
        let at = row.index;
        match (wanted, row.what) {
            (Move::Up, _) => Step::To(at.saturating_sub(1)),
            (Move::Down, _) => Step::To((at + 1).min(last)),
            (Move::PageUp, _) => Step::To(at.saturating_sub(PAGE)),
            (Move::PageDown, _) => Step::To((at + PAGE).min(last)),
            (Move::First, _) => Step::To(0),
            (Move::Last, _) => Step::To(last),
            (Move::In, What::Folder(false)) | (Move::Enter, What::Folder(false)) => Step::Open(row.name),
            (Move::In, What::Folder(true)) => Step::To((at + 1).min(last)),
            (Move::Out | Move::Enter, What::Folder(true)) => Step::Close(row.name),
            (Move::Out, _) => self.parent(at).map_or(Step::Stay, Step::To),
            (Move::Enter | Move::In, What::Key) => Step::Choose(row.name),
            (Move::Enter | Move::In, _) => Step::Stay,
        }
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let depth = self.rows.get(at)?.depth;
        self.rows.get(..at)?.iter().rposition(|spot| spot.depth < depth)
    }

    fn is_open(&self, prefix: &Key) -> bool {
        self.levels.iter().any(|l| l.open && l.prefix == *prefix)
    }

    fn level(&mut self, prefix: &Key) -> Option<&mut Level> {
        self.levels.iter_mut().find(|l| l.prefix == *prefix)
    }

    /// Lays the rows out anew.
    fn arrange(&mut self) {
        let mut rows = Vec::with_capacity(self.rows.len());
        if let Some(root) = self.levels.iter().position(|l| l.prefix.is_empty()) {
            self.lay(root, 1, &mut rows);
        }
        self.rows = rows;
    }

    fn lay(&self, at: usize, depth: usize, rows: &mut Vec<Spot>) {
        let Some(level) = self.levels.get(at) else { return };
        for (number, entry) in level.entries.iter().enumerate() {
            rows.push(Spot { level: at, entry: Some(number), depth });
            // A folder's name is longer than its level's, so this ends.
            if entry.meta.is_none() && entry.name.0.len() > level.prefix.0.len() {
                let inner = self.levels.iter().position(|l| l.open && l.prefix == entry.name);
                if let Some(inner) = inner {
                    self.lay(inner, depth + 1, rows);
                }
            }
        }
        let more = level.next.is_some() || level.reading != Reading::Idle;
        if more || (level.entries.is_empty() && !level.prefix.is_empty()) {
            rows.push(Spot { level: at, entry: None, depth });
        }
    }
}

// Long enough for a file of their own.
#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
