//! One multiplexed ssh connection. Invariants: the directory with its control socket is 0700 and goes with it; ssh
//! ends itself when idle (`ControlPersist`), so a dead console leaves nothing behind for longer than that. Reusing
//! and re-opening lives in `host`.

use crate::{
    classify,
    error::RemoteError,
    scan::scan_keys,
    ssh_config::{self, ALIAS, CONNECT_SECONDS, Files},
    target::Target,
};
use openssh::Session;
use std::{
    fs,
    io::Write,
    ops::Deref,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{process, time::timeout};

/// Where the pool keeps its files.
#[derive(Clone)]
pub(crate) struct Places {
    pub control: PathBuf,
    pub tunnels: PathBuf,
    pub agent: PathBuf,
    pub public_key: PathBuf,
}

/// An open connection.
pub(crate) struct Connection {
    session: Session,
    directory: PathBuf,
    forwards: AtomicU32,
}

/// A counted reference that `openssh` can borrow the session from.
#[derive(Clone)]
pub(crate) struct Shared(pub Arc<Connection>);

impl Deref for Shared {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.0.session
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// Connect, banner, key exchange and login together.
const LOGIN_DEADLINE: Duration = Duration::from_secs(CONNECT_SECONDS + 5);

impl Connection {
    /// Logs in to `target`.
    ///
    /// # Errors
    /// What `classify::connect_failure` reads from ssh's log; `HostKeyChanged` carries what the host offers now.
    /// Cancelling ends ssh.
    pub async fn open(places: &Places, target: &Target) -> Result<Self, RemoteError> {
        let directory = tempfile::Builder::new()
            .prefix("m")
            .tempdir_in(&places.control)
            .map_err(RemoteError::local("cannot make a control directory"))?;
        let at = directory.path();
        let known_hosts = at.join("known_hosts");
        let files = Files { agent: &places.agent, public_key: &places.public_key, known_hosts: &known_hosts };
        write_private(&at.join("config"), &ssh_config::render(target, &files)?)?;
        write_private(&known_hosts, &ssh_config::known_hosts(target))?;
        let master = process::Command::new("ssh")
            .arg("-F")
            .arg(at.join("config"))
            .arg("-E")
            .arg(at.join("log"))
            .arg("-S")
            .arg(at.join("master"))
            .args(["-M", "-f", "-N", ALIAS])
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("SSH_ASKPASS")
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let status = match timeout(LOGIN_DEADLINE, master).await {
            Err(_) => return Err(silent(target)),
            Ok(status) => status.map_err(RemoteError::local("cannot run ssh (package openssh-client)"))?,
        };
        if !status.success() {
            let log = fs::read_to_string(at.join("log")).unwrap_or_default();
            return Err(failure(target, &log).await);
        }
        let path = at.to_path_buf();
        Ok(Self { session: Session::new_native_mux(directory), directory: path, forwards: AtomicU32::new(0) })
    }

    /// Whether ssh still offers the connection; it removes its socket when it ends.
    pub fn usable(&self) -> bool {
        self.directory.join("master").exists()
    }

    /// Whether ssh answers on the control socket.
    pub async fn alive(&self) -> bool {
        timeout(Duration::from_secs(1), self.session.check()).await.is_ok_and(|answer| answer.is_ok())
    }

    /// A fresh path for a forwarded socket.
    pub fn forward_path(&self) -> PathBuf {
        self.directory.join(format!("f{}", self.forwards.fetch_add(1, Ordering::Relaxed)))
    }

    /// The last line that ssh logged and that contains `needle`.
    pub fn logged(&self, needle: &str) -> Option<String> {
        let log = fs::read_to_string(self.directory.join("log")).ok()?;
        log.lines().rev().find(|line| line.contains(needle)).map(|line| line.trim().to_owned())
    }
}

fn silent(target: &Target) -> RemoteError {
    RemoteError::ConnectTimeout { host: target.name.clone(), address: target.endpoint(), after: LOGIN_DEADLINE }
}

async fn failure(target: &Target, log: &str) -> RemoteError {
    match classify::connect_failure(target, log, Duration::from_secs(CONNECT_SECONDS)) {
        RemoteError::HostKeyChanged { host, .. } => {
            let offered = scan_keys(&target.address, target.port, Duration::from_secs(5)).await.unwrap_or_default();
            RemoteError::HostKeyChanged { host, offered }
        }
        other => other,
    }
}

/// Writes a file that only the console's user can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), RemoteError> {
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(RemoteError::local(format!("cannot write {}", path.display())))
}
