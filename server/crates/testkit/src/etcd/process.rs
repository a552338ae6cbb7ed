//! One etcd process. Invariant: it is killed and reaped when its value goes; its data directory lives as long as the
//! value, so that a killed member comes back with its data.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// What is decided about a member before it starts.
pub(super) struct Shape {
    pub name: String,
    pub client_url: String,
    pub listen_peer_url: String,
    pub peer_url: String,
}

/// A member's process, running or not.
pub struct EtcdProcess {
    shape: Shape,
    binary: PathBuf,
    bootstrap: Vec<String>,
    dir: TempDir,
    child: Option<Child>,
}

impl EtcdProcess {
    pub(super) fn start(binary: &Path, shape: Shape, initial: &str, token: &str, state: &str, more: &[String]) -> Self {
        let mut bootstrap = vec![
            format!("--initial-cluster={initial}"),
            format!("--initial-cluster-token={token}"),
            format!("--initial-cluster-state={state}"),
        ];
        bootstrap.extend_from_slice(more);
        let dir = TempDir::with_prefix("quorate-etcd-").expect("a data directory");
        let mut process = Self { shape, binary: binary.to_owned(), bootstrap, dir, child: None };
        process.run();
        process
    }

    /// Name within the cluster.
    pub fn name(&self) -> &str {
        &self.shape.name
    }

    /// The one client URL.
    pub fn client_url(&self) -> &str {
        &self.shape.client_url
    }

    /// The peer URL others know it by.
    pub fn peer_url(&self) -> &str {
        &self.shape.peer_url
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it printed since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Starts it (again) with its data; nothing if it runs.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn run(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = File::create(self.log_path()).expect("the log file");
        let child = Command::new(&self.binary)
            .arg(format!("--name={}", self.shape.name))
            .arg(format!("--data-dir={}", self.data_dir().display()))
            .arg(format!("--listen-client-urls={}", self.shape.client_url))
            .arg(format!("--advertise-client-urls={}", self.shape.client_url))
            .arg(format!("--listen-peer-urls={}", self.shape.listen_peer_url))
            .arg(format!("--initial-advertise-peer-urls={}", self.shape.peer_url))
            .args(&self.bootstrap)
            // Tests are about who answers, not about disks: elections twice as quick, and no waiting for platters.
            .args(["--heartbeat-interval=50", "--election-timeout=500", "--unsafe-no-fsync", "--log-level=warn"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("start etcd");
        self.child = Some(child);
    }

    /// SIGKILL, as a power cut; waits until it is gone. Nothing if it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both can only fail for a process that is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Freezes it: the kernel still accepts connections, nothing answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the process runs");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        kill(pid, signal).expect("signal etcd");
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl Drop for EtcdProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
