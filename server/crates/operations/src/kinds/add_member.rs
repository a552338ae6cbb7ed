//! Adds members to a cluster, one after another: each joins as a learner and gets its vote once it has the log.

use super::{Kind, gap_of_restarts, params_of};
use crate::{
    context::Planner,
    error::PlanError,
    membership::{
        self, Scene,
        join::{self, Joining, Wish},
    },
    plan::Plan,
    provision::login,
};
use async_trait::async_trait;
use quorate_domain::{
    membership::{AddMemberParams, check_new_members},
    patroni::Gap,
    plan::OperationClass,
    quorum::{Change, Tolerance},
};
use serde_json::Value;

/// The kind `add_member`.
pub struct AddMember;

#[async_trait]
impl Kind for AddMember {
    fn name(&self) -> &'static str {
        "add_member"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn gap(&self, plan: &Plan) -> Gap {
        gap_of_restarts(plan)
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: AddMemberParams = params_of(params)?;
        let errors = check_new_members(&params.members, &params.download_url);
        if !errors.is_empty() {
            return Err(PlanError::Invalid(errors));
        }
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        if scene.seen.is_err() {
            return super::done(self, &scene, "Add a member".into(), &params);
        }
        let wish = Wish {
            members: &mut params.members,
            source: params.source.clone(),
            download_url: &mut params.download_url,
            token: &params.token,
            leaving: &[],
        };
        let joining = join::look(planner, &scene, wish).await?;
        self.compose(&scene, &params, &joining)
    }
}

impl AddMember {
    fn compose(&self, scene: &Scene, params: &AddMemberParams, joining: &Joining) -> Result<Plan, PlanError> {
        let names: Vec<&str> = params.members.iter().map(|m| m.name.as_str()).collect();
        let mut plan = super::done(self, scene, format!("{}: add {}", scene.record.name, names.join(", ")), params)?;
        let advice = "Choose Replace for a member that is down, or bring it back; promote or remove a learner first";
        plan.checks.push(scene.ruling("", &Change::AddLearner, advice));
        plan.checks.extend(joining.checks.iter().cloned());
        plan.warnings = warnings(scene, params, joining);
        plan.steps = joining.steps(scene, params.leave_as_learner);
        let (all, new) = (params.members.len(), joining.hosts());
        let wanted = joining.initial_cluster(scene, all);
        let (others, checks, hosts) = membership::update_others(scene, &[], &wanted, &params.token);
        plan.checks.extend(checks);
        plan.steps.extend(others);
        plan.hosts = new.iter().map(|h| h.id.clone()).chain(hosts).collect();
        let target = joining.target(scene, all);
        if params.restart_others {
            let new = if params.leave_as_learner { 0 } else { all };
            let outage = membership::restart_is_an_outage(scene, new);
            let reached = scene.leader_last(|_| true).into_iter().filter_map(|seat| Some((seat, seat.place()?)));
            for (seat, place) in reached {
                plan.steps.push(membership::restart_step(&target, &scene.down(), seat, place, outage));
            }
            if outage {
                plan.warnings.push("Writes stop while each of the others restarts: there is no voter to spare.".into());
                plan.confirm = Some(scene.record.name.clone());
            }
        }
        let mut learners = scene.learners();
        if params.leave_as_learner {
            learners.extend(names.iter().map(|name| (*name).to_owned()));
        }
        plan.steps.push(membership::verify_step(&target, &scene.down(), &learners, &params.token));
        plan.logins.extend(new.iter().map(login));
        plan.expected_seconds = 10 + 5 * u32::try_from(all).unwrap_or(1);
        Ok(plan)
    }
}

fn warnings(scene: &Scene, params: &AddMemberParams, joining: &Joining) -> Vec<String> {
    let mut warnings = joining.warnings().to_vec();
    if params.leave_as_learner {
        warnings.push("A learner has no vote and serves no clients; it can be promoted later.".into());
    } else {
        warnings.extend(Tolerance::advice(scene.voters() + params.members.len()));
        warnings.extend(membership::promotion_mark(scene));
        let endpoints = membership::endpoints(scene, &[], &joining.client_urls());
        warnings.push(format!("Clients use from then on: {endpoints}"));
    }
    if params.leave_as_learner && params.members.len() > 1 {
        warnings.push("etcd takes one learner at a time unless it was told otherwise.".into());
    }
    warnings
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::{join::tests::joining, sample};

    fn plan_of(scene: &Scene, edit: impl FnOnce(&mut AddMemberParams)) -> Plan {
        let joining = joining(scene, &[4], &[]);
        let mut params = AddMemberParams::new(scene.record.id.clone(), joining.hosts().iter().map(|h| h.id.clone()));
        params.members[0].name = "lab4".into();
        params.token = "20261125-ab12cd34".into();
        edit(&mut params);
        AddMember.compose(scene, &params, &joining).expect("a plan")
    }

    /// A fourth member joins three.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&sample::scene(3, &[]), |_| {})
    }

    #[test]
    fn the_others_learn_of_it_last_and_are_restarted_only_when_asked() {
        let keys = |plan: &Plan| plan.steps.iter().map(|s| s.key.clone()).collect::<Vec<_>>();
        let plan = sample_plan();
        assert!(plan.startable(), "{:?}", plan.checks);
        let all = keys(&plan);
        assert_eq!(all[all.len() - 4..], ["promote_lab4", "remove_archive", "other_configurations", "verify"]);
        let restarted = keys(&plan_of(&sample::scene(3, &[]), |p| p.restart_others = true));
        assert_eq!(restarted.iter().filter(|key| key.starts_with("restart_")).count(), 3);
        let alone = plan_of(&sample::scene(1, &[]), |p| p.restart_others = true);
        assert_eq!(alone.confirm.as_deref(), Some("demo"), "an outage is declared by typing the name");
        let guarded = serde_json::to_string(&plan_of(&sample::scene(2, &[]), |p| p.restart_others = true).steps);
        assert!(guarded.expect("json").contains("can_stop"), "three voters then: the rules are asked");
        let learner = keys(&plan_of(&sample::scene(3, &[]), |p| p.leave_as_learner = true));
        assert!(!learner.iter().any(|key| key.starts_with("promote_")), "{learner:?}");
    }

    #[test]
    fn with_a_voter_down_an_old_etcd_adds_none_and_replace_is_offered() {
        let plan = plan_of(&sample::scene(3, &[3]), |_| {});
        let refused = plan.checks.iter().find(|c| c.name == "quorum").expect("check");
        assert!(refused.answer.contains("before 3.5.30") && refused.advice.contains("Replace"), "{refused:?}");
        assert!(!plan.startable());
    }
}
