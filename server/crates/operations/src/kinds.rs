//! The kinds of operations, by name. Invariant: a kind is one file under `kinds/`, found by its name here, in the
//! wizards and in the end-to-end tests.

pub mod add_member;
pub mod adopt_cluster;
pub mod copy_keys;
pub mod delete_keys;
pub mod edit_settings;
pub mod finish_removal;
pub mod import_keys;
pub mod install_cluster;
pub mod move_leader;
pub mod promote_member;
pub mod remove_member;
pub mod repair_drift;
pub mod replace_member;
pub mod rescue_cluster;
pub mod restore_in_place;
pub mod restore_new;
pub mod return_from_restore;
pub mod rolling_restart;
pub mod shrink_cluster;
pub mod uninstall_cluster;
pub mod update_member_urls;

use crate::{context::Planner, error::PlanError, membership::Scene, plan::Plan};
use async_trait::async_trait;
use quorate_domain::{names::check_name, patroni::Gap, plan::OperationClass};
use serde::{Serialize, de::DeserializeOwned};
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

    /// Whether a start hands over another operation of the same cluster that rests stuck, instead of being refused.
    fn takes_over(&self) -> bool {
        false
    }

    /// For how long a client may wait for its writes while `plan` runs.
    fn gap(&self, _plan: &Plan) -> Gap {
        Gap::HANDOVER
    }
}

/// For members without a spare, whose restart a person declared by typing the cluster's name; otherwise one hands over.
fn gap_of_restarts(plan: &Plan) -> Gap {
    if plan.confirm.is_some() { Gap::Seconds(10) } else { Gap::HANDOVER }
}

/// Every kind of this console.
pub fn all() -> Vec<Box<dyn Kind>> {
    vec![
        Box::new(add_member::AddMember),
        Box::new(adopt_cluster::AdoptCluster),
        Box::new(copy_keys::CopyKeys),
        Box::new(delete_keys::DeleteKeys),
        Box::new(edit_settings::EditSettings),
        Box::new(finish_removal::FinishRemoval),
        Box::new(import_keys::ImportKeys),
        Box::new(install_cluster::InstallCluster),
        Box::new(move_leader::MoveLeader),
        Box::new(promote_member::PromoteMember),
        Box::new(remove_member::RemoveMember),
        Box::new(repair_drift::RepairDrift),
        Box::new(replace_member::ReplaceMember),
        Box::new(rescue_cluster::RescueCluster),
        Box::new(restore_in_place::RestoreInPlace),
        Box::new(restore_new::RestoreNew),
        Box::new(return_from_restore::ReturnFromRestore),
        Box::new(rolling_restart::RollingRestart),
        Box::new(shrink_cluster::ShrinkCluster),
        Box::new(uninstall_cluster::UninstallCluster),
        Box::new(update_member_urls::UpdateMemberUrls),
    ]
}

/// The kind of this name.
pub fn find(name: &str) -> Option<Box<dyn Kind>> {
    all().into_iter().find(|k| k.name() == name)
}

/// Reads the parameters of a kind.
fn params_of<T: DeserializeOwned>(params: Value) -> Result<T, PlanError> {
    serde_json::from_value(params).map_err(|e| PlanError::Shape(e.to_string()))
}

/// A plan of `kind` about the cluster of `scene`, with the completed parameters and no steps yet.
fn done(kind: &dyn Kind, scene: &Scene, title: String, params: &impl Serialize) -> Result<Plan, PlanError> {
    let params = serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?;
    Ok(scene.plan(kind, title, params))
}

/// Fills in the name of what a change keeps on hosts: the day and eight random digits.
///
/// # Errors
/// A given one that is no plain name.
fn token(planner: &Planner, token: &mut String) -> Result<(), PlanError> {
    if token.is_empty() {
        let day = planner.inventory.now().to_utc_text()[..10].replace('-', "");
        *token = format!("{day}-{}", hex::encode(&planner.inventory.random()[..4]));
    }
    check_name(token).map_err(|message| PlanError::field("token", message))
}
