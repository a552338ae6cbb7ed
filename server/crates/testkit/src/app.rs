//! The real `quorate` binary under test: started as a process on a data directory of its own, driven over `/api/v1`
//! as a script would, killed without warning, started again.
//!
//! Invariant: a dropped `App` leaves no process; its data directory lives as long as the test keeps it.

use crate::until::until;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// The admin that every app under test has.
pub const ADMIN: &str = "tester";
/// The admin's password.
pub const PASSWORD: &str = "correct-horse-9-battery";

/// A console under test.
pub struct App {
    binary: PathBuf,
    data_dir: PathBuf,
    port: u16,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    token: String,
    http: reqwest::Client,
}

impl App {
    /// Makes an admin and a token on `data_dir` and starts `binary` there (`env!("CARGO_BIN_EXE_quorate")`).
    ///
    /// # Panics
    /// Any part of it fails: a test cannot go on.
    pub async fn start(binary: impl AsRef<Path>, data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        let binary = binary.as_ref().to_owned();
        let add = ["user", "add", "--name", ADMIN, "--role", "admin", "--password-stdin"];
        command(&binary, data_dir, &add, PASSWORD).await;
        let make = ["token", "create", "--name", "tests", "--role", "admin", "--destructive"];
        let token = command(&binary, data_dir, &make, "").await;
        let mut app = Self {
            binary,
            data_dir: data_dir.to_owned(),
            port: free_port(),
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            child: None,
            token: token.trim().to_owned(),
            http: reqwest::Client::new(),
        };
        app.launch().await;
        app
    }

    /// Starts the process (again) and waits until it is ready.
    ///
    /// # Panics
    /// It is not ready within 20 s.
    pub async fn launch(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("log file opens");
        let child = Command::new(&self.binary)
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--data-dir"])
            .arg(&self.data_dir)
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("quorate starts");
        self.child = Some(child);
        let (http, url) = (self.http.clone(), self.url("/readyz"));
        until(Duration::from_secs(20), "the console is ready", async || {
            http.get(&url).send().await.is_ok_and(|r| r.status() == StatusCode::OK)
        })
        .await;
    }

    /// Changes what the next launch finds in its environment.
    pub fn set_environment(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(k, _)| k != name);
        self.environment.extend(value.map(|v| (name.to_owned(), v.to_owned())));
    }

    /// SIGKILL.
    ///
    /// # Panics
    /// There is no process.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("runs");
        child.start_kill().expect("killed");
        child.wait().await.expect("reaped");
    }

    /// Waits until the process has ended by itself (a crash test's abort).
    ///
    /// # Panics
    /// It has not ended within `deadline`.
    pub async fn ended(&mut self, deadline: Duration) {
        let mut child = self.child.take().expect("runs");
        tokio::time::timeout(deadline, child.wait()).await.expect("ends in time").expect("reaped");
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// What the process printed, over all launches.
    pub fn log_path(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    /// An absolute URL.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The admin's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// One request below `/api/v1`; status and JSON body (null when empty or not JSON).
    ///
    /// # Panics
    /// The console does not answer.
    pub async fn request(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, self.url(&format!("/api/v1{path}"))).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the console answers");
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// GET, expecting success.
    ///
    /// # Panics
    /// Another status.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.request(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// POST, expecting success.
    ///
    /// # Panics
    /// Another status.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.request(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// Registers `targets` (`user@address`, name), trusts what they offer, and gathers facts; gives the hosts' ids.
    ///
    /// # Panics
    /// A host does not come that far within 20 s.
    pub async fn register(&self, targets: &[(String, String)]) -> Vec<String> {
        let hosts: Vec<Value> = targets.iter().map(|(target, name)| json!({"target": target, "name": name})).collect();
        let added = self.post("/hosts", json!({ "hosts": hosts })).await;
        let ids: Vec<String> = added.as_array().expect("rows").iter().map(|h| text(&h["id"])).collect();
        for id in &ids {
            let offered = self.offered(id).await;
            self.post(&format!("/hosts/{id}/trust"), json!({ "fingerprints": offered })).await;
            self.post(&format!("/hosts/{id}/facts"), json!({})).await;
        }
        ids
    }

    /// The fingerprints that a host offers, once they are fetched.
    ///
    /// # Panics
    /// None within 20 s.
    pub async fn offered(&self, host: &str) -> Vec<String> {
        let mut offered = Vec::new();
        until(Duration::from_secs(20), "host keys are fetched", async || {
            let row = self.get(&format!("/hosts/{host}")).await;
            offered = row["trust"]["offered"]
                .as_array()
                .map(|keys| keys.iter().map(|k| text(&k["fingerprint"])).collect())
                .unwrap_or_default();
            !offered.is_empty()
        })
        .await;
        offered
    }

    /// Plans and starts `kind`; gives the operation's id.
    ///
    /// # Panics
    /// The plan has a failed check, or the start is refused.
    pub async fn start_operation(&self, kind: &str, params: Value) -> String {
        let plan = self.post("/plans", json!({"kind": kind, "params": params})).await;
        let failed: Vec<&Value> =
            plan["checks"].as_array().expect("checks").iter().filter(|c| c["verdict"] == "fail").collect();
        assert!(failed.is_empty(), "failed checks: {failed:?}");
        let start =
            json!({"kind": kind, "params": plan["params"], "digest": plan["digest"], "confirm": plan["confirm"]});
        let (status, started) = self.request(Method::POST, "/operations", Some(start)).await;
        let verdicts = |plan: &Value| -> Vec<Value> { plan["checks"].as_array().cloned().unwrap_or_default() };
        let (reviewed, now) = (verdicts(&plan), verdicts(&started["plan"]));
        let moved: Vec<&Value> = reviewed.iter().chain(&now).filter(|c| c["verdict"] != "pass").collect();
        assert!(status.is_success(), "{status} {} {}: {moved:?}", started["title"], started["detail"]);
        text(&started["operation"])
    }

    /// Waits until an operation rests or ended and gives it in full.
    ///
    /// # Panics
    /// It is active after `deadline`.
    pub async fn rest(&self, operation: &str, deadline: Duration) -> Value {
        let mut detail = Value::Null;
        until(deadline, "the operation rests", async || {
            detail = self.get(&format!("/operations/{operation}")).await;
            !["running", "cancelling", "undoing"].contains(&detail["summary"]["state"].as_str().unwrap_or(""))
        })
        .await;
        detail
    }

    /// Waits until an operation is done.
    ///
    /// # Panics
    /// It rests in another state, with its reason and last output.
    pub async fn done(&self, operation: &str, deadline: Duration) -> Value {
        let detail = self.rest(operation, deadline).await;
        let output = detail["output"].as_array().map(|l| l[l.len().saturating_sub(15)..].to_vec());
        assert_eq!(detail["summary"]["state"], "done", "{}\n{output:#?}", detail["summary"]["reason"]);
        detail
    }
}

/// The text of a JSON string.
///
/// # Panics
/// It is not a string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a string is wanted, not {value}")).to_owned()
}

async fn command(binary: &Path, data_dir: &Path, args: &[&str], stdin: &str) -> String {
    let mut child = Command::new(binary)
        .args(args)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("quorate runs");
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(stdin.as_bytes()).await.expect("stdin is read");
    drop(pipe);
    let output = child.wait_with_output().await.expect("quorate ends");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}
