//! Changes that are taken back, and those of which the console did not hear what became. Invariant: nothing here asserts how
//! long a thing took.

use crate::edit_stage::{Stage, problem, put, theirs};
use quorate_core::{
    Actor,
    permit::{Permit, act},
};
use quorate_domain::{
    ClusterId, KeyUndoId, Problem, ProblemKind, Scope, Timestamp,
    keys::{EditOutcome, KeyUndo},
    wide::Wide,
};
use quorate_etcd::Range;
use quorate_testkit::{
    etcd::{CALL, PATIENCE},
    until::until_some,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_back_only_while_the_key_is_as_it_left_it() {
    let stage = Stage::open(1).await;
    let first = stage.write("/a", "1").await;
    let second = stage.put(&put("/a", first, "2")).await.expect("second");
    let undo = second.undo.expect("undo");
    let undone = stage.undo(&undo).await.expect("undone");
    assert_eq!(stage.value("/a").await, Some(b"1".to_vec()));
    let used = stage.undo(&undo).await.map_err(Problem::from).expect_err("it is used up");
    assert_eq!(used.kind, ProblemKind::NotFound);
    // What was undone can be had again.
    let redo = undone.undo.expect("redo");
    stage.undo(&redo).await.expect("done again");
    assert_eq!(stage.value("/a").await, Some(b"2".to_vec()));

    let now = stage.there("/a").await.expect("a key").mod_revision.cast_unsigned();
    let deleted = stage.delete("/a", now).await.undo.expect("undo");
    stage.write("/a", "somebody else's").await;
    let lost = stage.undo(&deleted).await.expect("an answer");
    assert_eq!((lost.outcome, theirs(&lost)), (EditOutcome::Lost, Some("somebody else's")));
    let elsewhere = stage.console.permit(&Actor::cli(), Scope::Cluster(ClusterId::from_random([9; 10]))).await;
    let foreign = stage.console.undo_edit(&elsewhere.expect("permit"), &deleted).await;
    assert_eq!(problem(foreign).kind, ProblemKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_console_died_over_is_resolved_by_looking() {
    let stage = Stage::open(1).await;
    let first = stage.write("/a", "1").await;
    let second = stage.put(&put("/a", first, "2")).await.expect("second");
    // As the rows are when the console dies before it heard of its change: revision 0.
    let mut kept = stage.console.key_undos(&stage.all().await).await.expect("undos").remove(0);
    let mut tx = stage.store.begin().await.expect("begin");
    tx.set_key_undo_revision(&kept.id, Wide(0)).await.expect("as if it died");
    kept.id = KeyUndoId::from_random([1; 10]);
    kept.before.mod_revision = second.revision;
    kept.at = Timestamp(kept.at.0 - 61_000);
    tx.insert_key_undo(&stage.cluster, &kept, b"2").await.expect("as if it died before it sent");
    let young = KeyUndo { id: KeyUndoId::from_random([2; 10]), at: Timestamp(kept.at.0 + 61_000), ..kept.clone() };
    tx.insert_key_undo(&stage.cluster, &young, b"2").await.expect("as if it were under way");
    tx.commit().await.expect("commit");
    let unsure = stage.undo(&second.undo.expect("undo")).await.expect("an answer");
    assert_eq!(unsure.outcome, EditOutcome::Lost);
    assert!(unsure.note.contains("never heard"), "{}", unsure.note);
    let early = problem(stage.undo(&young.id).await);
    assert!(early.kind == ProblemKind::Conflict && early.detail.contains("on its way"), "{early:?}");
    assert_eq!(problem(stage.undo(&young.id).await).kind, ProblemKind::Conflict, "it is kept");
    let never = problem(stage.undo(&kept.id).await);
    assert_eq!(never.kind, ProblemKind::Conflict);
    assert!(never.title.contains("never made"), "{never:?}");
    assert_eq!(problem(stage.undo(&kept.id).await).kind, ProblemKind::NotFound, "it is resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_dies_while_something_is_saved_leaves_no_doubt() {
    let mut stage = Stage::open(3).await;
    let mut seen = stage.write("/a", "start").await;
    for round in 0..3 {
        let leader = stage.etcd.leader_among(&[0, 1, 2]).await;
        let value = format!("round {round}");
        let change = put("/a", seen, &value);
        let permit: Permit<act::WriteKeys> = stage.permit("/a").await;
        let console = stage.console.clone();
        let saving = tokio::spawn(async move { console.put_key(&permit, &change).await });
        stage.etcd.member_mut(leader).kill();
        let answer = saving.await.expect("task");
        let others: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
        stage.etcd.leader_among(&others).await;
        let there = until_some(PATIENCE, "the key is read", async || {
            let reply = stage.etcd.client(others[0]).range(&Range::of("/a"), CALL).await.ok()?;
            reply.pairs.into_iter().next()
        })
        .await;
        let now = there.mod_revision.cast_unsigned();
        match answer {
            Ok(answer) => {
                assert_eq!(answer.outcome, EditOutcome::Done, "{answer:?}");
                assert_eq!((there.value.as_slice(), now), (value.as_bytes(), answer.revision.0));
            }
            // It says that it does not know, or that nothing was sent; then as-seen must still guard the next try.
            Err(error) => assert_eq!(Problem::from(error).kind, ProblemKind::Unreachable),
        }
        seen = now;
        stage.etcd.member_mut(leader).run();
        stage.etcd.leader_among(&[0, 1, 2]).await;
    }
}
