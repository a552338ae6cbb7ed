//! `/api/v1/operations`: starting, following and steering. One shape for all kinds.

use crate::{
    api::{
        caller::{Body, Caller, Id, Params},
        problem::{self, ApiProblem, ProblemBody},
    },
    events,
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, OperationId, Problem, ProblemKind,
    operation::{Choice, OperationDetail, OperationSummary, OutputLine},
    plan::{StartOutcome, StartRequest},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

/// Which operations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Those of one cluster only.
    pub cluster: Option<ClusterId>,
    /// The id of the last operation of the page before.
    pub before: Option<OperationId>,
    /// How many; at most 200.
    #[serde(default = "page")]
    pub limit: u32,
}

fn page() -> u32 {
    100
}

/// Operations, newest first.
#[utoipa::path(get, path = "/api/v1/operations", tag = "operations", params(ListQuery),
    responses((status = 200, body = Vec<OperationSummary>)))]
pub async fn list_operations(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<Vec<OperationSummary>>, ApiProblem> {
    let permit = caller.permit::<act::ViewOperations>(&state.console).await?;
    Ok(Json(state.console.operations(&permit, query.cluster, query.before, query.limit).await?))
}

/// Starts a reviewed plan. 409 with the plan as it is now when the facts moved since.
#[utoipa::path(post, path = "/api/v1/operations", tag = "operations", request_body = StartRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key and body answers what the first one did.")),
    responses(
        (status = 202, body = StartOutcome, headers(("Location" = String, description = "The operation."))),
        (status = 409, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn start_operation(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<StartRequest>,
) -> Result<Response, ApiProblem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(start(&state, &caller, request).await?.1) };
    let unreadable = || Problem::new(ProblemKind::Invalid, "The Idempotency-Key is not plain text");
    let key = key.to_str().map_err(|_| unreadable())?;
    let text = serde_json::to_vec(&request).map_err(|_| unreadable())?;
    let print = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut slot = state.idempotency.hold(&caller.token(), key, state.console.now()).await?;
    match &slot.answered {
        Some((known, operation)) if *known == print => Ok(accepted(operation)),
        Some(_) => Err(Problem::new(ProblemKind::Conflict, "This Idempotency-Key was used for another request").into()),
        None => {
            let (operation, response) = start(&state, &caller, request).await?;
            slot.answered = operation.map(|operation| (print, operation));
            Ok(response)
        }
    }
}

async fn start(
    state: &AppState,
    caller: &Caller,
    request: StartRequest,
) -> Result<(Option<OperationId>, Response), ApiProblem> {
    let permit = state.console.permit_run(&caller.0, &request.kind).await?;
    Ok(match state.console.start(&permit, request).await? {
        StartOutcome::Started { operation } => {
            let response = accepted(&operation);
            (Some(operation), response)
        }
        StartOutcome::PlanChanged { plan } => (None, problem::plan_changed(plan)),
    })
}

fn accepted(operation: &OperationId) -> Response {
    let location = [(header::LOCATION, format!("/api/v1/operations/{operation}"))];
    let body = Json(StartOutcome::Started { operation: operation.clone() });
    (StatusCode::ACCEPTED, location, body).into_response()
}

/// One operation in full.
#[utoipa::path(get, path = "/api/v1/operations/{id}", tag = "operations", params(("id" = OperationId, Path)),
    responses((status = 200, body = OperationDetail)))]
pub async fn get_operation(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<OperationId>,
) -> Result<Json<OperationDetail>, ApiProblem> {
    let permit = caller.permit::<act::ViewOperations>(&state.console).await?;
    Ok(Json(state.console.operation(&permit, &id).await?))
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AfterQuery {
    /// The `seq` of the last line that is known; 0 for all.
    #[serde(default)]
    pub after: i64,
}

/// Lines that an operation's steps printed, oldest first.
#[utoipa::path(get, path = "/api/v1/operations/{id}/output", tag = "operations",
    params(("id" = OperationId, Path), AfterQuery), responses((status = 200, body = Vec<OutputLine>)))]
pub async fn get_operation_output(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<OperationId>,
    Params(query): Params<AfterQuery>,
) -> Result<Json<Vec<OutputLine>>, ApiProblem> {
    let permit = caller.permit::<act::ViewOperations>(&state.console).await?;
    Ok(Json(state.console.output(&permit, &id, query.after).await?))
}

/// An operation's progress and output as server-sent events; each event's data is a `LiveMessage`. Output is replayed
/// from `after`, or from `Last-Event-ID`; the stream ends when the operation does.
#[utoipa::path(get, path = "/api/v1/operations/{id}/events", tag = "operations",
    params(("id" = OperationId, Path), AfterQuery),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub async fn stream_operation_events(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Id(id): Id<OperationId>,
    Params(query): Params<AfterQuery>,
) -> Result<Response, ApiProblem> {
    let after = events::last_event_id(&headers).unwrap_or(query.after);
    events::operation_stream(&state, &caller, &headers, id, after).await
}

async fn steer(
    state: &AppState,
    caller: &Caller,
    id: &OperationId,
    choice: Choice,
) -> Result<Json<OperationSummary>, ApiProblem> {
    Ok(Json(state.console.steer(&caller.0, id, choice).await?))
}

macro_rules! steering {
    ($($(#[$doc:meta])* $name:ident $path:literal $choice:ident;)+) => {
        $(
            $(#[$doc])*
            #[utoipa::path(post, path = $path, tag = "operations", params(("id" = OperationId, Path)),
                responses((status = 200, body = OperationSummary)))]
            pub async fn $name(
                State(state): State<AppState>,
                caller: Caller,
                Id(id): Id<OperationId>,
            ) -> Result<Json<OperationSummary>, ApiProblem> {
                steer(&state, &caller, &id, Choice::$choice).await
            }
        )+
    };
}

steering! {
    /// Lets the step begin that waits for a person.
    proceed_operation "/api/v1/operations/{id}/proceed" Proceed;
    /// Goes on with a stuck operation: tries the failed step again.
    retry_operation "/api/v1/operations/{id}/retry" Retry;
    /// Leaves the failed step out, where its plan allows that.
    skip_operation_step "/api/v1/operations/{id}/skip" Skip;
    /// Takes everything back that can be taken back.
    undo_operation "/api/v1/operations/{id}/undo" Undo;
    /// Stops at the next step boundary, or within the step where it is work on many keys.
    cancel_operation "/api/v1/operations/{id}/cancel" Cancel;
    /// Ends the operation here; the rest is its runbook.
    hand_over_operation "/api/v1/operations/{id}/hand-over" HandOver;
}
