//! `/api/v1/tokens`: API tokens. The answer that makes one is the only place where it ever stands.

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
use quorate_domain::{Role, TokenId, users::TokenSummary};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Name.
    pub name: String,
    /// Role, at most the owner's.
    pub role: Role,
    /// Whether it may start destructive operations.
    #[serde(default)]
    pub destructive: bool,
}

/// A fresh token. No `Debug`.
#[derive(Serialize, ToSchema)]
pub struct NewToken {
    /// Its row.
    pub summary: TokenSummary,
    /// What to send as `Authorization: Bearer …`; shown once.
    pub token: String,
}

/// Own tokens; an admin sees everybody's.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Vec<TokenSummary>)))]
pub async fn list_tokens(State(state): State<AppState>, caller: Caller) -> Result<Json<Vec<TokenSummary>>, ApiProblem> {
    let permit = caller.permit::<act::ManageOwnTokens>(&state.console).await?;
    Ok(Json(state.console.tokens(&permit).await?))
}

/// Makes a token for the caller's owner.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = CreateToken,
    responses((status = 201, body = NewToken)))]
pub async fn create_token(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<CreateToken>,
) -> Result<(StatusCode, Json<NewToken>), ApiProblem> {
    let permit = caller.permit::<act::ManageOwnTokens>(&state.console).await?;
    let CreateToken { name, role, destructive } = request;
    let (summary, token) = state.console.create_token(&permit, &name, role, destructive).await?;
    Ok((StatusCode::CREATED, Json(NewToken { summary, token: token.expose_secret().to_owned() })))
}

/// Ends a token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = TokenId, Path)),
    responses((status = 204)))]
pub async fn revoke_token(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageOwnTokens>(&state.console).await?;
    state.console.revoke_token(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
