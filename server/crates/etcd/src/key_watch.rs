//! A watch over keys of one member. Invariant: news come in the order of their revisions and none is left out; a watch
//! that cannot go on ends with the reason, and whoever holds it takes it up again at the last revision it heard of.

use crate::{
    client::MemberClient,
    error::EtcdError,
    kv::{ANSWER_MAX, Pair, RangeEnd, revision},
};
use etcd_client::{EventType, WatchOptions, WatchStream};
use std::time::Duration;

/// What a watch wants to hear.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WatchRange {
    /// The first key.
    pub from: Vec<u8>,
    /// Where it ends.
    pub end: RangeEnd,
    /// From this revision on; 0 for what comes next.
    pub start: i64,
    /// With what was there before each change.
    pub before: bool,
}

/// One change that was heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The key with its value; of a deleted one only the key and the revision (as `mod_revision`).
    pub pair: Pair,
    /// Whether it was deleted.
    pub deleted: bool,
    /// What was there before, where that was asked for and is still known.
    pub before: Option<Pair>,
}

/// What came at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// That of the last change, or without changes the one up to which all was told. Large answers come in parts, so that
    /// more changes of this revision may follow: a watch is taken up again at it, not after it.
    pub revision: i64,
    /// The changes.
    pub heard: Vec<Heard>,
}

/// Why a watch ended.
#[derive(Debug)]
pub enum WatchEnd {
    /// The revision that it should start from is compacted away; this is the first one that is not.
    Compacted(i64),
    /// The connection or etcd.
    Broken(EtcdError),
}

/// A running watch. Dropping it ends it.
pub struct KeyWatch {
    stream: WatchStream,
}

impl MemberClient {
    /// Begins to watch. The deadline is for the beginning alone.
    ///
    /// # Errors
    /// [`WatchEnd`].
    pub async fn watch(&self, range: &WatchRange, deadline: Duration) -> Result<KeyWatch, WatchEnd> {
        let begun = self.call(deadline, async |etcd| {
            let mut options =
                WatchOptions::new().with_start_revision(range.start).with_progress_notify().with_fragment();
            let mut from = range.from.clone();
            if range.end != RangeEnd::Single {
                options = options.with_range(range.end.wire());
                if from.is_empty() {
                    from.push(0);
                }
            }
            if range.before {
                options = options.with_prev_key();
            }
            let mut client = etcd.watch_client().max_decoding_message_size(ANSWER_MAX);
            let mut stream = client.watch(from, Some(options)).await?;
            let first = stream.message().await?;
            let first = first.ok_or_else(|| EtcdError::Malformed("a watch that ends before it begins".into()))?;
            let refused = first.canceled().then(|| (first.compact_revision(), first.cancel_reason().to_owned()));
            Ok((stream, refused))
        });
        match begun.await.map_err(WatchEnd::Broken)? {
            (stream, None) => Ok(KeyWatch { stream }),
            (_, Some((compacted, _))) if compacted > 0 => Err(WatchEnd::Compacted(compacted)),
            (_, Some((_, reason))) => Err(WatchEnd::Broken(EtcdError::refused_watch(reason))),
        }
    }
}

impl KeyWatch {
    /// What comes next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`WatchEnd`]; the watch is over then.
    pub async fn next(&mut self) -> Result<News, WatchEnd> {
        let message = self.stream.message().await.map_err(|e| WatchEnd::Broken(e.into()))?;
        let Some(answer) = message else {
            return Err(WatchEnd::Broken(EtcdError::refused_watch("the member ended the watch".into())));
        };
        if answer.canceled() {
            return Err(match answer.compact_revision() {
                0 => WatchEnd::Broken(EtcdError::refused_watch(answer.cancel_reason().to_owned())),
                compacted => WatchEnd::Compacted(compacted),
            });
        }
        let heard = answer.events().iter().filter_map(|event| {
            let pair = Pair::from(event.kv()?.clone());
            let before = event.prev_kv().map(|kv| Pair::from(kv.clone()));
            Some(Heard { pair, deleted: event.event_type() == EventType::Delete, before })
        });
        let heard: Vec<Heard> = heard.collect();
        let revision = match heard.last() {
            Some(last) => last.pair.mod_revision,
            None => revision(answer.header()).map_err(WatchEnd::Broken)?,
        };
        Ok(News { revision, heard })
    }

    /// Asks the member to say how far it has told; comes as [`News`] without changes, and not before all earlier ones.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn ask_progress(&mut self) -> Result<(), EtcdError> {
        Ok(self.stream.request_progress().await?)
    }
}
