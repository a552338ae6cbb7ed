//! Files of keys that the console keeps. Invariant: what is kept was read to its end and is sealed; a broken line refuses the whole
//! file, by its number; a preview asks the same rules as the import and tells nobody of keys that they may not write. What
//! files look like is `quorate_keys::files`', the import itself an operation.

use super::rules::may;
use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use futures::{Stream, StreamExt};
use quorate_domain::{
    Action, ClusterId, KeyFileId, Problem, ProblemKind,
    keys::{FILE_MAX, ImportChange, ImportMode, ImportPreview, ImportWhat, KeyFile},
    wide::Wide,
};
use quorate_keys::{
    bulk::{self, PartWriter},
    files::{FileFormat, Record, detect, read},
};
use quorate_store::KeptKeyFile;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::{self, BufRead, BufReader, Read},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// How long etcd may take to say what is there under a batch of keys.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the next bytes of a file may be on their way.
const CHUNK: Duration = Duration::from_secs(30);
/// How long a file is kept, uploaded or of an operation.
pub(crate) const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// After this a file that was begun and never ended is dropped.
const BEGUN_MILLIS: i64 = 60 * 60 * 1000;
/// The largest file of a format that cannot be read line by line.
const DOCUMENT_MAX: usize = 64 << 20;
const AHEAD: usize = 4;
const LISTED: u32 = 200;
const NAME_MAX: usize = 120;
/// The most problems, and keys, that a preview names.
const NAMED: usize = 100;

impl Console {
    /// Keeps a file of keys for the permit's cluster. `format` none: it is told by its beginning.
    ///
    /// # Errors
    /// `Invalid` at `file` with the line that is broken; `NotFound`; the storage failed.
    pub async fn keep_key_file<B: AsRef<[u8]>, E: std::fmt::Display>(
        &self,
        permit: &Permit<act::WriteKeys>,
        name: &str,
        format: Option<FileFormat>,
        body: impl Stream<Item = Result<B, E>> + Unpin,
    ) -> Result<KeyFile, CoreError> {
        let cluster = permit.cluster()?;
        let cluster_name = self.record_of(cluster).await?.name;
        let now = self.0.clock.now();
        let mut file = KeyFile {
            id: KeyFileId::from_random(self.random()),
            cluster: cluster.clone(),
            name: name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect(),
            bytes: Wide(0),
            keys: Wide(0),
            at: now,
            actor: permit.actor().label(),
            why: "uploaded".into(),
            until: now.plus_millis(BEGUN_MILLIS),
        };
        let mut tx = self.0.store.begin().await?;
        tx.begin_key_file(&file).await?;
        tx.commit().await?;
        let (to_reader, from_body) = mpsc::channel(AHEAD);
        let (to_store, parts) = mpsc::channel(AHEAD);
        let reading = tokio::task::spawn_blocking(move || take_apart(Incoming::new(from_body), format, &to_store));
        let (fed, kept, taken) = tokio::join!(feed(body, to_reader), self.keep_parts(&file.id, parts), reading);
        let taken = taken.map_err(|error| CoreError::caused("a file of keys could not be read", error));
        let whole =
            kept.and_then(|parts| fed.and(taken?.map_err(Into::into)).map(|(bytes, keys)| (parts, bytes, keys)));
        let (parts, bytes, keys) = match whole {
            Ok(whole) => whole,
            Err(error) => {
                let mut tx = self.0.store.begin().await?;
                tx.delete_key_file(&file.id).await?;
                tx.commit().await?;
                return Err(error);
            }
        };
        (file.bytes, file.keys, file.until) = (Wide(bytes), Wide(keys), now.plus_millis(KEPT_MILLIS));
        let mut tx = self.0.store.begin().await?;
        tx.end_key_file(&file.id, parts, (bytes, keys), file.until).await?;
        let draft = AuditDraft::by(permit.actor(), "key.upload", &cluster_name);
        draft.detail(&format!("{}: {keys} keys", file.id)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(file)
    }

    async fn keep_parts(&self, id: &KeyFileId, mut parts: mpsc::Receiver<String>) -> Result<u32, CoreError> {
        let mut number = 0;
        while let Some(part) = parts.recv().await {
            let mut tx = self.0.store.begin().await?;
            tx.insert_key_file_part(id, number, &SecretString::from(part)).await?;
            tx.commit().await?;
            number += 1;
        }
        Ok(number)
    }

    /// The files that are kept for the permit's cluster, newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn key_files(&self, permit: &Permit<act::WriteKeys>) -> Result<Vec<KeyFile>, CoreError> {
        Ok(self.0.store.key_files(permit.cluster()?, self.0.clock.now(), LISTED).await?)
    }

    /// What an import of a kept file would do now. Changes nothing.
    ///
    /// # Errors
    /// `NotFound` for a file of another cluster or one that is not kept any more; `Unreachable`.
    pub async fn preview_import(
        &self,
        permit: &Permit<act::WriteKeys>,
        id: &KeyFileId,
        mode: ImportMode,
    ) -> Result<ImportPreview, CoreError> {
        let cluster = permit.cluster()?;
        let kept = self.key_file_of(cluster, id).await?;
        let mut preview = Preview::default();
        for number in 0..kept.parts {
            let mut fit = Vec::new();
            for record in self.records(id, number).await? {
                preview.looked += 1;
                let mine = may(permit.actor(), Action::WriteKeys, cluster, record.key.as_bytes());
                let rights = (!mine).then(|| "you may not write its key".to_owned());
                match rights.or_else(|| bulk::unfit(&record)) {
                    Some(why) => preview.problem(why),
                    None => fit.push(record),
                }
            }
            for batch in bulk::batches(fit) {
                let ask = async |client| bulk::found(&client, &batch, ANSWER).await;
                let there = self.ask_for_keys(cluster, ask).await?;
                for record in batch {
                    let what = bulk::decide(mode, &record, there.get(record.key.as_bytes()), None);
                    preview.note(record, what);
                }
            }
        }
        Ok(preview.told)
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

/// A preview that is being made.
#[derive(Default)]
struct Preview {
    told: ImportPreview,
    looked: u64,
}

impl Preview {
    fn problem(&mut self, why: String) {
        if self.told.problems.len() < NAMED {
            self.told.problems.push((Wide(self.looked), why));
        }
    }

    fn note(&mut self, record: Record, what: ImportWhat) {
        let counted = match what {
            ImportWhat::Add => &mut self.told.adds,
            ImportWhat::Change => &mut self.told.changes,
            ImportWhat::Same => &mut self.told.same,
            ImportWhat::Skip => &mut self.told.skipped,
        };
        counted.0 += 1;
        if self.told.sample.len() < NAMED {
            self.told.sample.push(ImportChange { key: record.key, what });
        }
    }
}

/// Hands a body on as it comes, and its end only when it is one.
async fn feed<B: AsRef<[u8]>, E: std::fmt::Display>(
    mut body: impl Stream<Item = Result<B, E>> + Unpin,
    to: mpsc::Sender<io::Result<Vec<u8>>>,
) -> Result<(), CoreError> {
    let mut bytes = 0u64;
    let problem = loop {
        match timeout(CHUNK, body.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(chunk))) => {
                bytes = bytes.saturating_add(chunk.as_ref().len() as u64);
                if bytes > FILE_MAX {
                    break Problem::field("file", format!("The file is larger than {} MiB", FILE_MAX >> 20));
                }
                // The reader is gone once it found what is wrong with the file.
                if to.send(Ok(chunk.as_ref().to_vec())).await.is_err() {
                    return Ok(());
                }
            }
            Ok(Some(Err(_))) | Err(_) => {
                break Problem::new(ProblemKind::Invalid, "The file broke off before its end; send it again");
            }
        }
    };
    let _ = to.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
    Err(problem.into())
}

/// Reads a file of any format and sends it on as parts; how many bytes and keys they have.
fn take_apart(
    input: Incoming,
    format: Option<FileFormat>,
    parts: &mpsc::Sender<String>,
) -> Result<(u64, u64), Problem> {
    let at_file = |why: String| Problem::field("file", why);
    let mut input = BufReader::with_capacity(64 << 10, input);
    let format = match format {
        Some(format) => format,
        None => detect(input.fill_buf().map_err(|error| at_file(error.to_string()))?),
    };
    let most = match format {
        FileFormat::Ndjson | FileFormat::EtcdctlSimple => bulk::LINE_MAX,
        FileFormat::Json | FileFormat::Yaml | FileFormat::Etcdctl => DOCUMENT_MAX,
    };
    let mut writer = PartWriter::new().map_err(|error| at_file(error.to_string()))?;
    let mut known: HashSet<[u8; 16]> = HashSet::new();
    for record in read(input, format, most) {
        let record = record.map_err(|error| at_file(error.to_string()))?;
        if !known.insert(short(&record)) {
            let why = format!("Record {}: its key {} is in the file a second time", writer.keys() + 1, record.key);
            return Err(at_file(why));
        }
        let part = writer.record(&record).map_err(|error| at_file(error.to_string()))?;
        if let Some(part) = part
            && parts.blocking_send(part).is_err()
        {
            // Whoever keeps them failed, and says why.
            return Ok((0, 0));
        }
    }
    if let Some(part) = writer.rest() {
        let _ = parts.blocking_send(part);
    }
    if writer.keys() == 0 {
        return Err(at_file("There are no keys in this file".into()));
    }
    Ok((writer.bytes(), writer.keys()))
}

/// Tells a key from others: two of a file that share it by chance are out of the question.
fn short(record: &Record) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(record.key.as_bytes())[..16]);
    short
}

/// A body as a blocking reader sees it.
struct Incoming {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    rest: io::Cursor<Vec<u8>>,
}

impl Incoming {
    fn new(chunks: mpsc::Receiver<io::Result<Vec<u8>>>) -> Self {
        Self { chunks, rest: io::Cursor::default() }
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.rest.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = io::Cursor::new(chunk?),
                None => return Ok(0),
            }
        }
    }
}
