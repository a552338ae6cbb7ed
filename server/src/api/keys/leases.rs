//! `/api/v1/clusters/{id}/leases`. Invariant: nothing here keeps a lease alive by itself; one that is granted twice by a
//! repeated request ends by itself.

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
    ClusterId, LeaseId, Scope,
    keys::{GrantLease, Lease},
};

/// Leases of a cluster, each with the first of its keys.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/leases", tag = "leases", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<Lease>)))]
pub async fn list_leases(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<Lease>>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.leases(&permit).await?))
}

/// One lease with its keys: what would go with it.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/leases/{lease}", tag = "leases",
    params(("id" = ClusterId, Path), ("lease" = LeaseId, Path)), responses((status = 200, body = Lease)))]
pub async fn get_lease(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, lease): Ids<ClusterId, LeaseId>,
) -> Result<Json<Lease>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.lease(&permit, lease).await?))
}

/// Makes a lease.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/leases", tag = "leases", params(("id" = ClusterId, Path)),
    request_body = GrantLease, responses((status = 201, body = Lease)))]
pub async fn grant_lease(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(grant): Body<GrantLease>,
) -> Result<(StatusCode, Json<Lease>), ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok((StatusCode::CREATED, Json(state.console.grant_lease(&permit, &grant).await?)))
}

/// Gives a lease its whole time again, once.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/leases/{lease}/keep-alive", tag = "leases",
    params(("id" = ClusterId, Path), ("lease" = LeaseId, Path)), responses((status = 200, body = Lease)))]
pub async fn keep_lease_alive(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, lease): Ids<ClusterId, LeaseId>,
) -> Result<Json<Lease>, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.keep_lease_alive(&permit, lease).await?))
}

/// Ends a lease; its keys go with it.
#[utoipa::path(delete, path = "/api/v1/clusters/{id}/leases/{lease}", tag = "leases",
    params(("id" = ClusterId, Path), ("lease" = LeaseId, Path)), responses((status = 204)))]
pub async fn revoke_lease(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, lease): Ids<ClusterId, LeaseId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = state.console.permit::<act::DeleteKeys>(&caller.0, Scope::Cluster(id)).await?;
    state.console.revoke_lease(&permit, lease).await?;
    Ok(StatusCode::NO_CONTENT)
}
