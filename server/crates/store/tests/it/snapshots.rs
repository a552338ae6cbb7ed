//! Vaults, snapshots, schedules, drills and marks: what may stand beside what, and what goes with what.

use crate::support::{Fixture, cluster, cluster_id, operation_id};
use quorate_domain::{
    DrillId, ScheduleId, SecretId, SnapshotId, Timestamp, VaultId,
    snapshots::{Content, Drill, NewSchedule, Origin, Retention, Schedule, Snapshot, SnapshotState, Vault, VaultPlace},
    version::Version,
    wide::Wide,
};
use quorate_store::{SnapshotFilter, StoreError, VAULT_SECRET, VaultRow};
use secrecy::SecretString;

fn vault(name: &str, n: u8) -> VaultRow {
    let place = VaultPlace::Local { directory: format!("/srv/{name}") };
    let vault = Vault {
        id: VaultId::from_random([n; 10]),
        name: name.into(),
        place,
        budget: Some(Wide(1 << 40)),
        used: Wide(0),
        snapshots: 0,
        recipient: None,
        has_identity: false,
        at: Timestamp(i64::from(n)),
        problem: String::new(),
    };
    VaultRow { vault, secret: None, identity: None }
}

fn snapshot(n: u8) -> Snapshot {
    Snapshot {
        id: SnapshotId::from_random([n; 10]),
        vault: vault("disk", 1).vault.id,
        cluster: Some(cluster_id("demo")),
        cluster_name: "demo".into(),
        name: format!("{n}-etcd-backup.db"),
        state: SnapshotState::Taking,
        at: Timestamp(i64::from(n)),
        actor: "anna".into(),
        origin: Origin::Asked,
        member: String::new(),
        etcd_cluster: String::new(),
        version: None,
        revision: None,
        bytes: Wide(0),
        expected: Wide(1000),
        sha256: String::new(),
        sealed_by_etcd: None,
        content: None,
        encrypted: false,
        protected: false,
        problem: String::new(),
    }
}

fn good(n: u8) -> Snapshot {
    Snapshot {
        bytes: Wide(1032),
        sha256: "ab".repeat(32),
        sealed_by_etcd: Some(true),
        state: SnapshotState::Good,
        ..snapshot(n)
    }
}

fn schedule() -> Schedule {
    let given = NewSchedule {
        vault: vault("disk", 1).vault.id,
        cron: "0 */6 * * *".into(),
        time_zone: "Europe/Berlin".into(),
        jitter_seconds: 60,
        retention: Retention::default(),
        drill_cron: String::new(),
        enabled: true,
    };
    let id = ScheduleId::from_random([1; 10]);
    let cluster = cluster_id("demo");
    Schedule { id, cluster, given, at: Timestamp(5), next_at: Some(Timestamp(100)), last_at: None, next_drill_at: None }
}

async fn filled() -> Fixture {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    tx.insert_vault(&vault("disk", 1)).await.unwrap();
    tx.commit().await.unwrap();
    f
}

#[tokio::test]
async fn one_of_a_cluster_is_taken_at_a_time_and_moves_once() {
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_snapshot(&snapshot(1)).await.unwrap();
    let second = tx.insert_snapshot(&snapshot(2)).await;
    assert!(
        matches!(&second, Err(StoreError::Conflict { field: "", what }) if what.contains("being taken")),
        "{second:?}"
    );
    let known = Snapshot {
        member: "m0".into(),
        version: Some(Version::new(3, 5, 16)),
        bytes: Wide(400),
        expected: Wide(5000),
        etcd_cluster: "cafe".into(),
        ..snapshot(1)
    };
    tx.note_snapshot(&known).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.snapshot(&known.id).await.unwrap().unwrap(), known);
    assert_eq!(f.store.vault(&known.vault).await.unwrap().unwrap().vault.used, Wide(5000), "as much as it will be");
    assert_eq!(f.store.snapshots_taking().await.unwrap().len(), 1);

    let ended = Snapshot { member: "m0".into(), revision: Some(Wide(77)), ..good(1) };
    let mut tx = f.store.begin().await.unwrap();
    tx.end_snapshot(&ended).await.unwrap();
    assert!(matches!(tx.note_snapshot(&known).await, Err(StoreError::NotFound { .. })), "it is not taken any more");
    assert!(matches!(tx.end_snapshot(&ended).await, Err(StoreError::NotFound { .. })));
    tx.insert_snapshot(&snapshot(2)).await.unwrap();
    tx.fail_snapshot(&snapshot(2).id, "the disk is full").await.unwrap();
    tx.insert_snapshot(&snapshot(3)).await.unwrap();
    tx.commit().await.unwrap();
    let demo = cluster_id("demo");
    let newest = |state| f.store.newest_snapshot(&demo, state);
    assert_eq!(newest(Some(SnapshotState::Good)).await.unwrap().unwrap().revision, Some(Wide(77)));
    assert_eq!(newest(Some(SnapshotState::Failed)).await.unwrap().unwrap().problem, "the disk is full");
    assert_eq!(newest(None).await.unwrap().unwrap().id, snapshot(3).id);
    let row = f.store.vault(&known.vault).await.unwrap().unwrap().vault;
    assert_eq!((row.used, row.snapshots), (Wide(1032 + 1000), 2), "failed ones take nothing");
}

#[tokio::test]
async fn a_list_goes_on_after_any_of_its_rows() {
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    for n in 1..=5 {
        // Two of one moment: the one that came later is newer.
        let at = Timestamp(i64::from(n.min(4)));
        tx.insert_snapshot(&Snapshot { at, state: SnapshotState::Good, ..snapshot(n) }).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut filter = SnapshotFilter { cluster: Some(cluster_id("demo")), ..SnapshotFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = f.store.snapshots(&filter, 2).await.unwrap();
        seen.extend(page.iter().map(|row| row.name.clone()));
        match page.last() {
            Some(last) => filter.after = Some(last.id.clone()),
            None => break,
        }
    }
    let names: Vec<String> = [5, 4, 3, 2, 1].map(|n| snapshot(n).name).to_vec();
    assert_eq!(seen, names);
    let none = SnapshotFilter { state: Some(SnapshotState::Failed), ..SnapshotFilter::default() };
    assert_eq!(f.store.snapshots(&none, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_protected_or_on_its_way_is_not_deleted_and_content_comes_later() {
    let f = filled().await;
    let id = snapshot(1).id;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_snapshot(&snapshot(1)).await.unwrap();
    assert!(matches!(tx.delete_snapshot(&id).await, Err(StoreError::Conflict { .. })), "it is being taken");
    tx.end_snapshot(&good(1)).await.unwrap();
    tx.protect_snapshot(&id, true).await.unwrap();
    assert!(matches!(tx.delete_snapshot(&id).await, Err(StoreError::Conflict { .. })), "it is protected");
    let content = Content { keys: Wide(3), digest: "00".into() };
    tx.set_snapshot_content(&id, Some(Wide(9)), Some(&content), "").await.unwrap();
    tx.set_snapshot_content(&id, None, None, "no binaries").await.unwrap();
    let row = tx.snapshot(&id).await.unwrap().unwrap();
    assert_eq!((row.content, row.revision, row.problem.as_str()), (Some(content), Some(Wide(9)), "no binaries"));
    tx.protect_snapshot(&id, false).await.unwrap();
    tx.delete_snapshot(&id).await.unwrap();
    assert!(matches!(tx.delete_snapshot(&id).await, Err(StoreError::NotFound { .. })));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_operation_finds_what_it_took_and_a_snapshot_outlives_its_cluster() {
    let f = filled().await;
    let origin = Origin::Operation { operation: operation_id("restore") };
    let mut tx = f.store.begin().await.unwrap();
    let of = |n, member: &str| Snapshot { origin: origin.clone(), member: member.into(), ..good(n) };
    tx.insert_snapshot(&of(1, "m0")).await.unwrap();
    tx.insert_snapshot(&Snapshot { state: SnapshotState::Failed, ..of(2, "m1") }).await.unwrap();
    tx.commit().await.unwrap();
    let operation = operation_id("restore");
    assert_eq!(f.store.snapshot_by_operation(&operation, "m0").await.unwrap().unwrap().id, snapshot(1).id);
    assert!(f.store.snapshot_by_operation(&operation, "m1").await.unwrap().is_none(), "it failed");
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_schedule(&schedule()).await.unwrap();
    tx.mark_revision(&cluster_id("demo"), Timestamp(1), Wide(5)).await.unwrap();
    tx.delete_cluster(&cluster_id("demo")).await.unwrap();
    tx.commit().await.unwrap();
    let left = f.store.snapshot(&snapshot(1).id).await.unwrap().unwrap();
    assert_eq!((left.cluster, left.cluster_name.as_str()), (None, "demo"));
    assert_eq!(f.store.schedules().await.unwrap(), []);
    assert_eq!(f.store.revision_marks(&cluster_id("demo")).await.unwrap(), []);
}

#[tokio::test]
async fn a_vault_stays_while_something_needs_it_and_takes_its_secrets_along() {
    let f = filled().await;
    let id = vault("disk", 1).vault.id;
    let secret = SecretId::from_random([3; 10]);
    let mut tx = f.store.begin().await.unwrap();
    let taken = tx.insert_vault(&vault("DISK", 2)).await;
    assert!(matches!(taken, Err(StoreError::Conflict { field: "name", .. })), "{taken:?}");
    tx.put_secret(&secret, VAULT_SECRET, &SecretString::from("half of a key"), Timestamp(1)).await.unwrap();
    let mut changed = VaultRow { secret: Some(secret.clone()), ..vault("renamed", 1) };
    changed.vault.budget = None;
    tx.update_vault(&changed).await.unwrap();
    tx.set_vault_problem(&id, "no route").await.unwrap();
    changed.vault.problem = "no route".into();
    assert_eq!(tx.vault(&id).await.unwrap().unwrap(), changed);
    tx.insert_schedule(&schedule()).await.unwrap();
    assert!(matches!(tx.delete_vault(&id).await, Err(StoreError::Conflict { .. })), "a schedule needs it");
    tx.delete_schedule(&schedule().id).await.unwrap();
    tx.insert_snapshot(&good(1)).await.unwrap();
    assert!(matches!(tx.delete_vault(&id).await, Err(StoreError::Conflict { .. })), "a snapshot is in it");
    tx.fail_snapshot(&snapshot(1).id, "broken").await.unwrap();
    tx.delete_vault(&id).await.unwrap();
    assert!(tx.secret(&secret, VAULT_SECRET).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(f.store.vaults().await.unwrap(), []);
}

#[tokio::test]
async fn one_run_of_a_schedule_is_begun_once() {
    let f = filled().await;
    let id = schedule().id;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_schedule(&schedule()).await.unwrap();
    tx.begin_schedule(&id, Timestamp(100), Timestamp(130), Some(Timestamp(200))).await.unwrap();
    let again = tx.begin_schedule(&id, Timestamp(100), Timestamp(131), Some(Timestamp(200))).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })));
    let mut given = schedule().given;
    given.enabled = false;
    let off = Schedule { given, next_at: None, ..schedule() };
    tx.update_schedule(&off).await.unwrap();
    tx.set_next_drill(&id, Some(Timestamp(7))).await.unwrap();
    tx.commit().await.unwrap();
    let row = Schedule { last_at: Some(Timestamp(130)), next_drill_at: Some(Timestamp(7)), ..off };
    assert_eq!(f.store.schedule(&id).await.unwrap().as_ref(), Some(&row));
    assert_eq!(f.store.schedules_of(&cluster_id("demo")).await.unwrap(), [row]);
    assert_eq!(f.store.schedules_of(&cluster_id("other")).await.unwrap(), []);
}

#[tokio::test]
async fn snapshots_of_a_schedule_are_found_by_it() {
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    let origin = Origin::Schedule { schedule: schedule().id };
    tx.insert_snapshot(&Snapshot { origin: origin.clone(), ..good(1) }).await.unwrap();
    tx.insert_snapshot(&good(2)).await.unwrap();
    tx.insert_snapshot(&Snapshot { state: SnapshotState::Failed, origin, ..good(3) }).await.unwrap();
    tx.commit().await.unwrap();
    let of = f.store.good_snapshots_of(&schedule().id).await.unwrap();
    assert_eq!(of.iter().map(|row| &row.id).collect::<Vec<_>>(), [&snapshot(1).id]);
}

#[tokio::test]
async fn a_drill_ends_once_and_the_newest_good_one_is_known() {
    let f = filled().await;
    let drill = |n: u8| Drill {
        id: DrillId::from_random([n; 10]),
        snapshot: snapshot(1).id,
        snapshot_name: "1.db".into(),
        cluster: Some(cluster_id("demo")),
        at: Timestamp(i64::from(n)),
        ended_at: None,
        recovered_millis: None,
        content: None,
        problem: String::new(),
        actor: "console".into(),
    };
    let mut tx = f.store.begin().await.unwrap();
    for n in 1..=3 {
        tx.insert_drill(&drill(n)).await.unwrap();
    }
    let content = Some(Content { keys: Wide(1), digest: "11".into() });
    let well = Drill { recovered_millis: Some(Wide(900)), content, ..drill(1) };
    tx.end_drill(&well, Timestamp(10)).await.unwrap();
    tx.end_drill(&Drill { problem: "keys are missing".into(), ..drill(2) }, Timestamp(11)).await.unwrap();
    assert!(matches!(tx.end_drill(&drill(1), Timestamp(12)).await, Err(StoreError::NotFound { .. })));
    tx.commit().await.unwrap();
    let demo = cluster_id("demo");
    let ended = Drill { ended_at: Some(Timestamp(10)), ..well };
    assert_eq!(f.store.newest_drill(&demo, true).await.unwrap(), Some(ended.clone()));
    assert_eq!(f.store.newest_drill(&demo, false).await.unwrap().unwrap().problem, "keys are missing");
    assert_eq!(f.store.drill(&ended.id).await.unwrap(), Some(ended));
    assert_eq!(f.store.drills_running().await.unwrap(), [drill(3)]);
    assert_eq!(f.store.drills(Some(&demo), 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn old_marks_are_thinned_to_the_last_of_each_hour_and_go_after_ninety_days() {
    const HOUR: i64 = 3_600_000;
    let now = 1000 * 24 * HOUR;
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    let all = [
        now - 91 * 24 * HOUR,
        now - 80 * 24 * HOUR,
        now - 80 * 24 * HOUR + 60_000,
        now - 80 * 24 * HOUR + HOUR,
        now - HOUR,
        now - HOUR + 60_000,
    ];
    for (n, at) in (1..).zip(all) {
        tx.mark_revision(&cluster_id("demo"), Timestamp(at), Wide(n)).await.unwrap();
    }
    tx.mark_revision(&cluster_id("demo"), Timestamp(all[5]), Wide(9)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = f.store.begin().await.unwrap();
    let failed = SnapshotState::Failed;
    tx.insert_snapshot(&Snapshot { state: failed, ..snapshot(1) }).await.unwrap();
    tx.insert_snapshot(&Snapshot { state: failed, ..good(2) }).await.unwrap();
    tx.insert_snapshot(&Snapshot { state: failed, at: Timestamp(now), ..snapshot(3) }).await.unwrap();
    tx.commit().await.unwrap();
    let pruned = f.store.prune(Timestamp(now)).await.unwrap();
    assert_eq!(
        (pruned.revision_marks, pruned.failed_snapshots),
        (2, 1),
        "what was good once may have bytes in its vault"
    );
    let left = f.store.revision_marks(&cluster_id("demo")).await.unwrap();
    assert_eq!(left.into_iter().map(|(_, revision)| revision.0).collect::<Vec<_>>(), [3, 4, 5, 9]);
}
