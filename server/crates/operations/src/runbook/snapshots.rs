//! Snapshots in a runbook. Invariant: what is in a vault comes from whoever runs the script, as the file that SNAPSHOT names,
//! and is held against the SHA-256 that was reviewed.

use super::remote_words;
use crate::{effect::SnapshotWork, plan::Login, shell::word};
use quorate_domain::HostId;

/// The script of one piece of work; `logins` are those of all hosts.
pub fn work(logins: &[(HostId, Login)], login: &Login, work: &SnapshotWork) -> String {
    match work {
        SnapshotWork::Save { cluster, member } => {
            let url = cluster.members.iter().find(|m| m.name == *member).map_or("", |m| m.client_url.as_str());
            let path = format!("/var/tmp/before-restore-{member}.db");
            format!("{} </dev/null", remote_words(login, &["etcdctl", "--endpoints", url, "snapshot", "save", &path]))
        }
        SnapshotWork::Fetch(snapshot) => format!(
            "[ -n \"${{SNAPSHOT:-}}\" ] || {{ echo {} >&2; exit 1; }}\n\
             echo {}\"  $SNAPSHOT\" | sha256sum --check --strict -",
            word(&format!("SNAPSHOT must name the file {}, as it was downloaded", snapshot.name)),
            word(&snapshot.sha256),
        ),
        SnapshotWork::Bring { path, .. } => {
            format!("{} <\"$SNAPSHOT\"", remote_words(login, &["install", "-m", "0600", "/dev/stdin", path]))
        }
        SnapshotWork::Carry { from, from_name, source, path, .. } => {
            let other = logins.iter().find(|(host, _)| host == from);
            let read = other.map(|(_, login)| remote_words(login, &["cat", source]));
            let put = remote_words(login, &["install", "-m", "0600", "/dev/stdin", path]);
            // A file of its own: a pipe would hide that reading failed.
            match read {
                Some(read) => format!(
                    "carried=$(mktemp)\n{read} </dev/null >\"$carried\"\n{put} <\"$carried\"\nrm -f \"$carried\""
                ),
                None => {
                    format!("echo {} >&2; exit 1", word(&format!("copy {source} from {from_name} to {path} first")))
                }
            }
        }
        SnapshotWork::Release(_) => ":".to_owned(),
    }
}
