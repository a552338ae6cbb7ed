//! Changes: races, undo, names, leases that end meanwhile, an etcd that takes no more.

use super::{Keys, field, outcome, wide};
use futures::future::join_all;
use quorate_domain::Role;
use quorate_etcd::etcd_client::{AlarmAction, AlarmOptions, AlarmType};
use quorate_testkit::etcd::{CALL, EtcdCluster};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_second_changes_nothing_and_is_shown_what_is_there() {
    let keys = Keys::of(1).await;
    let seen = keys.made("/app/mode", "base").await;
    let writers = ["a", "b", "c", "d", "e"].map(|value| keys.put("/app/mode", seen, value));
    let answers = join_all(writers).await;
    let won: Vec<&(StatusCode, Value)> = answers.iter().filter(|(status, _)| *status == StatusCode::OK).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let value = String::from_utf8(keys.bytes("/app/mode").await).expect("text");
    for (status, answer) in answers.iter().filter(|(status, _)| *status != StatusCode::OK) {
        assert_eq!((*status, &answer["outcome"]), (StatusCode::CONFLICT, &json!("lost")), "{answer}");
        assert_eq!((&answer["theirs"]["text"], &answer["undo"]), (&json!(value), &Value::Null), "{answer}");
        assert_eq!(answer["theirs"]["meta"]["mod_revision"], won[0].1["revision"]);
    }
    let (status, answer) = keys.put("/app/mode", 0, "new").await;
    assert_eq!(status, StatusCode::CONFLICT, "a new key must not be there yet: {answer}");
    let stale = [("key", "/app/mode"), ("seen", "1")];
    let (status, answer) = outcome(keys.asked(Role::Admin, Method::DELETE, "/keys/value", &stale)).await;
    assert_eq!((status, &answer["theirs"]["text"]), (StatusCode::CONFLICT, &json!(value)), "{answer}");
    assert_eq!(keys.bytes("/app/mode").await, value.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_puts_back_what_was_overwritten_or_deleted_unless_the_key_changed_since() {
    let keys = Keys::of(1).await;
    let seen = keys.made("/app/mode", "first").await;
    let (_, changed) = keys.put("/app/mode", seen, "second orchid").await;
    let undo = changed["undo"].as_str().expect("an undo").to_owned();
    let listed = keys.get("/keys/undos", &[]).await;
    let of_it = listed.as_array().expect("undos").iter().find(|row| row["id"] == undo.as_str()).expect("listed");
    assert_eq!((&of_it["key"], &of_it["deleted"]), (&json!("/app/mode"), &json!(false)));
    assert!(!listed.to_string().contains("first"), "what is kept stays sealed: {listed}");
    let (status, answer) = keys.post(&format!("/keys/undos/{undo}"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(keys.bytes("/app/mode").await, b"first");

    let revision = answer["revision"].as_str().expect("a revision").to_owned();
    let query = [("key", "/app/mode"), ("seen", revision.as_str())];
    let (status, deleted) = outcome(keys.asked(Role::Admin, Method::DELETE, "/keys/value", &query)).await;
    assert_eq!(status, StatusCode::OK, "{deleted}");
    assert_eq!(keys.raw("/app/mode").await.status(), StatusCode::NOT_FOUND);
    let undo = deleted["undo"].as_str().expect("an undo").to_owned();
    let (status, answer) = keys.post(&format!("/keys/undos/{undo}"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(keys.bytes("/app/mode").await, b"first");

    let (_, changed) = keys.put("/app/mode", wide(&answer["revision"]), "third").await;
    keys.etcd.client(0).canary_put(b"/app/mode", b"their orchid", CALL).await.expect("put");
    let undo = changed["undo"].as_str().expect("an undo").to_owned();
    let (status, answer) = keys.post(&format!("/keys/undos/{undo}"), json!({})).await;
    assert_eq!((status, &answer["theirs"]["text"]), (StatusCode::CONFLICT, &json!("their orchid")), "{answer}");
    assert_eq!(keys.bytes("/app/mode").await, b"their orchid");
    let trail = keys.app.audit().await;
    assert!(trail.iter().any(|row| row.contains("/app/mode")), "changes are audited with their key: {trail:?}");
    assert!(!trail.iter().any(|row| row.contains("second orchid") || row.contains("theirs")), "and never with a value");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_renamed_or_copied_where_the_new_name_is_free() {
    let keys = Keys::of(1).await;
    let seen = keys.made("/old/\u{202e}name", "kept").await;
    let taken = keys.made("/taken", "theirs").await;
    let old = quorate_domain::keys::Key::raw("/old/\u{202e}name").to_string();
    let body = |from: &str, seen: u64, to: &str, keep: bool| json!({"from": from, "seen": seen.to_string(), "to": to, "keep": keep});
    let (status, problem) = keys.post("/keys/move", body(&old, seen, "/taken", false)).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "to"), "{problem}");
    assert_eq!((keys.bytes(&old).await, keys.bytes("/taken").await), (b"kept".to_vec(), b"theirs".to_vec()));
    let (status, answer) = keys.post("/keys/move", body("/taken", taken, "/copy", true)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, answer) = keys.post("/keys/move", body(&old, seen, "/new", false)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(keys.names(Role::Viewer, "", "", "1000").await, ["/copy", "/new", "/taken"]);
    assert_eq!((keys.bytes("/new").await, keys.bytes("/copy").await), (b"kept".to_vec(), b"theirs".to_vec()));
    let (status, answer) = keys.post("/keys/move", body("/new", 1, "/newer", false)).await;
    assert_eq!(status, StatusCode::CONFLICT, "seen is old: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_and_yaml_are_checked_before_they_are_saved_unless_nobody_asks() {
    let keys = Keys::of(1).await;
    let put = async |syntax: &str, value: &str| {
        keys.put_with(json!({"key": format!("/{syntax}"), "seen": "0", "value": value, "syntax": syntax})).await
    };
    for (syntax, broken) in [("json", "{\"a\": 1,\n}"), ("yaml", "a: [1\nb: 2")] {
        let (status, problem) = put(syntax, broken).await;
        assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "value"), "{syntax}: {problem}");
        assert!(problem["title"].as_str().expect("words").contains("line"), "{syntax}: {problem}");
    }
    let (status, answer) = put("json", "{\"large\": 18446744073709551615}").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let view = keys.get("/keys/value", &[("key", "/json"), ("form", "json")]).await;
    assert!(view["text"].as_str().expect("text").contains("18446744073709551615"), "no number is rounded: {view}");
    let (status, answer) = put("any", "{\"a\": 1,\n}").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_granted_kept_alive_and_ended_with_its_keys() {
    let keys = Keys::of(1).await;
    let (status, lease) = keys.post("/leases", json!({"ttl": 600})).await;
    assert_eq!(status, StatusCode::CREATED, "{lease}");
    let id = lease["id"].as_str().expect("an id").to_owned();
    let put = json!({"key": "/lock", "seen": "0", "value": "me", "lease": "set", "lease_id": id});
    let (status, answer) = keys.put_with(put).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let view = keys.get("/keys/value", &[("key", "/lock")]).await;
    assert_eq!(view["meta"]["lease"], id.as_str());
    assert!(view["ttl"].as_i64().is_some_and(|ttl| (1..=600).contains(&ttl)), "{view}");
    let shown = keys.get(&format!("/leases/{id}"), &[]).await;
    assert_eq!((&shown["keys"], &shown["granted"]), (&json!(["/lock"]), &json!(600)));
    assert!(keys.get("/leases", &[]).await.as_array().expect("leases").iter().any(|lease| lease["id"] == id.as_str()));
    let (status, kept) = keys.post(&format!("/leases/{id}/keep-alive"), json!({})).await;
    assert_eq!((status, &kept["granted"]), (StatusCode::OK, &json!(600)), "{kept}");
    let ended = keys.asked(Role::Operator, Method::DELETE, &format!("/leases/{id}"), &[]).send().await.expect("answer");
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(keys.raw("/lock").await.status(), StatusCode::NOT_FOUND);
    let (status, problem) = outcome(keys.asked(Role::Viewer, Method::GET, "/leases/7d", &[])).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    let (status, problem) = keys.post("/leases", json!({"ttl": 0})).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "ttl"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_while_its_key_is_edited_is_a_race_that_was_lost() {
    let keys = Keys::of(1).await;
    let (_, lease) = keys.post("/leases", json!({"ttl": 600})).await;
    let id = lease["id"].as_str().expect("an id").to_owned();
    let with = |seen: u64, value: &str, choice: &str| json!({"key": "/lock", "seen": seen.to_string(), "value": value, "lease": choice, "lease_id": id});
    let (_, made) = keys.put_with(with(0, "me", "set")).await;
    let seen = wide(&made["revision"]);
    let number = i64::from_str_radix(&id, 16).expect("hex");
    keys.etcd.client(0).revoke_lease(number, CALL).await.expect("revoked");
    let (status, answer) = keys.put_with(with(seen, "edited", "keep")).await;
    assert_eq!((status, &answer["outcome"]), (StatusCode::CONFLICT, &json!("lost")), "{answer}");
    assert_eq!(answer["theirs"], Value::Null, "the key went with its lease");
    let (status, problem) = keys.put_with(with(0, "edited", "set")).await;
    assert!(status.is_client_error(), "{status} {problem}");
    assert!(problem.to_string().contains("lease"), "{problem}");
    let (status, answer) = keys.put_with(with(0, "edited", "drop")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(keys.bytes("/lock").await, b"edited");
}

async fn alarm(etcd: &EtcdCluster, action: AlarmAction) {
    let member = etcd.id(0).await.0;
    let etcd = etcd.client(0);
    let set = etcd.call(CALL, async |client| {
        let mut options = AlarmOptions::new();
        options.with_member(member);
        client.maintenance_client().alarm(action, AlarmType::Nospace, Some(options)).await?;
        Ok(())
    });
    set.await.expect("the alarm is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_without_space_is_told_in_words_and_nothing_is_written() {
    let keys = Keys::of(1).await;
    let seen = keys.made("/app/mode", "kept").await;
    alarm(&keys.etcd, AlarmAction::Activate).await;
    let (status, problem) = keys.put("/app/mode", seen, "more").await;
    assert!(status.is_client_error() || status == StatusCode::BAD_GATEWAY, "{status} {problem}");
    assert!(problem["title"].as_str().expect("words").contains("space"), "{problem}");
    assert_eq!(keys.bytes("/app/mode").await, b"kept");
    alarm(&keys.etcd, AlarmAction::Deactivate).await;
    let (status, answer) = keys.put("/app/mode", seen, "more").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
