//! Plans and operations.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, OperationId,
    operation::{Choice, OperationDetail, OperationSummary},
    plan::{PlanRequest, PlanView, StartOutcome, StartRequest},
};

/// Makes a plan; nothing changes.
#[server(prefix = "/rpc", endpoint = "plan", protocol = Wire)]
pub(crate) async fn plan(plan: PlanRequest) -> Result<PlanView, AppError> {
    let (console, actor) = caller()?;
    let permit = console.permit_run(&actor, &plan.kind).await?;
    Ok(console.plan(&permit, plan).await?)
}

/// Starts what was reviewed, or answers the plan as it is now.
#[server(prefix = "/rpc", endpoint = "start", protocol = Wire)]
pub(crate) async fn start(start: StartRequest) -> Result<StartOutcome, AppError> {
    let (console, actor) = caller()?;
    let permit = console.permit_run(&actor, &start.kind).await?;
    Ok(console.start(&permit, start).await?)
}

/// Operations, newest first; of one cluster or of all.
#[server(prefix = "/rpc", endpoint = "operations", protocol = Wire)]
pub(crate) async fn operations(cluster: Option<ClusterId>) -> Result<Vec<OperationSummary>, AppError> {
    let (console, permit) = permitted::<act::ViewOperations>().await?;
    Ok(console.operations(&permit, cluster).await?)
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
