//! Files of keys over HTTP: out, in, and what is wrong with one.

use super::{Keys, field, outcome};
use crate::support::until;
use quorate_domain::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_exported_comes_back_by_an_operation() {
    let keys = Keys::of(1).await;
    for n in 0..30 {
        keys.made(&format!("/app/{n:02}"), &format!("value {n}")).await;
    }
    keys.made("/app/odd\\x00\\xff", "x").await;
    let query = [("prefix", "/app/"), ("format", "json")];
    let file = keys.asked(Role::Operator, Method::GET, "/keys/export", &query).send().await.expect("an answer");
    assert_eq!(file.status(), StatusCode::OK);
    let header = |name: &str| file.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("quorate-keys"), header("quorate-left-out")), ("31".into(), "0".into()));
    assert_eq!(header("content-disposition"), "attachment; filename=\"keys.json\"");
    let file = file.bytes().await.expect("a whole file");

    let params = json!({"cluster": keys.cluster, "prefix": "/app/"});
    run(&keys, "delete_keys", params).await;
    assert_eq!(keys.names(Role::Admin, "/app/", "", "100").await, Vec::<String>::new());
    let upload = keys.asked(Role::Operator, Method::POST, "/keys/files", &[("name", "back.json")]).body(file);
    let (status, kept) = outcome(upload).await;
    assert_eq!((status, &kept["keys"], &kept["name"]), (StatusCode::CREATED, &json!("31"), &json!("back.json")));
    let path = format!("/keys/files/{}/preview", kept["id"].as_str().expect("an id"));
    let (status, told) = keys.post(&path, json!({"mode": "skip"})).await;
    assert_eq!((status, &told["adds"]), (StatusCode::OK, &json!("31")), "{told}");
    run(&keys, "import_keys", json!({"cluster": keys.cluster, "file": kept["id"], "mode": "skip"})).await;
    assert_eq!(keys.names(Role::Admin, "/app/", "", "100").await.len(), 31);
    assert_eq!(keys.bytes("/app/29").await, b"value 29");

    let path = format!("/keys/files/{}", kept["id"].as_str().expect("an id"));
    let file = keys.asked(Role::Operator, Method::GET, &path, &[]).send().await.expect("an answer");
    assert_eq!(file.headers()["quorate-keys"], "31");
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"back.ndjson\"");
    assert_eq!(file.text().await.expect("a whole file").lines().count(), 31);
    let dropped = async || outcome(keys.asked(Role::Operator, Method::DELETE, &path, &[])).await.0;
    assert_eq!((dropped().await, dropped().await), (StatusCode::NO_CONTENT, StatusCode::NOT_FOUND));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_17_and_a_strange_format_are_told_at_their_fields() {
    let keys = Keys::of(1).await;
    let mut lines: Vec<String> = (1..=20).map(|n| format!("{{\"key\":\"/{n}\",\"value\":\"secret\"}}")).collect();
    lines[16] = "{\"key\":\"/17\"".into();
    let upload = |query: &[(&str, &str)], body: String| {
        outcome(keys.asked(Role::Admin, Method::POST, "/keys/files", query).body(body))
    };
    let (status, problem) = upload(&[], lines.join("\n")).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "file"), "{problem}");
    let said = problem["fields"][0]["message"].as_str().expect("a message");
    assert!(said.starts_with("Line 17: ") && !said.contains("secret"), "{said}");
    let (status, problem) = upload(&[("format", "xml")], "x".into()).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "format"), "{problem}");
    // Larger than what any other request may bring.
    let large: String =
        (0..30).map(|n| format!("{{\"key\":\"/{n}\",\"value\":\"{}\"}}\n", "x".repeat(200 << 10))).collect();
    assert_eq!(upload(&[], large).await.0, StatusCode::CREATED);
}

/// Plans, starts, and waits for the end.
async fn run(keys: &Keys, kind: &str, params: Value) {
    let plan = keys.json(Method::POST, "/plans", json!({"kind": kind, "params": params})).await;
    let start = json!({"kind": kind, "params": plan["params"], "digest": plan["digest"]});
    let started = keys.json(Method::POST, "/operations", start).await;
    let operation = format!("/operations/{}", started["operation"].as_str().expect("an id"));
    until("it is done", async || keys.json(Method::GET, &operation, Value::Null).await["summary"]["state"] == "done")
        .await;
}
