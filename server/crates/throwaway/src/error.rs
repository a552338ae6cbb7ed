//! Why there is no throw-away etcd, in words an operator can act on.

use quorate_domain::version::Version;
use quorate_etcd::EtcdError;
use quorate_remote::RemoteError;
use std::{io, path::Path};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum ThrowawayError {
    /// There is no etcd of this version on the console's machine.
    #[error("etcd {version} could not be brought to the console's machine: {reason}")]
    NoBinaries {
        /// Which was wanted.
        version: Version,
        /// What was in the way.
        reason: String,
        /// What was in the way, where the download failed.
        #[source]
        source: Option<RemoteError>,
    },
    /// The disk is too full.
    #[error(
        "there is too little room for it on the console's machine: {} MiB are needed in {directory}, {} are free",
        needed >> 20, free >> 20
    )]
    NoRoom {
        /// Where it is to be.
        directory: String,
        /// In bytes.
        needed: u64,
        /// In bytes.
        free: u64,
    },
    /// etcd's own tool does not take the file.
    #[error("etcd {version} does not restore it: {said}")]
    Refused {
        /// Which tried.
        version: Version,
        /// In its words.
        said: String,
    },
    /// It was restored, and etcd does not come up with it.
    #[error("it was restored, but etcd {version} does not start with it: {said}")]
    NoStart {
        /// Which tried.
        version: Version,
        /// In its words.
        said: String,
    },
    /// Users are switched on in the snapshot.
    #[error(
        "etcd's users are switched on in it, and it takes no login that the console has ({source}): give the console a login \
        that was right when it was taken"
    )]
    Login {
        /// What etcd said.
        source: EtcdError,
    },
    /// The console's machine failed.
    #[error("{doing}: {source}")]
    Local {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl ThrowawayError {
    /// For `map_err`: a failure while `doing` something with `path`.
    pub(crate) fn local(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let doing = format!("{doing} {}", path.display());
        move |source| Self::Local { doing, source }
    }
}
