//! Snapshots that are taken by themselves: missed runs once, retention beside a download.

use crate::{orders, snapshots::Stage};
use futures::StreamExt;
use quorate_core::{Actor, Permit, act, snapshots::Wanted};
use quorate_domain::{
    Problem, ScheduleId, Scope, Timestamp,
    snapshots::{NewSchedule, Origin, Retention, Schedule, Snapshot, SnapshotState},
};
use quorate_store::SnapshotFilter;
use quorate_testkit::{etcd::PATIENCE, until::until_some};

const HOUR: i64 = 3_600_000;

async fn hourly(stage: &Stage, last: u32) -> Schedule {
    let given = NewSchedule {
        vault: stage.vault().await.id,
        cron: "0 * * * *".into(),
        time_zone: "Europe/Berlin".into(),
        jitter_seconds: 60,
        retention: Retention { last, hourly: 0, daily: 0, weekly: 0, monthly: 0, max_age_days: None },
        drill_cron: String::new(),
        enabled: true,
    };
    stage.console.create_schedule(&stage.manage().await, given).await.expect("a schedule")
}

/// All rows, once there are `many` and none of them is on its way.
async fn settled(stage: &Stage, many: usize) -> Vec<Snapshot> {
    until_some(PATIENCE, "all snapshots have ended", async || {
        let rows = stage.store.snapshots(&SnapshotFilter::default(), 50).await.expect("rows");
        let ended = rows.iter().all(|row| row.state == SnapshotState::Good);
        (ended && rows.len() == many).then_some(rows)
    })
    .await
}

async fn row(stage: &Stage, id: &ScheduleId) -> Schedule {
    stage.store.schedule(id).await.expect("read").expect("a schedule")
}

#[tokio::test]
async fn runs_that_were_missed_are_caught_up_once_and_the_next_is_in_the_future() {
    let stage = Stage::raise(1, 1).await;
    let schedule = hourly(&stage, 9).await;
    let first = schedule.next_at.expect("it is on");
    stage.clock.advance(30 * HOUR);
    let taken = settled(&stage, 1).await;
    assert_eq!(taken[0].origin, Origin::Schedule { schedule: schedule.id.clone() });
    let now = stage.store.schedule(&schedule.id).await.expect("read").expect("a schedule");
    assert_eq!(now.last_at, Some(taken[0].at));
    let next = now.next_at.expect("it is on");
    assert!(next > taken[0].at && next.0 - taken[0].at.0 <= HOUR, "{first:?} {next:?}");
    stage.clock.advance(HOUR + 60_000);
    let both = settled(&stage, 2).await;
    assert!(both[0].at > both[1].at);
    stage.console.stop().await;
}

#[tokio::test]
async fn a_run_that_comes_to_nothing_is_a_failed_snapshot_and_an_alarm_later() {
    let stage = Stage::raise(1, 2).await;
    stage.set_budget(1 << 20).await;
    let schedule = hourly(&stage, 9).await;
    stage.clock.advance(2 * HOUR);
    let failed = until_some(PATIENCE, "the run is kept", async || {
        let filter = SnapshotFilter { state: Some(SnapshotState::Failed), ..SnapshotFilter::default() };
        stage.store.snapshots(&filter, 5).await.expect("rows").pop()
    })
    .await;
    assert!(failed.problem.contains("may hold 1 MiB"), "{}", failed.problem);
    assert!(row(&stage, &schedule.id).await.next_at > Some(failed.at), "it is not tried all the time");
    let off = NewSchedule { enabled: false, ..schedule.given.clone() };
    let edited = stage.console.edit_schedule(&stage.manage().await, &schedule.id, off).await.expect("edited");
    assert_eq!(edited.next_at, None);
    let health = stage.console.backup_health(&stage.view().await).await.expect("health");
    assert_eq!((health.problem, health.overdue_since, health.scheduled), (failed.problem, None, false));
    stage.console.stop().await;
}

#[tokio::test]
async fn retention_keeps_what_it_should_and_a_download_that_is_open_goes_on() {
    let stage = Stage::raise(1, 3).await;
    hourly(&stage, 1).await;
    stage.clock.advance(2 * HOUR);
    let first = settled(&stage, 1).await.remove(0);
    let by_hand = stage.taken().await;
    let read: Permit<act::ReadSnapshots> = stage.console.permit(&Actor::cli(), Scope::Global).await.expect("permit");
    let download = stage.console.download_snapshot(&read, &first.id).await.expect("a download");
    let mut stream = download.read(Wanted::All).await.expect("begun");
    let begun = stream.next().await.expect("bytes").expect("no error");
    stage.clock.advance(HOUR + 60_000);
    let left = until_some(PATIENCE, "the old one is gone", async || {
        let rows = stage.store.snapshots(&SnapshotFilter::default(), 50).await.expect("rows");
        (rows.len() == 2 && rows.iter().all(|row| row.is_good() && row.id != first.id)).then_some(rows)
    })
    .await;
    assert_eq!(left[1].id, by_hand.id, "no schedule deletes what a person took");
    assert!(!stage.files().contains(&first.name));
    let mut bytes = begun.len() as u64;
    while let Some(chunk) = stream.next().await {
        bytes += chunk.expect("a file that is open is read to its end").len() as u64;
    }
    assert_eq!(bytes, first.bytes.0);
    stage.console.stop().await;
}

#[tokio::test]
async fn a_schedule_that_cannot_be_right_is_refused_at_its_fields() {
    let stage = Stage::raise(1, 0).await;
    let good = hourly(&stage, 1).await;
    let bad = NewSchedule { cron: "often".into(), time_zone: "Atlantis".into(), ..good.given.clone() };
    let refused = stage.console.create_schedule(&stage.manage().await, bad).await.map_err(Problem::from);
    let fields: Vec<String> = refused.expect_err("refused").fields.into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["time_zone", "cron"]);
    let elsewhere = Scope::Cluster(quorate_domain::ClusterId::from_random([8; 10]));
    let other = stage.console.permit::<act::ManageSnapshots>(&Actor::cli(), elsewhere).await.expect("permit");
    assert!(stage.console.delete_schedule(&other, &good.id).await.is_err(), "it is another cluster's");
    stage.console.delete_schedule(&stage.manage().await, &good.id).await.expect("deleted");
    assert_eq!(stage.console.schedules(&stage.view().await).await.expect("none"), []);
    assert!(good.next_at > Some(Timestamp(0)) && orders::record(&stage.etcd).id == good.cluster);
    stage.console.stop().await;
}
