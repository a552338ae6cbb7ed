//! Snapshots brought to life on the console's machine, for whoever looks into one (`opened`) or tries it out (`drills`). Invariant:
//! all of it lies below the data directory, and what a console left that was killed is gone before anything new is made; drills
//! and checks wait for each other, so that they never take the machine from the people who use it.

use crate::{
    console::Console,
    error::{CoreError, chain},
    opened::Opened,
};
use quorate_domain::{
    Problem, ProblemKind,
    ids::SnapshotId,
    snapshots::Snapshot,
    version::{OFFERED, Version, proposed},
};
use quorate_etcd::Access;
use quorate_throwaway::{Binaries, Room, Throwaway, sweep};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::Semaphore;

/// What a running console knows of throw-away etcds.
pub(crate) struct ThrowawayParts {
    /// Those that people look into.
    pub(crate) opened: Opened,
    /// Whose turn it is to go through a whole snapshot.
    pub(crate) turn: Arc<Semaphore>,
}

impl Default for ThrowawayParts {
    fn default() -> Self {
        Self { opened: Opened::default(), turn: Arc::new(Semaphore::new(1)) }
    }
}

/// How far bringing to life is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The bytes come into this file.
    Fetching(PathBuf),
    /// etcd restores them.
    Restoring,
}

impl Console {
    fn rooms(&self) -> PathBuf {
        self.0.config.data_dir.join("throwaway")
    }

    /// Ends and removes what a killed console left.
    pub(crate) async fn sweep_throwaways(&self) {
        match sweep(&self.rooms()).await {
            Ok(0) => {}
            Ok(left) => tracing::info!(left, "throw-away etcds of the console before were removed"),
            Err(error) => tracing::warn!(error = %error, "throw-away etcds of the console before were not removed"),
        }
    }

    /// A snapshot that can be restored.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is not good.
    pub(crate) async fn good_snapshot(&self, id: &SnapshotId) -> Result<Snapshot, CoreError> {
        let snapshot = self.snapshot_row(id).await?;
        if snapshot.is_good() {
            return Ok(snapshot);
        }
        let title = format!("The snapshot {} is not good, so nothing can be restored from it", snapshot.name);
        Err(Problem::new(ProblemKind::Conflict, title).with_detail(snapshot.problem).into())
    }

    /// An etcd that has what is in a good snapshot; `on` hears how far it is. Dropping the future leaves nothing.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) async fn bring_to_life(
        &self,
        snapshot: &Snapshot,
        on: &(dyn Fn(Stage) + Send + Sync),
    ) -> Result<Throwaway, String> {
        let binaries = self.binaries_for(snapshot.version).await?;
        let room = Room::new(&self.rooms()).map_err(|error| error.to_string())?;
        room.fits(snapshot.bytes.0).map_err(|error| error.to_string())?;
        on(Stage::Fetching(room.database()));
        self.fetch_snapshot(&snapshot.id, &room.database()).await?;
        on(Stage::Restoring);
        let access = self.login_for(snapshot).await?;
        let sealed = snapshot.sealed_by_etcd == Some(true);
        Throwaway::restore(room, &binaries, sealed, &access).await.map_err(|error| error.to_string())
    }

    /// The programs of the release that wrote the snapshot; where nobody knows which that was, the newest that can be had.
    async fn binaries_for(&self, version: Option<Version>) -> Result<Binaries, String> {
        let config = &self.0.config;
        let (base, cache, home) = (&config.etcd_download_url, config.release_cache(), config.data_dir.join("etcd"));
        let mut problem = String::new();
        for version in candidates(version) {
            match Binaries::bring(version, base, &cache, &home).await {
                Ok(binaries) => return Ok(binaries),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(problem)
    }

    /// What the snapshot's cluster wants from its clients, while that is known.
    async fn login_for(&self, snapshot: &Snapshot) -> Result<Access, String> {
        let Some(cluster) = &snapshot.cluster else { return Ok(Access::default()) };
        let record = self.0.store.cluster(cluster).await.map_err(|error| chain(&error))?;
        match record.and_then(|record| record.access) {
            Some(access) => self.access(&access).await,
            None => Ok(Access::default()),
        }
    }
}

/// Which versions are tried, best first. Where nobody knows who wrote a database, it was most likely one of the line that installs
/// propose.
fn candidates(version: Option<Version>) -> Vec<Version> {
    if let Some(version) = version {
        return vec![version];
    }
    let (mut left, mut ordered) = (OFFERED.to_vec(), Vec::new());
    while let Some(next) = proposed(&left) {
        left.retain(|version| *version != next);
        ordered.push(next);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_version_is_taken_alone_and_else_the_newest_that_can_be_had() {
        let old = Version::new(3, 4, 23);
        assert_eq!(candidates(Some(old)), [old]);
        let any = candidates(None);
        assert!(any.is_sorted_by(|one, other| one > other) && any.contains(&Version::new(3, 5, 16)));
    }
}
