//! `secrets_never_leak` on real hosts: a sealed sudo password drives a whole install and shows up nowhere.

use super::PATIENCE;
use quorate_testkit::{
    app::{ADMIN, App, PASSWORD, text},
    lab::{Lab, logins},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use serde_json::json;
use std::path::Path;
use tokio::task::JoinHandle;

/// Every file below `dir`, as text that a secret could be found in.
pub(super) fn files(dir: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("readable");
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

/// A browser of the admin's.
async fn logged_in(app: &App) -> Client {
    let browser = Client::builder().cookie_store(true).build().expect("client");
    let login = form(&browser, app, "login").body(format!("name={ADMIN}&password={PASSWORD}"));
    let login = login.send().await.expect("login");
    assert_eq!(login.status(), StatusCode::OK);
    browser
}

fn form(browser: &Client, app: &App, name: &str) -> RequestBuilder {
    let request = browser.post(app.url(&format!("/rpc/{name}"))).header(header::ACCEPT, "application/json");
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

/// Reads a stream beside the test until it ends.
async fn follow(request: RequestBuilder) -> JoinHandle<String> {
    let request = request.header(header::ACCEPT, "text/event-stream");
    let mut stream = request.send().await.expect("a stream");
    assert_eq!(stream.status(), StatusCode::OK);
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Ok(Some(chunk)) = stream.chunk().await {
            seen.extend_from_slice(&chunk);
        }
        String::from_utf8_lossy(&seen).into_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_never_leak_through_an_install_with_a_sudo_password() {
    let lab = Lab::lease(1).await;
    let dir = tempfile::tempdir().expect("a directory");
    let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), &[]).await;
    let key = text(&app.get("/ssh-key").await["public_key"]);
    lab.authorize(&key).await;
    let host = &lab.hosts()[0];
    let target = host.target(logins::SUDO_WITH_PASSWORD);
    let added = app.post("/hosts", json!({"hosts": [{"target": target, "elevation": "sudo_password"}]})).await;
    let id = text(&added[0]["id"]);
    let offered = app.offered(&id).await;
    app.post(&format!("/hosts/{id}/trust"), json!({ "fingerprints": offered })).await;
    let body = json!({"password": logins::SUDO_PASSWORD});
    let (status, answer) = app.request(Method::PUT, &format!("/hosts/{id}/sudo-password"), Some(body)).await;
    assert!(status.is_success(), "{status} {answer}");

    let params = json!({"name": "sealed", "members": [{"host": id, "name": host.name}], "version": "3.5.16", "download_url": lab.mirror()});
    let plan = app.post("/plans", json!({"kind": "install_cluster", "params": params})).await;
    assert!(text(&plan["runbook"]).contains("sudo"), "the runbook uses sudo");
    let operation = app.start_operation("install_cluster", params).await;
    let browser = logged_in(&app).await;
    let tab = follow(browser.get(app.url(&format!("/events?operation={operation}")))).await;
    let script = app.url(&format!("/api/v1/operations/{operation}/events"));
    let script = follow(Client::new().get(script).bearer_auth(app.token())).await;
    let detail = app.done(&operation, PATIENCE).await;
    // The script's stream ends with the operation, the tab's with the session.
    let script = script.await.expect("read");
    assert_eq!(form(&browser, &app, "logout").send().await.expect("logout").status(), StatusCode::OK);
    let tab = tab.await.expect("read");
    for stream in [&script, &tab] {
        assert!(stream.contains("event: output") && stream.contains("$ useradd"), "output was caught: {stream}");
    }

    let mut places = vec![
        ("plan with runbook".to_owned(), plan.to_string()),
        ("operation with output".to_owned(), detail.to_string()),
        ("stream of a tab".to_owned(), tab),
        ("stream of the operation".to_owned(), script),
        ("hosts".to_owned(), app.get("/hosts").await.to_string()),
        ("audit".to_owned(), app.get("/audit").await.to_string()),
        ("log".to_owned(), std::fs::read_to_string(app.log_path()).expect("log")),
        ("journal of the host".to_owned(), lab.exec(host, "journalctl --no-pager").await),
        (
            "what the console left on the host".to_owned(),
            lab.exec(host, "grep -r . /var/lib/quorate /etc/etcd 2>/dev/null || true").await,
        ),
    ];
    files(&dir.path().join("data"), &mut places);
    let secrets = [logins::SUDO_PASSWORD, app.token(), PASSWORD, "BEGIN OPENSSH PRIVATE KEY"];
    for (place, content) in places {
        for secret in secrets {
            assert!(!content.contains(secret), "{} is in: {place}", &secret[..6]);
        }
    }
}
