//! The vocabulary that every part of Quorate shares: ids, roles, health, quorum, plans, operations, and the wire
//! types of `/rpc`, `/events` and `/api`.
//!
//! Invariant: everything here is pure and compiles to wasm; there is no IO, no clock and no randomness. Whatever
//! reads a clock or a socket lives in `store`, `etcd`, `remote`, `operations` or `core`.

pub mod access;
pub mod adopt;
pub mod audit;
pub mod cluster;
pub mod config;
pub mod etcd_conf;
pub mod host;
pub mod host_task;
pub mod ids;
pub mod install;
pub mod journal;
pub mod keys;
pub mod live;
pub mod membership;
pub mod names;
pub mod operation;
pub mod patroni;
pub mod plan;
pub mod preflight;
pub mod problem;
pub mod quorum;
pub mod snapshots;
pub mod time;
pub mod users;
pub mod version;
pub mod wide;

pub use access::{Action, Role, Scope};
pub use ids::{
    ClusterId, DrillId, HostId, HostTaskId, KeyFileId, KeyUndoId, LeaseId, MemberId, OperationId, ScheduleId, SecretId,
    SnapshotId, TokenId, UserId, VaultId,
};
pub use problem::{Problem, ProblemKind};
pub use time::Timestamp;
