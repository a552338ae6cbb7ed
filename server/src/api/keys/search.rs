//! Searches and scans. Invariant: an answer is a part, made within a budget, and says where the next one goes on; whoever stops
//! asking has cancelled.

use crate::{
    api::{
        caller::{Body, Caller, Id},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, Scope,
    keys::{Key, KeySearch, SearchPage},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Where values are measured.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScanSizes {
    /// Below this prefix; everywhere without it.
    pub prefix: Key,
    /// The `next` of the answer before.
    pub after: Option<Key>,
}

/// Searches keys, and values with `in_values`, which takes the right to read them. Ask again with `after` until there is no
/// `next`.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/search", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = KeySearch, responses((status = 200, body = SearchPage)))]
pub async fn search_keys(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(search): Body<KeySearch>,
) -> Result<Json<SearchPage>, ApiProblem> {
    if search.in_values {
        let permit = state.console.permit::<act::ReadValues>(&caller.0, Scope::Cluster(id)).await?;
        return Ok(Json(state.console.search_values(&permit, &search).await?));
    }
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.search_keys(&permit, &search).await?))
}

/// Measures values, up to 16 MiB of them an answer; pages and searches show the sizes from then on. Ask again with `after`
/// until there is no `next`.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/sizes", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = ScanSizes, responses((status = 200, body = SearchPage)))]
pub async fn scan_key_sizes(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(scan): Body<ScanSizes>,
) -> Result<Json<SearchPage>, ApiProblem> {
    let permit = state.console.permit::<act::ViewKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.scan_key_sizes(&permit, &scan.prefix, scan.after.as_ref()).await?))
}
