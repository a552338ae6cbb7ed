//! Who sees which keys and which values: by role, by rule, by what is masked, by etcd's own users.

use super::{Keys, outcome};
use quorate_domain::Role;
use quorate_etcd::etcd_client::Permission;
use quorate_testkit::etcd::{CALL, EtcdCluster};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SECRET: &str = "hunter2-correct-horse";

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_names_and_no_value_in_any_way() {
    let keys = Keys::of(1).await;
    keys.made("/app/mode", SECRET).await;
    assert_eq!(keys.names(Role::Viewer, "/app/", "/", "10").await, ["/app/mode"]);
    let key = [("key", "/app/mode"), ("from", "1")];
    for path in ["/keys/value", "/keys/value/raw", "/keys/history", "/keys/diff", "/keys/every-member"] {
        let response = keys.asked(Role::Viewer, Method::GET, path, &key).send().await.expect(path);
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(!response.text().await.expect("text").contains(SECRET), "{path}");
    }
    let search = |in_values: bool| {
        let body = json!({"pattern": "mode", "in_values": in_values});
        keys.asked(Role::Viewer, Method::POST, "/keys/search", &[]).json(&body)
    };
    let (status, found) = outcome(search(false)).await;
    assert_eq!((status, &found["hits"][0]["key"]), (StatusCode::OK, &json!("/app/mode")), "{found}");
    assert!(!found.to_string().contains(SECRET));
    assert_eq!(outcome(search(true)).await.0, StatusCode::FORBIDDEN);
    let put = keys.asked(Role::Viewer, Method::PUT, "/keys/value", &[]);
    let (status, _) = outcome(put.json(&json!({"key": "/b", "seen": "0", "value": "x"}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_narrows_a_user_to_a_prefix_and_never_an_admin() {
    let keys = Keys::of(1).await;
    for key in ["/team/a", "/team/b", "/teamster", "/other/a"] {
        keys.made(key, "x").await;
    }
    let rules = json!([{"cluster": keys.cluster, "prefix": "/team/", "read": true, "write": true, "delete": false}]);
    let path = format!("/users/{}/key-rules", keys.app.user_id("operator").await);
    keys.json(Method::PUT, &path, rules.clone()).await;
    assert_eq!(keys.json(Method::GET, &path, Value::Null).await, rules);

    assert_eq!(keys.names(Role::Operator, "", "", "10").await, ["/team/a", "/team/b"]);
    assert_eq!(keys.names(Role::Operator, "", "/", "10").await, ["/team/"]);
    assert_eq!(keys.names(Role::Admin, "", "", "10").await.len(), 4);
    let (_, settings) = outcome(keys.asked(Role::Operator, Method::GET, "/keys/settings", &[])).await;
    assert_eq!(settings["masked"], json!([]), "what is masked elsewhere is a name too");
    let get =
        async |key: &str| outcome(keys.asked(Role::Operator, Method::GET, "/keys/value", &[("key", key)])).await.0;
    assert_eq!(get("/team/a").await, StatusCode::OK);
    assert_eq!((get("/teamster").await, get("/other/a").await), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
    let put = async |key: &str| {
        let body = json!({"key": key, "seen": "0", "value": "x"});
        outcome(keys.asked(Role::Operator, Method::PUT, "/keys/value", &[]).json(&body)).await.0
    };
    assert_eq!((put("/team/c").await, put("/other/c").await), (StatusCode::OK, StatusCode::FORBIDDEN));
    let query = [("key", "/team/a"), ("seen", "2")];
    let (status, problem) = outcome(keys.asked(Role::Operator, Method::DELETE, "/keys/value", &query)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "it may not delete: {problem}");
    let rename = json!({"from": "/team/a", "seen": "2", "to": "/team/z"});
    let (status, problem) = outcome(keys.asked(Role::Operator, Method::POST, "/keys/move", &[]).json(&rename)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a rename deletes: {problem}");
    let search = json!({"pattern": "a"});
    let (_, found) = outcome(keys.asked(Role::Operator, Method::POST, "/keys/search", &[]).json(&search)).await;
    assert!(!found.to_string().contains("/other/") && !found.to_string().contains("teamster"), "{found}");
    keys.json(Method::PUT, &path, json!([])).await;
    assert_eq!(get("/other/a").await, StatusCode::OK, "without rules it is the role alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_go_with_their_cluster_and_one_for_a_cluster_that_is_not_there_is_named() {
    let keys = Keys::of(1).await;
    let rule = |cluster: &Value, prefix: &str| json!({"cluster": cluster, "prefix": prefix, "read": true, "write": false, "delete": false});
    let here = json!(keys.cluster);
    let path = format!("/users/{}/key-rules", keys.app.user_id("operator").await);
    keys.json(Method::PUT, &path, json!([rule(&here, "/team/"), rule(&Value::Null, "/all/")])).await;
    keys.json(Method::DELETE, &format!("/clusters/{}", keys.cluster), Value::Null).await;
    let left = json!([rule(&Value::Null, "/all/")]);
    assert_eq!(keys.json(Method::GET, &path, Value::Null).await, left);

    let rules = json!([rule(&Value::Null, "/all/"), rule(&here, "/team/"), rule(&here, "/other/")]);
    let (status, problem) = outcome(keys.request(Role::Admin, Method::PUT, &path).json(&rules)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let told: Vec<_> = problem["fields"].as_array().expect("fields").iter().map(|field| &field["field"]).collect();
    assert_eq!(told, ["rules.1.cluster", "rules.2.cluster"], "{problem}");
    assert!(problem["fields"][0]["message"].as_str().is_some_and(|m| m.contains(here.as_str().expect("id"))));
    keys.json(Method::PUT, &path, left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_masked_until_it_is_revealed_which_is_a_row() {
    let keys = Keys::of(1).await;
    let path = "/registry/secrets/default/db";
    keys.made(path, SECRET).await;
    let asked = |path: &str, query: &[(&str, &str)]| keys.asked(Role::Operator, Method::GET, path, query);
    let (status, view) = outcome(asked("/keys/value", &[("key", path)])).await;
    assert_eq!((status, &view["masked"], &view["text"]), (StatusCode::OK, &json!(true), &json!("")), "{view}");
    for place in ["/keys/value", "/keys/value/raw", "/keys/history"] {
        let response = asked(place, &[("key", path)]).send().await.expect(place);
        assert!(!response.text().await.expect("text").contains(SECRET), "{place}");
    }
    let search = json!({"prefix": "/registry/", "pattern": "hunter2", "in_values": true});
    let (_, found) = outcome(keys.asked(Role::Operator, Method::POST, "/keys/search", &[]).json(&search)).await;
    assert!(!found.to_string().contains(SECRET), "{found}");
    let revealed = async || {
        let rows = keys.app.audit().await;
        assert!(!rows.iter().any(|row| row.contains(SECRET)));
        rows.iter().filter(|row| row.contains("reveal") && row.contains(path)).count()
    };
    assert_eq!(revealed().await, 0);
    let (_, view) = outcome(asked("/keys/value", &[("key", path), ("reveal", "true")])).await;
    assert_eq!((&view["text"], &view["masked"]), (&json!(SECRET), &json!(false)), "{view}");
    assert_eq!(revealed().await, 1);
    let response = asked("/keys/value/raw", &[("key", path), ("reveal", "true")]).send().await.expect("answer");
    assert_eq!(response.text().await.expect("text"), SECRET);
    assert_eq!(revealed().await, 2, "a download is another one, and only one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_masked_is_set_a_cluster_and_keys_can_be_hashed_in_the_trail() {
    let keys = Keys::of(1).await;
    let before = keys.get("/keys/settings", &[]).await;
    assert_eq!(before, json!({"masked": ["/registry/secrets/"], "hash_in_audit": false, "undo_hours": 72}));
    let set = json!({"masked": ["/vault/"], "hash_in_audit": true, "undo_hours": 1});
    let path = format!("/clusters/{}/keys/settings", keys.cluster);
    keys.json(Method::PUT, &path, set.clone()).await;
    assert_eq!(keys.get("/keys/settings", &[]).await, set);
    keys.made("/vault/payroll", SECRET).await;
    let view = keys.get("/keys/value", &[("key", "/vault/payroll")]).await;
    assert_eq!((&view["masked"], &view["text"]), (&json!(true), &json!("")), "{view}");
    let rows = keys.app.audit().await;
    assert!(!rows.iter().any(|row| row.contains("payroll")), "{rows:?}");
    let far = json!({"masked": [], "hash_in_audit": false, "undo_hours": 721});
    let put = keys.request(Role::Admin, Method::PUT, &path).json(&far);
    let (status, problem) = outcome(put).await;
    assert_eq!((status, super::field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "undo_hours"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_etcd_user_of_few_rights_only_its_ranges_are_listed_and_no_page_fails() {
    let etcd = EtcdCluster::start(1).await;
    for key in ["/app/a", "/app/b", "/other/a"] {
        etcd.client(0).canary_put(key.as_bytes(), b"x", CALL).await.expect("put");
    }
    let client = etcd.client(0);
    let enabled = client.call(CALL, async |client| {
        let mut auth = client.auth_client();
        auth.user_add("root", "root's", None).await?;
        auth.role_add("root").await?;
        auth.user_grant_role("root", "root").await?;
        auth.user_add("app", "app's", None).await?;
        auth.role_add("reader").await?;
        auth.role_grant_permission("reader", Permission::read("/app/").with_prefix()).await?;
        auth.user_grant_role("app", "reader").await?;
        auth.auth_enable().await?;
        Ok(())
    });
    enabled.await.expect("users are enabled");
    let keys = Keys::over(etcd, json!({"user": "app", "password": "app's"})).await;
    assert_eq!(keys.names(Role::Admin, "", "", "10").await, ["/app/a", "/app/b"]);
    assert_eq!(keys.names(Role::Admin, "/other/", "", "10").await, Vec::<String>::new());
    let page = keys.get("/keys", &[]).await;
    assert!(!page["note"].as_str().expect("a note").is_empty(), "that there may be more is said: {page}");
    assert_eq!(keys.bytes("/app/a").await, b"x");
    let (status, problem) = outcome(keys.asked(Role::Admin, Method::GET, "/keys/value", &[("key", "/other/a")])).await;
    assert!(status.is_client_error() || status == StatusCode::BAD_GATEWAY, "{status} {problem}");
    let (status, problem) = keys.put("/app/c", 0, "x").await;
    assert!(status.is_client_error() || status == StatusCode::BAD_GATEWAY, "{status} {problem}");
    assert!(!problem["title"].as_str().expect("words").is_empty(), "{problem}");
}
