//! A member leaves: another leads, etcd removes it, its etcd is stopped and its data set aside, the others' configuration
//! follows. In this order, because a removal that etcd refuses must not cost a running member.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::{Action, Effect, HostPart, MemberCall},
    error::PlanError,
    membership::{self, Scene, Seat},
    plan::{Lane, Plan, Step},
    steps::{Part, service},
};
use async_trait::async_trait;
use futures::future::join_all;
use quorate_domain::{
    MemberId,
    cluster::ClusterMemberRecord,
    membership::RemoveMemberParams,
    names::split_url,
    plan::{Check, OperationClass, Verdict},
    quorum::{Change, Roster, Tolerance},
};
use quorate_remote::Command;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// The kind `remove_member`.
pub struct RemoveMember;

#[async_trait]
impl Kind for RemoveMember {
    fn name(&self) -> &'static str {
        "remove_member"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: RemoveMemberParams = params_of(params)?;
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        let clients = match scene.seat("member", params.member)? {
            Some(seat) => clients_of(&scene, &[seat]).await,
            None => Vec::new(),
        };
        self.compose(&scene, &params, &clients)
    }
}

impl RemoveMember {
    fn compose(&self, scene: &Scene, params: &RemoveMemberParams, clients: &[String]) -> Result<Plan, PlanError> {
        let Some(seat) = scene.seat("member", params.member)? else {
            return super::done(self, scene, "Remove a member".into(), params);
        };
        let plan = super::done(self, scene, format!("{}: remove {}", scene.record.name, seat.name()), params)?;
        Ok(leave(plan, scene, &[seat], &params.token, clients))
    }
}

/// Fills in a plan by which `leaving` leave, one after another in this order; `clients` says who is connected to them.
pub(super) fn leave(mut plan: Plan, scene: &Scene, leaving: &[&Seat], token: &str, clients: &[String]) -> Plan {
    let gone: Vec<MemberId> = leaving.iter().map(|seat| seat.listed.id).collect();
    plan.checks.extend(rulings(scene, leaving, "Bring the others back first, or add a member before").0);
    plan.checks.extend(leaving.iter().filter_map(|seat| host_check(seat)));
    plan.warnings = warnings(scene, leaving, &gone, clients);
    let removal = removal(scene, leaving, token);
    plan.point_of_no_return = Some(removal.point_of_no_return);
    plan.hosts = removal.hosts;
    plan.steps = removal.steps;
    let wanted = membership::initial_cluster(scene, &gone, &[]);
    let (others, checks, hosts) = membership::update_others(scene, &gone, &wanted, token);
    plan.checks.extend(checks);
    plan.hosts.extend(hosts);
    plan.steps.extend(others);
    let stays = |name: &String| !leaving.iter().any(|seat| seat.name() == *name);
    let but = |names: Vec<String>| names.into_iter().filter(stays).collect::<Vec<_>>();
    let left = scene.target_without(&gone);
    plan.steps.push(membership::verify_step(&left, &but(scene.down()), &but(scene.learners()), token));
    plan.confirm = Some(scene.record.name.clone());
    plan
}

/// What the rules say to each removal, as those before leave the cluster, and who is left after all of them.
pub(super) fn rulings(scene: &Scene, leaving: &[&Seat], advice: &str) -> (Vec<Check>, Roster) {
    let mut roster = scene.roster.clone();
    let rule = |seat: &&Seat| {
        let check = membership::ruling(&roster, &seat.name(), &Change::Remove(seat.listed.id), advice);
        roster = roster.without(seat.listed.id);
        check
    };
    let checks = leaving.iter().map(rule).collect();
    (checks, roster)
}

/// Steps that take members out and lay their hosts to rest.
pub(super) struct Removal {
    pub steps: Vec<Step>,
    pub hosts: Vec<quorate_domain::HostId>,
    /// Among `steps`: the first request that etcd does not take back.
    pub point_of_no_return: u32,
}

/// Removes each of `leaving` (the leader hands over before), notes it, and lays to rest the hosts that are reached; what
/// is to be done on the others stays open until they are back.
pub(super) fn removal(scene: &Scene, leaving: &[&Seat], token: &str) -> Removal {
    let target = scene.target();
    let mut steps = Vec::new();
    let mut point_of_no_return = None;
    for seat in leaving {
        if Some(seat.listed.id) == scene.roster.leader {
            let title = format!("Another voter takes the lead from {}", seat.name());
            steps.push(membership::call_step(
                "step_aside",
                &title,
                &target,
                MemberCall::StepAside(seat.member()),
                None,
            ));
        }
        point_of_no_return.get_or_insert(steps.len());
        let title = format!("etcd removes {}", seat.name());
        let key = format!("remove_{}", seat.name());
        steps.push(membership::call_step(&key, &title, &target, MemberCall::Remove(seat.member()), None));
    }
    let point_of_no_return = u32::try_from(point_of_no_return.unwrap_or_default()).unwrap_or(u32::MAX);
    let lanes: Vec<Lane> = leaving.iter().filter_map(|seat| rest_lane(seat, token)).collect();
    let hosts = leaving.iter().filter_map(|seat| Some(seat.host.as_ref()?.id.clone())).collect();
    if !lanes.is_empty() {
        steps.push(Step::of("lay_to_rest", "Stop and disable its etcd, set its data aside", lanes));
    }
    let gone: Vec<MemberId> = leaving.iter().map(|seat| seat.listed.id).collect();
    let members = scene.records_without(&gone);
    let note = Part { actions: vec![Effect::RecordMembers { members }.into()], undo: Vec::new() };
    steps.push(Step::of("record", "The console expects it no more", vec![Lane::at(target.place(), note)]));
    let open: Vec<HostPart> = leaving.iter().filter_map(|seat| open_part(scene, seat, token)).collect();
    if !open.is_empty() {
        let each = |effect: fn(HostPart) -> Effect| -> Vec<Action> {
            open.iter().cloned().map(|part| Action::from(effect(part))).collect()
        };
        let part = Part { actions: each(Effect::LeaveHostTask), undo: each(Effect::CloseHostTask) };
        let title = "Its host's part stays open until the host is back";
        steps.push(Step::of("leave_task", title, vec![Lane::at(target.place(), part)]));
    }
    Removal { steps, hosts, point_of_no_return }
}

/// A removed member exits by itself, and its unit would revive it for ever.
fn rest_lane(seat: &Seat, token: &str) -> Option<Lane> {
    let record = seat.record.as_ref().filter(|record| record.can_rest().is_ok())?;
    let unit = &record.layout.unit;
    let part = service::lay_to_rest(unit, &record.data_dir, token);
    Some(Lane { diagnose: vec![service::journal(unit)], ..Lane::at(seat.place()?, part) })
}

/// What is to be done on its host once that is back; none when it is reached, or when nobody knows its host.
fn open_part(scene: &Scene, seat: &Seat, token: &str) -> Option<HostPart> {
    seat.reached.as_ref().err()?;
    let record = seat.record.as_ref().filter(|record| record.can_rest().is_ok())?;
    let host = seat.host.as_ref()?;
    Some(HostPart {
        host: host.id.clone(),
        host_name: host.name.clone(),
        cluster_name: scene.record.name.clone(),
        member: seat.name(),
        peer_url: seat.member().peer_url,
        data_dir: record.data_dir.clone(),
        layout: record.layout.clone(),
        cluster_token: scene.record.token.clone(),
        token: token.to_owned(),
    })
}

/// Whether its host can be laid to rest.
fn host_check(seat: &Seat) -> Option<Check> {
    let gone = "It is removed from the cluster all the same";
    let (why, advice) = match (&seat.reached, seat.record.as_ref().map(ClusterMemberRecord::can_rest)) {
        (_, Some(Err(why))) => (why, format!("{gone}; stop its etcd yourself, so that it does not come back")),
        (Err(why), _) if seat.host.is_some() => {
            let later = "Once its host is back, the console stops and disables etcd there and sets its data aside";
            (why.clone(), format!("{gone}. {later}"))
        }
        (Err(why), _) => {
            (why.clone(), format!("{gone}. When its host is back, run there: systemctl disable --now etcd.service"))
        }
        (Ok(()), _) => return None,
    };
    Some(Check::new("contact", seat.name(), Verdict::Warn, why, advice))
}

fn warnings(scene: &Scene, leaving: &[&Seat], gone: &[MemberId], clients: &[String]) -> Vec<String> {
    let voters = leaving.iter().filter(|seat| membership::votes(seat)).count();
    let mut warnings = Vec::new();
    if voters > 0 {
        warnings.extend(Tolerance::advice(scene.voters().saturating_sub(voters)));
    }
    warnings.push(format!("Clients use from now on: {}", membership::endpoints(scene, gone, &[])));
    warnings.extend_from_slice(clients);
    warnings
}

/// A sentence about who is connected to each of `leaving`, where somebody is.
pub(super) async fn clients_of(scene: &Scene, leaving: &[&Seat]) -> Vec<String> {
    let found = join_all(leaving.iter().map(|seat| clients(scene, seat))).await;
    let said = |(seat, clients): (&&Seat, Vec<String>)| {
        (!clients.is_empty()).then(|| format!("Connected to {} right now: {}", seat.name(), clients.join(", ")))
    };
    leaving.iter().zip(found).filter_map(said).collect()
}

/// Who is connected to the client port of a member, other than members: `address (connections)`.
async fn clients(scene: &Scene, seat: &Seat) -> Vec<String> {
    let Some(host) = &seat.connection else { return Vec::new() };
    let Ok((_, port)) = split_url(&seat.member().client_url) else { return Vec::new() };
    let filter = format!("( sport = :{port} )");
    let ss = Command::new(["ss", "-Htn", "state", "established", &filter]).root().deadline(Duration::from_secs(10));
    let Ok(output) = host.run(ss).await else { return Vec::new() };
    let members: Vec<String> =
        scene.seats.iter().filter_map(|s| Some(split_url(&s.member().peer_url).ok()?.0)).collect();
    connected(&output.text(), &members)
}

/// Reads `ss -Htn`: received, sent, local address and port, far address and port.
fn connected(text: &str, members: &[String]) -> Vec<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        let far = line.split_whitespace().nth(3).and_then(|end| end.rsplit_once(':'));
        let Some((address, _)) = far else { continue };
        let address = address.trim_matches(['[', ']']).trim_start_matches("::ffff:");
        if !members.iter().any(|m| m == address) && address != "127.0.0.1" && address != "::1" {
            *count.entry(address).or_default() += 1;
        }
    }
    count.into_iter().map(|(address, n)| format!("{address} ({n})")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::membership::sample;

    #[test]
    fn clients_are_counted_by_address_and_members_left_out() {
        let text = "0 0 10.77.0.12:2379 10.77.0.1:40112\n\
                    0 0 10.77.0.12:2379 10.77.0.1:40114\n\
                    0 0 [::ffff:10.77.0.12]:2379 [::ffff:10.1.1.9]:50000\n\
                    0 0 10.77.0.12:2379 10.77.0.11:1\n\
                    0 0 127.0.0.1:2379 127.0.0.1:2\n";
        assert_eq!(connected(text, &["10.77.0.11".into()]), ["10.1.1.9 (1)", "10.77.0.1 (2)"]);
    }

    fn plan_of(scene: &Scene, id: u64) -> Plan {
        let params = RemoveMemberParams {
            cluster: scene.record.id.clone(),
            member: MemberId(id),
            token: "20261125-ab12cd34".into(),
        };
        RemoveMember.compose(scene, &params, &["Connected to it: 10.1.1.9 (2)".into()]).expect("a plan")
    }

    /// The leader of three leaves.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&sample::scene(3, &[]), 1)
    }

    fn keys(plan: &Plan) -> Vec<&str> {
        plan.steps.iter().map(|s| s.key.as_str()).collect()
    }

    #[test]
    fn a_leader_hands_over_first_and_is_stopped_only_once_it_is_out() {
        let plan = sample_plan();
        let wanted = ["step_aside", "remove_lab1", "lay_to_rest", "record", "other_configurations", "verify"];
        assert_eq!(keys(&plan), wanted);
        assert_eq!((plan.point_of_no_return, plan.confirm.as_deref()), (Some(1), Some("demo")));
        let said = plan.warnings.join("\n");
        assert!(said.contains("http://10.77.0.12:2379,http://10.77.0.13:2379"), "{said}");
        assert!(said.contains("10.1.1.9 (2)"), "{said}");
    }

    #[test]
    fn a_dead_host_does_not_keep_its_member_in() {
        let scene = sample::scene(3, &[3]);
        let plan = plan_of(&scene, 3);
        assert!(plan.startable(), "{:?}", plan.checks);
        assert_eq!(keys(&plan), ["remove_lab3", "record", "leave_task", "other_configurations", "verify"]);
        let said = plan.checks.iter().find(|c| c.name == "contact" && c.verdict == Verdict::Warn).expect("a warning");
        assert!(said.advice.contains("the console stops"), "{}", said.advice);
        let lane = &plan.steps[2].lanes[0];
        let left = HostPart {
            host: scene.seats[2].host.as_ref().expect("a host").id.clone(),
            host_name: "lab3".into(),
            cluster_name: "demo".into(),
            member: "lab3".into(),
            peer_url: "http://10.77.0.13:2380".into(),
            data_dir: "/var/lib/etcd".into(),
            layout: Default::default(),
            cluster_token: "demo-1".into(),
            token: "20261125-ab12cd34".into(),
        };
        assert_eq!(lane.actions, [Action::from(Effect::LeaveHostTask(left.clone()))]);
        assert_eq!(lane.undo, [Action::from(Effect::CloseHostTask(left))]);
    }

    #[test]
    fn nothing_stays_open_where_nobody_knows_the_host() {
        let mut scene = sample::scene(3, &[3]);
        scene.seats[2].host = None;
        let plan = plan_of(&scene, 3);
        assert!(!keys(&plan).contains(&"leave_task"), "{:?}", keys(&plan));
        let said = plan.checks.iter().find(|c| c.name == "contact").expect("a warning");
        assert!(said.advice.contains("systemctl disable"), "{}", said.advice);
    }

    #[test]
    fn a_healthy_voter_that_is_needed_stays() {
        let plan = plan_of(&sample::scene(3, &[3]), 2);
        assert!(!plan.startable(), "{:?}", plan.checks);
        assert!(!plan_of(&sample::scene(1, &[]), 1).startable(), "the last voter");
    }
}
