//! A command for a host and what came of it. Invariants: a command is a list of arguments, each of which arrives
//! literally; its deadline is part of it and ends the remote process too; a password is never an argument. Running
//! it lives in `host`.

use quorate_domain::host::Elevation;
use std::{borrow::Cow, fmt, time::Duration};

/// So much of what a command writes to stderr is kept.
pub(crate) const STDERR_CAP: usize = 64 << 10;

/// What is to be run. Its `Debug` shows no input: that may be a secret.
#[derive(Clone)]
pub struct Command {
    pub(crate) argv: Vec<String>,
    pub(crate) stdin: Option<Vec<u8>>,
    pub(crate) root: bool,
    pub(crate) deadline: Duration,
    pub(crate) cap: usize,
}

impl Command {
    /// Program and arguments; as the login, without input, 30 s, at most 1 MiB of output.
    pub fn new<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: None,
            root: false,
            deadline: Duration::from_secs(30),
            cap: 1 << 20,
        }
    }

    /// A fixed script with arguments (`$1` …). The script is code of the console, never text from elsewhere.
    pub fn script(script: &'static str, args: &[&str]) -> Self {
        let fixed = ["/bin/sh", "-c", script, "quorate"];
        Self::new(fixed.iter().chain(args).copied())
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.argv.push(arg.into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// As root, however the host's login becomes it.
    #[must_use]
    pub fn root(mut self) -> Self {
        self.root = true;
        self
    }

    /// As root if `root`.
    #[must_use]
    pub fn root_if(mut self, root: bool) -> Self {
        self.root = root;
        self
    }

    /// With this as its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Ended after this long, with everything it started in its process group.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Keeps at most this many bytes of its output; the rest is read and dropped.
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// The program's name for messages.
    pub(crate) fn name(&self) -> String {
        self.argv.first().cloned().unwrap_or_default()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdin = self.stdin.as_ref().map(Vec::len);
        write!(f, "Command({:?}, root: {}, {stdin:?} bytes of input)", self.argv, self.root)
    }
}

/// What came of a command that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit status; -1 or 128 and its number when a signal ended it.
    pub status: i32,
    /// What it wrote, up to the cap.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr, at most 64 KiB.
    pub stderr: Vec<u8>,
    /// Something was dropped.
    pub truncated: bool,
}

impl Output {
    /// Status 0.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// stdout as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// stderr as text; bytes that are not UTF-8 are replaced.
    pub fn error_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// How the wrapped command reads its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The ssh channel's stdin is the command's own (or none at all).
    Channel,
    /// The channel carries the sudo password; the command reads nothing.
    Password,
    /// The channel carries the sudo password; the command reads this file of the host.
    PasswordThenFile(String),
}

/// `deadline` as timeout(1) reads it; to that, 0 would mean none at all.
pub(crate) fn limit(deadline: Duration) -> String {
    format!("{:.3}", deadline.as_secs_f64().max(0.001))
}

/// The arguments that go to the host: limit, elevation and input around the command's own.
pub(crate) fn wrap(
    argv: &[String],
    root: bool,
    elevation: Elevation,
    deadline: Duration,
    input: &Input,
) -> Vec<String> {
    let limit = limit(deadline);
    let mut wrapped: Vec<&str> = match (root, elevation) {
        (false, _) | (true, Elevation::Root) => vec![],
        (true, Elevation::Sudo) => vec!["sudo", "-n", "--"],
        // -k: a cached right would leave the password unread, and the command would get it as its input.
        (true, Elevation::SudoPassword) => vec!["sudo", "-k", "-S", "-p", "", "--"],
    };
    // What programs say is read here, so they say it in one language whatever sshd lets through.
    wrapped.extend(["env", "LC_ALL=C", "timeout", "-k", "2", &limit]);
    match input {
        Input::Channel => {}
        Input::Password => wrapped.extend(["/bin/sh", "-c", "exec \"$@\" </dev/null", "quorate"]),
        Input::PasswordThenFile(path) => wrapped.extend(["/bin/sh", "-c", "exec \"$@\" <\"$0\"", path.as_str()]),
    }
    wrapped.into_iter().map(str::to_owned).chain(argv.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(root: bool, elevation: Elevation, input: Input) -> String {
        wrap(&["id".into(), "-u".into()], root, elevation, Duration::from_millis(1500), &input).join(" ")
    }

    #[test]
    fn elevation_and_limit_stand_before_the_command() {
        assert_eq!(wrapped(false, Elevation::SudoPassword, Input::Channel), "env LC_ALL=C timeout -k 2 1.500 id -u");
        assert_eq!(wrapped(true, Elevation::Root, Input::Channel), "env LC_ALL=C timeout -k 2 1.500 id -u");
        assert_eq!(wrapped(true, Elevation::Sudo, Input::Channel), "sudo -n -- env LC_ALL=C timeout -k 2 1.500 id -u");
    }

    #[test]
    fn there_is_always_a_limit_and_input_is_not_printed() {
        let none = wrap(&["id".into()], false, Elevation::Root, Duration::ZERO, &Input::Channel);
        assert_eq!(none.join(" "), "env LC_ALL=C timeout -k 2 0.001 id");
        assert!(!format!("{:?}", Command::new(["cat"]).stdin("secret")).contains("secret"));
    }

    #[test]
    fn a_password_never_shares_the_channel_with_content() {
        let none = wrapped(true, Elevation::SudoPassword, Input::Password);
        assert_eq!(
            none,
            "sudo -k -S -p  -- env LC_ALL=C timeout -k 2 1.500 /bin/sh -c exec \"$@\" </dev/null quorate id -u"
        );
        let file = wrapped(true, Elevation::SudoPassword, Input::PasswordThenFile("/var/tmp/q/data".into()));
        assert!(file.ends_with("exec \"$@\" <\"$0\" /var/tmp/q/data id -u"), "{file}");
    }
}
