//! Reading keys through whichever member answers. Invariant: what is read is confirmed by a majority; a member that is silent
//! is left for another one, and a refusal of etcd's is nobody's silence.

use crate::{console::Console, error::CoreError, keys::client::key_problem};
use quorate_domain::{ClusterId, ids::LeaseId, keys::KeyMeta, wide::Wide};
use quorate_etcd::{EtcdError, Pair, Range, RangeReply};
use std::time::Duration;

/// How long one answer may take.
pub(in crate::keys) const ANSWER: Duration = Duration::from_secs(5);

/// Why nothing was read.
pub(in crate::keys) enum Unread {
    /// etcd, or the way to it.
    Etcd(EtcdError),
    /// The console, or nobody to ask.
    Console(CoreError),
}

impl Unread {
    pub(in crate::keys) fn is_compacted(&self) -> bool {
        matches!(self, Self::Etcd(error) if error.is_compacted())
    }
}

impl From<Unread> for CoreError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Etcd(error) => key_problem(error),
            Unread::Console(error) => error,
        }
    }
}

impl Console {
    /// Reads a range, asking another member when one is silent or follows no leader.
    pub(in crate::keys) async fn read_range(&self, cluster: &ClusterId, range: &Range) -> Result<RangeReply, Unread> {
        self.ask_members(cluster, async |client| client.range(range, ANSWER).await).await
    }

    /// One key as it was at `revision` (0 for now), and the revision of the cluster.
    pub(in crate::keys) async fn read_key(
        &self,
        cluster: &ClusterId,
        key: &[u8],
        revision: i64,
    ) -> Result<(Option<Pair>, i64), Unread> {
        let reply = self.read_range(cluster, &Range { revision, ..Range::of(key) }).await?;
        Ok((reply.pairs.into_iter().next(), reply.revision))
    }
}

/// A revision as it is shown; etcd's are never negative.
pub(in crate::keys) fn wide(revision: i64) -> Wide {
    Wide(u64::try_from(revision).unwrap_or_default())
}

/// A revision as etcd takes it; what no revision can be is one that never comes.
pub(in crate::keys) fn narrow(revision: Wide) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// What is known of a key besides its value.
pub(in crate::keys) fn meta_of(pair: &Pair) -> KeyMeta {
    KeyMeta {
        create_revision: wide(pair.create_revision),
        mod_revision: wide(pair.mod_revision),
        version: wide(pair.version),
        lease: (pair.lease != 0).then(|| LeaseId(pair.lease.cast_unsigned())),
        size: Some(Wide(pair.value.len() as u64)),
        changed_at: None,
    }
}
