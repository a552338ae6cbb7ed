//! A cluster goes down to fewer voters, in the order that keeps the most fault tolerance at each moment: those that are
//! down first, the leader last. Each leaves as `remove_member` has it. Growing is `add_member` with several hosts.

use super::{Kind, params_of, remove_member};
use crate::{
    context::Planner,
    error::PlanError,
    membership::{Scene, Seat},
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{membership::ShrinkParams, plan::OperationClass};
use serde_json::Value;

/// The kind `shrink_cluster`.
pub struct ShrinkCluster;

#[async_trait]
impl Kind for ShrinkCluster {
    fn name(&self) -> &'static str {
        "shrink_cluster"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: ShrinkParams = params_of(params)?;
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        let leaving = leaving(&scene, &mut params)?;
        let clients = remove_member::clients_of(&scene, &leaving).await;
        self.compose(&scene, &params, &leaving, &clients)
    }
}

impl ShrinkCluster {
    fn compose(
        &self,
        scene: &Scene,
        params: &ShrinkParams,
        leaving: &[&Seat],
        clients: &[String],
    ) -> Result<Plan, PlanError> {
        let names: Vec<String> = leaving.iter().map(|seat| seat.name()).collect();
        let title = format!("{}: shrink to {} voters, without {}", scene.record.name, params.voters, names.join(", "));
        let mut plan = super::done(self, scene, title, params)?;
        if !leaving.is_empty() {
            plan = remove_member::leave(plan, scene, leaving, &params.token, clients);
            plan.expected_seconds = 3 * u32::try_from(leaving.len()).unwrap_or(1) + 3;
        }
        Ok(plan)
    }
}

/// Who leaves, in order; fills in what was left open. Nobody while the cluster confirms no members, which a check says.
///
/// # Errors
/// Not fewer voters than there are, or none at all.
fn leaving<'s>(scene: &'s Scene, params: &mut ShrinkParams) -> Result<Vec<&'s Seat>, PlanError> {
    if scene.seen.is_err() {
        return Ok(Vec::new());
    }
    let voters = scene.voters();
    if params.voters == 0 {
        // The next lower odd number: an even one can lose no more than that.
        params.voters = u32::try_from(voters.saturating_sub(2) | 1).unwrap_or(1);
    }
    let wanted = params.voters as usize;
    if wanted >= voters {
        let why = format!("{} has {voters} voters: give a smaller number, or add members", scene.record.name);
        return Err(PlanError::field("voters", why));
    }
    let surplus = scene.roster.surplus(wanted);
    Ok(surplus.iter().filter_map(|id| scene.seats.iter().find(|seat| seat.listed.id == *id)).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;

    fn plan_of(scene: &Scene, voters: u32) -> Result<Plan, PlanError> {
        let mut params = ShrinkParams { cluster: scene.record.id.clone(), voters, token: "20261125-ab12cd34".into() };
        let leaving = leaving(scene, &mut params)?;
        ShrinkCluster.compose(scene, &params, &leaving, &[])
    }

    /// Five go down to three.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&sample::scene(5, &[]), 3).expect("a plan")
    }

    fn keys(plan: &Plan) -> Vec<&str> {
        plan.steps.iter().map(|s| s.key.as_str()).collect()
    }

    #[test]
    fn the_last_ones_leave_and_those_that_are_down_before_them() {
        let plan = sample_plan();
        let wanted = ["remove_lab5", "remove_lab4", "lay_to_rest", "record", "other_configurations", "verify"];
        assert_eq!(keys(&plan), wanted);
        assert_eq!((plan.point_of_no_return, plan.confirm.as_deref()), (Some(0), Some("demo")));
        assert!(plan.startable(), "{:?}", plan.checks);
        let down = plan_of(&sample::scene(5, &[2]), 3).expect("a plan");
        assert_eq!(keys(&down)[..2], ["remove_lab2", "remove_lab5"]);
        let open = down.steps.iter().find(|s| s.key == "leave_task").expect("the host that is down");
        assert_eq!(open.lanes[0].actions.len(), 1, "lab5's host is laid to rest at once");
        assert!(down.startable(), "{:?}", down.checks);
    }

    #[test]
    fn the_leader_hands_over_right_before_it_leaves_as_the_last() {
        let plan = plan_of(&sample::scene(3, &[]), 1).expect("a plan");
        assert_eq!(keys(&plan)[..2], ["remove_lab3", "remove_lab2"], "lab1 leads and stays");
        let title = plan_of(&sample::scene(5, &[]), 0).expect("a plan").title;
        assert_eq!(title, "demo: shrink to 3 voters, without lab5, lab4", "an odd number is proposed");
    }

    #[test]
    fn nothing_to_shrink_is_said_at_the_field() {
        for voters in [3, 4] {
            let refused = plan_of(&sample::scene(3, &[]), voters).expect_err("refused");
            let PlanError::Invalid(fields) = refused else { panic!("{refused}") };
            assert!(fields[0].field == "voters" && fields[0].message.contains("3 voters"), "{fields:?}");
        }
    }
}
