//! `/api/v1/clusters/{id}/schedules`: when snapshots of a cluster are taken by themselves.

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
    ClusterId, ScheduleId, Scope,
    snapshots::{NewSchedule, Schedule},
};

/// The schedules of a cluster, oldest first.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/schedules", tag = "snapshots", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<Schedule>)))]
pub async fn list_schedules(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<Schedule>>, ApiProblem> {
    let permit = state.console.permit::<act::ViewSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.schedules(&permit).await?))
}

/// Makes a schedule.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/schedules", tag = "snapshots", params(("id" = ClusterId, Path)),
    request_body = NewSchedule, responses((status = 201, body = Schedule)))]
pub async fn create_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(given): Body<NewSchedule>,
) -> Result<(StatusCode, Json<Schedule>), ApiProblem> {
    let permit = state.console.permit::<act::ManageSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    Ok((StatusCode::CREATED, Json(state.console.create_schedule(&permit, given).await?)))
}

/// Changes a schedule; what is due is reckoned anew.
#[utoipa::path(put, path = "/api/v1/clusters/{id}/schedules/{schedule}", tag = "snapshots",
    params(("id" = ClusterId, Path), ("schedule" = ScheduleId, Path)), request_body = NewSchedule,
    responses((status = 200, body = Schedule)))]
pub async fn edit_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, schedule): Ids<ClusterId, ScheduleId>,
    Body(given): Body<NewSchedule>,
) -> Result<Json<Schedule>, ApiProblem> {
    let permit = state.console.permit::<act::ManageSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.edit_schedule(&permit, &schedule, given).await?))
}

/// Drops a schedule; its snapshots stay.
#[utoipa::path(delete, path = "/api/v1/clusters/{id}/schedules/{schedule}", tag = "snapshots",
    params(("id" = ClusterId, Path), ("schedule" = ScheduleId, Path)), responses((status = 204)))]
pub async fn delete_schedule(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, schedule): Ids<ClusterId, ScheduleId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = state.console.permit::<act::ManageSnapshots>(&caller.0, Scope::Cluster(id)).await?;
    state.console.delete_schedule(&permit, &schedule).await?;
    Ok(StatusCode::NO_CONTENT)
}
