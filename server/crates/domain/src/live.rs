//! What the one event stream of a tab carries. Invariant: a message is whole in itself; a client that missed some
//! is right again after the next of each kind. Only operation output is replayed (by `seq`).

use crate::{
    cluster::{ClusterEvent, ClusterView},
    ids::{ClusterId, HostId, OperationId, SnapshotId},
    journal::MemberJournal,
    keys::KeyNews,
    operation::{LogEntry, OperationSummary, OutputLine, StepState},
    snapshots::Snapshot,
};
use serde::{Deserialize, Serialize};

/// One message; the SSE event name is its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum LiveMessage {
    /// First message on every connection.
    Hello {
        /// The console's version; a page of another one offers to reload.
        version: String,
    },
    /// A whole view of a cluster.
    Cluster {
        /// The view.
        view: Box<ClusterView>,
    },
    /// A cluster was forgotten.
    ClusterGone {
        /// Which.
        cluster: ClusterId,
    },
    /// Something happened to a cluster.
    ClusterEvent {
        /// What.
        event: ClusterEvent,
    },
    /// An operation moved on.
    Operation {
        /// Its row.
        summary: OperationSummary,
        /// State of each step.
        steps: Vec<StepState>,
        /// The entry that moved it, if any.
        entry: Option<LogEntry>,
    },
    /// Output of an operation that this tab looks at.
    Output {
        /// Which.
        operation: OperationId,
        /// The lines.
        lines: Vec<OutputLine>,
    },
    /// What a member of the cluster that this tab reads along with wrote to its journal, and not more often than once a
    /// second; the first one holds what it wrote last.
    Journal {
        /// The cluster.
        cluster: ClusterId,
        /// The lines.
        journal: MemberJournal,
    },
    /// What happened below the prefix of keys that this tab watches, and not more often than five times a second.
    Keys {
        /// The cluster.
        cluster: ClusterId,
        /// The changes.
        news: KeyNews,
    },
    /// A host's row changed: read it again.
    HostChanged {
        /// Which.
        host: HostId,
    },
    /// A snapshot was begun, came on (not more often than once a second), ended, or was changed.
    Snapshot {
        /// It, as it is now.
        snapshot: Box<Snapshot>,
    },
    /// A snapshot was deleted.
    SnapshotGone {
        /// Which.
        snapshot: SnapshotId,
    },
    /// The session ended (logout, disable, role change, expiry); the stream ends after this.
    Goodbye {
        /// Why, in words.
        reason: String,
    },
}
