//! Snapshots in a runbook. Invariant: what is in a vault comes from whoever runs the script, as the file that SNAPSHOT names,
//! and is held against the SHA-256 that was reviewed.

use super::remote_words;
use crate::{effect::SnapshotWork, plan::Login, shell::word};

/// The script of one piece of work.
pub fn work(login: &Login, work: &SnapshotWork) -> String {
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
        SnapshotWork::Release(_) => ":".to_owned(),
    }
}
