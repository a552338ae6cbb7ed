//! `/api/v1/vaults`: where snapshots are kept. Secrets go in and never come out.

use crate::{
    api::{
        caller::{Body, Caller, Id},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::{permit::act, vaults::NewVaultSecrets};
use quorate_domain::{
    VaultId,
    snapshots::{NewVault, Vault, VaultPlace},
    wide::Wide,
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

/// A vault with its secrets. No `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenVault {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: VaultPlace,
    /// All snapshots in it may take so many bytes; no bound without it.
    pub budget: Option<Wide>,
    /// An age recipient, `age1…`, that new snapshots are encrypted for.
    pub recipient: Option<String>,
    /// The secret half of the access key of an S3-compatible store; stays as it is without it.
    #[schema(value_type = Option<String>, format = Password)]
    pub secret_access_key: Option<SecretString>,
    /// An age identity, `AGE-SECRET-KEY-1…`, that decrypts snapshots; stays as it is without it, and is forgotten if empty.
    #[schema(value_type = Option<String>, format = Password)]
    pub identity: Option<SecretString>,
}

impl GivenVault {
    fn split(self) -> (NewVault, NewVaultSecrets) {
        let Self { name, place, budget, recipient, secret_access_key, identity } = self;
        (NewVault { name, place, budget, recipient }, NewVaultSecrets { secret_access_key, identity })
    }
}

/// All vaults, oldest first; the first is used where none is named.
#[utoipa::path(get, path = "/api/v1/vaults", tag = "snapshots", responses((status = 200, body = Vec<Vault>)))]
pub async fn list_vaults(State(state): State<AppState>, caller: Caller) -> Result<Json<Vec<Vault>>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    Ok(Json(state.console.vaults(&permit).await?))
}

/// Makes a vault, after its place was tried.
#[utoipa::path(post, path = "/api/v1/vaults", tag = "snapshots", request_body = GivenVault,
    responses((status = 201, body = Vault)))]
pub async fn create_vault(
    State(state): State<AppState>,
    caller: Caller,
    Body(given): Body<GivenVault>,
) -> Result<(StatusCode, Json<Vault>), ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    let (new, secrets) = given.split();
    Ok((StatusCode::CREATED, Json(state.console.create_vault(&permit, new, secrets).await?)))
}

/// One vault.
#[utoipa::path(get, path = "/api/v1/vaults/{id}", tag = "snapshots", params(("id" = VaultId, Path)),
    responses((status = 200, body = Vault)))]
pub async fn get_vault(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<VaultId>,
) -> Result<Json<Vault>, ApiProblem> {
    let permit = caller.permit::<act::ViewSnapshots>(&state.console).await?;
    Ok(Json(state.console.vault(&permit, &id).await?))
}

/// Changes a vault, after its place was tried with what is new.
#[utoipa::path(put, path = "/api/v1/vaults/{id}", tag = "snapshots", params(("id" = VaultId, Path)),
    request_body = GivenVault, responses((status = 200, body = Vault)))]
pub async fn edit_vault(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<VaultId>,
    Body(given): Body<GivenVault>,
) -> Result<Json<Vault>, ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    let (new, secrets) = given.split();
    Ok(Json(state.console.edit_vault(&permit, &id, new, secrets).await?))
}

/// Forgets a vault that has no snapshots and no schedules; what lies in it stays there.
#[utoipa::path(delete, path = "/api/v1/vaults/{id}", tag = "snapshots", params(("id" = VaultId, Path)),
    responses((status = 204)))]
pub async fn delete_vault(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<VaultId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    state.console.delete_vault(&permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes, reads and deletes a probe; `problem` of the answer says what is wrong.
#[utoipa::path(post, path = "/api/v1/vaults/{id}/try", tag = "snapshots", params(("id" = VaultId, Path)),
    responses((status = 200, body = Vault)))]
pub async fn try_vault(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<VaultId>,
) -> Result<Json<Vault>, ApiProblem> {
    let permit = caller.permit::<act::ManageSnapshots>(&state.console).await?;
    Ok(Json(state.console.try_vault(&permit, &id).await?))
}
