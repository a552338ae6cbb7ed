//! Snapshots that are open like a cluster, and restores that are tried out.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
// The types keep their module's name: a server function makes a type that is called as it is.
use quorate_domain::{ClusterId, ids::SnapshotId, keys, snapshots};

/// Opens a snapshot, or comes to the one that is open.
#[server(prefix = "/rpc", endpoint = "open_snapshot", protocol = Wire)]
pub(crate) async fn open_snapshot(id: SnapshotId) -> Result<snapshots::OpenedSnapshot, AppError> {
    let (console, permit) = permitted::<act::ReadSnapshots>().await?;
    Ok(console.open_snapshot(&permit, &id).await?)
}

/// What is open or being opened.
#[server(prefix = "/rpc", endpoint = "opened_snapshots", protocol = Wire)]
pub(crate) async fn opened_snapshots() -> Result<Vec<snapshots::OpenedSnapshot>, AppError> {
    let (console, permit) = permitted::<act::ReadSnapshots>().await?;
    Ok(console.opened_snapshots(&permit).await?)
}

/// How far an opened one is; asking keeps it open.
#[server(prefix = "/rpc", endpoint = "opened_snapshot", protocol = Wire)]
pub(crate) async fn opened_snapshot(id: ClusterId) -> Result<snapshots::OpenedSnapshot, AppError> {
    let (console, permit) = permitted::<act::ReadSnapshots>().await?;
    Ok(console.opened_snapshot(&permit, &id).await?)
}

/// Closes an opened one.
#[server(prefix = "/rpc", endpoint = "close_snapshot", protocol = Wire)]
pub(crate) async fn close_snapshot(id: ClusterId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ReadSnapshots>().await?;
    Ok(console.close_snapshot(&permit, &id).await?)
}

/// Keeps keys of an opened snapshot as a file of a cluster, to be imported there.
#[server(prefix = "/rpc", endpoint = "keys_from_snapshot", protocol = Wire)]
pub(crate) async fn keys_from_snapshot(id: ClusterId, take: snapshots::TakeKeys) -> Result<keys::KeyFile, AppError> {
    let (console, to) = permitted_in::<act::WriteKeys>(Scope::Cluster(take.cluster.clone())).await?;
    let (_, from) = permitted_in::<act::ReadValues>(Scope::Keys(id, take.prefix.0.clone())).await?;
    Ok(console.keys_from_snapshot(&from, &to, &take).await?)
}

/// Begins to try out whether a snapshot comes back.
#[server(prefix = "/rpc", endpoint = "drill", protocol = Wire)]
pub(crate) async fn drill(id: SnapshotId) -> Result<snapshots::Drill, AppError> {
    let (console, permit) = permitted::<act::TakeSnapshots>().await?;
    Ok(console.drill(&permit, &id).await?)
}

/// The newest drills of a cluster, or of all.
#[server(prefix = "/rpc", endpoint = "drills", protocol = Wire)]
pub(crate) async fn drills(cluster: Option<ClusterId>) -> Result<Vec<snapshots::Drill>, AppError> {
    let (console, permit) = permitted::<act::ViewSnapshots>().await?;
    Ok(console.drills(&permit, cluster.as_ref()).await?)
}
