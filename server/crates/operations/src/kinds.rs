//! The kinds of operations, by name. Invariant: a kind is one file under `kinds/`, found by its name here, in the
//! wizards and in the end-to-end tests.

pub mod install_cluster;

use crate::{context::Planner, error::PlanError, plan::Plan};
use async_trait::async_trait;
use quorate_domain::plan::OperationClass;
use serde_json::Value;

/// One kind of operation: makes plans; running them is the engine's work.
#[async_trait]
pub trait Kind: Send + Sync {
    /// Its name in URLs and rows.
    fn name(&self) -> &'static str;

    /// Rises when the meaning of its effects changes.
    fn version(&self) -> u32;

    /// How much it can harm.
    fn class(&self) -> OperationClass;

    /// Looks at the facts and makes the plan. Changes nothing; dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// Parameters that cannot be right. Facts that forbid a start are failed checks of the plan, not errors.
    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError>;
}

/// Every kind of this console.
pub fn all() -> Vec<Box<dyn Kind>> {
    vec![Box::new(install_cluster::InstallCluster)]
}

/// The kind of this name.
pub fn find(name: &str) -> Option<Box<dyn Kind>> {
    all().into_iter().find(|k| k.name() == name)
}
