//! A multipart upload on its way. Invariant: the upload is completed by `commit` and aborted by every other end, also when the sink is
//! dropped; an abort that does not reach the store is told in the log, because the bucket then keeps invisible parts.

use super::Bucket;
use crate::{error::VaultError, sink::Sink};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use std::{
    io::{self, Write},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

/// Stores take 10 000 parts: this is enough for databases of 80 GB, and etcd's end at 8 or 16.
const PART: usize = 8 * 1024 * 1024;
/// So many parts are under way while one fills; all of them are in memory.
const UNDER_WAY: usize = 2;
/// A store that does not answer is not waited for longer when an upload is given up.
const ABORT: Duration = Duration::from_secs(10);

enum Order {
    Part(PutPayload),
    Complete,
}

/// The blocking end. `ended` answers with the object's length, or why there is none.
pub(super) struct Upload {
    part: Vec<u8>,
    orders: Option<mpsc::Sender<Order>>,
    ended: Option<oneshot::Receiver<Result<u64, VaultError>>>,
    name: String,
}

/// Begins an upload.
pub(super) async fn begin(bucket: Bucket, name: String) -> Result<Upload, VaultError> {
    let begun = bucket.store.put_multipart(&bucket.at(&name)).await;
    let upload = begun.map_err(|error| bucket.failed(&name, "write", &error))?;
    let (orders, ordered) = mpsc::channel(1);
    let (end, ended) = oneshot::channel();
    let of = name.clone();
    tokio::spawn(async move {
        // Nobody waits any more for an upload that was dropped.
        let _ = end.send(drive(bucket, &of, upload, ordered).await);
    });
    Ok(Upload { part: Vec::with_capacity(PART), orders: Some(orders), ended: Some(ended), name })
}

/// The uploading end: parts until it is told to complete, else it aborts.
async fn drive(
    bucket: Bucket,
    name: &str,
    mut upload: Box<dyn MultipartUpload>,
    mut orders: mpsc::Receiver<Order>,
) -> Result<u64, VaultError> {
    let done = parts(upload.as_mut(), &mut orders).await;
    let error = match done {
        Ok(Some(bytes)) => match upload.complete().await {
            Ok(_) => return Ok(bytes),
            // The answer may be lost, and a second try finds the upload gone, though the first one did it.
            Err(_) if matches!(bucket.brisk().size(name).await, Ok(size) if size == bytes) => return Ok(bytes),
            Err(error) => Some(error),
        },
        Ok(None) => None,
        Err(error) => Some(error),
    };
    if !matches!(timeout(ABORT, upload.abort()).await, Ok(Ok(()))) {
        tracing::warn!(
            place = &*bucket.place,
            name,
            "an unfinished upload could not be aborted; a rule of the bucket that aborts incomplete multipart uploads removes its parts"
        );
    }
    Err(error.map_or_else(|| VaultError::ended(name), |error| bucket.failed(name, "write", &error)))
}

/// Uploads parts; all bytes if it is to be completed.
async fn parts(
    upload: &mut dyn MultipartUpload,
    orders: &mut mpsc::Receiver<Order>,
) -> object_store::Result<Option<u64>> {
    let (mut under_way, mut bytes) = (JoinSet::new(), 0);
    while let Some(order) = orders.recv().await {
        let room = match order {
            Order::Part(part) => {
                bytes += part.content_length() as u64;
                under_way.spawn(upload.put_part(part));
                UNDER_WAY
            }
            Order::Complete => 0,
        };
        while under_way.len() > room.saturating_sub(1) {
            let Some(put) = under_way.join_next().await else { break };
            put??;
        }
        if room == 0 {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

impl Upload {
    fn order(&mut self, order: Order) -> io::Result<()> {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.blocking_send(order).is_ok());
        if sent {
            Ok(())
        } else {
            Err(io::Error::other(self.end().err().unwrap_or_else(|| VaultError::ended(&self.name))))
        }
    }

    fn send_part(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        self.order(Order::Part(part.into()))
    }

    /// Waits until the upload is completed or nothing is left of it.
    fn end(&mut self) -> Result<u64, VaultError> {
        self.orders = None;
        let ended = self.ended.take().and_then(|ended| ended.blocking_recv().ok());
        ended.unwrap_or_else(|| Err(VaultError::ended(&self.name)))
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART - self.part.len());
        self.part.extend(bytes.iter().take(taken));
        if self.part.len() == PART {
            self.send_part()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Upload {
    fn commit(mut self: Box<Self>) -> Result<u64, VaultError> {
        let sent = if self.part.is_empty() { Ok(()) } else { self.send_part() };
        let sent = sent.and_then(|()| self.order(Order::Complete));
        sent.map_err(|error| crate::error::carried(&error).unwrap_or_else(|| VaultError::ended(&self.name)))?;
        self.end()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.ended.is_some() {
            let _ = self.end();
        }
    }
}
