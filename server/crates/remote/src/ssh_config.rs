//! The ssh configuration of one connection. Invariants: the user's own and the system's configuration never apply
//! (`-F`), only pinned keys are accepted, only the console's key is offered, nothing is forwarded but the console's
//! own tunnels.

use crate::{error::RemoteError, target::Target};
use std::{fmt::Write, path::Path};

/// What `ssh` is told to connect to; the real address stands in the configuration.
pub(crate) const ALIAS: &str = "quorate";
/// Seconds for TCP and the SSH banner.
pub(crate) const CONNECT_SECONDS: u64 = 10;
/// A connection without sessions and tunnels is closed by ssh itself after this long, even if the console is dead.
pub(crate) const IDLE_SECONDS: u64 = 60;

/// Files that a configuration refers to.
pub(crate) struct Files<'a> {
    pub agent: &'a Path,
    pub public_key: &'a Path,
    pub known_hosts: &'a Path,
}

/// The configuration for `target`.
///
/// # Errors
/// `HostKeyUnknown` when no key is pinned, `Invalid` when a value could end its line.
pub(crate) fn render(target: &Target, files: &Files<'_>) -> Result<String, RemoteError> {
    let algorithms = host_key_algorithms(&target.pinned);
    if algorithms.is_empty() {
        return Err(RemoteError::HostKeyUnknown { host: target.name.clone() });
    }
    let (port, connect, idle) = (target.port.to_string(), CONNECT_SECONDS.to_string(), IDLE_SECONDS.to_string());
    let lines = [
        ("HostName", word(&target.address)?),
        ("Port", &port),
        ("User", word(&target.user)?),
        ("HostKeyAlias", target.id.as_str()),
        ("UserKnownHostsFile", path(files.known_hosts)?),
        ("GlobalKnownHostsFile", "/dev/null"),
        ("StrictHostKeyChecking", "yes"),
        ("HostKeyAlgorithms", &algorithms),
        ("UpdateHostKeys", "no"),
        ("VerifyHostKeyDNS", "no"),
        ("IdentityAgent", path(files.agent)?),
        ("IdentityFile", path(files.public_key)?),
        ("IdentitiesOnly", "yes"),
        ("PreferredAuthentications", "publickey"),
        ("BatchMode", "yes"),
        ("ConnectTimeout", &connect),
        ("ConnectionAttempts", "1"),
        // A host that falls silent costs 15 s at most, then the connection counts as broken.
        ("ServerAliveInterval", "5"),
        ("ServerAliveCountMax", "3"),
        ("ControlPersist", &idle),
        ("ForwardAgent", "no"),
        ("ForwardX11", "no"),
        ("PermitLocalCommand", "no"),
        ("ProxyCommand", "none"),
        ("RequestTTY", "no"),
        ("EscapeChar", "none"),
        ("StreamLocalBindMask", "0177"),
        ("StreamLocalBindUnlink", "yes"),
        // sudo's and the tools' texts are read by `classify`.
        ("SetEnv", "LC_ALL=C"),
        ("LogLevel", "INFO"),
    ];
    let mut text = format!("Host {ALIAS}\n");
    for (name, value) in lines {
        let _ = writeln!(text, "  {name} {value}");
    }
    Ok(text)
}

/// The known_hosts file: the pinned keys under the host's id, so that a changed address changes no trust.
pub(crate) fn known_hosts(target: &Target) -> String {
    let mut text = String::new();
    for key in &target.pinned {
        let mut words = key.split_whitespace();
        if let (Some(algorithm), Some(base64)) = (words.next(), words.next()) {
            let _ = writeln!(text, "{} {algorithm} {base64}", target.id);
        }
    }
    text
}

/// Only algorithms of pinned keys are negotiated: a host with more keys than were pinned stays reachable, and one
/// that lost its pinned key is a changed one.
fn host_key_algorithms(pinned: &[String]) -> String {
    let mut algorithms: Vec<&str> = Vec::new();
    for key in pinned {
        let names: &[&str] = match key.split_whitespace().next() {
            Some("ssh-ed25519") => &["ssh-ed25519"],
            Some("ecdsa-sha2-nistp256") => &["ecdsa-sha2-nistp256"],
            Some("ecdsa-sha2-nistp384") => &["ecdsa-sha2-nistp384"],
            Some("ecdsa-sha2-nistp521") => &["ecdsa-sha2-nistp521"],
            Some("ssh-rsa") => &["rsa-sha2-512", "rsa-sha2-256"],
            _ => &[],
        };
        for name in names {
            if !algorithms.contains(name) {
                algorithms.push(name);
            }
        }
    }
    algorithms.join(",")
}

fn word(text: &str) -> Result<&str, RemoteError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        Ok(text)
    } else {
        Err(RemoteError::Invalid { what: format!("“{text}” cannot stand in an ssh configuration") })
    }
}

/// ssh expands `%`, `~` and `${…}` in paths and splits at spaces, so the runtime directory must have none of them.
pub(crate) fn path(path: &Path) -> Result<&str, RemoteError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    path.to_str().filter(|p| p.starts_with('/') && p.chars().all(plain)).ok_or_else(|| RemoteError::Invalid {
        what: format!("{} must be an absolute path of letters, digits and / . _ - only", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{HostId, host::Elevation};

    fn target() -> Target {
        Target {
            id: HostId::from_random([7; 10]),
            name: "db1".into(),
            address: "10.0.0.1".into(),
            port: 2222,
            user: "ops".into(),
            elevation: Elevation::Sudo,
            pinned: vec!["ssh-ed25519 AAAA".into(), "ssh-rsa BBBB comment".into()],
            sudo_password: None,
        }
    }

    fn files() -> Files<'static> {
        Files {
            agent: Path::new("/run/q/agent"),
            public_key: Path::new("/run/q/key.pub"),
            known_hosts: Path::new("/run/q/known_hosts"),
        }
    }

    #[test]
    fn only_pinned_keys_and_the_consoles_key_are_used() {
        let text = render(&target(), &files()).expect("config");
        for line in [
            "StrictHostKeyChecking yes",
            "GlobalKnownHostsFile /dev/null",
            "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
            "IdentitiesOnly yes",
            "ForwardAgent no",
            "Port 2222",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let id = target().id;
        assert_eq!(known_hosts(&target()), format!("{id} ssh-ed25519 AAAA\n{id} ssh-rsa BBBB\n"));
    }

    #[test]
    fn without_a_pinned_key_there_is_no_configuration() {
        let unpinned = Target { pinned: vec![], ..target() };
        assert!(matches!(render(&unpinned, &files()), Err(RemoteError::HostKeyUnknown { .. })));
    }

    #[test]
    fn no_value_can_add_a_line_or_an_option() {
        for address in ["a\n  ProxyCommand x", "a b", "%h", "-oProxyCommand=x", ""] {
            assert!(render(&Target { address: address.into(), ..target() }, &files()).is_err(), "{address:?}");
        }
        assert!(render(&Target { user: "a\tb".into(), ..target() }, &files()).is_err());
        assert!(path(Path::new("/a b")).is_err() && path(Path::new("a")).is_err() && path(Path::new("/a%h")).is_err());
    }
}
