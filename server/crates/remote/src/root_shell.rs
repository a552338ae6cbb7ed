//! One long-lived root process a host that runs commands one after another: a session and sudo cost 20 to 30 ms each
//! time, this costs them once. Invariants: arguments and input travel as data and are never read as shell text; what a
//! command prints cannot pass for the end of it; a process whose dialogue was left half-way is never used again.
//! Whatever it cannot do is done in a session of its own, which is also where refusals are explained: see `host`.

use crate::{
    command::{Command, Output, STDERR_CAP, limit},
    connection::Shared,
    host::{Host, password_line},
};
use openssh::{Child, ChildStderr, ChildStdin, ChildStdout, Session, Stdio};
use quorate_domain::host::Elevation;
use rand::RngCore;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

/// Reads commands and runs them. A command is a line `MARK LIMIT ARGUMENTS BYTES`, as many lines of one argument each
/// (`\\` and `\n` stand for a backslash and a line's end), and so many bytes of input. Its end is told on stdout as
/// `MARK STATUS` and on stderr as `MARK`, each on a line of its own.
///
/// Until `begin` nothing counts: sudo asks for no password where its rules say so, and would leave it unread.
const LOOP: &str = r#"printf 'ready\n'
while IFS= read -r line && [ "$line" != begin ]; do :; done
while read -r mark limit args bytes; do
  set --
  while [ "$args" -gt 0 ]; do
    IFS= read -r arg || exit
    case $arg in *\\*) arg=$(printf '%b.' "$arg"); arg=${arg%.} ;; esac
    set -- "$@" "$arg"
    args=$((args - 1))
  done
  if [ "$bytes" -gt 0 ]; then
    head -c "$bytes" | { timeout -k 2 "$limit" "$@"; status=$?; cat >/dev/null; exit "$status"; }
  else
    timeout -k 2 "$limit" "$@" </dev/null
  fi
  status=$?
  printf '\n%s %d\n' "$mark" "$status"
  printf '\n%s\n' "$mark" >&2
done
"#;

/// sudo may look up names first, which on a host with a broken resolver takes seconds.
const START: Duration = Duration::from_secs(10);
/// One that was not used for so long is asked whether it still answers before a command is given to it.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long that answer may take; a session of its own is opened then.
const ANSWER: Duration = Duration::from_secs(2);
/// One that was not used for so long is ended: it would keep the connection open for ever.
const IDLE: Duration = Duration::from_secs(20);
/// After one that could not be started, none is tried for so long.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// A host's process and when it may be started.
#[derive(Default)]
pub(crate) struct RootShells {
    slot: Arc<Slot>,
    /// None until a command became root in a session of its own: who may not is told so there, once.
    start_from: Mutex<Option<Instant>>,
}

/// Holds the process while no command runs on it.
type Slot = tokio::sync::Mutex<Option<RootShell>>;

struct RootShell {
    connection: Shared,
    _child: Child<Shared>,
    dialogue: Dialogue<ChildStdin, ChildStdout, ChildStderr>,
    used: Instant,
}

/// The three pipes of the process.
struct Dialogue<I, O, E> {
    stdin: I,
    stdout: O,
    stderr: E,
}

/// Why the process gave no output.
pub(crate) enum NoOutput {
    /// The command certainly did not start.
    NotStarted,
    /// It is not known whether it ran.
    Cut(io::Error),
}

impl RootShells {
    /// A command became root in a session of its own.
    pub fn allow(&self) {
        self.start_from.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// Ends the process, unless it runs a command: then it ends with the `Host`, or idle.
    pub fn close(&self) {
        if let Ok(mut slot) = self.slot.try_lock() {
            *slot = None;
        }
    }

    fn may_start(&self) -> bool {
        self.start_from.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|from| from <= Instant::now())
    }

    fn allow_again(&self) {
        *self.start_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn give_up(&self) {
        *self.start_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + GIVEN_UP);
    }
}

impl Host {
    /// Runs `command` as root by the host's process, unless that is busy or cannot be had. Cancelling ends the process;
    /// what it ran is left to its own time limit.
    pub(crate) async fn run_by_root_shell(&self, command: &Command) -> Result<Output, NoOutput> {
        let shells = &self.root_shells;
        let mut slot = shells.slot.try_lock().map_err(|_| NoOutput::NotStarted)?;
        let mut shell = match slot.take() {
            Some(mut kept) => {
                if !kept.answers().await {
                    return Err(NoOutput::NotStarted);
                }
                kept
            }
            None if !shells.may_start() => return Err(NoOutput::NotStarted),
            None => {
                // Given up until it is there: whoever drops this future on a deadline of his own must not have the next
                // command wait in vain too, and a refusal is explained by a session. Half of the time is left to that.
                shells.give_up();
                let bound = START.min(command.deadline / 2);
                let Ok(Some(started)) = timeout(bound, self.start_root_shell()).await else {
                    return Err(NoOutput::NotStarted);
                };
                shells.allow_again();
                tokio::spawn(end_when_idle(Arc::downgrade(&shells.slot)));
                started
            }
        };
        match shell.run(command).await {
            Ok(output) => {
                *slot = Some(shell);
                Ok(output)
            }
            Err(error) => {
                if !shell.connection.0.alive().await {
                    self.discard(&shell.connection).await;
                }
                Err(NoOutput::Cut(error))
            }
        }
    }

    async fn start_root_shell(&self) -> Option<RootShell> {
        let (sudo, password): (&[&str], _) = match (self.target().elevation, &self.target().sudo_password) {
            (Elevation::Root, _) => (&[], None),
            (Elevation::Sudo, _) => (&["sudo", "-n", "--"], None),
            (Elevation::SudoPassword, Some(password)) => (&["sudo", "-k", "-S", "-p", "", "--"], Some(password)),
            (Elevation::SudoPassword, None) => return None,
        };
        let connection = self.connection().await.ok()?;
        let mut words = sudo.iter().chain(&["env", "LC_ALL=C", "/bin/sh", "-c", LOOP]).copied();
        let mut command = Session::to_command(connection.clone(), words.next()?);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.ok()?;
        let (stdin, stdout, stderr) = (child.stdin().take()?, child.stdout().take()?, child.stderr().take()?);
        let mut dialogue = Dialogue { stdin, stdout, stderr };
        let line = password.map(password_line);
        let begun = dialogue.begin(line.as_ref().map_or(&[], |line| line.as_slice())).await;
        begun.is_ok().then(|| RootShell { connection, _child: child, dialogue, used: Instant::now() })
    }
}

impl RootShell {
    /// Whether it is still there to be given a command.
    async fn answers(&mut self) -> bool {
        if !self.connection.0.usable() {
            return false;
        }
        if self.used.elapsed() < TRUSTED {
            return true;
        }
        let ping = Command::new(["true"]).deadline(ANSWER);
        matches!(timeout(ANSWER, self.run(&ping)).await, Ok(Ok(output)) if output.success())
    }

    async fn run(&mut self, command: &Command) -> io::Result<Output> {
        let output = self.dialogue.run(command).await?;
        self.used = Instant::now();
        Ok(output)
    }
}

impl<I: AsyncWrite + Unpin, O: AsyncRead + Unpin, E: AsyncRead + Unpin> Dialogue<I, O, E> {
    /// Answers sudo's question, waits for the process to come up, and tells it to listen.
    async fn begin(&mut self, password_line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(password_line).await?;
        until_mark(&mut self.stdout, "ready", 0).await?;
        self.stdin.write_all(b"begin\n").await
    }

    async fn run(&mut self, command: &Command) -> io::Result<Output> {
        let mark = fresh_mark();
        let request = request(command, &mark);
        let end = format!("\n{mark}");
        let Self { stdin, stdout, stderr } = self;
        let feed = async {
            stdin.write_all(&request).await?;
            stdin.write_all(command.stdin.as_deref().unwrap_or_default()).await?;
            stdin.flush().await
        };
        let ((), (out, status), (err, _)) =
            tokio::try_join!(feed, until_mark(stdout, &end, command.cap), until_mark(stderr, &end, STDERR_CAP))?;
        let status = status.trim().parse().map_err(|_| io::Error::other("it told no exit status"))?;
        Ok(Output { status, truncated: out.truncated || err.truncated, stdout: out.bytes, stderr: err.bytes })
    }
}

/// Ends a process that nobody uses any more; itself ends with it.
async fn end_when_idle(slot: Weak<Slot>) {
    loop {
        sleep(IDLE).await;
        let Some(slot) = slot.upgrade() else { return };
        // In use: look again later.
        let Ok(mut kept) = slot.try_lock() else { continue };
        if kept.as_ref().is_none_or(|shell| shell.used.elapsed() >= IDLE) {
            *kept = None;
            return;
        }
    }
}

/// A word that no output can hold by chance or intent: it is made for each command and only the process knows it.
fn fresh_mark() -> String {
    let mut random = [0u8; 16];
    rand::rng().fill_bytes(&mut random);
    hex::encode(random)
}

fn request(command: &Command, mark: &str) -> Vec<u8> {
    let bytes = command.stdin.as_ref().map_or(0, Vec::len);
    let mut text = format!("{mark} {} {} {bytes}\n", limit(command.deadline), command.argv.len());
    for arg in &command.argv {
        text.push_str(&arg.replace('\\', "\\\\").replace('\n', "\\n"));
        text.push('\n');
    }
    text.into_bytes()
}

/// Reads to `mark` and on to the end of its line, which is returned; keeps at most `cap` bytes of what came before.
async fn until_mark(from: &mut (impl AsyncRead + Unpin), mark: &str, cap: usize) -> io::Result<(Kept, String)> {
    let mut kept = Kept { bytes: Vec::new(), truncated: false };
    // Read, and may still turn out to be the beginning of the mark.
    let mut open: Vec<u8> = Vec::new();
    let at = loop {
        if let Some(at) = open.windows(mark.len()).position(|window| window == mark.as_bytes()) {
            break at;
        }
        let sure = open.len().saturating_sub(mark.len());
        kept.keep(&open[..sure], cap);
        open.drain(..sure);
        more(from, &mut open).await?;
    };
    kept.keep(&open[..at], cap);
    let mut rest = open.split_off(at + mark.len());
    while !rest.contains(&b'\n') {
        more(from, &mut rest).await?;
    }
    Ok((kept, String::from_utf8_lossy(&rest).into_owned()))
}

async fn more(from: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> io::Result<()> {
    into.reserve(32 << 10);
    if from.read_buf(into).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Kept {
    fn keep(&mut self, bytes: &[u8], cap: usize) {
        let room = cap.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.truncated |= room < bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;
    use tokio::process;

    type Local = Dialogue<process::ChildStdin, process::ChildStdout, process::ChildStderr>;

    /// LOOP, run by this machine's own shell.
    async fn local(password: &[u8]) -> (process::Child, Local) {
        let mut child = process::Command::new("/bin/sh")
            .args(["-c", LOOP])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sh");
        let stdin = child.stdin.take().expect("stdin");
        let (stdout, stderr) = (child.stdout.take().expect("stdout"), child.stderr.take().expect("stderr"));
        let mut dialogue = Dialogue { stdin, stdout, stderr };
        dialogue.begin(password).await.expect("begun");
        (child, dialogue)
    }

    #[tokio::test]
    async fn commands_follow_each_other_with_their_own_arguments_input_output_and_status() {
        let (_child, mut shell) = local(b"a password that nobody asked for\n").await;
        let odd = ["", "a\nb\n", "\\n", "it's \"$(id)\" `id`", "-n", "  ", "ü🦀\u{81}\u{88}", "\\", "begin", "%s%b\\c"];
        for round in 0..3 {
            let args = ["printf", "%s|"].into_iter().chain(odd);
            let printed = shell.run(&Command::new(args)).await.expect("printf");
            assert_eq!(printed.text(), odd.map(|arg| format!("{arg}|")).concat());
            let line = format!("cat; printf '\\nno line end' >&2; exit {round}");
            let fed = Command::new(["sh", "-c", &line]).stdin("fed\n\n");
            let output = shell.run(&fed).await.expect("cat");
            assert_eq!((output.status, &*output.text(), &*output.error_text()), (round, "fed\n\n", "\nno line end"));
        }
        assert_eq!(shell.run(&Command::new(["cat"])).await.expect("cat").text(), "", "no input is none");
    }

    #[tokio::test]
    async fn input_that_nobody_reads_and_output_beyond_the_cap_do_not_disturb_the_next() {
        let (_child, mut shell) = local(b"").await;
        let unread = Command::new(["true"]).stdin(vec![b'x'; 3 << 20]);
        assert!(shell.run(&unread).await.expect("true").success());
        let much = shell.run(&Command::new(["head", "-c", "3000000", "/dev/zero"]).cap(1000)).await.expect("head");
        assert_eq!((much.stdout.len(), much.truncated, much.status), (1000, true, 0));
        let all = vec![7u8; 3 << 20];
        let back = shell.run(&Command::new(["cat"]).stdin(all.clone()).cap(4 << 20)).await.expect("cat");
        assert!(back.stdout == all && !back.truncated);
        assert_eq!(shell.run(&Command::new(["/no/such/program"])).await.expect("127").status, 127);
    }

    #[tokio::test]
    async fn a_limit_ends_the_command_and_not_the_process() {
        let (_child, mut shell) = local(b"").await;
        let late = Command::new(["sh", "-c", "sleep 60; true"]).deadline(Duration::from_millis(100));
        assert_eq!(shell.run(&late).await.expect("run").status, 124);
        assert_eq!(shell.run(&Command::new(["echo", "on"])).await.expect("run").text(), "on\n");
    }

    #[tokio::test]
    async fn a_process_that_ended_gives_no_output() {
        let (mut child, mut shell) = local(b"").await;
        child.kill().await.expect("killed");
        shell.run(&Command::new(["true"])).await.expect_err("cut");
    }

    proptest::proptest! {
        #[test]
        fn what_comes_before_a_mark_is_kept_up_to_the_cap(
            before in proptest::collection::vec(0u8..=255, 0..200), cap in 0usize..300, status in 0i32..256,
        ) {
            let mark = format!("\n{}", fresh_mark());
            let stream = [&before[..], mark.as_bytes(), format!(" {status}\n").as_bytes()].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
            let (kept, rest) = runtime.block_on(until_mark(&mut &stream[..], &mark, cap)).expect("marked");
            proptest::prop_assert_eq!(&kept.bytes, &before[..before.len().min(cap)]);
            proptest::prop_assert_eq!(kept.truncated, before.len() > cap);
            proptest::prop_assert_eq!(rest.trim(), status.to_string());
        }
    }
}
