//! How far a restore raises revisions. Invariant: pure; the answer is never less than what the console saw written since the
//! snapshot, because a revision that clients have seen must not come again with another content.

use crate::{time::Timestamp, wide::Wide};

/// At least so many: they cost nothing, and what nobody saw written in a minute is less.
const LEAST: u64 = 1_000_000;
/// Where nothing is known of the cluster since the snapshot: a week at 1500 writes a second (OpenShift's number).
const UNKNOWN: u64 = 1_000_000_000;

/// By how many revisions to raise a cluster that is restored at `now` from a snapshot of `revision`, by what was seen of its
/// revision over time (`marks`, oldest first): what was written since, with a fifth more, for the time after the newest mark
/// at the fastest pace that was ever seen.
pub fn reckon_bump(marks: &[(Timestamp, Wide)], revision: Wide, now: Timestamp) -> Wide {
    // A restore that raised revisions less, or another cluster's history, leaves marks that go down: only what came after counts.
    let begins = marks.windows(2).rposition(|pair| pair[1].1 < pair[0].1).map_or(0, |at| at + 1);
    let marks = marks.get(begins..).unwrap_or_default();
    let Some((at, newest)) = marks.last() else { return Wide(UNKNOWN) };
    let Some(seen) = newest.0.checked_sub(revision.0) else { return Wide(UNKNOWN) };
    let unseen = u128::from(now.since(*at)) * pace(marks) / 60_000;
    let written = u128::from(seen) + unseen;
    let with_slack = u64::try_from(written + written / 5).unwrap_or(u64::MAX);
    Wide(with_slack.clamp(LEAST, i64::MAX.unsigned_abs() / 2))
}

/// The most revisions in a minute between two marks.
fn pace(marks: &[(Timestamp, Wide)]) -> u128 {
    let between = |pair: &[(Timestamp, Wide)]| {
        let millis = u128::from(pair[1].0.since(pair[0].0).max(1));
        (u128::from(pair[1].1.0.saturating_sub(pair[0].1.0)) * 60_000).div_ceil(millis)
    };
    marks.windows(2).map(between).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000;

    fn marks(all: &[(i64, u64)]) -> Vec<(Timestamp, Wide)> {
        all.iter().map(|(minute, revision)| (Timestamp(minute * MINUTE), Wide(*revision))).collect()
    }

    #[test]
    fn what_was_seen_counts_with_a_fifth_more_and_the_unseen_minutes_at_the_fastest_pace() {
        let all = marks(&[(0, 1000), (1, 10_001_000), (2, 10_002_000)]);
        // Seen 10 001 000; ten minutes unseen at 10 000 000 a minute.
        let bump = reckon_bump(&all, Wide(1000), Timestamp(12 * MINUTE));
        assert_eq!(bump, Wide((10_001_000 + 100_000_000) * 6 / 5));
        assert_eq!(reckon_bump(&all, Wide(1000), Timestamp(2 * MINUTE)), Wide(10_001_000 * 6 / 5));
    }

    #[test]
    fn a_quiet_cluster_is_raised_a_little_and_an_unknown_one_much() {
        let quiet = marks(&[(0, 50), (5, 50), (10, 51)]);
        assert_eq!(reckon_bump(&quiet, Wide(50), Timestamp(10 * MINUTE)), Wide(LEAST));
        assert_eq!(reckon_bump(&[], Wide(50), Timestamp(0)), Wide(UNKNOWN));
        assert_eq!(reckon_bump(&quiet, Wide(900), Timestamp(10 * MINUTE)), Wide(UNKNOWN), "not of this history");
    }

    #[test]
    fn marks_from_before_a_restore_do_not_count() {
        let all = marks(&[(0, 9_000_000_000), (1, 100), (2, 200)]);
        assert_eq!(reckon_bump(&all, Wide(100), Timestamp(2 * MINUTE)), Wide(LEAST));
    }

    proptest! {
        #[test]
        fn it_is_never_less_than_what_was_seen(
            steps in proptest::collection::vec((1_i64..100, 0_u64..1_000_000_000), 1..30), later in 0_i64..10_000,
        ) {
            let mut all: Vec<(i64, u64)> = vec![(0, 5)];
            for (minutes, written) in steps {
                let (at, revision) = all[all.len() - 1];
                all.push((at + minutes, revision + written));
            }
            let newest = all[all.len() - 1];
            let bump = reckon_bump(&marks(&all), Wide(5), Timestamp((newest.0 + later) * MINUTE));
            prop_assert!(bump.0 >= newest.1 - 5 && bump.0 >= LEAST);
        }
    }
}
