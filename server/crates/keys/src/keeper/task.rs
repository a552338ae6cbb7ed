//! The life of an index: listed, followed, taken up again after a break, listed again where that cannot be. Invariant: an
//! index is taken up again only where it is the same cluster, and etcd says that it has as many keys at that revision and
//! the same ones at both ends; otherwise a new one is listed beside it, and the old one can be read until then.

use super::{Held, Members, Shared, follow, list};
use crate::index::meta_of;
use quorate_domain::keys::{IndexPhase, Key, KeyMeta};
use quorate_etcd::{EtcdError, KeyWatch, MemberClient, Range, RangeEnd, WatchEnd, WatchRange};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Between two tries to find a member that answers.
const SOON: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(5);
/// Between two tries where etcd will not say more by itself: the user may not, or there is no room.
const SELDOM: Duration = Duration::from_secs(60);
/// One answer of a page or a count; generous, because a member that is busy is none that is gone.
pub(super) const ANSWER: Duration = Duration::from_secs(30);

/// Why an index is not followed any more.
pub(super) enum Ended {
    /// The member or the way to it.
    Broken(String),
    /// It cannot be taken up again at the revision that it shows.
    Anew(String),
    /// The user may not read all keys.
    Denied,
    /// It does not fit; so many bytes would, for so many keys.
    TooLarge { why: String, needed: usize, keys: u64 },
}

impl From<EtcdError> for Ended {
    fn from(error: EtcdError) -> Self {
        match error {
            error if error.is_denied() => Self::Denied,
            error if error.is_compacted() => Self::Anew("etcd compacted what came after the index".to_owned()),
            error => Self::Broken(error.to_string()),
        }
    }
}

impl From<WatchEnd> for Ended {
    fn from(end: WatchEnd) -> Self {
        match end {
            WatchEnd::Compacted(revision) => Self::Anew(format!(
                "etcd compacted the changes before revision {revision} away before they were heard of"
            )),
            // etcd's word for a watch whose user may not read its range.
            WatchEnd::Broken(error) => error.into(),
        }
    }
}

/// Keeps the index until it is aborted.
pub(super) async fn keep(members: Arc<dyn Members>, shared: Arc<Shared>) {
    let mut pause = SOON;
    let mut anew = true;
    loop {
        let mut since = None;
        let ended = match members.client().await {
            Err(why) => Ended::Broken(why),
            Ok(client) => match keep_with(&client, &*members, &shared, anew, &mut since).await {
                Ok(never) => match never {},
                Err(ended) => ended,
            },
        };
        if let Some(since) = since {
            anew = false;
            // One that breaks right away is not asked more often for that.
            if Instant::elapsed(&since) > LATER {
                pause = SOON;
            }
        }
        match ended {
            Ended::Broken(why) => shared.behind(format!("The watch is being taken up again: {why}.")),
            Ended::Anew(why) => {
                anew = true;
                shared.behind(format!("Keys are listed again: {why}."));
            }
            Ended::Denied => {
                anew = true;
                let why =
                    "The etcd user of this cluster may not list all keys, so there is no index; pages come from etcd.";
                shared.write().empty(IndexPhase::Off, why.to_owned());
                sleep(SELDOM).await;
            }
            Ended::TooLarge { why, needed, keys } => {
                anew = true;
                shared.write().empty(IndexPhase::TooLarge, format!("There is no index: {why}. Pages come from etcd."));
                shared.room_for(&*members, needed, keys).await;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LATER);
    }
}

/// With one member; `since` is when the index became what the cluster is.
async fn keep_with(
    client: &MemberClient,
    members: &dyn Members,
    shared: &Arc<Shared>,
    anew: bool,
    since: &mut Option<Instant>,
) -> Result<std::convert::Infallible, Ended> {
    let known = if anew { None } else { shared.read().known() };
    let watch = match known {
        Some(known) => resume(client, known).await?,
        None => list::build(client, members, shared).await?,
    };
    *since = Some(Instant::now());
    follow::follow(watch, members, shared).await
}

/// What the index is of.
struct Known {
    cluster: u64,
    revision: u64,
    keys: u64,
    ends: Option<[(Key, KeyMeta); 2]>,
}

impl Held {
    fn known(&self) -> Option<Known> {
        let index = self.index.as_ref()?;
        let (revision, keys) = (index.revision(), index.len() as u64);
        Some(Known { cluster: self.cluster, revision, keys, ends: index.ends() })
    }
}

/// Takes the watch up again at the revision that is known, if the cluster is still the same.
async fn resume(client: &MemberClient, known: Known) -> Result<KeyWatch, Ended> {
    let at = i64::try_from(known.revision).unwrap_or(i64::MAX);
    let range = Range { end: RangeEnd::Last, revision: at, count_only: true, ..Range::default() };
    let reply = match client.range(&range, ANSWER).await {
        Err(error) if error.is_ahead() => {
            return Err(Ended::Anew(
                "the cluster is at an earlier revision than the index, as after a restore".to_owned(),
            ));
        }
        reply => reply?,
    };
    if reply.cluster_id != known.cluster {
        return Err(Ended::Anew("it is another cluster than that of the index, as after a restore".to_owned()));
    }
    let other = || Ended::Anew("the cluster has other keys at the revision of the index".to_owned());
    if reply.count != known.keys {
        return Err(other());
    }
    for (key, meta) in known.ends.into_iter().flatten() {
        let one = Range { revision: at, keys_only: true, ..Range::of(key.0) };
        let there = client.range(&one, ANSWER).await?.pairs.into_iter().next().map(|pair| meta_of(&pair, false));
        let made = |meta: &KeyMeta| (meta.create_revision, meta.mod_revision);
        if there.as_ref().map(made) != Some(made(&meta)) {
            return Err(other());
        }
    }
    Ok(client.watch(&everything(at), ANSWER).await?)
}

/// How many keys there are now; none when nobody says.
async fn count(members: &dyn Members) -> Option<u64> {
    let range = Range { end: RangeEnd::Last, count_only: true, ..Range::default() };
    let client = members.client().await.ok()?;
    client.range(&range, ANSWER).await.ok().map(|reply| reply.count)
}

/// Bytes for `now` keys, when `keys` take `needed`.
fn share_of(needed: usize, keys: u64, now: u64) -> usize {
    let bytes = needed as u128 * u128::from(now) / u128::from(keys.max(1));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Every change from `start` on.
pub(super) fn everything(start: i64) -> WatchRange {
    WatchRange { end: RangeEnd::Last, start, ..WatchRange::default() }
}

impl Shared {
    /// The index, if there is one, is of an earlier moment.
    fn behind(&self, why: String) {
        let mut held = self.write();
        held.state.phase = if held.index.is_some() { IndexPhase::Behind } else { IndexPhase::Building };
        held.state.why = why;
    }

    /// Waits until an index would fit: there is more room, or there are fewer keys than those `keys` that take `needed` bytes.
    async fn room_for(&self, members: &dyn Members, needed: usize, keys: u64) {
        loop {
            sleep(SELDOM).await;
            let now = count(members).await.unwrap_or(keys);
            if self.read().share.as_ref().is_some_and(|share| share.has_room(share_of(needed, keys, now))) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_index_would_take_goes_with_the_number_of_keys() {
        assert_eq!(share_of(1000, 100, 10), 100);
        assert_eq!(share_of(1000, 100, 200), 2000);
        assert_eq!(share_of(0, 0, 5), 0);
        assert_eq!(share_of(usize::MAX, 1, u64::MAX), usize::MAX);
    }
}
