//! Snapshots as files, out of the console and into it. Invariant: a file comes with its length and a tag that changes with its bytes, so
//! that a download that broke off goes on where it was; nothing is held in memory; who asks for the head alone reads nothing.

use crate::{
    api::{
        caller::{Id, Params},
        problem::ApiProblem,
    },
    session::SessionActor,
    state::AppState,
};
use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_range_header::parse_range_header;
use quorate_core::{
    actor::Actor,
    permit::act,
    snapshots::{NewUpload, Wanted},
};
use quorate_domain::{ClusterId, Scope, SnapshotId, VaultId, snapshots::Snapshot};
use serde::Deserialize;
use std::ops::Range;
use utoipa::IntoParams;

/// What is brought, and where to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SnapshotUpload {
    /// The cluster that it is of, if the console knows it.
    pub cluster: Option<ClusterId>,
    /// The vault it goes into; the oldest one without it.
    pub vault: Option<VaultId>,
    /// What it is called where it is of no known cluster.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub name: String,
}

/// Whether a request brings a snapshot; such a one may be as large as a disk and take its time.
pub fn brings_a_snapshot(path: &str) -> bool {
    matches!(path, "/api/v1/snapshots" | "/transfers/snapshots")
}

/// A snapshot, to be saved.
pub async fn download(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Id(id): Id<SnapshotId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiProblem> {
    downloaded(&state, &actor.known()?, &id, &method, &headers).await
}

/// Takes a snapshot in.
pub async fn upload(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Params(query): Params<SnapshotUpload>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Snapshot>), ApiProblem> {
    Ok((StatusCode::CREATED, Json(uploaded(&state, &actor.known()?, query, &headers, body).await?)))
}

/// A snapshot that comes in from whoever may bring one.
pub async fn uploaded(
    state: &AppState,
    actor: &Actor,
    query: SnapshotUpload,
    headers: &HeaderMap,
    body: Body,
) -> Result<Snapshot, ApiProblem> {
    let permit = state.console.permit::<act::ManageSnapshots>(actor, Scope::Global).await?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let SnapshotUpload { cluster, vault, name } = query;
    let new = NewUpload { cluster, vault, name, bytes: length };
    Ok(state.console.upload_snapshot(&permit, new, body.into_data_stream()).await?)
}

/// A snapshot on its way to whoever may have it.
pub async fn downloaded(
    state: &AppState,
    actor: &Actor,
    id: &SnapshotId,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::ReadSnapshots>(actor, Scope::Global).await?;
    let download = state.console.download_snapshot(&permit, id).await?;
    let (tag, bytes) = (download.tag(), download.bytes());
    let mut answer = HeaderMap::new();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/octet-stream");
    set(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{}\"", download.name()));
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &tag);
    if names(headers, header::IF_NONE_MATCH, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    let part = if *method == Method::HEAD { Part::Whole } else { part(headers, &tag, bytes) };
    let (status, wanted) = match part {
        Part::None => {
            set(header::CONTENT_RANGE, &format!("bytes */{bytes}"));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, answer).into_response());
        }
        Part::Whole => {
            set(header::CONTENT_LENGTH, &bytes.to_string());
            (StatusCode::OK, Wanted::All)
        }
        Part::Of(range) => {
            set(header::CONTENT_LENGTH, &(range.end - range.start).to_string());
            set(header::CONTENT_RANGE, &format!("bytes {}-{}/{bytes}", range.start, range.end - 1));
            (StatusCode::PARTIAL_CONTENT, Wanted::Part(range))
        }
    };
    if *method == Method::HEAD {
        return Ok((status, answer).into_response());
    }
    Ok((status, answer, Body::from_stream(download.read(wanted).await?)).into_response())
}

/// What of a file a request is about.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Of(Range<u64>),
    /// What is asked for is not in the file.
    None,
}

/// One range is answered; several, and one of a file that is another by now, are answered with the whole.
fn part(headers: &HeaderMap, tag: &str, bytes: u64) -> Part {
    let Some(range) = headers.get(header::RANGE).and_then(|range| range.to_str().ok()) else { return Part::Whole };
    if headers.contains_key(header::IF_RANGE) && !names(headers, header::IF_RANGE, tag) {
        return Part::Whole;
    }
    let Ok(parsed) = parse_range_header(range) else { return Part::Whole };
    match parsed.validate(bytes) {
        Err(_) => Part::None,
        Ok(ranges) => match ranges.as_slice() {
            [one] => Part::Of(*one.start()..one.end() + 1),
            _ => Part::Whole,
        },
    }
}

fn names(headers: &HeaderMap, name: header::HeaderName, tag: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(',').any(|one| one.trim() == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&str>) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().expect("a header"));
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, tag.parse().expect("a header"));
        }
        part(&headers, "\"abc\"", 100)
    }

    #[test]
    fn one_range_of_the_same_file_is_a_part_of_it() {
        assert_eq!(asked("bytes=0-9", None), Part::Of(0..10));
        assert_eq!(asked("bytes=40-", Some("\"abc\"")), Part::Of(40..100));
        assert_eq!(asked("bytes=-32", None), Part::Of(68..100));
        assert_eq!(asked("bytes=90-1000", None), Part::Of(90..100));
    }

    #[test]
    fn another_file_several_ranges_and_nonsense_are_answered_with_the_whole() {
        assert_eq!(asked("bytes=40-", Some("\"other\"")), Part::Whole);
        assert_eq!(asked("bytes=0-1,5-6", None), Part::Whole);
        assert_eq!(asked("lines=1-2", None), Part::Whole);
        assert_eq!(part(&HeaderMap::new(), "\"abc\"", 100), Part::Whole);
    }

    #[test]
    fn what_is_behind_the_end_is_refused() {
        assert_eq!(asked("bytes=100-", None), Part::None);
    }

    #[test]
    fn only_an_upload_may_be_as_large_as_a_snapshot() {
        assert!(brings_a_snapshot("/api/v1/snapshots") && brings_a_snapshot("/transfers/snapshots"));
        assert!(!brings_a_snapshot("/api/v1/snapshots/sn-a") && !brings_a_snapshot("/api/v1/clusters/c-a/snapshots"));
    }
}
