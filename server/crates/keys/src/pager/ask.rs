//! Asking one member for ranges that belong together. Invariant: all answers are of one revision; where etcd has compacted
//! it away, those from then on are of the newest, and that is said.

use crate::visible::KeyRange;
use quorate_etcd::{EtcdError, MemberClient, Range, RangeEnd, RangeReply};
use std::time::Duration;
use tokio::time::Instant;

/// Asks, at one revision, until a moment.
pub struct Asker<'a> {
    client: &'a MemberClient,
    revision: i64,
    renewed: bool,
    /// No answer is begun after this, when there is one already.
    late: Instant,
    until: Instant,
}

impl<'a> Asker<'a> {
    /// At `revision`, or for 0 at that of the first answer.
    pub fn new(client: &'a MemberClient, revision: i64, deadline: Duration) -> Self {
        let now = Instant::now();
        Self { client, revision, renewed: false, late: now + deadline / 2, until: now + deadline }
    }

    /// The revision of the answers; 0 without one.
    pub fn shown(&self) -> u64 {
        u64::try_from(self.revision).unwrap_or_default()
    }

    /// Whether another answer might not come in time: half of it is over.
    pub fn is_late(&self) -> bool {
        self.late <= Instant::now()
    }

    /// What a reader should know; empty for nothing.
    pub fn note(&self) -> String {
        match self.renewed {
            false => String::new(),
            true => format!(
                "etcd has compacted the revision of the first page away; from here on pages show revision {}.",
                self.revision
            ),
        }
    }

    /// At most `limit` keys of a range, without values.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn keys(&mut self, range: &KeyRange, limit: usize) -> Result<RangeReply, EtcdError> {
        self.range(range, limit, true).await
    }

    /// At most `limit` keys of a range.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn range(&mut self, range: &KeyRange, limit: usize, keys_only: bool) -> Result<RangeReply, EtcdError> {
        let mut asked = Range {
            from: range.0.clone(),
            end: range.1.clone().map_or(RangeEnd::Last, RangeEnd::Before),
            limit: i64::try_from(limit).unwrap_or_default(),
            revision: self.revision,
            keys_only,
            ..Range::default()
        };
        let mut answer = self.client.range(&asked, self.left()).await;
        if self.revision != 0 && answer.as_ref().is_err_and(is_lost) {
            asked.revision = 0;
            answer = self.client.range(&asked, self.left()).await;
            self.renewed |= answer.is_ok();
        }
        let reply = answer?;
        if asked.revision == 0 {
            self.revision = reply.revision;
        }
        Ok(reply)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// Whether the cluster does not have the revision (any more): it is compacted, or the cluster was restored from a backup.
pub fn is_lost(error: &EtcdError) -> bool {
    error.is_compacted() || is_ahead(error)
}

/// Whether the revision that was asked for is one that the cluster has not reached (`api/v3rpc/rpctypes/error.go`).
pub fn is_ahead(error: &EtcdError) -> bool {
    matches!(error, EtcdError::Refused { message, .. } if message.contains("required revision is a future revision"))
}
