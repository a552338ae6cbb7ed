//! Why the storage refused or failed. Invariant: the text says what happened and what to do, and never holds a bound
//! value; the driver's own words stand in `source` only. Mapping to a `Problem` lives in `core::error`.

use quorate_domain::OperationId;
use sqlx::error::ErrorKind;
use std::{io, path::PathBuf};

/// Why a call to the store did not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer held the database for too long. Trying again helps.
    #[error("the database is busy; try again")]
    Busy,
    /// The file or its file system cannot be written.
    #[error("the database is read-only; check the data directory's owner, permissions and mount")]
    ReadOnly,
    /// There is no room for the change; nothing of it was kept.
    #[error("the disk of the data directory is full; free some space")]
    DiskFull,
    /// A unique name, address or id is taken, or something still refers to the row.
    #[error("{what}")]
    Conflict {
        /// The field that clashes (`name`, `target`, `host` …), or empty.
        field: &'static str,
        /// What clashes, as a sentence.
        what: String,
    },
    /// An unfinished operation holds what this change needs.
    #[error("{what} is claimed by the unfinished operation {by}")]
    Claimed {
        /// The holder.
        by: OperationId,
        /// What it holds: `host lab1`, `cluster demo`.
        what: String,
    },
    /// The row that was to be changed, or one that it refers to, is not there.
    #[error("there is no {what}")]
    NotFound {
        /// What is missing: `user u-…`.
        what: String,
    },
    /// The entry may not follow what is in the operation's log; nothing was written.
    #[error("the log of {operation} refuses {why}")]
    IllegalOrder {
        /// The operation.
        operation: OperationId,
        /// Both sides, in words.
        why: String,
    },
    /// A row holds what this console cannot read.
    #[error("the database holds something this console cannot read: {what}")]
    Corrupt {
        /// Where and why.
        what: String,
    },
    /// An earlier fault ended this transaction; nothing of it was kept.
    #[error("the transaction had failed before and was taken back")]
    Spoiled,
    /// There is a database, and not the key that opens its secrets. Nothing was written.
    #[error(
        "the database {} exists but its master key {} does not; put the key back from where you keep it (nothing was changed)",
        database.display(), path.display()
    )]
    KeyMissing {
        /// Where the key was looked for.
        path: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// The key file does not hold a key.
    #[error("{} is not a master key: it must hold 64 hex digits and nothing else", path.display())]
    KeyInvalid {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read the key file.
    #[error("{} can be read by others (mode {mode:o}); run: chmod 600 {}", path.display(), path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key is not the one this database was sealed with. Nothing was written.
    #[error(
        "{} is not the master key of this database; put the right key back (nothing was changed)",
        path.display()
    )]
    KeyWrong {
        /// Where the key came from.
        path: PathBuf,
    },
    /// A sealed value does not open: it was moved from another row or was altered.
    #[error("{what} cannot be unsealed: it was altered or moved from another row")]
    Unseal {
        /// Which value.
        what: String,
    },
    /// Another console runs on this data directory.
    #[error("another console ({holder}) uses {}; stop it first or use another data directory", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// `process 123`, or `unknown process`.
        holder: String,
    },
    /// The database was written by a later release, or by one with other migrations.
    #[error("{} was written by another release of Quorate; start that one or a later one (nothing was changed)", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{doing} {} failed", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Any other fault of the database.
    #[error("{doing} failed")]
    Driver {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
}

/// Which field a broken unique rule belongs to, by the columns that SQLite names.
const UNIQUE_RULES: [(&str, &str, &str); 11] = [
    ("users.name", "name", "a user of this name is there already"),
    ("hosts.name", "name", "a host of this name is there already"),
    ("hosts.address", "target", "a host with this address and port is there already"),
    ("clusters.name", "name", "a cluster of this name is there already"),
    ("cluster_members.host", "host", "the host carries a member of a cluster already"),
    ("cluster_members.cluster", "members", "two members have the same name"),
    ("operations.cluster", "cluster", "the cluster has an unfinished operation already"),
    ("snapshots.cluster", "", "a snapshot of this cluster is being taken already"),
    ("snapshots.vault", "name", "a snapshot of this name is in the vault already"),
    ("vaults.name", "name", "a vault of this name is there already"),
    ("operation_hosts.host", "host", "the host has an unfinished operation already"),
];

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io { doing, path, source },
        }
    }

    pub(crate) fn not_found(noun: &str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("{noun} {id}") }
    }

    /// What the driver's error means to a caller.
    pub(crate) fn driver(doing: &'static str, source: sqlx::Error) -> Self {
        let sqlx::Error::Database(error) = &source else {
            return match source {
                sqlx::Error::PoolTimedOut => Self::Busy,
                source => Self::Driver { doing, source },
            };
        };
        match error.kind() {
            ErrorKind::UniqueViolation => return unique(error.message()),
            ErrorKind::ForeignKeyViolation => {
                return Self::NotFound { what: "row that this one refers to".into() };
            }
            _ => {}
        }
        // Extended codes carry the primary one in their low byte; growing the -shm file fails with a code of its own.
        const IOERR_SHMSIZE: i32 = 4874;
        match error.code().and_then(|code| code.parse::<i32>().ok()) {
            Some(IOERR_SHMSIZE) => Self::DiskFull,
            Some(code) => match code & 0xff {
                5 | 6 => Self::Busy,
                8 => Self::ReadOnly,
                13 => Self::DiskFull,
                11 | 26 => Self::Corrupt { what: "the file is damaged or is not a database".into() },
                _ => Self::Driver { doing, source },
            },
            None => Self::Driver { doing, source },
        }
    }

    /// Whether it leaves a transaction as it was before the call.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Conflict { .. }
                | Self::Claimed { .. }
                | Self::NotFound { .. }
                | Self::IllegalOrder { .. }
                | Self::Corrupt { .. }
                | Self::Unseal { .. }
        )
    }
}

fn unique(message: &str) -> StoreError {
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let first = columns.split(',').next().unwrap_or(columns).trim();
    match UNIQUE_RULES.iter().find(|(column, ..)| first.starts_with(column)) {
        Some((_, field, what)) => StoreError::Conflict { field, what: (*what).to_owned() },
        None => StoreError::Conflict { field: "", what: format!("{columns} is there already") },
    }
}
