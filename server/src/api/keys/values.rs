//! `/api/v1/clusters/{id}/keys/value` and what a value was. Invariant: whoever asks may read values of that very key; a masked
//! value leaves only with `reveal`, which is an audit row.

use super::written;
use crate::{
    api::{
        caller::{Caller, Id, Params},
        problem::ApiProblem,
    },
    events,
    state::AppState,
    transfers::keys::{attachment, tag},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use quorate_core::permit::{Permit, act};
use quorate_domain::{
    ClusterId, Problem, Scope,
    keys::{DiffQuery, EveryMember, Form, HistoryPage, HistoryQuery, Key, ValueDiff, ValueQuery, ValueView},
    wide::Wide,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which value, and how it is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShownQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
    /// As it was at this revision; now, without it.
    pub revision: Option<Wide>,
    /// How it is shown; as it is detected, without it.
    pub form: Option<Form>,
    /// All of it, not only the beginning.
    #[serde(default)]
    pub all: bool,
    /// Show a value that is masked; leaves an audit row.
    #[serde(default)]
    pub reveal: bool,
}

/// Which value, as it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RawQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
    /// As it was at this revision; now, without it.
    pub revision: Option<Wide>,
    /// Send a value that is masked; leaves an audit row.
    #[serde(default)]
    pub reveal: bool,
}

/// Which part of a key's history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
    /// Changes before this revision; the newest ones, without it.
    pub before: Option<Wide>,
    /// How many; at most 200.
    #[serde(default = "page")]
    pub limit: u32,
}

fn page() -> u32 {
    50
}

/// Two revisions of a key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TwoQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
    /// As it was at this revision.
    pub from: Wide,
    /// Against this revision; now, without it.
    pub to: Option<Wide>,
}

/// A key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OneQuery {
    /// The key.
    #[param(value_type = Key)]
    pub key: String,
}

async fn reader(
    state: &AppState,
    caller: &Caller,
    cluster: ClusterId,
    key: &Key,
) -> Result<Permit<act::ReadValues>, ApiProblem> {
    Ok(state.console.permit(&caller.0, Scope::Keys(cluster, key.0.clone())).await?)
}

/// A value in a form for the eye, with what is known of its key. Take it from `/keys/value/raw` to have its bytes.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/value", tag = "keys",
    params(("id" = ClusterId, Path), ShownQuery), responses((status = 200, body = ValueView)))]
pub async fn get_key_value(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<ShownQuery>,
) -> Result<Json<ValueView>, ApiProblem> {
    let ShownQuery { key, revision, form, all, reveal } = query;
    let query = ValueQuery { key: written("key", &key)?, revision, form, all, reveal };
    let permit = reader(&state, &caller, id, &query.key).await?;
    Ok(Json(state.console.value(&permit, &query).await?))
}

/// The bytes of a value. The `ETag` is the `mod_revision` of its key.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/value/raw", tag = "keys",
    params(
        ("id" = ClusterId, Path), RawQuery,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an answer before."),
    ),
    responses(
        (status = 200, body = [u8], content_type = "application/octet-stream",
            headers(("ETag" = String, description = "The `mod_revision` in quotes."))),
        (status = 304, description = "It did not change since."),
    ))]
pub async fn get_key_value_raw(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Id(id): Id<ClusterId>,
    Params(query): Params<RawQuery>,
) -> Result<Response, ApiProblem> {
    let RawQuery { key, revision, reveal } = query;
    let mut query = ValueQuery { key: written("key", &key)?, revision, form: None, all: false, reveal: false };
    let permit = reader(&state, &caller, id, &query.key).await?;
    let (written_at, read_at) = state.console.value_written(&permit, &query).await?;
    let tag = tag(written_at);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    // Of the revision that the tag is of, whatever was written since.
    query = ValueQuery { revision: Some(read_at), reveal, ..query };
    let bytes = state.console.value_bytes(&permit, &query).await?;
    Ok(([(header::ETAG, tag)], attachment(&query.key, bytes)).into_response())
}

/// What a key was, newest first, back to where etcd was compacted.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/history", tag = "keys",
    params(("id" = ClusterId, Path), ChangesQuery), responses((status = 200, body = HistoryPage)))]
pub async fn get_key_history(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<ChangesQuery>,
) -> Result<Json<HistoryPage>, ApiProblem> {
    let ChangesQuery { key, before, limit } = query;
    let query = HistoryQuery { key: written("key", &key)?, before, limit };
    let permit = reader(&state, &caller, id, &query.key).await?;
    Ok(Json(state.console.key_history(&permit, &query).await?))
}

/// How two revisions of a key differ, line by line.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/diff", tag = "keys",
    params(("id" = ClusterId, Path), TwoQuery), responses((status = 200, body = ValueDiff)))]
pub async fn get_key_diff(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<TwoQuery>,
) -> Result<Json<ValueDiff>, ApiProblem> {
    let TwoQuery { key, from, to } = query;
    let query = DiffQuery { key: written("key", &key)?, from, to };
    let permit = reader(&state, &caller, id, &query.key).await?;
    Ok(Json(state.console.value_diff(&permit, &query).await?))
}

/// What each member says of a key, asked by itself: revision, size and digest, and whether they agree.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/every-member", tag = "keys",
    params(("id" = ClusterId, Path), OneQuery), responses((status = 200, body = EveryMember)))]
pub async fn get_key_on_every_member(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<OneQuery>,
) -> Result<Json<EveryMember>, ApiProblem> {
    let key = written("key", &query.key)?;
    if key.is_empty() {
        return Err(Problem::field("key", "Give a key").into());
    }
    let permit = reader(&state, &caller, id, &key).await?;
    Ok(Json(state.console.every_member(&permit).await?))
}

/// Which keys are watched.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// Keys that start with this; all without it.
    #[serde(default)]
    #[param(value_type = Option<Key>)]
    pub prefix: String,
}

/// Changes of keys as server-sent events, from now on; each event's data is a `LiveMessage`. It says what it missed, and goes on
/// by itself when a member dies or etcd is compacted.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/watch", tag = "keys", params(("id" = ClusterId, Path), WatchQuery),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub async fn watch_keys(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Id(id): Id<ClusterId>,
    Params(query): Params<WatchQuery>,
) -> Result<Response, ApiProblem> {
    events::key_stream(&state, &caller, &headers, id, written("prefix", &query.prefix)?).await
}
