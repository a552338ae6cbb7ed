//! How the newest good snapshots of a cluster stand; shown on every page of it. Invariant: pure; overdue is a snapshot that a schedule wanted,
//! an hour after it was due, and none is overdue while one is on its way.

use super::{Drill, Schedule, Snapshot, SnapshotState};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How the newest good snapshots of a cluster stand; shown on every page of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupHealth {
    /// When the newest good one was begun.
    pub last_good: Option<Timestamp>,
    /// There should be a newer one by a schedule, for which this moment is when it was due.
    pub overdue_since: Option<Timestamp>,
    /// Why the newest try failed; empty if it did not.
    pub problem: String,
    /// When the newest drill ended well.
    pub last_drill: Option<Timestamp>,
    /// Why the newest drill failed; empty if it did not.
    pub drill_problem: String,
    /// A drill should have been made since this moment.
    #[serde(default)]
    pub drill_overdue_since: Option<Timestamp>,
    /// Whether any schedule is on.
    pub scheduled: bool,
}

/// How late a snapshot or a drill may be before it is an alarm.
const GRACE_MILLIS: u64 = 3_600_000;
/// A drill goes through a whole database, perhaps after others.
const DRILL_GRACE_MILLIS: u64 = 6 * 3_600_000;

impl BackupHealth {
    /// Of a cluster with these schedules, by its newest good snapshot, its newest one whatever became of it, its newest drill
    /// that ended well, and the newest one that ended.
    pub fn of(
        schedules: &[Schedule],
        good: Option<&Snapshot>,
        newest: Option<&Snapshot>,
        drilled: Option<&Drill>,
        drill: Option<&Drill>,
        now: Timestamp,
    ) -> Self {
        let on = || schedules.iter().filter(|schedule| schedule.given.enabled);
        let taking = newest.is_some_and(|snapshot| snapshot.state == SnapshotState::Taking);
        let last_good = good.map(|snapshot| snapshot.at);
        // What was due is `last_at` where it was begun and came to nothing, and `next_at` where it was not begun at all.
        let due = on().flat_map(|schedule| [schedule.last_at, schedule.next_at]).flatten();
        let missed = due.filter(|due| now.since(*due) > GRACE_MILLIS && last_good.is_none_or(|good| good < *due));
        let last_drill = drilled.and_then(|drill| drill.ended_at);
        let late = on().filter_map(|schedule| schedule.next_drill_at);
        Self {
            last_good,
            overdue_since: if taking { None } else { missed.min() },
            problem: newest.filter(|s| s.state == SnapshotState::Failed).map(|s| s.problem.clone()).unwrap_or_default(),
            last_drill,
            drill_problem: drill.map(|drill| drill.problem.clone()).unwrap_or_default(),
            drill_overdue_since: late.filter(|due| now.since(*due) > DRILL_GRACE_MILLIS).min(),
            scheduled: on().next().is_some(),
        }
    }

    /// Whether a person has to look.
    pub fn alarms(&self) -> bool {
        self.overdue_since.is_some()
            || !self.problem.is_empty()
            || !self.drill_problem.is_empty()
            || self.drill_overdue_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClusterId, DrillId, ScheduleId, SnapshotId, VaultId},
        snapshots::{NewSchedule, Origin, Retention},
        wide::Wide,
    };

    const HOUR: i64 = 3_600_000;

    fn schedule(last_at: Option<i64>, next_at: i64) -> Schedule {
        Schedule {
            id: ScheduleId::from_random([1; 10]),
            cluster: ClusterId::from_random([2; 10]),
            given: NewSchedule {
                vault: VaultId::from_random([3; 10]),
                cron: "0 */6 * * *".into(),
                time_zone: "UTC".into(),
                jitter_seconds: 0,
                retention: Retention::default(),
                drill_cron: String::new(),
                enabled: true,
            },
            at: Timestamp(0),
            next_at: Some(Timestamp(next_at)),
            last_at: last_at.map(Timestamp),
            next_drill_at: None,
        }
    }

    fn snapshot(at: i64, state: SnapshotState) -> Snapshot {
        Snapshot {
            id: SnapshotId::from_random([4; 10]),
            vault: VaultId::from_random([3; 10]),
            cluster: None,
            cluster_name: "orders".into(),
            name: "x.db".into(),
            state,
            at: Timestamp(at),
            actor: "anna".into(),
            origin: Origin::Asked,
            member: String::new(),
            etcd_cluster: String::new(),
            version: None,
            revision: None,
            bytes: Wide(0),
            expected: Wide(0),
            sha256: String::new(),
            sealed_by_etcd: None,
            content: None,
            encrypted: false,
            protected: false,
            problem: if state == SnapshotState::Failed { "the disk is full".into() } else { String::new() },
        }
    }

    fn health(schedules: &[Schedule], good: Option<&Snapshot>, newest: Option<&Snapshot>, now: i64) -> BackupHealth {
        BackupHealth::of(schedules, good, newest, None, None, Timestamp(now))
    }

    #[test]
    fn a_run_that_came_to_nothing_is_overdue_after_an_hour_and_until_a_good_one_is_there() {
        let six = [schedule(Some(6 * HOUR), 12 * HOUR)];
        let old = snapshot(0, SnapshotState::Good);
        let failed = snapshot(6 * HOUR, SnapshotState::Failed);
        assert_eq!(health(&six, Some(&old), Some(&failed), 7 * HOUR).overdue_since, None);
        let late = health(&six, Some(&old), Some(&failed), 7 * HOUR + 1);
        assert_eq!(late.overdue_since, Some(Timestamp(6 * HOUR)));
        assert_eq!(late.problem, "the disk is full");
        assert!(late.alarms());
        let by_hand = snapshot(7 * HOUR, SnapshotState::Good);
        let well = health(&six, Some(&by_hand), Some(&by_hand), 9 * HOUR);
        assert_eq!((well.overdue_since, well.alarms(), well.scheduled), (None, false, true));
    }

    #[test]
    fn a_run_that_never_began_is_overdue_and_one_on_its_way_is_not() {
        let waits = [schedule(None, 6 * HOUR)];
        assert_eq!(health(&waits, None, None, 6 * HOUR).overdue_since, None);
        assert_eq!(health(&waits, None, None, 8 * HOUR).overdue_since, Some(Timestamp(6 * HOUR)));
        let taking = snapshot(8 * HOUR, SnapshotState::Taking);
        assert_eq!(health(&waits, None, Some(&taking), 8 * HOUR).overdue_since, None);
    }

    #[test]
    fn without_a_schedule_that_is_on_nothing_is_overdue() {
        let mut off = schedule(Some(6 * HOUR), 12 * HOUR);
        off.given.enabled = false;
        let health = health(&[off], None, None, 90 * HOUR);
        assert_eq!(health, BackupHealth::default());
    }

    #[test]
    fn a_drill_that_failed_or_is_late_is_an_alarm() {
        let mut weekly = schedule(None, 100 * HOUR);
        weekly.next_drill_at = Some(Timestamp(HOUR));
        let late = BackupHealth::of(&[weekly], None, None, None, None, Timestamp(8 * HOUR));
        assert_eq!(late.drill_overdue_since, Some(Timestamp(HOUR)));
        let failed = Drill {
            id: DrillId::from_random([1; 10]),
            snapshot: SnapshotId::from_random([4; 10]),
            snapshot_name: "x.db".into(),
            cluster: None,
            at: Timestamp(0),
            ended_at: Some(Timestamp(1)),
            recovered_millis: None,
            content: None,
            problem: "three keys are missing".into(),
            actor: "console".into(),
        };
        let health = BackupHealth::of(&[], None, None, None, Some(&failed), Timestamp(2));
        assert_eq!((health.drill_problem.as_str(), health.alarms()), ("three keys are missing", true));
    }
}
