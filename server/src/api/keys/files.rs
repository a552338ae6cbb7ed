//! Keys as files: exports, kept files with what an import of them would do, and comparisons. Invariant: a file is streamed,
//! out at one revision, which its headers name, and in to its end or not at all; masked values are left out unless `reveal`
//! is given, which is an audit row. The import itself is an operation.

use super::written;
use crate::{
    api::{
        caller::{Body, Caller, Id, Ids, Params},
        problem::ApiProblem,
    },
    state::AppState,
    transfers::files::{DownloadQuery, UploadQuery, downloaded, exported, kept},
};
use axum::{Json, body::Body as RawBody, extract::State, response::Response};
use http::StatusCode;
use quorate_core::{
    keys::{ExportQuery, FileFormat},
    permit::act,
};
use quorate_domain::{
    ClusterId, KeyFileId, Problem, Scope,
    keys::{ComparePage, CompareQuery, CompareValueQuery, ImportMode, ImportPreview, Key, KeyFile, ValueDiff},
    wide::Wide,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportedQuery {
    /// Keys that start so; all without it.
    #[serde(default)]
    #[param(value_type = Option<Key>)]
    pub prefix: String,
    /// `ndjson`, `json`, `yaml`, or `etcdctl` for what `etcdctl get -w json` prints.
    #[param(value_type = Option<String>)]
    pub format: Option<String>,
    /// As they were at this revision; now, without it.
    pub revision: Option<Wide>,
    /// With the values of masked keys; leaves an audit row.
    #[serde(default)]
    pub reveal: bool,
}

impl ExportedQuery {
    /// What it asks for.
    ///
    /// # Errors
    /// `Invalid` at `prefix` or `format`.
    pub fn read(self) -> Result<ExportQuery, Problem> {
        let Self { prefix, format, revision, reveal } = self;
        let format = format.as_deref().unwrap_or("ndjson").parse::<FileFormat>();
        let format = format.map_err(|unknown| Problem::field("format", unknown.to_string()))?;
        Ok(ExportQuery { prefix: written("prefix", &prefix)?, exact: false, revision, format, reveal })
    }
}

/// Keys and values below a prefix as a file, streamed at one revision. `Quorate-Revision` names it, `Quorate-Keys` says how many
/// keys are in the file, `Quorate-Left-Out` how many are not because their values are masked.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/export", tag = "keys",
    params(("id" = ClusterId, Path), ExportedQuery),
    responses((status = 200, body = [u8], content_type = "application/x-ndjson",
        headers(("Quorate-Revision" = String), ("Quorate-Keys" = String), ("Quorate-Left-Out" = String)))))]
pub async fn export_keys(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<ExportedQuery>,
) -> Result<Response, ApiProblem> {
    exported(&state, &caller.0, id, &query.read()?).await
}

/// How a file would be imported.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// What becomes of keys that are there already.
    pub mode: ImportMode,
    /// Only the next keys from this record on: the `next` of the answer before. Without it all of the file is counted.
    #[serde(default)]
    pub from: Option<Wide>,
}

/// A key of a kept file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileKeyQuery {
    /// The key.
    key: Key,
}

/// Keeps a file of keys, so that it can be looked through and imported. The body is the file, at most 256 MiB; one with a
/// broken line is refused, and the message at `file` names the line.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/files", tag = "keys",
    params(("id" = ClusterId, Path), UploadQuery),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 201, body = KeyFile)))]
pub async fn upload_key_file(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<UploadQuery>,
    body: RawBody,
) -> Result<(StatusCode, Json<KeyFile>), ApiProblem> {
    Ok((StatusCode::CREATED, Json(kept(&state, &caller.0, id, &query, body).await?)))
}

/// The files of keys that the console keeps: those that were uploaded, and what operations kept before they changed keys.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/files", tag = "keys", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<KeyFile>)))]
pub async fn list_key_files(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<KeyFile>>, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.key_files(&permit).await?))
}

/// A kept file as NDJSON, streamed. `Quorate-Keys` says how many keys are in it, `Quorate-Left-Out` how many are not, because their
/// values are masked or the caller may not read them.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/files/{file}", tag = "keys",
    params(("id" = ClusterId, Path), ("file" = KeyFileId, Path), DownloadQuery),
    responses((status = 200, body = [u8], content_type = "application/x-ndjson",
        headers(("Quorate-Keys" = String), ("Quorate-Left-Out" = String)))))]
pub async fn get_key_file(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, file): Ids<ClusterId, KeyFileId>,
    Params(query): Params<DownloadQuery>,
) -> Result<Response, ApiProblem> {
    downloaded(&state, &caller.0, id, &file, &query).await
}

/// Drops a kept file before its time is over; not while an operation needs it.
#[utoipa::path(delete, path = "/api/v1/clusters/{id}/keys/files/{file}", tag = "keys",
    params(("id" = ClusterId, Path), ("file" = KeyFileId, Path)), responses((status = 204)))]
pub async fn drop_key_file(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, file): Ids<ClusterId, KeyFileId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    state.console.drop_key_file(&permit, &file).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How the value of a key in a kept file differs from what is there now.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/keys/files/{file}/diff", tag = "keys",
    params(("id" = ClusterId, Path), ("file" = KeyFileId, Path), FileKeyQuery),
    responses((status = 200, body = ValueDiff)))]
pub async fn get_key_file_diff(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, file): Ids<ClusterId, KeyFileId>,
    Params(FileKeyQuery { key }): Params<FileKeyQuery>,
) -> Result<Json<ValueDiff>, ApiProblem> {
    let permit = state.console.permit::<act::ReadValues>(&caller.0, Scope::Keys(id, key.0.clone())).await?;
    Ok(Json(state.console.import_diff(&permit, &file, &key).await?))
}

/// What an import of a kept file would do now. Changes nothing.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/files/{file}/preview", tag = "keys",
    params(("id" = ClusterId, Path), ("file" = KeyFileId, Path)),
    request_body = PreviewQuery, responses((status = 200, body = ImportPreview)))]
pub async fn preview_key_import(
    State(state): State<AppState>,
    caller: Caller,
    Ids(id, file): Ids<ClusterId, KeyFileId>,
    Body(PreviewQuery { mode, from }): Body<PreviewQuery>,
) -> Result<Json<ImportPreview>, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.preview_import(&permit, &file, mode, from).await?))
}

/// What differs between two clusters, two revisions or two prefixes, a slice an answer. Ask again with `after`, `revision` and
/// `other_revision` of the answer until there is no `next`.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/compare", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = CompareQuery, responses((status = 200, body = ComparePage)))]
pub async fn compare_keys(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(query): Body<CompareQuery>,
) -> Result<Json<ComparePage>, ApiProblem> {
    let (other, prefix) = query.there(&id);
    let there = Scope::Keys(other.clone(), prefix.0.clone());
    let there = state.console.permit::<act::ReadValues>(&caller.0, there).await?;
    let here = Scope::Keys(id.clone(), query.prefix.0.clone());
    let here = state.console.permit::<act::ReadValues>(&caller.0, here).await?;
    Ok(Json(state.console.compare_keys(&here, &there, &query).await?))
}

/// How the values of a key differ between two clusters, two revisions or two names.
#[utoipa::path(post, path = "/api/v1/clusters/{id}/keys/compare/value", tag = "keys", params(("id" = ClusterId, Path)),
    request_body = CompareValueQuery, responses((status = 200, body = ValueDiff)))]
pub async fn compare_key_values(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Body(query): Body<CompareValueQuery>,
) -> Result<Json<ValueDiff>, ApiProblem> {
    let (other, key) = query.there(&id);
    let there = Scope::Keys(other.clone(), key.0.clone());
    let there = state.console.permit::<act::ReadValues>(&caller.0, there).await?;
    let here = Scope::Keys(id.clone(), query.key.0.clone());
    let here = state.console.permit::<act::ReadValues>(&caller.0, here).await?;
    Ok(Json(state.console.compare_values(&here, &there, &query).await?))
}
