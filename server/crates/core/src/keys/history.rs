//! The history of a key, back to what etcd has compacted away. Invariant: a page has no gap: where something is not known any
//! more the page ends and says so. The changes since a key was made are read one by one, as etcd keeps them; what was before
//! it was made, or after it went, only a watch can tell, and that is given a few seconds.

use super::edit::{
    about,
    read::{ANSWER, Unread, meta_of, narrow, wide},
};
use crate::{
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    ClusterId,
    keys::{HistoryPage, HistoryQuery, Key, KeyChange, KeyMeta},
    wide::Wide,
};
use quorate_etcd::{EtcdError, Heard, Pair, Range, RangeEnd, WatchEnd, WatchRange};
use quorate_keys::forms;
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, interval, timeout_at};

/// The most changes of a page.
const MOST: u32 = 200;
/// How much of a value is shown, in bytes.
const PREVIEW: usize = 2048;
/// How long etcd may look for what was before.
const LOOKING: Duration = Duration::from_secs(3);
/// How often etcd is asked how far it has told; it answers only once it has told all.
const ASKING: Duration = Duration::from_millis(100);

/// What is shown of a key as it was once; whole values of a long history would be much memory.
#[derive(Clone)]
struct Side {
    meta: KeyMeta,
    text: String,
}

impl Side {
    /// At most `preview` bytes of the value, and none of a masked one.
    fn of(pair: &Pair, masked: bool, preview: usize) -> Self {
        let text = if masked { String::new() } else { forms::preview(&pair.value, preview) };
        Self { meta: meta_of(pair), text }
    }
}

/// One change as it was found.
struct Found {
    revision: i64,
    deleted: bool,
    /// After the change; of a deletion only the revision.
    now: Side,
    /// What was there before, where the change itself says so.
    before: Option<Side>,
}

impl Found {
    /// What the key was from a revision on.
    fn there(pair: &Pair, masked: bool) -> Self {
        Self::left(pair.mod_revision, Side::of(pair, masked, PREVIEW))
    }

    fn left(revision: i64, now: Side) -> Self {
        Self { revision, deleted: false, now, before: None }
    }

    fn heard(heard: &Heard, masked: bool) -> Self {
        let side = |pair: &Pair| Side::of(pair, masked, PREVIEW);
        let (revision, deleted) = (heard.pair.mod_revision, heard.deleted);
        Self { revision, deleted, now: side(&heard.pair), before: heard.before.as_ref().map(side) }
    }
}

impl Console {
    /// A part of the history of the permit's key, newest first. Values of masked keys are not shown.
    ///
    /// # Errors
    /// The cluster does not answer, or does not let the console read the key.
    pub async fn key_history(
        &self,
        permit: &Permit<act::ReadValues>,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, CoreError> {
        let (cluster, key) = about(permit, &query.key)?;
        let most = query.limit.clamp(1, MOST) as usize;
        let masked = self.key_settings_of(cluster).await?.masks(key.as_bytes());
        let (now, current) = self.read_key(cluster, key.as_bytes(), 0).await?;
        let compacted = self.compacted(cluster, key).await?;
        let before = query.before.map_or(i64::MAX, narrow);
        let mut found = Vec::new();
        let mut bound = current.saturating_add(1).min(before);
        if bound > current
            && let Some(pair) = now
        {
            bound = pair.mod_revision;
            found.push(Found::there(&pair, masked));
        }
        // One more than the page has says what the last one replaced, and whether there is more.
        let mut whole = true;
        while found.len() <= most && bound > compacted.max(1) {
            let made = found.last().is_some_and(|last| !last.deleted && last.now.meta.version == Wide(1));
            let older = match made {
                true => Ok(None),
                false => self.read_key(cluster, key.as_bytes(), bound - 1).await.map(|(pair, _)| pair),
            };
            match older {
                Ok(Some(pair)) => {
                    bound = pair.mod_revision;
                    found.push(Found::there(&pair, masked));
                }
                Ok(None) => {
                    let room = most + 1 - found.len();
                    match self.earlier(cluster, key, (compacted, bound), room, masked).await? {
                        Some(earlier) => found.extend(earlier),
                        None => whole = false,
                    }
                    break;
                }
                // Compacted while it was being read.
                Err(error) if error.is_compacted() => break,
                Err(error) => return Err(error.into()),
            }
        }
        let next = (found.len() > most).then(|| wide(found[most - 1].revision));
        let known = if whole { compacted } else { bound - 1 };
        let changes = shown(key, &found, most);
        Ok(HistoryPage { changes, next, compacted: wide(known) })
    }

    /// The revision that etcd was compacted at; 0 for never.
    async fn compacted(&self, cluster: &ClusterId, key: &Key) -> Result<i64, CoreError> {
        let first = Range { revision: 1, keys_only: true, ..Range::of(key.0.clone()) };
        match self.read_range(cluster, &first).await {
            Ok(_) => return Ok(0),
            Err(error) if error.is_compacted() => {}
            Err(error) => return Err(error.into()),
        }
        let client = self.key_client(cluster).await?;
        let range = WatchRange { from: key.0.clone(), end: RangeEnd::Single, start: 1, before: false };
        let asked = async {
            client.member().watch(&range, ANSWER).await?.next().await?;
            Ok(())
        };
        match timeout_at(Instant::now() + ANSWER, asked).await {
            Ok(Err(WatchEnd::Compacted(at))) => Ok(at),
            Ok(Err(WatchEnd::Broken(error))) => Err(Unread::Etcd(error).into()),
            Ok(Ok(())) => Ok(0),
            Err(_) => Err(Unread::Etcd(EtcdError::Deadline { deadline: ANSWER }).into()),
        }
    }

    /// The newest `room` changes after the first and before the second revision, newest first; none when etcd does not tell in time.
    async fn earlier(
        &self,
        cluster: &ClusterId,
        key: &Key,
        (compacted, bound): (i64, i64),
        room: usize,
        masked: bool,
    ) -> Result<Option<Vec<Found>>, CoreError> {
        let client = self.key_client(cluster).await?;
        let start = compacted + 1;
        let range = WatchRange { from: key.0.clone(), end: RangeEnd::Single, start, before: true };
        let mut heard: VecDeque<Found> = VecDeque::with_capacity(room.min(64));
        let listening = async {
            let mut watch = client.member().watch(&range, ANSWER).await?;
            let mut ask = interval(ASKING);
            loop {
                let news = tokio::select! {
                    news = watch.next() => news?,
                    _ = ask.tick() => {
                        watch.ask_progress().await.map_err(WatchEnd::Broken)?;
                        continue;
                    }
                };
                for one in news.heard.into_iter().filter(|one| one.pair.mod_revision < bound) {
                    if heard.len() == room {
                        heard.pop_front();
                    }
                    heard.push_back(Found::heard(&one, masked));
                }
                // etcd tells in order: whatever is as late as the bound, or says that all was told, is the end.
                if news.revision >= bound - 1 {
                    return Ok(());
                }
            }
        };
        match timeout_at(Instant::now() + LOOKING, listening).await {
            Err(_) | Ok(Err(WatchEnd::Compacted(_))) => Ok(None),
            Ok(Err(WatchEnd::Broken(error))) => Err(Unread::Etcd(error).into()),
            Ok(Ok(())) => Ok(Some(told(heard, room))),
        }
    }
}

/// What a watch told, newest first; with what was there at the compaction already, if there is room.
fn told(heard: VecDeque<Found>, room: usize) -> Vec<Found> {
    let base = heard.front().filter(|_| heard.len() < room).and_then(|first| first.before.clone());
    let base = base.map(|side| Found::left(narrow(side.meta.mod_revision), side));
    heard.into_iter().rev().chain(base).collect()
}

/// The first `most` as they are shown; what was before one is what the next one left.
fn shown(key: &Key, found: &[Found], most: usize) -> Vec<KeyChange> {
    let older = found.iter().skip(1).map(Some).chain([None]);
    let changes = found.iter().zip(older).take(most).map(|(one, older)| {
        let left = older.filter(|older| !older.deleted && one.now.meta.version != Wide(1)).map(|older| &older.now);
        said(key.clone(), one.deleted, one.now.clone(), one.before.as_ref().or(left).cloned())
    });
    changes.collect()
}

/// A change as it is shown; of each value at most `preview` bytes, and none of a masked key.
pub(super) fn change(pair: &Pair, deleted: bool, before: Option<&Pair>, masked: bool, preview: usize) -> KeyChange {
    let side = |pair: &Pair| Side::of(pair, masked, preview);
    said(Key(pair.key.clone()), deleted, side(pair), before.map(side))
}

fn said(key: Key, deleted: bool, now: Side, before: Option<Side>) -> KeyChange {
    let revision = now.meta.mod_revision;
    let gone = before.as_ref().filter(|_| deleted).map(|before| before.meta.clone());
    let text = if deleted { String::new() } else { now.text };
    KeyChange { key, revision, deleted, meta: gone.unwrap_or(now.meta), text, before: before.map(|side| side.text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(value: &str, mod_revision: i64, version: i64) -> Pair {
        let (key, value) = (b"a".to_vec(), value.as_bytes().to_vec());
        Pair { key, value, create_revision: 1, mod_revision, version, lease: 0 }
    }

    fn found(pair: Pair, deleted: bool) -> Found {
        Found { deleted, ..Found::there(&pair, false) }
    }

    #[test]
    fn what_was_before_is_what_the_older_change_left() {
        let all = [found(pair("c", 9, 1), false), found(pair("", 7, 0), true), found(pair("b", 5, 2), false)];
        let shown = shown(&Key::raw("a"), &all, 2);
        let said: Vec<_> = shown.iter().map(|c| (c.revision.0, c.deleted, c.meta.version.0)).collect();
        assert_eq!(said, [(9, false, 1), (7, true, 2)], "a deletion tells of what went");
        assert_eq!(shown[0].before, None, "a key that is made has nothing before it");
    }

    #[test]
    fn a_masked_key_shows_no_text_and_its_sizes() {
        let change = change(&pair("hidden", 9, 2), false, Some(&pair("words", 5, 1)), true, PREVIEW);
        assert_eq!((change.text.as_str(), change.before.as_deref()), ("", Some("")));
        assert_eq!(change.meta.size.map(|size| size.0), Some(6));
    }

    #[test]
    fn what_was_there_at_the_compaction_is_told_last() {
        let one = |value, revision, before| Heard { pair: pair(value, revision, 2), deleted: false, before };
        let heard = [one("b", 8, Some(pair("a", 3, 1))), one("c", 9, Some(pair("b", 8, 2)))];
        let found = || heard.iter().map(|heard| Found::heard(heard, false)).collect();
        let revisions = |room| told(found(), room).iter().map(|found| found.revision).collect::<Vec<_>>();
        assert_eq!((revisions(5), revisions(2)), (vec![9, 8, 3], vec![9, 8]));
    }
}
