//! A cluster about to change: what its members confirm, what the console keeps of it, and what lies on their hosts.
//! Invariant: looks only; the members are those that the cluster confirms now, whatever the console remembers, so that a
//! plan follows changes that somebody made with etcdctl. What all kinds that change members share is here; the order of
//! their steps is theirs.

mod conf;
pub(crate) mod join;
#[cfg(test)]
pub(crate) mod sample;
mod scene;

pub(crate) use conf::{as_existing, endpoints, initial_cluster, set, update_others, write};
pub(crate) use scene::{Scene, Seat, conf_of, record, ruling};

use crate::{
    effect::{Action, ClusterTarget, Condition, Effect, MemberCall, Place, Run},
    plan::{Lane, Step},
    steps::{Part, service},
};
use quorate_domain::{
    cluster::MemberRole,
    plan::{Check, Verdict},
    quorum::Change,
    version::Version,
};

/// How far behind the leader a learner may be when it is promoted, in raft entries (our number; etcd only wants nine
/// tenths of the leader's log, which can be a million entries short).
pub(crate) const CAUGHT_UP_ENTRIES: u64 = 500;
/// How long a learner may take to get the log: a snapshot of 8 GiB at 10 MB/s takes a quarter of an hour.
const CATCH_UP_SECONDS: u32 = 3600;
/// A request that changes members: etcd wants voters connected for five seconds, and says no until they are.
const CALL_SECONDS: u32 = 30;
const AGREE_SECONDS: u32 = 60;
const RESTART_SECONDS: u32 = 180;

/// One call at the cluster, with what takes it back.
pub(crate) fn call_step(
    key: &str,
    title: &str,
    target: &ClusterTarget,
    call: MemberCall,
    undo: Option<MemberCall>,
) -> Step {
    let part = Part {
        actions: vec![self::call(target, call)],
        undo: undo.into_iter().map(|undo| self::call(target, undo)).collect(),
    };
    Step::of(key, title, vec![Lane::at(target.place(), part)])
}

/// A request that changes members, as an action.
pub(crate) fn call(target: &ClusterTarget, call: MemberCall) -> Action {
    Effect::Member { cluster: target.clone(), call, deadline_seconds: CALL_SECONDS }.into()
}

/// Waits until `who` has nearly all of the leader's log.
pub(crate) fn catch_up_step(target: &ClusterTarget, who: &crate::effect::MemberRef) -> Step {
    let condition = Condition::CaughtUp { cluster: target.clone(), member: who.clone(), entries: CAUGHT_UP_ENTRIES };
    let wait = Effect::Wait { condition, deadline_seconds: CATCH_UP_SECONDS };
    let part = Part { actions: vec![wait.into()], undo: Vec::new() };
    let title = format!("{} gets the log", who.name);
    Step::of(format!("catch_up_{}", who.name), title, vec![Lane::at(target.place(), part)])
}

/// Whether a restart of any member stops writes once there are `new` voters more: with one or two there is none to spare.
pub(crate) fn restart_is_an_outage(scene: &Scene, new: usize) -> bool {
    scene.voters() + new <= 2 && scene.roster.tolerance().has_quorum()
}

/// What the rules say to a restart of a member; an outage that is declared by typing the name is a warning.
pub(crate) fn restart_ruling(scene: &Scene, seat: &Seat) -> Check {
    let mut ruling = scene.ruling(&seat.name(), &Change::Restart(seat.listed.id), "Bring the others back first");
    if restart_is_an_outage(scene, 0) && ruling.verdict == Verdict::Fail {
        ruling.verdict = Verdict::Warn;
        ruling.advice = "This stops writes until it is back; choose a quiet moment, or add members first".into();
    }
    ruling
}

/// Restarts one member: hands the lead over if it has it, asks the rules (unless the outage was declared), restarts, and
/// waits until all agree. `outage` is what [`restart_is_an_outage`] says of the cluster as it will be by then.
pub(crate) fn restart_step(target: &ClusterTarget, down: &[String], seat: &Seat, host: Place, outage: bool) -> Step {
    restart_of(seat, host, [before_restart(target, seat, outage), restarted(target, down, seat)].concat())
}

/// The step that restarts a member by these actions.
pub(crate) fn restart_of(seat: &Seat, host: Place, actions: Vec<Action>) -> Step {
    let unit = seat.layout().unit;
    let lane = Lane { diagnose: vec![service::journal(&unit)], ..Lane::at(host, Part { actions, undo: Vec::new() }) };
    Step::of(format!("restart_{}", seat.name()), format!("Restart {}", seat.name()), vec![lane])
}

/// What comes right before a restart: another member leads, and the rules allow it unless the outage was declared.
pub(crate) fn before_restart(target: &ClusterTarget, seat: &Seat, outage: bool) -> Vec<Action> {
    let who = seat.member();
    let mut actions = Vec::new();
    // One alone has nobody to hand over to.
    if target.members.iter().any(|m| m.name != who.name) {
        actions.push(call(target, MemberCall::StepAside(who.clone())));
    }
    if !outage || !votes(seat) {
        let guard = Effect::Guard {
            condition: Condition::CanStop { cluster: target.clone(), member: who },
            otherwise: "stopping it now would stop writes: wait until the others are healthy, then retry".into(),
        };
        actions.push(guard.into());
    }
    actions
}

/// The restart itself, and the agreement of all but `down` afterwards.
pub(crate) fn restarted(target: &ClusterTarget, down: &[String], seat: &Seat) -> Vec<Action> {
    vec![Run::new(["systemctl", "restart", &seat.layout().unit]).within(RESTART_SECONDS).into(), agree(target, down)]
}

/// Waits until exactly the members of `target` are in the cluster and all but `down` follow one leader.
pub(crate) fn agree(target: &ClusterTarget, down: &[String]) -> Action {
    let condition = Condition::MembersAgree { cluster: target.clone(), down: down.to_vec() };
    Effect::Wait { condition, deadline_seconds: AGREE_SECONDS }.into()
}

/// The last step of every change: agreement, then a canary through every voter that is up.
pub(crate) fn verify_step(target: &ClusterTarget, down: &[String], learners: &[String], token: &str) -> Step {
    let reads = |name: &String| !down.contains(name) && !learners.contains(name);
    let voters = target.members.iter().filter(|m| reads(&m.name)).cloned().collect();
    let canary = Effect::Canary {
        cluster: ClusterTarget { members: voters, ..target.clone() },
        key: format!("quorate/canary/{token}"),
    };
    let part = Part { actions: vec![agree(target, down), canary.into()], undo: Vec::new() };
    let title = "All members agree; a canary is written and read through every voter";
    Step::of("verify", title, vec![Lane::at(target.place(), part)])
}

/// Whether a seat votes.
pub(crate) fn votes(seat: &Seat) -> bool {
    seat.standing.role == MemberRole::Voter
}

/// Promotion before 3.5.20 is not written to the v3 store, which 3.6 reads (etcd CHANGELOG-3.5).
pub(crate) fn promotion_mark(scene: &Scene) -> Option<String> {
    let version = scene.version();
    (version >= Version::new(3, 5, 1) && version < Version::new(3, 5, 20)).then(|| {
        format!("etcd {version} does not write a promotion where 3.6 looks for it: go to 3.5.32 or later before 3.6")
    })
}
