//! Which layers stand before which routes. Invariant: cookies reach pages, `/rpc` and `/events` only, tokens `/api`
//! only; every answer passes `http::headers`; every request passes the `Host` check first.

use crate::{
    api, assets, events, health,
    http::{csrf, headers, peer},
    pages, session,
    state::AppState,
    transfers,
};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing,
};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use quorate_domain::{Problem, ProblemKind};
use std::time::Duration;

/// The largest body of any request but those that carry values or bring a file of keys.
const BODY_LIMIT: usize = 1 << 20;
/// The largest body that writes a value: etcd takes 1.5 MiB, which is 2 MiB as base64 and more as escaped text. What is too
/// large for etcd should still come in, so that the answer can say so at the field.
const VALUE_BODY_LIMIT: usize = 4 << 20;
/// The largest body that brings two changes of a value together: three such texts.
const MERGE_BODY_LIMIT: usize = 3 * VALUE_BODY_LIMIT;
/// The largest body that brings a file; more than a file may have, so that whoever reads it says what is wrong.
const FILE_BODY_LIMIT: usize = 257 << 20;
/// A refused body of no more than this is read all the same: whoever is still sending hears the answer only then.
const DRAINED: usize = 8 << 20;
const DRAINING: Duration = Duration::from_secs(10);
/// The longest a page, a server function or an API call may take; checks of many hosts are the slowest. Files that come in
/// take as long as their bytes keep coming.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Server functions for those who are not logged in (yet).
const OPEN_RPC: [&str; 5] = ["/rpc/login", "/rpc/setup", "/rpc/invite", "/rpc/setup_needed", "/rpc/session"];

/// The whole site.
pub fn build(state: &AppState) -> Router {
    let https = state.site.public_url.https();
    let browser = pages::router(state)
        .merge(transfers::router(state))
        .layer(middleware::from_fn(end_in_time))
        .merge(Router::new().route("/events", routing::get(events::tab)).with_state(state.clone()))
        .layer(middleware::from_fn_with_state(state.clone(), gate))
        .layer(middleware::from_fn_with_state(state.clone(), session::load))
        .layer(session::layer(state.console.clone(), &state.site.public_url))
        .layer(middleware::from_fn_with_state(https, session::complete_removals))
        .layer(middleware::from_fn(csrf::check))
        .layer(middleware::from_fn(static_files));
    let plain = Router::new()
        .route("/healthz", routing::get(health::healthz))
        .route("/readyz", routing::get(health::readyz))
        .route("/metrics", routing::get(health::metrics))
        .merge(api::router(state).layer(middleware::from_fn(end_in_time)))
        .with_state(state.clone());
    Router::new()
        .merge(plain)
        .route("/api/{*rest}", routing::any(no_such_operation))
        .fallback_service(browser)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(limit_body))
        .layer(middleware::from_fn(api_problems))
        .layer(middleware::from_fn_with_state(state.site.clone(), peer::check))
        .layer(middleware::from_fn_with_state(https, headers::add))
        .layer(middleware::from_fn(health::count))
        .layer(middleware::from_fn(log))
}

fn writes_a_value(path: &str) -> bool {
    path == "/rpc/put_key" || (path.starts_with("/api/v1/clusters/") && path.ends_with("/keys/value"))
}

fn body_limit(path: &str) -> usize {
    match path {
        "/rpc/merge_values" => MERGE_BODY_LIMIT,
        path if writes_a_value(path) => VALUE_BODY_LIMIT,
        path if transfers::files::brings_a_file(path) => FILE_BODY_LIMIT,
        // Its vault's budget and disk bound it.
        path if transfers::snapshots::brings_a_snapshot(path) => usize::MAX,
        _ => BODY_LIMIT,
    }
}

async fn end_in_time(request: Request, next: Next) -> Response {
    if transfers::brings_a_file(request.uri().path()) {
        return next.run(request).await;
    }
    let answer = tokio::time::timeout(TIMEOUT, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}

/// Reads a body to its end and throws it away.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Refuses a body that says it is too large, and breaks off one that turns out to be.
async fn limit_body(request: Request, next: Next) -> Response {
    let most = body_limit(request.uri().path());
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if let Some(length) = length.filter(|length: &usize| *length > most) {
        if length <= DRAINED {
            let _ = tokio::time::timeout(DRAINING, drain(request.into_body())).await;
        }
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    next.run(request.map(|body| Body::new(Limited::new(body, most)))).await
}

async fn api_problems(request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/") {
        api::problem::complete(request, next).await
    } else {
        next.run(request).await
    }
}

async fn no_such_operation() -> api::problem::ApiProblem {
    Problem::new(ProblemKind::NotFound, "There is no such operation; see /api/v1/openapi.json").into()
}

async fn static_files(request: Request, next: Next) -> Response {
    match assets::serve(request.method(), request.uri().path(), request.headers()) {
        Some(response) => response,
        None => next.run(request).await,
    }
}

/// Sends whoever may not see a page to where the way in is, and keeps strangers off the server functions.
async fn gate(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let known = request.extensions().get::<session::SessionActor>().is_some_and(|actor| actor.0.is_some());
    let path = request.uri().path();
    if path.starts_with("/rpc/") {
        if known || OPEN_RPC.contains(&path) {
            return next.run(request).await;
        }
        // As the page reads it: the problem itself, not RFC 9457's form of it.
        return (StatusCode::UNAUTHORIZED, axum::Json(session::not_logged_in())).into_response();
    }
    if path == "/events" || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match way_in(&state, known, request.uri()).await {
        Some(to) => Redirect::to(&to).into_response(),
        None => next.run(request).await,
    }
}

async fn way_in(state: &AppState, known: bool, uri: &http::Uri) -> Option<String> {
    let path = uri.path();
    if !state.is_set_up().await {
        return (path != "/setup").then(|| "/setup".to_owned());
    }
    match path {
        "/setup" => Some(if known { "/" } else { "/login" }.to_owned()),
        "/login" => known.then(|| "/".to_owned()),
        "/invite" => None,
        _ if known => None,
        "/" => Some("/login".to_owned()),
        _ => Some(format!("/login?next={}", percent_encoded(uri.path_and_query().map_or(path, |pq| pq.as_str())))),
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Paths only: a query can hold what a person typed.
async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = tokio::time::Instant::now();
    let response = next.run(request).await;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(%method, path, status = response.status().as_u16(), millis, "answered");
    response
}
