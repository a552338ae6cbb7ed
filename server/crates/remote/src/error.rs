//! What can go wrong between the console and a host, in the operator's words. Invariant: a text says what happened
//! and what to do, and never holds a secret; telling one failure from another out of ssh's and sudo's texts lives
//! in `classify`.

use quorate_domain::host::HostKey;
use std::{io, sync::Arc, time::Duration};

/// A failure of anything that this crate does. `host` is the host's name in the console.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// The network has no way to the address.
    #[error("{host}: no route to {address}; check the address, the network between, and that the host is on")]
    NoRoute {
        /// Host.
        host: String,
        /// Where it was looked for.
        address: String,
    },
    /// The name does not resolve.
    #[error("{host}: the name {address} does not resolve on the console; check it, or use an IP address")]
    UnknownName {
        /// Host.
        host: String,
        /// The name.
        address: String,
    },
    /// Nothing listens on the SSH port.
    #[error("{host}: {address} refused the connection; check the port and that sshd runs there")]
    ConnectionRefused {
        /// Host.
        host: String,
        /// Address and port.
        address: String,
    },
    /// No answer while connecting.
    #[error("{host}: no answer from {address} within {} s; it is off, hung, or a firewall drops the packets", seconds(.after))]
    ConnectTimeout {
        /// Host.
        host: String,
        /// Address and port.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// Something answers that is not SSH, or sshd gave up before a key was shown.
    #[error("{host}: {address} does not answer as an SSH server ({detail})")]
    NotSsh {
        /// Host.
        host: String,
        /// Address and port.
        address: String,
        /// What ssh said.
        detail: String,
    },
    /// The console's key is not accepted for this login.
    #[error("{host}: the login {user} does not accept the console's key; add it to that login's authorized_keys")]
    AuthRefused {
        /// Host.
        host: String,
        /// Login.
        user: String,
    },
    /// The host shows another key than the pinned one.
    #[error(
        "{host}: its host key is not the trusted one. Nothing was sent to it. It was reinstalled, or somebody stands between: compare the fingerprint on the host, then trust the new key"
    )]
    HostKeyChanged {
        /// Host.
        host: String,
        /// What it offers now; empty when it could not be asked again.
        offered: Vec<HostKey>,
    },
    /// No key of this host is pinned.
    #[error("{host}: its host key is not trusted yet; compare the fingerprint with the one on the host and trust it")]
    HostKeyUnknown {
        /// Host.
        host: String,
    },
    /// sudo does not let the login become root.
    #[error("{host}: sudo does not let {user} become root ({detail}); allow it all commands, or use the login root")]
    SudoRefused {
        /// Host.
        host: String,
        /// Login.
        user: String,
        /// What sudo said.
        detail: String,
    },
    /// The kept sudo password is wrong.
    #[error("{host}: sudo did not accept the kept password of {user}; set the right one on the host's page")]
    SudoPasswordWrong {
        /// Host.
        host: String,
        /// Login.
        user: String,
    },
    /// sudo asks for a password and none is kept.
    #[error("{host}: sudo asks {user} for a password; keep it on the host's page, or allow sudo without a password")]
    SudoPasswordMissing {
        /// Host.
        host: String,
        /// Login.
        user: String,
    },
    /// The call took longer than it may; the remote process is ended by its own limit.
    #[error("{host}: “{what}” took longer than {} s and was given up", seconds(.after))]
    Deadline {
        /// Host.
        host: String,
        /// The program or the action.
        what: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection broke; whether the command ran is not known.
    #[error("{host}: the connection broke during “{what}” ({detail})")]
    Broken {
        /// Host.
        host: String,
        /// The program or the action.
        what: String,
        /// What is known about it.
        detail: String,
    },
    /// No space is left where something was written.
    #[error("{host}: no space left on the disk for {path}; free some and try again")]
    DiskFull {
        /// Host.
        host: String,
        /// The file or directory.
        path: String,
    },
    /// A command that had to succeed did not.
    #[error("{host}: {argv0} ended with status {status}{}{}", colon(.stderr), .stderr)]
    CommandFailed {
        /// Host.
        host: String,
        /// The program.
        argv0: String,
        /// Its exit status; -1 or 128 and its number when a signal ended it.
        status: i32,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// A file transfer failed.
    #[error("{host}: transfer of {path} failed: {detail}")]
    Sftp {
        /// Host.
        host: String,
        /// The file.
        path: String,
        /// What the other side said.
        detail: String,
    },
    /// A port forward could not be set up.
    #[error("{host}: no tunnel to {to}: {detail}; check AllowTcpForwarding in the host's sshd_config")]
    Forward {
        /// Host.
        host: String,
        /// Host and port beyond.
        to: String,
        /// What ssh said.
        detail: String,
    },
    /// A job's unit is gone and it left no result: whether it finished must be looked up.
    #[error(
        "{host}: the job {unit} vanished without a result (a reboot or a kill); look at what it has done before starting it again"
    )]
    JobLost {
        /// Host.
        host: String,
        /// Unit name.
        unit: String,
    },
    /// A job that still runs was to be cleared.
    #[error("{host}: the job {unit} still runs")]
    JobRuns {
        /// Host.
        host: String,
        /// Unit name.
        unit: String,
    },
    /// The host answered something that this version does not understand.
    #[error("{host}: the answer of {what} is not understood: {detail}")]
    Garbled {
        /// Host.
        host: String,
        /// Which probe.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The caller asked for something that cannot be done (a NUL byte in an argument, a bad unit name).
    #[error("{what}")]
    Invalid {
        /// What and why.
        what: String,
    },
    /// The console's own machine failed: a directory, a socket, the ssh program.
    #[error("on the console: {what}: {source}")]
    Local {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: Arc<io::Error>,
    },
    /// A key could not be read or made.
    #[error("this is not a usable SSH key: {detail}")]
    Key {
        /// Why.
        detail: String,
    },
    /// An archive could not be had.
    #[error("{url}: {detail}")]
    Download {
        /// What was asked for.
        url: String,
        /// Why not, and what to do.
        detail: String,
    },
    /// The archive is not the one it should be.
    #[error("{url}: the archive's SHA-256 is {found}, it should be {expected}; nothing was installed. {advice}")]
    Checksum {
        /// What was downloaded.
        url: String,
        /// Digest that was wanted.
        expected: String,
        /// Digest that was found.
        found: String,
        /// What to do.
        advice: &'static str,
    },
}

impl RemoteError {
    /// Whether the host could not be spoken to at all (as opposed to: it answered, and said no).
    pub fn unreachable(&self) -> bool {
        matches!(
            self,
            Self::NoRoute { .. }
                | Self::UnknownName { .. }
                | Self::ConnectionRefused { .. }
                | Self::ConnectTimeout { .. }
                | Self::NotSsh { .. }
                | Self::Deadline { .. }
                | Self::Broken { .. }
        )
    }

    /// Whether the same call may go well later without anybody changing anything.
    pub fn transient(&self) -> bool {
        self.unreachable() && !matches!(self, Self::UnknownName { .. })
    }

    pub(crate) fn local(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Local { what, source: Arc::new(source) }
    }
}

fn seconds(duration: &Duration) -> String {
    let text = format!("{:.1}", duration.as_secs_f64());
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn colon(text: &str) -> &'static str {
    if text.is_empty() { "" } else { ": " }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_as_sentences() {
        let error =
            RemoteError::Deadline { host: "lab1".into(), what: "sleep".into(), after: Duration::from_millis(1500) };
        assert_eq!(error.to_string(), "lab1: “sleep” took longer than 1.5 s and was given up");
        let error =
            RemoteError::CommandFailed { host: "lab1".into(), argv0: "false".into(), status: 1, stderr: String::new() };
        assert_eq!(error.to_string(), "lab1: false ended with status 1");
        assert!(!error.unreachable());
    }
}
