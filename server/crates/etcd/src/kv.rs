//! Keys and values of one member. Invariant: a range says the revision that it shows, and a change is one transaction
//! that is done whole, or not at all because a key is not as its author saw it. Which member is asked, and how much is
//! asked at once, is `keys`' and `core`'s business.

use crate::{client::MemberClient, error::EtcdError};
use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, GetOptions, GetResponse, KeyValue, PutOptions, ResponseHeader, Txn,
    TxnOp, TxnOpResponse,
};
use std::time::Duration;

/// The largest answer that is taken. tonic's own limit of 4 MiB is less than what etcd sends.
pub(crate) const ANSWER_MAX: usize = 64 << 20;

/// A key with what etcd knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pair {
    /// The key.
    pub key: Vec<u8>,
    /// The value; empty where only keys were asked for.
    pub value: Vec<u8>,
    /// The revision that made it.
    pub create_revision: i64,
    /// The revision that changed it last.
    pub mod_revision: i64,
    /// How often it was written since it was made.
    pub version: i64,
    /// Its lease; 0 for none.
    pub lease: i64,
}

impl From<KeyValue> for Pair {
    fn from(kv: KeyValue) -> Self {
        let (create_revision, mod_revision) = (kv.create_revision(), kv.mod_revision());
        let (version, lease) = (kv.version(), kv.lease());
        let (key, value) = kv.into_key_value();
        Self { key, value, create_revision, mod_revision, version, lease }
    }
}

/// Which keys: from `from` on, up to but without `end`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Range {
    /// The first key; empty means the very first.
    pub from: Vec<u8>,
    /// Where it ends.
    pub end: RangeEnd,
    /// At most so many; 0 for all.
    pub limit: i64,
    /// As they were at this revision; 0 for now.
    pub revision: i64,
    /// Without values.
    pub keys_only: bool,
    /// Only how many there are.
    pub count_only: bool,
    /// As this member knows it, without asking the others; can be stale.
    pub serializable: bool,
}

/// Where a range ends.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum RangeEnd {
    /// It is `from` alone.
    #[default]
    Single,
    /// Before this key.
    Before(Vec<u8>),
    /// At the last key there is.
    Last,
}

impl Range {
    /// One key.
    pub fn of(key: impl Into<Vec<u8>>) -> Self {
        Self { from: key.into(), ..Self::default() }
    }

    fn options(&self) -> (Vec<u8>, GetOptions) {
        let mut options = GetOptions::new().with_limit(self.limit).with_revision(self.revision);
        let mut from = self.from.clone();
        match &self.end {
            RangeEnd::Single => {}
            end => {
                options = options.with_range(end.wire());
                // etcd refuses an empty key; the smallest one is a zero byte.
                if from.is_empty() {
                    from.push(0);
                }
            }
        }
        if self.keys_only {
            options = options.with_keys_only();
        }
        if self.count_only {
            options = options.with_count_only();
        }
        if self.serializable {
            options = options.with_serializable();
        }
        (from, options)
    }
}

impl RangeEnd {
    /// As etcd's `range_end`: a zero byte means the last key there is.
    pub(crate) fn wire(&self) -> Vec<u8> {
        match self {
            Self::Single => Vec::new(),
            Self::Before(key) => key.clone(),
            Self::Last => vec![0],
        }
    }

    /// Where the keys that start with `prefix` end; an empty prefix is every key's.
    pub fn of_prefix(prefix: &[u8]) -> Self {
        quorate_domain::keys::Key(prefix.to_vec()).end().map_or(Self::Last, |end| Self::Before(end.0))
    }
}

/// What was there.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RangeReply {
    /// etcd's number of the cluster.
    pub cluster_id: u64,
    /// The member's revision when it answered.
    pub revision: i64,
    /// The keys in order.
    pub pairs: Vec<Pair>,
    /// How many keys the range has, limit or not.
    pub count: u64,
    /// Whether the limit left some out.
    pub more: bool,
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Writes a key.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
        /// Its lease.
        lease: PutLease,
    },
    /// Takes a key away.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

/// The lease of a key that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PutLease {
    /// None.
    #[default]
    None,
    /// The one that the key has; etcd refuses it for a key that is not there.
    Keep,
    /// This one.
    Of(i64),
}

/// A transaction: `writes` if every guard holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Change {
    /// Keys with the `mod_revision` that was seen; 0 for one that is not there.
    pub seen: Vec<(Vec<u8>, i64)>,
    /// What is done then.
    pub writes: Vec<Write>,
}

/// What became of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whether it was done.
    pub done: bool,
    /// The member's revision: that of the change, or the one at which it was not done.
    pub revision: i64,
    /// What there was under the guarded keys when it was not done; those that are there, in the order of the guards.
    pub found: Vec<Pair>,
}

/// The revision in a header.
pub(crate) fn revision(header: Option<&ResponseHeader>) -> Result<i64, EtcdError> {
    Ok(header.ok_or_else(|| EtcdError::Malformed("an answer without header".into()))?.revision())
}

fn kv(etcd: &Client) -> etcd_client::KvClient {
    etcd.kv_client().max_decoding_message_size(ANSWER_MAX)
}

fn reply(mut answer: GetResponse) -> Result<RangeReply, EtcdError> {
    Ok(RangeReply {
        cluster_id: answer.header().map_or(0, ResponseHeader::cluster_id),
        revision: revision(answer.header())?,
        count: u64::try_from(answer.count()).unwrap_or_default(),
        more: answer.more(),
        pairs: answer.take_kvs().into_iter().map(Pair::from).collect(),
    })
}

impl MemberClient {
    /// The keys of a range.
    ///
    /// # Errors
    /// [`EtcdError`], among them one that [`EtcdError::is_compacted`]; dropping the future gives the request up.
    pub async fn range(&self, range: &Range, deadline: Duration) -> Result<RangeReply, EtcdError> {
        self.call(deadline, async |etcd| {
            let (from, options) = range.options();
            reply(kv(&etcd).get(from, Some(options)).await?)
        })
        .await
    }

    /// Several keys as they are at one moment; those that are there, in the order of `keys`. At most 128 (etcd's default
    /// `--max-txn-ops`).
    ///
    /// # Errors
    /// [`EtcdError`]; dropping the future gives the request up.
    pub async fn each(&self, keys: &[&[u8]], deadline: Duration) -> Result<Vec<Pair>, EtcdError> {
        self.call(deadline, async |etcd| {
            let reads = keys.iter().map(|key| TxnOp::get(*key, None)).collect::<Vec<_>>();
            let answer = kv(&etcd).txn(Txn::new().and_then(reads)).await?;
            let mut found = Vec::new();
            for response in answer.op_responses() {
                let TxnOpResponse::Get(mut there) = response else { continue };
                found.extend(there.take_kvs().into_iter().map(Pair::from));
            }
            Ok(found)
        })
        .await
    }

    /// Does a change if all is as its author saw it. Never repeated by itself, except when etcd did nothing for lack of a
    /// login.
    ///
    /// # Errors
    /// [`EtcdError`]; after one that [`EtcdError::may_have_happened`] the change may have been done.
    pub async fn change(&self, change: &Change, deadline: Duration) -> Result<Changed, EtcdError> {
        self.call(deadline, async |etcd| {
            let guards =
                change.seen.iter().map(|(key, seen)| Compare::mod_revision(key.clone(), CompareOp::Equal, *seen));
            let reads = change.seen.iter().map(|(key, _)| TxnOp::get(key.clone(), None));
            let txn = Txn::new()
                .when(guards.collect::<Vec<_>>())
                .and_then(change.writes.iter().map(operation).collect::<Vec<_>>())
                .or_else(reads.collect::<Vec<_>>());
            let answer = kv(&etcd).txn(txn).await?;
            let mut found = Vec::new();
            if !answer.succeeded() {
                for response in answer.op_responses() {
                    let TxnOpResponse::Get(mut there) = response else { continue };
                    found.extend(there.take_kvs().into_iter().map(Pair::from));
                }
            }
            Ok(Changed { done: answer.succeeded(), revision: revision(answer.header())?, found })
        })
        .await
    }

    /// Takes a whole range away at once; how many keys went, and the revision.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn delete_range(&self, from: &[u8], end: &RangeEnd, deadline: Duration) -> Result<(u64, i64), EtcdError> {
        self.call(deadline, async |etcd| {
            let mut options = DeleteOptions::new();
            let mut from = from.to_vec();
            if *end != RangeEnd::Single {
                options = options.with_range(end.wire());
                if from.is_empty() {
                    from.push(0);
                }
            }
            let answer = kv(&etcd).delete(from, Some(options)).await?;
            Ok((u64::try_from(answer.deleted()).unwrap_or_default(), revision(answer.header())?))
        })
        .await
    }
}

fn operation(write: &Write) -> TxnOp {
    match write {
        Write::Delete { key } => TxnOp::delete(key.clone(), None),
        Write::Put { key, value, lease } => {
            let options = match lease {
                PutLease::None => None,
                PutLease::Keep => Some(PutOptions::new().with_ignore_lease()),
                PutLease::Of(lease) => Some(PutOptions::new().with_lease(*lease)),
            };
            TxnOp::put(key.clone(), value.clone(), options)
        }
    }
}
