//! Plans and operations.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use quorate_domain::plan::StartOutcome;
use quorate_domain::{
    ClusterId, OperationId,
    operation::{Choice, OperationDetail, OperationSummary},
    plan::{PlanRequest, PlanView, StartRequest},
};
use serde::{Deserialize, Serialize};

/// What came of a start: one of the two. The API's `StartOutcome` is a tagged enum, whose reader buffers and so would
/// compile the reader of a whole plan once more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Started {
    /// It runs.
    pub(crate) operation: Option<OperationId>,
    /// The facts moved: nothing was started, and this is the plan now.
    pub(crate) changed: Option<PlanView>,
}

/// Makes a plan; nothing changes.
#[server(prefix = "/rpc", endpoint = "plan", protocol = Wire)]
pub(crate) async fn plan(plan: PlanRequest) -> Result<PlanView, AppError> {
    let (console, actor) = caller()?;
    let permit = console.permit_run(&actor, &plan.kind).await?;
    Ok(console.plan(&permit, plan).await?)
}

/// Starts what was reviewed, or answers the plan as it is now.
#[server(prefix = "/rpc", endpoint = "start", protocol = Wire)]
pub(crate) async fn start(start: StartRequest) -> Result<Started, AppError> {
    let (console, actor) = caller()?;
    let permit = console.permit_run(&actor, &start.kind).await?;
    Ok(match console.start(&permit, start).await? {
        StartOutcome::Started { operation } => Started { operation: Some(operation), changed: None },
        StartOutcome::PlanChanged { plan } => Started { operation: None, changed: Some(*plan) },
    })
}

/// Operations, newest first; of one cluster or of all.
#[server(prefix = "/rpc", endpoint = "operations", protocol = Wire)]
pub(crate) async fn operations(cluster: Option<ClusterId>) -> Result<Vec<OperationSummary>, AppError> {
    let (console, permit) = permitted::<act::ViewOperations>().await?;
    Ok(console.operations(&permit, cluster, None, quorate_core::operations::LIST_MAX).await?)
}

/// One operation in full.
#[server(prefix = "/rpc", endpoint = "operation", protocol = Wire)]
pub(crate) async fn operation(id: OperationId) -> Result<OperationDetail, AppError> {
    let (console, permit) = permitted::<act::ViewOperations>().await?;
    Ok(console.operation(&permit, &id).await?)
}

/// Cancels, retries, skips, undoes or hands over.
#[server(prefix = "/rpc", endpoint = "steer", protocol = Wire)]
pub(crate) async fn steer(id: OperationId, choice: Choice) -> Result<OperationSummary, AppError> {
    let (console, actor) = caller()?;
    Ok(console.steer(&actor, &id, choice).await?)
}
