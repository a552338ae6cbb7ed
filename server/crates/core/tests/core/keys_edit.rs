//! Changes of single keys: races, leases, new names, what the trail says of them. Invariant: nothing here asserts how long a
//! thing took. How changes are taken back is `keys_undo`'s.

use crate::edit_stage::{Stage, problem, put, theirs};
use quorate_core::{
    Actor,
    keys::{ExportQuery, FileFormat, MovePermit},
    permit::act,
};
use quorate_domain::{
    LeaseId, Problem, ProblemKind, Role, Scope,
    keys::{
        EditOutcome, Encoding, GrantLease, Key, KeyRule, KeySettings, LeaseChoice, MoveKey, PutKey, Syntax, VALUE_MAX,
        ValueQuery,
    },
    wide::Wide,
};

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
            "key.put|Ok|orders /a|begun, a new key",
            &format!("key.put|Ok|orders /a|revision {first}"),
            &format!("key.put|Ok|orders /a|begun, over revision {first}"),
            &format!("key.put|Ok|orders /a|revision {second}"),
        ]
    );
    assert_eq!(of("key.delete").len(), 2);
    assert!(!rows.iter().any(|row| row.contains("hidden")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_key_says_cluster_and_key_the_same_way_and_hashed_where_that_is_wanted() {
    let stage = Stage::open(1).await;
    let secret = "/registry/secrets/a";
    let viewer = Actor { role: Role::Viewer, ..Actor::cli() };
    // Changed, revealed, exported and refused.
    let rows_of_all = async || {
        let before = stage.audit().await.len();
        stage.write(secret, "hidden").await;
        let query = ValueQuery { key: Key::raw(secret), revision: None, form: None, all: false, reveal: true };
        stage.console.value(&stage.permit(secret).await, &query).await.expect("revealed");
        let query = ExportQuery {
            prefix: Key::raw(secret),
            format: FileFormat::Ndjson,
            revision: None,
            reveal: false,
            exact: false,
        };
        stage.console.export_keys(&stage.permit(secret).await, &query).await.expect("exported");
        let scope = Scope::Keys(stage.cluster.clone(), secret.into());
        stage.console.permit::<act::ReadValues>(&viewer, scope).await.expect_err("not a viewer's");
        stage.audit().await.split_off(before)
    };
    let objects = |rows: &[String]| -> Vec<(String, String)> {
        let part = |row: &String, n: usize| row.split('|').nth(n).unwrap_or_default().to_owned();
        rows.iter().map(|row| (part(row, 0), part(row, 2))).collect()
    };
    let told = |object: &str| {
        ["key.put", "key.put", "key.reveal", "key.export", "permit.read_values"]
            .map(|action| (action.to_owned(), object.to_owned()))
    };
    assert_eq!(objects(&rows_of_all().await), told("orders /registry/secrets/a"));

    let settings = KeySettings { hash_in_audit: true, ..KeySettings::default() };
    stage.console.set_key_settings(&stage.all().await, &settings).await.expect("set");
    let rows = rows_of_all().await;
    let hash = "77e737874e8bd6177f0d7ca97107d5151729f7ad057e531a77c4956a0c44671c";
    assert_eq!(objects(&rows), told(&format!("orders sha256:{hash}")));
    assert!(!rows.iter().any(|row| row.contains(secret)), "{rows:?}");
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
    let said = format!("key.move|Ok|orders /a|revision {}; renamed to /c", renamed.revision.0);
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
