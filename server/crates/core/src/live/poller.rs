//! One task a cluster: asks every member, publishes one view a tick. Invariant: a view never waits for a member that was
//! silent before, nor longer than `PATIENCE` for any other; what comes later is in the next view. A member is asked
//! again only when its last ask has ended, and every ask ends at `DEADLINE`.

use super::{
    Endpoints, MemberAddress,
    assemble::{Answer, Known, Lead, NOT_ASKED, Scene, Seat, assemble, leader},
    events::events,
    hub::Hub,
    link::Link,
    recorder::Batch,
};
use crate::clock::Clock;
use quorate_domain::{
    HostId, MemberId, OperationId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord, ClusterView, MemberRole, Reachability, UnitState},
};
use quorate_etcd::{MemberList, StatusReply};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// What one member may take to answer.
const DEADLINE: Duration = Duration::from_secs(1);
/// What a view waits for members that are expected to answer.
const PATIENCE: Duration = Duration::from_millis(200);
/// The first view after the start waits for everybody, so that the merely slow are not called lost.
const FIRST_PATIENCE: Duration = Duration::from_millis(1_100);
/// How old the member list may get while nothing hints at a change.
const LIST_AGE: Duration = Duration::from_secs(3);

const WATCHED: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(5);
const HURRIED: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// What others tell about a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Inputs {
    /// Where the members are expected, once that has changed since the poller began.
    pub record: Option<Arc<ClusterRecord>>,
    pub units: BTreeMap<HostId, UnitState>,
    pub operation: Option<OperationId>,
}

pub(super) struct Poller {
    record: Arc<ClusterRecord>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    endpoints: Arc<dyn Endpoints>,
    recorder: mpsc::UnboundedSender<Batch>,
    inputs: watch::Receiver<Inputs>,
    watchers: watch::Receiver<usize>,
    watched: bool,
    lines: Vec<Line>,
    next_line: u64,
    asks: JoinSet<Reply>,
    list: ListState,
    previous: Option<Arc<ClusterView>>,
    leaderless_since: Option<Timestamp>,
    lead: Option<Lead>,
    /// Views in a row in which nobody answered.
    dead_views: u32,
}

/// A member, the way to it, and the ask under way.
struct Line {
    number: u64,
    seat: Seat,
    link: Arc<Link>,
    /// An ask is under way.
    pending: bool,
    /// It answered before that ask.
    expected: bool,
    /// The next view waits for it.
    awaited: bool,
}

#[derive(Default)]
struct ListState {
    cluster_id: Option<u64>,
    asked: Option<Instant>,
    pending: bool,
    /// Applied index of the member whose list was adopted: an older list is not taken over a newer one.
    applied: u64,
    /// Something does not fit the list that is known.
    doubted: bool,
}

enum Reply {
    Status { line: u64, answer: Answer },
    Members { applied: u64, list: Result<MemberList, String> },
}

impl Poller {
    pub fn new(
        record: ClusterRecord,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        endpoints: Arc<dyn Endpoints>,
        recorder: mpsc::UnboundedSender<Batch>,
        inputs: watch::Receiver<Inputs>,
    ) -> Self {
        let record = Arc::new(record);
        let previous = hub.view(&record.id);
        let watchers = hub.watchers();
        let mut new = Self {
            record: record.clone(),
            hub,
            clock,
            endpoints,
            recorder,
            inputs,
            watchers,
            watched: false,
            lines: Vec::new(),
            next_line: 0,
            asks: JoinSet::new(),
            list: ListState::default(),
            previous,
            leaderless_since: None,
            lead: None,
            dead_views: 0,
        };
        new.lines = record.members.iter().map(|m| new.line(Known::recorded(m, &record.token))).collect();
        new
    }

    /// Polls until `stop`; asks under way are given up then.
    pub async fn run(mut self, nudge: Arc<Notify>, stop: CancellationToken) {
        let mut patience = FIRST_PATIENCE;
        loop {
            let began = Instant::now();
            self.ask_all();
            if stop.run_until_cancelled(self.collect(began + patience)).await.is_none() {
                return;
            }
            patience = PATIENCE;
            let tick = self.publish();
            self.ask_for_list();
            if stop.run_until_cancelled(self.rest(began + tick, &nudge)).await.is_none() {
                return;
            }
        }
    }

    fn ask_all(&mut self) {
        for line in self.lines.iter_mut().filter(|l| !l.pending) {
            line.pending = true;
            let before = self.previous.as_ref().and_then(|p| p.members.iter().find(|m| m.id == line.seat.known.id));
            line.expected = before.is_none_or(|m| match &m.reachability {
                Reachability::Answering => true,
                Reachability::Unreachable { reason, .. } => reason == NOT_ASKED,
            });
            line.awaited = line.expected;
            let (number, link, clock) = (line.number, line.link.clone(), self.clock.clone());
            self.asks.spawn(async move {
                let asked_at = clock.now();
                let outcome = link.status(DEADLINE).await;
                Reply::Status { line: number, answer: Answer { asked_at, at: clock.now(), outcome } }
            });
        }
    }

    /// Asks for the member list if it is time: the leader if it answers, or else whoever has applied most.
    fn ask_for_list(&mut self) {
        let fresh = self.list.asked.is_some_and(|at| at.elapsed() < LIST_AGE);
        if self.list.pending || (fresh && !self.list.doubted) {
            return;
        }
        let Some(view) = &self.previous else { return };
        let healthy = view.members.iter().filter(|m| m.healthy() && view.leader.is_some());
        let followers = healthy.filter_map(|m| {
            let status = m.status.as_ref().filter(|s| s.leader == view.leader)?;
            Some((Some(m.id) == view.leader, status.raft_applied.0, m.id))
        });
        let Some((_, applied, id)) = followers.max() else { return };
        let Some(line) = self.lines.iter().find(|l| l.seat.known.id == id) else { return };
        let link = line.link.clone();
        self.list.pending = true;
        self.list.asked = Some(Instant::now());
        self.asks.spawn(async move { Reply::Members { applied, list: link.members(DEADLINE).await } });
    }

    /// Takes answers until everybody answered whom this view waits for, at most until `by`.
    async fn collect(&mut self, by: Instant) {
        while self.lines.iter().any(|l| l.pending && l.awaited) {
            tokio::select! {
                biased;
                Some(reply) = self.asks.join_next() => { self.take(reply); }
                () = sleep_until(by) => return,
            }
        }
        // What has come meanwhile from those nobody waits for.
        while let Some(reply) = self.asks.try_join_next() {
            self.take(reply);
        }
    }

    /// Takes late answers until the next tick is due, or something asks for it earlier.
    async fn rest(&mut self, until: Instant, nudge: &Notify) {
        loop {
            tokio::select! {
                biased;
                Some(reply) = self.asks.join_next() => {
                    if self.take(reply) {
                        return;
                    }
                }
                Ok(()) = self.inputs.changed() => { self.publish(); }
                // Somebody begins to watch: what they see must not be five seconds old.
                Ok(()) = self.watchers.changed() => {
                    let before = std::mem::replace(&mut self.watched, *self.watchers.borrow_and_update() > 0);
                    if self.watched && !before {
                        return;
                    }
                }
                () = nudge.notified() => {
                    self.list.asked = None;
                    return;
                }
                () = sleep_until(until) => return,
            }
        }
    }

    /// Whether the members are others now, so that they are to be asked at once.
    fn take(&mut self, reply: Result<Reply, JoinError>) -> bool {
        match reply {
            Ok(Reply::Status { line, answer }) => self.take_status(line, answer),
            Ok(Reply::Members { applied, list }) => {
                self.list.pending = false;
                match list {
                    Ok(list) => return self.adopt(applied, list),
                    Err(reason) => tracing::debug!(cluster = %self.record.id, %reason, "no member list"),
                }
            }
            // Only a panic in the ask; the member is asked again.
            Err(e) => {
                tracing::error!(cluster = %self.record.id, error = %e, "an ask broke");
                self.lines.iter_mut().for_each(|l| l.pending = false);
                self.list.pending = false;
            }
        }
        false
    }

    fn take_status(&mut self, number: u64, answer: Answer) {
        let confirmed = self.list.cluster_id.is_some();
        let taken: Vec<MemberId> = self.lines.iter().map(|l| l.seat.known.id).collect();
        let Some(line) = self.lines.iter_mut().find(|l| l.number == number) else { return };
        line.pending = false;
        if let Ok(reply) = &answer.outcome {
            self.list.doubted |= !fits(&line.seat.known, reply, self.list.cluster_id, &taken);
            // Until a list is adopted, the record tells where a member is, and the member who it is.
            if !confirmed && !taken.contains(&reply.member_id) {
                line.seat.known.id = reply.member_id;
            }
        }
        line.seat.answer = Some(answer);
    }

    /// Makes `list` the members of this cluster, unless what is known is newer; whether that changed anything.
    fn adopt(&mut self, applied: u64, list: MemberList) -> bool {
        let same_cluster = self.list.cluster_id == Some(list.cluster_id);
        if list.members.is_empty() || (same_cluster && applied < self.list.applied) {
            return false;
        }
        let before: Vec<Known> = self.lines.iter().map(|l| l.seat.known.clone()).collect();
        self.list.cluster_id = Some(list.cluster_id);
        self.list.applied = applied;
        self.list.doubted = false;
        let mut old = std::mem::take(&mut self.lines);
        for member in &list.members {
            let known = Known::listed(member, &self.record);
            let kept = old.iter().position(|l| l.seat.known.id == known.id).map(|at| old.swap_remove(at));
            let line = match kept {
                Some(line) if line.link.address == address(&known) => {
                    Line { seat: Seat { known, answer: line.seat.answer }, ..line }
                }
                _ => self.line(known),
            };
            self.lines.push(line);
        }
        !same_cluster || !self.lines.iter().map(|l| &l.seat.known).eq(&before)
    }

    /// A member that got another client URL is asked there from now on: one alone could not tell so itself, since nobody hears
    /// it where it was. What its list says of it counts as soon as that is read.
    fn follow_record(&mut self) {
        for at in 0..self.lines.len() {
            let seat = &self.lines[at].seat;
            let here = |m: &&ClusterMemberRecord| m.host == seat.known.host && m.name == seat.known.name;
            let recorded = self.record.members.iter().find(here).map(|m| m.client_url.clone());
            let Some(url) = recorded.filter(|url| !seat.known.client_urls.contains(url)) else { continue };
            let moved = Seat { known: Known { client_urls: vec![url], ..seat.known.clone() }, ..seat.clone() };
            self.lines[at] = Line { seat: moved.clone(), ..self.line(moved.known) };
        }
    }

    fn line(&mut self, known: Known) -> Line {
        self.next_line += 1;
        let link = Arc::new(Link::new(address(&known), self.record.clone(), self.endpoints.clone()));
        let seat = Seat { known, answer: None };
        Line { number: self.next_line, seat, link, pending: false, expected: false, awaited: false }
    }

    /// Publishes the next view and hands over what happened; when the next tick is due after this one.
    pub fn publish(&mut self) -> Duration {
        let inputs = self.inputs.borrow_and_update().clone();
        if let Some(record) = inputs.record.filter(|new| *new != self.record) {
            // Who is in the cluster stays the cluster's to say; the next list finds its members' hosts in the new record.
            let begins_anew = record.token != self.record.token;
            self.record = record;
            self.list.asked = None;
            if begins_anew {
                // Restored or rescued: whoever was in it before is not by that, and too few may be left to say so themselves.
                let members = self.record.members.clone();
                self.lines = members.iter().map(|m| self.line(Known::recorded(m, &self.record.token))).collect();
                self.list = ListState { doubted: true, ..ListState::default() };
            } else {
                self.follow_record();
            }
        }
        let seats: Vec<Seat> =
            self.lines.iter_mut().map(|l| Seat { known: l.seat.known.clone(), answer: l.seat.answer.take() }).collect();
        if refounded(&seats, self.list.cluster_id) {
            self.list = ListState { doubted: true, ..ListState::default() };
        }
        let taken_at = self.clock.now();
        let scene = Scene {
            record: &self.record,
            cluster_id: self.list.cluster_id,
            seats: &seats,
            units: &inputs.units,
            operation: inputs.operation,
            leaderless_since: self.leaderless_since,
            lead: self.lead,
            taken_at,
        };
        let mut view = assemble(&scene, self.previous.as_deref());
        self.lead = Lead::after(self.lead, view.leader, self.leaderless_since.is_some(), taken_at);
        self.leaderless_since = match view.leader {
            Some(_) => None,
            None => self.leaderless_since.or(Some(taken_at)),
        };
        self.list.doubted |= leader(&view.members).is_some_and(|(id, _)| !view.members.iter().any(|m| m.id == id));
        let dead = view.members.iter().all(|m| m.reachability != Reachability::Answering);
        self.dead_views = if dead { self.dead_views.saturating_add(1) } else { 0 };
        self.lines.iter_mut().for_each(|l| l.awaited = false);
        let late = self.lines.iter().any(|l| l.pending && l.expected);
        self.watched = *self.watchers.borrow() > 0;
        let tick = tick(&view, self.watched, late, self.dead_views);
        view.tick_millis = u32::try_from(tick.as_millis()).unwrap_or(u32::MAX);
        self.tell(view, taken_at);
        tick
    }

    fn tell(&mut self, view: ClusterView, at: Timestamp) {
        let happened = self.previous.as_deref().map(|p| events(p, &view)).unwrap_or_default();
        let view = Arc::new(view);
        self.hub.publish(view.clone());
        if !happened.is_empty() {
            // Fails only when the console stops.
            let _ = self.recorder.send(Batch { cluster: self.record.id.clone(), at, events: happened });
        }
        self.previous = Some(view);
    }
}

fn address(known: &Known) -> MemberAddress {
    MemberAddress { name: known.name.clone(), host: known.host.clone(), client_urls: known.client_urls.clone() }
}

/// Whether an answer agrees with the list that is known.
fn fits(known: &Known, reply: &StatusReply, cluster_id: Option<u64>, members: &[MemberId]) -> bool {
    let learner = known.role == MemberRole::Learner;
    let leader_known = reply.status.leader.is_none_or(|id| members.contains(&id));
    reply.member_id == known.id
        && reply.is_learner == learner
        && cluster_id.is_some_and(|id| id == reply.cluster_id)
        && leader_known
}

/// A restore gives a cluster another id. Believed when most voters tell the same other one; until their list is
/// adopted, the members are again who they say they are.
fn refounded(seats: &[Seat], cluster_id: Option<u64>) -> bool {
    let Some(known) = cluster_id else { return false };
    let voters: Vec<&Seat> = seats.iter().filter(|s| s.known.role == MemberRole::Voter).collect();
    let told = |seat: &&Seat| seat.answer.as_ref()?.outcome.as_ref().ok().map(|r| r.cluster_id);
    let others: Vec<u64> = voters.iter().filter_map(told).filter(|&id| id != known).collect();
    others.iter().any(|id| others.iter().filter(|o| *o == id).count() * 2 > voters.len())
}

/// When the next view is due after this one's tick.
fn tick(view: &ClusterView, watched: bool, answers_late: bool, dead_views: u32) -> Duration {
    let silent = view.members.iter().any(|m| m.reachability != Reachability::Answering);
    if dead_views > 0 && !watched {
        return (HURRIED * 2u32.saturating_pow(dead_views.min(8) - 1)).min(LONGEST);
    }
    if silent || answers_late || view.leader.is_none() {
        HURRIED
    } else if watched {
        WATCHED
    } else {
        IDLE
    }
}

#[cfg(test)]
mod tests;
