//! Listing all keys of a cluster. Invariant: what is listed is the cluster at one revision, and changes after it are heard
//! of from the first page on, so that none is missed; they wait, without values, in bounded memory. Only the first page makes etcd
//! count all keys, which says how many are to come; how far the others reach is `window`'s.

use super::{
    Held, Members, Shared,
    task::{ANSWER, Ended, everything},
};
use crate::index::{Index, KeyChange};
use quorate_domain::{Timestamp, keys::IndexPhase, wide::Wide};
use quorate_etcd::{
    EtcdError, KeyWatch, MemberClient, News, Range, RangeEnd, RangeReply,
    stride::Size,
    window::{Window, after},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Keys of the first page, before their size is known.
const FIRST: usize = 1000;
/// Keys of any page. etcd goes through so many in some milliseconds, and those who write wait no longer.
const MOST: usize = 8000;
/// Pages of keys alone. They grow by no more than this, in case the keys to come are longer.
const PAGE: Size = Size { bytes: 8 << 20, growth: 16, most: MOST };
/// What etcd may read for a page: also for one of keys alone it reads the values, and throws them away.
const READ_BYTES: u64 = 64 << 20;
/// Changes that wait until all is listed may take so much memory.
const WAITING_BYTES: usize = 32 << 20;

/// Changes that came while keys were listed.
#[derive(Default)]
struct Waiting {
    changes: Vec<(Vec<KeyChange>, Timestamp)>,
    bytes: usize,
}

impl Waiting {
    fn add(&mut self, news: &News, at: Timestamp) -> Result<(), Ended> {
        let changes: Vec<KeyChange> = news.heard.iter().map(KeyChange::from).collect();
        self.bytes += changes.iter().map(KeyChange::bytes).sum::<usize>();
        if self.bytes > WAITING_BYTES {
            return Err(Ended::Anew("more changed meanwhile than can be remembered".to_owned()));
        }
        if !changes.is_empty() {
            self.changes.push((changes, at));
        }
        Ok(())
    }
}

/// Lists all keys into a new index, which takes the old one's place when it is whole; the watch goes on from there.
pub(super) async fn build(
    client: &MemberClient,
    members: &dyn Members,
    shared: &Arc<Shared>,
) -> Result<KeyWatch, Ended> {
    let first = Range { end: RangeEnd::Last, limit: FIRST as i64, keys_only: true, ..Range::default() };
    let mut reply = client.range(&first, ANSWER).await?;
    let (revision, expected) = (reply.revision, reply.count);
    let mut watch = client.watch(&everything(revision + 1), ANSWER).await?;
    let mut index = Index::default();
    index.begin(u64::try_from(revision).unwrap_or_default(), members.now());
    let cluster = reply.cluster_id;
    let size = Size { most: most_of(client, expected).await, ..PAGE };
    let (mut waiting, mut limit) = (Waiting::default(), FIRST);
    let (mut window, mut end) = (Window::of(&reply.pairs), RangeEnd::Last);
    while let Some(from) = after(&reply, end) {
        limit = size.limit_after(&reply.pairs, limit);
        end = window.end(&from);
        // This member has answered at the revision before, so that it need not ask the others about it again.
        let next = Range { from, end: end.clone(), limit: limit as i64, revision, serializable: true, ..first.clone() };
        let ask = page(client, &next, &mut watch, &mut waiting, members);
        let (inserted, replied) = tokio::join!(insert(index, reply), ask);
        (index, reply) = (inserted?, replied?);
        shared.listed(&index, expected)?;
        window.had(reply.count, limit);
    }
    index = insert(index, reply).await?;
    let shared = shared.clone();
    let done = spawn_blocking(move || {
        for (changes, at) in waiting.changes {
            index.change(changes, at);
        }
        shared.replace(index, cluster)
    });
    done.await.map_err(fault)??;
    Ok(watch)
}

/// The next page; what the watch tells meanwhile waits.
async fn page(
    client: &MemberClient,
    range: &Range,
    watch: &mut KeyWatch,
    waiting: &mut Waiting,
    members: &dyn Members,
) -> Result<RangeReply, Ended> {
    let mut page = std::pin::pin!(client.range(range, ANSWER));
    loop {
        tokio::select! {
            reply = &mut page => return reply.map_err(listing),
            news = watch.next() => waiting.add(&news?, members.now())?,
        }
    }
}

fn listing(error: EtcdError) -> Ended {
    match error.is_compacted() {
        true => Ended::Anew("etcd compacted the revision away that was being listed".to_owned()),
        false => error.into(),
    }
}

/// The most keys of a page, by what a key takes in the database; that of the first where the member does not tell.
async fn most_of(client: &MemberClient, keys: u64) -> usize {
    let Ok(reply) = client.status(ANSWER).await else { return FIRST };
    let Wide(stored) = reply.status.db_size_in_use;
    let each = stored / keys.max(1);
    usize::try_from(READ_BYTES / each.max(1)).unwrap_or(usize::MAX).clamp(FIRST, MOST)
}

/// Off the runtime: a page can be some hundred thousand keys.
async fn insert(mut index: Index, reply: RangeReply) -> Result<Index, Ended> {
    let appended = spawn_blocking(move || {
        index.append(&reply.pairs);
        index
    });
    appended.await.map_err(fault)
}

pub(super) fn fault(error: tokio::task::JoinError) -> Ended {
    Ended::Anew(format!("the console failed at it ({error})"))
}

impl Shared {
    /// So much is listed.
    fn listed(&self, new: &Index, expected: u64) -> Result<(), Ended> {
        let mut held = self.write();
        let mut weighed = held.weigh(new.bytes());
        if weighed.is_err() && held.index.take().is_some() {
            // The old one makes room for the one that is right.
            weighed = held.weigh(new.bytes());
        }
        weighed.map_err(|over| {
            let keys = u128::try_from(new.len().max(1)).unwrap_or(1);
            let needed = new.bytes() as u128 * u128::from(expected) / keys;
            let needed = usize::try_from(needed).unwrap_or(usize::MAX).max(new.bytes());
            Ended::TooLarge { why: over.to_string(), needed, keys: expected }
        })?;
        if held.index.is_none() {
            held.state.phase = IndexPhase::Building;
            held.state.keys = Wide(new.len() as u64);
            held.state.expected = Wide(expected);
            held.state.bytes = Wide(new.bytes() as u64);
            held.state.why.clear();
        }
        Ok(())
    }

    /// Puts a new index in the place of the old one.
    fn replace(&self, new: Index, cluster: u64) -> Result<(), Ended> {
        let revision = new.revision();
        let mut held = self.write();
        held.state.sizes_at = None;
        held.index = Some(new);
        held.cluster = cluster;
        held.live(revision)?;
        drop(held);
        self.shows(revision);
        Ok(())
    }
}

impl Held {
    /// The index is what the cluster was at `revision`.
    pub(super) fn live(&mut self, revision: u64) -> Result<(), Ended> {
        self.weigh(0).map_err(|over| {
            let (needed, keys) = self.index.as_ref().map_or((0, 0), |index| (index.bytes(), index.len() as u64));
            Ended::TooLarge { why: over.to_string(), needed, keys }
        })?;
        self.state.phase = IndexPhase::Live;
        self.state.why.clear();
        self.state.revision = Wide(revision);
        Ok(())
    }
}
