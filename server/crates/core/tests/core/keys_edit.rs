//! Changes of keys, their history and what is told of them, by a whole console over real etcd processes. Invariant: nothing here
//! asserts how long a thing took.

use crate::orders;
use quorate_core::{
    Actor, Console, CoreError,
    clock::TestClock,
    keys::MovePermit,
    permit::{Permit, act},
};
use quorate_domain::{
    ClusterId, KeyUndoId, LeaseId, Problem, ProblemKind, Role, Scope, Timestamp,
    keys::{
        DeleteKey, EditAnswer, EditOutcome, Encoding, GrantLease, HistoryPage, HistoryQuery, Key, KeyNews, KeyRule,
        KeyUndo, LeaseChoice, MoveKey, PutKey, RestoreKey, Syntax, VALUE_MAX,
    },
    live::LiveMessage,
    wide::Wide,
};
use quorate_etcd::{Pair, Range};
use quorate_store::Store;
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::until_some,
};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

struct Stage {
    etcd: EtcdCluster,
    console: Console,
    store: Store,
    cluster: ClusterId,
    _dir: TempDir,
}

impl Stage {
    async fn open(size: usize) -> Self {
        let etcd = EtcdCluster::start(size).await;
        let (console, store, dir) = orders::console(&etcd, Arc::new(TestClock::default())).await;
        let cluster = orders::record(&etcd).id;
        Self { etcd, console, store, cluster, _dir: dir }
    }

    async fn permit<A: quorate_core::permit::Act>(&self, key: &str) -> Permit<A> {
        let scope = Scope::Keys(self.cluster.clone(), key.as_bytes().to_vec());
        self.console.permit(&Actor::cli(), scope).await.expect("permit")
    }

    async fn all<A: quorate_core::permit::Act>(&self) -> Permit<A> {
        self.console.permit(&Actor::cli(), Scope::Cluster(self.cluster.clone())).await.expect("permit")
    }

    async fn put(&self, put: &PutKey) -> Result<EditAnswer, CoreError> {
        let permit = self.permit(&String::from_utf8_lossy(&put.key.0)).await;
        self.console.put_key(&permit, put).await
    }

    /// Writes and must succeed; the revision.
    async fn write(&self, key: &str, value: &str) -> u64 {
        let seen = self.there(key).await.map_or(0, |pair| pair.mod_revision.cast_unsigned());
        let answer = self.put(&put(key, seen, value)).await.expect("put");
        assert_eq!(answer.outcome, EditOutcome::Done);
        answer.revision.0
    }

    async fn delete(&self, key: &str, seen: u64) -> EditAnswer {
        let delete = DeleteKey { key: Key::raw(key), seen: Wide(seen) };
        self.console.delete_key(&self.permit(key).await, &delete).await.expect("delete")
    }

    async fn undo(&self, id: &KeyUndoId) -> Result<EditAnswer, CoreError> {
        self.console.undo_edit(&self.all().await, id).await
    }

    async fn there(&self, key: &str) -> Option<Pair> {
        let reply = self.etcd.client(0).range(&Range::of(key), CALL).await.expect("range");
        reply.pairs.into_iter().next()
    }

    async fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.there(key).await.map(|pair| pair.value)
    }

    async fn history(&self, key: &str, before: Option<u64>, limit: u32) -> HistoryPage {
        let query = HistoryQuery { key: Key::raw(key), before: before.map(Wide), limit };
        self.console.key_history(&self.permit(key).await, &query).await.expect("history")
    }

    /// `action|outcome|object|detail`, oldest first.
    async fn audit(&self) -> Vec<String> {
        let mut rows = self.store.audit_page(None, 200).await.expect("audit");
        rows.reverse();
        let row =
            |e: &quorate_domain::audit::AuditEvent| format!("{}|{:?}|{}|{}", e.action, e.outcome, e.object, e.detail);
        rows.iter().map(row).collect()
    }

    async fn compact(&self, revision: u64) {
        let revision = revision.cast_signed();
        let client = self.etcd.client(0);
        let compacted = client.call(CALL, async |etcd| {
            let physical = quorate_etcd::etcd_client::CompactionOptions::new().with_physical();
            etcd.kv_client().compact(revision, Some(physical)).await?;
            Ok(())
        });
        compacted.await.expect("compacted");
    }
}

fn put(key: &str, seen: u64, value: &str) -> PutKey {
    PutKey {
        key: Key::raw(key),
        seen: Wide(seen),
        value: value.into(),
        encoding: Encoding::Text,
        syntax: Syntax::Any,
        lease: LeaseChoice::Keep,
        lease_id: None,
    }
}

fn problem(answer: Result<EditAnswer, CoreError>) -> Problem {
    Problem::from(answer.expect_err("a problem"))
}

fn theirs(answer: &EditAnswer) -> Option<&str> {
    answer.theirs.as_ref().map(|view| view.text.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_the_slower_one_is_shown_what_the_other_wrote() {
    let stage = Stage::open(1).await;
    let first = stage.write("/a", "base").await;
    let (one, two) = (put("/a", first, "one"), put("/a", first, "two"));
    let (one, two) = tokio::join!(stage.put(&one), stage.put(&two));
    let (one, two) = (one.expect("one"), two.expect("two"));
    let (done, lost) = if one.outcome == EditOutcome::Done { (&one, &two) } else { (&two, &one) };
    assert_eq!((done.outcome, lost.outcome), (EditOutcome::Done, EditOutcome::Lost));
    let won = stage.value("/a").await.expect("a value");
    assert_eq!(theirs(lost), std::str::from_utf8(&won).ok());
    assert!(done.undo.is_some() && lost.undo.is_none());
    assert_eq!(
        stage.console.key_undos(&stage.all().await).await.expect("undos").len(),
        1,
        "a lost change keeps nothing"
    );
    // Whoever saw nothing there does not overwrite what came meanwhile, and nothing is sent.
    let rows = stage.audit().await.len();
    let late = stage.put(&put("/a", 0, "mine")).await.expect("late");
    assert_eq!((late.outcome, theirs(&late)), (EditOutcome::Lost, theirs(lost)));
    assert_eq!(stage.audit().await.len(), rows);
    stage.delete("/a", done.revision.0).await;
    let gone = stage.put(&put("/a", done.revision.0, "mine")).await.expect("gone");
    assert_eq!((gone.outcome, gone.theirs.is_none()), (EditOutcome::Lost, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_audited_with_its_revision_and_never_with_its_value() {
    let stage = Stage::open(1).await;
    let first = stage.write("/a", "hidden words").await;
    let second = stage.write("/a", "more hidden words").await;
    stage.delete("/a", second).await;
    let rows = stage.audit().await;
    let of = |action: &str| rows.iter().filter(|r| r.starts_with(action)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        of("key.put"),
        [
            &format!("key.put|Ok|{} /a|begun, a new key", stage.cluster),
            &format!("key.put|Ok|{} /a|revision {first}", stage.cluster),
            &format!("key.put|Ok|{} /a|begun, over revision {first}", stage.cluster),
            &format!("key.put|Ok|{} /a|revision {second}", stage.cluster),
        ]
    );
    assert_eq!(of("key.delete").len(), 2);
    assert!(!rows.iter().any(|row| row.contains("hidden")));
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_values_and_keys_are_written_as_they_are_and_too_large_ones_refused() {
    let stage = Stage::open(1).await;
    let large = "x".repeat(1_400_000);
    stage.write("/large", &large).await;
    let again = stage.write("/large", "small").await;
    assert!(again > 0);
    let undo = stage.console.key_undos(&stage.all().await).await.expect("undos").remove(0);
    stage.undo(&undo.id).await.expect("undone");
    assert_eq!(stage.value("/large").await.map(|v| v.len()), Some(large.len()), "all of it came back");
    stage.write("/empty", "").await;
    assert_eq!(stage.value("/empty").await, Some(Vec::new()));
    let too_large = problem(stage.put(&put("/a", 0, &"x".repeat(VALUE_MAX + 1))).await);
    assert!(too_large.message_for("value").is_some_and(|m| m.contains("--max-request-bytes")), "{too_large:?}");
    let bytes = PutKey { encoding: Encoding::Base64, ..put("/b", 0, "AP8K") };
    stage.put(&bytes).await.expect("bytes");
    assert_eq!(stage.value("/b").await, Some(vec![0, 0xff, 10]));
    let broken = PutKey { syntax: Syntax::Json, ..put("/c", 0, "{\"a\":") };
    assert!(problem(stage.put(&broken).await).message_for("value").is_some());
    for awkward in ["/a\0b", "/a\nb", "<script>", "/gnp\u{202e}", "/🔑", "//", "/a/"] {
        stage.write(awkward, "1").await;
        assert_eq!(stage.value(awkward).await, Some(b"1".to_vec()), "{awkward:?}");
    }
    let long = problem(stage.put(&put(&"k".repeat(4097), 0, "1")).await);
    assert!(long.message_for("key").is_some());
    stage.write(&"k".repeat(4096), "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_kept_set_or_dropped_and_one_that_ended_is_told() {
    let stage = Stage::open(1).await;
    let grant = |ttl| GrantLease { ttl };
    let lease = stage.console.grant_lease(&stage.all().await, &grant(600)).await.expect("lease");
    let set = PutKey { lease: LeaseChoice::Set, lease_id: Some(lease.id), ..put("/a", 0, "1") };
    let first = stage.put(&set).await.expect("set").revision.0;
    let kept = stage.put(&put("/a", first, "2")).await.expect("kept").revision.0;
    assert_eq!(stage.there("/a").await.map(|p| p.lease), Some(lease.id.0.cast_signed()));
    let dropped = PutKey { lease: LeaseChoice::Drop, ..put("/a", kept, "3") };
    let dropped = stage.put(&dropped).await.expect("dropped");
    assert_eq!(stage.there("/a").await.map(|p| p.lease), Some(0));
    // What had the lease gets it back, while it lives.
    stage.undo(&dropped.undo.expect("undo")).await.expect("undone");
    let again = stage.there("/a").await.expect("a key");
    assert_eq!((again.value.as_slice(), again.lease), (&b"2"[..], lease.id.0.cast_signed()));
    let seen = again.mod_revision.cast_unsigned();
    let deleted = stage.delete("/a", seen).await;
    let back = stage.undo(&deleted.undo.expect("undo")).await.expect("undone").revision.0;
    let shown = stage.console.lease(&stage.all().await, lease.id).await.expect("lease");
    assert_eq!((shown.keys, shown.key_count, shown.granted), (vec![Key::raw("/a")], 1, 600));
    let listed = stage.console.leases(&stage.all().await).await.expect("leases");
    assert_eq!(listed.iter().map(|l| (l.id, l.key_count)).collect::<Vec<_>>(), [(lease.id, 1)]);
    assert_eq!(stage.console.keep_lease_alive(&stage.all().await, lease.id).await.expect("alive").id, lease.id);

    stage.console.revoke_lease(&stage.all().await, lease.id).await.expect("revoked");
    let late = stage.put(&put("/a", back, "4")).await.expect("late");
    assert_eq!((late.outcome, late.theirs.is_none()), (EditOutcome::Lost, true), "the key went with its lease");
    let gone = PutKey { lease: LeaseChoice::Set, lease_id: Some(lease.id), ..put("/b", 0, "1") };
    assert!(problem(stage.put(&gone).await).message_for("lease_id").is_some());
    let rows = stage.audit().await;
    assert!(rows.iter().any(|r| r.starts_with("lease.revoke|Ok|") && r.contains("1 key goes with it")), "{rows:?}");
    let ended = stage.console.keep_lease_alive(&stage.all().await, lease.id).await.map_err(Problem::from);
    assert_eq!(ended.expect_err("ended").kind, ProblemKind::NotFound);
    for ttl in [0, -5, 9_000_000_001] {
        let refused = stage.console.grant_lease(&stage.all().await, &grant(ttl)).await.map_err(Problem::from);
        assert!(refused.expect_err("no such ttl").message_for("ttl").is_some());
    }
    let never = stage.console.lease(&stage.all().await, LeaseId(5)).await.map_err(Problem::from);
    assert_eq!(never.expect_err("never was").kind, ProblemKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_renamed_or_copied_in_one_step_and_never_onto_another() {
    let stage = Stage::open(1).await;
    let first = stage.write("/a", "1").await;
    stage.write("/taken", "2").await;
    let mv = |to: &str, seen, keep| MoveKey { from: Key::raw("/a"), seen: Wide(seen), to: Key::raw(to), keep };
    let rename = MovePermit::Rename(stage.permit("/a").await);
    let taken = stage.console.move_key(&rename, &stage.permit("/taken").await, &mv("/taken", first, false)).await;
    assert!(problem(taken).message_for("to").is_some());
    let copy = MovePermit::Copy(stage.permit("/a").await);
    let copied =
        stage.console.move_key(&copy, &stage.permit("/b").await, &mv("/b", first, true)).await.expect("copied");
    assert!(copied.outcome == EditOutcome::Done && copied.undo.is_none());
    let renamed =
        stage.console.move_key(&rename, &stage.permit("/c").await, &mv("/c", first, false)).await.expect("renamed");
    assert_eq!((stage.value("/a").await, stage.value("/c").await), (None, Some(b"1".to_vec())));
    assert!(renamed.note.contains("the new one stays"), "{}", renamed.note);
    stage.undo(&renamed.undo.expect("undo")).await.expect("undone");
    assert_eq!((stage.value("/a").await, stage.value("/c").await), (Some(b"1".to_vec()), Some(b"1".to_vec())));
    let mixed = stage.console.move_key(&copy, &stage.permit("/d").await, &mv("/d", first, false)).await;
    assert_eq!(problem(mixed).kind, ProblemKind::Internal, "a permit to copy renames nothing");
    let said = format!("key.move|Ok|{} /a|revision {}; renamed to /c", stage.cluster, renamed.revision.0);
    assert!(stage.audit().await.contains(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_only_where_its_mover_may_read_it_and_stays_masked() {
    let stage = Stage::open(1).await;
    let blind = stage.write("/blind/a", "hidden").await;
    let secret = stage.write("/registry/secrets/a", "hidden").await;
    let rule =
        |prefix: &str, read| KeyRule { cluster: None, prefix: Key::raw(prefix), read, write: true, delete: true };
    let rules = vec![rule("/blind/", false), rule("/open/", true)];
    let anna = Actor { role: Role::Operator, key_rules: rules, ..Actor::cli() };
    let scope = |key: &str| Scope::Keys(stage.cluster.clone(), key.as_bytes().to_vec());
    let from = MovePermit::Rename(stage.console.permit(&anna, scope("/blind/a")).await.expect("she may delete it"));
    let to = stage.console.permit(&anna, scope("/open/a")).await.expect("she may write it");
    let mv =
        |from: &str, seen, to: &str, keep| MoveKey { from: Key::raw(from), seen: Wide(seen), to: Key::raw(to), keep };
    let refused = stage.console.move_key(&from, &to, &mv("/blind/a", blind, "/open/a", false)).await;
    assert_eq!(problem(refused).kind, ProblemKind::Forbidden);
    assert_eq!(stage.value("/open/a").await, None);
    assert!(stage.audit().await.iter().any(|row| row.starts_with("key.move|Denied|")));

    let masked = "/registry/secrets/a";
    for keep in [true, false] {
        let from = match keep {
            true => MovePermit::Copy(stage.permit(masked).await),
            false => MovePermit::Rename(stage.permit(masked).await),
        };
        let to = stage.permit("/open/b").await;
        let shown = stage.console.move_key(&from, &to, &mv(masked, secret, "/open/b", keep)).await;
        assert!(problem(shown).message_for("to").is_some_and(|why| why.contains("masked")));
    }
    let (from, other) = (MovePermit::Rename(stage.permit(masked).await), "/registry/secrets/b");
    let to = stage.permit(other).await;
    let moved = stage.console.move_key(&from, &to, &mv(masked, secret, other, false)).await.expect("still masked");
    assert_eq!(moved.outcome, EditOutcome::Done);
}

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
