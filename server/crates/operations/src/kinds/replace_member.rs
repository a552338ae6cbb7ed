//! Replaces a member that is dead: it is removed first, together with any other dead voter that would keep etcd from adding
//! one, and a new one joins on the same or another host. In this order, because etcd counts a dead voter as long as it is a
//! member (etcd FAQ, "Should I add a member before removing an unhealthy member?").

use super::{Kind, params_of, remove_member};
use crate::{
    context::Planner,
    error::PlanError,
    membership::{
        self, Scene, Seat,
        join::{self, Joining, Wish},
    },
    plan::Plan,
    provision::login,
};
use async_trait::async_trait;
use quorate_domain::{
    MemberId,
    cluster::MemberRole,
    membership::{ReplaceMemberParams, check_new_members},
    plan::{Check, OperationClass, Verdict},
    quorum::Change,
};
use serde_json::Value;

/// The kind `replace_member`.
pub struct ReplaceMember;

#[async_trait]
impl Kind for ReplaceMember {
    fn name(&self) -> &'static str {
        "replace_member"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: ReplaceMemberParams = params_of(params)?;
        let mut members = vec![params.replacement.clone()];
        let errors = check_new_members(&members, &params.download_url);
        if !errors.is_empty() {
            return Err(PlanError::Invalid(errors));
        }
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        let Some(seat) = scene.seat("member", params.member)? else {
            return super::done(self, &scene, "Replace a member".into(), &params);
        };
        let leaving = leaving(&scene, seat);
        let wish = Wish {
            members: &mut members,
            source: params.source.clone(),
            download_url: &mut params.download_url,
            token: &params.token,
            leaving: &leaving,
        };
        let joining = join::look(planner, &scene, wish).await?;
        params.replacement = members.remove(0);
        self.compose(&scene, &params, seat, &leaving, &joining)
    }
}

impl ReplaceMember {
    fn compose(
        &self,
        scene: &Scene,
        params: &ReplaceMemberParams,
        seat: &Seat,
        leaving: &[&Seat],
        joining: &Joining,
    ) -> Result<Plan, PlanError> {
        let title = format!("{}: replace {} by {}", scene.record.name, seat.name(), params.replacement.name);
        let mut plan = super::done(self, scene, title, params)?;
        plan.checks.extend(leaving.iter().map(|seat| death(seat)));
        plan.checks.extend(rulings(scene, leaving));
        plan.checks.extend(joining.checks.iter().cloned());
        plan.warnings = joining.warnings().to_vec();
        plan.warnings.extend(membership::promotion_mark(scene));
        if leaving.len() > 1 {
            let names: Vec<String> = leaving.iter().map(|seat| seat.name()).collect();
            plan.warnings.push(format!(
                "etcd {} adds no member while any voter is down, so all of {} are removed; add the others again afterwards",
                scene.version(),
                names.join(", ")
            ));
        }
        let gone: Vec<MemberId> = leaving.iter().map(|seat| seat.listed.id).collect();
        let endpoints = membership::endpoints(scene, &gone, &joining.client_urls());
        plan.warnings.push(format!("Clients use from then on: {endpoints}"));
        let removal = remove_member::removal(scene, leaving, &params.token);
        plan.point_of_no_return = Some(removal.point_of_no_return);
        plan.steps = removal.steps;
        plan.steps.extend(joining.steps(scene, false));
        let wanted = joining.initial_cluster(scene, 1);
        let (others, checks, hosts) = membership::update_others(scene, &gone, &wanted, &params.token);
        plan.checks.extend(checks);
        plan.steps.extend(others);
        plan.hosts = removal.hosts;
        plan.hosts.extend(joining.hosts().iter().map(|h| h.id.clone()).chain(hosts));
        plan.hosts.sort();
        plan.hosts.dedup();
        let target = joining.target(scene, 1);
        let stays = |name: &String| !leaving.iter().any(|seat| seat.name() == *name);
        let down: Vec<String> = scene.down().into_iter().filter(stays).collect();
        plan.steps.push(membership::verify_step(&target, &down, &scene.learners(), &params.token));
        // Its own host may be among those of the members already.
        let new = joining.hosts().iter().filter(|h| !plan.logins.iter().any(|(known, _)| *known == h.id));
        plan.logins.extend(new.map(login).collect::<Vec<_>>());
        plan.confirm = Some(scene.record.name.clone());
        plan.expected_seconds = 20;
        Ok(plan)
    }
}

/// The member itself, and before 3.5.30 every other voter that is down.
fn leaving<'s>(scene: &'s Scene, dead: &'s Seat) -> Vec<&'s Seat> {
    let also = |seat: &&Seat| {
        scene.roster.adds_need_all
            && seat.standing.role == MemberRole::Voter
            && !seat.standing.healthy
            && seat.listed.id != dead.listed.id
    };
    std::iter::once(dead).chain(scene.seats.iter().filter(also)).collect()
}

/// What speaks for its death: it does not answer as a member, and its host does not, or says that etcd does not run.
fn death(seat: &Seat) -> Check {
    let (verdict, answer, advice) = match (seat.standing.healthy, &seat.reached) {
        (true, _) => (
            Verdict::Fail,
            "it answers and follows the leader".to_owned(),
            "A healthy member is not replaced: add another one first, then remove this one",
        ),
        (false, Ok(())) => (
            Verdict::Warn,
            "no answer as a member; its host answers".to_owned(),
            "Try to start etcd there first; this plan stops it for good and sets its data aside",
        ),
        (false, Err(why)) => (Verdict::Pass, format!("no answer as a member, and none from its host: {why}"), ""),
    };
    Check::new("death", seat.name(), verdict, answer, advice)
}

/// The rules asked for each removal after the one before it, and for the learner at the end.
fn rulings(scene: &Scene, leaving: &[&Seat]) -> Vec<Check> {
    let advice = "Bring members back first";
    let (mut checks, left) = remove_member::rulings(scene, leaving, advice);
    checks.push(membership::ruling(&left, "", &Change::AddLearner, advice));
    checks
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::{join::tests::joining, sample};
    use quorate_domain::install::{BinarySource, InstallMember};

    fn plan_of(scene: &Scene, dead: usize, by: u8) -> Plan {
        let seat = &scene.seats[dead];
        let leaving = leaving(scene, seat);
        let joining = joining(scene, &[by], &leaving);
        let new = &joining.hosts()[0];
        let params = ReplaceMemberParams {
            cluster: scene.record.id.clone(),
            member: seat.listed.id,
            replacement: InstallMember { host: new.id.clone(), name: new.name.clone(), address: new.address.clone() },
            source: BinarySource::Download,
            download_url: "http://mirror".into(),
            token: "20261125-ab12cd34".into(),
        };
        ReplaceMember.compose(scene, &params, seat, &leaving, &joining).expect("a plan")
    }

    /// The third of three is dead and a fourth host takes its place.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&sample::scene(3, &[3]), 2, 4)
    }

    #[test]
    fn the_dead_one_goes_before_the_new_one_comes() {
        let plan = sample_plan();
        assert!(plan.startable(), "{:?}", plan.checks);
        let at = |key: &str| plan.steps.iter().position(|s| s.key == key).expect("step");
        assert!(at("remove_lab3") < at("add_lab4") && at("add_lab4") < at("promote_lab4"));
        assert!(at("leave_task") < at("add_lab4"), "the dead host's part is not forgotten over the new member");
        assert_eq!(plan.point_of_no_return, Some(0));
    }

    #[test]
    fn an_old_etcd_wants_all_dead_voters_out_and_a_healthy_one_is_not_replaced() {
        let plan = plan_of(&sample::scene(5, &[4, 5]), 4, 6);
        let removed: Vec<&str> =
            plan.steps.iter().map(|s| s.key.as_str()).filter(|k| k.starts_with("remove_lab")).collect();
        assert_eq!(removed, ["remove_lab5", "remove_lab4"]);
        assert!(plan.startable(), "{:?}", plan.checks);
        let plan = plan_of(&sample::scene(3, &[]), 2, 4);
        assert!(plan.checks.iter().any(|c| c.name == "death" && c.verdict == Verdict::Fail));
    }
}
