//! Snapshots and schedules of clusters. Files go through `/transfers/snapshots`.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
// The types keep their module's name: a server function makes a type that is called as it is.
use quorate_domain::{ClusterId, ScheduleId, SnapshotId, VaultId, snapshots};
use serde::{Deserialize, Serialize};

/// How many snapshots a page of them has.
#[cfg(feature = "ssr")]
const PAGE: u32 = 50;

/// The backups of a cluster in one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BackupPage {
    /// How they stand.
    pub(crate) health: snapshots::BackupHealth,
    /// Its schedules.
    pub(crate) schedules: Vec<snapshots::Schedule>,
    /// Its newest snapshots.
    pub(crate) snapshots: Vec<snapshots::Snapshot>,
    /// All vaults.
    pub(crate) vaults: Vec<snapshots::Vault>,
}

/// A cluster's backups.
#[server(prefix = "/rpc", endpoint = "backups", protocol = Wire)]
pub(crate) async fn backups(cluster: ClusterId) -> Result<BackupPage, AppError> {
    let (console, permit) = permitted_in::<act::ViewSnapshots>(Scope::Cluster(cluster.clone())).await?;
    let filter = quorate_core::SnapshotFilter { cluster: Some(cluster), ..Default::default() };
    Ok(BackupPage {
        health: console.backup_health(&permit).await?,
        schedules: console.schedules(&permit).await?,
        snapshots: console.snapshots(&permit, &filter, PAGE).await?,
        vaults: console.vaults(&permit).await?,
    })
}

/// How the backups of all clusters stand.
#[server(prefix = "/rpc", endpoint = "backup_healths", protocol = Wire)]
pub(crate) async fn backup_healths() -> Result<Vec<(ClusterId, snapshots::BackupHealth)>, AppError> {
    let (console, permit) = permitted::<act::ViewSnapshots>().await?;
    Ok(console.backup_healths(&permit).await?)
}

/// Snapshots of a cluster or of all, newest first, after one of them.
#[server(prefix = "/rpc", endpoint = "snapshots", protocol = Wire)]
pub(crate) async fn list_snapshots(
    cluster: Option<ClusterId>,
    after: Option<SnapshotId>,
) -> Result<Vec<snapshots::Snapshot>, AppError> {
    let (console, permit) = permitted::<act::ViewSnapshots>().await?;
    let filter = quorate_core::SnapshotFilter { cluster, after, ..Default::default() };
    Ok(console.snapshots(&permit, &filter, PAGE).await?)
}

/// One snapshot.
#[server(prefix = "/rpc", endpoint = "snapshot", protocol = Wire)]
pub(crate) async fn snapshot(id: SnapshotId) -> Result<snapshots::Snapshot, AppError> {
    let (console, permit) = permitted::<act::ViewSnapshots>().await?;
    Ok(console.snapshot(&permit, &id).await?)
}

/// Begins a snapshot; the oldest vault takes it if none is named.
#[server(prefix = "/rpc", endpoint = "take_snapshot", protocol = Wire)]
pub(crate) async fn take_snapshot(cluster: ClusterId, vault: Option<VaultId>) -> Result<snapshots::Snapshot, AppError> {
    let (console, permit) = permitted_in::<act::TakeSnapshots>(Scope::Cluster(cluster)).await?;
    Ok(console.take_snapshot(&permit, vault.as_ref()).await?)
}

/// Ends one that is being taken.
#[server(prefix = "/rpc", endpoint = "cancel_snapshot", protocol = Wire)]
pub(crate) async fn cancel_snapshot(id: SnapshotId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::TakeSnapshots>().await?;
    console.cancel_snapshot(&permit, &id).await?;
    Ok(())
}

/// Says whether everybody leaves it alone.
#[server(prefix = "/rpc", endpoint = "protect_snapshot", protocol = Wire)]
pub(crate) async fn protect_snapshot(id: SnapshotId, protected: bool) -> Result<snapshots::Snapshot, AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    Ok(console.protect_snapshot(&permit, &id, protected).await?)
}

/// Deletes a snapshot with everything beside it.
#[server(prefix = "/rpc", endpoint = "delete_snapshot", protocol = Wire)]
pub(crate) async fn delete_snapshot(id: SnapshotId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    console.delete_snapshot(&permit, &id).await?;
    Ok(())
}

/// Makes a schedule, or changes one.
#[server(prefix = "/rpc", endpoint = "save_schedule", protocol = Wire)]
pub(crate) async fn save_schedule(
    cluster: ClusterId,
    id: Option<ScheduleId>,
    given: snapshots::NewSchedule,
) -> Result<snapshots::Schedule, AppError> {
    let (console, permit) = permitted_in::<act::ManageSnapshots>(Scope::Cluster(cluster)).await?;
    match id {
        Some(id) => Ok(console.edit_schedule(&permit, &id, given).await?),
        None => Ok(console.create_schedule(&permit, given).await?),
    }
}

/// Drops a schedule; its snapshots stay.
#[server(prefix = "/rpc", endpoint = "delete_schedule", protocol = Wire)]
pub(crate) async fn delete_schedule(cluster: ClusterId, id: ScheduleId) -> Result<(), AppError> {
    let (console, permit) = permitted_in::<act::ManageSnapshots>(Scope::Cluster(cluster)).await?;
    console.delete_schedule(&permit, &id).await?;
    Ok(())
}
