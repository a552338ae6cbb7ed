//! Snapshots and where they are kept. Invariant: nothing here holds a secret or a key's value; what is good is said by
//! `Snapshot::state` alone. Which ones are kept is reckoned in `retention`, and what a restore asks for stands in `restore`.

mod health;
mod marks;
mod opened;
mod restore;
mod retention;
mod schedule;
mod survivors;
mod vault;

pub use health::BackupHealth;
pub use marks::reckon_bump;
pub use opened::{OpenedSnapshot, OpeningPhase, TakeKeys};
pub use restore::{Bump, RescueParams, RescueWay, RestoreInPlaceParams, RestoreNewParams, ReturnParams};
pub use retention::{Kept, Retention};
pub use schedule::{NewSchedule, NextRun, Schedule};
pub use survivors::{
    LogEnd, LogPosition, Presence, Remains, Survivor, Survivors, WayOut, comes_back, lost_with_database, lost_with_log,
    lost_with_snapshot, rank, ways_out,
};
pub use vault::{NewVault, Vault, VaultPlace};

use crate::{
    ids::{ClusterId, DrillId, OperationId, ScheduleId, SnapshotId, VaultId},
    time::Timestamp,
    version::Version,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Bytes still come.
    Taking,
    /// It is whole, on disk, and its digests are right.
    Good,
    /// It did not come to its end, or what is in the vault is not what it was; it cannot be restored.
    Failed,
}

impl SnapshotState {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taking => "taking",
            Self::Good => "good",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Taking, Self::Good, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// Why there is a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    /// A person or a script asked for it.
    Asked,
    /// A schedule.
    Schedule {
        /// Which.
        schedule: ScheduleId,
    },
    /// An operation took it before it changed the cluster, or to restore from it.
    Operation {
        /// Which.
        operation: OperationId,
    },
    /// A file that somebody brought.
    Upload,
}

/// What is in a snapshot, at its revision: the proof that a restore brought everything back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Content {
    /// Live keys.
    pub keys: Wide,
    /// SHA-256 in hex over all live keys in order: for each its length (u32, little endian), the key, the value's length (u32), the
    /// value, and its `mod_revision` (i64).
    pub digest: String,
}

/// A snapshot as the console knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The vault that keeps it.
    pub vault: VaultId,
    /// The cluster it is of, while that is under management; none for one that was uploaded for none.
    pub cluster: Option<ClusterId>,
    /// The name that cluster had.
    pub cluster_name: String,
    /// Name of its file, without what the vault puts before it: `20261123-181702-billing-etcd-backup.db`, and `.age` behind it
    /// where it is encrypted.
    pub name: String,
    /// How far it is.
    pub state: SnapshotState,
    /// When it was begun.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub origin: Origin,
    /// Name of the member it came from; empty for one that was uploaded.
    pub member: String,
    /// etcd's number of the cluster in hex; empty where nobody knows.
    pub etcd_cluster: String,
    /// The member's version; none where nobody knows.
    pub version: Option<Version>,
    /// The revision it shows; none until it was read.
    pub revision: Option<Wide>,
    /// Bytes of the database so far.
    pub bytes: Wide,
    /// Bytes of the database in all, as etcd told when it began.
    pub expected: Wide,
    /// SHA-256 of the database in hex, with etcd's own trailing digest where it has one; empty until it is whole.
    pub sha256: String,
    /// Whether etcd's own digest at its end was there and right; none where it is missing, as in a copied database.
    pub sealed_by_etcd: Option<bool>,
    /// What is in it, once that was gone through.
    pub content: Option<Content>,
    /// Bytes in the vault are encrypted.
    pub encrypted: bool,
    /// Retention leaves it alone, and nobody can delete it.
    pub protected: bool,
    /// What is wrong with it, or why its content could not be gone through; empty otherwise.
    pub problem: String,
}

impl Snapshot {
    /// Whether it can be restored.
    pub fn is_good(&self) -> bool {
        self.state == SnapshotState::Good
    }
}

/// What lies beside a snapshot in its vault as JSON: whoever finds the vault needs no console to use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// The snapshot, as it was when it became good.
    pub snapshot: Snapshot,
    /// Name of the file that holds the members' configurations; none where none could be read.
    pub configurations: Option<String>,
}

/// Files of a member, for the bundle: the guide asks to back up the configuration of every node too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberFiles {
    /// The member's name.
    pub member: String,
    /// Path and text of each; a file that could not be read is named in `problem`.
    pub files: Vec<(String, String)>,
    /// What could not be read, in words; empty if all was.
    pub problem: String,
}

/// What lies beside a snapshot in its vault, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bundle {
    /// The manifest; none where it is not there.
    pub manifest: Option<Manifest>,
    /// The members' files; none of a snapshot that was uploaded.
    pub members: Vec<MemberFiles>,
    /// Why the members' files could not be read, in words; empty if they were, or are none.
    pub problem: String,
}

/// A restore that was tried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Drill {
    /// Its id.
    pub id: DrillId,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The snapshot's name, which outlives it.
    pub snapshot_name: String,
    /// The cluster that the snapshot is of.
    pub cluster: Option<ClusterId>,
    /// When it began.
    pub at: Timestamp,
    /// When it ended; none while it runs.
    pub ended_at: Option<Timestamp>,
    /// From the vault's bytes to an etcd that answers, in milliseconds.
    pub recovered_millis: Option<Wide>,
    /// What was found in the restored etcd.
    pub content: Option<Content>,
    /// Why it failed; empty while it runs, and if it was right.
    pub problem: String,
    /// Who asked for it.
    pub actor: String,
}
