//! `/api/v1/releases`: what could be installed.

use crate::{
    api::{
        caller::{Caller, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use quorate_core::permit::act;
use quorate_domain::version::Offer;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which source.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReleaseQuery {
    /// Base of the download URL; the console's own setting if left out.
    #[serde(default)]
    pub download_url: String,
}

/// The versions that are offered, what stands against each, and whether the source holds it.
#[utoipa::path(get, path = "/api/v1/releases", tag = "clusters", params(ReleaseQuery),
    responses((status = 200, body = Vec<Offer>)))]
pub async fn list_releases(
    State(state): State<AppState>,
    caller: Caller,
    Params(query): Params<ReleaseQuery>,
) -> Result<Json<Vec<Offer>>, ApiProblem> {
    let permit = caller.permit::<act::RunDangerous>(&state.console).await?;
    Ok(Json(state.console.offered_versions(&permit, &query.download_url).await?))
}
