//! `/api/v1/users/{id}/key-rules`: which keys are whose. What a rule means is said once, at `KeyRule`.

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
use quorate_domain::{UserId, keys::KeyRule};

/// Which keys a user may see and change; none means what the role may.
#[utoipa::path(get, path = "/api/v1/users/{id}/key-rules", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = Vec<KeyRule>)))]
pub async fn list_key_rules(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Json<Vec<KeyRule>>, ApiProblem> {
    let permit = caller.permit::<act::ManageKeys>(&state.console).await?;
    Ok(Json(state.console.key_rules(&permit, &id).await?))
}

/// Replaces these rules.
#[utoipa::path(put, path = "/api/v1/users/{id}/key-rules", tag = "users", params(("id" = UserId, Path)),
    request_body = Vec<KeyRule>, responses((status = 204)))]
pub async fn set_key_rules(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<UserId>,
    Body(rules): Body<Vec<KeyRule>>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageKeys>(&state.console).await?;
    state.console.set_key_rules(&permit, &id, &rules).await?;
    Ok(StatusCode::NO_CONTENT)
}
