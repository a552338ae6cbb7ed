//! Files of keys, out of the console and into it. Invariant: what cannot be begun is a problem and no file; a file that cannot be ended breaks
//! off, so that nobody takes its part for the whole.

use crate::{
    api::{
        caller::{Id, Ids, Params},
        keys::files::ExportedQuery,
        problem::ApiProblem,
    },
    session::SessionActor,
    state::AppState,
    transfers::keys::file_name,
};
use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderName, StatusCode, header};
use quorate_core::{
    actor::Actor,
    keys::{ExportQuery, FileFormat},
    permit::act,
};
use quorate_domain::{
    ClusterId, KeyFileId, Problem, Scope,
    keys::{Key, KeyFile},
};
use serde::Deserialize;
use utoipa::IntoParams;

/// The revision that a file shows.
const REVISION: HeaderName = HeaderName::from_static("quorate-revision");
/// How many keys are in it.
const KEYS: HeaderName = HeaderName::from_static("quorate-keys");
/// How many are not, because their values are masked.
const LEFT_OUT: HeaderName = HeaderName::from_static("quorate-left-out");

/// What a file that comes in is called, and how it is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// What it is called.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub name: String,
    /// `ndjson`, `json`, `yaml`, `etcdctl` for what `etcdctl get -w json` prints, `etcdctl-simple` for what `etcdctl get` does;
    /// told by its beginning without it.
    pub format: Option<String>,
}

/// Whether a kept file goes out with what is masked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DownloadQuery {
    /// With the values of masked keys; leaves an audit row.
    #[serde(default)]
    pub reveal: bool,
}

/// Whether a request brings a file of keys; such a one may be large and take its time.
pub fn brings_a_file(path: &str) -> bool {
    let inside = path.strip_prefix("/api/v1/clusters/").or_else(|| path.strip_prefix("/transfers/clusters/"));
    inside.and_then(|rest| rest.split_once('/')).is_some_and(|(_, rest)| rest == "keys/files")
}

/// Keeps a file of keys.
pub async fn upload(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Id(id): Id<ClusterId>,
    Params(query): Params<UploadQuery>,
    body: Body,
) -> Result<(StatusCode, Json<KeyFile>), ApiProblem> {
    Ok((StatusCode::CREATED, Json(kept(&state, &actor.known()?, id, &query, body).await?)))
}

/// A file that comes in from whoever may write keys.
pub async fn kept(
    state: &AppState,
    actor: &Actor,
    cluster: ClusterId,
    query: &UploadQuery,
    body: Body,
) -> Result<KeyFile, ApiProblem> {
    let permit = state.console.permit::<act::WriteKeys>(actor, Scope::Cluster(cluster)).await?;
    let format = query.format.as_deref().map(str::parse::<FileFormat>).transpose();
    let format = format.map_err(|unknown| Problem::field("format", unknown.to_string()))?;
    Ok(state.console.keep_key_file(&permit, &query.name, format, body.into_data_stream()).await?)
}

/// Keys and values below a prefix, to be saved.
pub async fn export(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Id(id): Id<ClusterId>,
    Params(query): Params<ExportedQuery>,
) -> Result<Response, ApiProblem> {
    exported(&state, &actor.known()?, id, &query.read()?).await
}

/// An export on its way to whoever may have it.
pub async fn exported(
    state: &AppState,
    actor: &Actor,
    cluster: ClusterId,
    query: &ExportQuery,
) -> Result<Response, ApiProblem> {
    let scope = Scope::Keys(cluster, query.prefix.0.clone());
    let permit = state.console.permit::<act::ReadValues>(actor, scope).await?;
    let export = state.console.export_keys(&permit, query).await?;
    let headers = [
        (header::CONTENT_TYPE, query.format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"keys.{}\"", query.format.extension())),
        (REVISION, export.revision.to_string()),
        (KEYS, export.keys.to_string()),
        (LEFT_OUT, export.left_out.to_string()),
    ];
    Ok((headers, Body::from_stream(export.parts)).into_response())
}

/// A kept file, to be saved.
pub async fn download(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Ids(id, file): Ids<ClusterId, KeyFileId>,
    Params(query): Params<DownloadQuery>,
) -> Result<Response, ApiProblem> {
    downloaded(&state, &actor.known()?, id, &file, &query).await
}

/// A kept file on its way to whoever may read values.
pub async fn downloaded(
    state: &AppState,
    actor: &Actor,
    cluster: ClusterId,
    file: &KeyFileId,
    query: &DownloadQuery,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::ReadValues>(actor, Scope::Cluster(cluster)).await?;
    let download = state.console.download_key_file(&permit, file, query.reveal).await?;
    let format = FileFormat::Ndjson;
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", kept_name(&download.file.name))),
        (KEYS, download.keys.to_string()),
        (LEFT_OUT, download.left_out.to_string()),
    ];
    Ok((headers, Body::from_stream(download.parts)).into_response())
}

/// The name of a kept file, whatever it was written in when it was brought: `back.json` is `back.ndjson` now.
fn kept_name(name: &str) -> String {
    let name = file_name(&Key::raw(name));
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    format!("{}.{}", if stem.is_empty() { "keys" } else { stem }, FileFormat::Ndjson.extension())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_has_a_plain_name_that_says_how_it_is_written() {
        assert_eq!(kept_name("back.json"), "back.ndjson");
        assert_eq!(kept_name("keys"), "keys.ndjson");
        assert_eq!(kept_name("..\\..\"\r\n/x.y.yaml"), "x.y.ndjson");
    }

    #[test]
    fn only_an_upload_may_be_as_large_as_a_file() {
        assert!(brings_a_file("/api/v1/clusters/c-aaaa/keys/files"));
        assert!(brings_a_file("/transfers/clusters/c-aaaa/keys/files"));
        for other in ["/api/v1/clusters/c-a/keys/files/kf-a/preview", "/api/v1/clusters/keys/files", "/rpc/keys/files"]
        {
            assert!(!brings_a_file(other), "{other}");
        }
    }
}
