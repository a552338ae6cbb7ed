//! When snapshots are taken by themselves. What a cron line means is reckoned in `core`, where the calendar is.

use super::Retention;
use crate::{
    ids::{ClusterId, ScheduleId, VaultId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A schedule, as it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    /// Where its snapshots go.
    pub vault: VaultId,
    /// Minute, hour, day of month, month, day of week: `0 */6 * * *`.
    pub cron: String,
    /// In which the line is read: `Europe/Berlin`, `UTC`.
    pub time_zone: String,
    /// It begins up to so many seconds later, so that not all clusters begin in one moment.
    #[serde(default)]
    pub jitter_seconds: u32,
    /// Which of its snapshots are kept.
    pub retention: Retention,
    /// When the newest snapshot is restored into a throw-away etcd, as a cron line; never if empty.
    #[serde(default)]
    pub drill_cron: String,
    /// Whether it is on.
    pub enabled: bool,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The cluster.
    pub cluster: ClusterId,
    /// What was given.
    pub given: NewSchedule,
    /// When it was made.
    pub at: Timestamp,
    /// When it begins next, without jitter; none while it is off.
    pub next_at: Option<Timestamp>,
    /// When it last began.
    pub last_at: Option<Timestamp>,
    /// When its next drill begins; none without drills.
    pub next_drill_at: Option<Timestamp>,
}

/// A moment at which a cron line comes true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextRun {
    /// When.
    pub at: Timestamp,
    /// The same by the clocks of the time zone: `Mon 30 Nov 2026 06:00 CET`.
    pub local: String,
}
