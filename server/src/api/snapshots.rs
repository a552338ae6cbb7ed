//! `/api/v1/snapshots`, and those of a cluster. A file is streamed, out with its length and a tag, and in to its end or not at all.

use crate::{
    api::{
        caller::{Body, Caller, Id, Params},
        problem::ApiProblem,
    },
    state::AppState,
    transfers::snapshots::{SnapshotUpload, downloaded, uploaded},
};
use axum::{Json, body::Body as RawBody, extract::State, response::Response};
use http::{HeaderMap, Method, StatusCode};
use quorate_core::{SnapshotFilter, permit::act};
use quorate_domain::{
    ClusterId, Scope, SnapshotId, VaultId,
    snapshots::{BackupHealth, Snapshot, SnapshotState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many a page has where nobody says.
const LIMIT: u32 = 50;

/// Which snapshots; all without anything.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SnapshotQuery {
    /// Of this cluster.
    pub cluster: Option<ClusterId>,
    /// In this vault.
    pub vault: Option<VaultId>,
    /// In this state.
    pub state: Option<SnapshotState>,
    /// After this one, in the order of the list.
    pub after: Option<SnapshotId>,
    /// At most so many, 200 at the most.
    pub limit: Option<u32>,
}

/// Where a snapshot goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeSnapshot {
    /// The vault; the oldest one without it.
    #[serde(default)]
    pub vault: Option<VaultId>,
}

/// Whether retention and everybody leaves a snapshot alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Whether it does.
    pub protected: bool,
}

/// How the backups of a cluster stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClusterBackups {
    /// The cluster.
    pub cluster: ClusterId,
    /// How they stand.
    pub health: BackupHealth,
}

/// Snapshots, newest first. The next page is asked for with the last one's id as `after`.
#[utoipa::path(get, path = "/api/v1/snapshots", tag = "snapshots", params(SnapshotQuery),
    responses((status = 200, body = Vec<Snapshot>)))]
pub async fn list_snapshots(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<SnapshotQuery>,
) -> Result<Json<Vec<Snapshot>>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    let SnapshotQuery { cluster, vault, state: wanted, after, limit } = query;
    let filter = SnapshotFilter { cluster, vault, state: wanted, after };
    Ok(Json(state.console.snapshots(&permit, &filter, limit.unwrap_or(LIMIT)).await?))
}

/// Takes a snapshot in. The body is the database as `etcdctl snapshot save` writes it, or a member's copied `db` without etcd's digest
/// at its end; it is good only when all of it came and is whole.
#[utoipa::path(post, path = "/api/v1/snapshots", tag = "snapshots", params(SnapshotUpload),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 201, body = Snapshot)))]
pub async fn upload_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<SnapshotUpload>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<(StatusCode, Json<Snapshot>), ApiProblem> {
    Ok((StatusCode::CREATED, Json(uploaded(&state, &caller.0, query, &headers, body).await?)))
}

/// One snapshot.
#[utoipa::path(get, path = "/api/v1/snapshots/{id}", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 200, body = Snapshot)))]
pub async fn get_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
) -> Result<Json<Snapshot>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    Ok(Json(state.console.snapshot(&permit, &id).await?))
}

/// Deletes a snapshot with everything that lies beside it.
#[utoipa::path(delete, path = "/api/v1/snapshots/{id}", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 204)))]
pub async fn delete_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    state.console.delete_snapshot(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The file, as it lies in the vault. `ETag` is the database's SHA-256, and with it as `If-Range` a download that broke off goes on by
/// `Range`. An encrypted one is decrypted by `age -d`.
#[utoipa::path(get, path = "/api/v1/snapshots/{id}/file", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 200, body = [u8], content_type = "application/octet-stream", headers(("ETag" = String))),
        (status = 206, body = [u8], content_type = "application/octet-stream")))]
pub async fn download_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiProblem> {
    downloaded(&state, &caller.0, &id, &method, &headers).await
}

/// Says whether retention and everybody leaves it alone.
#[utoipa::path(put, path = "/api/v1/snapshots/{id}/protection", tag = "snapshots", params(("id" = SnapshotId, Path)),
    request_body = Protection, responses((status = 200, body = Snapshot)))]
pub async fn protect_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
    Body(Protection { protected }): Body<Protection>,
) -> Result<Json<Snapshot>, ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    Ok(Json(state.console.protect_snapshot(&permit, &id, protected).await?))
}

/// Ends one that is being taken.
#[utoipa::path(post, path = "/api/v1/snapshots/{id}/cancel", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 204)))]
pub async fn cancel_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::TakeSnapshots>(&state.console).await?;
    state.console.cancel_snapshot(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a snapshot of a cluster, from a follower that is caught up, or else the leader. Ask for it again until it is good or failed.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/snapshots", tag = "snapshots", params(("id" = ClusterId, Path)),
    request_body = TakeSnapshot, responses((status = 202, body = Snapshot)))]
pub async fn take_snapshot(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(TakeSnapshot { vault }): Body<TakeSnapshot>,
) -> Result<(StatusCode, Json<Snapshot>), ApiProblem> {
    let permit = state.console.permit::<act::TakeSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    Ok((StatusCode::ACCEPTED, Json(state.console.take_snapshot(&permit, vault.as_ref()).await?)))
}

/// How the newest snapshots and drills of a cluster stand.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/backups", tag = "snapshots", params(("id" = ClusterId, Path)),
    responses((status = 200, body = BackupHealth)))]
pub async fn get_cluster_backups(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<BackupHealth>, ApiProblem> {
    let permit = state.console.permit::<act::ViewSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.backup_health(&permit).await?))
}

/// The same of all clusters.
#[utoipa::path(get, path = "/api/v1/backups", tag = "snapshots", responses((status = 200, body = Vec<ClusterBackups>)))]
pub async fn list_backups(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<ClusterBackups>>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    let all = state.console.backup_healths(&permit).await?;
    Ok(Json(all.into_iter().map(|(cluster, health)| ClusterBackups { cluster, health }).collect()))
}
