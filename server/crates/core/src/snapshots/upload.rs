//! Snapshots that somebody brings. Invariant: streamed into the vault, never held; good only when all of it came and it is a database
//! whose trailing digest, if it has one, is right; one that breaks off leaves nothing, neither in the vault nor as a row.

use super::room;
use crate::{
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
    vaults::vault_problem,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use quorate_domain::{
    ClusterId, Problem, ProblemKind, VaultId,
    live::LiveMessage,
    snapshots::{Manifest, Origin, Snapshot, SnapshotState, Vault},
    wide::Wide,
};
use quorate_vault::{Shape, Vault as Place, VaultError, Writer, Written, names};
use std::time::Duration;
use tokio::time::timeout;

/// How long the next bytes may be on their way.
const CHUNK: Duration = Duration::from_secs(60);
/// What a file is named after that nobody named.
const NAMELESS: &str = "uploaded";

/// What somebody brings.
#[derive(Clone, Debug, Default)]
pub struct NewUpload {
    /// The cluster it is of, if the console knows it.
    pub cluster: Option<ClusterId>,
    /// Where it goes; the oldest vault if none.
    pub vault: Option<VaultId>,
    /// What it is called where it is of no cluster.
    pub name: String,
    /// Bytes of the file, where they are known.
    pub bytes: Option<u64>,
}

/// An upload on its way.
struct Job {
    vault: Vault,
    place: Place,
    snapshot: Snapshot,
    cluster: Option<ClusterId>,
    draft: AuditDraft,
}

impl Console {
    /// Takes a database in, and answers when it is good. What is in it is not known before it was checked. Dropping the future
    /// does not end it; the end of `body` does.
    ///
    /// # Errors
    /// `Invalid` at `file` for what is no whole database; `Conflict` when the vault has no room; `NotFound`.
    pub async fn upload_snapshot<E: std::fmt::Display + Send + 'static>(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        new: NewUpload,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    ) -> Result<Snapshot, CoreError> {
        let job = self.begin_upload(permit, &new).await?;
        let console = self.clone();
        // In a task of its own: whoever hangs up drops the request, and what came so far has to go all the same.
        let task = tokio::spawn(async move { console.see_upload_through(job, new.bytes, body).await });
        task.await.map_err(|error| CoreError::caused("an upload broke", error))?
    }

    async fn begin_upload(&self, permit: &Permit<act::ManageSnapshots>, new: &NewUpload) -> Result<Job, CoreError> {
        let row = match &new.vault {
            Some(id) => self.vault_row(id).await?,
            None => self.default_vault().await?,
        };
        let cluster_name = match &new.cluster {
            Some(cluster) => self.record_of(cluster).await?.name,
            None if new.name.trim().is_empty() => NAMELESS.to_owned(),
            None => new.name.chars().filter(|c| !c.is_control()).take(60).collect(),
        };
        room::within_budget(&row.vault, new.bytes.unwrap_or_default())?;
        let place = self.place(&row).await?;
        let by = (permit.actor().label(), Origin::Upload);
        // It claims no cluster while it comes: a slow line must not stop schedules.
        let blank = self.blank_snapshot(&row.vault, cluster_name, self.0.clock.now(), by).await?;
        let snapshot = Snapshot { expected: Wide(new.bytes.unwrap_or_default()), ..blank };
        let mut tx = self.0.store.begin().await?;
        tx.insert_snapshot(&snapshot).await?;
        tx.commit().await?;
        let draft = AuditDraft::by(permit.actor(), "snapshot.upload", &snapshot.name).detail(&row.vault.name);
        Ok(Job { vault: row.vault, place, snapshot, cluster: new.cluster.clone(), draft })
    }

    async fn see_upload_through<E: std::fmt::Display>(
        &self,
        job: Job,
        bytes: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Snapshot, CoreError> {
        let (id, name, place) = (job.snapshot.id.clone(), job.snapshot.name.clone(), job.place.clone());
        match self.upload(job, bytes, body).await {
            Ok(good) => Ok(good),
            Err(error) => {
                if let Err(error) = room::delete_own(&place, &id, &name).await {
                    tracing::warn!(snapshot = name, error = chain(&error), "what is left of an upload was not deleted");
                }
                let mut tx = self.0.store.begin().await?;
                tx.fail_snapshot(&id, "It broke off").await?;
                tx.delete_snapshot(&id).await?;
                tx.commit().await?;
                self.tell(LiveMessage::SnapshotGone { snapshot: id });
                Err(error)
            }
        }
    }

    async fn upload<E: std::fmt::Display>(
        &self,
        job: Job,
        bytes: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Snapshot, CoreError> {
        let Job { vault, place, mut snapshot, cluster, draft } = job;
        let writer = place.writer(&snapshot.name, Shape::Database, bytes).await.map_err(vault_problem)?;
        let written = drain(writer, &vault, bytes, body).await?;
        snapshot.bytes = Wide(written.bytes);
        snapshot.expected = snapshot.bytes;
        snapshot.sha256 = written.sha256;
        snapshot.sealed_by_etcd = written.sealed_by_etcd;
        snapshot.state = SnapshotState::Good;
        snapshot.cluster.clone_from(&cluster);
        let manifest = Manifest { snapshot: snapshot.clone(), configurations: None };
        place.put_json(&names::manifest(&snapshot.name), &manifest).await.map_err(vault_problem)?;
        let mut tx = self.0.store.begin().await?;
        tx.end_snapshot(&snapshot).await?;
        if let Some(cluster) = &cluster {
            tx.assign_snapshot(&snapshot.id, cluster).await?;
        }
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        let good = self.tell_snapshot(&snapshot.id).await?;
        self.after_good(&good).await;
        Ok(good)
    }
}

/// A body in a writer, to its end.
async fn drain<E: std::fmt::Display>(
    mut writer: Writer,
    vault: &Vault,
    bytes: Option<u64>,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Written, CoreError> {
    let broken = loop {
        match timeout(CHUNK, body.next()).await {
            Ok(Some(Ok(chunk))) => {
                let more = writer.bytes().saturating_add(chunk.len() as u64);
                if let Err(full) = room::within_budget(vault, more) {
                    break full;
                }
                if let Err(error) = writer.write(chunk).await {
                    break vault_problem(error);
                }
            }
            Ok(None) if bytes.is_none_or(|bytes| bytes == writer.bytes()) => {
                return writer.finish().await.map_err(unfit);
            }
            Ok(None) | Ok(Some(Err(_))) | Err(_) => {
                break Problem::new(ProblemKind::Invalid, "The file broke off before its end; send it again").into();
            }
        }
    };
    writer.abandon().await;
    Err(broken)
}

/// What is wrong with a file is said at the file.
fn unfit(error: VaultError) -> CoreError {
    match error {
        VaultError::Corrupt { what, .. } => {
            Problem::field("file", format!("This is no whole database of etcd: {what}")).into()
        }
        error => vault_problem(error),
    }
}
