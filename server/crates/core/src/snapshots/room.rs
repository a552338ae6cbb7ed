//! Whether a vault has room, and under which name. Invariant: the budget is asked before the first byte and again when the size is known; how much
//! the disk has is asked by the vault's own writer.

use crate::{console::Console, error::CoreError};
use quorate_domain::{
    Problem, ProblemKind, SnapshotId, Timestamp,
    snapshots::{Manifest, Origin, Snapshot, SnapshotState, Vault},
    wide::Wide,
};
use quorate_vault::{Vault as Place, VaultError, names};

/// How many names are tried for snapshots of one second.
const NAMES: i64 = 60;

/// Refuses `bytes` more where the budget has no room for them.
pub(super) fn within_budget(vault: &Vault, bytes: u64) -> Result<(), CoreError> {
    let Some(budget) = vault.budget else { return Ok(()) };
    if vault.used.0.saturating_add(bytes) <= budget.0 {
        return Ok(());
    }
    let (used, budget) = (mebibytes(vault.used.0), mebibytes(budget.0));
    let title = format!(
        "The vault {} may hold {budget} MiB, {used} MiB are in it, and this takes {} MiB more",
        vault.name,
        mebibytes(bytes)
    );
    Err(Problem::new(ProblemKind::Conflict, title)
        .with_detail("Delete snapshots there, let a schedule keep fewer, or raise the budget.")
        .into())
}

/// Rounded up: what is a little too much must not read as if it fitted.
fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// Deletes what a vault has of a snapshot. What another console, or another vault of the same place, keeps under its name stays: the
/// manifest says whose it is.
pub(super) async fn delete_own(place: &Place, id: &SnapshotId, name: &str) -> Result<(), VaultError> {
    let manifest: Option<Manifest> = match place.get_json(&names::manifest(name)).await {
        Err(VaultError::Corrupt { .. }) => None,
        read => read?,
    };
    if manifest.is_some_and(|manifest| manifest.snapshot.id != *id) {
        return Ok(());
    }
    place.delete_bundle(name).await
}

impl Console {
    /// A snapshot of which there is nothing yet, of no cluster that is under management, under a name of its own.
    pub(super) async fn blank_snapshot(
        &self,
        vault: &Vault,
        cluster_name: String,
        at: Timestamp,
        (actor, origin): (String, Origin),
    ) -> Result<Snapshot, CoreError> {
        let encrypted = vault.recipient.is_some();
        Ok(Snapshot {
            id: SnapshotId::from_random(self.random()),
            vault: vault.id.clone(),
            cluster: None,
            name: self.free_name(vault, &cluster_name, at, encrypted).await?,
            cluster_name,
            state: SnapshotState::Taking,
            at,
            actor,
            origin,
            member: String::new(),
            etcd_cluster: String::new(),
            version: None,
            revision: None,
            bytes: Wide(0),
            expected: Wide(0),
            sha256: String::new(),
            sealed_by_etcd: None,
            content: None,
            encrypted,
            protected: false,
            problem: String::new(),
        })
    }

    /// A name that no snapshot of the vault has, nor had when it failed.
    async fn free_name(
        &self,
        vault: &Vault,
        cluster: &str,
        at: Timestamp,
        encrypted: bool,
    ) -> Result<String, CoreError> {
        for later in 0..NAMES {
            let name = names::snapshot(at.plus_millis(later * 1000), cluster, encrypted);
            if self.0.store.snapshot_named(&vault.id, &name).await?.is_none() {
                return Ok(name);
            }
        }
        Err(CoreError::conflict("Too many snapshots were begun in this minute; try again in the next one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{VaultId, snapshots::VaultPlace, wide::Wide};

    #[test]
    fn a_budget_is_kept_to_the_byte_and_told_in_words() {
        let mut vault = Vault {
            id: VaultId::from_random([1; 10]),
            name: "disk".into(),
            place: VaultPlace::Local { directory: "/srv/vault".into() },
            budget: Some(Wide(10 << 20)),
            used: Wide(6 << 20),
            snapshots: 1,
            recipient: None,
            has_identity: false,
            at: Timestamp(0),
            problem: String::new(),
        };
        assert!(within_budget(&vault, 4 << 20).is_ok());
        let refused = within_budget(&vault, (4 << 20) + 1).map_err(Problem::from).expect_err("too much");
        assert_eq!(refused.title, "The vault disk may hold 10 MiB, 6 MiB are in it, and this takes 5 MiB more");
        vault.budget = None;
        assert!(within_budget(&vault, u64::MAX).is_ok());
    }
}
