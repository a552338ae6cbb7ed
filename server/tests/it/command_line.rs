//! The binary: what it prints, and what it says when it cannot start.

use crate::support::PASSWORD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn quorate(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).arg("--data-dir").arg(dir).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    quorate(dir, args).output().expect("run")
}

fn run_with(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut child = quorate(dir, args).stdin(Stdio::piped()).spawn().expect("run");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("write");
    child.wait_with_output().expect("wait")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A `serve` of its own; killed when dropped.
struct Serve {
    process: Child,
    address: String,
}

impl Serve {
    fn start(dir: &Path) -> Self {
        // Another test may take the port that was free a moment ago.
        (0..3).find_map(|_| Self::try_start(dir)).expect("the console comes up")
    }

    fn try_start(dir: &Path) -> Option<Self> {
        // With port 0 nobody would know where it listens.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("port").to_string();
        let process = quorate(dir, &["serve", "--listen", &address]).spawn().expect("serve");
        let mut serve = Self { process, address };
        let log = BufReader::new(serve.process.stderr.take().expect("stderr"));
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match told.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("the console does not come up"),
            };
            if line.contains("the console is there") {
                return Some(serve);
            }
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.process.try_wait().expect("wait").is_some() {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn dir() -> TempDir {
    tempfile::Builder::new().prefix("q").tempdir().expect("dir")
}

#[test]
fn users_and_tokens_are_made_beside_a_running_console() {
    let dir = dir();
    let mut serve = Serve::start(dir.path());
    let added =
        run_with(dir.path(), &["user", "add", "--name", "anna", "--role", "admin", "--password-stdin"], PASSWORD);
    assert!(added.status.success(), "{}", words(&added));
    let token = run(dir.path(), &["token", "create", "--name", "ci", "--role", "admin"]);
    assert!(token.status.success(), "{}", words(&token));
    let token = String::from_utf8(token.stdout).expect("text");
    assert!(token.starts_with("quorate_") && token.trim_end().len() == 51 && token.ends_with('\n'), "{token}");
    let weak = run_with(dir.path(), &["user", "passwd", "--name", "anna", "--password-stdin"], "password1234\n");
    assert!(!weak.status.success() && words(&weak).contains("guessers"), "{}", words(&weak));
    let twice = run_with(dir.path(), &["user", "add", "--name", "ANNA", "--role", "viewer"], PASSWORD);
    assert!(!twice.status.success() && words(&twice).contains("there already"), "{}", words(&twice));
    serve.signal("-TERM");
    assert!(serve.ends_within(Duration::from_secs(5)));
}

#[test]
fn without_a_terminal_the_set_up_link_goes_to_a_private_file() {
    let dir = dir();
    let mut serve = Serve::start(dir.path());
    let file = dir.path().join("setup-code");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !file.exists() && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let link = std::fs::read_to_string(&file).expect("link");
    assert!(link.contains("/setup#"), "{link}");
    assert_eq!(std::fs::metadata(&file).expect("stat").permissions().mode() & 0o777, 0o600);
    serve.signal("-INT");
    assert!(serve.ends_within(Duration::from_secs(5)));
}

#[test]
fn a_busy_port_a_locked_directory_and_a_wrong_key_are_named() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = busy.local_addr().expect("address").to_string();
    let one = dir();
    let output = run(one.path(), &["serve", "--listen", &address]);
    assert!(!output.status.success());
    assert!(words(&output).contains("--listen") && words(&output).contains(&address), "{}", words(&output));

    let two = dir();
    let _serve = Serve::start(two.path());
    let second = run(two.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success(), "{}", words(&second));
    assert!(words(&second).contains(&two.path().display().to_string()), "{}", words(&second));

    let key = one.path().join("master.key");
    let right = std::fs::read(&key).expect("key");
    std::fs::rename(&key, one.path().join("elsewhere")).expect("away");
    let missing = run(one.path(), &["migrate"]);
    assert!(!missing.status.success() && words(&missing).contains("master.key"), "{}", words(&missing));
    assert!(!key.exists(), "no new key beside a database that has one");
    let other = dir();
    assert!(run(other.path(), &["migrate"]).status.success());
    std::fs::copy(other.path().join("master.key"), &key).expect("wrong key");
    let wrong = run(one.path(), &["migrate"]);
    assert!(!wrong.status.success() && words(&wrong).contains("key"), "{}", words(&wrong));
    std::fs::write(&key, right).expect("right key");
    let again = run(one.path(), &["migrate"]);
    assert!(again.status.success(), "nothing was overwritten: {}", words(&again));
}

#[test]
fn plain_http_stays_on_loopback() {
    let dir = dir();
    let output = run(dir.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert!(!output.status.success() && words(&output).contains("--trusted-proxy"), "{}", words(&output));
}

#[test]
fn the_document_is_printed_without_a_data_directory() {
    let dir = dir();
    let output = run(&dir.path().join("never-made"), &["openapi"]);
    assert!(output.status.success() && output.stdout.starts_with(b"{"));
    assert!(!dir.path().join("never-made").exists());
}

#[test]
fn healthcheck_succeeds_while_the_console_is_ready() {
    let dir = dir();
    let mut serve = Serve::start(dir.path());
    let address = serve.address.clone();
    let check = ["healthcheck", "--listen", address.as_str()];
    let ready = run(dir.path(), &check);
    assert!(ready.status.success(), "{}", words(&ready));
    serve.signal("-TERM");
    assert!(serve.ends_within(Duration::from_secs(5)));
    let gone = run(dir.path(), &check);
    assert_eq!(gone.status.code(), Some(1));
    assert!(words(&gone).contains("not ready") && words(&gone).contains(&address), "{}", words(&gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwd_changes_the_password_of_a_running_console_and_ends_the_sessions() {
    const NEW: &str = "river glass mint oak";
    let dir = dir();
    let serve = Serve::start(dir.path());
    let add = ["user", "add", "--name", "anna", "--role", "viewer", "--password-stdin"];
    assert!(run_with(dir.path(), &add, PASSWORD).status.success());
    let browser = reqwest::Client::builder().cookie_store(true).build().expect("client");
    let rpc = async |name: &str, body: Value| {
        let request = browser.post(format!("http://{}/rpc/{name}", serve.address)).header("accept", "application/json");
        let request = match body {
            Value::String(fields) => request.header("content-type", "application/x-www-form-urlencoded").body(fields),
            body => request.json(&body),
        };
        request.send().await.expect("answer")
    };
    let log_in = async |password: &str| {
        let fields = format!("name=anna&password={}", password.replace(' ', "+"));
        rpc("login", fields.into()).await.status()
    };
    let who = async || rpc("session", json!({})).await.json::<Value>().await.expect("json");
    assert_eq!(log_in(PASSWORD).await, StatusCode::OK);
    assert_eq!(who().await["name"], "anna");

    let missing = run_with(dir.path(), &["user", "passwd", "--name", "otto", "--password-stdin"], NEW);
    assert!(!missing.status.success() && words(&missing).contains("otto"), "{}", words(&missing));
    let changed = run_with(dir.path(), &["user", "passwd", "--name", "anna", "--password-stdin"], NEW);
    assert!(changed.status.success(), "{}", words(&changed));

    assert_eq!(who().await, Value::Null, "its sessions ended");
    assert_eq!(log_in(PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(log_in(NEW).await, StatusCode::OK);
}
