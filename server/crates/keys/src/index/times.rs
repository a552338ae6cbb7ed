//! When revisions came. Invariant: marks rise in revision and time, and say of a revision the moment at which it was heard
//! of, at most a second late; there are at most `MARKS_MAX`, and old ones grow coarser before new ones do.

use quorate_domain::Timestamp;

/// At most so many marks are kept: about 300 KiB.
const MARKS_MAX: usize = 20_000;
/// What came within so many milliseconds shares a mark.
const APART: u64 = 1000;

/// Marks in time.
#[derive(Default)]
pub struct Times {
    since: Option<Timestamp>,
    /// What is not after it came before `since`.
    base: u64,
    /// Revisions up to the first of each, and after that of the mark before, came at this moment.
    marks: Vec<(u64, Timestamp)>,
}

impl Times {
    /// Begins at `since`, when `base` was the last revision.
    pub fn begin(base: u64, since: Timestamp) -> Self {
        Self { since: Some(since), base, marks: Vec::new() }
    }

    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// All revisions up to this one were heard of by now.
    pub fn heard(&mut self, revision: u64, at: Timestamp) {
        let (last, time) = self.marks.last().copied().unwrap_or((self.base, Timestamp(i64::MIN)));
        if revision <= last || self.since.is_none() {
            return;
        }
        match self.marks.last_mut() {
            Some(mark) if at.since(time) < APART => mark.0 = revision,
            _ => self.marks.push((revision, at)),
        }
        if self.marks.len() > MARKS_MAX {
            self.thin();
        }
    }

    /// Leaves every second mark of the older half out; the revisions of one that goes are then said to have come with the next.
    fn thin(&mut self) {
        let half = self.marks.len() / 2;
        let mut at = 0;
        self.marks.retain(|_| {
            at += 1;
            at > half || at % 2 == 0
        });
    }

    /// When a revision came.
    pub fn at(&self, revision: u64) -> Option<Timestamp> {
        if revision <= self.base {
            return None;
        }
        self.marks.get(self.marks.partition_point(|(last, _)| *last < revision)).map(|(_, at)| *at)
    }

    /// The first revision that came at `moment` or later, as far as that is known; none where nothing is known.
    pub fn first_at(&self, moment: Timestamp) -> Option<u64> {
        self.since?;
        let mark = self.marks.partition_point(|(_, at)| *at < moment);
        let last = mark.checked_sub(1).map_or(self.base, |before| self.marks[before].0);
        Some(last.saturating_add(1))
    }

    pub fn bytes(&self) -> usize {
        self.marks.capacity() * size_of::<(u64, Timestamp)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_has_the_moment_at_which_it_was_heard_of() {
        let mut times = Times::begin(10, Timestamp(0));
        times.heard(12, Timestamp(5000));
        times.heard(13, Timestamp(5500));
        times.heard(20, Timestamp(9000));
        assert_eq!(
            [10, 11, 13, 14, 20, 21].map(|r| times.at(r).map(|at| at.0)),
            [None, Some(5000), Some(5000), Some(9000), Some(9000), None]
        );
        assert_eq!([0, 5000, 5001, 9001].map(|at| times.first_at(Timestamp(at))), [11, 11, 14, 21].map(Some));
        assert_eq!(Times::default().first_at(Timestamp(0)), None);
    }

    #[test]
    fn marks_stay_few_and_old_ones_grow_coarser() {
        let mut times = Times::begin(0, Timestamp(0));
        for second in 1..100_000_u32 {
            times.heard(u64::from(second), Timestamp(i64::from(second) * 1000));
        }
        assert!(times.marks.len() <= MARKS_MAX && times.marks.is_sorted());
        assert_eq!(times.at(99_999), Some(Timestamp(99_999_000)));
        assert!(times.at(1).is_some_and(|at| at.0 >= 1000));
    }
}
