//! The engine suite: every kind's plan goes through it. Real store, real log; the hands only note what they are told, so
//! that a failure here is a fault of the engine or of the plan's shape. Hosts and etcd are the lab tests' business.

use super::Engine;
use crate::{
    context::{EngineEvents, Inventory, Planner},
    effect::{Action, ClusterTarget, Condition, HostPart, NewCluster, Place, Run},
    error::OperationError,
    executor::{Hands, Task},
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{
    ClusterId, HostId, HostTaskId, KeyFileId, OperationId, SecretId, SnapshotId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::{Contact, Elevation, HostSummary, Trust},
    host_task::HostTask,
    operation::{Choice, LogEntry, LogKind, OperationState, OutputLine, Progress},
    snapshots::{Content, Snapshot},
    wide::Wide,
};
use quorate_etcd::Access;
use quorate_remote::{ConsoleKey, HostPool, Target};
use quorate_store::{KeptKeyFile, MasterKey, Store, StoreError};
use secrecy::SecretString;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::sync::Notify;

mod cancel;

/// What the hands have done and not taken back: (step, place).
#[derive(Default)]
struct World {
    done: Mutex<BTreeSet<(usize, String)>>,
}

/// What the hands do at one step, besides noting it.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// They fail before doing anything.
    Fail(usize),
    /// They do it, and the console dies before it can log so.
    DieAfter(usize),
    /// They take it back, and the console dies before it can log so.
    DieAfterUndo(usize),
    /// They wait for the test while the step runs.
    Pause(usize),
    /// They wait for the test in the middle of the step, and then ask whether to go on.
    Within(usize),
    /// The same, and the console dies once they were told to stop.
    DieWithin(usize),
}

struct NotingHands {
    plan: Plan,
    world: Arc<World>,
    trouble: Trouble,
    paused: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Hands for NotingHands {
    async fn run(
        &self,
        task: &Task,
        place: &Place,
        _unless: Option<&Condition>,
        actions: &[Action],
    ) -> Result<(), OperationError> {
        let lane = self.plan.steps[task.step].lanes.iter().find(|l| l.place == *place).expect("a lane of the plan");
        let forward = actions == lane.actions.as_slice();
        let trouble = self.trouble;
        if forward && trouble == Trouble::Fail(task.step) {
            return Err(OperationError::Verify("told to fail".into()));
        }
        let key = (task.step, place.name().to_owned());
        if forward {
            self.world.done.lock().expect("lock").insert(key);
        } else {
            self.world.done.lock().expect("lock").remove(&key);
        }
        let within = [Trouble::Within(task.step), Trouble::DieWithin(task.step)].contains(&trouble);
        if forward && (within || trouble == Trouble::Pause(task.step)) {
            self.paused.notify_one();
            self.go_on.notified().await;
        }
        if forward && within && (task.cancelled)().await {
            assert!(trouble == Trouble::Within(task.step), "the console dies here");
            return Err(OperationError::Cancelled);
        }
        let dies = if forward { Trouble::DieAfter(task.step) } else { Trouble::DieAfterUndo(task.step) };
        assert!(trouble != dies, "the console dies here");
        Ok(())
    }

    async fn diagnose(&self, _task: &Task, _place: &Place, _commands: &[Run]) {}
}

struct TestInventory(AtomicU8);

#[async_trait]
impl Inventory for TestInventory {
    async fn target(&self, _host: &HostId) -> Result<Target, String> {
        Err("the suite reaches no host".into())
    }
    async fn host(&self, _host: &HostId) -> Result<Option<HostSummary>, StoreError> {
        Ok(None)
    }
    async fn cluster_named(&self, _name: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn all_hosts(&self) -> Result<Vec<HostSummary>, StoreError> {
        Ok(Vec::new())
    }
    async fn all_clusters(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        Ok(Vec::new())
    }
    async fn worked_on(&self, _host: &HostId) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn access(&self, _id: &SecretId) -> Result<Access, String> {
        Err("the suite keeps no secrets".into())
    }
    fn key_changed(&self, _host: &HostId) {}
    async fn register_cluster(&self, _id: &ClusterId, _new: &NewCluster) -> Result<(), String> {
        Ok(())
    }
    async fn forget_cluster(&self, _id: &ClusterId) -> Result<(), String> {
        Ok(())
    }
    async fn cluster(&self, _id: &ClusterId) -> Result<Option<ClusterRecord>, StoreError> {
        Ok(None)
    }
    async fn record_members(&self, _id: &ClusterId, _members: &[ClusterMemberRecord]) -> Result<(), String> {
        Ok(())
    }
    async fn record_quota(&self, _id: &ClusterId, _quota: Wide) -> Result<(), String> {
        Ok(())
    }
    async fn record_token(&self, _id: &ClusterId, _token: &str) -> Result<(), String> {
        Ok(())
    }
    async fn snapshot(&self, _id: &SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }
    async fn fetch_snapshot(&self, _id: &SnapshotId, _to: &Path) -> Result<(), String> {
        Err("the suite keeps no snapshots".into())
    }
    async fn save_snapshot(&self, _by: &OperationId, _cluster: &ClusterId, _member: &str) -> Result<Snapshot, String> {
        Err("the suite keeps no snapshots".into())
    }
    async fn content(&self, _cluster: &ClusterTarget, _member: &str) -> Result<Content, String> {
        Err("the suite reaches no etcd".into())
    }
    async fn revision_marks(&self, _cluster: &ClusterId) -> Result<Vec<(Timestamp, Wide)>, StoreError> {
        Ok(Vec::new())
    }
    async fn newest_snapshot(&self, _cluster: &ClusterId) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }
    fn vault_scratch(&self) -> PathBuf {
        PathBuf::new()
    }
    async fn host_task(&self, _id: &HostTaskId) -> Result<Option<HostTask>, StoreError> {
        Ok(None)
    }
    async fn leave_host_task(&self, _by: &OperationId, _cluster: &ClusterId, _part: &HostPart) -> Result<(), String> {
        Ok(())
    }
    async fn close_host_task(&self, _part: &HostPart) -> Result<(), String> {
        Ok(())
    }
    async fn key_file(&self, _id: &KeyFileId) -> Result<Option<KeptKeyFile>, String> {
        Ok(None)
    }
    async fn key_file_part(&self, _id: &KeyFileId, _number: u32) -> Result<SecretString, String> {
        Err("the suite keeps no files".into())
    }
    async fn begin_key_file(
        &self,
        _id: &KeyFileId,
        _cluster: &ClusterId,
        _by: &OperationId,
        _why: &str,
    ) -> Result<(), String> {
        Ok(())
    }
    async fn add_key_file_part(&self, _id: &KeyFileId, _number: u32, _text: SecretString) -> Result<(), String> {
        Ok(())
    }
    async fn end_key_file(&self, _id: &KeyFileId, _parts: u32, _bytes: u64, _keys: u64) -> Result<(), String> {
        Ok(())
    }
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000)
    }
    fn random(&self) -> [u8; 10] {
        [self.0.fetch_add(1, Ordering::Relaxed); 10]
    }
    fn download_url(&self) -> String {
        String::new()
    }
    fn release_cache(&self) -> PathBuf {
        PathBuf::new()
    }
}

#[derive(Default)]
struct Listener(Notify);

impl EngineEvents for Listener {
    fn moved(&self, _operation: &OperationId, _entry: Option<&LogEntry>, _progress: &Progress) {
        self.0.notify_one();
    }
    fn output(&self, _operation: &OperationId, _lines: &[OutputLine]) {}
}

/// A store with the plan's operation in it, and engines that come and go.
struct Bench {
    plan: Plan,
    store: Store,
    planner: Planner,
    world: Arc<World>,
    id: OperationId,
    paused: Arc<Notify>,
    go_on: Arc<Notify>,
    _dir: tempfile::TempDir,
}

fn dies() {
    panic!("the console dies right after a log entry");
}

impl Bench {
    async fn new(plan: Plan) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let key = MasterKey::load_or_create(dir.path(), None).expect("a key");
        let store = Store::open(dir.path(), key).await.expect("a store");
        let hosts = HostPool::new(&dir.path().join("run"), &ConsoleKey::generate("suite").expect("a key")).await;
        let planner = Planner { inventory: Arc::new(TestInventory(AtomicU8::new(1))), hosts: hosts.expect("a pool") };
        let mut tx = store.begin().await.expect("begins");
        for (n, host) in plan.hosts.iter().enumerate() {
            tx.insert_host(&registered(host, n)).await.expect("a host");
        }
        tx.commit().await.expect("commits");
        let world = Arc::default();
        let (paused, go_on) = (Arc::default(), Arc::default());
        let id = OperationId::from_random([0; 10]);
        let mut bench = Self { plan, store, planner, world, id, paused, go_on, _dir: dir };
        bench.insert().await;
        bench
    }

    async fn insert(&mut self) {
        let engine = self.engine(Trouble::None, None);
        let row = engine.row(&self.plan, "tester", ClusterId::from_random([9; 10])).expect("a row");
        self.id = row.id.clone();
        let mut tx = self.store.begin().await.expect("begins");
        tx.insert_operation(&row).await.expect("inserted");
        tx.commit().await.expect("commits");
    }

    fn engine(&self, trouble: Trouble, abort_after: Option<u32>) -> Engine {
        let hands = NotingHands {
            plan: self.plan.clone(),
            world: self.world.clone(),
            trouble,
            paused: self.paused.clone(),
            go_on: self.go_on.clone(),
        };
        let events = Arc::new(Listener::default());
        Engine::with_hands(self.store.clone(), self.planner.clone(), Arc::new(hands), events, abort_after, dies)
    }

    /// Lets a fresh engine (a console that was just started) work until it rests or dies.
    async fn work(&self, trouble: Trouble, abort_after: Option<u32>) -> OperationState {
        // What `recover` does for a known kind, in a task that the test can join.
        self.settle(&self.engine(trouble, abort_after)).await
    }

    /// Lets each step begin that waits for a person.
    async fn settle(&self, engine: &Engine) -> OperationState {
        loop {
            let state = self.rest(engine).await;
            if state != OperationState::Waiting {
                return state;
            }
            self.press(engine, Choice::Proceed).await;
        }
    }

    async fn rest(&self, engine: &Engine) -> OperationState {
        let id = self.id.clone();
        let driven = engine.clone();
        // A death is a panic of the driving task; joining it is how the test learns of either end.
        let _death_or_rest = tokio::spawn(async move { driven.drive(&id).await }).await;
        self.state().await
    }

    async fn state(&self) -> OperationState {
        self.store.operation(&self.id).await.expect("read").expect("there").state
    }

    async fn press(&self, engine: &Engine, choice: Choice) {
        let row = self.store.operation(&self.id).await.expect("read").expect("there");
        let mut tx = self.store.begin().await.expect("begins");
        engine.steer(&mut tx, &row, choice, "tester").await.expect("open");
        tx.commit().await.expect("commits");
    }

    async fn press_and_work(&self, choice: Choice, trouble: Trouble) -> OperationState {
        let engine = self.engine(trouble, None);
        self.press(&engine, choice).await;
        self.settle(&engine).await
    }

    async fn refuses(&self, choice: Choice) -> bool {
        let row = self.store.operation(&self.id).await.expect("read").expect("there");
        let mut tx = self.store.begin().await.expect("begins");
        let refused = self.engine(Trouble::None, None).steer(&mut tx, &row, choice, "tester").await.is_err();
        tx.rollback().await.expect("rolls back");
        refused
    }

    fn everything(&self) -> BTreeSet<(usize, String)> {
        let steps = self.plan.steps.iter().enumerate();
        steps.flat_map(|(i, s)| s.lanes.iter().map(move |l| (i, l.place.name().to_owned()))).collect()
    }

    fn done(&self) -> BTreeSet<(usize, String)> {
        self.world.done.lock().expect("lock").clone()
    }

    async fn starts(&self) -> usize {
        self.store.log(&self.id).await.expect("log").iter().filter(|e| e.kind == LogKind::Started).count()
    }
}

fn registered(id: &HostId, n: usize) -> HostSummary {
    HostSummary {
        id: id.clone(),
        name: format!("host{n}"),
        address: format!("10.0.0.{n}"),
        port: 22,
        user: "root".into(),
        elevation: Elevation::Root,
        has_password: false,
        trust: Trust::Waiting { offered: vec![] },
        contact: Contact::Never,
        facts: None,
        cluster: None,
        operation: None,
        created_at: Timestamp(0),
    }
}

/// Whether what was done is taken back when `step` has begun.
fn undoable(plan: &Plan, step: usize) -> bool {
    plan.point_of_no_return.is_none_or(|p| step < p as usize)
}

/// The plans of every kind.
fn plans() -> Vec<Plan> {
    use crate::kinds::{
        add_member, adopt_cluster, copy_keys, delete_keys, edit_settings, finish_removal, import_keys, install_cluster,
        move_leader, promote_member, remove_member, repair_drift, replace_member, rescue_cluster, restore_in_place,
        restore_new, return_from_restore, rolling_restart, shrink_cluster, uninstall_cluster, update_member_urls,
    };
    let plans = vec![
        add_member::tests::sample_plan(),
        adopt_cluster::tests::sample_plan(),
        copy_keys::tests::sample_plan(),
        delete_keys::tests::sample_plan(),
        edit_settings::tests::sample_plan(),
        finish_removal::tests::sample_plan(),
        import_keys::tests::sample_plan(),
        install_cluster::tests::sample_plan(),
        move_leader::tests::sample_plan(),
        promote_member::tests::sample_plan(),
        remove_member::tests::sample_plan(),
        repair_drift::tests::sample_plan(),
        replace_member::tests::sample_plan(),
        rescue_cluster::tests::sample_plan(),
        restore_in_place::tests::sample_plan(),
        restore_new::tests::sample_plan(),
        return_from_restore::tests::sample_plan(),
        rolling_restart::tests::sample_plan(),
        shrink_cluster::tests::sample_plan(),
        uninstall_cluster::tests::sample_plan(),
        update_member_urls::tests::sample_plan(),
    ];
    let sampled: BTreeSet<&str> = plans.iter().map(|plan| plan.kind.as_str()).collect();
    let all = crate::kinds::all();
    assert_eq!(sampled, all.iter().map(|kind| kind.name()).collect(), "every kind goes through the suite");
    plans
}

#[tokio::test]
async fn the_straight_way_does_every_lane_once_and_logs_before_each() {
    for plan in plans() {
        let bench = Bench::new(plan).await;
        assert_eq!(bench.work(Trouble::None, None).await, OperationState::Done);
        assert_eq!(bench.done(), bench.everything());
        assert_eq!(bench.starts().await, bench.plan.steps.len());
    }
}

#[tokio::test]
async fn a_step_that_was_done_and_not_logged_is_done_twice_and_nothing_else_changes() {
    for plan in plans() {
        for step in 0..plan.steps.len() {
            let bench = Bench::new(plan.clone()).await;
            assert_eq!(bench.work(Trouble::DieAfter(step), None).await, OperationState::Running);
            assert_eq!(bench.work(Trouble::None, None).await, OperationState::Done);
            assert_eq!(bench.done(), bench.everything());
            assert_eq!(bench.starts().await, bench.plan.steps.len() + 1, "step {step} twice");
        }
    }
}

#[tokio::test]
async fn death_after_each_log_entry_is_resumed() {
    for plan in plans() {
        let waits = plan.steps.iter().filter(|step| step.waits.is_some()).count();
        for entry in 1..u32::try_from(plan.steps.len() * 2 + waits).expect("few") {
            let bench = Bench::new(plan.clone()).await;
            bench.work(Trouble::None, Some(entry)).await;
            assert_eq!(bench.work(Trouble::None, None).await, OperationState::Done, "after entry {entry}");
            assert_eq!(bench.done(), bench.everything());
        }
    }
}

#[tokio::test]
async fn a_failure_at_each_step_can_be_retried_or_taken_back_whole() {
    for plan in plans() {
        for step in 0..plan.steps.len() {
            let bench = Bench::new(plan.clone()).await;
            assert_eq!(bench.work(Trouble::Fail(step), None).await, OperationState::Stuck);
            assert_eq!(bench.press_and_work(Choice::Retry, Trouble::Fail(step)).await, OperationState::Stuck);
            assert_eq!(bench.press_and_work(Choice::Retry, Trouble::None).await, OperationState::Done);
            let bench = Bench::new(plan.clone()).await;
            bench.work(Trouble::Fail(step), None).await;
            if !undoable(&plan, step) {
                assert!(bench.refuses(Choice::Undo).await, "{}: step {step} cannot be taken back", plan.kind);
                continue;
            }
            assert_eq!(bench.press_and_work(Choice::Undo, Trouble::None).await, OperationState::Unwound);
            assert_eq!(bench.done(), BTreeSet::new(), "everything was taken back");
        }
    }
}

#[tokio::test]
async fn an_undo_that_died_in_the_middle_is_undone_twice() {
    for plan in plans() {
        let last = plan.point_of_no_return.map_or(plan.steps.len(), |p| p as usize).saturating_sub(1);
        for step in 0..last {
            let bench = Bench::new(plan.clone()).await;
            bench.work(Trouble::Fail(last), None).await;
            assert_eq!(bench.press_and_work(Choice::Undo, Trouble::DieAfterUndo(step)).await, OperationState::Undoing);
            assert_eq!(bench.work(Trouble::None, None).await, OperationState::Unwound);
            assert_eq!(bench.done(), BTreeSet::new());
        }
    }
}

#[tokio::test]
async fn a_step_that_waits_for_a_person_waits_through_a_restart_and_can_still_be_taken_back() {
    let waiting = plans().into_iter().filter_map(|plan| {
        let step = plan.steps.iter().position(|step| step.waits.is_some())?;
        Some((plan, step))
    });
    let mut seen = 0;
    for (plan, step) in waiting {
        seen += 1;
        let bench = Bench::new(plan).await;
        for _console in 0..2 {
            let engine = bench.engine(Trouble::None, None);
            assert_eq!(bench.rest(&engine).await, OperationState::Waiting, "a restart changes nothing");
            assert!(bench.done().iter().all(|(done, _)| *done < step));
            assert_eq!(bench.starts().await, step);
        }
        assert!(bench.refuses(Choice::Retry).await && bench.refuses(Choice::Cancel).await);
        assert_eq!(bench.store.claims_of_hosts().await.expect("claims").len(), bench.plan.hosts.len());
        // The console dies between the press and the beginning.
        let engine = bench.engine(Trouble::None, None);
        bench.press(&engine, Choice::Proceed).await;
        assert_eq!(bench.rest(&bench.engine(Trouble::None, None)).await, OperationState::Done, "nobody is asked twice");
        let bench = Bench::new(bench.plan.clone()).await;
        bench.rest(&bench.engine(Trouble::None, None)).await;
        assert_eq!(bench.press_and_work(Choice::Undo, Trouble::None).await, OperationState::Unwound);
        assert_eq!(bench.done(), BTreeSet::new(), "everything was taken back");
    }
    assert!(seen > 0, "a kind has such a step");
}

#[tokio::test]
async fn a_handed_over_operation_frees_its_claims_and_an_illegal_choice_is_refused() {
    for plan in plans() {
        let bench = Bench::new(plan).await;
        bench.work(Trouble::Fail(bench.plan.steps.len().min(2) - 1), None).await;
        let engine = bench.engine(Trouble::None, None);
        let row = bench.store.operation(&bench.id).await.expect("read").expect("there");
        let mut tx = bench.store.begin().await.expect("begins");
        assert!(engine.steer(&mut tx, &row, Choice::Cancel, "tester").await.is_err());
        tx.rollback().await.expect("rolls back");
        assert_eq!(bench.store.claims_of_hosts().await.expect("claims").len(), bench.plan.hosts.len());
        let of_clusters = bench.store.claims_of_clusters().await.expect("claims");
        assert_eq!(of_clusters.is_empty(), bench.plan.cluster_name.is_empty(), "{}", bench.plan.kind);
        assert_eq!(bench.press_and_work(Choice::HandOver, Trouble::None).await, OperationState::HandedOver);
        assert!(bench.store.claims_of_hosts().await.expect("claims").is_empty());
        assert!(bench.store.claims_of_clusters().await.expect("claims").is_empty());
    }
}
