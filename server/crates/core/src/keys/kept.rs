//! What becomes of files of keys that the console keeps: listed, taken away as files, dropped, bounded. Invariant: values of masked
//! keys leave only when that was asked for, and an audit row stands before the first byte leaves; what an unfinished operation
//! needs stays; what is kept for a cluster stays within a bound, and uploaded files make room before anything is refused.

use super::rules::may;
use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, KeyFileId, Problem, ProblemKind,
    keys::{KeyFile, KeySettings},
    wide::Wide,
};
use quorate_keys::{
    bulk::{self, PartWriter},
    files::Record,
};
use quorate_store::{KeptKeyFile, Tx};
use secrecy::ExposeSecret;
use std::io;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const LISTED: u32 = 200;
/// Parts that are made before somebody takes them.
const AHEAD: usize = 2;

/// A kept file on its way out, as NDJSON.
pub struct Download {
    /// What is kept of it.
    pub file: KeyFile,
    /// Keys in what is sent.
    pub keys: Wide,
    /// Keys that are not in it: their values are masked, or their reader may not read them.
    pub left_out: Wide,
    /// Its parts in order. After an error the file is not whole.
    pub parts: ReceiverStream<io::Result<Vec<u8>>>,
}

/// Which records of a file somebody gets.
struct Shown {
    permit: Permit<act::ReadValues>,
    cluster: ClusterId,
    settings: KeySettings,
    reveal: bool,
}

impl Shown {
    fn masked(&self, record: &Record) -> bool {
        self.settings.masks(record.key.as_bytes())
    }

    fn has(&self, record: &Record) -> bool {
        may(self.permit.actor(), Action::ReadValues, &self.cluster, record.key.as_bytes())
            && (self.reveal || !self.masked(record))
    }
}

impl Console {
    /// The files that are kept for the permit's cluster, newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn key_files(&self, permit: &Permit<act::WriteKeys>) -> Result<Vec<KeyFile>, CoreError> {
        Ok(self.0.store.key_files(permit.cluster()?, self.0.clock.now(), LISTED).await?)
    }

    /// Begins to write a kept file; the rest is written as it is taken. With `reveal` it has the values of masked keys, too.
    ///
    /// # Errors
    /// `NotFound` for a file of another cluster or one that is not kept any more; the storage failed.
    pub async fn download_key_file(
        &self,
        permit: &Permit<act::ReadValues>,
        id: &KeyFileId,
        reveal: bool,
    ) -> Result<Download, CoreError> {
        let cluster = permit.cluster()?;
        let kept = self.key_file_of(cluster, id).await?;
        let settings = self.key_settings_of(cluster).await?;
        let shown = Shown { permit: permit.clone(), cluster: cluster.clone(), settings, reveal };
        let (mut keys, mut masked) = (0, false);
        for number in 0..kept.parts {
            for record in self.records(id, number).await?.iter().filter(|record| shown.has(record)) {
                keys += 1;
                masked |= shown.masked(record);
            }
        }
        let name = self.record_of(cluster).await?.name;
        let with = if masked { ", with masked values" } else { "" };
        let draft = AuditDraft::by(permit.actor(), "key.download", &name);
        self.record(draft.detail(&format!("{id}: {keys} keys{with}"))).await?;
        let (parts, taken) = mpsc::channel(AHEAD);
        let (console, file, number) = (self.clone(), id.clone(), kept.parts);
        let stop = self.runtime()?.stop.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            if let Err(error) = console.send_parts(&file, number, &shown, &parts).await {
                // Whoever takes the file may be gone; nobody else needs to know.
                let _ = parts.send(Err(error)).await;
            }
        }));
        let left_out = Wide(kept.file.keys.0.saturating_sub(keys));
        Ok(Download { file: kept.file, keys: Wide(keys), left_out, parts: ReceiverStream::new(taken) })
    }

    async fn send_parts(
        &self,
        id: &KeyFileId,
        count: u32,
        shown: &Shown,
        parts: &mpsc::Sender<io::Result<Vec<u8>>>,
    ) -> io::Result<()> {
        for number in 0..count {
            let records = self.records(id, number).await.map_err(io::Error::other)?;
            let mut writer = PartWriter::new().map_err(io::Error::other)?;
            // Where a record stood in another file is of no use in this one.
            for record in records.into_iter().filter(|record| shown.has(record)) {
                let full = writer.record(&Record { line: None, ..record }).map_err(io::Error::other)?;
                if let Some(part) = full
                    && parts.send(Ok(part.into_bytes())).await.is_err()
                {
                    return Ok(());
                }
            }
            if let Some(part) = writer.rest()
                && parts.send(Ok(part.into_bytes())).await.is_err()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Drops a kept file before its time is over.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` when it has keys that the permit's actor may not write; `Conflict` while an unfinished operation
    /// needs it.
    pub async fn drop_key_file(&self, permit: &Permit<act::WriteKeys>, id: &KeyFileId) -> Result<(), CoreError> {
        let cluster = permit.cluster()?;
        let kept = self.key_file_of(cluster, id).await?;
        self.check_file(permit.actor(), cluster, id).await?;
        let name = self.record_of(cluster).await?.name;
        let mut tx = self.0.store.begin().await?;
        if tx.key_file_is_needed(id).await? {
            tx.rollback().await?;
            return Err(Problem::new(ProblemKind::Conflict, "An operation that is not finished needs this file")
                .with_detail("Let the operation come to its end, or undo it, then drop the file.")
                .into());
        }
        tx.delete_key_file(id).await?;
        let draft = AuditDraft::by(permit.actor(), "key.drop_file", &name);
        let detail = format!("{id}: {} keys, {}", kept.file.keys, kept.file.why);
        draft.detail(&detail).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes room for `bytes` more of the cluster's kept files: the oldest uploaded ones go. The files of the operation `by` are not
    /// counted.
    ///
    /// # Errors
    /// `Conflict` when what must stay leaves no room; then nothing was dropped.
    pub(crate) async fn make_room(
        &self,
        tx: &mut Tx,
        cluster: &ClusterId,
        by: &str,
        bytes: u64,
    ) -> Result<(), CoreError> {
        let most = self.0.config.key_files_bytes;
        let missing = tx.make_room_for_key_file(cluster, by, (bytes.max(1), most), self.0.clock.now()).await?;
        if missing == 0 {
            return Ok(());
        }
        let title = format!("There is no room for more files of keys of this cluster: {} MiB are the most", most >> 20);
        Err(Problem::new(ProblemKind::Conflict, title)
            .with_detail("Files that operations kept stay until their time is over: drop those that nobody needs, then try again.")
            .into())
    }

    /// A kept file of this cluster.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn key_file_of(&self, cluster: &ClusterId, id: &KeyFileId) -> Result<KeptKeyFile, CoreError> {
        let kept = self.0.store.key_file(id, self.0.clock.now()).await?;
        kept.filter(|kept| kept.file.cluster == *cluster).ok_or_else(|| CoreError::not_found("file of keys", id))
    }

    /// The records of one part of a kept file.
    ///
    /// # Errors
    /// The storage failed, or the part is not what was kept.
    pub(crate) async fn records(&self, id: &KeyFileId, number: u32) -> Result<Vec<Record>, CoreError> {
        let part = self.0.store.key_file_part(id, number).await?;
        bulk::records_of(part.expose_secret()).map_err(|error| CoreError::caused("a kept file cannot be read", error))
    }
}
