//! `/api/v1/plans`: what would be done. Nothing here changes anything.

use crate::{
    api::{
        caller::{Body, Caller},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use quorate_domain::plan::{PlanRequest, PlanView};

/// Makes a plan. Send its `params` and `digest` back to start it.
#[utoipa::path(post, path = "/api/v1/plans", tag = "operations", request_body = PlanRequest,
    responses((status = 200, body = PlanView)))]
pub async fn make_plan(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<PlanRequest>,
) -> Result<Json<PlanView>, ApiProblem> {
    let permit = state.console.permit_run(&caller.0, &request.kind).await?;
    Ok(Json(state.console.plan(&permit, request).await?))
}
