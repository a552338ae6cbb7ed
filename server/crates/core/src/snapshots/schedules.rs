//! Snapshots that are taken by themselves, and which of them are kept. Invariant: a run is begun once, and one that was missed once, however
//! long the console was away; a run that cannot begin because something else works on the cluster waits, and one that cannot come to
//! anything is a failed snapshot with its reason. What is due is reckoned in `calendar`, what is kept in `domain::snapshots`.

use super::{
    calendar,
    take::{NotBegun, Order, Run},
};
use crate::{
    audit::{AuditDraft, CONSOLE},
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
};
use quorate_domain::{
    Problem, ScheduleId, Timestamp,
    snapshots::{Kept, NewSchedule, NextRun, Origin, Schedule, Snapshot, SnapshotState},
};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many of the next runs are told to whoever makes a schedule.
const RUNS_TOLD: usize = 3;

impl Console {
    /// The schedules of the permit's cluster, oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn schedules(&self, permit: &Permit<act::ViewSnapshots>) -> Result<Vec<Schedule>, CoreError> {
        Ok(self.0.store.schedules_of(permit.cluster()?).await?)
    }

    /// When a cron line comes true next in a time zone, for whoever makes a schedule.
    ///
    /// # Errors
    /// `Invalid` at a field.
    pub fn schedule_runs(
        &self,
        _permit: &Permit<act::ViewSnapshots>,
        cron: &str,
        time_zone: &str,
    ) -> Result<Vec<NextRun>, CoreError> {
        let runs = calendar::runs(cron, time_zone, self.0.clock.now(), RUNS_TOLD);
        runs.map_err(|wrong| Problem::invalid(wrong).into())
    }

    /// Makes a schedule for the permit's cluster.
    ///
    /// # Errors
    /// `Invalid` at a field; `NotFound` for the cluster or the vault.
    pub async fn create_schedule(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        given: NewSchedule,
    ) -> Result<Schedule, CoreError> {
        let record = self.record_of(permit.cluster()?).await?;
        self.check_schedule(&given).await?;
        let now = self.0.clock.now();
        let schedule = Schedule {
            id: ScheduleId::from_random(self.random()),
            cluster: record.id,
            next_at: next_run(&given, now),
            next_drill_at: next_drill(&given, now),
            given,
            at: now,
            last_at: None,
        };
        let mut tx = self.0.store.begin().await?;
        tx.insert_schedule(&schedule).await?;
        let draft = AuditDraft::by(permit.actor(), "schedule.create", &record.name);
        draft.detail(&words(&schedule.given)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(schedule)
    }

    /// Changes a schedule of the permit's cluster; what is due is reckoned anew from now on.
    ///
    /// # Errors
    /// As [`Console::create_schedule`]; `NotFound` for one of another cluster.
    pub async fn edit_schedule(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        id: &ScheduleId,
        given: NewSchedule,
    ) -> Result<Schedule, CoreError> {
        let record = self.record_of(permit.cluster()?).await?;
        let old = self.schedule_of(permit, id).await?;
        self.check_schedule(&given).await?;
        let now = self.0.clock.now();
        let (next_at, next_drill_at) = (next_run(&given, now), next_drill(&given, now));
        let schedule = Schedule { given, next_at, next_drill_at, ..old };
        let mut tx = self.0.store.begin().await?;
        tx.update_schedule(&schedule).await?;
        let draft = AuditDraft::by(permit.actor(), "schedule.edit", &record.name);
        draft.detail(&words(&schedule.given)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(schedule)
    }

    /// Drops a schedule of the permit's cluster; its snapshots stay.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_schedule(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        id: &ScheduleId,
    ) -> Result<(), CoreError> {
        let record = self.record_of(permit.cluster()?).await?;
        let old = self.schedule_of(permit, id).await?;
        let mut tx = self.0.store.begin().await?;
        tx.delete_schedule(id).await?;
        let draft = AuditDraft::by(permit.actor(), "schedule.delete", &record.name);
        draft.detail(&words(&old.given)).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn schedule_of(&self, permit: &Permit<act::ManageSnapshots>, id: &ScheduleId) -> Result<Schedule, CoreError> {
        let cluster = permit.cluster()?;
        let found = self.0.store.schedule(id).await?.filter(|schedule| schedule.cluster == *cluster);
        found.ok_or_else(|| CoreError::not_found("schedule", id))
    }

    async fn check_schedule(&self, given: &NewSchedule) -> Result<(), CoreError> {
        let wrong = calendar::problems(given);
        if !wrong.is_empty() {
            return Err(Problem::invalid(wrong).into());
        }
        if self.0.store.vault(&given.vault).await?.is_none() {
            return Err(Problem::field("vault", "There is no such vault").into());
        }
        Ok(())
    }

    pub(crate) async fn keep_schedules(&self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.begin_due_snapshots().await {
                tracing::warn!(error = chain(&error), "schedules were not looked at");
            }
        }
    }

    async fn begin_due_snapshots(&self) -> Result<(), CoreError> {
        let now = self.0.clock.now();
        for schedule in self.0.store.schedules().await? {
            if let Some(due) = schedule.next_at.filter(|due| calendar::with_jitter(&schedule, *due) <= now)
                && let Err(error) = self.begin_due(&schedule, due, now).await
            {
                tracing::warn!(schedule = %schedule.id, error = chain(&error), "a schedule was not begun");
            }
        }
        Ok(())
    }

    async fn begin_due(&self, schedule: &Schedule, due: Timestamp, now: Timestamp) -> Result<(), CoreError> {
        // All runs that were missed are this one: the next is in the future.
        let run = Run { schedule: schedule.id.clone(), due, next: next_run(&schedule.given, now) };
        let vault = self.vault_row(&schedule.given.vault).await?;
        let (cluster, origin) = (schedule.cluster.clone(), Origin::Schedule { schedule: schedule.id.clone() });
        let order = Order { cluster, vault, origin, actor: CONSOLE.into(), member: None, run: Some(run.clone()) };
        let draft = |name: &str| AuditDraft::by_console("snapshot.take", name);
        match self.begin_snapshot(order, draft).await {
            Ok(_) | Err(NotBegun::Busy(_)) => Ok(()),
            Err(NotBegun::Cannot(error)) => self.keep_failed_run(schedule, &run, now, Problem::from(error).title).await,
        }
    }

    /// A run that came to nothing is seen where snapshots are.
    async fn keep_failed_run(
        &self,
        schedule: &Schedule,
        run: &Run,
        now: Timestamp,
        problem: String,
    ) -> Result<(), CoreError> {
        let record = self.record_of(&schedule.cluster).await?;
        let vault = self.vault_row(&schedule.given.vault).await?.vault;
        let origin = Origin::Schedule { schedule: schedule.id.clone() };
        let blank = self.blank_snapshot(&vault, record.name, now, (CONSOLE.into(), origin)).await?;
        let snapshot = Snapshot { cluster: Some(record.id), state: SnapshotState::Failed, problem, ..blank };
        let mut tx = self.0.store.begin().await?;
        tx.begin_schedule(&run.schedule, run.due, now, run.next).await?;
        tx.insert_snapshot(&snapshot).await?;
        tx.commit().await?;
        self.tell_snapshot(&snapshot.id).await?;
        Ok(())
    }

    /// Deletes the snapshots of a schedule that its rules do not keep. What is read or needed now goes the next time.
    pub(super) async fn apply_retention(&self, id: &ScheduleId) -> Result<(), CoreError> {
        let Some(schedule) = self.0.store.schedule(id).await? else { return Ok(()) };
        let all = self.0.store.good_snapshots_of(id).await?;
        let kept = |row: &Snapshot| Kept { id: row.id.clone(), at: row.at, protected: row.protected };
        let kept: Vec<Kept> = all.iter().map(kept).collect();
        let drops = schedule.given.retention.drops(&kept, self.0.clock.now());
        // Whole bytes can be of a database that does not come back: the newest that was gone through stays until a newer one was.
        let proven = all.iter().filter(|row| row.content.is_some()).max_by_key(|row| row.at).map(|row| &row.id);
        for row in all.iter().filter(|row| drops.contains(&row.id) && Some(&row.id) != proven) {
            let draft = AuditDraft::by_console("snapshot.delete", &row.name).detail("retention of its schedule");
            if let Err(error) = self.drop_snapshot(row, draft).await {
                tracing::info!(snapshot = row.name, error = chain(&error), "an old snapshot stays for now");
            }
        }
        Ok(())
    }
}

fn next_run(given: &NewSchedule, now: Timestamp) -> Option<Timestamp> {
    calendar::next(&given.cron, &given.time_zone, now).filter(|_| given.enabled)
}

/// When the next drill of a schedule is due after `now`; none without drills.
pub(crate) fn next_drill(given: &NewSchedule, now: Timestamp) -> Option<Timestamp> {
    calendar::next(&given.drill_cron, &given.time_zone, now).filter(|_| given.enabled)
}

fn words(given: &NewSchedule) -> String {
    let state = if given.enabled { "on" } else { "off" };
    format!("{} in {}, {state}, into {}", given.cron, given.time_zone, given.vault)
}
