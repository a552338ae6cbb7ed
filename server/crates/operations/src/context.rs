//! What the engine is given by `core`: hosts to reach, somebody to tell, a place to put a new cluster. Invariant: the
//! engine never reads users, sessions or secrets by itself.

use crate::effect::{ClusterTarget, HostPart, NewCluster};
use async_trait::async_trait;
use quorate_domain::{
    ClusterId, HostId, HostTaskId, KeyFileId, OperationId, SecretId, SnapshotId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::HostSummary,
    host_task::HostTask,
    operation::{LogEntry, OutputLine, Progress},
    snapshots::{Content, Snapshot},
    wide::Wide,
};
use quorate_etcd::Access;
use quorate_remote::Target;
use quorate_store::{KeptKeyFile, StoreError};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Hosts and clusters as the console knows them.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// How to reach a host, with its sudo password unsealed.
    ///
    /// # Errors
    /// In words: unknown, not trusted, key changed.
    async fn target(&self, host: &HostId) -> Result<Target, String>;

    /// A host's row.
    ///
    /// # Errors
    /// The store failed.
    async fn host(&self, host: &HostId) -> Result<Option<HostSummary>, StoreError>;

    /// Whether a cluster of this name is under management (case-insensitive).
    ///
    /// # Errors
    /// The store failed.
    async fn cluster_named(&self, name: &str) -> Result<bool, StoreError>;

    /// All hosts.
    ///
    /// # Errors
    /// The store failed.
    async fn all_hosts(&self) -> Result<Vec<HostSummary>, StoreError>;

    /// All clusters.
    ///
    /// # Errors
    /// The store failed.
    async fn all_clusters(&self) -> Result<Vec<ClusterRecord>, StoreError>;

    /// Whether this console has ever changed anything on a host.
    ///
    /// # Errors
    /// The store failed.
    async fn worked_on(&self, host: &HostId) -> Result<bool, StoreError>;

    /// What a cluster wants from its clients, unsealed.
    ///
    /// # Errors
    /// In words: there is none of this id, or it cannot be unsealed.
    async fn access(&self, id: &SecretId) -> Result<Access, String>;

    /// A host offered another key than the pinned one: a person has to decide before anything is sent to it again.
    fn key_changed(&self, host: &HostId);

    /// Takes a cluster under management; a second call for the same id changes nothing.
    ///
    /// # Errors
    /// In words.
    async fn register_cluster(&self, id: &ClusterId, new: &NewCluster) -> Result<(), String>;

    /// Takes a cluster out of management; one that is not there is fine.
    ///
    /// # Errors
    /// In words.
    async fn forget_cluster(&self, id: &ClusterId) -> Result<(), String>;

    /// What the console keeps of a cluster.
    ///
    /// # Errors
    /// The store failed.
    async fn cluster(&self, id: &ClusterId) -> Result<Option<ClusterRecord>, StoreError>;

    /// Replaces where the members of a cluster are expected; a second call with the same changes nothing.
    ///
    /// # Errors
    /// In words.
    async fn record_members(&self, id: &ClusterId, members: &[ClusterMemberRecord]) -> Result<(), String>;

    /// Notes the quota of a cluster.
    ///
    /// # Errors
    /// In words.
    async fn record_quota(&self, id: &ClusterId, quota: Wide) -> Result<(), String>;

    /// Notes the token of a cluster.
    ///
    /// # Errors
    /// In words.
    async fn record_token(&self, id: &ClusterId, token: &str) -> Result<(), String>;

    /// A snapshot as the console knows it.
    ///
    /// # Errors
    /// The store failed.
    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, StoreError>;

    /// Reads a snapshot out of its vault into a file of the console's machine: decrypted, its digest right. A second call
    /// for the same file changes nothing; the caller removes it.
    ///
    /// # Errors
    /// In words.
    async fn fetch_snapshot(&self, id: &SnapshotId, to: &Path) -> Result<(), String>;

    /// Takes a snapshot of one member into the default vault; a second call of the same operation finds the first one's.
    ///
    /// # Errors
    /// In words.
    async fn save_snapshot(&self, by: &OperationId, cluster: &ClusterId, member: &str) -> Result<Snapshot, String>;

    /// What a member has, gone through now.
    ///
    /// # Errors
    /// In words.
    async fn content(&self, cluster: &ClusterTarget, member: &str) -> Result<Content, String>;

    /// The revisions that a cluster was seen at, oldest first.
    ///
    /// # Errors
    /// The store failed.
    async fn revision_marks(&self, cluster: &ClusterId) -> Result<Vec<(Timestamp, Wide)>, StoreError>;

    /// The newest good snapshot of a cluster.
    ///
    /// # Errors
    /// The store failed.
    async fn newest_snapshot(&self, cluster: &ClusterId) -> Result<Option<Snapshot>, StoreError>;

    /// A folder of the console's machine for what comes out of a vault and goes on to a host.
    fn vault_scratch(&self) -> PathBuf;

    /// A task that a removal left on a host.
    ///
    /// # Errors
    /// The store failed.
    async fn host_task(&self, id: &HostTaskId) -> Result<Option<HostTask>, StoreError>;

    /// Leaves a task on a host that is not reached; a second call with the same changes nothing.
    ///
    /// # Errors
    /// In words.
    async fn leave_host_task(&self, by: &OperationId, cluster: &ClusterId, part: &HostPart) -> Result<(), String>;

    /// Closes it; one that is not there is fine.
    ///
    /// # Errors
    /// In words.
    async fn close_host_task(&self, part: &HostPart) -> Result<(), String>;

    /// A file of keys that is kept and whole.
    ///
    /// # Errors
    /// In words.
    async fn key_file(&self, id: &KeyFileId) -> Result<Option<KeptKeyFile>, String>;

    /// A part of it, unsealed; numbered from 0.
    ///
    /// # Errors
    /// In words: it was dropped meanwhile, or cannot be unsealed.
    async fn key_file_part(&self, id: &KeyFileId, number: u32) -> Result<SecretString, String>;

    /// Begins a file that an operation keeps; what an earlier try left of it goes.
    ///
    /// # Errors
    /// In words.
    async fn begin_key_file(
        &self,
        id: &KeyFileId,
        cluster: &ClusterId,
        by: &OperationId,
        why: &str,
    ) -> Result<(), String>;

    /// Seals a part and keeps it.
    ///
    /// # Errors
    /// In words.
    async fn add_key_file_part(&self, id: &KeyFileId, number: u32, text: SecretString) -> Result<(), String>;

    /// Ends it: from now on it is there, for some days.
    ///
    /// # Errors
    /// In words: not all of its parts were kept.
    async fn end_key_file(&self, id: &KeyFileId, parts: u32, bytes: u64, keys: u64) -> Result<(), String>;

    /// The console's clock.
    fn now(&self) -> Timestamp;

    /// 80 random bits for an id or a token.
    fn random(&self) -> [u8; 10];

    /// Base of the download URL unless the parameters name one.
    fn download_url(&self) -> String;

    /// Where archives that are pushed are kept.
    fn release_cache(&self) -> PathBuf;
}

/// Told after the log has it; must not block.
pub trait EngineEvents: Send + Sync {
    /// An operation moved on.
    fn moved(&self, operation: &OperationId, entry: Option<&LogEntry>, progress: &Progress);

    /// A step printed something.
    fn output(&self, operation: &OperationId, lines: &[OutputLine]);
}

/// What a kind plans with.
#[derive(Clone)]
pub struct Planner {
    /// Hosts and clusters.
    pub inventory: std::sync::Arc<dyn Inventory>,
    /// SSH.
    pub hosts: quorate_remote::HostPool,
}
