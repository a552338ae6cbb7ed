//! Promise 6: secrets stay in. Marker secrets go in wherever one can; afterwards they are looked for everywhere.

use crate::support::{App, PASSWORD};
use quorate_domain::Role;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

/// All that is logged in this process, at the finest level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Reads a stream beside the test until it ends.
fn follow(mut stream: Response) -> JoinHandle<String> {
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
async fn secrets_never_leak() {
    let logged = Logged::default();
    // Everything but the browser's half, which runs in this process too and writes its cookies down.
    let filter = tracing_subscriber::EnvFilter::new("trace,cookie_store=off,reqwest=off");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(logged.clone()).init();
    let app = App::start().await;
    let mut markers = vec!["marker-Wrong-pass-1", "marker-Sudo-pass-2", "marker-New-pass-33"];

    let code = app.console.issue_setup_code().await.expect("code").expect("no user").code;
    let admin = app.browser();
    admin.form("setup", &[("code", &code), ("name", "anna"), ("password", PASSWORD)]).await;
    markers.extend([PASSWORD, code.as_str()]);
    app.browser().log_in("anna", markers[0]).await;
    app.browser().log_in(markers[0], "typed into the wrong field").await;
    let session = admin.log_in("anna", PASSWORD).await;
    let cookie = session.headers()["set-cookie"].to_str().expect("text").to_owned();
    let cookie = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("pair").1.to_owned();
    let tab = admin.get("/events").header("accept", "text/event-stream").send().await.expect("events");
    let tab = follow(tab);
    let hosts = json!({"hosts": [{"target": "root@127.0.0.1:9", "name": "h", "elevation": "sudo_password"}], "sudo_password": markers[1]});
    let added = admin.rpc("add_hosts", hosts).await;
    assert!(added.status().is_success(), "{}", added.text().await.expect("text"));
    let change = json!({"current": PASSWORD, "new": markers[2]});
    let token = app.console.create_token_for(Some("anna"), "ci", Role::Admin, true).await.expect("token").1;
    let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();

    // Everything that can be read, and bodies that cannot be.
    let client = Client::new();
    let mut answers = Vec::new();
    for path in [
        "hosts",
        "users",
        "tokens",
        "audit?limit=200",
        "operations",
        "operations/op-none/events",
        "clusters",
        "ssh-key",
    ] {
        let read = client.get(app.url(&format!("/api/v1/{path}"))).bearer_auth(&token).send().await.expect(path);
        answers.push(read.text().await.expect(path));
    }
    let list: Value = serde_json::from_str(&answers[0]).expect("hosts");
    let id = list[0]["id"].as_str().expect("id").to_owned();
    for (method, path, body) in [
        (Method::PUT, format!("hosts/{id}/sudo-password"), json!({"password": markers[1]})),
        (Method::PUT, format!("hosts/{id}/sudo-password"), json!({"password": [markers[1]]})),
        (Method::PUT, format!("hosts/{id}/sudo-password"), json!({"passwd": markers[1]})),
        (Method::POST, "tokens".to_owned(), json!({"name": "x", "role": markers[1]})),
        (Method::GET, format!("hosts/{id}"), Value::Null),
    ] {
        let sent = client.request(method, app.url(&format!("/api/v1/{path}"))).bearer_auth(&token).json(&body);
        answers.push(sent.send().await.expect("answer").text().await.expect("text"));
    }
    for page in ["/", "/hosts", "/audit", "/settings", "/settings/users", "/settings/tokens", "/settings/ssh-key"] {
        answers.push(admin.page(page).await.text().await.expect(page));
    }
    admin.rpc("change_password", change).await;
    answers.push(app.browser().page("/login").await.text().await.expect("login"));
    markers.extend([token.as_str(), cookie.as_str()]);
    app.stop.cancel();
    let tab = tab.await.expect("the stream was read");
    assert!(tab.contains("event: hello") && tab.contains("event: host_changed"), "the stream was caught: {tab}");
    answers.push(tab);

    let logs = logged.0.lock().expect("lock").clone();
    assert!(!logs.is_empty(), "the log was caught");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(app.data_dir()).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_file() {
            files.push((path.display().to_string(), std::fs::read(&path).expect("file")));
        }
    }
    assert!(files.iter().any(|(_, bytes)| bytes.starts_with(b"SQLite format 3")), "the database was looked at");
    for marker in markers {
        assert!(!holds(&logs, marker), "{marker} is in the log");
        for (name, bytes) in &files {
            assert!(!holds(bytes, marker), "{marker} is in {name}");
        }
        for answer in &answers {
            assert!(!answer.contains(marker), "{marker} is in an answer: {answer}");
        }
    }
    for (name, bytes) in &files {
        assert!(!holds(bytes, "OPENSSH PRIVATE KEY"), "the console's SSH key is in {name}");
    }
}
