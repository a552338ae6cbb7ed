//! A file on its way into a vault. Invariant: it has no name there before all its digests are right, and memory is bounded by a few
//! batches. Receiving, hashing and writing are three threads that overlap: etcdctl does one after the other.

use crate::{
    digests::{Digested, Digests, Shape},
    error::{VaultError, carried},
    seal::Coat,
    sink::Sink,
};
use age::x25519::Recipient;
use bytes::Bytes;
use std::{mem, sync::Arc};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

/// Threads are woken once for so many bytes; etcd's chunks are 32 KiB.
const BATCH: usize = 1024 * 1024;
/// So many batches wait at each thread.
const WAITING: usize = 4;

type Batch = Arc<Vec<Bytes>>;

/// What the writing thread is told. When nothing more can come, it leaves nothing behind.
enum Order {
    Write(Batch),
    Commit,
}

/// What is in the vault now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the content, with etcd's digest where it has one.
    pub bytes: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
    /// Whether etcd's own digest was there and right; none if it is missing.
    pub sealed_by_etcd: Option<bool>,
    /// Bytes in the vault: more than those of the content where it is encrypted.
    pub stored: u64,
}

impl Written {
    pub(crate) fn new(digested: Digested, stored: u64) -> Self {
        let Digested { bytes, sha256, sealed_by_etcd } = digested;
        Self { bytes, sha256, sealed_by_etcd, stored }
    }
}

/// A file on its way into a vault. Dropped before `finish`, it is given up in the background and leaves nothing.
pub struct Writer {
    name: String,
    batch: Vec<Bytes>,
    batched: usize,
    bytes: u64,
    orders: mpsc::Sender<Order>,
    /// Gone once it told why it failed, which is kept in `failed`.
    writing: Option<JoinHandle<Result<u64, VaultError>>>,
    failed: Option<VaultError>,
    to_hash: mpsc::Sender<Batch>,
    hashing: JoinHandle<Digests>,
    demanded: Option<String>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("name", &self.name).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(name: String, shape: Shape, sink: Box<dyn Sink>, recipient: Option<Recipient>) -> Self {
        let (orders, ordered) = mpsc::channel(WAITING);
        let (to_hash, mut batches) = mpsc::channel::<Batch>(WAITING);
        let of = name.clone();
        let writing = Some(spawn_blocking(move || write(&of, sink, recipient.as_ref(), ordered)));
        let hashing = spawn_blocking(move || {
            let mut digests = Digests::new(shape);
            while let Some(batch) = batches.blocking_recv() {
                batch.iter().for_each(|chunk| digests.update(chunk));
            }
            digests
        });
        Self {
            name,
            batch: Vec::new(),
            batched: 0,
            bytes: 0,
            orders,
            writing,
            failed: None,
            to_hash,
            hashing,
            demanded: None,
        }
    }

    /// Only content with this SHA-256 becomes visible.
    pub(crate) fn demanding(self, sha256: &str) -> Self {
        Self { demanded: Some(sha256.to_owned()), ..self }
    }

    /// Bytes of the content that came so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next chunk, of any length. Waits while the vault is slower than its source. If it is dropped while it waits, the chunk is
    /// taken nevertheless.
    ///
    /// # Errors
    /// When the vault failed; then nothing is left of the file.
    pub async fn write(&mut self, chunk: impl Into<Bytes>) -> Result<(), VaultError> {
        let chunk = chunk.into();
        self.bytes += chunk.len() as u64;
        self.batched += chunk.len();
        self.batch.push(chunk);
        if self.batched >= BATCH { self.send().await } else { Ok(()) }
    }

    /// Both threads get a batch or none does, wherever this is dropped.
    async fn send(&mut self) -> Result<(), VaultError> {
        let (Ok(order), Ok(hash)) = (self.orders.reserve().await, self.to_hash.reserve().await) else {
            return Err(self.why().await);
        };
        let batch = Arc::new(mem::take(&mut self.batch));
        self.batched = 0;
        order.send(Order::Write(Arc::clone(&batch)));
        hash.send(batch);
        Ok(())
    }

    /// Why the writing thread ended before it was told to.
    async fn why(&mut self) -> VaultError {
        if let Some(writing) = self.writing.take() {
            self.failed = writing.await.ok().and_then(Result::err);
        }
        self.failed.clone().unwrap_or_else(|| VaultError::ended(&self.name))
    }

    /// Judges the digests, makes the file durable, and only then visible under its name. If this is dropped while it waits, the file
    /// can become visible nevertheless, whole.
    ///
    /// # Errors
    /// When the bytes are not what they must be, or the vault failed; then nothing is left of the file.
    pub async fn finish(mut self) -> Result<Written, VaultError> {
        if !self.batch.is_empty() {
            self.send().await?;
        }
        let Self { name, orders, writing: Some(writing), to_hash, hashing, demanded, .. } = self else {
            return Err(self.why().await);
        };
        drop(to_hash);
        let digests = hashing.await.map_err(|_| VaultError::ended(&name));
        let judged = digests.and_then(|digests| {
            let digested = digests.finish().map_err(|damage| damage.of(&name))?;
            demanded.map_or(Ok(()), |sha256| digested.demand(&name, &sha256)).map(|()| digested)
        });
        if judged.is_ok() {
            // A thread that ended already tells why below.
            let _ = orders.send(Order::Commit).await;
        }
        drop(orders);
        let stored = writing.await.unwrap_or_else(|_| Err(VaultError::ended(&name)));
        // Damage is the better reason.
        let digested = judged?;
        Ok(Written::new(digested, stored?))
    }

    /// Gives the file up and waits until nothing is left of it.
    pub async fn abandon(self) {
        let Self { orders, to_hash, writing, .. } = self;
        drop((orders, to_hash));
        if let Some(writing) = writing {
            let _ = writing.await;
        }
    }
}

/// The writing thread.
fn write(
    name: &str,
    sink: Box<dyn Sink>,
    recipient: Option<&Recipient>,
    mut orders: mpsc::Receiver<Order>,
) -> Result<u64, VaultError> {
    let failed = |error: std::io::Error| {
        carried(&error).unwrap_or_else(|| VaultError::Local { path: name.to_owned(), what: error.to_string() })
    };
    let mut coat = Coat::around(sink, recipient).map_err(failed)?;
    while let Some(order) = orders.blocking_recv() {
        match order {
            Order::Write(batch) => batch.iter().try_for_each(|chunk| coat.write_all(chunk)).map_err(failed)?,
            Order::Commit => return coat.finish().map_err(failed)?.commit(),
        }
    }
    Ok(0)
}
