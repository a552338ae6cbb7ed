//! What keys were, and what is told of them while they change. Invariant: nothing here asserts how long a thing took.

use crate::edit_stage::{Stage, problem, put};
use quorate_core::Actor;
use quorate_domain::{
    Scope,
    keys::{EditOutcome, Key, KeyNews, RestoreKey},
    live::LiveMessage,
    wide::Wide,
};
use quorate_testkit::{etcd::PATIENCE, until::until_some};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn the_history_goes_back_over_deletions_to_the_compaction() {
    let stage = Stage::open(1).await;
    stage.write("/other", "1").await;
    let mut revisions = vec![stage.write("/a", "1").await];
    revisions.push(stage.write("/a", "2").await);
    revisions.push(stage.delete("/a", revisions[1]).await.revision.0);
    revisions.push(stage.write("/a", "3").await);
    revisions.push(stage.write("/a", "4").await);
    stage.write("/other", "2").await;
    let whole = stage.history("/a", None, 200).await;
    let said: Vec<_> =
        whole.changes.iter().map(|c| (c.revision.0, c.deleted, c.text.as_str(), c.before.as_deref())).collect();
    let expected = [
        (revisions[4], false, "4", Some("3")),
        (revisions[3], false, "3", None),
        (revisions[2], true, "", Some("2")),
        (revisions[1], false, "2", Some("1")),
        (revisions[0], false, "1", None),
    ];
    assert_eq!(said, expected);
    assert_eq!((whole.next, whole.compacted), (None, Wide(0)));
    // In pages it is the same.
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = stage.history("/a", before, 2).await;
        paged.extend(page.changes.iter().map(|c| c.revision.0));
        let Some(next) = page.next else { break };
        before = Some(next.0);
    }
    assert_eq!(paged, revisions.iter().rev().copied().collect::<Vec<_>>());
    // A deleted key has a history too, and one can make it what it was.
    let gone = stage.delete("/a", revisions[4]).await.revision.0;
    let page = stage.history("/a", None, 3).await;
    assert_eq!(page.changes.iter().map(|c| c.revision.0).collect::<Vec<_>>(), [gone, revisions[4], revisions[3]]);
    let restore = RestoreKey { key: Key::raw("/a"), revision: Wide(revisions[1]), seen: Wide(0) };
    let restored = stage.console.restore_key(&stage.permit("/a").await, &restore).await.expect("restored");
    assert_eq!((restored.outcome, stage.value("/a").await), (EditOutcome::Done, Some(b"2".to_vec())));
    let absent = RestoreKey { revision: Wide(gone), seen: restored.revision, ..restore.clone() };
    let absent = stage.console.restore_key(&stage.permit("/a").await, &absent).await;
    assert!(problem(absent).message_for("revision").is_some());

    stage.compact(revisions[4]).await;
    let left = stage.history("/a", None, 200).await;
    assert_eq!(left.compacted, Wide(revisions[4]));
    let said: Vec<_> = left.changes.iter().map(|c| c.revision.0).collect();
    assert_eq!(said, [restored.revision.0, gone, revisions[4]]);
    assert_eq!(left.next, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_key_has_a_history_without_text() {
    let stage = Stage::open(1).await;
    stage.write("/registry/secrets/a", "hidden").await;
    stage.write("/registry/secrets/a", "words").await;
    let page = stage.history("/registry/secrets/a", None, 10).await;
    assert_eq!(page.changes.len(), 2);
    assert!(page.changes.iter().all(|c| c.text.is_empty() && c.before.as_deref().is_none_or(str::is_empty)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_hears_of_changes_below_its_prefix_and_of_those_while_etcd_was_away() {
    let mut stage = Stage::open(1).await;
    let clusters = stage.console.permit(&Actor::cli(), Scope::Global).await.expect("permit");
    let mut tab = stage.console.live(&clusters, CancellationToken::new()).expect("a tab");
    stage.console.follow_keys(&stage.permit("/a/").await, &mut tab).await.expect("follows");
    let mut next = async || -> KeyNews {
        let news = async {
            loop {
                match tab.next().await.expect("the stream goes on") {
                    LiveMessage::Keys { news, .. } => return news,
                    _ => continue,
                }
            }
        };
        timeout(PATIENCE, news).await.expect("news")
    };
    let begun = next().await;
    assert_eq!((begun.prefix, begun.changes.len(), begun.problem.as_str()), (Key::raw("/a/"), 0, ""));
    stage.write("/b/", "not for it").await;
    let first = stage.write("/a/x", "1").await;
    let heard = next().await;
    assert_eq!(heard.changes.iter().map(|c| (c.revision.0, c.text.as_str())).collect::<Vec<_>>(), [(first, "1")]);
    let second = stage.write("/a/x", "2").await;
    let heard = next().await;
    assert_eq!((heard.changes[0].before.as_deref(), heard.revision.0), (Some("1"), second));

    // The member goes away and comes back; what happens then is told although the watch had broken.
    stage.etcd.member_mut(0).kill();
    let silent = next().await;
    assert!(!silent.problem.is_empty());
    stage.etcd.member_mut(0).run();
    until_some(PATIENCE, "etcd is back", async || stage.etcd.status(0).await.ok()).await;
    let third = until_some(PATIENCE, "a write", async || {
        let answer = stage.put(&put("/a/x", second, "3")).await.ok()?;
        Some(answer.revision.0).filter(|_| answer.outcome == EditOutcome::Done)
    })
    .await;
    let mut after = next().await;
    while after.changes.is_empty() {
        after = next().await;
    }
    assert_eq!((after.changes[0].revision.0, after.problem.as_str(), after.missed.as_str()), (third, "", ""));
}
