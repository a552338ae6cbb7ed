//! A host that commands run on. Invariants: one connection, opened when needed and again after a break; at most 8
//! sessions at once (sshd's MaxSessions is 10); a command is tried again only when it certainly did not start.
//! Files live in `files`, detached jobs in `job`, tunnels in `tunnel`.

use crate::{
    classify,
    command::{Command, Input, Output, STDERR_CAP, wrap},
    connection::{Connection, Places, Shared},
    error::RemoteError,
    root_shell::{NoOutput, RootShells},
    target::Target,
    tunnel::Tunnels,
};
use openssh::{Session, Stdio};
use quorate_domain::{HostId, host::Elevation};
use secrecy::{ExposeSecret, SecretString};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::{Mutex, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

const SESSIONS: usize = 8;

/// Bytes of stdout as they arrive.
pub(crate) type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// A registered host, connected when needed.
pub struct Host {
    target: Target,
    places: Places,
    connection: Mutex<Slot>,
    sessions: Semaphore,
    pub(crate) tunnels: Tunnels,
    pub(crate) root_shells: RootShells,
}

/// The connection that is open, and what the last attempt that failed came to when it ended.
#[derive(Default)]
struct Slot {
    open: Option<Arc<Connection>>,
    failed: Option<(Instant, RemoteError)>,
}

impl Host {
    pub(crate) fn new(places: Places, target: Target) -> Self {
        let tunnels = Tunnels::new(places.tunnels.clone());
        let (connection, sessions) = (Mutex::default(), Semaphore::new(SESSIONS));
        Self { target, places, connection, sessions, tunnels, root_shells: RootShells::default() }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Id of the host.
    pub fn id(&self) -> &HostId {
        &self.target.id
    }

    /// Name of the host in the console.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// `text` without the host's sudo password, for whatever is shown or kept of what a command printed.
    pub fn redact(&self, text: String) -> String {
        match &self.target.sudo_password {
            Some(secret) if text.contains(secret.expose_secret()) => text.replace(secret.expose_secret(), "•••"),
            _ => text,
        }
    }

    /// Opens the connection unless it is open.
    pub(crate) async fn connect(&self) -> Result<(), RemoteError> {
        self.connection().await.map(|_| ())
    }

    /// The open connection; opened when there is none.
    pub(crate) async fn connection(&self) -> Result<Shared, RemoteError> {
        let asked = Instant::now();
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.open.as_ref().filter(|c| c.usable()) {
            return Ok(Shared(connection.clone()));
        }
        // Whoever waited for an attempt that failed is told its outcome: a silent host would else be waited for by all of
        // them, one after another.
        if let Some((_, error)) = slot.failed.as_ref().filter(|(ended, _)| asked < *ended) {
            return Err(error.clone());
        }
        *slot = Slot::default();
        match Connection::open(&self.places, &self.target).await {
            Ok(opened) => {
                let opened = Arc::new(opened);
                slot.open = Some(opened.clone());
                Ok(Shared(opened))
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Forgets a connection that turned out broken; sessions that still run on it end by themselves.
    pub(crate) async fn discard(&self, broken: &Shared) {
        let mut slot = self.connection.lock().await;
        if slot.open.as_ref().is_some_and(|current| Arc::ptr_eq(current, &broken.0)) {
            slot.open = None;
        }
    }

    /// Closes tunnels, root's process and the connection; the next call opens it again.
    pub(crate) async fn close(&self) {
        self.tunnels.close();
        self.root_shells.close();
        *self.connection.lock().await = Slot::default();
    }

    pub(crate) async fn session(&self) -> Result<SemaphorePermit<'_>, RemoteError> {
        self.sessions.acquire().await.map_err(|_| self.broken("waiting for a session", "the console is stopping"))
    }

    pub(crate) fn broken(&self, what: &str, detail: impl std::fmt::Display) -> RemoteError {
        RemoteError::Broken { host: self.name().to_owned(), what: what.to_owned(), detail: detail.to_string() }
    }

    /// Bounds `work` by `after`; what it leaves behind on the host must end by itself.
    pub(crate) async fn within<T>(
        &self,
        after: Duration,
        what: &str,
        work: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        match timeout(after, work).await {
            Ok(result) => result,
            Err(_) => Err(RemoteError::Deadline { host: self.name().to_owned(), what: what.to_owned(), after }),
        }
    }

    /// Runs `command`; any exit status is a result.
    ///
    /// # Errors
    /// Why the host was not reached, why root was refused, `Deadline`, or `Broken` (then it is not known whether it
    /// ran). Cancelling leaves the remote process to its own time limit.
    pub async fn run(&self, command: Command) -> Result<Output, RemoteError> {
        let (what, deadline) = (command.name(), command.deadline);
        self.within(deadline, &what, self.execute(command, None)).await
    }

    /// Runs `command`, which must succeed.
    ///
    /// # Errors
    /// As `run`; `DiskFull` or `CommandFailed` for any status but 0.
    pub async fn run_ok(&self, command: Command) -> Result<Output, RemoteError> {
        let argv0 = command.name();
        let output = self.run(command).await?;
        self.expect_success(output, &argv0, "what it writes")
    }

    /// Runs `command` and hands its stdout out as it arrives; the output's `stdout` stays empty.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_streaming(&self, command: Command, on_stdout: Sink<'_>) -> Result<Output, RemoteError> {
        let (what, deadline) = (command.name(), command.deadline);
        self.within(deadline, &what, self.execute(command, Some(on_stdout))).await
    }

    pub(crate) fn expect_success(&self, output: Output, argv0: &str, path: &str) -> Result<Output, RemoteError> {
        if output.success() {
            return Ok(output);
        }
        Err(classify::command_failure(self.name(), argv0, path, output.status, &output.error_text()))
    }

    async fn execute(&self, command: Command, sink: Option<Sink<'_>>) -> Result<Output, RemoteError> {
        if command.argv.is_empty() || command.argv.iter().any(|arg| arg.contains('\0')) {
            return Err(RemoteError::Invalid {
                what: "a command has a program, and no argument with a NUL byte".into(),
            });
        }
        let started = Instant::now();
        if command.root && sink.is_none() {
            match self.run_by_root_shell(&command).await {
                Ok(output) => return self.in_time(output, &command, started),
                Err(NoOutput::Cut(error)) => return Err(self.broken(&command.name(), error)),
                Err(NoOutput::NotStarted) => {}
            }
        }
        let prepared = self.prepare(&command).await?;
        let argv = wrap(&command.argv, command.root, self.target.elevation, command.deadline, &prepared.input);
        let permit = self.session().await?;
        let result = self.exchange(&command, &argv, prepared.channel, sink).await;
        drop(permit);
        if let Input::PasswordThenFile(path) = &prepared.input {
            self.unstage(path).await;
        }
        let output = result?;
        let elevated = command.root && self.target.elevation != Elevation::Root;
        let refusal = elevated.then(|| classify::sudo_failure(&self.target, output.status, &output.error_text()));
        if let Some(refusal) = refusal.flatten() {
            return Err(refusal);
        }
        if command.root {
            self.root_shells.allow();
        }
        self.in_time(output, &command, started)
    }

    /// `output`, unless it is timeout(1)'s answer for a command that took too long.
    fn in_time(&self, output: Output, command: &Command, started: Instant) -> Result<Output, RemoteError> {
        if matches!(output.status, 124 | 137) && started.elapsed() + Duration::from_millis(50) >= command.deadline {
            let (host, what) = (self.name().to_owned(), command.name());
            return Err(RemoteError::Deadline { host, what, after: command.deadline });
        }
        Ok(output)
    }

    /// A command as the login that the crate itself needs meanwhile; it never needs another one itself.
    pub(crate) async fn run_plain(&self, argv: &[&str], deadline: Duration) -> Result<Output, RemoteError> {
        let command = Command::new(argv.iter().copied()).deadline(deadline);
        let argv = wrap(&command.argv, false, self.target.elevation, deadline, &Input::Channel);
        self.within(deadline, &command.name(), async {
            let _permit = self.session().await?;
            self.exchange(&command, &argv, None, None).await
        })
        .await
    }

    /// What goes through the channel, and what is put on the host beforehand so that it need not.
    async fn prepare(&self, command: &Command) -> Result<Prepared, RemoteError> {
        if !command.root || self.target.elevation != Elevation::SudoPassword {
            let channel = command.stdin.clone().map(Zeroizing::new);
            return Ok(Prepared { input: Input::Channel, channel });
        }
        let Some(password) = &self.target.sudo_password else {
            let (host, user) = (self.name().to_owned(), self.target.user.clone());
            return Err(RemoteError::SudoPasswordMissing { host, user });
        };
        let input = match &command.stdin {
            None => Input::Password,
            Some(content) => Input::PasswordThenFile(self.stage(content).await?.file()),
        };
        Ok(Prepared { input, channel: Some(password_line(password)) })
    }

    async fn exchange(
        &self,
        command: &Command,
        argv: &[String],
        channel: Option<Zeroizing<Vec<u8>>>,
        sink: Option<Sink<'_>>,
    ) -> Result<Output, RemoteError> {
        let what = command.name();
        let (connection, mut child) = self.spawn(argv, channel.is_some(), &what).await?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let feed = async {
            if let (Some(mut pipe), Some(bytes)) = (stdin, channel) {
                // A command may end without reading its input; that is its business.
                let _ = pipe.write_all(&bytes).await;
            }
        };
        let (_, stdout, stderr) =
            tokio::join!(feed, collect(stdout, command.cap, sink), collect(stderr, STDERR_CAP, None));
        let status = match child.wait().await {
            Ok(status) => status.code().unwrap_or(-1),
            // openssh reports status 127 as an error of its own.
            Err(openssh::Error::Remote(_)) => 127,
            Err(openssh::Error::RemoteProcessTerminated) if connection.0.alive().await => -1,
            Err(error) => {
                self.discard(&connection).await;
                return Err(self.broken(&what, error));
            }
        };
        let (stdout, stderr) = (stdout.map_err(|e| self.broken(&what, e))?, stderr.map_err(|e| self.broken(&what, e))?);
        Ok(Output { status, truncated: stdout.truncated || stderr.truncated, stdout: stdout.kept, stderr: stderr.kept })
    }

    /// Starts `argv`; a connection that proves dead at this point is opened again once. That cannot run a command
    /// twice: ssh reports a session as failed only when the host has not confirmed its channel, and the command is
    /// sent after that.
    async fn spawn(
        &self,
        argv: &[String],
        with_stdin: bool,
        what: &str,
    ) -> Result<(Shared, openssh::Child<Shared>), RemoteError> {
        let mut second = false;
        loop {
            let connection = self.connection().await?;
            let mut command = Session::to_command(connection.clone(), argv[0].as_str());
            command.args(&argv[1..]);
            command.stdin(if with_stdin { Stdio::piped() } else { Stdio::null() });
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            match command.spawn().await {
                Ok(child) => return Ok((connection, child)),
                Err(error) => {
                    self.discard(&connection).await;
                    if second {
                        return Err(self.broken(what, error));
                    }
                    second = true;
                }
            }
        }
    }
}

struct Prepared {
    input: Input,
    channel: Option<Zeroizing<Vec<u8>>>,
}

/// What sudo reads.
pub(crate) fn password_line(password: &SecretString) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(password.expose_secret().len() + 1));
    line.extend_from_slice(password.expose_secret().as_bytes());
    line.push(b'\n');
    line
}

struct Collected {
    kept: Vec<u8>,
    truncated: bool,
}

/// Reads to the end: into `sink`, or up to `cap` bytes into memory. The rest is read too, so that the remote process
/// never blocks on a full pipe.
async fn collect(
    from: Option<impl AsyncRead + Unpin>,
    cap: usize,
    mut sink: Option<Sink<'_>>,
) -> std::io::Result<Collected> {
    let mut collected = Collected { kept: Vec::new(), truncated: false };
    let Some(mut from) = from else { return Ok(collected) };
    let mut chunk = vec![0u8; 32 << 10];
    loop {
        let n = from.read(&mut chunk).await?;
        if n == 0 {
            return Ok(collected);
        }
        match &mut sink {
            Some(sink) => sink(&chunk[..n]),
            None => {
                let room = cap.saturating_sub(collected.kept.len()).min(n);
                collected.kept.extend_from_slice(&chunk[..room]);
                collected.truncated |= room < n;
            }
        }
    }
}
