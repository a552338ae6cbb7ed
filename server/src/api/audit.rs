//! `/api/v1/audit`: who did what.

use crate::{
    api::{
        caller::{Caller, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use quorate_core::permit::act;
use quorate_domain::audit::AuditPage;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// `next` of the page before.
    pub before: Option<i64>,
    /// How many; at most 200.
    #[serde(default = "page")]
    pub limit: u32,
}

fn page() -> u32 {
    100
}

/// The audit trail, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = AuditPage)))]
pub async fn list_audit_events(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditPage>, ApiProblem> {
    let permit = caller.permit::<act::ViewAudit>(&state.console).await?;
    Ok(Json(state.console.audit_page(&permit, query.before, query.limit).await?))
}
