//! Which member a snapshot is taken from. Invariant: pure; a voter that answers and follows the leader in the newest term, without
//! an alarm of its own; a follower that is caught up before the leader, whose disk has enough to do; never a learner.

use quorate_domain::{
    MemberId,
    cluster::{ClusterView, MemberRole, MemberStatus, MemberView, Reachability},
};
use quorate_etcd::alarms;

/// A follower this many entries behind the leader is caught up, as far as a snapshot goes: what comes in while one is begun.
const CAUGHT_UP: u64 = 1000;

/// Whom to ask, best first.
///
/// # Errors
/// Why there is nobody, in words.
pub(super) fn candidates(view: &ClusterView) -> Result<Vec<&MemberView>, String> {
    if view.leader.is_none() {
        return Err("no leader is followed by a majority, so nobody knows whose data is the newest".into());
    }
    let term = view.members.iter().filter_map(status).map(|status| status.raft_term.0).max().unwrap_or_default();
    let mut reasons = Vec::new();
    let mut fit: Vec<(bool, u64, &MemberView)> = Vec::new();
    for member in view.members.iter().filter(|member| member.role == MemberRole::Voter) {
        match unfit(view, member, term) {
            None => fit.push((Some(member.id) == view.leader, view.lag(member).unwrap_or(u64::MAX), member)),
            Some(why) => reasons.push(format!("{}: {why}", member.name)),
        }
    }
    fit.sort_by_key(|(leads, lag, member)| (*leads, *lag, member.id));
    match fit.is_empty() {
        true => Err(format!("no member can be asked ({})", reasons.join("; "))),
        false => Ok(fit.into_iter().map(|(.., member)| member).collect()),
    }
}

/// The member of this name, whatever it is like, if it answers: what is saved before a restore is better than nothing.
///
/// # Errors
/// In words.
pub(super) fn named<'a>(view: &'a ClusterView, name: &str) -> Result<&'a MemberView, String> {
    let member = view.members.iter().find(|member| member.name == name);
    let member = member.ok_or_else(|| format!("the cluster has no member {name}"))?;
    match &member.reachability {
        Reachability::Answering => Ok(member),
        Reachability::Unreachable { reason, .. } => Err(format!("{name} does not answer: {reason}")),
    }
}

/// What a member said, if it says something now.
fn status(member: &MemberView) -> Option<&MemberStatus> {
    member.status.as_ref().filter(|_| member.reachability == Reachability::Answering)
}

fn unfit(view: &ClusterView, member: &MemberView, term: u64) -> Option<String> {
    let Some(status) = status(member) else {
        return Some(match &member.reachability {
            Reachability::Unreachable { reason, .. } => reason.clone(),
            Reachability::Answering => "it has not answered yet".into(),
        });
    };
    if status.leader != view.leader || status.raft_term.0 < term {
        return Some("it is cut off from the others".into());
    }
    if let Some(alarm) = own_alarm(member.id, status) {
        return Some(format!("it raised the alarm {alarm}"));
    }
    let behind = view.lag(member).unwrap_or(u64::MAX);
    (behind > CAUGHT_UP).then(|| format!("it is {behind} entries behind"))
}

fn own_alarm(id: MemberId, status: &MemberStatus) -> Option<String> {
    alarms(&status.errors).into_iter().find(|alarm| alarm.member == id).map(|alarm| alarm.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::sample::{member, view};
    use quorate_domain::{Timestamp, wide::Wide};

    fn order(view: &ClusterView) -> Vec<u64> {
        candidates(view).expect("somebody").iter().map(|member| member.id.0).collect()
    }

    fn changed(mut member: MemberView, change: impl Fn(&mut MemberStatus)) -> MemberView {
        member.status.iter_mut().for_each(change);
        member
    }

    #[test]
    fn the_follower_that_is_least_behind_comes_first_and_the_leader_last() {
        let all = view(vec![member(1, 10_000), member(2, 9_990), member(3, 9_999)]);
        assert_eq!(order(&all), [3, 2, 1]);
        let behind = view(vec![member(1, 10_000), member(2, 8_999), member(3, 9_000)]);
        assert_eq!(order(&behind), [3, 1], "a thousand entries is the most");
        assert_eq!(order(&view(vec![member(1, 10_000)])), [1], "of a cluster of one");
    }

    #[test]
    fn learners_members_with_alarms_and_those_that_are_cut_off_are_never_asked() {
        let learner = MemberView { role: MemberRole::Learner, ..member(2, 10_000) };
        let cut_off = changed(member(3, 10_000), |status| status.leader = None);
        let old = changed(member(4, 10_000), |status| status.raft_term = Wide(1));
        let full = changed(member(5, 10_000), |status| status.errors = vec!["memberID:5 alarm:NOSPACE ".into()]);
        let told_of = changed(member(6, 10_000), |status| status.errors = vec!["memberID:5 alarm:NOSPACE ".into()]);
        let mut silent = member(7, 10_000);
        silent.reachability = Reachability::Unreachable { since: Timestamp(1), reason: "connection refused".into() };
        assert_eq!(order(&view(vec![member(1, 10_000), learner, cut_off, old, full.clone(), told_of, silent])), [6, 1]);
        let nobody = candidates(&view(vec![full])).expect_err("nobody");
        assert!(nobody.contains("m5: it raised the alarm NOSPACE"), "{nobody}");
    }

    #[test]
    fn without_a_leader_nobody_is_asked_but_one_by_name_is() {
        let lost = ClusterView { leader: None, ..view(vec![member(1, 10_000)]) };
        assert!(candidates(&lost).is_err_and(|why| why.contains("leader")));
        assert_eq!(named(&lost, "m1").map(|member| member.id.0), Ok(1));
        assert!(named(&lost, "m9").is_err());
    }
}
