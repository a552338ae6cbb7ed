//! Views out of answers: single cases first, then what must hold for every row of answers.

use super::*;
use crate::live::events::events;
use proptest::prelude::*;
use quorate_domain::{
    cluster::{ClusterEventKind, HealthLevel, Reach, Scheme},
    version::Version,
};

pub(in crate::live) const CLUSTER: u64 = 0xc0ffee;

/// A recorded cluster of `size` members m1, m2, …
pub(in crate::live) fn record(size: u8) -> ClusterRecord {
    let member = |n: u8| ClusterMemberRecord {
        name: format!("m{n}"),
        host: Some(HostId::from_random([n; 10])),
        client_url: format!("http://10.0.0.{n}:2379"),
        peer_url: format!("http://10.0.0.{n}:2380"),
        data_dir: "/var/lib/etcd".into(),
        layout: Default::default(),
    };
    ClusterRecord {
        id: ClusterId::from_random([1; 10]),
        name: "orders".into(),
        scheme: Scheme::Http,
        reach: Reach::Direct,
        version: Version::new(3, 5, 16),
        token: "t".into(),
        quota: Wide(2 << 30),
        members: (1..=size).map(member).collect(),
        created_at: Timestamp(0),
        adopted: false,
        access: None,
    }
}

/// What a member says in a test: follows `leader` in `term`.
#[derive(Clone, Copy, Debug)]
pub(in crate::live) struct Says(pub u64, pub Option<u8>);

/// A stage on which views follow one another.
pub(in crate::live) struct Stage {
    pub record: ClusterRecord,
    pub known: Vec<Known>,
    pub cluster_id: Option<u64>,
    pub units: BTreeMap<HostId, UnitState>,
    pub now: i64,
    pub leaderless_since: Option<Timestamp>,
    pub lead: Option<Lead>,
    pub view: Option<ClusterView>,
}

impl Stage {
    pub fn new(size: u8) -> Self {
        let record = record(size);
        let mut known: Vec<Known> = record.members.iter().map(|m| Known::recorded(m, &record.token)).collect();
        // Short ids, so that a test can name a leader by its number.
        known.iter_mut().zip(1..).for_each(|(k, n)| k.id = MemberId(n));
        let (units, cluster_id) = (BTreeMap::new(), Some(CLUSTER));
        Self { record, known, cluster_id, units, now: 1_000_000, leaderless_since: None, lead: None, view: None }
    }

    pub fn reply(&self, member: MemberId, says: Says) -> StatusReply {
        StatusReply {
            member_id: member,
            cluster_id: CLUSTER,
            is_learner: false,
            quota: None,
            status: MemberStatus {
                version: "3.5.16".into(),
                db_size: Wide(1),
                db_size_in_use: Wide(1),
                leader: says.1.map(|n| MemberId(n.into())),
                raft_term: Wide(says.0),
                raft_index: Wide(1),
                raft_applied: Wide(1),
                revision: Wide(1),
                errors: Vec::new(),
                answer_micros: 900,
            },
        }
    }

    /// The next view, `millis` later, in which member n answered `answers[n - 1]`: `None` = not in time yet,
    /// `Some(None)` = refused.
    pub fn step(&mut self, millis: i64, answers: &[Option<Option<Says>>]) -> ClusterView {
        let outcomes = answers.iter().zip(&self.known).map(|(answer, known)| {
            answer.map(|says| says.map(|s| self.reply(known.id, s)).ok_or_else(|| "connection refused".to_owned()))
        });
        let outcomes: Vec<_> = outcomes.collect();
        self.step_with(millis, outcomes)
    }

    pub fn step_with(&mut self, millis: i64, outcomes: Vec<Option<Result<StatusReply, String>>>) -> ClusterView {
        self.now += millis;
        let at = Timestamp(self.now);
        let seat = |(known, outcome): (&Known, Option<_>)| Seat {
            known: known.clone(),
            answer: outcome.map(|outcome| Answer { asked_at: Timestamp(at.0 - 100), at, outcome }),
        };
        let seats: Vec<Seat> =
            self.known.iter().zip(outcomes.into_iter().chain(std::iter::repeat(None))).map(seat).collect();
        let scene = Scene {
            record: &self.record,
            cluster_id: self.cluster_id,
            seats: &seats,
            units: &self.units,
            operation: None,
            leaderless_since: self.leaderless_since,
            lead: self.lead,
            taken_at: at,
        };
        let view = assemble(&scene, self.view.as_ref());
        self.lead = Lead::after(self.lead, view.leader, self.leaderless_since.is_some(), at);
        self.leaderless_since = if view.leader.is_some() { None } else { self.leaderless_since.or(Some(at)) };
        self.view = Some(view.clone());
        view
    }
}

pub(in crate::live) fn says(term: u64, leader: u8) -> Option<Option<Says>> {
    Some(Some(Says(term, Some(leader))))
}

pub(in crate::live) fn no_leader(term: u64) -> Option<Option<Says>> {
    Some(Some(Says(term, None)))
}

pub(in crate::live) const REFUSED: Option<Option<Says>> = Some(None);
pub(in crate::live) const LATE: Option<Option<Says>> = None;

#[test]
fn three_that_agree_are_healthy() {
    let view = Stage::new(3).step(0, &[says(5, 2), says(5, 2), says(5, 2)]);
    assert_eq!((view.leader, view.tolerance.healthy, view.seq), (Some(MemberId(2)), 3, Wide(1)));
    assert_eq!(view.health().text, "Healthy: 3 of 3 voters, can lose 1");
    assert_eq!(view.cluster_id_hex.as_deref(), Some("c0ffee"));
}

#[test]
fn an_isolated_member_does_not_win() {
    for isolated in [says(4, 3), no_leader(4), no_leader(9)] {
        let view = Stage::new(3).step(0, &[says(5, 1), says(5, 1), isolated]);
        assert_eq!((view.leader, view.tolerance.healthy), (Some(MemberId(1)), 2), "{isolated:?}");
    }
    for electing in [no_leader(5), no_leader(6)] {
        let view = Stage::new(3).step(0, &[electing, electing, says(5, 3)]);
        assert_eq!(view.leader, None, "an old leader that lost the others leads nobody");
    }
    assert_eq!(Stage::new(3).step(0, &[no_leader(6), says(5, 2), REFUSED]).leader, None);
}

#[test]
fn a_leader_just_elected_wins_over_those_who_have_not_heard() {
    let view = Stage::new(3).step(0, &[says(6, 1), says(5, 3), no_leader(5)]);
    assert_eq!(view.leader, Some(MemberId(1)));
}

#[test]
fn those_who_have_not_heard_of_a_new_leader_count_for_a_moment_and_the_old_one_does_not() {
    let mut stage = Stage::new(3);
    stage.step(0, &[says(5, 1), says(5, 1), says(5, 1)]);
    stage.step(250, &[REFUSED, no_leader(5), no_leader(5)]);
    let view = stage.step(250, &[REFUSED, says(6, 2), no_leader(5)]);
    assert_eq!((view.leader, view.tolerance.healthy), (Some(MemberId(2)), 2), "a majority elected it");
    let view = stage.step(3_200, &[REFUSED, says(6, 2), no_leader(5)]);
    assert_eq!(view.tolerance.healthy, 1, "a moment later it is cut off");

    let mut stage = Stage::new(3);
    stage.step(0, &[says(5, 1), says(5, 1), says(5, 1)]);
    let view = stage.step(250, &[says(5, 1), says(6, 2), says(5, 1)]);
    assert_eq!((view.leader, view.tolerance.healthy), (Some(MemberId(2)), 2));
}

#[test]
fn a_silent_member_stays_with_what_it_said_last() {
    let mut stage = Stage::new(3);
    stage.step(0, &[says(5, 1), says(5, 1), says(5, 1)]);
    let seen = Timestamp(stage.now);
    let view = stage.step(1000, &[says(5, 1), says(5, 1), REFUSED]);
    let lost = &view.members[2];
    let since = Timestamp(stage.now - 100);
    assert_eq!(lost.reachability, Reachability::Unreachable { since, reason: "connection refused".into() });
    assert_eq!(lost.last_seen, Some(seen));
    assert!(lost.status.is_some());
    let view = stage.step(60_000, &[says(5, 1), says(5, 1), REFUSED]);
    assert!(matches!(view.members[2].reachability, Reachability::Unreachable { since: s, .. } if s == since));
    assert_eq!(view.health().text, "At risk: 2 of 3 voters, the next loss stops writes");
    assert_eq!(view.alarms, Vec::<String>::new());
}

#[test]
fn a_late_answer_changes_nothing_until_it_is_there() {
    let mut stage = Stage::new(3);
    let first = stage.step(0, &[LATE, LATE, LATE]);
    assert_eq!((first.health().level, first.no_quorum_since), (HealthLevel::Unknown, None));
    stage.step(10, &[says(5, 1), says(5, 1), says(5, 1)]);
    let view = stage.step(1000, &[says(5, 1), says(5, 1), LATE]);
    assert_eq!((view.members[2].reachability.clone(), view.tolerance.healthy), (Reachability::Answering, 3));
}

#[test]
fn an_election_is_no_loss_of_quorum_until_it_takes_too_long() {
    let mut stage = Stage::new(3);
    stage.step(0, &[says(5, 1), says(5, 1), says(5, 1)]);
    let electing = [REFUSED, no_leader(5), no_leader(5)];
    let view = stage.step(250, &electing);
    assert_eq!((view.health().text.as_str(), view.no_quorum_since), ("Electing a leader", None));
    let began = Timestamp(stage.now);
    let view = stage.step(ELECTION, &electing);
    assert_eq!((view.health().level, view.no_quorum_since), (HealthLevel::NoQuorum, Some(began)));
    let view = stage.step(250, &[REFUSED, says(6, 2), says(6, 2)]);
    assert_eq!((view.tolerance.healthy, view.no_quorum_since), (2, None));
}

#[test]
fn an_answer_from_elsewhere_is_no_answer() {
    let mut stage = Stage::new(3);
    let good = |stage: &Stage, n: u64| Some(Ok(stage.reply(MemberId(n), Says(5, Some(1)))));
    let mut foreign = stage.reply(MemberId(2), Says(9, Some(2)));
    foreign.cluster_id = 0xbad;
    let stranger = stage.reply(MemberId(77), Says(9, Some(77)));
    let view = stage.step_with(0, vec![good(&stage, 1), Some(Ok(foreign)), Some(Ok(stranger))]);
    assert_eq!((view.leader, view.tolerance.healthy), (Some(MemberId(1)), 1));
    let reason = |n: usize| match &view.members[n].reachability {
        Reachability::Unreachable { reason, .. } => reason.clone(),
        Reachability::Answering => String::new(),
    };
    assert_eq!(reason(1), "it answers for another cluster (bad)");
    assert_eq!(reason(2), "another member answers in its place (4d)");
}

#[test]
fn alarms_are_named_once_and_kept_while_nobody_answers() {
    let mut stage = Stage::new(3);
    let mut full = stage.reply(MemberId(1), Says(5, Some(1)));
    full.status.errors = vec!["memberID:2 alarm:NOSPACE".into(), "etcdserver: odd".into()];
    let again = StatusReply { member_id: MemberId(3), ..full.clone() };
    let view = stage.step_with(0, vec![Some(Ok(full)), None, Some(Ok(again))]);
    assert_eq!(view.alarms, ["NOSPACE on m2"]);
    assert_eq!(stage.step(1000, &[REFUSED, REFUSED, REFUSED]).alarms, ["NOSPACE on m2"]);
    assert!(stage.step(1000, &[says(5, 1), says(5, 1), says(5, 1)]).alarms.is_empty());
}

#[test]
fn units_come_by_host_and_learners_have_no_vote() {
    let mut stage = Stage::new(4);
    stage.known[3].role = MemberRole::Learner;
    let unit = UnitState { active: "active".into(), enabled: true, taken_at: Timestamp(1) };
    let host = stage.record.members[0].host.clone().expect("a host");
    stage.units.insert(host, unit.clone());
    let view = stage.step(0, &[says(5, 1), says(5, 1), says(5, 1), says(9, 4)]);
    assert_eq!((view.members[0].unit.as_ref(), view.members[1].unit.as_ref()), (Some(&unit), None));
    assert_eq!((view.leader, view.tolerance.voters), (Some(MemberId(1)), 3));
}

#[test]
fn a_listed_member_finds_its_host_by_peer_url_and_its_name_in_the_record() {
    let record = record(3);
    let listed = ListedMember {
        id: MemberId(9),
        name: String::new(),
        peer_urls: vec!["http://10.0.0.2:2380".into()],
        client_urls: Vec::new(),
        is_learner: true,
    };
    let known = Known::listed(&listed, &record);
    assert_eq!((known.name.as_str(), known.role), ("m2", MemberRole::Learner));
    assert_eq!(known.host, record.members[1].host);
}

fn any_answer() -> impl Strategy<Value = Option<Option<Says>>> {
    prop_oneof![
        1 => Just(LATE),
        2 => Just(REFUSED),
        5 => (1u64..5, proptest::option::weighted(0.8, 1u8..=5)).prop_map(|(term, leader)| Some(Some(Says(term, leader)))),
    ]
}

fn any_run() -> impl Strategy<Value = (u8, Vec<Vec<Option<Option<Says>>>>)> {
    (1u8..=5).prop_flat_map(|size| {
        let row = proptest::collection::vec(any_answer(), usize::from(size));
        (Just(size), proptest::collection::vec(row, 1..12))
    })
}

proptest! {
    #[test]
    fn every_view_is_whole_and_silence_has_one_beginning((size, rows) in any_run()) {
        let mut stage = Stage::new(size);
        let mut before: Option<ClusterView> = None;
        for row in rows {
            let view = stage.step(250, &row);
            prop_assert_eq!(view.members.len(), usize::from(size));
            prop_assert!(view.members.is_sorted_by_key(|m| m.name.clone()));
            prop_assert_eq!(view.no_quorum_since.is_some(),
                !view.tolerance.has_quorum() && view.known());
            for (member, answer) in view.members.iter().zip(&row) {
                if let Some(answer) = answer {
                    prop_assert_eq!(member.reachability == Reachability::Answering, answer.is_some());
                }
                let old = before.as_ref().and_then(|b| b.members.iter().find(|m| m.id == member.id));
                if let (Some(Reachability::Unreachable { since: a, reason }), Reachability::Unreachable { since: b, .. })
                    = (old.map(|o| &o.reachability), &member.reachability)
                {
                    prop_assert!(a == b || reason == NOT_ASKED);
                }
                if let Some(old) = old {
                    prop_assert!(member.last_seen >= old.last_seen);
                    prop_assert!(member.status.is_some() || old.status.is_none());
                }
            }
            before = Some(view);
        }
    }

    #[test]
    fn a_majority_that_agrees_in_the_newest_term_is_always_right(
        size in 3u8..=5, stale in proptest::collection::vec(prop_oneof![Just(no_leader(1)), Just(no_leader(9)),
        (1u64..5, 1u8..=5).prop_map(|(t, l)| says(t, l)), Just(REFUSED), Just(LATE)], 1..=2),
    ) {
        let minority = usize::from(size.div_ceil(2) - 1).min(stale.len());
        let mut row = vec![says(5, 1); usize::from(size) - minority];
        row.extend_from_slice(&stale[..minority]);
        let view = Stage::new(size).step(0, &row);
        prop_assert_eq!(view.leader, Some(MemberId(1)));
        prop_assert!(view.tolerance.has_quorum());
    }

    #[test]
    fn what_happened_alternates((size, rows) in any_run()) {
        let mut stage = Stage::new(size);
        let mut log: Vec<(ClusterEventKind, String)> = Vec::new();
        let mut before: Option<ClusterView> = None;
        for row in rows {
            let view = stage.step(250, &row);
            prop_assert!(events(&view, &view).is_empty(), "nothing happened between a view and itself");
            for event in before.iter().flat_map(|b| events(b, &view)) {
                log.push((event.kind, event.text));
            }
            before = Some(view);
        }
        use ClusterEventKind as K;
        for n in 1..=size {
            let own: Vec<K> = log.iter()
                .filter(|(k, t)| matches!(k, K::MemberLost | K::MemberBack) && t.starts_with(&format!("m{n} ")))
                .map(|(k, _)| *k).collect();
            prop_assert!(own.windows(2).all(|w| w[0] != w[1]), "{own:?}");
        }
        let quorum: Vec<K> =
            log.iter().map(|(k, _)| *k).filter(|k| matches!(k, K::QuorumLost | K::QuorumBack)).collect();
        prop_assert!(quorum.windows(2).all(|w| w[0] != w[1]), "{quorum:?}");
    }
}
