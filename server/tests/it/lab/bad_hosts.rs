//! Bad input and bad days on the way to a host: each has its own message that says what to do.

use super::Site;
use quorate_testkit::{
    app::{App, text},
    lab::{Lab, logins},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A console and one leased host that knows its key.
async fn one_host() -> (App, Lab, tempfile::TempDir) {
    let lab = Lab::lease(1).await;
    let dir = tempfile::tempdir().expect("a directory");
    let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), &[]).await;
    let key = text(&app.get("/ssh-key").await["public_key"]);
    lab.authorize(&key).await;
    (app, lab, dir)
}

/// Adds a host, trusts it, and gives the problem that a check ends with.
async fn check_problem(app: &App, target: &str, elevation: &str, password: Option<&str>) -> Value {
    let added = app.post("/hosts", json!({"hosts": [{"target": target, "elevation": elevation}]})).await;
    let id = text(&added[0]["id"]);
    let offered = app.offered(&id).await;
    app.post(&format!("/hosts/{id}/trust"), json!({ "fingerprints": offered })).await;
    if let Some(password) = password {
        app.request(Method::PUT, &format!("/hosts/{id}/sudo-password"), Some(json!({ "password": password }))).await;
    }
    let (status, problem) = app.request(Method::POST, &format!("/hosts/{id}/facts"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{problem}");
    app.request(Method::DELETE, &format!("/hosts/{id}"), None).await;
    problem
}

fn says(problem: &Value, words: &[&str]) {
    let title = text(&problem["title"]).to_lowercase();
    for word in words {
        assert!(title.contains(word), "“{word}” is not in “{title}”");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sudo_and_wrong_passwords_are_told_apart() {
    let (app, lab, _dir) = one_host().await;
    let host = &lab.hosts()[0];
    says(&check_problem(&app, &host.target(logins::PLAIN), "sudo", None).await, &["sudo"]);
    let with_password = host.target(logins::SUDO_WITH_PASSWORD);
    says(&check_problem(&app, &with_password, "sudo", None).await, &["password"]);
    says(&check_problem(&app, &with_password, "sudo_password", Some("wrong-one")).await, &["password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_host_does_not_know_is_said_so() {
    let lab = Lab::lease(1).await;
    let dir = tempfile::tempdir().expect("a directory");
    let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), &[]).await;
    says(&check_problem(&app, &lab.hosts()[0].target(logins::ROOT), "root", None).await, &["key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_and_a_closed_port_are_told_apart() {
    let (app, lab, _dir) = one_host().await;
    let host = &lab.hosts()[0];
    let added = app
        .post(
            "/hosts",
            json!({"hosts": [{"target": format!("root@{}:2222", host.address)}, {"target": "root@10.77.0.99"}]}),
        )
        .await;
    for (row, words) in [(&added[0], "refused"), (&added[1], "route")] {
        let id = text(&row["id"]);
        let (status, problem) = app.request(Method::POST, &format!("/hosts/{id}/keys"), Some(json!({}))).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{problem}");
        let title = text(&problem["title"]).to_lowercase();
        assert!(title.contains(words) || title.contains("no answer"), "{title}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_stops_everything_until_a_person_decides() {
    let site = Site::new(1).await;
    let (host, id) = (&site.lab.hosts()[0], &site.ids[0]);
    site.lab.wipe(host).await;
    let (status, problem) = site.app.request(Method::POST, &format!("/hosts/{id}/facts"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{problem}");
    says(&problem, &["key"]);
    assert_eq!(site.app.get(&format!("/hosts/{id}")).await["trust"]["state"], "changed");
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
    let contact = plan["checks"].as_array().expect("checks").iter().find(|c| c["name"] == "contact").expect("failed");
    assert_eq!(contact["verdict"], "fail");
    // A person compares, trusts the new key, and it goes on.
    let key = text(&site.app.get("/ssh-key").await["public_key"]);
    site.lab.authorize_on(host, &key).await;
    let offered = site.app.offered(id).await;
    site.app.post(&format!("/hosts/{id}/trust"), json!({ "fingerprints": offered })).await;
    let row = site.app.post(&format!("/hosts/{id}/facts"), json!({})).await;
    assert_eq!(row["trust"]["state"], "trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sudo_password_works_and_never_comes_back() {
    let (app, lab, dir) = one_host().await;
    let target = lab.hosts()[0].target(logins::SUDO_WITH_PASSWORD);
    let added = app.post("/hosts", json!({"hosts": [{"target": target, "elevation": "sudo_password"}]})).await;
    let id = text(&added[0]["id"]);
    let offered = app.offered(&id).await;
    app.post(&format!("/hosts/{id}/trust"), json!({ "fingerprints": offered })).await;
    let body = json!({"password": logins::SUDO_PASSWORD});
    let (status, answer) = app.request(Method::PUT, &format!("/hosts/{id}/sudo-password"), Some(body)).await;
    assert!(status.is_success(), "{status} {answer}");
    let row = app.post(&format!("/hosts/{id}/facts"), json!({})).await;
    assert_eq!(row["facts"]["root"], true);
    for place in [row.to_string(), app.get("/audit").await.to_string(), read(&app.log_path())] {
        assert!(!place.contains(logins::SUDO_PASSWORD));
    }
    for entry in std::fs::read_dir(dir.path().join("data")).expect("data dir").flatten() {
        if entry.path().is_file() {
            assert!(!read(&entry.path()).contains(logins::SUDO_PASSWORD), "{:?}", entry.path());
        }
    }
}

fn read(path: &std::path::Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_lines_are_named_and_nothing_is_added() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), &[]).await;
    let long = "x".repeat(300);
    for (hosts, field) in [
        (json!([{"target": "root@10.77.0.11"}, {"target": "ops@10.77.0.11"}]), "hosts.1.target"),
        (json!([{"target": "root@a b"}]), "hosts.0.target"),
        (json!([{"target": "-oProxyCommand=touch /tmp/x"}]), "hosts.0.target"),
        (json!([{"target": "root@10.77.0.11", "name": "a\"b"}]), "hosts.0.name"),
        (json!([{"target": "root@10.77.0.11", "name": "$(reboot)"}]), "hosts.0.name"),
        (json!([{"target": "root@10.77.0.11", "name": "a\nb"}]), "hosts.0.name"),
        (json!([{"target": "root@10.77.0.11", "name": long}]), "hosts.0.name"),
        (json!([{"target": "root@10.77.0.11", "name": "🦀"}]), "hosts.0.name"),
        (json!([]), "hosts"),
    ] {
        let (status, problem) = app.request(Method::POST, "/hosts", Some(json!({ "hosts": hosts }))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    assert_eq!(app.get("/hosts").await, json!([]));
}
