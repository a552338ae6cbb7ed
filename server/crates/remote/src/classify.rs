//! Telling failures apart by what ssh and sudo print. Invariant: pure; `LC_ALL=C` is set for both, so the texts are
//! the untranslated ones. An unknown text becomes the vaguest failure with the text in it, never a wrong one.

use crate::{error::RemoteError, target::Target};
use std::time::Duration;

/// Why `ssh` could not log in, from its log. `waited` is what was given to it.
pub(crate) fn connect_failure(target: &Target, log: &str, waited: Duration) -> RemoteError {
    let host = target.name.clone();
    let address = target.endpoint();
    let has = |text: &str| log.contains(text);
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || has("no matching host key type found") {
        return RemoteError::HostKeyChanged { host, offered: Vec::new() };
    }
    if has("Host key verification failed") || has("host key is known for") {
        // Keys are pinned, yet none fits what was offered: another key than the trusted one.
        return RemoteError::HostKeyChanged { host, offered: Vec::new() };
    }
    if has("Permission denied") || has("Too many authentication failures") || has("No supported authentication methods")
    {
        return RemoteError::AuthRefused { host, user: target.user.clone() };
    }
    if has("Could not resolve hostname") {
        return RemoteError::UnknownName { host, address: target.address.clone() };
    }
    if has("No route to host") || has("Network is unreachable") || has("Host is down") {
        return RemoteError::NoRoute { host, address };
    }
    if has("Connection refused") {
        return RemoteError::ConnectionRefused { host, address };
    }
    if has("timed out") {
        return RemoteError::ConnectTimeout { host, address, after: waited };
    }
    RemoteError::NotSsh { host, address, detail: last_line(log) }
}

/// What sudo objected to, if the failure is sudo's own and not the command's.
pub(crate) fn sudo_failure(target: &Target, status: i32, stderr: &str) -> Option<RemoteError> {
    let host = target.name.clone();
    let user = target.user.clone();
    if status == 127 && (stderr.contains("sudo: not found") || stderr.contains("sudo: command not found")) {
        return Some(RemoteError::SudoRefused { host, user, detail: "sudo is not installed".into() });
    }
    if status != 1 {
        return None;
    }
    let line = |needle: &str| stderr.lines().find(|l| l.contains(needle)).map(|l| l.trim().to_owned());
    const REFUSALS: [&str; 6] = [
        "is not in the sudoers file",
        "is not allowed to execute",
        "is not allowed to run sudo",
        "may not run sudo",
        "unable to change to root gid",
        "effective uid is not 0",
    ];
    if let Some(detail) = REFUSALS.iter().find_map(|needle| line(needle)) {
        return Some(RemoteError::SudoRefused { host, user, detail });
    }
    if stderr.contains("sudo: a password is required") || stderr.contains("sudo: no password was provided") {
        let tried = stderr.contains("Sorry, try again") || stderr.contains("incorrect password attempt");
        return Some(if tried {
            RemoteError::SudoPasswordWrong { host, user }
        } else {
            RemoteError::SudoPasswordMissing { host, user }
        });
    }
    if stderr.contains("incorrect password attempt") {
        return Some(RemoteError::SudoPasswordWrong { host, user });
    }
    line("sudo: sorry, you must have a tty").map(|detail| RemoteError::SudoRefused { host, user, detail })
}

/// A failed command's error: a full disk is told apart, because there is something to do about it.
pub(crate) fn command_failure(host: &str, argv0: &str, path: &str, status: i32, stderr: &str) -> RemoteError {
    if stderr.contains("No space left on device") || stderr.contains("Disk quota exceeded") {
        return RemoteError::DiskFull { host: host.to_owned(), path: path.to_owned() };
    }
    RemoteError::CommandFailed { host: host.to_owned(), argv0: argv0.to_owned(), status, stderr: tail(stderr, 2000) }
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty()).unwrap_or("no reason given");
    tail(line, 300)
}

fn tail(text: &str, most: usize) -> String {
    let text = text.trim();
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quorate_domain::{HostId, host::Elevation};

    fn target() -> Target {
        Target {
            id: HostId::from_random([7; 10]),
            name: "db1".into(),
            address: "10.0.0.1".into(),
            port: 22,
            user: "ops".into(),
            elevation: Elevation::Sudo,
            pinned: vec![],
            sudo_password: None,
        }
    }

    fn connect(log: &str) -> RemoteError {
        connect_failure(&target(), log, Duration::from_secs(10))
    }

    #[test]
    fn ssh_texts_become_their_failures() {
        let changed = "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n";
        assert!(matches!(connect(changed), RemoteError::HostKeyChanged { .. }));
        let other = "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa";
        assert!(matches!(connect(other), RemoteError::HostKeyChanged { .. }));
        let denied = "ops@10.0.0.1: Permission denied (publickey,password).";
        assert!(matches!(connect(denied), RemoteError::AuthRefused { .. }));
        let refused = "ssh: connect to host 10.0.0.1 port 22: Connection refused";
        assert!(matches!(connect(refused), RemoteError::ConnectionRefused { .. }));
        let route = "ssh: connect to host 10.0.0.1 port 22: No route to host";
        assert!(matches!(connect(route), RemoteError::NoRoute { .. }));
        let silent = "Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out";
        assert!(matches!(connect(silent), RemoteError::ConnectTimeout { .. }));
        let name = "ssh: Could not resolve hostname nosuch: Name or service not known";
        assert!(matches!(connect(name), RemoteError::UnknownName { .. }));
        let web = "kex_exchange_identification: Connection closed by remote host";
        assert!(matches!(connect(web), RemoteError::NotSsh { detail, .. } if detail == web));
    }

    #[test]
    fn sudo_texts_become_their_failures() {
        let sudo = |stderr: &str| sudo_failure(&target(), 1, stderr);
        assert!(matches!(sudo("sudo: a password is required\n"), Some(RemoteError::SudoPasswordMissing { .. })));
        let wrong = "Sorry, try again.\n\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n";
        assert!(matches!(sudo(wrong), Some(RemoteError::SudoPasswordWrong { .. })));
        assert!(matches!(sudo("guest is not in the sudoers file.\n"), Some(RemoteError::SudoRefused { .. })));
        let some = "Sorry, user ops is not allowed to execute '/bin/true' as root on db1.\n";
        assert!(matches!(sudo(some), Some(RemoteError::SudoRefused { detail, .. }) if detail.contains("/bin/true")));
        assert!(sudo("cat: /nosuch: No such file or directory\n").is_none());
        assert!(sudo_failure(&target(), 2, "sudo: a password is required").is_none());
        assert!(matches!(
            sudo_failure(&target(), 127, "bash: line 1: sudo: command not found"),
            Some(RemoteError::SudoRefused { .. })
        ));
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let full = command_failure("db1", "install", "/x", 1, "install: error writing '/x': No space left on device");
        assert!(matches!(full, RemoteError::DiskFull { .. }));
        assert!(matches!(command_failure("db1", "x", "/x", 2, "nope"), RemoteError::CommandFailed { status: 2, .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,400}", status in any::<i32>()) {
            let _ = connect(&text);
            let _ = sudo_failure(&target(), status, &text);
            let _ = command_failure("h", "c", "/p", status, &text.repeat(20));
        }
    }
}
