//! What a search found, and how that is told. Invariant: what was not looked at is never passed off as searched. Who asks,
//! and for how long, is the search's.

use crate::{
    format,
    pages::keys::tree::{Row, What},
};
use quorate_domain::keys::{Hit, Key};

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    pub(super) looked: u64,
    pub(super) of: Option<u64>,
    pub(super) read: u64,
    pub(super) note: String,
    pub(super) next: Option<Key>,
}

impl Found {
    /// `12 found · looked at 340 000 of 1 002 341`.
    pub(super) fn words(&self, busy: bool) -> String {
        let mut words = vec![format!("{} found", format::count(self.hits.len() as u64))];
        let all = !busy && self.next.is_none();
        words.push(match self.of {
            Some(of) if !all => format!("looked at {} of {}", format::count(self.looked), format::count(of)),
            _ => format!("looked at {}", format::count(self.looked)),
        });
        if self.read > 0 {
            words.push(format!("{} of values read", format::bytes(self.read)));
        }
        if !all && !busy {
            words.push("not finished".to_owned());
        }
        words.join(" · ")
    }

    /// The hits in `range` as rows.
    pub(super) fn rows(&self, range: std::ops::Range<usize>) -> Vec<Row> {
        let hits = self.hits.get(range.start..range.end.min(self.hits.len())).unwrap_or_default();
        let row = |(n, hit): (usize, &Hit)| Row {
            index: range.start + n,
            what: What::Key,
            name: hit.key.clone(),
            label: hit.key.to_string(),
            depth: 1,
            keys: None,
            size: hit.meta.size.map(|size| size.0),
            note: hit.excerpt.clone(),
            position: (range.start + n + 1, self.next.is_none().then_some(self.hits.len())),
        };
        hits.iter().enumerate().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_what_was_looked_at_and_whether_that_is_all() {
        let mut found = Found { looked: 340_000, of: Some(1_002_341), next: Some(Key::raw("m")), ..Found::default() };
        let said = |found: &Found, busy| found.words(busy).replace('\u{202f}', " ");
        assert_eq!(said(&found, true), "0 found · looked at 340 000 of 1 002 341");
        assert!(said(&found, false).ends_with(" · not finished"));
        found.next = None;
        found.read = 2048;
        assert_eq!(said(&found, false), "0 found · looked at 340 000 · 2 KiB of values read");
    }

    #[test]
    fn hits_are_rows_by_their_whole_names() {
        let hit = |name| Hit { key: Key::raw(name), meta: crate::sample::key_meta(), excerpt: "…x…".into() };
        let found = Found { hits: vec![hit("/a/b"), hit("/c")], ..Found::default() };
        let rows = found.rows(1..32);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].index, rows[0].label.as_str(), rows[0].position), (1, "/c", (2, Some(2))));
        assert!(found.rows(5..9).is_empty());
    }
}
