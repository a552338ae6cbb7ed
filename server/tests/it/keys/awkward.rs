//! Names and values that break other tools.

use super::{Keys, field, outcome, wide};
use base64::{Engine, engine::general_purpose::STANDARD};
use quorate_domain::{
    Role,
    keys::{KEY_MAX, Key, VALUE_MAX},
};
use quorate_testkit::etcd::CALL;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn awkward() -> Vec<Key> {
    let texts = [
        "plain",
        "/service",
        "/service/",
        "/service//double",
        "/service/trailing/",
        "/line\nbreak\ttab",
        "/quotes/\"'`",
        "/back\\slash\\x41",
        "/<script>alert(1)</script>",
        "/right-to-left/\u{202e}gnp.exe",
        "/שלום",
        "/emoji/🔑👩‍👩‍👧",
        "/space and + and % and & and #",
        "/../../etc/passwd",
    ];
    let mut keys: Vec<Key> = texts.iter().map(|text| Key::raw(text)).collect();
    keys.push(Key(b"/not-utf8/\xff\xfe\x80".to_vec()));
    keys.push(Key(b"/nul/\0\0/x".to_vec()));
    keys.push(Key(vec![0xff; 3]));
    keys.push(Key([b"/long/".to_vec(), vec![b'k'; KEY_MAX - 6]].concat()));
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_comes_back_byte_for_byte_however_it_is_spelt() {
    let keys = Keys::of(1).await;
    let wanted: BTreeSet<Key> = awkward().into_iter().collect();
    for (number, key) in wanted.iter().enumerate() {
        keys.made(&key.to_string(), &format!("value {number}")).await;
    }
    let names = keys.names(Role::Viewer, "", "", "3").await;
    let parsed: Vec<Key> = names.iter().map(|name| name.parse().expect(name)).collect();
    assert_eq!(parsed, wanted.iter().cloned().collect::<Vec<_>>(), "all of them, in the order of their bytes");
    let etcd = keys.etcd.client(0);
    for (number, key) in wanted.iter().enumerate() {
        let value = format!("value {number}").into_bytes();
        assert_eq!(etcd.canary_get(key.as_bytes(), CALL).await.expect("get"), Some(value.clone()), "{key}");
        assert_eq!(keys.bytes(&key.to_string()).await, value, "{key}");
        let view = keys.get("/keys/value", &[("key", &key.to_string())]).await;
        assert_eq!(view["key"], key.to_string());
        let query = [("key", key.to_string()), ("seen", wide(&view["meta"]["mod_revision"]).to_string())];
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, answer) = outcome(keys.asked(Role::Admin, Method::DELETE, "/keys/value", &query)).await;
        assert_eq!(status, StatusCode::OK, "{key}: {answer}");
    }
    assert!(keys.names(Role::Admin, "", "", "1000").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_also_a_folder_and_empty_names_between_slashes_are_browsed() {
    let keys = Keys::of(1).await;
    for key in ["/a", "/a/", "/a//c", "/a/b", "/a/b/c", "top", "/"] {
        keys.made(key, "x").await;
    }
    let below = async |prefix: &str| keys.names(Role::Viewer, prefix, "/", "2").await;
    assert_eq!(below("").await, ["/", "/a", "/a/", "top"], "a key stands before the folder of the same name");
    assert_eq!(below("/a/").await, ["/a/", "/a//", "/a/b", "/a/b/"]);
    assert_eq!(below("/a//").await, ["/a//c"]);
    assert_eq!(below("/a/b/").await, ["/a/b/c"]);
    assert!(below("/nothing/").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escape_that_is_none_is_refused_at_its_field() {
    let keys = Keys::of(1).await;
    let (status, problem) = outcome(keys.asked(Role::Admin, Method::GET, "/keys/value", &[("key", "/a\\q")])).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "key"), "{problem}");
    let (status, problem) = outcome(keys.asked(Role::Admin, Method::GET, "/keys", &[("after", "\\x4")])).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "after"), "{problem}");
    let (status, _) = keys.put("/a\\q", 0, "x").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, problem) = keys.put(&"k".repeat(KEY_MAX + 1), 0, "x").await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "key"), "{problem}");
    let (status, problem) = keys.put("", 0, "x").await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "key"), "{problem}");
}

/// Bytes that neither gzip nor text would be.
fn noise(length: usize) -> Vec<u8> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_and_one_of_1_4_megabytes_are_kept_as_they_are() {
    let keys = Keys::of(1).await;
    keys.made("/empty", "").await;
    assert_eq!(keys.bytes("/empty").await, b"");
    let view = keys.get("/keys/value", &[("key", "/empty")]).await;
    assert_eq!((wide(&view["meta"]["size"]), &view["text"]), (0, &json!("")));

    let large = noise(1_400_000);
    let body = json!({"key": "/large", "seen": "0", "value": STANDARD.encode(&large), "encoding": "base64"});
    let (status, answer) = keys.put_with(body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let response = keys.raw("/large").await;
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), "attachment; filename=\"large\"");
    assert_eq!(header("content-length"), "1400000");
    let tag = header("etag");
    assert_eq!(tag, format!("\"{}\"", wide(&answer["revision"])), "the tag is the revision of the key");
    assert_eq!(response.bytes().await.expect("bytes"), large);
    let again = keys.asked(Role::Admin, Method::GET, "/keys/value/raw", &[("key", "/large")]);
    let again = again.header("if-none-match", tag).send().await.expect("answer");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let view = keys.get("/keys/value", &[("key", "/large")]).await;
    assert_eq!((&view["cut"], wide(&view["meta"]["size"])), (&json!(true), 1_400_000));
    assert!(view.to_string().len() < 1_200_000, "a preview is capped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_etcd_would_not_take_is_refused_at_the_field_by_page_and_api_alike() {
    let keys = Keys::of(1).await;
    let body = |length: usize| {
        let value = STANDARD.encode(noise(length));
        json!({"key": "/large", "seen": "0", "value": value, "encoding": "base64"})
    };
    let (status, problem) = keys.put_with(body(VALUE_MAX + 1)).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "value"), "{problem}");
    assert!(problem["title"].as_str().expect("words").contains(&VALUE_MAX.to_string()), "{problem}");
    let (status, problem) = keys.put_with(body(4 << 20)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(problem["title"].as_str().expect("words").contains("MiB"), "{problem}");

    let browser = keys.app.logged_in("operator").await;
    let by_page = async |put: Value| browser.rpc("put_key", json!({"cluster": keys.cluster, "put": put})).await;
    let refused = by_page(body(VALUE_MAX + 1)).await;
    assert!(refused.status().is_client_error() || refused.status().is_server_error());
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(field(&problem), "value", "{problem}");
    let saved = by_page(body(1_400_000)).await;
    assert_eq!(saved.status(), StatusCode::OK);
    assert_eq!(keys.bytes("/large").await.len(), 1_400_000);
    let (status, problem) = keys.put_with(json!({"key": "/b", "seen": "0", "value": "%", "encoding": "base64"})).await;
    assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "value"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_saves_a_value_and_never_shows_it() {
    let keys = Keys::of(1).await;
    keys.made("/pages/<index>.html", "<script>alert(1)</script>").await;
    let path = format!("/transfers/clusters/{}/value?key=/pages/%3Cindex%3E.html", keys.cluster);
    let response = keys.app.logged_in("operator").await.page(&path).await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), "attachment; filename=\"_index_.html\"");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(response.text().await.expect("text"), "<script>alert(1)</script>");
    let denied = keys.app.logged_in("viewer").await.page(&path).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    assert_ne!(keys.app.browser().page(&path).await.status(), StatusCode::OK, "not to strangers");
}
