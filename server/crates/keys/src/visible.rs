//! Which keys somebody may see, as ranges. Invariant: ranges are sorted, half-open, not empty, and neither overlap nor
//! touch; so what lies outside can never be reached by going through them. Where they come from (rules of the console,
//! etcd's own permissions) is `core::keys`'.

use quorate_domain::keys::Key;
use quorate_etcd::RangeEnd;
pub use quorate_etcd::stride::KeyRange;

/// The keys that may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    ranges: Vec<KeyRange>,
}

impl Visible {
    /// Every key.
    pub fn all() -> Self {
        Self { ranges: vec![(Vec::new(), None)] }
    }

    /// The keys below any of `prefixes`; without one, none.
    pub fn of_prefixes(prefixes: impl IntoIterator<Item = Key>) -> Self {
        Self::of(prefixes.into_iter().map(|prefix| {
            let end = prefix.end().map(|end| end.0);
            (prefix.0, end)
        }))
    }

    /// The keys in any of `ranges`, as etcd writes them.
    pub fn of_ranges(ranges: impl IntoIterator<Item = (Vec<u8>, RangeEnd)>) -> Self {
        Self::of(ranges.into_iter().map(|(from, end)| {
            let end = match end {
                RangeEnd::Single => Some(Key(from.clone()).next().0),
                RangeEnd::Before(end) => Some(end),
                RangeEnd::Last => None,
            };
            (from, end)
        }))
    }

    fn of(ranges: impl Iterator<Item = KeyRange>) -> Self {
        let mut ranges: Vec<KeyRange> =
            ranges.filter(|(from, end)| end.as_ref().is_none_or(|end| from < end)).collect();
        ranges.sort();
        let mut joined: Vec<KeyRange> = Vec::with_capacity(ranges.len());
        for (from, end) in ranges {
            match joined.last_mut() {
                Some((_, last)) if last.as_ref().is_none_or(|last| from <= *last) => *last = later(last.take(), end),
                _ => joined.push((from, end)),
            }
        }
        Self { ranges: joined }
    }

    /// The keys that are in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let both = self.ranges.iter().flat_map(|(from, end)| other.part(from, end.as_deref()));
        Self::of(both)
    }

    /// Whether that is every key.
    pub fn is_all(&self) -> bool {
        matches!(&self.ranges[..], [(from, None)] if from.is_empty())
    }

    /// Whether `key` may be seen.
    pub fn shows(&self, key: &[u8]) -> bool {
        let after = self.ranges.partition_point(|(from, _)| from.as_slice() <= key);
        after.checked_sub(1).is_some_and(|at| self.ranges[at].1.as_ref().is_none_or(|end| key < end.as_slice()))
    }

    /// The visible parts of the keys below `prefix`, in order; an end of none means the last key there is.
    pub fn below(&self, prefix: &[u8]) -> Vec<KeyRange> {
        let end = Key(prefix.to_vec()).end();
        self.part(prefix, end.as_ref().map(Key::as_bytes)).collect()
    }

    /// The visible parts of the keys below `prefix`, from `from` on.
    pub fn below_from(&self, prefix: &[u8], from: &[u8]) -> Vec<KeyRange> {
        self.below(prefix).iter().filter_map(|range| clip(range, from, None)).collect()
    }

    /// The visible parts of a range.
    pub(crate) fn part<'a>(&'a self, from: &'a [u8], end: Option<&'a [u8]>) -> impl Iterator<Item = KeyRange> + 'a {
        self.ranges.iter().filter_map(move |range| clip(range, from, end))
    }
}

/// The part of `range` that lies in `from..end`; none where it is empty.
pub(crate) fn clip(range: &KeyRange, from: &[u8], end: Option<&[u8]>) -> Option<KeyRange> {
    let from = range.0.as_slice().max(from);
    let end = match (range.1.as_deref(), end) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    end.is_none_or(|end| from < end).then(|| (from.to_vec(), end.map(<[u8]>::to_vec)))
}

fn later(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Option<Vec<u8>> {
    Some(one?.max(other?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn key() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(0), Just(b'a'), Just(b'b'), Just(255)], 0..4)
    }

    #[test]
    fn without_a_prefix_nothing_is_seen_and_with_an_empty_one_all() {
        assert!(Visible::of_prefixes([]).below(b"").is_empty());
        assert!(Visible::of_prefixes([Key::default()]).is_all() && Visible::all().is_all());
        assert!(!Visible::of_prefixes([Key::raw("/a/")]).is_all());
    }

    #[test]
    fn ranges_of_etcd_join_where_they_touch() {
        let seen = Visible::of_ranges([
            (b"b".to_vec(), RangeEnd::Before(b"d".to_vec())),
            (b"x".to_vec(), RangeEnd::Single),
            (b"a".to_vec(), RangeEnd::Before(b"b".to_vec())),
        ]);
        assert_eq!(seen.below(b""), [(b"a".to_vec(), Some(b"d".to_vec())), (b"x".to_vec(), Some(b"x\0".to_vec()))]);
        assert!(seen.shows(b"c") && seen.shows(b"x") && !seen.shows(b"d") && !seen.shows(b"x1"));
    }

    proptest! {
        #[test]
        fn a_key_is_seen_where_one_of_the_prefixes_is_its_own(prefixes in vec(key(), 0..5), others in vec(key(), 0..5), asked in key(), key in key()) {
            let below = |prefixes: &[Vec<u8>]| prefixes.iter().any(|prefix| key.starts_with(prefix));
            let one = Visible::of_prefixes(prefixes.iter().cloned().map(Key));
            let other = Visible::of_prefixes(others.iter().cloned().map(Key));
            prop_assert_eq!(one.shows(&key), below(&prefixes));
            prop_assert_eq!(one.intersect(&other).shows(&key), below(&prefixes) && below(&others));
            let parts = one.below(&asked);
            let inside = parts.iter().filter(|(from, end)| *from <= key && end.as_ref().is_none_or(|end| key < *end)).count();
            prop_assert_eq!(inside, usize::from(key.starts_with(&asked) && below(&prefixes)));
            prop_assert!(parts.windows(2).all(|pair| pair[0].1.as_ref().is_some_and(|end| *end < pair[1].0)));
        }
    }
}
