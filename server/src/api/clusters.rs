//! `/api/v1/clusters`: what is known of clusters right now. Answers come from memory; nothing here dials etcd.

use crate::{
    api::{
        caller::{Caller, Id, Params},
        problem::ApiProblem,
    },
    state::AppState,
};
use axum::{Json, extract::State};
use http::StatusCode;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, MemberId, Scope, Timestamp,
    cluster::{ClusterEvent, ClusterView, Health, MemberView},
    config::MemberConfig,
    journal::MemberJournal,
    patroni::PatroniScope,
    quorum::Tolerance,
    snapshots::Survivors,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// All clusters.
#[utoipa::path(get, path = "/api/v1/clusters", tag = "clusters", responses((status = 200, body = Vec<ClusterView>)))]
pub async fn list_clusters(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<ClusterView>>, ApiProblem> {
    let permit = caller.permit::<act::ViewClusters>(&state.console).await?;
    Ok(Json(state.console.fleet(&permit).await?))
}

async fn view(state: &AppState, caller: &Caller, id: ClusterId) -> Result<ClusterView, ApiProblem> {
    let permit = state.console.permit::<act::ViewClusters>(&caller.0, Scope::Cluster(id)).await?;
    Ok(state.console.cluster(&permit).await?)
}

/// One cluster in full.
#[utoipa::path(get, path = "/api/v1/clusters/{id}", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = ClusterView)))]
pub async fn get_cluster(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<ClusterView>, ApiProblem> {
    Ok(Json(view(&state, &caller, id).await?))
}

/// A cluster's health in brief, for monitoring.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClusterStatus {
    /// In words, with a level.
    pub health: Health,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The leader.
    pub leader: Option<MemberId>,
    /// Votes.
    pub tolerance: Tolerance,
    /// Alarms in etcd's words.
    pub alarms: Vec<String>,
}

/// A cluster's health in brief.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/status", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = ClusterStatus)))]
pub async fn get_cluster_status(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<ClusterStatus>, ApiProblem> {
    let view = view(&state, &caller, id).await?;
    let health = view.health();
    let ClusterView { taken_at, leader, tolerance, alarms, .. } = view;
    Ok(Json(ClusterStatus { health, taken_at, leader, tolerance, alarms }))
}

/// A cluster's members, silent ones too.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/members", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<MemberView>)))]
pub async fn list_cluster_members(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<MemberView>>, ApiProblem> {
    Ok(Json(view(&state, &caller, id).await?.members))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `seq` of the last event of the page before.
    pub before: Option<i64>,
    /// How many; at most 200.
    #[serde(default = "page")]
    pub limit: u32,
}

fn page() -> u32 {
    50
}

/// What happened to a cluster, newest first.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/events", tag = "clusters",
    params(("id" = ClusterId, Path), PageQuery), responses((status = 200, body = Vec<ClusterEvent>)))]
pub async fn list_cluster_events(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Vec<ClusterEvent>>, ApiProblem> {
    let permit = state.console.permit::<act::ViewClusters>(&caller.0, Scope::Cluster(id)).await?;
    let limit = query.limit.clamp(1, 200);
    Ok(Json(state.console.cluster_events(&permit, query.before, limit).await?))
}

/// What lies on the hosts of a cluster's members, read now: files, differences from what is expected.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/configurations", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<MemberConfig>)))]
pub async fn list_cluster_configurations(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<MemberConfig>>, ApiProblem> {
    let permit = state.console.permit::<act::CheckHosts>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.configurations(&permit).await?))
}

/// What is left of a cluster that lost its quorum: what the data of each member that is reached knows, read now, and what each way
/// out would lose. For whoever may rescue it.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/survivors", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Survivors)))]
pub async fn list_cluster_survivors(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Survivors>, ApiProblem> {
    let permit = state.console.permit_run(&caller.0, "rescue_cluster").await?;
    Ok(Json(state.console.survivors(&permit, &id).await?))
}

/// The Patroni scopes that keep their state in a cluster, asked now.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/patroni", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 200, body = Vec<PatroniScope>)))]
pub async fn list_cluster_patroni_scopes(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<Json<Vec<PatroniScope>>, ApiProblem> {
    let permit = state.console.permit::<act::ViewClusters>(&caller.0, Scope::Cluster(id)).await?;
    Ok(Json(state.console.patroni(&permit).await?))
}

/// Which lines of which members.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// The member by name; all of them without it.
    pub member: Option<String>,
    /// The `cursor` of an earlier answer for that member: what came since then, in place of the last lines.
    pub after: Option<String>,
    /// How many of the last lines of each; at most 5000.
    #[serde(default = "lines")]
    pub lines: u32,
}

fn lines() -> u32 {
    200
}

/// What the members of a cluster wrote to their hosts' journals, read now.
#[utoipa::path(get, path = "/api/v1/clusters/{id}/journals", tag = "clusters",
    params(("id" = ClusterId, Path), JournalQuery), responses((status = 200, body = Vec<MemberJournal>)))]
pub async fn list_cluster_journals(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
    Params(query): Params<JournalQuery>,
) -> Result<Json<Vec<MemberJournal>>, ApiProblem> {
    let permit = state.console.permit::<act::CheckHosts>(&caller.0, Scope::Cluster(id)).await?;
    let journals = state.console.journals(&permit, query.member.as_deref(), query.after, query.lines).await?;
    Ok(Json(journals))
}

/// Takes a cluster out of the console; its members go on.
#[utoipa::path(delete, path = "/api/v1/clusters/{id}", tag = "clusters", params(("id" = ClusterId, Path)),
    responses((status = 204)))]
pub async fn forget_cluster(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id<ClusterId>,
) -> Result<StatusCode, ApiProblem> {
    let permit = state.console.permit::<act::ForgetClusters>(&caller.0, Scope::Cluster(id)).await?;
    state.console.forget_cluster(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}
