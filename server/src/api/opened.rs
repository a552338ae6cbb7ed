//! `/api/v1/opened-snapshots`: snapshots that are open like a cluster. Invariant: their keys are read by the routes of keys
//! (`/clusters/{id}/keys…`), which take the id of an opened snapshot for a cluster's and refuse every change there.

use crate::{
    api::{
        caller::{Body, Caller, Id},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, Scope,
    ids::SnapshotId,
    keys::KeyFile,
    snapshots::{OpenedSnapshot, TakeKeys},
};

/// Opens a snapshot. Ask for it until its `phase` is `open`; then read its keys below `/clusters/{id}/keys` with its own `id`, and
/// compare them with `/clusters/{id}/keys/compare`. It is closed ten minutes after the last request about it.
#[utoipa::path(post, path = "/api/v1/snapshots/{id}/open", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 202, body = OpenedSnapshot)))]
pub async fn open_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
) -> Result<(StatusCode, Json<OpenedSnapshot>), ApiProblem> {
    let permit = caller.permit::<act::ReadSnapshots>(&state.console).await?;
    Ok((StatusCode::ACCEPTED, Json(state.console.open_snapshot(&permit, &id).await?)))
}

/// What is open or being opened.
#[utoipa::path(get, path = "/api/v1/opened-snapshots", tag = "snapshots",
    responses((status = 200, body = Vec<OpenedSnapshot>)))]
pub async fn list_opened_snapshots(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<OpenedSnapshot>>, ApiProblem> {
    let permit = caller.permit::<act::ReadSnapshots>(&state.console).await?;
    Ok(Json(state.console.opened_snapshots(&permit).await?))
}

/// How far one is; asking keeps it open.
#[utoipa::path(get, path = "/api/v1/opened-snapshots/{id}", tag = "snapshots", params(("id" = ClusterId, Path)),
    responses((status = 200, body = OpenedSnapshot)))]
pub async fn get_opened_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<OpenedSnapshot>, ApiProblem> {
    let permit = caller.permit::<act::ReadSnapshots>(&state.console).await?;
    Ok(Json(state.console.opened_snapshot(&permit, &id).await?))
}

/// Closes one.
#[utoipa::path(delete, path = "/api/v1/opened-snapshots/{id}", tag = "snapshots", params(("id" = ClusterId, Path)),
    responses((status = 204)))]
pub async fn close_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ReadSnapshots>(&state.console).await?;
    state.console.close_snapshot(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps a key of an opened snapshot, or all keys below a prefix, as a file of keys of a cluster: preview it there, and start
/// `import_keys` with it.
#[utoipa::path(post, path = "/api/v1/opened-snapshots/{id}/key-files", tag = "snapshots",
    params(("id" = ClusterId, Path)), request_body = TakeKeys, responses((status = 201, body = KeyFile)))]
pub async fn take_keys_of_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(take): Body<TakeKeys>,
) -> Result<(StatusCode, Json<KeyFile>), ApiProblem> {
    // Ids of opened snapshots are known to be such only while they are open.
    caller.permit::<act::ReadSnapshots>(&state.console).await?;
    let from = state.console.permit::<act::ReadValues>(&caller.0, Scope::Keys(id, take.prefix.0.clone())).await?;
    let to = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(take.cluster.clone())).await?;
    Ok((StatusCode::CREATED, Json(state.console.keys_from_snapshot(&from, &to, &take).await?)))
}
