//! Two clusters, or two revisions, side by side. Invariant: both sides are read at one revision each from the first answer to the
//! last; what is not visible on one side is not told of the other, because its absence would mean nothing; values are
//! compared here and leave the console in no form.

use super::{
    edit::{about, read::meta_of},
    export::prefix_of,
    unhurried,
    values::{masked_problem, missing},
};
use crate::{
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId,
    keys::{ComparePage, CompareQuery, CompareValueQuery, DifferenceKind, Key, KeyDifference, ValueDiff},
    wide::Wide,
};
use quorate_etcd::Pair;
use quorate_keys::{Reader, Visible, diff};
use std::{cmp::Ordering, collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How long etcd may take for one page.
const ANSWER: Duration = Duration::from_secs(20);
/// The most differences of one answer.
const DIFFERENCES: usize = 500;
/// Bytes that one answer reads, of both sides.
const BYTES: usize = 16 << 20;
/// How long one answer reads.
const SLICE: Duration = Duration::from_secs(3);

/// One side of a comparison.
struct Side<'a> {
    console: &'a Console,
    cluster: &'a ClusterId,
    prefix: &'a Key,
    visible: Visible,
    reader: Reader,
    pairs: VecDeque<Pair>,
    read: usize,
}

impl Side<'_> {
    /// Makes sure that the next pair is there, if there is one.
    async fn fill(&mut self) -> Result<(), CoreError> {
        while self.pairs.is_empty() && !self.reader.is_done() {
            let reader = &self.reader;
            let reply =
                self.console.ask_for_keys(self.cluster, async |client| reader.ask(&client, ANSWER).await).await?;
            self.reader.took(&reply);
            self.read += reply.pairs.iter().map(|pair| pair.key.len() + pair.value.len()).sum::<usize>();
            self.pairs.extend(reply.pairs);
        }
        Ok(())
    }

    /// What the next key has after the prefix.
    fn rest(&self) -> Option<&[u8]> {
        self.pairs.front().and_then(|pair| pair.key.get(self.prefix.0.len()..))
    }

    /// Whether the key with this rest could be seen here.
    fn shows(&self, rest: &[u8]) -> bool {
        self.visible.shows(&[self.prefix.as_bytes(), rest].concat())
    }
}

impl Console {
    /// Compares what lies below the permits' prefixes, a slice of it a call.
    ///
    /// # Errors
    /// `Conflict` for a compacted revision; `Unreachable`.
    pub async fn compare_keys(
        &self,
        here: &Permit<act::ReadValues>,
        there: &Permit<act::ReadValues>,
        query: &CompareQuery,
    ) -> Result<ComparePage, CoreError> {
        let cluster = prefix_of(here, &query.prefix)?;
        let (other, other_prefix) = query.there(cluster);
        if prefix_of(there, other_prefix)? != other {
            return Err(CoreError::internal("a permit for a cluster was asked for another one"));
        }
        let mut one = self.side(here, cluster, &query.prefix, query.revision, query).await?;
        let mut two = self.side(there, other, other_prefix, query.other_revision, query).await?;
        let end = Instant::now() + SLICE;
        let (mut differences, mut same, mut last) = (Vec::new(), 0, None::<Vec<u8>>);
        let next = loop {
            one.fill().await?;
            two.fill().await?;
            let Some((rest, order)) = nearest(one.rest(), two.rest()) else { break None };
            let full = differences.len() >= DIFFERENCES || one.read + two.read >= BYTES || end <= Instant::now();
            if let (true, Some(last)) = (full, &last) {
                break Some(Key(last.clone()));
            }
            let both_see = one.shows(&rest) && two.shows(&rest);
            let (here, there) = (
                if order == Ordering::Greater { None } else { one.pairs.pop_front() },
                if order == Ordering::Less { None } else { two.pairs.pop_front() },
            );
            match kind(here.as_ref(), there.as_ref()) {
                None => same += 1,
                Some(kind) if both_see => {
                    let (here, there) = (here.as_ref().map(meta_of), there.as_ref().map(meta_of));
                    differences.push(KeyDifference { key: Key(rest.clone()), kind, here, there });
                }
                Some(_) => {}
            }
            last = Some(rest);
        };
        let (revision, other_revision) = (Wide(one.reader.revision()), Wide(two.reader.revision()));
        Ok(ComparePage { differences, same: Wide(same), next, revision, other_revision })
    }

    /// How the values of a key differ on both sides; where it is not there, it counts as empty.
    ///
    /// # Errors
    /// `NotFound` when neither side has it; `Conflict` for a compacted revision; `Forbidden` when it is masked on one of them.
    pub async fn compare_values(
        &self,
        here: &Permit<act::ReadValues>,
        there: &Permit<act::ReadValues>,
        query: &CompareValueQuery,
    ) -> Result<ValueDiff, CoreError> {
        let (cluster, key) = about(here, &query.key)?;
        let (other, other_key) = about(there, query.there(cluster).1)?;
        if other != query.there(cluster).0 {
            return Err(CoreError::internal("a permit for a cluster was asked for another one"));
        }
        if self.masked(here, cluster, key, false).await? || self.masked(there, other, other_key, false).await? {
            return Err(masked_problem());
        }
        let (here, there) = tokio::try_join!(
            self.pair_at(cluster, key, query.revision),
            self.pair_at(other, other_key, query.other_revision)
        )?;
        let value = |pair: Option<Pair>| pair.map(|pair| pair.value);
        match (value(there.0), value(here.0)) {
            (None, None) => Err(missing(key, query.revision)),
            (there, here) => unhurried(move || diff(&there.unwrap_or_default(), &here.unwrap_or_default())).await,
        }
    }

    async fn side<'a>(
        &'a self,
        permit: &Permit<act::ReadValues>,
        cluster: &'a ClusterId,
        prefix: &'a Key,
        revision: Option<Wide>,
        query: &CompareQuery,
    ) -> Result<Side<'a>, CoreError> {
        let visible = self.visible(permit.actor(), cluster, Action::ReadValues).await?;
        let from = query.after.as_ref().map(|after| [prefix.as_bytes(), after.next().as_bytes()].concat());
        let ranges = visible.below_from(prefix.as_bytes(), &from.unwrap_or_default());
        let reader = Reader::new(ranges, revision.map(|revision| revision.0), false);
        Ok(Side { console: self, cluster, prefix, visible, reader, pairs: VecDeque::new(), read: 0 })
    }
}

/// The key that comes first on either side, and whether it is here (`Less`), there (`Greater`) or on both.
fn nearest(here: Option<&[u8]>, there: Option<&[u8]>) -> Option<(Vec<u8>, Ordering)> {
    match (here, there) {
        (None, None) => None,
        (Some(here), None) => Some((here.to_vec(), Ordering::Less)),
        (None, Some(there)) => Some((there.to_vec(), Ordering::Greater)),
        (Some(here), Some(there)) => Some((here.min(there).to_vec(), here.cmp(there))),
    }
}

fn kind(here: Option<&Pair>, there: Option<&Pair>) -> Option<DifferenceKind> {
    match (here, there) {
        (Some(here), Some(there)) => (here.value != there.value).then_some(DifferenceKind::Differs),
        (Some(_), None) => Some(DifferenceKind::OnlyHere),
        (None, _) => Some(DifferenceKind::OnlyThere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_keys_is_compared_first() {
        let nearest = |here: Option<&str>, there: Option<&str>| {
            nearest(here.map(str::as_bytes), there.map(str::as_bytes)).map(|(rest, order)| (rest.len(), order))
        };
        assert_eq!(nearest(Some("aa"), Some("b")), Some((2, Ordering::Less)));
        assert_eq!(nearest(Some("b"), Some("aa")), Some((2, Ordering::Greater)));
        assert_eq!(nearest(Some(""), Some("")), Some((0, Ordering::Equal)));
        assert_eq!(nearest(None, Some("x")), Some((1, Ordering::Greater)));
        assert_eq!(nearest(None, None), None);
    }

    #[test]
    fn what_was_written_anew_with_the_same_value_does_not_differ() {
        let pair = |value: &str, mod_revision| Pair { value: value.into(), mod_revision, ..Pair::default() };
        assert_eq!(kind(Some(&pair("a", 1)), Some(&pair("a", 2))), None);
        assert_eq!(kind(Some(&pair("a", 1)), Some(&pair("b", 1))), Some(DifferenceKind::Differs));
        assert_eq!(kind(Some(&pair("a", 1)), None), Some(DifferenceKind::OnlyHere));
        assert_eq!(kind(None, Some(&pair("a", 1))), Some(DifferenceKind::OnlyThere));
    }
}
