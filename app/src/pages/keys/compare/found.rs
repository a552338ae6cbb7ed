//! What a comparison asks for and found so far. Invariant: pure; both sides stay at the revisions of the first answer, and what is
//! counted is whole even where the list is cut.

use super::super::{export::typed_revision, new_key::typed_prefix};
use crate::format;
use quorate_domain::{
    ClusterId,
    keys::{ComparePage, CompareQuery, DifferenceKind, KeyDifference},
    problem::FieldError,
    wide::Wide,
};

/// Differences that the page remembers; more are only counted.
const REMEMBERED: usize = 5000;

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) only_here: u64,
    pub(super) only_there: u64,
    pub(super) differ: u64,
    pub(super) same: u64,
    pub(super) list: Vec<KeyDifference>,
    /// What was compared; its revisions are known once there was an answer.
    pub(super) query: CompareQuery,
    /// Nothing was left out at the end.
    pub(super) whole: bool,
}

impl Found {
    pub(super) fn take(&mut self, page: ComparePage) {
        for found in page.differences {
            let counted = match found.kind {
                DifferenceKind::OnlyHere => &mut self.only_here,
                DifferenceKind::OnlyThere => &mut self.only_there,
                DifferenceKind::Differs => &mut self.differ,
            };
            *counted += 1;
            if self.list.len() < REMEMBERED {
                self.list.push(found);
            }
        }
        self.same += page.same.0;
        self.query.revision = Some(page.revision);
        self.query.other_revision = Some(page.other_revision);
        self.whole = page.next.is_none();
        self.query.after = page.next;
    }

    pub(super) fn differences(&self) -> u64 {
        self.only_here + self.only_there + self.differ
    }

    pub(super) fn compared(&self) -> u64 {
        self.differences() + self.same
    }

    /// `3 only here · 1 only there · 2 differ · 900 the same`.
    pub(super) fn words(&self) -> String {
        let counts = [
            (self.only_here, "only here"),
            (self.only_there, "only there"),
            (self.differ, "differ"),
            (self.same, "the same"),
        ];
        counts.map(|(count, words)| format!("{} {words}", format::count(count))).join(" · ")
    }

    /// At which revisions.
    pub(super) fn at(&self) -> String {
        let revision = |revision: Option<Wide>| format::count(revision.unwrap_or_default().0);
        format!("here at rev {}, there at rev {}", revision(self.query.revision), revision(self.query.other_revision))
    }
}

/// What was typed, or all that is wrong with it. `there` is the cluster itself for two revisions of it.
pub(super) fn query(
    here: &ClusterId,
    there: &str,
    prefix: &str,
    revisions: (&str, &str),
) -> Result<CompareQuery, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let prefix = typed_prefix("prefix", prefix).map_err(|problem| wrong.extend(problem.fields)).unwrap_or_default();
    let mut at = |field: &str, text: &str| match typed_revision(text) {
        Ok(revision) => revision.map(Wide),
        Err(message) => {
            wrong.push(FieldError { field: field.into(), message });
            None
        }
    };
    let (revision, other_revision) = (at("revision", revisions.0), at("other_revision", revisions.1));
    let other = there.parse::<ClusterId>().ok().filter(|there| there != here);
    if wrong.is_empty() && other.is_none() && revision == other_revision {
        let message = "These are the same keys at the same time: give another revision, or choose another cluster";
        wrong.push(FieldError { field: "other_revision".into(), message: message.into() });
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(CompareQuery { prefix, revision, other, other_revision, ..CompareQuery::default() })
}

/// Sizes and revisions of both sides, as far as there are any.
pub(super) fn note(found: &KeyDifference) -> String {
    let sides = [("here", &found.here), ("there", &found.there)];
    let said = sides.into_iter().filter_map(|(place, meta)| {
        let meta = meta.as_ref()?;
        let size = meta.size.map_or_else(String::new, |size| format!("{}, ", format::bytes(size.0)));
        Some(format!("{place} {size}rev {}", format::count(meta.mod_revision.0)))
    });
    said.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::keys::Key;

    fn id(n: u8) -> ClusterId {
        ClusterId::from_random([n; 10])
    }

    fn differs(kind: DifferenceKind) -> KeyDifference {
        KeyDifference { key: Key::raw("a"), kind, here: Some(sample::key_meta()), there: None }
    }

    #[test]
    fn the_same_keys_at_the_same_time_are_not_compared() {
        let fields = |result: Result<CompareQuery, Vec<FieldError>>| {
            result.expect_err("wrong").into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        let this = id(1).to_string();
        assert_eq!(fields(query(&id(1), &this, "/a/", ("", ""))), ["other_revision"]);
        assert_eq!(fields(query(&id(1), &this, "\\q", ("x", "-1"))), ["prefix", "revision", "other_revision"]);
        let two = query(&id(1), &this, "/a/", ("", "7")).expect("two revisions");
        assert_eq!((two.other, two.revision, two.other_revision), (None, None, Some(Wide(7))));
        let other = query(&id(1), &id(2).to_string(), "", ("", "")).expect("two clusters");
        assert_eq!((other.other, other.prefix), (Some(id(2)), Key::default()));
    }

    #[test]
    fn all_is_counted_and_so_many_are_remembered() {
        let mut found = Found::default();
        let page = |next: Option<Key>| ComparePage {
            differences: vec![differs(DifferenceKind::OnlyHere); 3000],
            same: Wide(2),
            next,
            revision: Wide(9),
            other_revision: Wide(8),
        };
        found.take(page(Some(Key::raw("m"))));
        assert!(!found.whole && found.query.after == Some(Key::raw("m")));
        assert_eq!(
            (found.query.revision, found.query.other_revision),
            (Some(Wide(9)), Some(Wide(8))),
            "both stay there"
        );
        found.take(page(None));
        assert_eq!((found.list.len(), found.only_here, found.compared(), found.whole), (REMEMBERED, 6000, 6004, true));
        let words = found.words().replace('\u{202f}', " ");
        assert_eq!(words, "6 000 only here · 0 only there · 0 differ · 4 the same");
    }

    #[test]
    fn a_difference_says_what_is_known_of_each_side() {
        assert_eq!(note(&differs(DifferenceKind::OnlyHere)), "here 10 B, rev 5");
    }
}
