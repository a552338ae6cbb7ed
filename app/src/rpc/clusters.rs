//! Clusters as they are now and what happened to them.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::{error::AppError, session::SecretInput};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use quorate_core::Material;
use quorate_domain::{
    ClusterId, SecretId,
    cluster::{ClusterEvent, ClusterView},
    config::MemberConfig,
    host_task::HostTask,
    patroni::PatroniScope,
    snapshots::{self, BackupHealth},
};
use serde::{Deserialize, Serialize};

/// A cluster's page in one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterPage {
    /// The view from memory; nothing is asked of the cluster for it.
    pub(crate) view: ClusterView,
    /// The newest events, newest first.
    pub(crate) events: Vec<ClusterEvent>,
    /// What removals left to be done on hosts.
    pub(crate) tasks: Vec<HostTask>,
    /// How its backups stand.
    pub(crate) backups: BackupHealth,
}

/// All clusters.
#[server(prefix = "/rpc", endpoint = "fleet", protocol = Wire)]
pub(crate) async fn fleet() -> Result<Vec<ClusterView>, AppError> {
    let (console, permit) = permitted::<act::ViewClusters>().await?;
    Ok(console.fleet(&permit).await?)
}

/// One cluster with its newest events.
#[server(prefix = "/rpc", endpoint = "cluster", protocol = Wire)]
pub(crate) async fn cluster(id: ClusterId) -> Result<ClusterPage, AppError> {
    let (console, permit) = permitted_in::<act::ViewClusters>(Scope::Cluster(id.clone())).await?;
    let view = console.cluster(&permit).await?;
    let events = console.cluster_events(&permit, None, 50).await?;
    let tasks = console.cluster_host_tasks(&permit).await?;
    let (_, permit) = permitted_in::<act::ViewSnapshots>(Scope::Cluster(id)).await?;
    Ok(ClusterPage { view, events, tasks, backups: console.backup_health(&permit).await? })
}

/// Older events.
#[server(prefix = "/rpc", endpoint = "cluster_events", protocol = Wire)]
pub(crate) async fn cluster_events(id: ClusterId, before: Option<i64>) -> Result<Vec<ClusterEvent>, AppError> {
    let (console, permit) = permitted_in::<act::ViewClusters>(Scope::Cluster(id)).await?;
    Ok(console.cluster_events(&permit, before, 50).await?)
}

/// Seals what a cluster that is to be adopted wants from its clients.
#[server(prefix = "/rpc", endpoint = "keep_credentials", protocol = Wire)]
pub(crate) async fn keep_credentials(
    ca: String,
    certificate: String,
    key: SecretInput,
    user: String,
    password: SecretInput,
) -> Result<SecretId, AppError> {
    let (console, permit) = permitted::<act::RunDangerous>().await?;
    let (key, password) = (key.into_secret(), password.into_secret());
    Ok(console.keep_access(&permit, &Material { ca, certificate, key, user, password }).await?)
}

/// What lies on the hosts of a cluster, read now.
#[server(prefix = "/rpc", endpoint = "configurations", protocol = Wire)]
pub(crate) async fn configurations(id: ClusterId) -> Result<Vec<MemberConfig>, AppError> {
    let (console, permit) = permitted_in::<act::CheckHosts>(Scope::Cluster(id)).await?;
    Ok(console.configurations(&permit).await?)
}

/// What is left of a cluster without quorum, read now.
#[server(prefix = "/rpc", endpoint = "survivors", protocol = Wire)]
pub(crate) async fn survivors(id: ClusterId) -> Result<snapshots::Survivors, AppError> {
    let (console, actor) = caller()?;
    let permit = console.permit_run(&actor, "rescue_cluster").await?;
    Ok(console.survivors(&permit, &id).await?)
}

/// The Patroni scopes that keep their state in a cluster, asked now.
#[server(prefix = "/rpc", endpoint = "patroni", protocol = Wire)]
pub(crate) async fn patroni(id: ClusterId) -> Result<Vec<PatroniScope>, AppError> {
    let (console, permit) = permitted_in::<act::ViewClusters>(Scope::Cluster(id)).await?;
    Ok(console.patroni(&permit).await?)
}

/// Takes a cluster out of the console; its members go on.
#[server(prefix = "/rpc", endpoint = "forget_cluster", protocol = Wire)]
pub(crate) async fn forget_cluster(id: ClusterId) -> Result<(), AppError> {
    let (console, permit) = permitted_in::<act::ForgetClusters>(Scope::Cluster(id)).await?;
    console.forget_cluster(&permit).await?;
    Ok(())
}
