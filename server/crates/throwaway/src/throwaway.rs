//! One throw-away etcd: restored, started, asked, ended. Invariant: it comes from etcd's own tool and etcd's own server of one
//! version; it has one member, whose sockets lie in its room. etcd takes `unix://<name>:<port>` as a URL to listen at and makes a
//! socket `<name>:<port>` in its working directory (3.4 to 3.6), so that no path is ever too long for a socket.

use crate::{binaries::Binaries, error::ThrowawayError, leases, room::Room};
use quorate_domain::wide::Wide;
use quorate_etcd::{Access, EtcdError, MemberClient, MemberEndpoint, Range};
use std::{
    fs::File,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::{Instant, sleep},
};

/// Its only member.
const NAME: &str = "throwaway";
/// How much nicer it is than the console, which answers people.
const NICE: &str = "10";
/// How long etcd may take to read what was restored; some gigabytes on a slow disk.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take to answer while it comes up, and how long until it is asked again.
const ANSWER: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(20);
/// So much of what a program said is told.
const SAID: usize = 600;

/// A throw-away etcd. Dropping it ends it and removes all that it had on the disk.
pub struct Throwaway {
    client: MemberClient,
    revision: Wide,
    /// Ends with it.
    _keeper: JoinSet<()>,
    /// Held open: the sockets are reached through it.
    _directory: File,
    child: Child,
    room: Room,
}

impl Throwaway {
    /// Restores what lies at [`Room::database`] and starts etcd with it. `sealed`: it ends with etcd's own digest, as a snapshot does
    /// and a copied database does not; then etcd checks it too. `access`: what the cluster wants from its clients; a throw-away
    /// etcd has no TLS, but knows the cluster's users.
    ///
    /// # Errors
    /// [`ThrowawayError`]; then, and when the future is dropped, the room is cleared.
    pub async fn restore(
        room: Room,
        binaries: &Binaries,
        sealed: bool,
        access: &Access,
    ) -> Result<Self, ThrowawayError> {
        restore(&room, binaries, sealed).await?;
        // It was copied, and nothing else needs it.
        let _ = tokio::fs::remove_file(room.database()).await;
        let directory = File::open(room.path()).map_err(ThrowawayError::local("cannot open", room.path()))?;
        // Not by its path, which may be longer than sockets' addresses are.
        let socket = PathBuf::from(format!("/proc/self/fd/{}/{}:1", directory.as_raw_fd(), room.name()));
        let endpoint = MemberEndpoint::unix("http://localhost", socket).with_access(access.login_alone());
        let connected = MemberClient::connect(&endpoint);
        let client = connected.map_err(|error| no_start(binaries, error.to_string()))?;
        let mut child = start(&room, binaries)?;
        let revision = come_up(&mut child, &client, &room, binaries).await?;
        let mut keeper = JoinSet::new();
        keeper.spawn(leases::keep(client.clone()));
        Ok(Self { client, revision, _keeper: keeper, _directory: directory, child, room })
    }

    /// Talks to it; does not keep it.
    pub fn client(&self) -> &MemberClient {
        &self.client
    }

    /// The revision that it began with, which is the snapshot's.
    pub fn revision(&self) -> Wide {
        self.revision
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it; the same as dropping it, for whoever wants to know that it is gone.
    ///
    /// # Errors
    /// `Local` when its directory is not removed.
    pub async fn end(self) -> Result<(), ThrowawayError> {
        let Self { mut child, room, .. } = self;
        // It can only be gone already.
        let _ = child.kill().await;
        room.clear().await
    }
}

fn no_start(binaries: &Binaries, said: String) -> ThrowawayError {
    ThrowawayError::NoStart { version: binaries.version(), said }
}

/// A program in the room, niced, with nothing of the console's environment but where programs are.
fn program(path: &Path, room: &Room) -> Command {
    let mut command = Command::new("nice");
    command
        .args(["-n", NICE, "--"])
        .arg(path)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("ETCDCTL_API", "3")
        .current_dir(room.path())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// How the member is known to its peers, of which there are none.
fn peer_url(room: &Room) -> String {
    format!("unix://{}:2", room.name())
}

/// For a restore of any size that a quota allows, on a slow disk.
const RESTORE: Duration = Duration::from_secs(30 * 60);

async fn restore(room: &Room, binaries: &Binaries, sealed: bool) -> Result<(), ThrowawayError> {
    let (restorer, peer) = (binaries.restorer(), peer_url(room));
    let mut program = program(&restorer, room);
    program
        .args(["snapshot", "restore", "snapshot.db", "--data-dir=data"])
        .arg(format!("--name={NAME}"))
        .arg(format!("--initial-cluster={NAME}={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .args((!sealed).then_some("--skip-hash-check"))
        .stderr(Stdio::piped());
    let ended = tokio::time::timeout(RESTORE, program.output()).await;
    let late = |_| ThrowawayError::Refused {
        version: binaries.version(),
        said: format!("the restore did not end within {} minutes", RESTORE.as_secs() / 60),
    };
    let output = ended.map_err(late)?.map_err(ThrowawayError::local("cannot run", &restorer))?;
    if output.status.success() {
        return Ok(());
    }
    let said = last_words(&String::from_utf8_lossy(&output.stderr));
    Err(ThrowawayError::Refused { version: binaries.version(), said })
}

fn start(room: &Room, binaries: &Binaries) -> Result<Child, ThrowawayError> {
    let (etcd, client, peer) = (binaries.etcd(), format!("unix://{}:1", room.name()), peer_url(room));
    let log = File::create(log(room)).map_err(ThrowawayError::local("cannot write", &log(room)))?;
    let mut command = program(&etcd, room);
    command
        .args(["--data-dir=data", "--logger=zap", "--log-outputs=stderr", "--log-level=warn"])
        .arg(format!("--name={NAME}"))
        .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
        .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
        .arg(format!("--initial-cluster={NAME}={peer}"))
        // It elects itself at once, dials nobody, and takes a database of any size.
        .args(["--heartbeat-interval=20", "--election-timeout=200", "--enable-grpc-gateway=false"])
        .arg("--quota-backend-bytes=-1")
        .stderr(log);
    command.spawn().map_err(ThrowawayError::local("cannot run", &etcd))
}

fn log(room: &Room) -> PathBuf {
    room.path().join("log")
}

/// Waits until it answers; its revision then.
async fn come_up(
    child: &mut Child,
    client: &MemberClient,
    room: &Room,
    binaries: &Binaries,
) -> Result<Wide, ThrowawayError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let silence = match ask(client).await {
            Ok(revision) => return Ok(revision),
            Err(source) if source.is_about_login() => return Err(ThrowawayError::Login { source }),
            Err(silence) => silence,
        };
        let ended = child.try_wait().map_err(ThrowawayError::local("cannot wait for", &binaries.etcd()))?;
        if ended.is_some() {
            let said = tokio::fs::read_to_string(log(room)).await.unwrap_or_default();
            return Err(no_start(binaries, last_words(&said)));
        }
        if until <= Instant::now() {
            return Err(no_start(binaries, silence.to_string()));
        }
        sleep(BETWEEN).await;
    }
}

async fn ask(client: &MemberClient) -> Result<Wide, EtcdError> {
    let reply = client.status(ANSWER).await?;
    if reply.status.leader.is_none() {
        return Err(EtcdError::NoLeader);
    }
    // Whoever may not read is told now.
    client.range(&Range { count_only: true, ..Range::of([0]) }, ANSWER).await?;
    Ok(reply.status.revision)
}

/// The end of what a program said, in one line: there it says why it ends.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = lines.iter().rev().find(|line| line.starts_with("Error:") || line.contains("\"level\":\"fatal\""));
    let line = error.or(lines.last()).copied().unwrap_or("it said nothing");
    line.trim_start_matches("Error:").trim().chars().take(SAID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_words_those_are_told_that_say_why() {
        let said = "2026 info restoring\nError: snapshot missing hash but --skip-hash-check=false\n";
        assert_eq!(last_words(said), "snapshot missing hash but --skip-hash-check=false");
        let logged = "{\"level\":\"fatal\",\"msg\":\"failed\"}\ngoroutine 1 [running]\n";
        assert!(last_words(logged).contains("failed"));
        assert_eq!((last_words(""), last_words("a\nb\n\n")), ("it said nothing".into(), "b".into()));
        assert_eq!(last_words(&"x".repeat(5000)).len(), SAID);
    }
}
