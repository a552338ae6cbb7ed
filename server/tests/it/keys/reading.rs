//! Pages over compactions, searches, what a key was, what each member says.

use super::{Keys, field, outcome, wide};
use crate::{streams::reads, support::until};
use quorate_domain::Role;
use quorate_testkit::etcd::{CALL, EtcdCluster, PATIENCE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn compact(etcd: &EtcdCluster) {
    let etcd = etcd.client(0);
    let done = etcd.call(CALL, async |client| {
        let now = client.kv_client().get("x", None).await?.header().map_or(0, |header| header.revision());
        client.kv_client().compact(now, None).await?;
        Ok(())
    });
    done.await.expect("compacted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_between_two_pages_loses_no_key_and_is_said() {
    let keys = Keys::of(1).await;
    let etcd = keys.etcd.client(0);
    let wanted: Vec<String> = (0..30).map(|number| format!("/jobs/{number:02}")).collect();
    for key in &wanted {
        etcd.canary_put(key.as_bytes(), b"x", CALL).await.expect("put");
    }
    let first = keys.get("/keys", &[("prefix", "/jobs/"), ("limit", "10")]).await;
    etcd.canary_put(b"/other", b"x", CALL).await.expect("put");
    compact(&keys.etcd).await;
    let mut names: Vec<Value> = first["entries"].as_array().expect("entries").clone();
    let (mut page, revision) = (first.clone(), first["revision"].as_str().expect("a revision").to_owned());
    let mut said = false;
    while let Some(after) = page["next"].as_str().map(str::to_owned) {
        let query = [("prefix", "/jobs/"), ("limit", "10"), ("after", &after), ("revision", &revision)];
        page = keys.get("/keys", &query).await;
        said |= page["source"] == "index" || page["note"] != "";
        names.extend(page["entries"].as_array().expect("entries").iter().cloned());
    }
    let names: Vec<&str> = names.iter().map(|entry| entry["name"].as_str().expect("a name")).collect();
    assert_eq!(names, wanted);
    assert!(said, "pages that do not belong to one revision say so: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_count_what_is_below_folders_once_the_index_is_there() {
    let keys = Keys::of(1).await;
    for key in ["/a/1", "/a/2", "/b/1", "/c"] {
        keys.made(key, "x").await;
    }
    until("the index follows", async || {
        let index = keys.get("/keys/index", &[]).await;
        index["phase"] == "live" && wide(&index["keys"]) == 4
    })
    .await;
    let query = [("separator", "/"), ("prefix", "/"), ("descending", "true"), ("limit", "10")];
    let page = keys.get("/keys", &query).await;
    assert_eq!(page["source"], "index");
    let rows: Vec<(&Value, &Value)> =
        page["entries"].as_array().expect("entries").iter().map(|entry| (&entry["name"], &entry["keys"])).collect();
    let (c, b, a) = (json!("/c"), json!("/b/"), json!("/a/"));
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [&c, &b, &a]);
    assert_eq!((rows[1].1, rows[2].1), (&json!("1"), &json!("2")));
    let seen = keys.made("/a/3", "x").await;
    let page = keys.get("/keys", &query).await;
    assert!(wide(&page["revision"]) >= seen, "whoever wrote a key sees it: {page}");
    assert_eq!(page["entries"][2]["keys"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_by_name_and_values_by_what_is_in_them() {
    let keys = Keys::of(1).await;
    keys.made("/service/pg-main/leader", "db1.example.net").await;
    keys.made("/service/pg-main/config", "{\"ttl\": 30}").await;
    keys.made("/service/PG-other/leader", "db2.example.net").await;
    keys.made("/jobs/\\xff", "db3.example.net").await;
    let found = async |search: Value| {
        let mut hits: Vec<String> = Vec::new();
        let mut search = search;
        loop {
            let (status, page) = keys.post("/keys/search", search.clone()).await;
            assert_eq!(status, StatusCode::OK, "{search}: {page}");
            let part = page["hits"].as_array().expect("hits").iter();
            hits.extend(part.map(|hit| hit["key"].as_str().expect("a key").to_owned()));
            if page["next"].is_null() {
                return hits;
            }
            search["after"] = page["next"].clone();
        }
    };
    let leaders = ["/service/PG-other/leader", "/service/pg-main/leader"];
    assert_eq!(found(json!({"pattern": "leader", "limit": 1})).await, leaders);
    assert_eq!(found(json!({"pattern": "/service/*/leader", "how": "glob"})).await, leaders);
    assert_eq!(found(json!({"pattern": "pg-(main|other)/leader$", "how": "regex"})).await, leaders[1..]);
    assert_eq!(
        found(json!({"pattern": "pg-(main|other)/leader$", "how": "regex", "ignore_case": true})).await,
        leaders
    );
    assert_eq!(found(json!({"pattern": "/jobs/", "how": "prefix"})).await, ["/jobs/\\xff"]);
    assert!(found(json!({"pattern": "example.net"})).await.is_empty(), "keys alone are looked at");
    assert_eq!(found(json!({"pattern": "db3.example", "in_values": true})).await, ["/jobs/\\xff"]);
    assert_eq!(found(json!({"prefix": "/service/", "pattern": "example.net", "in_values": true})).await, leaders);
    let (status, problem) = keys.post("/keys/search", json!({"pattern": "(", "how": "regex"})).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "pattern"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_known_once_values_were_scanned() {
    let keys = Keys::of(1).await;
    for (key, length) in [("/a", 10), ("/b", 2000), ("/c", 30)] {
        keys.made(key, &"x".repeat(length)).await;
    }
    until("the index follows", async || keys.get("/keys/index", &[]).await["phase"] == "live").await;
    let mut scan = json!({"prefix": "/"});
    loop {
        let (status, page) = keys.post("/keys/sizes", scan.clone()).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        if page["next"].is_null() {
            break;
        }
        scan["after"] = page["next"].clone();
    }
    let page = keys.get("/keys", &[("limit", "10")]).await;
    let sizes: Vec<u64> =
        page["entries"].as_array().expect("entries").iter().map(|e| wide(&e["meta"]["size"])).collect();
    assert_eq!(sizes, [10, 2000, 30]);
    assert!(!keys.get("/keys/index", &[]).await["sizes_at"].is_null(), "with the moment they were seen");
    let (_, found) = keys.post("/keys/search", json!({"min_size": "1000"})).await;
    assert_eq!(found["hits"].as_array().expect("hits").len(), 1, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_what_it_was_back_to_the_compaction_and_can_be_that_again() {
    let keys = Keys::of(1).await;
    let first = keys.made("/conf", "{\"a\": 1}").await;
    let (_, answer) = keys.put("/conf", first, "{\"a\": 2}").await;
    let second = wide(&answer["revision"]);
    let (_, answer) = keys.put("/conf", second, "{ \"a\":2 }").await;
    let third = wide(&answer["revision"]);
    let history = keys.get("/keys/history", &[("key", "/conf")]).await;
    let changes = history["changes"].as_array().expect("changes");
    assert_eq!(changes.iter().map(|change| wide(&change["revision"])).collect::<Vec<_>>(), [third, second, first]);
    assert_eq!(changes[2]["text"], "{\"a\": 1}");

    let (from, to) = (first.to_string(), second.to_string());
    let diff = keys.get("/keys/diff", &[("key", "/conf"), ("from", &from), ("to", &to)]).await;
    let lines = |change: &str| {
        let lines = diff["lines"].as_array().expect("lines").iter().filter(|line| line["change"] == change);
        lines.map(|line| line["text"].as_str().expect("text").trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((lines("removed"), lines("added")), (vec!["\"a\": 1".to_owned()], vec!["\"a\": 2".to_owned()]));
    let diff = keys.get("/keys/diff", &[("key", "/conf"), ("from", &to)]).await;
    assert_eq!((&diff["same"], &diff["same_json"]), (&json!(false), &json!(true)), "{diff}");

    let restore =
        |seen: u64, revision: u64| json!({"key": "/conf", "revision": revision.to_string(), "seen": seen.to_string()});
    let (status, answer) = keys.post("/keys/restore", restore(second, first)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let (status, answer) = keys.post("/keys/restore", restore(third, first)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(keys.bytes("/conf").await, b"{\"a\": 1}");
    let now = wide(&answer["revision"]);
    let was = keys.get("/keys/value", &[("key", "/conf"), ("revision", &to)]).await;
    assert_eq!(wide(&was["meta"]["mod_revision"]), second);

    compact(&keys.etcd).await;
    let history = keys.get("/keys/history", &[("key", "/conf")]).await;
    assert!(wide(&history["compacted"]) >= now, "{history}");
    assert_eq!(history["changes"].as_array().expect("changes").len(), 1, "what is left: {history}");
    let gone = [("key", "/conf"), ("revision", from.as_str())];
    let (status, problem) = outcome(keys.asked(Role::Admin, Method::GET, "/keys/value", &gone)).await;
    assert!(status.is_client_error(), "{status} {problem}");
    assert!(problem["title"].as_str().expect("words").contains("compact"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_says_the_same_of_a_key() {
    let keys = Keys::of(3).await;
    let revision = keys.made("/app/mode", "x").await;
    let mut all = Value::Null;
    quorate_testkit::until::until(PATIENCE, "all members have it", async || {
        all = keys.get("/keys/every-member", &[("key", "/app/mode")]).await;
        all["agree"] == true
    })
    .await;
    let members = all["members"].as_array().expect("members");
    assert_eq!(members.len(), 3, "{all}");
    for member in members {
        assert_eq!((wide(&member["mod_revision"]), wide(&member["size"])), (revision, 1));
        assert_eq!(member["digest"], members[0]["digest"]);
        assert_eq!(member["digest"].as_str().expect("a digest").len(), 16);
    }
    assert!(all["words"].as_str().is_some_and(|words| !words.is_empty()), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_as_they_happen_to_whoever_may_read_them() {
    let keys = Keys::of(1).await;
    let watch = async |role, prefix| keys.asked(role, Method::GET, "/keys/watch", &[("prefix", prefix)]).send().await;
    let mut open = watch(Role::Operator, "/jobs/").await.expect("a stream");
    assert_eq!(open.status(), StatusCode::OK);
    assert!(reads(&mut open, "\"revision\"").await, "it says from which revision on");
    keys.made("/other/1", "not asked for").await;
    keys.made("/jobs/1", "first words").await;
    assert!(reads(&mut open, "first words").await);
    assert_eq!(watch(Role::Viewer, "/jobs/").await.expect("answer").status(), StatusCode::FORBIDDEN);
}
