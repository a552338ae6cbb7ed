//! What the engine is given: hosts with their secrets unsealed, and somebody to tell. Invariant: a host whose key is
//! not trusted, or has changed, is never handed out.

use crate::{
    console::Console,
    error::{CoreError, chain},
    keys::KEPT_MILLIS,
};
use quorate_domain::{
    ClusterId, HostId, HostTaskId, KeyFileId, OperationId, Problem, SecretId, SnapshotId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::{Elevation, HostSummary, Trust},
    host_task::HostTask,
    keys::KeyFile,
    live::LiveMessage,
    operation::{LogEntry, OperationSummary, OutputLine, Progress, StepState},
    snapshots::{Content, Snapshot, SnapshotState},
    wide::Wide,
};
use quorate_etcd::{Access, content};
use quorate_operations::{
    EngineEvents, Inventory,
    effect::{ClusterTarget, HostPart, NewCluster},
};
use quorate_remote::{Host, RemoteError, Target};
use quorate_store::{KeptKeyFile, StoreError};
use secrecy::SecretString;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The engine's view of the console.
pub(crate) struct ConsoleInventory(Console);

impl ConsoleInventory {
    pub(crate) fn new(console: Console) -> Self {
        Self(console)
    }
}

impl ConsoleInventory {
    /// Shows what was changed in the record of a cluster.
    async fn recorded(&self, id: &ClusterId) -> Result<(), String> {
        let record = self.0.0.store.cluster(id).await.map_err(words)?;
        let record = record.ok_or("the cluster is not under management any more")?;
        self.0.runtime().map_err(words)?.live.set_record(record.clone());
        self.0.look_at_units_soon(&record);
        Ok(())
    }
}

fn words(error: impl std::error::Error) -> String {
    chain(&error)
}

impl Console {
    /// How to reach a host, if it may be reached.
    pub(crate) async fn target(&self, id: &HostId) -> Result<Target, String> {
        let row = self.0.store.host(id).await.map_err(words)?;
        let row = row.ok_or_else(|| format!("the host {id} is not registered any more"))?;
        let pinned = match row.trust {
            Trust::Trusted { keys } => keys.into_iter().map(|k| k.public_key).collect(),
            Trust::Waiting { .. } => {
                return Err("its host key is not trusted yet: compare and trust it on its page".into());
            }
            Trust::Changed { .. } => {
                return Err("its host key has changed: nothing is sent to it until a person decides on its page".into());
            }
        };
        let sudo_password = match row.elevation {
            Elevation::SudoPassword => self.0.store.host_password(id).await.map_err(words)?,
            _ => None,
        };
        let (name, address, port, user, elevation) = (row.name, row.address, row.port, row.user, row.elevation);
        Ok(Target { id: id.clone(), name, address, port, user, elevation, pinned, sudo_password })
    }
}

impl Console {
    /// The connection to a host, if it may be reached; a host key that has changed is noted.
    pub(crate) async fn connected(&self, id: &HostId) -> Result<Arc<Host>, String> {
        let target = self.target(id).await?;
        self.runtime().map_err(words)?.pool.host(&target).await.map_err(|error| {
            if matches!(error, RemoteError::HostKeyChanged { .. }) {
                self.look_again(id);
            }
            words(error)
        })
    }
}

#[async_trait::async_trait]
impl Inventory for ConsoleInventory {
    async fn target(&self, host: &HostId) -> Result<Target, String> {
        self.0.target(host).await
    }

    async fn host(&self, host: &HostId) -> Result<Option<HostSummary>, StoreError> {
        self.0.0.store.host(host).await
    }

    async fn cluster_named(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.0.store.cluster_by_name(name).await?.is_some())
    }

    async fn all_hosts(&self) -> Result<Vec<HostSummary>, StoreError> {
        self.0.0.store.hosts().await
    }

    async fn all_clusters(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        self.0.0.store.clusters().await
    }

    async fn worked_on(&self, host: &HostId) -> Result<bool, StoreError> {
        self.0.0.store.worked_on(host).await
    }

    async fn access(&self, id: &SecretId) -> Result<Access, String> {
        self.0.access(id).await
    }

    fn key_changed(&self, host: &HostId) {
        self.0.look_again(host);
    }

    async fn register_cluster(&self, id: &ClusterId, new: &NewCluster) -> Result<(), String> {
        let record = record(id, new, self.now());
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.insert_cluster(&record).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.0.watch_cluster(record).map_err(words)
    }

    async fn forget_cluster(&self, id: &ClusterId) -> Result<(), String> {
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.take_back_cluster(id).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        let runtime = self.0.runtime().map_err(words)?;
        runtime.live.forget(id);
        runtime.keys.forget(id);
        Ok(())
    }

    async fn cluster(&self, id: &ClusterId) -> Result<Option<ClusterRecord>, StoreError> {
        self.0.0.store.cluster(id).await
    }

    async fn record_members(&self, id: &ClusterId, members: &[ClusterMemberRecord]) -> Result<(), String> {
        let before = self.0.0.store.cluster(id).await.map_err(words)?;
        if before.is_some_and(|record| record.members == members) {
            return Ok(());
        }
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.set_cluster_members(id, members).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.recorded(id).await
    }

    async fn record_quota(&self, id: &ClusterId, quota: Wide) -> Result<(), String> {
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.set_cluster_quota(id, quota).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.recorded(id).await
    }

    async fn record_token(&self, id: &ClusterId, token: &str) -> Result<(), String> {
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.set_cluster_token(id, token).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.recorded(id).await
    }

    async fn host_task(&self, id: &HostTaskId) -> Result<Option<HostTask>, StoreError> {
        self.0.0.store.host_task(id).await
    }

    async fn leave_host_task(&self, by: &OperationId, cluster: &ClusterId, part: &HostPart) -> Result<(), String> {
        let HostPart { host, host_name, cluster_name, member, peer_url, data_dir, layout, cluster_token, token } =
            part.clone();
        let task = HostTask {
            id: HostTaskId::from_random(self.random()),
            host,
            host_name,
            cluster: cluster.clone(),
            cluster_name,
            member,
            peer_url,
            data_dir,
            layout,
            cluster_token,
            token,
            left_by: by.clone(),
            rescued: false,
            attempt: None,
            problem: String::new(),
            created_at: self.now(),
        };
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.leave_host_task(&task).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.0.tell(LiveMessage::HostChanged { host: task.host });
        Ok(())
    }

    async fn close_host_task(&self, part: &HostPart) -> Result<(), String> {
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.close_host_task(&part.host, &part.data_dir, &part.token).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
        self.0.tell(LiveMessage::HostChanged { host: part.host.clone() });
        Ok(())
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        self.0.0.store.snapshot(id).await
    }

    async fn fetch_snapshot(&self, id: &SnapshotId, to: &Path) -> Result<(), String> {
        if let Some(folder) = to.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        self.0.fetch_snapshot(id, to).await
    }

    async fn save_snapshot(&self, by: &OperationId, cluster: &ClusterId, member: &str) -> Result<Snapshot, String> {
        self.0.save_snapshot(by, cluster, member).await
    }

    async fn content(&self, cluster: &ClusterTarget, member: &str) -> Result<Content, String> {
        let found = cluster.members.iter().find(|known| known.name == member);
        let found = found.ok_or_else(|| format!("{member} is no member of {}", cluster.name))?;
        let engine = &self.0.runtime().map_err(words)?.engine;
        let client = engine.planner().client(cluster, found).await?;
        Ok(content(&client, None).await.map_err(|error| error.to_string())?.content)
    }

    async fn revision_marks(&self, cluster: &ClusterId) -> Result<Vec<(Timestamp, Wide)>, StoreError> {
        self.0.0.store.revision_marks(cluster).await
    }

    async fn newest_snapshot(&self, cluster: &ClusterId) -> Result<Option<Snapshot>, StoreError> {
        self.0.0.store.newest_snapshot(cluster, Some(SnapshotState::Good)).await
    }

    fn vault_scratch(&self) -> PathBuf {
        self.0.scratch()
    }

    async fn key_file(&self, id: &KeyFileId) -> Result<Option<KeptKeyFile>, String> {
        self.0.0.store.key_file(id, self.now()).await.map_err(words)
    }

    async fn key_file_part(&self, id: &KeyFileId, number: u32) -> Result<SecretString, String> {
        self.0.0.store.key_file_part(id, number).await.map_err(words)
    }

    async fn begin_key_file(
        &self,
        id: &KeyFileId,
        cluster: &ClusterId,
        by: &OperationId,
        why: &str,
    ) -> Result<(), String> {
        let file = KeyFile {
            id: id.clone(),
            cluster: cluster.clone(),
            name: "keys.ndjson".into(),
            bytes: Wide(0),
            keys: Wide(0),
            at: self.now(),
            actor: by.to_string(),
            why: why.to_owned(),
            until: self.now().plus_millis(KEPT_MILLIS),
        };
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        // What is kept is the way back: it is refused before anything is changed, and never once it was begun.
        self.0.make_room(&mut tx, cluster, by.as_str(), 0).await.map_err(|full| {
            let Problem { title, detail, .. } = full.into();
            format!("{title}. {detail}")
        })?;
        tx.begin_key_file(&file).await.map_err(words)?;
        tx.commit().await.map_err(words)
    }

    async fn add_key_file_part(&self, id: &KeyFileId, number: u32, text: SecretString) -> Result<(), String> {
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.insert_key_file_part(id, number, &text).await.map_err(words)?;
        tx.commit().await.map_err(words)
    }

    async fn end_key_file(&self, id: &KeyFileId, parts: u32, bytes: u64, keys: u64) -> Result<(), String> {
        let until = self.now().plus_millis(KEPT_MILLIS);
        let mut tx = self.0.0.store.begin().await.map_err(words)?;
        tx.end_key_file(id, parts, (bytes, keys), until).await.map_err(words)?;
        tx.commit().await.map_err(words)
    }

    fn now(&self) -> Timestamp {
        self.0.0.clock.now()
    }

    fn random(&self) -> [u8; 10] {
        self.0.random()
    }

    fn download_url(&self) -> String {
        self.0.0.config.etcd_download_url.clone()
    }

    fn release_cache(&self) -> PathBuf {
        self.0.0.config.release_cache()
    }
}

fn record(id: &ClusterId, new: &NewCluster, created_at: Timestamp) -> ClusterRecord {
    ClusterRecord {
        id: id.clone(),
        name: new.name.clone(),
        scheme: new.scheme,
        reach: new.reach,
        version: new.version,
        token: new.token.clone(),
        quota: new.quota,
        members: new.members.clone(),
        created_at,
        adopted: new.adopted,
        access: new.access.clone(),
    }
}

/// Turns the engine's news into messages for open tabs, in the order in which they came.
pub(crate) struct Broadcast {
    console: Console,
    news: mpsc::UnboundedSender<(OperationId, Option<LogEntry>, Vec<StepState>)>,
}

impl Broadcast {
    /// Within a runtime; its task ends with the engine that holds it.
    pub(crate) fn new(console: Console) -> Self {
        let (news, mut come) = mpsc::unbounded_channel();
        let teller = console.clone();
        tokio::spawn(async move {
            while let Some((id, entry, steps)) = come.recv().await {
                teller.tell_moved(&id, entry, steps).await;
            }
        });
        Self { console, news }
    }
}

impl EngineEvents for Broadcast {
    fn moved(&self, operation: &OperationId, entry: Option<&LogEntry>, progress: &Progress) {
        // The receiver ends with the process only.
        let _ = self.news.send((operation.clone(), entry.cloned(), progress.steps.clone()));
    }

    fn output(&self, operation: &OperationId, lines: &[OutputLine]) {
        self.console.tell(LiveMessage::Output { operation: operation.clone(), lines: lines.to_vec() });
    }
}

impl Console {
    /// At boot: tabs and clusters know of what an ended console left, also of what rests and waits for a person.
    pub(crate) async fn show_unfinished(&self) -> Result<(), CoreError> {
        for row in self.0.store.unfinished_operations().await? {
            let summary = self.operation_summary(&row.id).await?;
            self.note_on_cluster(&summary);
            let log = self.0.store.log(&row.id).await?;
            let steps = Progress::replay(row.step_count as usize, &log).map(|p| p.steps).unwrap_or_default();
            self.tell(LiveMessage::Operation { summary, steps, entry: None });
        }
        Ok(())
    }

    /// The row is read back rather than carried along, so that a tab never sees more than the database holds.
    async fn tell_moved(&self, id: &OperationId, entry: Option<LogEntry>, steps: Vec<StepState>) {
        match self.operation_summary(id).await {
            Ok(summary) => {
                self.note_on_cluster(&summary);
                if !summary.state.unfinished() {
                    self.look_at_units_of(summary.cluster.as_ref()).await;
                }
                self.tell(LiveMessage::Operation { summary, steps, entry });
            }
            Err(error) => tracing::warn!(operation = %id, error = chain(&error), "tabs were not told"),
        }
    }

    /// What an operation did to units is shown when it has ended, and not when their turn comes.
    async fn look_at_units_of(&self, cluster: Option<&ClusterId>) {
        let Some(id) = cluster else { return };
        match self.0.store.cluster(id).await {
            Ok(Some(record)) => self.look_at_units_soon(&record),
            Ok(None) => {}
            Err(error) => tracing::warn!(cluster = %id, error = chain(&error), "units were not looked at"),
        }
    }

    /// A cluster's view names the unfinished operation that works on it.
    fn note_on_cluster(&self, summary: &OperationSummary) {
        if let (Some(cluster), Ok(runtime)) = (&summary.cluster, self.runtime()) {
            let working = summary.state.unfinished().then(|| summary.id.clone());
            runtime.live.set_operation(cluster, working);
        }
    }

    /// Sends a message to every open tab.
    pub(crate) fn tell(&self, message: LiveMessage) {
        if let Ok(runtime) = self.runtime() {
            runtime.live.tell(message);
        }
    }
}
