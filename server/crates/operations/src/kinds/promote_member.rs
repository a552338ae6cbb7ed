//! A learner gets a vote, once it has nearly all of the leader's log.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::MemberCall,
    error::PlanError,
    membership::{self, Scene},
    plan::Plan,
};
use async_trait::async_trait;
use quorate_domain::{
    membership::MemberParams,
    plan::OperationClass,
    quorum::{Change, Tolerance},
};
use serde_json::Value;

/// The kind `promote_member`.
pub struct PromoteMember;

#[async_trait]
impl Kind for PromoteMember {
    fn name(&self) -> &'static str {
        "promote_member"
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
        self.compose(&scene, &params)
    }
}

impl PromoteMember {
    fn compose(&self, scene: &Scene, params: &MemberParams) -> Result<Plan, PlanError> {
        let Some(id) = params.member else {
            return Err(PlanError::field("member", "Choose the learner that gets a vote"));
        };
        let Some(seat) = scene.seat("member", id)? else {
            return super::done(self, scene, "Promote a learner".into(), params);
        };
        let (target, who) = (scene.target(), seat.member());
        let mut plan =
            super::done(self, scene, format!("{}: {} becomes a voter", scene.record.name, who.name), params)?;
        plan.checks.push(scene.ruling(&who.name, &Change::Promote(id), "Wait until it answers, or remove it"));
        plan.warnings.extend(Tolerance::advice(scene.voters() + 1));
        plan.warnings.extend(membership::promotion_mark(scene));
        let learners: Vec<String> = scene.learners().into_iter().filter(|name| *name != who.name).collect();
        plan.steps = vec![
            membership::catch_up_step(&target, &who),
            // Taking a vote away again means to remove the member, which is a plan of its own.
            membership::call_step(
                "promote",
                &format!("{} becomes a voter", who.name),
                &target,
                MemberCall::Promote(who),
                None,
            ),
            membership::verify_step(&target, &scene.down(), &learners, "promote-member"),
        ];
        plan.point_of_no_return = Some(1);
        Ok(plan)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_domain::{MemberId, cluster::MemberRole, plan::Verdict};

    /// The third of three members is a learner.
    pub(crate) fn sample_plan() -> Plan {
        let mut scene = sample::scene(3, &[]);
        scene.seats[2].listed.is_learner = true;
        scene.seats[2].standing.role = MemberRole::Learner;
        scene.roster.members[2].role = MemberRole::Learner;
        let params = MemberParams { cluster: scene.record.id.clone(), member: Some(MemberId(3)) };
        PromoteMember.compose(&scene, &params).expect("a plan")
    }

    #[test]
    fn it_waits_for_the_log_first_and_a_voter_is_not_promoted() {
        let plan = sample_plan();
        assert!(plan.startable(), "{:?}", plan.checks);
        assert_eq!(plan.steps[0].key, "catch_up_lab3");
        let scene = sample::scene(3, &[]);
        let params = MemberParams { cluster: scene.record.id.clone(), member: Some(MemberId(2)) };
        let plan = PromoteMember.compose(&scene, &params).expect("a plan");
        assert!(plan.checks.iter().any(|c| c.verdict == Verdict::Fail && c.answer.contains("votes already")));
    }
}
