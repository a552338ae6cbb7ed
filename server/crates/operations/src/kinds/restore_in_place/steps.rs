//! The steps of a restore in place, in an order that leaves a way back until clients are let in. Invariant: pure; no member starts
//! before all are restored, and none serves clients beyond its host before a person said so.

use super::look::{Found, Site};
use crate::{
    effect::{
        Action, ClusterTarget, Condition, Effect, MemberCall, MemberRef, MemberTarget, Place, Run, SnapshotRef,
        SnapshotWork,
    },
    membership,
    plan::{Lane, Step},
    steps::{Part, files, files::Ownership, hold, restore, restore::Begin, restored_note, service},
};
use quorate_domain::{names::split_url, plan::Question, snapshots::Content};

/// What members of a restored cluster may take to elect: they read a database first.
const AGREE_SECONDS: u32 = 180;
const RESTART_SECONDS: u32 = 180;

/// One member with all that its lanes need.
pub(in crate::kinds) struct Work<'a> {
    pub site: &'a Site,
    pub found: &'a Found,
    /// Its etcd.conf once clients are let in.
    pub open: String,
    /// Its etcd.conf until then.
    pub closed: String,
    pub begin: Begin<'a>,
}

/// What the whole restore needs.
pub(in crate::kinds) struct Whole<'a> {
    /// The cluster as it is reached by clients.
    pub target: ClusterTarget,
    pub members: Vec<Work<'a>>,
    pub content: Option<&'a Content>,
    pub token: &'a str,
    /// The revision it begins at, where that is known.
    pub revision: Option<u64>,
    /// Names of members that answer now.
    pub answering: &'a [String],
    /// Names of members that are down while the others have a quorum; none where there is no quorum to come back to.
    pub down: Option<Vec<String>>,
}

impl Whole<'_> {
    /// All steps, and the index of the first that cannot be taken back.
    pub fn build(&self, snapshot: &SnapshotRef, sealed: bool) -> (Vec<Step>, u32) {
        let mut steps: Vec<Step> = self.save().into_iter().collect();
        steps.push(self.fetch(snapshot));
        steps.push(self.prepare(snapshot, sealed));
        steps.extend(self.outage());
        steps.extend(self.change_places());
        let first_open = steps.len();
        steps.extend(self.open());
        steps.push(self.note(Some(snapshot)));
        steps.push(membership::verify_step(&self.target, &[], &[], self.token));
        (steps, u32::try_from(first_open).unwrap_or(u32::MAX))
    }

    /// The snapshot of a vault lies restored beside the data of each.
    pub fn prepare(&self, snapshot: &SnapshotRef, sealed: bool) -> Step {
        self.each("prepare", "Bring the snapshot and restore it beside the data", |work| Lane {
            unless: Some(work.begin.prepared()),
            ..work.lane(work.begin.prepare(snapshot, sealed))
        })
    }

    /// All are stopped, and stay so.
    pub fn outage(&self) -> Vec<Step> {
        let hold = self.each("hold", "Keep etcd from starting on every host, also after a reboot", |work| {
            work.lane(hold::hold_part(work.unit(), work.found.ran))
        });
        let stop = self.each("stop", "Stop all members, and see that they are", |work| {
            work.lane(Part { actions: work.stop(), undo: Vec::new() })
        });
        vec![hold, stop]
    }

    /// What was prepared takes the place of the old data, and all follow one leader with it.
    pub fn change_places(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        steps.push(self.each("set_aside", "Set the old data aside", |work| work.lane(work.begin.set_aside())));
        steps.push(self.each("place", "Put the restored data in its place", |work| work.lane(work.begin.place())));
        steps.push(self.each("close", "Write the new token, and listeners for this host only", |work| {
            let conf = &work.found.conf;
            let conf = files::put(work.conf(), &work.found.conf_ownership, &work.closed, Some(conf), self.token);
            work.lane(conf.then(self.begins_at()))
        }));
        steps.push(self.each("start", "Lift the holds and start all members at once", |work| {
            let undo = [hold::hold(work.unit()), work.stop()].concat();
            work.lane(Part { actions: [hold::lift(work.unit()), hold::start(work.unit())].concat(), undo })
        }));
        steps.push(self.agree());
        steps.extend(self.content());
        steps
    }

    /// The same step at each of them.
    pub fn each(&self, key: &str, title: &str, lane: impl Fn(&Work<'_>) -> Lane) -> Step {
        Step::of(key, title, self.members.iter().map(lane).collect())
    }

    /// What is in the cluster now, member by member: the last way back of all. Its undo comes last, and sees that the old
    /// cluster is back.
    fn save(&self) -> Option<Step> {
        let save = |member: &String| {
            Action::from(Effect::Snapshot(SnapshotWork::Save { cluster: self.target.clone(), member: member.clone() }))
        };
        let back = self.down.iter().map(|down| membership::agree(&self.target, down));
        let part = Part { actions: self.answering.iter().map(save).collect(), undo: back.collect() };
        let title = "Take a snapshot of every member that answers";
        let mut step = Step::of("save", title, vec![Lane::at(self.target.place(), part)]);
        // A member that dies meanwhile must not keep a broken cluster from being restored.
        step.skippable = true;
        (!self.answering.is_empty()).then_some(step)
    }

    /// The console reads the snapshot out of its vault.
    pub fn fetch(&self, snapshot: &SnapshotRef) -> Step {
        let work = |work: fn(SnapshotRef) -> SnapshotWork| vec![Effect::Snapshot(work(snapshot.clone())).into()];
        let part = Part { actions: work(SnapshotWork::Fetch), undo: work(SnapshotWork::Release) };
        Step::of("fetch", "Read the snapshot out of the vault", vec![Lane::at(self.target.place(), part)])
    }

    /// The members of which the first `open` are open to clients.
    fn half_open(&self, open: usize) -> ClusterTarget {
        let members = self.target.members.iter().enumerate();
        let members = members.map(|(i, m)| MemberTarget { loopback: i >= open, ..m.clone() }).collect();
        ClusterTarget { members, ..self.target.clone() }
    }

    /// What a later return needs to say how much it would lose.
    fn begins_at(&self) -> Part {
        let Some(revision) = self.revision else { return Part::default() };
        let (root, note) = (Ownership::new("root", "root", 0o600), restored_note(self.token));
        files::put(&note, &root, &format!("{revision}\n"), None, self.token)
    }

    fn agree(&self) -> Step {
        let condition = Condition::MembersAgree { cluster: self.half_open(0), down: Vec::new() };
        let wait = Effect::Wait { condition, deadline_seconds: AGREE_SECONDS };
        let part = Part { actions: vec![wait.into()], undo: Vec::new() };
        Step::of("agree", "All restored members follow one leader", vec![Lane::at(self.target.place(), part)])
    }

    fn content(&self) -> Option<Step> {
        let content = self.content?;
        let closed = self.half_open(0);
        Some(self.each("content", "Every member has exactly what the snapshot had", |work| {
            let guard = content_guard(&closed, &work.site.member.name, content);
            work.lane(Part { actions: vec![guard], undo: Vec::new() })
        }))
    }

    /// Opened one after another, as any restart; the first waits for a person.
    pub fn open(&self) -> Vec<Step> {
        let open = |(i, work): (usize, &Work<'_>)| {
            let name = &work.site.member.name;
            let put = Effect::PutFile {
                path: work.conf().to_owned(),
                owner: work.found.conf_ownership.owner.clone(),
                group: work.found.conf_ownership.group.clone(),
                mode: work.found.conf_ownership.mode,
                content: work.open.clone(),
                before: Some(work.closed.clone()),
            };
            let mut actions: Vec<Action> = vec![put.into()];
            let who = work.member_ref();
            if self.members.len() > 1 {
                actions.push(membership::call(&self.half_open(i), MemberCall::StepAside(who.clone())));
            }
            if self.members.len() > 2 {
                let guard = Effect::Guard {
                    condition: Condition::CanStop { cluster: self.half_open(i), member: who },
                    otherwise: "stopping it now would stop writes: wait until the others are healthy, then retry"
                        .into(),
                };
                actions.push(guard.into());
            }
            actions.push(Run::new(["systemctl", "restart", work.unit()]).within(RESTART_SECONDS).into());
            actions.push(membership::agree(&self.half_open(i + 1), &[]));
            let lane = work.lane(Part { actions, undo: Vec::new() });
            let step = Step::of(format!("open_{name}"), format!("Open {name} to clients"), vec![lane]);
            if i == 0 { step.after(self.question()) } else { step }
        };
        self.members.iter().enumerate().map(open).collect()
    }

    fn question(&self) -> Question {
        let seen = match self.content {
            Some(content) => format!("have exactly the {} live keys of the snapshot", content.keys),
            None => "answer; nobody went through what is in them, so look at some keys".to_owned(),
        };
        Question {
            label: "Open to clients".into(),
            sentence: format!(
                "All restored members follow one leader and {seen}. They serve only this console so far, and undo brings the old \
                 data back. Once they are open, what clients write would be lost by that."
            ),
        }
    }

    /// What the console keeps of it, and what is left over.
    pub fn note(&self, snapshot: Option<&SnapshotRef>) -> Step {
        let mut actions: Vec<Action> = vec![Effect::RecordToken { token: self.token.to_owned() }.into()];
        let released = snapshot.map(|snapshot| SnapshotWork::Release(snapshot.clone()));
        actions.extend(released.map(|work| Effect::Snapshot(work).into()));
        let console = Lane::at(self.target.place(), Part { actions, undo: Vec::new() });
        let tidy = |work: &Work<'_>| work.lane(Part { actions: work.begin.tidy(), undo: Vec::new() });
        let lanes = self.members.iter().map(tidy).chain([console]).collect();
        Step::of("note", "The console knows the new token; what is left over goes", lanes)
    }
}

/// Goes on only if a member has what the snapshot had.
pub(in crate::kinds) fn content_guard(cluster: &ClusterTarget, member: &str, content: &Content) -> Action {
    let condition =
        Condition::ContentIs { cluster: cluster.clone(), member: member.to_owned(), content: content.clone() };
    let otherwise = "what was restored is not what the snapshot had, or could not be read; the output says which: \
                     retry looks again, undo brings the old data back"
        .to_owned();
    Effect::Guard { condition, otherwise }.into()
}

impl Work<'_> {
    pub fn unit(&self) -> &str {
        &self.site.member.layout.unit
    }

    fn conf(&self) -> &str {
        &self.site.member.layout.conf
    }

    pub fn lane(&self, part: Part) -> Lane {
        Lane { diagnose: vec![service::journal(self.unit())], ..Lane::at(Place::of(&self.site.host), part) }
    }

    fn stop(&self) -> Vec<Action> {
        let port = |url: &str, usual| split_url(url).map_or(usual, |(_, port)| port);
        let ports = [port(&self.site.member.client_url, 2379), port(&self.site.member.peer_url, 2380)];
        restore::stop(self.unit(), &self.site.member.data_dir, ports)
    }

    /// A restored member gets its id from the new token.
    fn member_ref(&self) -> MemberRef {
        let MemberTarget { name, peer_url, client_url, .. } = MemberTarget::from(&self.site.member);
        MemberRef { name, id: None, peer_url, client_url }
    }
}
