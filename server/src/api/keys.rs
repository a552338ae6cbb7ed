//! `/api/v1/clusters/{id}/keys`: keys as pages, and what is set about them. Invariant: a key in a path or a query is only
//! ever its written form (`\xNN` for bytes that are no text), and a value is in no path. Values, changes, leases, searches and
//! rules have a file each.

pub mod edits;
pub mod files;
pub mod leases;
pub mod rules;
pub mod search;
pub mod values;

use crate::{
    api::{
        caller::{Body, Caller, Id, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, Problem, Scope,
    keys::{IndexState, Key, KeyPage, KeyQuery, KeySettings},
    wide::Wide,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Reads a key that came as a query parameter.
///
/// # Errors
/// `Invalid` at `field`, with the place of the backslash that begins nothing.
pub(super) fn written(field: &str, text: &str) -> Result<Key, Problem> {
    text.parse().map_err(|bad| Problem::field(field, format!("This is no key: {bad}")))
}

/// Which page of keys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Keys below this; all without it.
    #[serde(default)]
    #[param(value_type = Option<Key>)]
    pub prefix: String,
    /// What separates folders, `/` as a rule; a flat list without it.
    #[serde(default)]
    #[param(value_type = Option<Key>)]
    pub separator: String,
    /// The `next` of the page before.
    #[param(value_type = Option<Key>)]
    pub after: Option<String>,
    /// The `revision` of the first page, so that pages belong together; of use where `source` is `etcd`.
    pub revision: Option<Wide>,
    /// How many; at most 1000.
    #[serde(default = "page")]
    pub limit: u32,
    /// From the last name to the first; only from the index.
    #[serde(default)]
    pub descending: bool,
}

fn page() -> u32 {
    100
}

impl PageQuery {
    fn read(self) -> Result<KeyQuery, Problem> {
        let Self { prefix, separator, after, revision, limit, descending } = self;
        Ok(KeyQuery {
            prefix: written("prefix", &prefix)?,
            separator: written("separator", &separator)?,
            after: after.map(|after| written("after", &after)).transpose()?,
            revision,
            limit,
            descending,
        })
    }
}

/// Keys and folders by name, without values.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys", tag = "keys", params(("id" = ClusterId, Path), PageQuery),
    responses((status = 200, body = KeyPage)))]
pub async fn list_keys(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<PageQuery>,
) -> Result<Json<KeyPage>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.keys_page(&permit, &query.read()?).await?))
}

/// How far the console's index of a cluster's keys is. Asking starts it, and keeps it from being dropped.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/index", tag = "keys", params(("id" = ClusterId, Path)),
    responses((status = 200, body = IndexState)))]
pub async fn get_key_index(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<IndexState>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.key_index(&permit).await?))
}

/// What is masked, what the audit trail says of keys, and how long changes can be taken back.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/settings", tag = "keys", params(("id" = ClusterId, Path)),
    responses((status = 200, body = KeySettings)))]
pub async fn get_key_settings(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<KeySettings>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.key_settings(&permit).await?))
}

/// Replaces these settings.
#[utoipa::path(put, path = "/api/v1/clusters/{id}/keys/settings", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = KeySettings, responses((status = 204)))]
pub async fn set_key_settings(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(settings): Body<KeySettings>,
) -> Result<StatusCode, ApiProblem> {
    let permit = state.console.permit::<act::ManageKeys>(&caller.0, Scope::Cluster(id)).await?;
    state.console.set_key_settings(&permit, &settings).await?;
    Ok(StatusCode::NO_CONTENT)
}
