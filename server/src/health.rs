//! For balancers and Prometheus. Invariant: `/healthz` and `/readyz` say a word and nothing about the console;
//! `/metrics` takes a token, or a request that comes from this machine itself and not through a proxy.

use crate::{
    api::{caller, problem::ApiProblem},
    http::peer::Source,
    state::AppState,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use quorate_core::permit::act;
use quorate_domain::{Problem, ProblemKind, Scope};
use std::{sync::OnceLock, time::Duration};

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The database can be read and written.
pub async fn readyz(State(state): State<AppState>) -> Response {
    let read = tokio::time::timeout(Duration::from_secs(2), state.console.ready()).await;
    match read {
        Ok(Ok(_)) if !state.stop.is_cancelled() => "ok\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// Counters in Prometheus' text form.
pub async fn metrics(State(state): State<AppState>, request: Request) -> Result<Response, ApiProblem> {
    let local = request.extensions().get::<Source>().is_some_and(|source| source.0.is_loopback());
    let (headers, source) = (request.headers().clone(), caller::source_of(&request));
    drop(request);
    let proxied = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if !local || proxied {
        let actor = caller::bearer(&state, &headers, &source).await?;
        state.console.permit::<act::ViewClusters>(&actor, Scope::Global).await?;
    }
    let text = recorder().map(PrometheusHandle::render);
    let text = text.ok_or_else(|| Problem::new(ProblemKind::Unavailable, "Metrics are not recorded"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The process's one recorder, installed on first use.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}

/// Counts requests. Paths are not labels: ids would make their number endless.
pub async fn count(request: Request, next: Next) -> Response {
    let part = match request.uri().path().split('/').nth(1) {
        Some("api") => "api",
        Some("rpc") => "rpc",
        Some("events") => "events",
        _ => "page",
    };
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    metrics::counter!("quorate_http_requests_total", "part" => part, "status" => status).increment(1);
    response
}
