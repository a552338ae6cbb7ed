//! `/api/v1/credentials`: certificates and logins of clusters. They go in and never come out.

use crate::{
    api::{
        caller::{Body, Caller},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::{Material, permit::act};
use quorate_domain::SecretId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a cluster wants from its clients. No `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// PEM: the certificates of the authorities that signed the members' certificates.
    pub ca: Option<String>,
    /// PEM: the client certificate, with its chain.
    pub certificate: Option<String>,
    /// PEM: its private key.
    #[schema(value_type = Option<String>, format = Password)]
    pub key: Option<SecretString>,
    /// Name of an etcd user.
    pub user: Option<String>,
    /// Its password.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

/// Where they are kept.
#[derive(Serialize, ToSchema)]
pub struct KeptCredentials {
    /// For `access` of the kind `adopt_cluster`; forgotten after a day without a cluster.
    pub id: SecretId,
}

/// Seals certificates and a login for a cluster that is to be adopted.
#[utoipa::path(post, path = "/api/v1/credentials", tag = "clusters", request_body = Credentials,
    responses((status = 201, body = KeptCredentials)))]
pub async fn keep_credentials(
    State(state): State<AppState>,
    caller: Caller,
    Body(request): Body<Credentials>,
) -> Result<(StatusCode, Json<KeptCredentials>), ApiProblem> {
    let permit = caller.permit::<act::RunDangerous>(&state.console).await?;
    let Credentials { ca, certificate, key, user, password } = request;
    let (ca, certificate, user) = (ca.unwrap_or_default(), certificate.unwrap_or_default(), user.unwrap_or_default());
    let (key, password) = (key.unwrap_or_default(), password.unwrap_or_default());
    let id = state.console.keep_access(&permit, &Material { ca, certificate, key, user, password }).await?;
    Ok((StatusCode::CREATED, Json(KeptCredentials { id })))
}
