//! First contact: which host keys an address offers. Invariant: nothing but the key exchange happens here, no login
//! is tried and nothing is trusted; a person decides, and `ssh_config` pins.

use crate::error::RemoteError;
use quorate_domain::{host::HostKey, names::check_address};
use ssh_agent_lib::ssh_key::{HashAlg, PublicKey};
use std::{io, process::Stdio, time::Duration};
use tokio::{net::TcpStream, process, time::timeout};

/// Asks `address` for its public host keys, Ed25519 first.
///
/// # Errors
/// `NoRoute`, `UnknownName`, `ConnectionRefused`, `ConnectTimeout` as the network answers; `NotSsh` when something
/// listens that shows no key; `Invalid` for an address that is none. Cancelling ends the helper process.
pub async fn scan_keys(address: &str, port: u16, deadline: Duration) -> Result<Vec<HostKey>, RemoteError> {
    check_address(address).map_err(|what| RemoteError::Invalid { what })?;
    let endpoint = format!("{}:{port}", quorate_domain::names::url_host(address));
    // ssh-keyscan is silent about why it found nothing, so the network is asked first.
    match timeout(deadline, TcpStream::connect((address, port))).await {
        Err(_) => {
            let host = address.to_owned();
            return Err(RemoteError::ConnectTimeout { host, address: endpoint, after: deadline });
        }
        Ok(Err(error)) => return Err(dial_failure(address, &endpoint, deadline, &error)),
        Ok(Ok(_)) => {}
    }
    let child = process::Command::new("ssh-keyscan")
        .args(["-T", &deadline.as_secs().max(1).to_string(), "-p", &port.to_string()])
        .args(["-t", "ed25519,ecdsa,rsa", "--", address])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match timeout(deadline, child).await {
        Err(_) => String::new(),
        Ok(output) => {
            let output = output.map_err(RemoteError::local("cannot run ssh-keyscan (package openssh-client)"))?;
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    };
    let keys = parse_scan(&output);
    if keys.is_empty() {
        let detail = format!("it takes connections, yet showed no host key within {} s", deadline.as_secs());
        return Err(RemoteError::NotSsh { host: address.into(), address: endpoint, detail });
    }
    Ok(keys)
}

fn dial_failure(address: &str, endpoint: &str, after: Duration, error: &io::Error) -> RemoteError {
    let host = address.to_owned();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => RemoteError::ConnectionRefused { host, address: endpoint.into() },
        io::ErrorKind::TimedOut => RemoteError::ConnectTimeout { host, address: endpoint.into(), after },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            RemoteError::NoRoute { host, address: endpoint.into() }
        }
        _ if error.raw_os_error().is_none() => RemoteError::UnknownName { host, address: address.into() },
        _ => RemoteError::NotSsh { host, address: endpoint.into(), detail: error.to_string() },
    }
}

/// Reads ssh-keyscan's output: `address algorithm base64` lines. Lines that hold no key are passed over.
fn parse_scan(text: &str) -> Vec<HostKey> {
    let mut keys: Vec<HostKey> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(_, key)| host_key(key).ok())
        .collect();
    let rank = |key: &HostKey| match key.algorithm.as_str() {
        "ssh-ed25519" => 0,
        algorithm if algorithm.starts_with("ecdsa") => 1,
        _ => 2,
    };
    keys.sort_by_key(rank);
    keys.dedup();
    keys
}

/// A host key from its public line `algorithm base64` (a comment after it is dropped).
///
/// # Errors
/// `Key` if it is not a public key line.
pub fn host_key(line: &str) -> Result<HostKey, RemoteError> {
    let mut words = line.split_whitespace();
    let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
        return Err(RemoteError::Key { detail: "a public key is “algorithm base64”".into() });
    };
    let public_key = format!("{algorithm} {base64}");
    let parsed =
        PublicKey::from_openssh(&public_key).map_err(|error| RemoteError::Key { detail: error.to_string() })?;
    Ok(HostKey {
        algorithm: algorithm.to_owned(),
        fingerprint: parsed.fingerprint(HashAlg::Sha256).to_string(),
        public_key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        // github.com's published Ed25519 fingerprint.
        let key = host_key(ED).expect("key");
        assert_eq!(key.fingerprint, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
    }

    #[test]
    fn scans_are_parsed_and_ed25519_comes_first() {
        let text = format!("# a:22 SSH-2.0\nbroken\na ssh-rsa nonsense\n[a]:2222 {ED}\n");
        let keys = parse_scan(&text);
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].public_key, ED);
        assert_eq!(keys[0].algorithm, "ssh-ed25519");
    }

    #[test]
    fn a_key_that_lies_about_its_algorithm_is_refused() {
        assert!(host_key(&ED.replace("ssh-ed25519", "ssh-rsa")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,300}") {
            let _ = parse_scan(&text);
            let _ = host_key(&text);
        }
    }
}
