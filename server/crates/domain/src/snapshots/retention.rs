//! Which snapshots of a schedule are kept. Invariant: pure; the newest good one and protected ones are always kept, and one that
//! any rule wants is kept. Periods are those of UTC, so that two consoles reckon the same.

use crate::{ids::SnapshotId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// How many are kept: by number, and of each period the newest, as far back as so many periods that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// The newest so many.
    pub last: u32,
    /// One an hour.
    pub hourly: u32,
    /// One a day.
    pub daily: u32,
    /// One a week, from Monday.
    pub weekly: u32,
    /// One a month.
    pub monthly: u32,
    /// None that is older than so many days, whatever the other rules want; no bound if none.
    pub max_age_days: Option<u32>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { last: 5, hourly: 24, daily: 7, weekly: 4, monthly: 6, max_age_days: None }
    }
}

/// What retention looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The snapshot.
    pub id: SnapshotId,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether it stays whatever the rules say.
    pub protected: bool,
}

const DAY: i64 = 86_400_000;
/// 1970-01-01 was a Thursday: three days after a Monday.
const MONDAY: i64 = 3 * DAY;

/// Which period a moment is in.
type Period = fn(Timestamp) -> i64;

impl Retention {
    /// Which of these good snapshots go at `now`; their order does not matter.
    pub fn drops(&self, snapshots: &[Kept], now: Timestamp) -> Vec<SnapshotId> {
        let mut newest: Vec<&Kept> = snapshots.iter().collect();
        newest.sort_by_key(|kept| std::cmp::Reverse((kept.at, kept.id.clone())));
        let mut wanted = vec![false; newest.len()];
        let rules: [(u32, Period); 5] = [
            (self.last, |at| at.0),
            (self.hourly, |at| at.0.div_euclid(3_600_000)),
            (self.daily, |at| at.0.div_euclid(DAY)),
            (self.weekly, |at| (at.0 + MONDAY).div_euclid(7 * DAY)),
            (self.monthly, month),
        ];
        for (many, period) in rules {
            let (mut left, mut before) = (many, None);
            for (kept, wanted) in newest.iter().zip(&mut wanted) {
                let of = period(kept.at);
                if left > 0 && before != Some(of) {
                    before = Some(of);
                    left -= 1;
                    *wanted = true;
                }
            }
        }
        let too_old =
            |at: Timestamp| self.max_age_days.is_some_and(|days| now.since(at) > u64::from(days) * DAY as u64);
        newest
            .iter()
            .zip(wanted)
            .enumerate()
            .filter(|(place, (kept, wanted))| *place > 0 && !kept.protected && (!wanted || too_old(kept.at)))
            .map(|(_, (kept, _))| kept.id.clone())
            .collect()
    }
}

/// Months since year 0.
fn month(at: Timestamp) -> i64 {
    let text = at.to_rfc3339();
    let mut parts = text.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
    parts.next().unwrap_or_default() * 12 + parts.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;
    /// 2026-11-23 00:00 UTC, a Monday.
    const START: i64 = 1_795_392_000_000;

    fn kept(number: u8, at: i64) -> Kept {
        Kept { id: SnapshotId::from_random([number; 10]), at: Timestamp(at), protected: false }
    }

    const NONE: Retention = Retention { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, max_age_days: None };

    fn left(rule: Retention, all: &[Kept], now: i64) -> Vec<usize> {
        let drops = rule.drops(all, Timestamp(now));
        (0..all.len()).filter(|i| !drops.contains(&all[*i].id)).collect()
    }

    #[test]
    fn the_newest_of_each_period_stays() {
        assert_eq!(Timestamp(START).to_utc_text(), "2026-11-23 00:00:00 UTC");
        // Every six hours for four days, oldest first.
        let all: Vec<Kept> = (0..16).map(|i| kept(i, START + i64::from(i) * 6 * HOUR)).collect();
        let now = START + 4 * DAY;
        assert_eq!(left(Retention { last: 3, ..NONE }, &all, now), [13, 14, 15]);
        assert_eq!(left(Retention { daily: 2, ..NONE }, &all, now), [11, 15]);
        assert_eq!(left(Retention { daily: 2, last: 2, ..NONE }, &all, now), [11, 14, 15]);
        assert_eq!(left(Retention { weekly: 5, ..NONE }, &all, now), [15]);
        assert_eq!(left(NONE, &all, now), [15], "the newest stays whatever the rules say");
        let aged = Retention { last: 16, max_age_days: Some(1), ..NONE };
        assert_eq!(left(aged, &all, now), [12, 13, 14, 15]);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let sunday = kept(1, START - HOUR);
        let monday = kept(2, START);
        let weekly = Retention { weekly: 2, ..NONE };
        assert_eq!(left(weekly, &[sunday.clone(), monday.clone()], START), [0, 1]);
        let october = kept(3, START - 30 * DAY);
        assert_eq!(left(Retention { monthly: 2, ..NONE }, &[sunday, monday, october], START), [1, 2]);
    }

    proptest! {
        #[test]
        fn protected_ones_and_the_newest_never_go_and_more_is_never_kept_less(
            times in proptest::collection::vec((0_i64..10_000, any::<bool>()), 1..40), last in 0_u32..5, daily in 0_u32..5,
        ) {
            let all: Vec<Kept> = times.iter().enumerate().map(|(i, (hours, protected))| Kept {
                protected: *protected, ..kept(u8::try_from(i).expect("few"), hours * HOUR)
            }).collect();
            let now = Timestamp(10_000 * HOUR);
            let few = Retention { last, daily, ..NONE };
            let drops = few.drops(&all, now);
            let newest = all.iter().max_by_key(|kept| (kept.at, kept.id.clone())).expect("one");
            prop_assert!(!drops.contains(&newest.id));
            prop_assert!(all.iter().all(|kept| !kept.protected || !drops.contains(&kept.id)));
            let more = Retention { last: last + 1, daily: daily + 1, ..NONE }.drops(&all, now);
            prop_assert!(more.iter().all(|id| drops.contains(id)));
        }
    }
}
