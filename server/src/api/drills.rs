//! `/api/v1/drills`: restores that are tried out. Invariant: a drill changes nothing but its own row; it is begun by an answer
//! that does not wait for its end.

use crate::{
    api::{
        caller::{Caller, Id, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId,
    ids::{DrillId, SnapshotId},
    snapshots::Drill,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which drills.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DrillsQuery {
    /// Of snapshots of this cluster; of all without it.
    pub cluster: Option<ClusterId>,
}

/// Begins to try out whether a snapshot comes back: it is restored into a throw-away etcd on the console's machine, and its keys are
/// compared with what they were.
#[utoipa::path(post, path = "/api/v1/snapshots/{id}/drills", tag = "snapshots", params(("id" = SnapshotId, Path)),
    responses((status = 202, body = Drill)))]
pub async fn start_drill(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<SnapshotId>,
) -> Result<(StatusCode, Json<Drill>), ApiProblem> {
    let permit = caller.permit::<act::TakeSnapshots>(&state.console).await?;
    Ok((StatusCode::ACCEPTED, Json(state.console.drill(&permit, &id).await?)))
}

/// The newest 200 drills, newest first.
#[utoipa::path(get, path = "/api/v1/drills", tag = "snapshots", params(DrillsQuery),
    responses((status = 200, body = Vec<Drill>)))]
pub async fn list_drills(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<DrillsQuery>,
) -> Result<Json<Vec<Drill>>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    Ok(Json(state.console.drills(&permit, query.cluster.as_ref()).await?))
}

/// One drill; `ended_at` says whether it has ended, `problem` whether it went well.
#[utoipa::path(get, path = "/api/v1/drills/{id}", tag = "snapshots", params(("id" = DrillId, Path)),
    responses((status = 200, body = Drill)))]
pub async fn get_drill(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<DrillId>,
) -> Result<Json<Drill>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    Ok(Json(state.console.drill_of(&permit, &id).await?))
}
