//! Snapshots: listing, protecting, deleting, how a cluster's backups stand. Invariant: a snapshot is good only when its whole bundle is in its vault;
//! while somebody reads one from a store that has no unlinked files, it is not deleted; what an unfinished operation needs is not
//! deleted either. Taking is in `take`, schedules and retention in `schedules`, bytes in and out in `files`.

mod bundle;
mod calendar;
mod files;
mod marks;
mod member;
mod room;
mod schedules;
mod stream;
mod take;
mod upload;

pub use files::{Download, Wanted};
pub(crate) use schedules::next_drill;
pub use upload::NewUpload;

use crate::{
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
    vaults::vault_problem,
};
use quorate_domain::{
    ClusterId, Problem, ProblemKind, SnapshotId, Timestamp,
    live::LiveMessage,
    snapshots::{BackupHealth, Snapshot, SnapshotState, VaultPlace},
};
use quorate_store::{SnapshotFilter, StoreError, VaultRow};
use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The most snapshots a page carries.
const PAGE_MAX: u32 = 200;
/// What a row says between the decision to delete it and its end.
const BEING_DELETED: &str = "It is being deleted; if it stays like this, delete it again";

/// What a running console knows of snapshots that are being taken or read.
pub(crate) struct SnapshotParts {
    /// Who cancels one cancels its token.
    running: Mutex<BTreeMap<SnapshotId, CancellationToken>>,
    readers: Mutex<BTreeMap<SnapshotId, usize>>,
    /// Downloads that are in the audit trail: a part that is asked for later belongs to one of them.
    told: Mutex<BTreeMap<(String, SnapshotId), Timestamp>>,
    /// Moves whenever one ended.
    ended: watch::Sender<u64>,
}

impl Default for SnapshotParts {
    fn default() -> Self {
        let (running, readers, told) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { running, readers, told, ended: watch::Sender::new(0) }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, somebody reads a snapshot.
pub(crate) struct Reading {
    console: Console,
    id: SnapshotId,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Ok(runtime) = self.console.runtime() else { return };
        let mut readers = locked(&runtime.snapshots.readers);
        if let Some(many) = readers.get_mut(&self.id) {
            *many = many.saturating_sub(1);
            if *many == 0 {
                readers.remove(&self.id);
            }
        }
    }
}

impl Console {
    /// Some snapshots, newest first; for those of one cluster, ask with it in `filter`.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn snapshots(
        &self,
        _permit: &Permit<act::ViewSnapshots>,
        filter: &SnapshotFilter,
        limit: u32,
    ) -> Result<Vec<Snapshot>, CoreError> {
        Ok(self.0.store.snapshots(filter, limit.clamp(1, PAGE_MAX)).await?)
    }

    /// One snapshot.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn snapshot(&self, _permit: &Permit<act::ViewSnapshots>, id: &SnapshotId) -> Result<Snapshot, CoreError> {
        self.snapshot_row(id).await
    }

    /// How the backups of the permit's cluster stand.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn backup_health(&self, permit: &Permit<act::ViewSnapshots>) -> Result<BackupHealth, CoreError> {
        let cluster = permit.cluster()?;
        if self.0.store.cluster(cluster).await?.is_none() {
            return Err(CoreError::not_found("cluster", cluster));
        }
        self.health_of(cluster).await
    }

    /// How the backups of all clusters stand.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn backup_healths(
        &self,
        _permit: &Permit<act::ViewSnapshots>,
    ) -> Result<Vec<(ClusterId, BackupHealth)>, CoreError> {
        let mut all = Vec::new();
        for cluster in self.0.store.clusters().await? {
            let health = self.health_of(&cluster.id).await?;
            all.push((cluster.id, health));
        }
        Ok(all)
    }

    async fn health_of(&self, cluster: &ClusterId) -> Result<BackupHealth, CoreError> {
        let store = &self.0.store;
        let schedules = store.schedules_of(cluster).await?;
        let good = store.newest_snapshot(cluster, Some(SnapshotState::Good)).await?;
        let newest = store.newest_snapshot(cluster, None).await?;
        let drilled = store.newest_drill(cluster, true).await?;
        let drill = store.newest_drill(cluster, false).await?;
        let now = self.0.clock.now();
        Ok(BackupHealth::of(&schedules, good.as_ref(), newest.as_ref(), drilled.as_ref(), drill.as_ref(), now))
    }

    /// Retention leaves it alone from now on, or not any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn protect_snapshot(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        id: &SnapshotId,
        protected: bool,
    ) -> Result<Snapshot, CoreError> {
        let row = self.snapshot_row(id).await?;
        let action = if protected { "snapshot.protect" } else { "snapshot.unprotect" };
        let mut tx = self.0.store.begin().await?;
        tx.protect_snapshot(id, protected).await?;
        AuditDraft::by(permit.actor(), action, &row.name).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        self.tell_snapshot(id).await
    }

    /// Deletes a snapshot with everything that lies beside it.
    ///
    /// # Errors
    /// `Conflict` while it is protected, taken, read from a store, or needed by an unfinished operation; `NotFound`.
    pub async fn delete_snapshot(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        id: &SnapshotId,
    ) -> Result<(), CoreError> {
        let row = self.snapshot_row(id).await?;
        self.drop_snapshot(&row, AuditDraft::by(permit.actor(), "snapshot.delete", &row.name)).await
    }

    /// The row says that it is gone before the bytes are: a console that dies in between leaves no good one without bytes.
    pub(crate) async fn drop_snapshot(&self, row: &Snapshot, draft: AuditDraft) -> Result<(), CoreError> {
        let vault = self.vault_row(&row.vault).await?;
        // A local file that is open is read to its end although it has no name any more.
        let unlinks = matches!(vault.vault.place, VaultPlace::Local { .. });
        if !unlinks && self.is_read(&row.id)? {
            let problem = Problem::new(ProblemKind::Conflict, format!("{} is being read", row.name));
            return Err(problem.with_detail("Wait until downloads, drills and restores of it have ended.").into());
        }
        let mut tx = self.0.store.begin().await?;
        if let Some(by) = tx.unfinished_operation_with(row.id.as_str()).await? {
            return Err(CoreError::conflict(format!("Operation {by} needs {}; wait until it has ended", row.name)));
        }
        match tx.snapshot(&row.id).await? {
            None => return Err(CoreError::not_found("snapshot", &row.id)),
            Some(now) if now.protected => {
                return Err(CoreError::conflict(format!("{} is protected; take that away first", row.name)));
            }
            Some(now) if now.state == SnapshotState::Taking => {
                return Err(CoreError::conflict(format!("{} is being taken; cancel that first", row.name)));
            }
            Some(_) => {}
        }
        tx.fail_snapshot(&row.id, BEING_DELETED).await?;
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        let place = self.place(&vault).await?;
        if let Err(error) = room::delete_own(&place, &row.id, &row.name).await {
            self.note_vault(&row.vault, &error.to_string()).await?;
            return Err(vault_problem(error));
        }
        let mut tx = self.0.store.begin().await?;
        tx.delete_snapshot(&row.id).await?;
        tx.commit().await?;
        self.tell(LiveMessage::SnapshotGone { snapshot: row.id.clone() });
        Ok(())
    }

    /// What an ended console was taking did not come to its end: what is left of it goes. Before anything is taken.
    pub(crate) async fn tidy_snapshots(&self) -> Result<(), CoreError> {
        self.clear_scratch().await?;
        let left = self.0.store.snapshots_taking().await?;
        for vault in self.0.store.vaults().await? {
            let here: Vec<Snapshot> = left.iter().filter(|row| row.vault == vault.vault.id).cloned().collect();
            if matches!(vault.vault.place, VaultPlace::Local { .. }) {
                self.tidy_vault(&vault, &here, true).await;
            } else if !here.is_empty() {
                // A store may be far away, and a console that starts does not wait for it.
                let (console, stop) = (self.clone(), self.runtime()?.stop.clone());
                let tidied = async move { console.tidy_vault(&vault, &here, false).await };
                tokio::spawn(stop.run_until_cancelled_owned(tidied));
            }
        }
        for row in left {
            let mut tx = self.0.store.begin().await?;
            tx.fail_snapshot(&row.id, "The console was stopped while it was being taken").await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Where snapshots lie, decrypted, on their way to a host; whoever puts one there removes it.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.config.data_dir.join("scratch")
    }

    /// A console that was killed removed nothing.
    async fn clear_scratch(&self) -> Result<(), CoreError> {
        let scratch = self.scratch();
        let cleared = tokio::task::spawn_blocking(move || {
            match std::fs::remove_dir_all(&scratch) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::fs::DirBuilder::new().mode(0o700).create(&scratch)
        });
        let cleared = cleared.await.map_err(|error| CoreError::caused("a folder was not cleared", error))?;
        cleared.map_err(|error| CoreError::caused("the folder for snapshots on their way was not cleared", error))
    }

    /// `whole`: also what has no row; nobody may write there meanwhile.
    async fn tidy_vault(&self, vault: &VaultRow, left: &[Snapshot], whole: bool) {
        let tidied = async {
            let place = self.place(vault).await?;
            if whole {
                place.clean().await.map_err(vault_problem)?;
            }
            for row in left {
                room::delete_own(&place, &row.id, &row.name).await.map_err(vault_problem)?;
            }
            Ok::<_, CoreError>(())
        };
        if let Err(error) = tidied.await {
            tracing::warn!(vault = vault.vault.name, error = chain(&error), "what was left in a vault was not deleted");
        }
    }

    pub(crate) async fn snapshot_row(&self, id: &SnapshotId) -> Result<Snapshot, CoreError> {
        self.0.store.snapshot(id).await?.ok_or_else(|| CoreError::not_found("snapshot", id))
    }

    /// Shows tabs a snapshot as its row is now.
    pub(crate) async fn tell_snapshot(&self, id: &SnapshotId) -> Result<Snapshot, CoreError> {
        let snapshot = self.snapshot_row(id).await?;
        self.tell(LiveMessage::Snapshot { snapshot: Box::new(snapshot.clone()) });
        Ok(snapshot)
    }

    /// Marks a snapshot as being read, until the answer is dropped.
    pub(crate) fn hold_snapshot(&self, id: &SnapshotId) -> Result<Arc<Reading>, CoreError> {
        *locked(&self.runtime()?.snapshots.readers).entry(id.clone()).or_default() += 1;
        Ok(Arc::new(Reading { console: self.clone(), id: id.clone() }))
    }

    fn is_read(&self, id: &SnapshotId) -> Result<bool, CoreError> {
        Ok(locked(&self.runtime()?.snapshots.readers).contains_key(id))
    }
}

/// A change of a row that is not there (any more) is nothing to stop at.
fn unless_gone(result: Result<(), StoreError>) -> Result<(), CoreError> {
    match result {
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
