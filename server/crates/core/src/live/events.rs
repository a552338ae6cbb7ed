//! What happened between two views. Invariant: pure, and silent about what is not known: a member that was never asked
//! is neither lost nor back, and a console that sees nobody does not claim that the leader is gone.

use super::assemble::{NOT_ASKED, leader, name_of};
use quorate_domain::{
    MemberId,
    cluster::{ClusterEventKind, ClusterView, MemberRole, MemberView, Reachability},
};

/// Something that happened, before it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// What.
    pub kind: ClusterEventKind,
    /// In words.
    pub text: String,
}

/// What happened from `previous` to `next`, causes before consequences.
pub fn events(previous: &ClusterView, next: &ClusterView) -> Vec<NewEvent> {
    if !previous.members.iter().any(asked) {
        return Vec::new();
    }
    let mut happened = Vec::new();
    membership(previous, next, &mut happened);
    reachability(previous, next, &mut happened);
    leadership(previous, next, &mut happened);
    quorum(previous, next, &mut happened);
    alarms(previous, next, &mut happened);
    happened
}

fn push(happened: &mut Vec<NewEvent>, kind: ClusterEventKind, text: String) {
    happened.push(NewEvent { kind, text });
}

fn asked(member: &MemberView) -> bool {
    !matches!(&member.reachability, Reachability::Unreachable { reason, .. } if reason == NOT_ASKED)
}

fn somebody_answers(view: &ClusterView) -> bool {
    view.members.iter().any(|m| m.reachability == Reachability::Answering)
}

fn find(view: &ClusterView, id: MemberId) -> Option<&MemberView> {
    view.members.iter().find(|m| m.id == id)
}

fn title(member: &MemberView) -> String {
    if member.name.is_empty() { member.id.to_string() } else { member.name.clone() }
}

fn membership(previous: &ClusterView, next: &ClusterView, happened: &mut Vec<NewEvent>) {
    // Before the first member list the members are the recorded ones: correcting a record is no event.
    if previous.cluster_id_hex.is_none() || previous.cluster_id_hex != next.cluster_id_hex {
        return;
    }
    for member in &next.members {
        let name = title(member);
        match find(previous, member.id) {
            None => {
                let role = if member.role == MemberRole::Learner { "learner" } else { "voter" };
                push(happened, ClusterEventKind::MemberAdded, format!("{name} was added as a {role}"));
            }
            Some(before) if before.role == MemberRole::Learner && member.role == MemberRole::Voter => {
                push(happened, ClusterEventKind::MemberPromoted, format!("{name} votes now"));
            }
            Some(_) => {}
        }
    }
    for gone in previous.members.iter().filter(|m| find(next, m.id).is_none()) {
        push(happened, ClusterEventKind::MemberRemoved, format!("{} was removed", title(gone)));
    }
}

fn reachability(previous: &ClusterView, next: &ClusterView, happened: &mut Vec<NewEvent>) {
    for member in &next.members {
        let Some(before) = find(previous, member.id).filter(|m| asked(m)) else { continue };
        let name = title(member);
        match (&before.reachability, &member.reachability) {
            (Reachability::Answering, Reachability::Unreachable { reason, .. }) => {
                push(happened, ClusterEventKind::MemberLost, format!("{name} stopped answering: {reason}"));
            }
            (Reachability::Unreachable { .. }, Reachability::Answering) => {
                let again = if before.last_seen.is_some() { " again" } else { "" };
                push(happened, ClusterEventKind::MemberBack, format!("{name} answers{again}"));
            }
            _ => {}
        }
    }
}

fn leadership(previous: &ClusterView, next: &ClusterView, happened: &mut Vec<NewEvent>) {
    let Some((id, term)) = leader(&next.members) else {
        if let Some(old) = previous.leader.filter(|_| somebody_answers(next)) {
            let name = name_of(&previous.members, old);
            push(happened, ClusterEventKind::LeaderLost, format!("There is no leader; {name} led until now"));
        }
        return;
    };
    let lost = previous.leader.is_none() && somebody_answers(previous);
    let elsewhere = matches!((&previous.cluster_id_hex, &next.cluster_id_hex), (Some(a), Some(b)) if a != b);
    let known = if elsewhere { None } else { last_leader(previous) };
    let news = match known {
        Some((old, old_term)) => term > old_term || (term == old_term && old != id),
        None => true,
    };
    if lost || news {
        let again = if known.is_some_and(|(old, _)| old == id) { " again" } else { "" };
        let name = name_of(&next.members, id);
        push(happened, ClusterEventKind::LeaderChanged, format!("{name} leads{again} (term {term})"));
    }
}

/// What the console knew last: who led, or else the newest leader that any member told of before it fell silent.
fn last_leader(view: &ClusterView) -> Option<(MemberId, u64)> {
    let told = view.members.iter().filter_map(|m| m.status.as_ref());
    let newest = || told.filter_map(|s| s.leader.map(|id| (id, s.raft_term.0))).max_by_key(|&(id, term)| (term, id));
    leader(&view.members).or_else(newest)
}

fn quorum(previous: &ClusterView, next: &ClusterView, happened: &mut Vec<NewEvent>) {
    let t = next.tolerance;
    match (previous.tolerance.has_quorum(), t.has_quorum()) {
        (true, false) => {
            let text = format!("No quorum: {} of {} voters, {} needed", t.healthy, t.voters, t.quorum);
            push(happened, ClusterEventKind::QuorumLost, text);
        }
        (false, true) => {
            push(happened, ClusterEventKind::QuorumBack, format!("Quorum again: {} of {} voters", t.healthy, t.voters));
        }
        _ => {}
    }
}

fn alarms(previous: &ClusterView, next: &ClusterView, happened: &mut Vec<NewEvent>) {
    for raised in next.alarms.iter().filter(|a| !previous.alarms.contains(a)) {
        push(happened, ClusterEventKind::AlarmRaised, format!("Alarm: {raised}"));
    }
    for cleared in previous.alarms.iter().filter(|a| !next.alarms.contains(a)) {
        push(happened, ClusterEventKind::AlarmCleared, format!("Alarm cleared: {cleared}"));
    }
}

#[cfg(test)]
mod tests;
