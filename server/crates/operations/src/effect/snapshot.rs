//! What steps do with snapshots, as data. Invariant: a snapshot is named by its id and held against the SHA-256 that was
//! reviewed; where the vault keeps it is `core`'s business.

use super::ClusterTarget;
use quorate_domain::{HostId, SnapshotId, snapshots::Snapshot, wide::Wide};
use serde::{Deserialize, Serialize};

/// A snapshot as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Its id.
    pub id: SnapshotId,
    /// Name of its file, for people.
    pub name: String,
    /// SHA-256 of the database in hex.
    pub sha256: String,
    /// Its bytes.
    pub bytes: Wide,
}

impl From<&Snapshot> for SnapshotRef {
    fn from(snapshot: &Snapshot) -> Self {
        let Snapshot { id, name, sha256, bytes, .. } = snapshot.clone();
        Self { id, name, sha256, bytes }
    }
}

/// Work with snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotWork {
    /// The console takes one of a member, once an operation and member.
    Save {
        /// The cluster.
        cluster: ClusterTarget,
        /// The member's name.
        member: String,
    },
    /// The console reads one out of its vault into a file of its own, which this operation's hosts get.
    Fetch(SnapshotRef),
    /// The host of the lane gets it.
    Bring {
        /// Which.
        snapshot: SnapshotRef,
        /// Path on the host.
        path: String,
    },
    /// The host of the lane gets a file of another host, through the console.
    Carry {
        /// The other host.
        from: HostId,
        /// Its name when the plan was made.
        from_name: String,
        /// The file there.
        source: String,
        /// Path on the lane's host.
        path: String,
        /// How long it may take.
        deadline_seconds: u32,
    },
    /// The console's own file goes. The undo of `Fetch`, and its end.
    Release(SnapshotRef),
}
