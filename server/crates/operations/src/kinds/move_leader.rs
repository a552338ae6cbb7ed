//! Another voter takes the lead. Harmless, and taken back by moving it again.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::MemberCall,
    error::PlanError,
    membership::{self, Scene},
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{membership::MemberParams, plan::OperationClass, quorum::Change};
use serde_json::Value;

/// The kind `move_leader`.
pub struct MoveLeader;

#[async_trait]
impl Kind for MoveLeader {
    fn name(&self) -> &'static str {
        "move_leader"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Guarded
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let params: MemberParams = params_of(params)?;
        let scene = Scene::look(planner, &params.cluster).await?;
        self.compose(&scene, params)
    }
}

impl MoveLeader {
    fn compose(&self, scene: &Scene, mut params: MemberParams) -> Result<Plan, PlanError> {
        // A single voter has nobody to hand over to: asked of itself, the rules say so.
        let proposed = scene.roster.leader.map(|leader| scene.roster.next_leader(leader).map_or(leader, |m| m.id));
        params.member = params.member.or(proposed);
        let Some(to) = params.member else { return super::done(self, scene, "Move the leader".into(), &params) };
        let Some(seat) = scene.seat("member", to)? else {
            return super::done(self, scene, "Move the leader".into(), &params);
        };
        let target = scene.target();
        let mut plan =
            super::done(self, scene, format!("{}: {} takes the lead", scene.record.name, seat.name()), &params)?;
        plan.checks.push(scene.ruling(&seat.name(), &Change::MoveLeader(to), "Choose another voter"));
        let back = scene.seats.iter().find(|s| Some(s.listed.id) == scene.roster.leader);
        plan.steps = vec![
            membership::call_step(
                "move_leader",
                &format!("{} takes the lead", seat.name()),
                &target,
                MemberCall::MoveLeader(seat.member()),
                back.map(|seat| MemberCall::MoveLeader(seat.member())),
            ),
            membership::verify_step(&target, &scene.down(), &scene.learners(), "move-leader"),
        ];
        plan.expected_seconds = 2;
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::{MemberId, plan::Verdict};

    /// The lead of three members moves.
    pub(crate) fn sample_plan() -> Plan {
        let scene = sample::scene(3, &[]);
        let params = MemberParams { cluster: scene.record.id.clone(), member: None };
        MoveLeader.compose(&scene, params).expect("a plan")
    }

    #[test]
    fn a_healthy_follower_is_proposed_and_the_answer_names_it() {
        let plan = sample_plan();
        assert_eq!(plan.params["member"], "2");
        assert_eq!(plan.steps[0].lanes[0].undo.len(), 1, "moving back");
        let scene = sample::scene(3, &[2]);
        let to = |id| MemberParams { cluster: scene.record.id.clone(), member: Some(MemberId(id)) };
        let fails = |plan: &Plan| plan.checks.iter().any(|c| c.verdict == Verdict::Fail);
        assert!(fails(&MoveLeader.compose(&scene, to(2)).expect("a plan")), "it is down");
        assert!(!fails(&MoveLeader.compose(&scene, to(3)).expect("a plan")));
        assert!(MoveLeader.compose(&scene, to(9)).is_err(), "no such member");
    }
}
