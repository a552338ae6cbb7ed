//! `/api/v1/hosts` and the console's public SSH key.

use crate::{
    api::{
        caller::{Body, Caller, Id, Ids},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::permit::act;
use quorate_domain::{
    HostId, HostTaskId,
    host::{ConsoleKey, Elevation, HostSummary, NewHost},
    host_task::HostTask,
    plan::Check,
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// Hosts to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddHosts {
    /// The hosts.
    pub hosts: Vec<NewHost>,
}

/// The fingerprints a person compared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustHost {
    /// `SHA256:…` of the keys to pin.
    pub fingerprints: Vec<String>,
}

/// Where and how a host is reached from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditHost {
    /// Name in the console.
    pub name: String,
    /// `user@address:port`.
    pub target: String,
    /// How root is reached.
    pub elevation: Elevation,
}

/// A password for sudo. No `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SudoPassword {
    /// The password; null forgets the one that is kept.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

/// All hosts.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", responses((status = 200, body = Vec<HostSummary>)))]
pub async fn list_hosts(State(state): State<AppState>, caller: Caller) -> Result<Json<Vec<HostSummary>>, ApiProblem> {
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.hosts(&permit).await?))
}

/// Registers hosts; their keys are fetched in the background.
#[utoipa::path(post, path = "/api/v1/hosts", tag = "hosts", request_body = AddHosts,
    responses((status = 201, body = Vec<HostSummary>)))]
pub async fn add_hosts(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<AddHosts>,
) -> Result<(StatusCode, Json<Vec<HostSummary>>), ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    Ok((StatusCode::CREATED, Json(state.console.add_hosts(&permit, request.hosts, None).await?)))
}

/// One host with its facts.
#[utoipa::path(get, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 200, body = HostSummary)))]
pub async fn get_host(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<Json<HostSummary>, ApiProblem> {
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host(&permit, &id).await?))
}

/// Changes where and how a host is reached.
#[utoipa::path(put, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = HostId, Path)),
    request_body = EditHost, responses((status = 200, body = HostSummary)))]
pub async fn edit_host(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
    Body(request): Body<EditHost>,
) -> Result<Json<HostSummary>, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    let EditHost { name, target, elevation } = request;
    state
        .console
        .edit_host(&permit, &id, quorate_core::HostEdit { name, target, elevation, sudo_password: None })
        .await?;
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host(&permit, &id).await?))
}

/// Takes a host out of the console; the host is not touched.
#[utoipa::path(delete, path = "/api/v1/hosts/{id}", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 204)))]
pub async fn forget_host(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    state.console.forget_host(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks a host for its SSH keys again.
#[utoipa::path(post, path = "/api/v1/hosts/{id}/keys", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 200, body = HostSummary)))]
pub async fn fetch_host_keys(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<Json<HostSummary>, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    state.console.fetch_host_keys(&permit, &id).await?;
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host(&permit, &id).await?))
}

/// Pins the keys with these fingerprints; compare them with what the host itself shows first.
#[utoipa::path(post, path = "/api/v1/hosts/{id}/trust", tag = "hosts", params(("id" = HostId, Path)),
    request_body = TrustHost, responses((status = 200, body = HostSummary)))]
pub async fn trust_host(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
    Body(request): Body<TrustHost>,
) -> Result<Json<HostSummary>, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    state.console.trust_host(&permit, &id, request.fingerprints).await?;
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host(&permit, &id).await?))
}

/// Gathers a host's facts anew and answers them.
#[utoipa::path(post, path = "/api/v1/hosts/{id}/facts", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 200, body = HostSummary)))]
pub async fn check_host(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<Json<HostSummary>, ApiProblem> {
    let permit = caller.permit::<act::CheckHosts>(&state.console).await?;
    Ok(Json(state.console.check_host(&permit, &id).await?))
}

/// The verdict on a host's facts.
#[utoipa::path(get, path = "/api/v1/hosts/{id}/checks", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 200, body = Vec<Check>)))]
pub async fn list_host_checks(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<Json<Vec<Check>>, ApiProblem> {
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host_checks(&permit, &id).await?))
}

/// What is still to be done on a host once it is back; the plan of `finish_removal` does one now.
#[utoipa::path(get, path = "/api/v1/hosts/{id}/tasks", tag = "hosts", params(("id" = HostId, Path)),
    responses((status = 200, body = Vec<HostTask>)))]
pub async fn list_host_tasks(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
) -> Result<Json<Vec<HostTask>>, ApiProblem> {
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.host_tasks(&permit, &id).await?))
}

/// Drops a task, so that nobody does it; the host is not touched.
#[utoipa::path(delete, path = "/api/v1/hosts/{id}/tasks/{task}", tag = "hosts",
    params(("id" = HostId, Path), ("task" = HostTaskId, Path)), responses((status = 204)))]
pub async fn forget_host_task(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, task): Ids<HostId, HostTaskId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    state.console.forget_host_task(&permit, &id, &task).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps (sealed) or forgets a host's sudo password.
#[utoipa::path(put, path = "/api/v1/hosts/{id}/sudo-password", tag = "hosts", params(("id" = HostId, Path)),
    request_body = SudoPassword, responses((status = 204)))]
pub async fn set_sudo_password(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<HostId>,
    Body(request): Body<SudoPassword>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageHosts>(&state.console).await?;
    state.console.set_sudo_password(&permit, &id, request.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The console's own public SSH key, with a shell line that installs it.
#[utoipa::path(get, path = "/api/v1/ssh-key", tag = "hosts", responses((status = 200, body = ConsoleKey)))]
pub async fn get_ssh_key(State(state): State<AppState>, caller: Caller) -> Result<Json<ConsoleKey>, ApiProblem> {
    let permit = caller.permit::<act::ViewHosts>(&state.console).await?;
    Ok(Json(state.console.console_key(&permit).await?))
}
