//! `/api/v1/users`: people. A token needs to be made by the command line to change them.

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
    Problem, ProblemKind, Role, UserId,
    users::{OneTimeCode, UserSummary},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// A user to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteUser {
    /// Login name.
    pub name: String,
    /// Role.
    pub role: Role,
}

/// What to change; at least one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// Another role; all sessions end.
    pub role: Option<Role>,
    /// True disables (all sessions and tokens are dead), false enables.
    pub disabled: Option<bool>,
}

/// All users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Vec<UserSummary>)))]
pub async fn list_users(State(state): State<AppState>, caller: Caller) -> Result<Json<Vec<UserSummary>>, ApiProblem> {
    let permit = caller.permit::<act::ViewUsers>(&state.console).await?;
    Ok(Json(state.console.users(&permit).await?))
}

/// Invites a user; the answer holds the one-time code for `/invite`.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = InviteUser,
    responses((status = 201, body = OneTimeCode)))]
pub async fn invite_user(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<InviteUser>,
) -> Result<(StatusCode, Json<OneTimeCode>), ApiProblem> {
    let permit = caller.permit::<act::ManageUsers>(&state.console).await?;
    Ok((StatusCode::CREATED, Json(state.console.invite_user(&permit, &request.name, request.role).await?)))
}

/// Changes a user's role, or disables or enables the user.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = UserId, Path)),
    request_body = ChangeUser, responses((status = 200, body = UserSummary)))]
pub async fn change_user(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<UserId>,
    Body(request): Body<ChangeUser>,
) -> Result<Json<UserSummary>, ApiProblem> {
    let permit = caller.permit::<act::ManageUsers>(&state.console).await?;
    let mut changed = None;
    if let Some(role) = request.role {
        changed = Some(state.console.set_role(&permit, &id, role).await?);
    }
    if let Some(disabled) = request.disabled {
        changed = Some(state.console.set_disabled(&permit, &id, disabled).await?);
    }
    let nothing = || Problem::new(ProblemKind::Invalid, "Say what to change: role, disabled, or both");
    Ok(Json(changed.ok_or_else(nothing)?))
}

/// Takes a user's password away and answers a one-time code to choose another.
#[utoipa::path(post, path = "/api/v1/users/{id}/reset-password", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = OneTimeCode)))]
pub async fn reset_user_password(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Json<OneTimeCode>, ApiProblem> {
    let permit = caller.permit::<act::ManageUsers>(&state.console).await?;
    Ok(Json(state.console.reset_password(&permit, &id).await?))
}
