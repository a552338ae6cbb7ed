//! What the tests share: leased hosts as targets, and a console's pool that may log in to them.

use quorate_domain::{HostId, host::Elevation};
use quorate_remote::{Command, ConsoleKey, Host, HostPool, Target};
use quorate_testkit::lab::{Lab, LabHost, logins};
use secrecy::SecretString;
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

pub use quorate_testkit::until::until;

/// Leased hosts and a console that they accept.
pub struct Stage {
    pub lab: Lab,
    pub key: ConsoleKey,
    pub console: Console,
}

/// A pool in a directory of its own.
pub struct Console {
    pub pool: HostPool,
    pub dir: TempDir,
}

impl Console {
    pub async fn new(key: &ConsoleKey) -> Self {
        let dir = tempfile::Builder::new().prefix("q").tempdir_in("/tmp").expect("dir");
        let pool = HostPool::new(&dir.path().join("run"), key).await.expect("pool");
        Self { pool, dir }
    }

    pub async fn host(&self, target: &Target) -> Arc<Host> {
        self.pool.host(target).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Stage {
    /// Leases `n` hosts; fails without a lab.
    pub async fn new(n: usize) -> Self {
        let lab = Lab::lease(n).await;
        let key = ConsoleKey::generate("quorate test").expect("key");
        lab.authorize(&key.public_line()).await;
        let console = Console::new(&key).await;
        Self { lab, key, console }
    }

    pub fn leased(&self, i: usize) -> &LabHost {
        &self.lab.hosts()[i]
    }

    pub fn address(&self, i: usize) -> String {
        self.leased(i).address.clone()
    }

    /// The `i`th leased host with the login `user`, elevated as that login needs, its keys pinned.
    pub fn target(&self, i: usize, user: &str) -> Target {
        let host = self.leased(i);
        let (elevation, password) = match user {
            logins::ROOT => (Elevation::Root, None),
            logins::SUDO_WITH_PASSWORD => (Elevation::SudoPassword, Some(logins::SUDO_PASSWORD)),
            _ => (Elevation::Sudo, None),
        };
        let mut id = [host.number; 10];
        id[9] = user.len() as u8;
        Target {
            id: HostId::from_random(id),
            name: host.name.clone(),
            address: host.address.clone(),
            port: 22,
            user: user.into(),
            elevation,
            pinned: self.lab.host_keys(host),
            sudo_password: password.map(SecretString::from),
        }
    }

    pub async fn host(&self, i: usize, user: &str) -> Arc<Host> {
        self.console.host(&self.target(i, user)).await
    }
}

/// One leased host, connected.
pub async fn connected(user: &str) -> (Stage, Arc<Host>) {
    let stage = Stage::new(1).await;
    let host = stage.host(0, user).await;
    (stage, host)
}

/// The lab's copy of the guide's archive.
pub fn archive() -> PathBuf {
    let dir = std::env::var_os("QUORATE_LAB_DIR").map_or_else(|| PathBuf::from("/var/lib/quorate-lab"), PathBuf::from);
    dir.join("cache/mirror/v3.5.16/etcd-v3.5.16-linux-amd64.tar.gz")
}

/// Runs a command and gives its trimmed stdout; it must succeed.
pub async fn say(host: &Host, command: Command) -> String {
    let output = host.run_ok(command).await.unwrap_or_else(|error| panic!("{error}"));
    output.text().trim().to_owned()
}

/// A shell line as root; the tests' own text.
pub fn sh(line: &str) -> Command {
    Command::new(["/bin/sh", "-c", line]).root()
}

/// Cuts the connection that this command comes over: timeout's parent is its sshd process.
pub async fn cut(host: &Host) {
    let result = host.run(sh("kill -9 $(ps -o ppid= -p $PPID)")).await;
    assert!(matches!(result, Err(quorate_remote::RemoteError::Broken { .. })), "{result:?}");
}

/// Bytes that compress and repeat badly, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
