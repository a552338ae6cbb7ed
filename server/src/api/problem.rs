//! Errors as `/api/v1`, the layers and the event stream send them (RFC 9457). Invariant: status, kind and words come
//! from the domain's `Problem`; nothing else about an error leaves the console.

use axum::{
    Json,
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use quorate_core::error::CoreError;
use quorate_domain::{Problem, ProblemKind, plan::PlanView, problem::FieldError};
use serde::Serialize;
use utoipa::ToSchema;

const PROBLEM_JSON: &str = "application/problem+json";

/// A problem on its way out.
#[derive(Debug)]
pub struct ApiProblem(pub Problem);

/// `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: the kind says it all.
    #[serde(rename = "type")]
    pub type_uri: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The machine's word.
    pub kind: ProblemKind,
    /// One sentence for a person.
    pub title: String,
    /// What to do, or more about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Messages that belong at a field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// The plan as it is now, when the facts moved since the review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanView>>,
}

impl ProblemBody {
    fn new(problem: Problem, plan: Option<Box<PlanView>>) -> Self {
        let Problem { kind, title, detail, fields } = problem;
        Self { type_uri: "about:blank", status: kind.status(), kind, title, detail, fields, plan }
    }
}

impl From<CoreError> for ApiProblem {
    fn from(error: CoreError) -> Self {
        Self(error.into())
    }
}

impl From<Problem> for ApiProblem {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        answer(self.0, None)
    }
}

/// What routing and layers refuse (wrong method, too large, too slow) comes as a problem, too.
pub async fn complete(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let (kind, title) = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => (ProblemKind::Invalid, "This path does not take this method"),
        StatusCode::PAYLOAD_TOO_LARGE => (
            ProblemKind::Invalid,
            "The body is too large; 1 MiB is the most, 4 MiB where a value is written, 256 MiB for a file of keys",
        ),
        StatusCode::GATEWAY_TIMEOUT => (ProblemKind::Unavailable, "The answer took too long"),
        _ => return response,
    };
    let (mut parts, _) = response.into_parts();
    let body = ProblemBody { status: parts.status.as_u16(), ..ProblemBody::new(Problem::new(kind, title), None) };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    Response::from_parts(parts, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// The facts moved since the review: 409 with the plan as it is now.
pub fn plan_changed(plan: Box<PlanView>) -> Response {
    let problem = Problem::new(ProblemKind::Conflict, "The facts moved since this plan was made")
        .with_detail("Nothing was started. Review the plan in this answer and send its digest and params.");
    answer(problem, Some(plan))
}

fn answer(problem: Problem, plan: Option<Box<PlanView>>) -> Response {
    let status = StatusCode::from_u16(problem.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, seconds) = (problem.kind, problem.detail.parse::<u64>().ok());
    let mut response = (status, Json(ProblemBody::new(problem, plan))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    match kind {
        ProblemKind::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"quorate\""));
        }
        ProblemKind::Throttled => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.unwrap_or(1)));
        }
        _ => {}
    }
    response
}
