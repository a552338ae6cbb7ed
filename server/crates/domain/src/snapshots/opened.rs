//! A snapshot that is open like a cluster, read-only. Invariant: its keys are read by an id that nothing else ever had, and that
//! goes with it; who may open one may read everything in it.

use crate::{
    ids::{ClusterId, SnapshotId},
    keys::Key,
    time::Timestamp,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// How far an opened snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OpeningPhase {
    /// Programs and bytes are brought to the console's machine.
    Fetching,
    /// An etcd is being restored from them.
    Restoring,
    /// Its keys can be read.
    Open,
    /// It could not be opened; see `problem`.
    Failed,
}

/// A snapshot that is open, or on its way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenedSnapshot {
    /// What its keys are read by, wherever keys of a cluster are read: `/clusters/{id}/keys…`.
    pub id: ClusterId,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The snapshot's name.
    pub name: String,
    /// The cluster that it is of, while that is under management.
    pub cluster: Option<ClusterId>,
    /// The name that cluster had.
    pub cluster_name: String,
    /// How far it is.
    pub phase: OpeningPhase,
    /// Bytes of it that are on the console's machine.
    pub bytes: Wide,
    /// Bytes in all.
    pub expected: Wide,
    /// The revision that it shows; none until it is open.
    pub revision: Option<Wide>,
    /// Why it could not be opened; empty otherwise.
    pub problem: String,
    /// When somebody began to open it.
    pub at: Timestamp,
    /// Who that was.
    pub actor: String,
    /// When it is closed unless somebody looks at it before.
    pub until: Timestamp,
}

/// Which keys of an opened snapshot become a kept file of a cluster, to be imported there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TakeKeys {
    /// The cluster that they are for.
    pub cluster: ClusterId,
    /// Keys that start so.
    #[serde(default)]
    pub prefix: Key,
    /// Only the key that is called so, and none that starts so.
    #[serde(default)]
    pub exact: bool,
}
