//! One view out of what the members answered. Invariant: pure; every known member is in the view, a silent one with
//! what it said last and since when it is silent; who leads is decided by the voters, never by one member's word alone.
//! Asking is `poller`'s, comparing two views is `events`'.

use quorate_domain::{
    ClusterId, HostId, MemberId, OperationId, Timestamp,
    cluster::{
        ClusterMemberRecord, ClusterRecord, ClusterView, MemberRole, MemberStatus, MemberView, Reachability, UnitState,
    },
    quorum::Tolerance,
    wide::Wide,
};
use quorate_etcd::{ListedMember, StatusReply, alarms, bootstrap_member_id};
use std::collections::{BTreeMap, BTreeSet};

/// The reason of a member that was not asked yet: nothing is known, good or bad.
pub use quorate_domain::cluster::NOT_ASKED;
use quorate_domain::cluster::known;

/// How long answering voters that follow no leader count as electing one. After that they cannot reach each other.
const ELECTION: i64 = 5_000;

/// How long voters that answer may still follow nobody, or the one before, after another took the lead: it was elected by a
/// majority, and the others hear of it with its first heartbeat, or some later one where a disk makes them wait.
const SETTLING: i64 = 3_000;

/// Who leads in the views, since when, and who did before (none for the first leader that was seen).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The leader.
    pub id: MemberId,
    /// The first view in which it led.
    pub since: Timestamp,
    /// Who led before.
    pub before: Option<MemberId>,
}

impl Lead {
    /// The lead after a view of `at` in which `leader` leads; kept while nobody does. `interrupted`: nobody led in the view
    /// before.
    pub fn after(lead: Option<Self>, leader: Option<MemberId>, interrupted: bool, at: Timestamp) -> Option<Self> {
        match (lead, leader) {
            (Some(lead), Some(id)) if lead.id == id && !interrupted => Some(lead),
            (lead, Some(id)) => Some(Self { id, since: at, before: lead.map(|l| l.id) }),
            (lead, None) => lead,
        }
    }

    /// Whether `member` may not have heard of it yet. An old leader that was cut off has not either, and does not count.
    fn unheard_by(&self, member: MemberId, at: Timestamp) -> bool {
        at.0 - self.since.0 < SETTLING && self.before.is_some_and(|before| before == self.id || before != member)
    }
}

/// A member as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Id.
    pub id: MemberId,
    /// Name; empty until it starts for the first time.
    pub name: String,
    /// Voter or learner.
    pub role: MemberRole,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Client URLs.
    pub client_urls: Vec<String>,
    /// The host it runs on, where the record tells.
    pub host: Option<HostId>,
}

impl Known {
    /// As recorded, before the cluster was ever asked; the id is the one etcd gives at bootstrap.
    pub fn recorded(member: &ClusterMemberRecord, token: &str) -> Self {
        Self {
            id: bootstrap_member_id(std::slice::from_ref(&member.peer_url), token),
            name: member.name.clone(),
            role: MemberRole::Voter,
            peer_urls: vec![member.peer_url.clone()],
            client_urls: vec![member.client_url.clone()],
            host: member.host.clone(),
        }
    }

    /// As the cluster lists it; the host is that of the recorded member with its peer URL, or else its name.
    pub fn listed(member: &ListedMember, record: &ClusterRecord) -> Self {
        let by_url = record.members.iter().find(|m| member.peer_urls.contains(&m.peer_url));
        let recorded = by_url.or_else(|| record.members.iter().find(|m| m.name == member.name));
        Self {
            id: member.id,
            // A member that never started has no name of its own yet; the recorded one tells people which it is.
            name: match recorded {
                Some(m) if member.name.is_empty() => m.name.clone(),
                _ => member.name.clone(),
            },
            role: if member.is_learner { MemberRole::Learner } else { MemberRole::Voter },
            peer_urls: member.peer_urls.clone(),
            client_urls: member.client_urls.clone(),
            host: recorded.and_then(|m| m.host.clone()),
        }
    }
}

/// What came of asking a member once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When the answer came or the deadline passed.
    pub at: Timestamp,
    /// What it said, or why it did not.
    pub outcome: Result<StatusReply, String>,
}

/// A known member and what it answered since the previous view; none keeps what the previous view says.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The member.
    pub known: Known,
    /// Its newest answer.
    pub answer: Option<Answer>,
}

/// Everything a view is made of beside the previous one.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// What the console keeps.
    pub record: &'a ClusterRecord,
    /// etcd's id of the cluster, once a member list was adopted. Answers for another cluster do not count.
    pub cluster_id: Option<u64>,
    /// The members.
    pub seats: &'a [Seat],
    /// Units by host.
    pub units: &'a BTreeMap<HostId, UnitState>,
    /// The unfinished operation.
    pub operation: Option<OperationId>,
    /// Since when no leader is known; none if the previous view had one.
    pub leaderless_since: Option<Timestamp>,
    /// Who led in the views before.
    pub lead: Option<Lead>,
    /// Now.
    pub taken_at: Timestamp,
}

/// The view of `scene`, next after `previous`. `tick_millis` is left at 0 for whoever decides the tick by the view.
pub fn assemble(scene: &Scene<'_>, previous: Option<&ClusterView>) -> ClusterView {
    let mut members: Vec<MemberView> = scene.seats.iter().map(|seat| member(seat, scene, previous)).collect();
    members.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let leader = leader(&members);
    let tolerance = tolerance(&members, leader, scene);
    let alarms = alarm_words(&members, leader).unwrap_or_else(|| previous.map_or(Vec::new(), |p| p.alarms.clone()));
    ClusterView {
        id: ClusterId::clone(&scene.record.id),
        name: scene.record.name.clone(),
        seq: Wide(previous.map_or(1, |p| p.seq.0 + 1)),
        taken_at: scene.taken_at,
        scheme: scene.record.scheme,
        reach: scene.record.reach,
        cluster_id_hex: scene.cluster_id.map(|id| format!("{id:x}")),
        no_quorum_since: no_quorum_since(&members, tolerance, scene, previous),
        leader: leader.map(|(id, _)| id),
        members,
        tolerance,
        alarms,
        quota: Some(scene.record.quota).filter(|quota| quota.0 > 0),
        operation: scene.operation.clone(),
        tick_millis: 0,
    }
}

fn member(seat: &Seat, scene: &Scene<'_>, previous: Option<&ClusterView>) -> MemberView {
    let known = &seat.known;
    let before = previous.and_then(|p| p.members.iter().find(|m| m.id == known.id));
    let answer = seat.answer.as_ref().map(|a| (a, judge(a, known, scene.cluster_id)));
    let reachability = match (&answer, before.map(|b| &b.reachability)) {
        (Some((_, Ok(_))), _) => Reachability::Answering,
        (Some((_, Err(reason))), Some(Reachability::Unreachable { since, reason: old })) if old != NOT_ASKED => {
            Reachability::Unreachable { since: *since, reason: reason.clone() }
        }
        (Some((a, Err(reason))), _) => Reachability::Unreachable { since: a.asked_at, reason: reason.clone() },
        (None, Some(kept)) => kept.clone(),
        (None, None) => Reachability::Unreachable { since: scene.taken_at, reason: NOT_ASKED.to_owned() },
    };
    let reply = answer.and_then(|(a, judged)| judged.ok().map(|reply| (a.at, reply.status.clone())));
    MemberView {
        id: known.id,
        name: known.name.clone(),
        role: known.role,
        peer_urls: known.peer_urls.clone(),
        client_urls: known.client_urls.clone(),
        host: known.host.clone(),
        reachability,
        last_seen: reply.as_ref().map(|(at, _)| *at).or(before.and_then(|b| b.last_seen)),
        status: reply.map(|(_, status)| status).or_else(|| before.and_then(|b| b.status.clone())),
        unit: known.host.as_ref().and_then(|host| scene.units.get(host)).cloned(),
    }
}

/// An answer counts only if it is this member's, in this cluster.
fn judge<'a>(answer: &'a Answer, known: &Known, cluster_id: Option<u64>) -> Result<&'a StatusReply, String> {
    let reply = answer.outcome.as_ref().map_err(Clone::clone)?;
    match cluster_id {
        Some(id) if id != reply.cluster_id => Err(format!("it answers for another cluster ({:x})", reply.cluster_id)),
        _ if reply.member_id != known.id => Err(format!("another member answers in its place ({})", reply.member_id)),
        _ => Ok(reply),
    }
}

fn answering(members: &[MemberView]) -> impl Iterator<Item = (&MemberView, &MemberStatus)> {
    members
        .iter()
        .filter(|m| m.reachability == Reachability::Answering)
        .filter_map(|m| m.status.as_ref().map(|s| (m, s)))
}

/// The leader most answering voters agree on in the newest term that has one, and that term. It falls when more voters
/// know no leader by then, or as many of a newer term: an isolated member's old word never wins, and neither does the
/// term an isolated candidate talked itself up to.
pub(super) fn leader(members: &[MemberView]) -> Option<(MemberId, u64)> {
    let voters = || answering(members).filter(|(m, _)| m.role == MemberRole::Voter).map(|(_, s)| s);
    let mut votes: BTreeMap<(u64, MemberId), usize> = BTreeMap::new();
    for status in voters() {
        if let Some(leader) = status.leader {
            *votes.entry((status.raft_term.0, leader)).or_default() += 1;
        }
    }
    let newest = votes.keys().map(|&(term, _)| term).max()?;
    let (&(term, leader), &count) =
        votes.iter().filter(|((term, _), _)| *term == newest).max_by_key(|&(&(_, id), &count)| (count, id))?;
    let against: Vec<u64> =
        voters().filter(|s| s.leader.is_none() && s.raft_term.0 >= term).map(|s| s.raft_term.0).collect();
    let newer = against.iter().any(|&t| t > term);
    (count > against.len() || (count == against.len() && !newer)).then_some((leader, term))
}

fn tolerance(members: &[MemberView], leader: Option<(MemberId, u64)>, scene: &Scene<'_>) -> Tolerance {
    let electing = scene.leaderless_since.is_none_or(|since| scene.taken_at.0 - since.0 < ELECTION);
    let interrupted = scene.leaderless_since.is_some();
    let lead = Lead::after(scene.lead, leader.map(|(id, _)| id), interrupted, scene.taken_at);
    let counts = |member: &MemberView, status: &MemberStatus| match leader {
        Some((id, term)) if status.leader == Some(id) && status.raft_term.0 == term => true,
        Some((_, term)) => status.raft_term.0 <= term && lead.is_some_and(|l| l.unheard_by(member.id, scene.taken_at)),
        None => electing,
    };
    let voters = members.iter().filter(|m| m.role == MemberRole::Voter).count();
    let healthy = answering(members).filter(|(m, s)| m.role == MemberRole::Voter && counts(m, s)).count();
    Tolerance::of(voters, healthy)
}

fn no_quorum_since(
    members: &[MemberView],
    tolerance: Tolerance,
    scene: &Scene<'_>,
    previous: Option<&ClusterView>,
) -> Option<Timestamp> {
    if tolerance.has_quorum() || !known(members) {
        return None;
    }
    let before = previous.and_then(|p| p.no_quorum_since);
    Some(before.or(scene.leaderless_since).unwrap_or(scene.taken_at))
}

/// Alarms as the members tell that follow the leader (all that answer, when there is none); none if nobody answers.
fn alarm_words(members: &[MemberView], leader: Option<(MemberId, u64)>) -> Option<Vec<String>> {
    let leader = leader.map(|(id, _)| id);
    let mut speakers = answering(members).filter(|(_, s)| leader.is_none() || s.leader == leader).peekable();
    speakers.peek()?;
    let raised: BTreeSet<_> = speakers.flat_map(|(_, s)| alarms(&s.errors)).collect();
    Some(raised.into_iter().map(|a| format!("{} on {}", a.name, name_of(members, a.member))).collect())
}

/// A member's name, or its id where it has none.
pub(super) fn name_of(members: &[MemberView], id: MemberId) -> String {
    let named = members.iter().find(|m| m.id == id && !m.name.is_empty());
    named.map_or_else(|| id.to_string(), |m| m.name.clone())
}

#[cfg(test)]
pub(in crate::live) mod tests;
