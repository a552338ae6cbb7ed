//! Snapshots on their way between vault, console and hosts. Invariant: what a host gets has the SHA-256 that was reviewed;
//! the console's own file is one an operation, however many hosts ask for it at once.

use super::Executor;
use crate::{
    effect::{ClusterTarget, Place, SnapshotRef, SnapshotWork},
    error::OperationError,
};
use quorate_domain::snapshots::Content;
use quorate_remote::{Command, PushTo};
use sha2::{Digest, Sha256};
use std::{
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::Mutex;

/// Lanes of a step ask at once; the first one fetches, the others find it.
static FETCHING: Mutex<()> = Mutex::const_new(());
/// The slowest line that is waited for.
const BYTES_A_SECOND: u64 = 1 << 20;

impl Executor {
    /// Carries out `work` at `place`.
    ///
    /// # Errors
    /// In words: the vault, a host, or a digest that is not right.
    pub(super) async fn snapshot_work(&self, place: &Place, work: &SnapshotWork) -> Result<(), OperationError> {
        match work {
            SnapshotWork::Save { member, .. } => {
                let id = self.task.cluster.as_ref().ok_or_else(|| OperationError::Verify("no cluster id".into()))?;
                let saved = self.planner.inventory.save_snapshot(&self.task.operation, id, member).await;
                let saved = saved.map_err(|why| OperationError::Verify(format!("{member}: {why}")))?;
                self.say(place, format!("{member}: {} is in the vault, {} bytes", saved.name, saved.bytes));
                Ok(())
            }
            SnapshotWork::Fetch(snapshot) => self.fetch(snapshot).await.map(drop),
            SnapshotWork::Bring { snapshot, path } => {
                let local = self.fetch(snapshot).await?;
                let (name, host) = self.host(place).await?;
                let to = PushTo { path, owner: "root", group: "root", mode: 0o600 };
                let deadline = Duration::from_secs(60 + snapshot.bytes.0 / BYTES_A_SECOND);
                let pushed = host.push_file(&local, &to, deadline, &mut |_| {}).await;
                pushed.map_err(|source| OperationError::Host { host: name, source })?;
                self.say(place, format!("brought {} to {path}", snapshot.name));
                Ok(())
            }
            SnapshotWork::Carry { from, from_name, source, path, deadline_seconds } => {
                let from = Place::Host { id: from.clone(), name: from_name.clone() };
                let local = self.planner.inventory.vault_scratch().join(format!(
                    "{}-{}.part",
                    self.task.operation,
                    place.name()
                ));
                let carried = self.carry(&from, source, place, path, &local, super::seconds(*deadline_seconds)).await;
                // What is left of a try that failed would only be written over.
                let _ = tokio::fs::remove_file(&local).await;
                carried
            }
            SnapshotWork::Release(snapshot) => match tokio::fs::remove_file(self.fetched(snapshot)).await {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(OperationError::Verify(format!("The console cannot remove its copy of the snapshot: {error}")))
                }
                _ => Ok(()),
            },
        }
    }

    /// Brings a file of one host to another; held against the first one's own checksum on the way.
    async fn carry(
        &self,
        from: &Place,
        source: &str,
        place: &Place,
        path: &str,
        local: &Path,
        deadline: Duration,
    ) -> Result<(), OperationError> {
        let (from_name, from) = self.host(from).await?;
        let (name, host) = self.host(place).await?;
        let wrap = |source| OperationError::Host { host: from_name.clone(), source };
        let sum =
            from.run_ok(Command::new(["sha256sum", "--", source]).root().deadline(deadline)).await.map_err(wrap)?;
        let here = |error| OperationError::Verify(format!("The console cannot keep what it carries: {error}"));
        let mut file = std::io::BufWriter::new(std::fs::File::create(local).map_err(here)?);
        let (mut digest, mut failed) = (Sha256::new(), None);
        let mut hear = |bytes: &[u8]| {
            digest.update(bytes);
            failed = file.write_all(bytes).err().or(failed.take());
        };
        let read = Command::new(["cat", "--", source]).root().deadline(deadline);
        from.run_streaming(read, &mut hear).await.map_err(wrap)?;
        if let Some(error) = failed.or(file.flush().err()) {
            return Err(here(error));
        }
        if !sum.text().starts_with(&hex::encode(digest.finalize())) {
            return Err(OperationError::Verify(format!("{source} of {from_name} arrived as something else; retry")));
        }
        let to = PushTo { path, owner: "root", group: "root", mode: 0o600 };
        let pushed = host.push_file(local, &to, deadline, &mut |_| {}).await;
        pushed.map_err(|source| OperationError::Host { host: name, source })?;
        self.say(place, format!("carried {source} from {from_name} to {path}"));
        Ok(())
    }

    fn fetched(&self, snapshot: &SnapshotRef) -> PathBuf {
        self.planner.inventory.vault_scratch().join(format!("{}-{}.db", self.task.operation, snapshot.id))
    }

    async fn fetch(&self, snapshot: &SnapshotRef) -> Result<PathBuf, OperationError> {
        let path = self.fetched(snapshot);
        let _one = FETCHING.lock().await;
        let fetched = self.planner.inventory.fetch_snapshot(&snapshot.id, &path).await;
        fetched.map_err(OperationError::Verify)?;
        Ok(path)
    }

    /// Whether a member has what a snapshot had; the error says what differs.
    pub(super) async fn content_is(
        &self,
        cluster: &ClusterTarget,
        member: &str,
        wanted: &Content,
    ) -> Result<(), String> {
        let found = self.planner.inventory.content(cluster, member).await.map_err(|why| format!("{member}: {why}"))?;
        differs(&found, wanted).map_or(Ok(()), |why| Err(format!("{member} {why}")))
    }
}

fn differs(found: &Content, wanted: &Content) -> Option<String> {
    if found.keys != wanted.keys {
        return Some(format!("has {} live keys, the snapshot {}", found.keys, wanted.keys));
    }
    (found.digest != wanted.digest)
        .then(|| format!("has {} live keys as the snapshot, but not the same ones", found.keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::wide::Wide;

    #[test]
    fn a_difference_is_named_by_what_a_person_can_look_at() {
        let content = |keys, digest: &str| Content { keys: Wide(keys), digest: digest.into() };
        assert_eq!(differs(&content(3, "a"), &content(3, "a")), None);
        assert_eq!(differs(&content(2, "b"), &content(3, "a")).as_deref(), Some("has 2 live keys, the snapshot 3"));
        assert!(differs(&content(3, "b"), &content(3, "a")).is_some_and(|why| why.contains("not the same")));
    }
}
