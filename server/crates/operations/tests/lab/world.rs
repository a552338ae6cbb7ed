//! A console that is an engine and little else, over real hosts. Invariant: what it knows outlives it, so that one that was cut
//! down in the middle of a step is followed by one that knows no more than its log.

use async_trait::async_trait;
use quorate_domain::{
    ClusterId, HostId, HostTaskId, KeyFileId, OperationId, SecretId, SnapshotId, Timestamp, VaultId,
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::{Contact, Elevation, HostSummary, Trust},
    host_task::HostTask,
    operation::{Choice, LogEntry, OperationState, OutputLine, Progress, StepState},
    snapshots::{Content, Origin, Snapshot, SnapshotState},
    version::Version,
    wide::Wide,
};
use quorate_etcd::{Access, MemberClient, Range, RangeEnd};
use quorate_operations::{
    Engine, EngineEvents, Inventory, Planner,
    effect::{ClusterTarget, HostPart, NewCluster},
};
use quorate_remote::{ConsoleKey, HostPool, Target};
use quorate_store::{KeptKeyFile, MasterKey, Store, StoreError};
use quorate_testkit::{
    lab::{Lab, LabHost, logins},
    until::until,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A restore takes seconds; a loaded machine may take much longer.
pub const PATIENCE: Duration = Duration::from_secs(180);
const ANSWER: Duration = Duration::from_secs(10);

/// What a console knows, whoever runs it.
pub struct Known {
    hosts: Vec<(HostSummary, Target)>,
    cluster: Mutex<Option<ClusterRecord>>,
    snapshot: Mutex<Option<(Snapshot, PathBuf)>>,
    tasks: Mutex<Vec<HostTask>>,
    planner: Mutex<Option<Planner>>,
    mirror: String,
    dir: PathBuf,
    drawn: AtomicU8,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    /// The cluster as it is kept.
    pub fn record(&self) -> ClusterRecord {
        locked(&self.cluster).clone().expect("a cluster")
    }

    /// What is left to be done on hosts.
    pub fn tasks(&self) -> Vec<HostTask> {
        locked(&self.tasks).clone()
    }

    fn change(&self, change: impl FnOnce(&mut ClusterRecord)) -> Result<(), String> {
        locked(&self.cluster).as_mut().map(change).ok_or_else(|| "no cluster".into())
    }
}

#[async_trait]
impl Inventory for Known {
    async fn target(&self, host: &HostId) -> Result<Target, String> {
        let known = self.hosts.iter().find(|(summary, _)| summary.id == *host);
        known.map(|(_, target)| target.clone()).ok_or_else(|| "unknown".into())
    }
    async fn host(&self, host: &HostId) -> Result<Option<HostSummary>, StoreError> {
        Ok(self.hosts.iter().find(|(summary, _)| summary.id == *host).map(|(summary, _)| summary.clone()))
    }
    async fn cluster_named(&self, _name: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn all_hosts(&self) -> Result<Vec<HostSummary>, StoreError> {
        Ok(self.hosts.iter().map(|(summary, _)| summary.clone()).collect())
    }
    async fn all_clusters(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        Ok(locked(&self.cluster).iter().cloned().collect())
    }
    async fn worked_on(&self, _host: &HostId) -> Result<bool, StoreError> {
        Ok(true)
    }
    async fn access(&self, _id: &SecretId) -> Result<Access, String> {
        Err("no secrets here".into())
    }
    fn key_changed(&self, _host: &HostId) {}
    async fn register_cluster(&self, id: &ClusterId, new: &NewCluster) -> Result<(), String> {
        let NewCluster { name, scheme, reach, version, token, quota, members, adopted, access } = new.clone();
        let (id, created_at) = (id.clone(), self.now());
        let record =
            ClusterRecord { id, name, scheme, reach, version, token, quota, members, created_at, adopted, access };
        *locked(&self.cluster) = Some(record);
        Ok(())
    }
    async fn forget_cluster(&self, _id: &ClusterId) -> Result<(), String> {
        *locked(&self.cluster) = None;
        Ok(())
    }
    async fn cluster(&self, _id: &ClusterId) -> Result<Option<ClusterRecord>, StoreError> {
        Ok(locked(&self.cluster).clone())
    }
    async fn record_members(&self, _id: &ClusterId, members: &[ClusterMemberRecord]) -> Result<(), String> {
        self.change(|record| record.members = members.to_vec())
    }
    async fn record_quota(&self, _id: &ClusterId, quota: Wide) -> Result<(), String> {
        self.change(|record| record.quota = quota)
    }
    async fn record_token(&self, _id: &ClusterId, token: &str) -> Result<(), String> {
        self.change(|record| record.token = token.to_owned())
    }
    async fn snapshot(&self, _id: &SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        Ok(locked(&self.snapshot).clone().map(|(snapshot, _)| snapshot))
    }
    async fn fetch_snapshot(&self, _id: &SnapshotId, to: &Path) -> Result<(), String> {
        let (_, from) = locked(&self.snapshot).clone().ok_or("no snapshot")?;
        tokio::fs::copy(from, to).await.map(drop).map_err(|error| error.to_string())
    }
    async fn save_snapshot(&self, _by: &OperationId, _cluster: &ClusterId, _member: &str) -> Result<Snapshot, String> {
        locked(&self.snapshot).clone().map(|(snapshot, _)| snapshot).ok_or_else(|| "no snapshot".into())
    }
    async fn content(&self, cluster: &ClusterTarget, member: &str) -> Result<Content, String> {
        let planner = locked(&self.planner).clone().ok_or("no planner")?;
        let target = cluster.members.iter().find(|m| m.name == member).ok_or("no member")?;
        content(&planner.client(cluster, target).await?).await
    }
    async fn revision_marks(&self, _cluster: &ClusterId) -> Result<Vec<(Timestamp, Wide)>, StoreError> {
        Ok(Vec::new())
    }
    async fn newest_snapshot(&self, _cluster: &ClusterId) -> Result<Option<Snapshot>, StoreError> {
        Ok(locked(&self.snapshot).clone().map(|(snapshot, _)| snapshot))
    }
    fn vault_scratch(&self) -> PathBuf {
        self.dir.clone()
    }
    async fn host_task(&self, id: &HostTaskId) -> Result<Option<HostTask>, StoreError> {
        Ok(locked(&self.tasks).iter().find(|task| task.id == *id).cloned())
    }
    async fn leave_host_task(&self, by: &OperationId, cluster: &ClusterId, part: &HostPart) -> Result<(), String> {
        let part = part.clone();
        let task = HostTask {
            id: HostTaskId::from_random(self.random()),
            host: part.host,
            host_name: part.host_name,
            cluster: cluster.clone(),
            cluster_name: part.cluster_name,
            member: part.member,
            peer_url: part.peer_url,
            data_dir: part.data_dir,
            layout: part.layout,
            cluster_token: part.cluster_token,
            token: part.token,
            left_by: by.clone(),
            rescued: true,
            attempt: None,
            problem: String::new(),
            created_at: self.now(),
        };
        let mut tasks = locked(&self.tasks);
        if !tasks.iter().any(|other| other.host == task.host && other.token == task.token) {
            tasks.push(task);
        }
        Ok(())
    }
    async fn close_host_task(&self, part: &HostPart) -> Result<(), String> {
        locked(&self.tasks).retain(|task| task.host != part.host || task.token != part.token);
        Ok(())
    }
    async fn key_file(&self, _id: &KeyFileId) -> Result<Option<KeptKeyFile>, String> {
        Ok(None)
    }
    async fn key_file_part(&self, _id: &KeyFileId, _number: u32) -> Result<SecretString, String> {
        Err("no files here".into())
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
        [self.drawn.fetch_add(1, Ordering::Relaxed); 10]
    }
    fn download_url(&self) -> String {
        self.mirror.clone()
    }
    fn release_cache(&self) -> PathBuf {
        self.dir.join("releases")
    }
}

/// All that a member has: few keys, so one page.
async fn content(client: &MemberClient) -> Result<Content, String> {
    let all = Range { end: RangeEnd::Last, ..Range::default() };
    let reply = client.range(&all, ANSWER).await.map_err(|error| error.to_string())?;
    let mut hash = Sha256::new();
    for pair in &reply.pairs {
        for bytes in [&pair.key, &pair.value] {
            hash.update(u32::try_from(bytes.len()).expect("short").to_le_bytes());
            hash.update(bytes);
        }
        hash.update(pair.mod_revision.to_le_bytes());
    }
    let keys = Wide(u64::try_from(reply.pairs.len()).expect("few"));
    Ok(Content { keys, digest: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect() })
}

struct Nobody;

impl EngineEvents for Nobody {
    fn moved(&self, _operation: &OperationId, _entry: Option<&LogEntry>, _progress: &Progress) {}
    fn output(&self, _operation: &OperationId, _lines: &[OutputLine]) {}
}

/// A running console, with a runtime of its own that can be cut down.
struct Console {
    runtime: Runtime,
    engine: Engine,
}

/// Hosts, what is known of them, and a console.
pub struct World {
    pub lab: Lab,
    pub known: Arc<Known>,
    store: Store,
    key: ConsoleKey,
    console: Option<Console>,
    launched: u32,
    dir: TempDir,
}

impl World {
    /// `hosts` fresh hosts, of which the first `members` carry the cluster `demo`.
    pub async fn new(hosts: usize, members: usize) -> Self {
        let lab = Lab::lease(hosts).await;
        let key = ConsoleKey::generate("quorate test").expect("a key");
        lab.authorize(&key.public_line()).await;
        // A short path: sockets of ssh lie below it.
        let dir = tempfile::Builder::new().prefix("q").tempdir_in("/tmp").expect("a directory");
        let master = MasterKey::load_or_create(dir.path(), None).expect("a key");
        let store = Store::open(dir.path(), master).await.expect("a store");
        let hosts: Vec<_> = lab.hosts().iter().map(|host| registered(&lab, host)).collect();
        let mut tx = store.begin().await.expect("begins");
        for (host, _) in &hosts {
            tx.insert_host(host).await.expect("a host");
        }
        tx.commit().await.expect("commits");
        let known = Arc::new(Known {
            hosts,
            cluster: Mutex::default(),
            snapshot: Mutex::default(),
            tasks: Mutex::default(),
            planner: Mutex::default(),
            mirror: lab.mirror(),
            dir: dir.path().to_owned(),
            drawn: AtomicU8::new(1),
        });
        let mut world = Self { lab, known, store, key, console: None, launched: 0, dir };
        world.launch().await;
        let operation = world.start("install_cluster", world.install("demo", 0..members)).await;
        world.rests(&operation, OperationState::Done).await;
        world
    }

    /// Parameters of an install of some of the hosts.
    pub fn install(&self, name: &str, hosts: std::ops::Range<usize>) -> Value {
        let member = |(host, _): &(HostSummary, Target)| json!({"host": host.id, "name": host.name});
        let members: Vec<Value> = self.known.hosts[hosts].iter().map(member).collect();
        json!({"name": name, "members": members, "version": "3.5.16", "download_url": self.known.mirror})
    }

    /// Starts a console that knows what is known and has a log.
    pub async fn launch(&mut self) {
        let runtime = Runtime::new().expect("a runtime");
        let (store, known, key) = (self.store.clone(), self.known.clone(), self.key.clone());
        self.launched += 1;
        let run = self.dir.path().join(format!("r{}", self.launched));
        let made = runtime.spawn(async move {
            let hosts = HostPool::new(&run, &key).await.expect("a pool");
            let planner = Planner { inventory: known.clone(), hosts };
            *locked(&known.planner) = Some(planner.clone());
            let engine = Engine::new(store, planner, Arc::new(Nobody), None);
            engine.recover().await.expect("recovers");
            engine
        });
        let engine = made.await.expect("an engine");
        self.console = Some(Console { runtime, engine });
    }

    /// Cuts the console down, whatever it does.
    pub fn kill(&mut self) {
        if let Some(console) = self.console.take() {
            console.runtime.shutdown_background();
        }
    }

    /// Runs `work` where the console runs.
    async fn on_console<T: Send + 'static>(&self, work: impl AsyncFnOnce(Engine, Store) -> T + Send + 'static) -> T {
        let console = self.console.as_ref().expect("a console");
        let (engine, store) = (console.engine.clone(), self.store.clone());
        let handle = console.runtime.handle().clone();
        // Futures of the engine are not all Send by name; a thread that blocks on them needs no such promise.
        let ran = tokio::task::spawn_blocking(move || handle.block_on(work(engine, store)));
        ran.await.expect("runs")
    }

    /// Plans and starts an operation; fails unless it can start.
    pub async fn start(&self, kind: &'static str, params: Value) -> OperationId {
        let cluster = ClusterId::from_random([9; 10]);
        self.on_console(async move |engine, store| {
            let plan = engine.plan(kind, params).await.unwrap_or_else(|error| panic!("{error:?}"));
            assert!(plan.startable(), "{:?}", plan.checks);
            let row = engine.row(&plan, "tester", plan.cluster.clone().unwrap_or(cluster)).expect("a row");
            let mut tx = store.begin().await.expect("begins");
            tx.insert_operation(&row).await.expect("inserted");
            tx.commit().await.expect("commits");
            engine.resume(row.id.clone());
            row.id
        })
        .await
    }

    /// Presses a choice.
    pub async fn press(&self, id: &OperationId, choice: Choice) {
        let id = id.clone();
        self.on_console(async move |engine, store| {
            let row = store.operation(&id).await.expect("read").expect("there");
            let mut tx = store.begin().await.expect("begins");
            engine.steer(&mut tx, &row, choice, "tester").await.unwrap_or_else(|error| panic!("{error}"));
            tx.commit().await.expect("commits");
            engine.resume(id);
        })
        .await;
    }

    pub async fn state(&self, id: &OperationId) -> (OperationState, Vec<StepState>, String) {
        let row = self.store.operation(id).await.expect("read").expect("there");
        let log = self.store.log(id).await.expect("log");
        let progress = Progress::replay(row.step_count as usize, &log).expect("legal");
        (progress.state, progress.steps, row.reason)
    }

    /// Waits until the operation rests, which must be in this state.
    pub async fn rests(&self, id: &OperationId, wanted: OperationState) {
        until(PATIENCE, "the operation rests", async || !self.state(id).await.0.active()).await;
        let (state, steps, reason) = self.state(id).await;
        assert_eq!(state, wanted, "{reason} {steps:?}");
    }

    /// Keys of the stored plan's steps.
    pub async fn keys(&self, id: &OperationId) -> Vec<String> {
        let row = self.store.operation(id).await.expect("read").expect("there");
        let plan: Value = serde_json::from_str(&row.plan_json).expect("a plan");
        let steps = plan["steps"].as_array().expect("steps").iter();
        steps.map(|step| step["key"].as_str().expect("a key").to_owned()).collect()
    }

    /// etcdctl on the first host; fails unless it succeeds.
    pub async fn etcdctl(&self, words: &str) -> String {
        self.lab.exec(&self.lab.hosts()[0], &format!("etcdctl --command-timeout=5s {words}")).await
    }

    /// Takes a snapshot of the first member, which operations find from then on.
    pub async fn take(&self) -> Snapshot {
        let first = &self.lab.hosts()[0];
        self.etcdctl("snapshot save /var/tmp/taken.db >/dev/null").await;
        let bytes = self.lab.try_exec(first, "cat /var/tmp/taken.db").await.stdout;
        let path = self.dir.path().join("taken.db");
        std::fs::write(&path, &bytes).expect("written");
        let record = self.known.record();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let content = self.content().await;
        let size = Wide(u64::try_from(bytes.len()).expect("small"));
        let snapshot = Snapshot {
            id: SnapshotId::from_random([7; 10]),
            vault: VaultId::from_random([7; 10]),
            cluster: Some(record.id.clone()),
            cluster_name: record.name.clone(),
            name: "taken.db".into(),
            state: SnapshotState::Good,
            at: self.known.now(),
            actor: "tester".into(),
            origin: Origin::Asked,
            member: record.members[0].name.clone(),
            etcd_cluster: String::new(),
            version: Some(Version::new(3, 5, 16)),
            revision: Some(Wide(1)),
            bytes: size,
            expected: size,
            sha256,
            sealed_by_etcd: Some(true),
            content: Some(content),
            encrypted: false,
            protected: false,
            problem: String::new(),
        };
        *locked(&self.known.snapshot) = Some((snapshot.clone(), path));
        snapshot
    }

    /// What the cluster has now, as its first member says.
    pub async fn content(&self) -> Content {
        let (known, record) = (self.known.clone(), self.known.record());
        self.on_console(async move |_, _| {
            known.content(&ClusterTarget::from(&record), &record.members[0].name).await.expect("content")
        })
        .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

fn registered(lab: &Lab, host: &LabHost) -> (HostSummary, Target) {
    let id = HostId::from_random([host.number; 10]);
    let summary = HostSummary {
        id: id.clone(),
        name: host.name.clone(),
        address: host.address.clone(),
        port: 22,
        user: logins::SUDO.into(),
        elevation: Elevation::Sudo,
        has_password: false,
        trust: Trust::Trusted { keys: vec![] },
        contact: Contact::Never,
        facts: None,
        cluster: None,
        operation: None,
        created_at: Timestamp(0),
    };
    let target = Target {
        id,
        name: host.name.clone(),
        address: host.address.clone(),
        port: 22,
        user: logins::SUDO.into(),
        elevation: Elevation::Sudo,
        pinned: lab.host_keys(host),
        sudo_password: None,
    };
    (summary, target)
}
