//! Files of keys that are brought. Invariant: what is kept was read to its end and is sealed; a broken line refuses the whole
//! file, by its number, and each record that is kept knows its line. What files look like is `quorate_keys::files`', what
//! becomes of those that are kept `kept`'s, what an import of one would do `preview`'s.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use futures::{Stream, StreamExt};
use quorate_domain::{
    KeyFileId, Problem, ProblemKind,
    keys::{FILE_MAX, KeyFile},
    wide::Wide,
};
use quorate_keys::{
    bulk::{self, PartWriter},
    files::{FileFormat, Record, at_record, detect, read},
};
use quorate_store::UPLOADED;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::{self, BufRead, BufReader, Read},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// How long the next bytes of a file may be on their way.
const CHUNK: Duration = Duration::from_secs(30);
/// How long a file is kept, uploaded or of an operation.
pub(crate) const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// After this a file that was begun and never ended is dropped.
const BEGUN_MILLIS: i64 = 60 * 60 * 1000;
/// The largest file of a format that cannot be read line by line.
const DOCUMENT_MAX: usize = 64 << 20;
const AHEAD: usize = 4;
const NAME_MAX: usize = 120;

impl Console {
    /// Keeps a file of keys for the permit's cluster. `format` none: it is told by its beginning.
    ///
    /// # Errors
    /// `Invalid` at `file` with the line that is broken; `Conflict` when all that is kept for the cluster would be too much;
    /// `NotFound`; the storage failed.
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
            why: UPLOADED.into(),
            until: now.plus_millis(BEGUN_MILLIS),
        };
        let mut tx = self.0.store.begin().await?;
        // What cannot be kept need not be sent.
        self.make_room(&mut tx, cluster, "", 0).await?;
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
            Err(error) => return self.forget_key_file(&file.id, error).await,
        };
        (file.bytes, file.keys, file.until) = (Wide(bytes), Wide(keys), now.plus_millis(KEPT_MILLIS));
        let mut tx = self.0.store.begin().await?;
        if let Err(full) = self.make_room(&mut tx, cluster, "", bytes).await {
            tx.rollback().await?;
            return self.forget_key_file(&file.id, full).await;
        }
        tx.end_key_file(&file.id, parts, (bytes, keys), file.until).await?;
        let draft = AuditDraft::by(permit.actor(), "key.upload", &cluster_name);
        draft.detail(&format!("{}: {keys} keys", file.id)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(file)
    }

    /// Nothing stays of a file that cannot be kept.
    async fn forget_key_file(&self, id: &KeyFileId, why: CoreError) -> Result<KeyFile, CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.delete_key_file(id).await?;
        tx.commit().await?;
        Err(why)
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
    let mut records = read(input, format, most);
    while let Some(record) = records.next() {
        let record = record.map_err(|error| at_file(error.to_string()))?;
        let line = records.line();
        if !known.insert(short(&record)) {
            let why = format!("the key {} is in the file a second time", record.key);
            return Err(at_file(format!("Line {line}: {}", at_record(writer.keys() + 1, line, &why))));
        }
        let record = Record { line: Some(Wide(line)), ..record };
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
