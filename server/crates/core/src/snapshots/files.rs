//! Snapshots out of their vaults: downloads, and files for restores. Invariant: only a good one leaves; what is found to be gone or
//! changed is not good from then on; a download is in the audit trail once, however many parts it comes in.

use super::{Reading, locked};
use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
    vaults::vault_problem,
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use quorate_domain::{Problem, ProblemKind, SnapshotId, snapshots::Snapshot};
use quorate_vault::{Vault as Place, VaultError};
use std::{ops::Range, path::Path, sync::Arc};

/// For so long a later part of a download belongs to it.
const ONE_DOWNLOAD_MILLIS: i64 = 24 * 3600 * 1000;

/// What of a file is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    All,
    /// These bytes; the end is not one of them.
    Part(Range<u64>),
}

/// A snapshot that somebody may download. Nothing was read yet.
pub struct Download {
    console: Console,
    place: Place,
    snapshot: Snapshot,
    bytes: u64,
    label: String,
    draft: AuditDraft,
    reading: Arc<Reading>,
}

impl Download {
    /// Name of the file; `.age` at its end where it is encrypted.
    pub fn name(&self) -> &str {
        &self.snapshot.name
    }

    /// Bytes of the whole file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it is called as long as its bytes are the same: the database's SHA-256.
    pub fn tag(&self) -> String {
        let kind = if self.snapshot.encrypted { ".age" } else { "" };
        format!("\"{}{kind}\"", self.snapshot.sha256)
    }

    /// The bytes, as they come from the vault. While the stream lives, the snapshot counts as read.
    ///
    /// # Errors
    /// The vault does not answer, or the file is gone.
    pub async fn read(self, wanted: Wanted) -> Result<BoxStream<'static, Result<Bytes, VaultError>>, CoreError> {
        let Self { console, place, snapshot, label, draft, reading, .. } = self;
        let begins = !matches!(&wanted, Wanted::Part(range) if range.start > 0);
        console.tell_download(label, &snapshot.id, begins, draft).await?;
        let range = match wanted {
            Wanted::All => None,
            Wanted::Part(range) => Some(range),
        };
        match place.read(&snapshot.name, range).await {
            Ok(read) => Ok(read
                .stream
                .map(move |chunk| {
                    let _open = &reading;
                    chunk
                })
                .boxed()),
            Err(error) => Err(console.not_as_it_was(&snapshot, error).await),
        }
    }
}

impl Console {
    /// A good snapshot, to be downloaded.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is not good, or whose file is not what it was.
    pub async fn download_snapshot(
        &self,
        permit: &Permit<act::ReadSnapshots>,
        id: &SnapshotId,
    ) -> Result<Download, CoreError> {
        // First said, then looked: whoever deletes it looks the other way round.
        let reading = self.hold_snapshot(id)?;
        let (snapshot, place) = self.good_file(id).await?;
        let bytes = match place.size(&snapshot.name).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.not_as_it_was(&snapshot, error).await),
        };
        if !snapshot.encrypted && bytes != snapshot.bytes.0 {
            let what = format!("the file has {bytes} bytes, and had {}", snapshot.bytes);
            let error = VaultError::Corrupt { name: snapshot.name.clone(), what };
            return Err(self.not_as_it_was(&snapshot, error).await);
        }
        let actor = permit.actor();
        let label = format!("{} {}", actor.label(), actor.source);
        let draft = AuditDraft::by(actor, "snapshot.download", &snapshot.name);
        Ok(Download { console: self.clone(), place, snapshot, bytes, label, draft, reading })
    }

    /// A good snapshot in a file of the console's machine: decrypted, its digest right. A second call does the same again; the
    /// caller removes the file.
    ///
    /// # Errors
    /// In words.
    pub(crate) async fn fetch_snapshot(&self, id: &SnapshotId, to: &Path) -> Result<(), String> {
        let words = |error: CoreError| Problem::from(error).title;
        let _reading = self.hold_snapshot(id).map_err(words)?;
        let (snapshot, place) = self.good_file(id).await.map_err(words)?;
        match place.fetch(&snapshot.name, &snapshot.sha256, to).await {
            Ok(_) => Ok(()),
            Err(error) => Err(words(self.not_as_it_was(&snapshot, error).await)),
        }
    }

    async fn good_file(&self, id: &SnapshotId) -> Result<(Snapshot, Place), CoreError> {
        let snapshot = self.snapshot_row(id).await?;
        if !snapshot.is_good() {
            let problem = Problem::new(ProblemKind::Conflict, format!("{} is not a good snapshot", snapshot.name));
            return Err(problem.with_detail(snapshot.problem).into());
        }
        let place = self.place(&self.vault_row(&snapshot.vault).await?).await?;
        Ok((snapshot, place))
    }

    /// A file that is gone or changed makes its snapshot a failed one; a vault that does not answer does not.
    async fn not_as_it_was(&self, snapshot: &Snapshot, error: VaultError) -> CoreError {
        if matches!(error, VaultError::NotThere { .. } | VaultError::Corrupt { .. }) {
            let failed = async {
                let mut tx = self.0.store.begin().await?;
                tx.fail_snapshot(&snapshot.id, &error.to_string()).await?;
                tx.commit().await?;
                self.tell_snapshot(&snapshot.id).await
            };
            if let Err(error) = failed.await {
                return error;
            }
        }
        vault_problem(error)
    }

    async fn tell_download(
        &self,
        who: String,
        id: &SnapshotId,
        begins: bool,
        draft: AuditDraft,
    ) -> Result<(), CoreError> {
        let now = self.0.clock.now();
        let known = {
            let mut told = locked(&self.runtime()?.snapshots.told);
            told.retain(|_, at| now.since(*at) < ONE_DOWNLOAD_MILLIS.unsigned_abs());
            told.insert((who, id.clone()), now).is_some()
        };
        if begins || !known { self.record(draft).await } else { Ok(()) }
    }
}
