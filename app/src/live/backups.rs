//! How the backups of clusters stand, as this tab knows it: every page of a cluster says so in its head. Invariant: pages seed it with
//! what they were rendered with; it is read again when a snapshot began, ended or is gone, after a break of the stream, and
//! every few minutes, because time alone makes a snapshot overdue.

use crate::rpc;
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    ClusterId,
    live::LiveMessage,
    snapshots::{BackupHealth, Snapshot, SnapshotState},
};
use std::time::Duration;

/// How long what was read counts.
pub(super) const AGAIN: Duration = Duration::from_secs(300);

/// What is known.
#[derive(Clone, Copy)]
pub(crate) struct Backups(RwSignal<Vec<(ClusterId, BackupHealth)>>);

impl Backups {
    pub(super) fn new() -> Self {
        Self(RwSignal::new(Vec::new()))
    }

    /// Takes over what a page was rendered with.
    pub(crate) fn seed(self, news: Vec<(ClusterId, BackupHealth)>) {
        let known = |(id, health): &(ClusterId, BackupHealth)| {
            self.0.with_untracked(|all| all.iter().any(|(known, is)| known == id && is == health))
        };
        if news.iter().all(known) {
            return;
        }
        self.0.update(|all| {
            for (id, health) in news {
                match all.iter_mut().find(|(known, _)| *known == id) {
                    Some(known) => known.1 = health,
                    None => all.push((id, health)),
                }
            }
        });
    }

    /// How those of a cluster stand, if that is known.
    pub(crate) fn of(self, id: &ClusterId) -> Option<BackupHealth> {
        self.0.with(|all| all.iter().find(|(known, _)| known == id).map(|(_, health)| health.clone()))
    }

    /// Reads again what somebody looks at.
    pub(crate) fn read_again(self) {
        if self.0.try_with_untracked(Vec::is_empty) != Some(false) {
            return;
        }
        spawn_local(async move {
            if let Ok(all) = rpc::snapshots::backup_healths().await {
                self.seed(all);
            }
        });
    }

    pub(super) fn hear(self, message: &LiveMessage) {
        let again = match message {
            LiveMessage::Snapshot { snapshot } => changes_how_it_stands(snapshot),
            LiveMessage::SnapshotGone { .. } | LiveMessage::Hello { .. } => true,
            _ => false,
        };
        if again {
            self.read_again();
        }
    }
}

/// Bytes that come change nothing.
fn changes_how_it_stands(snapshot: &Snapshot) -> bool {
    snapshot.state != SnapshotState::Taking || snapshot.bytes.0 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::wide::Wide;

    #[test]
    fn a_snapshot_that_comes_on_changes_nothing_until_it_ends() {
        let mut snapshot = sample::snapshot();
        assert!(changes_how_it_stands(&snapshot));
        snapshot.state = SnapshotState::Taking;
        assert!(!changes_how_it_stands(&snapshot));
        snapshot.bytes = Wide(0);
        assert!(changes_how_it_stands(&snapshot));
    }
}
