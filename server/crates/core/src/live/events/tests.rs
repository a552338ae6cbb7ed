//! What two views in a row are told as.

use super::*;
use crate::live::assemble::tests::{LATE, REFUSED, Stage, no_leader, says};
use ClusterEventKind as K;
use quorate_domain::cluster::MemberRole;

fn told(stage: &mut Stage, step: impl FnOnce(&mut Stage)) -> Vec<(K, String)> {
    let before = stage.view.clone().expect("a view before");
    step(stage);
    events(&before, stage.view.as_ref().expect("a view")).into_iter().map(|e| (e.kind, e.text)).collect()
}

fn running() -> Stage {
    let mut stage = Stage::new(3);
    stage.step(0, &[LATE, LATE, LATE]);
    stage.step(10, &[says(5, 1), says(5, 1), says(5, 1)]);
    stage
}

#[test]
fn starting_to_look_is_no_event() {
    let mut stage = Stage::new(3);
    stage.step(0, &[LATE, LATE, LATE]);
    assert!(told(&mut stage, |s| _ = s.step(10, &[says(5, 1), says(5, 1), REFUSED])).is_empty());
}

#[test]
fn a_killed_leader_is_one_loss_one_election() {
    let mut stage = running();
    let lost = told(&mut stage, |s| _ = s.step(250, &[REFUSED, says(5, 1), says(5, 1)]));
    assert_eq!(lost, [(K::MemberLost, "m1 stopped answering: connection refused".into())]);
    let leaderless = told(&mut stage, |s| _ = s.step(250, &[REFUSED, no_leader(5), no_leader(5)]));
    assert_eq!(leaderless, [(K::LeaderLost, "There is no leader; m1 led until now".into())]);
    let elected = told(&mut stage, |s| _ = s.step(250, &[REFUSED, says(6, 3), says(6, 3)]));
    assert_eq!(elected, [(K::LeaderChanged, "m3 leads (term 6)".into())]);
    let back = told(&mut stage, |s| _ = s.step(250, &[says(6, 3), says(6, 3), says(6, 3)]));
    assert_eq!(back, [(K::MemberBack, "m1 answers again".into())]);
}

#[test]
fn a_change_between_two_ticks_is_still_told_once() {
    let mut stage = running();
    assert_eq!(
        told(&mut stage, |s| _ = s.step(1000, &[says(7, 1), says(5, 1), says(7, 1)])),
        [(K::LeaderChanged, "m1 leads again (term 7)".into())]
    );
    assert!(told(&mut stage, |s| _ = s.step(1000, &[says(7, 1), says(7, 1), says(7, 1)])).is_empty());
}

#[test]
fn a_console_that_sees_nobody_does_not_accuse_the_leader() {
    let mut stage = running();
    let kinds = |told: Vec<(K, String)>| told.into_iter().map(|(k, _)| k).collect::<Vec<_>>();
    let blind = told(&mut stage, |s| _ = s.step(1000, &[REFUSED, REFUSED, REFUSED]));
    assert_eq!(kinds(blind), [K::MemberLost, K::MemberLost, K::MemberLost, K::QuorumLost]);
    let seeing = told(&mut stage, |s| _ = s.step(1000, &[says(5, 1), says(5, 1), says(5, 1)]));
    assert_eq!(kinds(seeing), [K::MemberBack, K::MemberBack, K::MemberBack, K::QuorumBack]);
}

#[test]
fn members_come_are_promoted_and_go() {
    let mut stage = running();
    let agreed = [says(5, 1), says(5, 1), says(5, 1), says(5, 1)];
    let mut learner = stage.known[2].clone();
    learner.id = MemberId(4);
    learner.name = "m4".into();
    learner.role = MemberRole::Learner;
    stage.known.push(learner);
    let added = told(&mut stage, |s| _ = s.step(1000, &agreed[..3]));
    assert_eq!(added, [(K::MemberAdded, "m4 was added as a learner".into())]);
    assert!(told(&mut stage, |s| _ = s.step(1000, &agreed)).is_empty(), "its first answer is no return");
    stage.known[3].role = MemberRole::Voter;
    let promoted = told(&mut stage, |s| _ = s.step(1000, &agreed));
    assert_eq!(promoted, [(K::MemberPromoted, "m4 votes now".into())]);
    stage.known.remove(3);
    let removed = told(&mut stage, |s| _ = s.step(1000, &agreed[..3]));
    assert_eq!(removed, [(K::MemberRemoved, "m4 was removed".into())]);
}

#[test]
fn correcting_the_record_by_the_first_list_is_no_event() {
    let mut stage = running();
    stage.cluster_id = None;
    stage.step(10, &[says(5, 1), says(5, 1), says(5, 1)]);
    stage.cluster_id = Some(crate::live::assemble::tests::CLUSTER);
    stage.known.remove(2);
    assert!(told(&mut stage, |s| _ = s.step(10, &[says(5, 1), says(5, 1)])).is_empty());
}

#[test]
fn alarms_rise_and_clear() {
    let mut stage = running();
    let mut full = stage.reply(MemberId(1), crate::live::assemble::tests::Says(5, Some(1)));
    full.status.errors = vec!["memberID:1 alarm:NOSPACE".into()];
    let raised = told(&mut stage, |s| _ = s.step_with(1000, vec![Some(Ok(full))]));
    assert_eq!(raised, [(K::AlarmRaised, "Alarm: NOSPACE on m1".into())]);
    let cleared = told(&mut stage, |s| _ = s.step(1000, &[says(5, 1), says(5, 1), says(5, 1)]));
    assert_eq!(cleared, [(K::AlarmCleared, "Alarm cleared: NOSPACE on m1".into())]);
}
