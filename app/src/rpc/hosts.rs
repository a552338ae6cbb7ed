//! Hosts and the console's SSH key.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::{error::AppError, session::SecretInput};
use leptos::prelude::*;
use quorate_domain::{
    HostId, HostTaskId,
    host::{ConsoleKey, Elevation, HostSummary, NewHost},
    host_task::HostTask,
    plan::Check,
};
use serde::{Deserialize, Serialize};

/// A host's page in one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostPage {
    /// The host.
    pub(crate) host: HostSummary,
    /// The verdict on its facts.
    pub(crate) checks: Vec<Check>,
    /// What is still to be done there.
    pub(crate) tasks: Vec<HostTask>,
}

/// All hosts.
#[server(prefix = "/rpc", endpoint = "hosts", protocol = Wire)]
pub(crate) async fn hosts() -> Result<Vec<HostSummary>, AppError> {
    let (console, permit) = permitted::<act::ViewHosts>().await?;
    Ok(console.hosts(&permit).await?)
}

/// One host with its checks.
#[server(prefix = "/rpc", endpoint = "host", protocol = Wire)]
pub(crate) async fn host(id: HostId) -> Result<HostPage, AppError> {
    let (console, permit) = permitted::<act::ViewHosts>().await?;
    let host = console.host(&permit, &id).await?;
    let (checks, tasks) = (console.host_checks(&permit, &id).await?, console.host_tasks(&permit, &id).await?);
    Ok(HostPage { host, checks, tasks })
}

/// Registers hosts; their keys are fetched in the background.
#[server(prefix = "/rpc", endpoint = "add_hosts", protocol = Wire)]
pub(crate) async fn add_hosts(
    hosts: Vec<NewHost>,
    sudo_password: Option<SecretInput>,
) -> Result<Vec<HostSummary>, AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    Ok(console.add_hosts(&permit, hosts, sudo_password.map(SecretInput::into_secret)).await?)
}

/// Asks a host for its keys again.
#[server(prefix = "/rpc", endpoint = "fetch_host_keys", protocol = Wire)]
pub(crate) async fn fetch_host_keys(id: HostId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    console.fetch_host_keys(&permit, &id).await?;
    Ok(())
}

/// Pins the keys with these fingerprints.
#[server(prefix = "/rpc", endpoint = "trust_host", protocol = Wire)]
pub(crate) async fn trust_host(id: HostId, fingerprints: Vec<String>) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    console.trust_host(&permit, &id, fingerprints).await?;
    Ok(())
}

/// Changes where and how a host is reached.
#[server(prefix = "/rpc", endpoint = "edit_host", protocol = Wire)]
pub(crate) async fn edit_host(
    id: HostId,
    name: String,
    target: String,
    elevation: Elevation,
    sudo_password: Option<SecretInput>,
) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    let sudo_password = sudo_password.map(SecretInput::into_secret);
    let edit = quorate_core::hosts::HostEdit { name, target, elevation, sudo_password };
    console.edit_host(&permit, &id, edit).await?;
    Ok(())
}

/// Gathers facts anew.
#[server(prefix = "/rpc", endpoint = "check_host", protocol = Wire)]
pub(crate) async fn check_host(id: HostId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::CheckHosts>().await?;
    console.check_host(&permit, &id).await?;
    Ok(())
}

/// Takes a host out of the console; the host is not touched.
#[server(prefix = "/rpc", endpoint = "forget_host", protocol = Wire)]
pub(crate) async fn forget_host(id: HostId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    console.forget_host(&permit, &id).await?;
    Ok(())
}

/// Drops a task of a host, so that nobody does it; the host is not touched.
#[server(prefix = "/rpc", endpoint = "forget_host_task", protocol = Wire)]
pub(crate) async fn forget_host_task(host: HostId, task: HostTaskId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageHosts>().await?;
    console.forget_host_task(&permit, &host, &task).await?;
    Ok(())
}

/// The console's public SSH key.
#[server(prefix = "/rpc", endpoint = "console_key", protocol = Wire)]
pub(crate) async fn public_key() -> Result<ConsoleKey, AppError> {
    let (console, permit) = permitted::<act::ViewHosts>().await?;
    Ok(console.console_key(&permit).await?)
}
