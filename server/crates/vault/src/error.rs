//! Why a vault did not do. Invariant: each text says in the operator's words what happened and what to do, and holds no secret.
//! Which failure of a store is which is told in `s3/classify.rs` and in `of_disk` here.

use std::io::{self, ErrorKind};

/// A failure of anything that this crate does. `place` is the folder, or the endpoint and bucket.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no room for it; nothing of it was kept.
    #[error("{place} is full ({detail}); free some space there, or let fewer snapshots be kept")]
    Full {
        /// Where.
        place: String,
        /// How full, as the system told.
        detail: String,
    },
    /// The vault is reached, and does not allow it.
    #[error("{place} does not allow to {what}")]
    Denied {
        /// Where.
        place: String,
        /// What was tried, and what helps.
        what: String,
    },
    /// The access key is not known there, or its secret is another.
    #[error(
        "{place} does not accept the access key: its id is not known there or the secret is another; enter both again"
    )]
    Credentials {
        /// Where.
        place: String,
    },
    /// There is no such bucket.
    #[error("{place} has no bucket named {bucket}; create it there or correct its name")]
    NoBucket {
        /// The endpoint.
        place: String,
        /// The bucket.
        bucket: String,
    },
    /// No answer, or a connection that was cut. Trying again can help.
    #[error(
        "{place} is not reached ({detail}); check the endpoint, the network between and that the store runs, then try again"
    )]
    Unreachable {
        /// Where.
        place: String,
        /// What the network or the store said.
        detail: String,
    },
    /// The vault holds no such file.
    #[error("{name} is not in the vault; somebody removed it there, or it was never completed")]
    NotThere {
        /// Its name.
        name: String,
    },
    /// Another file has that name, or is being written under it.
    #[error("{name} is in the vault already; take another name or delete it first")]
    Taken {
        /// Its name.
        name: String,
    },
    /// The bytes are not what they must be; they cannot be restored.
    #[error("{name} cannot be used: {what}")]
    Corrupt {
        /// Its name.
        name: String,
        /// What is wrong with them.
        what: String,
    },
    /// It is encrypted, and the console does not keep the identity.
    #[error(
        "{name} is encrypted and this vault keeps no identity; add the age identity of its recipient, or decrypt it elsewhere"
    )]
    NoIdentity {
        /// Its name.
        name: String,
    },
    /// It is encrypted for somebody else.
    #[error(
        "{name} is encrypted for another recipient than this vault's identity; add the identity it was encrypted for"
    )]
    WrongIdentity {
        /// Its name.
        name: String,
    },
    /// A setting of the vault is wrong.
    #[error("{what}")]
    Setting {
        /// The field of a form that shows it: `directory`, `endpoint`, `region`, `recipient`, `identity`, `secret_access_key`, `name`.
        field: &'static str,
        /// What is wrong, as a sentence.
        what: String,
    },
    /// The console's own disk or system failed.
    #[error("{path}: {what}")]
    Local {
        /// File or folder.
        path: String,
        /// What failed, and what helps.
        what: String,
    },
    /// The store answered with an error that is none of the above.
    #[error("{place} failed ({detail}); look into the store's own log, then try again")]
    Remote {
        /// Where.
        place: String,
        /// The store's own words.
        detail: String,
    },
    /// What was to be put into the vault did not come to its end.
    #[error("{what}")]
    Source {
        /// Why, in the words of where it came from.
        what: String,
    },
}

impl VaultError {
    /// The field of the vault's form at which this is to be shown; none where no field is to blame.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Setting { field, .. } => Some(field),
            Self::Credentials { .. } => Some("secret_access_key"),
            Self::NoBucket { .. } => Some("bucket"),
            Self::NoIdentity { .. } | Self::WrongIdentity { .. } => Some("identity"),
            _ => None,
        }
    }

    /// Whether the same may go well later without anybody's doing.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Remote { .. })
    }

    /// What a failed call to the local file system means; `doing` completes "does not allow to …".
    pub(crate) fn of_disk(path: &std::path::Path, doing: &str, error: &io::Error) -> Self {
        let place = path.display().to_string();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full { place, detail: error.to_string() }
            }
            ErrorKind::PermissionDenied => {
                Self::Denied { place, what: format!("{doing}; make the user that the console runs as its owner") }
            }
            ErrorKind::ReadOnlyFilesystem => Self::Denied {
                place,
                what: format!(
                    "{doing}: its file system is read-only; look into the kernel's log for disk errors, and mount it for writing"
                ),
            },
            ErrorKind::NotFound => Self::Local { path: place, what: "it is not there; is its disk mounted?".into() },
            _ => Self::Local { path: place, what: format!("could not {doing} ({error}); check the disk") },
        }
    }

    /// What a broken pipe of this crate's own threads means: they only end early when they failed or the console ends.
    pub(crate) fn ended(name: &str) -> Self {
        Self::Source { what: format!("{name} was given up because the console is ending") }
    }
}

/// Takes a vault's error out of an IO error that carried it through a reader or writer.
pub(crate) fn carried(error: &io::Error) -> Option<VaultError> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<VaultError>()).cloned()
}
