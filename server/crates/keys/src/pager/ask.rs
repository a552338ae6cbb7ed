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
    /// Why it is another revision than that of the first answer.
    renewed: Option<&'static str>,
    /// No answer is begun after this, when there is one already.
    late: Instant,
    until: Instant,
}

impl<'a> Asker<'a> {
    /// At `revision`, or for 0 at that of the first answer.
    pub fn new(client: &'a MemberClient, revision: i64, deadline: Duration) -> Self {
        let now = Instant::now();
        Self { client, revision, renewed: None, late: now + deadline / 2, until: now + deadline }
    }

    /// The revision of the answers; 0 without one.
    pub fn shown(&self) -> u64 {
        u64::try_from(self.revision).unwrap_or_default()
    }

    /// Whether another answer might not come in time: half of it is over.
    pub fn is_late(&self) -> bool {
        self.late <= Instant::now()
    }

    /// The moment from which on it is.
    pub fn late(&self) -> Instant {
        self.late
    }

    /// What a reader should know; empty for nothing.
    pub fn note(&self) -> String {
        let told = |why| format!("{why}; from here on pages show revision {}.", self.revision);
        self.renewed.map(told).unwrap_or_default()
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
        let lost = answer.as_ref().err().and_then(lost);
        if self.revision != 0 && lost.is_some() {
            asked.revision = 0;
            answer = self.client.range(&asked, self.left()).await;
            if answer.is_ok() {
                self.renewed = lost;
            }
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

/// Why the cluster does not have the revision (any more), for whoever reads pages of it; none if that is not what is wrong.
fn lost(error: &EtcdError) -> Option<&'static str> {
    if error.is_compacted() {
        return Some("etcd has compacted the revision of the first page away");
    }
    error.is_ahead().then_some("The cluster is at an earlier revision than the first page was, as after a restore")
}
