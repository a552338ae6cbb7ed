//! Which releases a source holds. Invariant: the console only looks, at one small file a version, and for seconds at most;
//! what an archive must be is decided by its digest when a plan is made.

use crate::{
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use futures::future::join_all;
use quorate_domain::{
    Problem,
    install::check_download_url,
    version::{Arch, OFFERED, Offer, Version},
};
use quorate_remote::releases;
use std::time::Duration;

/// A source that takes longer counts as one that does not hold the version: somebody waits for the proposal.
const PATIENCE: Duration = Duration::from_secs(4);

impl Console {
    /// The offered versions and which of them the source below `base` holds (the console's own setting if empty).
    /// Upstream holds all of them; it is not asked. Dropping the future ends the looking.
    ///
    /// # Errors
    /// `Invalid` at the field `download_url`.
    pub async fn offered_versions(
        &self,
        _permit: &Permit<act::RunDangerous>,
        base: &str,
    ) -> Result<Vec<Offer>, CoreError> {
        let base = if base.is_empty() { self.0.config.etcd_download_url.as_str() } else { base };
        check_download_url(base).map_err(|why| Problem::field("download_url", why))?;
        Ok(join_all(OFFERED.map(|version| async move { Offer::new(version, holds(base, version).await) })).await)
    }
}

async fn holds(base: &str, version: Version) -> bool {
    let digest = releases::fetch_digest(base.trim_end_matches('/'), version, Arch::Amd64);
    tokio::time::timeout(PATIENCE, digest).await.is_ok_and(|found| found.is_ok())
}
