//! A member's database as a stream. Invariant: nothing is kept of it but the chunk that is handed on; each chunk has a deadline of
//! its own, because the whole may take minutes; a stream that ends before its last byte is an error and no end. Whether the
//! bytes are right (etcd's trailing digest) is the crate `vault`'s to say.

use crate::{
    client::MemberClient,
    error::EtcdError,
    wire::{self, SnapshotResponse},
};
use prost::bytes::Bytes;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Streaming;

/// Bytes of etcd's own digest, which it sends last and does not count beforehand.
const DIGEST: u64 = 32;

/// A snapshot on its way. Dropping it ends it; the member lets its read transaction go then.
pub struct SnapshotStream {
    stream: Streaming<SnapshotResponse>,
    /// What was still to come after the last chunk; none before the first.
    remaining: Option<u64>,
}

/// Some bytes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The bytes.
    pub bytes: Bytes,
    /// How many come after them, with etcd's digest at the end.
    pub remaining: u64,
}

impl MemberClient {
    /// Begins to take a snapshot of this member's database. The deadline is for the beginning alone.
    ///
    /// # Errors
    /// [`EtcdError`]; with authentication the user must be root.
    pub async fn snapshot(&self, deadline: Duration) -> Result<SnapshotStream, EtcdError> {
        let stream = self.on_line(deadline, async |line| wire::snapshot(line).await).await?;
        Ok(SnapshotStream { stream, remaining: None })
    }
}

impl SnapshotStream {
    /// The next bytes; none after the last. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `Deadline` when none come in time; `Malformed` when the stream ends too early; a broken connection.
    pub async fn next(&mut self, deadline: Duration) -> Result<Option<SnapshotChunk>, EtcdError> {
        let message = timeout(deadline, self.stream.message()).await;
        let message = message.map_err(|_| EtcdError::Deadline { deadline })??;
        let Some(SnapshotResponse { blob, remaining_bytes }) = message else {
            return match self.remaining {
                Some(0) => Ok(None),
                _ => Err(EtcdError::Malformed("the snapshot ended before its last byte".into())),
            };
        };
        // The digest comes in a message of its own, which says 0 as the one before it does.
        let is_digest = remaining_bytes == 0 && self.remaining == Some(DIGEST);
        let remaining = if is_digest { 0 } else { remaining_bytes.saturating_add(DIGEST) };
        self.remaining = Some(remaining);
        Ok(Some(SnapshotChunk { bytes: blob, remaining }))
    }
}
