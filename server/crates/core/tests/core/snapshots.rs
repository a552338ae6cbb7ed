//! Snapshots of real clusters by a running console: taken, proven, and every way in which one comes to nothing.

use crate::orders;
use quorate_core::{Actor, Config, Console, Permit, SnapshotFilter, act, clock::TestClock};
use quorate_domain::{
    OperationId, Problem, Scope, SnapshotId,
    live::LiveMessage,
    operation::LogKind,
    plan::OperationClass,
    snapshots::{Manifest, NewVault, Snapshot, SnapshotState, Vault, VaultPlace},
    wide::Wide,
};
use quorate_store::{NewOperation, Store};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::{until, until_some},
};
use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// More than connections hold, and than a console takes in while a test looks.
pub const MANY: usize = 64;

/// A console over a cluster that it knows.
pub struct Stage {
    pub etcd: EtcdCluster,
    pub console: Console,
    pub store: Store,
    pub clock: TestClock,
    pub dir: TempDir,
}

impl Stage {
    pub async fn raise(size: usize, megabytes: usize) -> Self {
        let etcd = EtcdCluster::start(size).await;
        let value = vec![7; 1 << 20];
        for n in 0..megabytes {
            etcd.client(0).canary_put(format!("/blob/{n}").as_bytes(), &value, PATIENCE).await.expect("put");
        }
        let clock = TestClock::default();
        let (console, store, dir) = orders::console(&etcd, Arc::new(clock.clone())).await;
        let stage = Self { etcd, console, store, clock, dir };
        stage.seen(size).await;
        stage
    }

    async fn seen(&self, size: usize) {
        let view = self.console.permit::<act::ViewClusters>(&Actor::cli(), self.cluster()).await.expect("permit");
        until(PATIENCE, "all members are seen", async || {
            let view = self.console.cluster(&view).await;
            view.is_ok_and(|v| v.leader.is_some() && v.members.len() == size && v.members.iter().all(|m| m.healthy()))
        })
        .await;
    }

    pub fn cluster(&self) -> Scope {
        Scope::Cluster(orders::record(&self.etcd).id)
    }

    pub async fn view(&self) -> Permit<act::ViewSnapshots> {
        self.console.permit(&Actor::cli(), self.cluster()).await.expect("permit")
    }

    pub async fn manage(&self) -> Permit<act::ManageSnapshots> {
        self.console.permit(&Actor::cli(), self.cluster()).await.expect("permit")
    }

    pub async fn taking(&self) -> Permit<act::TakeSnapshots> {
        self.console.permit(&Actor::cli(), self.cluster()).await.expect("permit")
    }

    pub async fn begin(&self) -> Result<Snapshot, Problem> {
        self.console.take_snapshot(&self.taking().await, None).await.map_err(Problem::from)
    }

    /// The row once it is not being taken any more.
    pub async fn ended(&self, id: &SnapshotId) -> Snapshot {
        until_some(PATIENCE, "the snapshot has ended", async || {
            let row = self.store.snapshot(id).await.expect("read").expect("a row");
            (row.state != SnapshotState::Taking).then_some(row)
        })
        .await
    }

    pub async fn taken(&self) -> Snapshot {
        let row = self.ended(&self.begin().await.expect("begun").id).await;
        assert!(row.is_good(), "{}", row.problem);
        row
    }

    pub fn vault_dir(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    /// Names of the files in the vault.
    pub fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.vault_dir()).expect("the vault");
        let mut names: Vec<String> =
            names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub async fn vault(&self) -> Vault {
        self.console.vaults(&self.view().await).await.expect("vaults").remove(0)
    }

    /// Bounds the first vault.
    pub async fn set_budget(&self, budget: u64) {
        let Vault { id, name, place, .. } = self.vault().await;
        let new = NewVault { name, place, budget: Some(Wide(budget)), recipient: None };
        self.console.edit_vault(&self.manage().await, &id, new, Default::default()).await.expect("edited");
    }

    /// Waits until a member sends, and answers when its first bytes have come.
    async fn begun_to_send(&self) -> Snapshot {
        let permit = self.console.permit::<act::ViewClusters>(&Actor::cli(), Scope::Global).await.expect("permit");
        let mut live = self.console.live(&permit, CancellationToken::new()).expect("live");
        self.begin().await.expect("begun");
        loop {
            match live.next().await.expect("a message") {
                LiveMessage::Snapshot { snapshot } if !snapshot.member.is_empty() => return *snapshot,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_is_whole_private_named_and_has_its_manifest_beside_it() {
    let stage = Stage::raise(3, 2).await;
    let leader = stage.etcd.member(stage.etcd.leader_among(&[0, 1, 2]).await).name().to_owned();
    let row = stage.taken().await;
    assert!(row.name.ends_with("-orders-etcd-backup.db"), "{}", row.name);
    assert_ne!(row.member, leader, "a follower has less to do");
    assert_eq!((row.sealed_by_etcd, row.sha256.len(), row.bytes), (Some(true), 64, row.expected));
    assert_eq!(row.version.map(|version| version.to_string()).as_deref(), Some(quorate_testkit::etcd::VERSION));
    let file = std::fs::metadata(stage.vault_dir().join(&row.name)).expect("the file");
    assert_eq!((file.len(), file.permissions().mode() & 0o777), (row.bytes.0, 0o600));
    let folder = std::fs::metadata(stage.vault_dir()).expect("the folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let manifest = std::fs::read(stage.vault_dir().join(format!("{}.manifest.json", row.name))).expect("a manifest");
    let manifest: Manifest = serde_json::from_slice(&manifest).expect("json");
    assert_eq!((manifest.snapshot, manifest.configurations), (row.clone(), None), "no member has a host here");
    let health = stage.console.backup_health(&stage.view().await).await.expect("health");
    assert_eq!((health.last_good, health.alarms()), (Some(row.at), false));
    let listed = stage.console.snapshots(&stage.view().await, &SnapshotFilter::default(), 10).await.expect("a list");
    assert_eq!(listed, [row]);
    stage.console.stop().await;
}

#[tokio::test]
async fn a_member_that_dies_midway_leaves_a_failed_row_and_an_empty_vault() {
    let mut stage = Stage::raise(1, MANY).await;
    let row = stage.begun_to_send().await;
    stage.etcd.member_mut(0).kill();
    let row = stage.ended(&row.id).await;
    assert_eq!(row.state, SnapshotState::Failed);
    assert!(row.problem.contains("broke off") && row.problem.contains("Take it again"), "{}", row.problem);
    assert_eq!(stage.files(), Vec::<String>::new());
    let health = stage.console.backup_health(&stage.view().await).await.expect("health");
    assert_eq!((health.problem, health.last_good), (row.problem, None));
    stage.console.stop().await;
}

#[tokio::test]
async fn one_that_is_cancelled_leaves_nothing_and_says_so() {
    let stage = Stage::raise(1, MANY).await;
    let row = stage.begun_to_send().await;
    stage.console.cancel_snapshot(&stage.taking().await, &row.id).await.expect("cancelled");
    let row = stage.ended(&row.id).await;
    assert_eq!((row.state, row.problem.as_str()), (SnapshotState::Failed, "It was cancelled"));
    assert_eq!(stage.files(), Vec::<String>::new());
    let again = stage.console.cancel_snapshot(&stage.taking().await, &row.id).await.map_err(Problem::from);
    assert!(again.is_err_and(|problem| problem.title.contains("not being taken")));
    stage.taken().await;
    stage.console.stop().await;
}

#[tokio::test]
async fn a_budget_that_is_too_small_is_told_before_anything_is_written() {
    let stage = Stage::raise(1, 2).await;
    stage.set_budget(4096).await;
    let refused = stage.begin().await.expect_err("too small");
    assert!(refused.title.contains("may hold 1 MiB"), "{refused:?}");
    assert_eq!((stage.files(), stage.store.snapshots_taking().await.expect("rows")), (Vec::new(), Vec::new()));
    stage.console.stop().await;
}

#[tokio::test]
async fn what_a_killed_console_left_is_failed_and_gone_at_the_next_start() {
    let stage = Stage::raise(1, 1).await;
    let good = stage.taken().await;
    let left = Snapshot {
        id: SnapshotId::from_random([9; 10]),
        name: "20260101-000000-orders-etcd-backup.db".into(),
        state: SnapshotState::Taking,
        ..good.clone()
    };
    let mut tx = stage.store.begin().await.expect("a change");
    tx.insert_snapshot(&left).await.expect("a row");
    tx.commit().await.expect("commit");
    assert!(stage.begin().await.is_err_and(|problem| problem.title.contains("being taken")), "one at a time");
    stage.console.stop().await;
    // Killed between the last byte and the row.
    std::fs::write(stage.vault_dir().join(&left.name), b"whole, and not known to be").expect("a file");
    let console =
        Console::new(stage.store.clone(), Arc::new(stage.clock.clone()), Config::new(stage.dir.path().to_owned()));
    console.bring_up().await.expect("up");
    let row = stage.store.snapshot(&left.id).await.expect("read").expect("a row");
    assert_eq!(row.state, SnapshotState::Failed);
    assert!(row.problem.contains("console was stopped"), "{}", row.problem);
    assert_eq!(stage.files(), [good.name.clone(), format!("{}.manifest.json", good.name)]);
    console.stop().await;
}

#[tokio::test]
async fn what_another_keeps_under_the_same_name_in_the_same_place_stays() {
    let stage = Stage::raise(1, 1).await;
    let good = stage.taken().await;
    let place = VaultPlace::Local { directory: stage.vault_dir().to_str().expect("text").to_owned() };
    let twin = NewVault { name: "twin".into(), place, budget: None, recipient: None };
    let global = stage.console.permit(&Actor::cli(), Scope::Global).await.expect("a permit");
    let twin = stage
        .console
        .create_vault(&global, twin, quorate_core::vaults::NewVaultSecrets::default())
        .await
        .expect("a vault");
    let left = Snapshot {
        id: SnapshotId::from_random([9; 10]),
        vault: twin.id,
        cluster: None,
        state: SnapshotState::Taking,
        ..good.clone()
    };
    let mut tx = stage.store.begin().await.expect("a change");
    tx.insert_snapshot(&left).await.expect("a row");
    tx.commit().await.expect("commit");
    stage.console.stop().await;
    let console =
        Console::new(stage.store.clone(), Arc::new(stage.clock.clone()), Config::new(stage.dir.path().to_owned()));
    console.bring_up().await.expect("up");
    assert_eq!(stage.store.snapshot(&left.id).await.expect("read").expect("a row").state, SnapshotState::Failed);
    assert_eq!(stage.files(), [good.name.clone(), format!("{}.manifest.json", good.name)]);
    console.stop().await;
}

#[tokio::test]
async fn no_snapshot_is_begun_beside_a_restore() {
    let stage = Stage::raise(1, 1).await;
    let operation = OperationId::from_random([5; 10]);
    let new = NewOperation {
        id: operation.clone(),
        kind: "restore_in_place".into(),
        kind_version: 1,
        class: OperationClass::Dangerous,
        title: "Restore orders".into(),
        cluster: Some(orders::record(&stage.etcd).id),
        cluster_name: "orders".into(),
        actor: "anna".into(),
        plan_json: "{}".into(),
        view_json: "{\"steps\":[{\"title\":\"first\"}]}".into(),
        step_count: 1,
        hosts: Vec::new(),
        started_at: quorate_domain::Timestamp(100),
    };
    let mut tx = stage.store.begin().await.expect("a change");
    tx.insert_operation(&new).await.expect("an operation");
    tx.commit().await.expect("commit");
    let refused = stage.begin().await.expect_err("beside a restore");
    assert!(refused.title.contains("restores the cluster"), "{refused:?}");
    let mut tx = stage.store.begin().await.expect("a change");
    tx.append_log(&operation, 0, LogKind::Failed, "", quorate_domain::Timestamp(101)).await.expect("failed");
    tx.append_log(&operation, 0, LogKind::HandedOver, "", quorate_domain::Timestamp(102)).await.expect("handed over");
    tx.commit().await.expect("commit");
    stage.taken().await;
    stage.console.stop().await;
}

#[tokio::test]
async fn a_snapshot_that_is_protected_stays_and_one_that_is_deleted_leaves_nothing() {
    let stage = Stage::raise(1, 1).await;
    let row = stage.taken().await;
    let manage = stage.manage().await;
    stage.console.protect_snapshot(&manage, &row.id, true).await.expect("protected");
    let kept = stage.console.delete_snapshot(&manage, &row.id).await.map_err(Problem::from);
    assert!(kept.is_err_and(|problem| problem.title.contains("protected")));
    stage.console.protect_snapshot(&manage, &row.id, false).await.expect("not any more");
    stage.console.delete_snapshot(&manage, &row.id).await.expect("deleted");
    assert_eq!((stage.files(), stage.store.snapshot(&row.id).await.expect("read")), (Vec::new(), None));
    let vault = stage.vault().await;
    assert_eq!((vault.used, vault.snapshots, vault.name.as_str()), (Wide(0), 0, "local"));
    stage.console.stop().await;
}

#[tokio::test]
async fn a_vault_that_cannot_be_used_is_not_kept() {
    let stage = Stage::raise(1, 0).await;
    let file = stage.dir.path().join("a-file");
    std::fs::write(&file, b"").expect("a file");
    let place = VaultPlace::Local { directory: file.display().to_string() };
    let new = NewVault { name: "other".into(), place, budget: None, recipient: None };
    let manage = stage.manage().await;
    let refused = stage.console.create_vault(&manage, new, Default::default()).await;
    assert!(refused.is_err(), "a file is no folder");
    assert_eq!(stage.console.vaults(&stage.view().await).await.expect("vaults").len(), 1);
    stage.etcd.client(0).status(CALL).await.expect("etcd is there");
    stage.console.stop().await;
}
