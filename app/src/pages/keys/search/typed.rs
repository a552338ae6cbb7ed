//! What was typed to search for, and the question that it makes. Invariant: what cannot be asked is told at its field
//! before anything is sent. The boxes that it is typed into are the search's.

use quorate_domain::{
    LeaseId, Problem, Timestamp,
    keys::{KeySearch, Match},
    wide::Wide,
};

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Typed {
    pub(super) pattern: String,
    pub(super) how: Match,
    pub(super) ignore_case: bool,
    pub(super) in_values: bool,
    /// Minutes; empty for ever.
    pub(super) changed: String,
    pub(super) lease: String,
    pub(super) least: String,
    pub(super) most: String,
}

impl Typed {
    /// Whether there is nothing to search for.
    pub(super) fn is_empty(&self) -> bool {
        let filters = [&self.changed, &self.lease, &self.least, &self.most];
        self.pattern.is_empty() && filters.iter().all(|text| text.trim().is_empty())
    }

    /// The question, or what is wrong with it.
    pub(super) fn search(&self, now: Timestamp) -> Result<KeySearch, Problem> {
        let size = |text: &str, field: &str| match text.trim() {
            "" => Ok(None),
            text => text
                .parse()
                .map(|bytes| Some(Wide(bytes)))
                .map_err(|_| Problem::field(field, "Give a number of bytes, as in 1024")),
        };
        let lease = match self.lease.trim() {
            "" => None,
            text => Some(text.parse::<LeaseId>().map_err(|_| {
                Problem::field("lease", "Give the lease's id in hexadecimal digits, as in 694d77aa9e38260f")
            })?),
        };
        let minutes = self.changed.parse::<i64>().ok();
        Ok(KeySearch {
            pattern: self.pattern.clone(),
            how: self.how,
            ignore_case: self.ignore_case,
            in_values: self.in_values,
            changed_since: minutes.map(|minutes| now.plus_millis(-minutes * 60_000)),
            lease,
            min_size: size(&self.least, "min_size")?,
            max_size: size(&self.most, "max_size")?,
            limit: 500,
            ..KeySearch::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_checked_before_it_is_asked() {
        let typed = Typed { pattern: "leader".into(), changed: "60".into(), least: "10".into(), ..Typed::default() };
        let search = typed.search(Timestamp(7_200_000)).expect("a search");
        assert_eq!(search.changed_since, Some(Timestamp(3_600_000)));
        assert_eq!((search.min_size, search.max_size), (Some(Wide(10)), None));
        let wrong = |typed: Typed| typed.search(Timestamp(0)).expect_err("wrong").fields[0].field.clone();
        assert_eq!(wrong(Typed { least: "1 MiB".into(), ..Typed::default() }), "min_size");
        assert_eq!(wrong(Typed { lease: "none".into(), ..Typed::default() }), "lease");
        assert!(Typed { lease: " ".into(), ..Typed::default() }.is_empty());
        assert!(!Typed { changed: "5".into(), ..Typed::default() }.is_empty(), "all that changed lately");
    }
}
