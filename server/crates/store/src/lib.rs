//! The console's storage: one SQLite file, and the sealing of what must not be read from it.
//!
//! Invariant: this is the only crate with SQL. Reads are methods of [`Store`], writes are methods of [`Tx`], so that a
//! change, its audit row and its operation land in one transaction or not at all. Secrets leave memory sealed only.
//! What the rows mean is decided in `quorate-domain`; who may read or write them, in `quorate-core`.
//!
//! Opening goes in this order: [`DataDirLock`] (only for `serve`), [`MasterKey`], [`Store::open`].

mod audit;
mod cells;
mod cluster_events;
mod clusters;
mod codes;
mod data_dir;
mod drills;
mod error;
mod host_tasks;
mod hosts;
mod key;
mod key_files;
mod key_rules;
mod key_undo;
mod operations;
mod prune;
mod revision_marks;
mod seal;
mod secrets;
mod sessions;
mod settings;
mod snapshot_schedules;
mod snapshots;
mod store;
mod tokens;
mod tx;
mod users;
mod vaults;

pub use audit::NewAudit;
pub use cluster_events::NewClusterEvent;
pub use codes::{CodePurpose, CodeRow};
pub use data_dir::{DATABASE_FILE, DataDirLock, KEY_FILE};
pub use error::StoreError;
pub use hosts::HostAddress;
pub use key::MasterKey;
pub use key_files::{KeptKeyFile, UPLOADED};
pub use key_undo::{KeptChange, KeptValue};
pub use operations::{
    NewOperation, OperationRow,
    output::{LINE_MAX, NewOutput, STEP_OUTPUT_MAX},
};
pub use prune::{EVENT_DAYS, OUTPUT_DAYS, Pruned};
pub use revision_marks::{DENSE_MARK_DAYS, MARK_DAYS};
pub use secrets::CLUSTER_ACCESS;
pub use sessions::SessionRow;
pub use snapshots::SnapshotFilter;
pub use store::Store;
pub use tokens::TokenRow;
pub use tx::Tx;
pub use users::UserRow;
pub use vaults::{VAULT_IDENTITY, VAULT_SECRET, VaultRow};

/// What every method of this crate answers with.
type Result<T, E = StoreError> = std::result::Result<T, E>;
