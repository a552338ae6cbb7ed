//! A member gets another peer or client URL: etcd is told of the peer URL first, because a request that it refuses must not have
//! cost a running member; then its etcd.conf is written and it restarts at once, and the others' files follow. In between
//! requests look for it at both of its places, and an undo takes back the request, the file and the restart, in this order.

#[cfg(test)]
pub(crate) mod tests;
mod ways;

use super::{Kind, gap_of_restarts, params_of};
use crate::{
    context::Planner,
    effect::{Action, ClusterTarget, Effect, LEARNER_PROMOTED, MemberCall, MemberRef, Place},
    error::PlanError,
    membership::{self, Scene, Seat},
    plan::{Lane, Plan, Step},
    steps::{Part, begun},
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::ClusterMemberRecord,
    etcd_conf::{Setting, setting},
    membership::{UpdateUrlsParams, listen_urls},
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
};
use serde_json::Value;
use ways::Ways;

/// The kind `update_member_urls`.
pub struct UpdateMemberUrls;

#[async_trait]
impl Kind for UpdateMemberUrls {
    fn name(&self) -> &'static str {
        "update_member_urls"
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
        let mut params: UpdateUrlsParams = params_of(params)?;
        let scene = Scene::look(planner, &params.cluster).await?;
        super::token(planner, &mut params.token)?;
        complete(&scene, &mut params)?;
        let ways = match scene.seat("member", params.member)? {
            Some(seat) => Ways::look(planner, &scene, seat, &params).await,
            None => Ways::default(),
        };
        self.compose(&scene, &params, ways)
    }
}

/// Fills in the URLs that stay, and judges the others.
fn complete(scene: &Scene, params: &mut UpdateUrlsParams) -> Result<(), PlanError> {
    let Some(seat) = scene.seat("member", params.member)? else { return Ok(()) };
    let MemberRef { peer_url, client_url, .. } = seat.member();
    params.complete(&peer_url, &client_url);
    let mut taken = Vec::new();
    for other in scene.seats.iter().filter(|other| other.listed.id != params.member) {
        taken.extend(other.listed.peer_urls.iter().chain(&other.listed.client_urls).cloned());
    }
    let errors = params.validate(&peer_url, &client_url, scene.record.scheme, &taken);
    if errors.is_empty() { Ok(()) } else { Err(PlanError::Invalid(errors)) }
}

impl UpdateMemberUrls {
    fn compose(&self, scene: &Scene, params: &UpdateUrlsParams, ways: Ways) -> Result<Plan, PlanError> {
        let Some(seat) = scene.seat("member", params.member)? else {
            return super::done(self, scene, "Change addresses of a member".into(), params);
        };
        let name = seat.name();
        let mut plan = super::done(self, scene, format!("{}: change addresses of {name}", scene.record.name), params)?;
        let moving = Moving::of(scene, seat, params);
        if !moving.peer() && !moving.client() {
            let answer = "it has these addresses already";
            plan.checks.push(Check::new("urls", name, Verdict::Fail, answer, "There is nothing to do"));
            return Ok(plan);
        }
        plan.checks.push(membership::restart_ruling(scene, seat));
        plan.checks.extend(moving.checks(scene));
        plan.checks.extend(ways.checks);
        match moving.steps(scene) {
            Ok(steps) => plan.steps = steps,
            Err(why) => {
                let advice = "Addresses stand in its etcd.conf, so they cannot be changed without it: mend this first";
                plan.checks.push(Check::new("etcd_conf", &name, Verdict::Fail, why, advice));
            }
        }
        plan.hosts.extend(seat.host.as_ref().map(|host| host.id.clone()));
        if moving.peer() {
            let wanted = moving.initial_cluster(scene);
            let (others, checks, hosts) = membership::update_others(scene, &[seat.listed.id], &wanted, &params.token);
            plan.checks.extend(checks);
            plan.steps.extend(others);
            plan.hosts.extend(hosts);
        }
        let (down, learners) = (moving.down_after(scene), scene.learners());
        plan.steps.push(membership::verify_step(&moving.after, &down, &learners, &params.token));
        if moving.client() && membership::votes(seat) {
            let endpoints = membership::endpoints(scene, &[seat.listed.id], std::slice::from_ref(&params.client_url));
            plan.warnings.push(format!("Clients use from then on: {endpoints}"));
        }
        plan.warnings.extend(ways.clients);
        plan.confirm = moving.outage.then(|| scene.record.name.clone());
        plan.expected_seconds = 8;
        Ok(plan)
    }
}

/// One member on its way from its URLs to others.
struct Moving<'p> {
    seat: &'p Seat,
    params: &'p UpdateUrlsParams,
    who: MemberRef,
    /// Members where they are now.
    before: ClusterTarget,
    /// Members where they are in the end.
    after: ClusterTarget,
    /// The member at both of its places: requests find it whether or not it was restarted.
    both: ClusterTarget,
    /// There is no voter to spare, and a person says that this is fine.
    outage: bool,
}

impl<'p> Moving<'p> {
    fn of(scene: &Scene, seat: &'p Seat, params: &'p UpdateUrlsParams) -> Self {
        let (who, before) = (seat.member(), scene.target());
        let (mut after, mut both) = (before.clone(), before.clone());
        for member in after.members.iter_mut().filter(|m| m.name == who.name) {
            member.peer_url.clone_from(&params.peer_url);
            member.client_url.clone_from(&params.client_url);
            both.members.push(member.clone());
        }
        let outage = membership::restart_is_an_outage(scene, 0) && membership::votes(seat);
        Self { seat, params, who, before, after, both, outage }
    }

    fn peer(&self) -> bool {
        self.who.peer_url != self.params.peer_url
    }

    fn client(&self) -> bool {
        self.who.client_url != self.params.client_url
    }

    /// `initial-cluster` in the end.
    fn initial_cluster(&self, scene: &Scene) -> String {
        let new = [(self.who.name.clone(), self.params.peer_url.clone())];
        membership::initial_cluster(scene, &[self.seat.listed.id], &new)
    }

    /// Who need not answer after the restart: this member does, even if it was down because nobody found it.
    fn down_after(&self, scene: &Scene) -> Vec<String> {
        scene.down().into_iter().filter(|name| *name != self.who.name).collect()
    }

    fn checks(&self, scene: &Scene) -> Vec<Check> {
        let (mut checks, listed) = (Vec::new(), &self.seat.listed);
        for (moves, what, urls) in
            [(self.peer(), "peer", &listed.peer_urls), (self.client(), "client", &listed.client_urls)]
        {
            if moves && urls.len() > 1 {
                let answer = format!("it has several {what} URLs: {}", urls.join(", "));
                let advice =
                    "The console changes one of each: take the others away first, with etcdctl and in its etcd.conf";
                checks.push(Check::new("urls", &self.who.name, Verdict::Fail, answer, advice));
            }
        }
        if self.peer() && !membership::votes(self.seat) {
            let safe = scene.seen.as_ref().is_ok_and(|seen| seen.updates_learners_safely());
            let (verdict, answer) = match safe {
                true => (Verdict::Pass, "it stays a learner".to_owned()),
                false => (Verdict::Fail, format!("it is a learner, and {LEARNER_PROMOTED}")),
            };
            let advice = "Promote or remove it first, or change its client URL only";
            checks.push(Check::new("learner", &self.who.name, verdict, answer, advice));
        }
        checks
    }

    /// Everything that is done to the member itself.
    ///
    /// # Errors
    /// Its file cannot be written, in words.
    fn steps(&self, scene: &Scene) -> Result<Vec<Step>, String> {
        self.seat.reached.clone()?;
        let place = self.seat.place().ok_or("the console does not know its host")?;
        let conf = self.seat.conf.as_deref().ok_or("there is no etcd.conf there")?;
        let file = membership::write(self.seat, &self.settings(scene, conf)?, &self.params.token)?;
        let mut steps = if self.peer() { self.told(scene) } else { Vec::new() };
        steps.extend(file.map(|(place, file)| self.written(scene, place, file)));
        steps.push(self.restarted(scene, place));
        let note = |members| Effect::RecordMembers { members }.into();
        let part = Part { actions: vec![note(self.records(scene))], undo: vec![note(scene.record.members.clone())] };
        let title = format!("The console expects {} there", self.who.name);
        steps.push(Step::of("record", title, vec![Lane::at(self.before.place(), part)]));
        Ok(steps)
    }

    fn settings(&self, scene: &Scene, conf: &str) -> Result<Vec<(&'static str, Setting)>, String> {
        let listen = |key: &str, from: &str, to: &str| {
            let present = setting(conf, key).ok_or_else(|| format!("{key} is not set in its etcd.conf"))?;
            listen_urls(present, from, to).map(Setting::Text)
        };
        let text = |value: &str| Setting::Text(value.to_owned());
        let (who, to) = (&self.who, self.params);
        let mut settings = Vec::new();
        if self.peer() {
            settings.push(("listen-peer-urls", listen("listen-peer-urls", &who.peer_url, &to.peer_url)?));
            settings.push(("initial-advertise-peer-urls", text(&to.peer_url)));
            settings.extend(membership::as_existing(&self.initial_cluster(scene)));
        }
        if self.client() {
            settings.push(("listen-client-urls", listen("listen-client-urls", &who.client_url, &to.client_url)?));
            settings.push(("advertise-client-urls", text(&to.client_url)));
        }
        Ok(settings)
    }

    fn update(&self, target: &ClusterTarget, to: &str) -> Action {
        let call = MemberCall::UpdatePeer { member: self.who.clone(), to: to.to_owned(), outage: self.outage };
        membership::call(target, call)
    }

    /// The leader hands over, and etcd is told.
    fn told(&self, scene: &Scene) -> Vec<Step> {
        let (who, mut steps) = (&self.who, Vec::new());
        if scene.roster.leader == Some(self.seat.listed.id) && scene.voters() > 1 {
            let title = format!("Another voter takes the lead from {}", who.name);
            let call = MemberCall::StepAside(who.clone());
            steps.push(membership::call_step("step_aside", &title, &self.before, call, None));
        }
        let part = Part {
            actions: vec![self.update(&self.before, &self.params.peer_url)],
            undo: vec![self.update(&self.both, &who.peer_url)],
        };
        let title = format!("etcd lists {} at {}", who.name, self.params.peer_url);
        steps.push(Step::of("update_peer_url", title, vec![Lane::at(self.before.place(), part)]));
        steps
    }

    /// Writes the file. Undo needs more than the file: etcd lists the old URL again before the member comes back at it, and it
    /// comes back by a restart only if it was restarted, because a needless one could stop writes.
    fn written(&self, scene: &Scene, place: Place, file: Part) -> Step {
        let (note, never) = begun(&self.params.token, "write_urls");
        let (restart_note, never_restarted) = begun(&self.params.token, "restart_urls");
        let listed = self.peer().then(|| self.update(&self.both, &self.who.peer_url));
        let once =
            |actions: Vec<Action>| actions.into_iter().map(|action| action.unless(never_restarted.clone())).collect();
        let back = |undo| Part { actions: Vec::new(), undo };
        let note = note.then(back(restart_note.undo));
        let mut restarted = membership::restarted(&self.before, &scene.down(), self.seat);
        let part = if self.outage {
            // Nobody is left to confirm anything until the member is back where the others look for it.
            let agreed = restarted.split_off(1);
            note.then(back(once(agreed)))
                .then(back(listed.into_iter().collect()))
                .then(back(once(restarted)))
                .then(file)
        } else {
            let again = [membership::before_restart(&self.both, self.seat, self.outage), restarted].concat();
            note.then(back(once(again))).then(file).then(back(listed.into_iter().collect()))
        };
        let lane = Lane { undo_unless: Some(never), ..Lane::at(place, part) };
        Step::of("write_urls", format!("Write the addresses into etcd.conf of {}", self.who.name), vec![lane])
    }

    fn restarted(&self, scene: &Scene, place: Place) -> Step {
        let mut actions = membership::before_restart(&self.both, self.seat, self.outage);
        actions.extend(begun(&self.params.token, "restart_urls").0.actions);
        actions.extend(membership::restarted(&self.after, &self.down_after(scene), self.seat));
        membership::restart_of(self.seat, place, actions)
    }

    fn records(&self, scene: &Scene) -> Vec<ClusterMemberRecord> {
        let mut records = scene.records_without(&[]);
        for record in records.iter_mut().filter(|record| record.name == self.who.name) {
            record.peer_url.clone_from(&self.params.peer_url);
            record.client_url.clone_from(&self.params.client_url);
        }
        records
    }
}
