//! Following a cluster. Invariant: changes are applied in the order in which they were told, off the runtime; a member that
//! says nothing for long is asked how far it is, and given up when it does not answer.

use super::{Members, Shared, list::fault, task::Ended};
use crate::index::KeyChange;
use quorate_domain::{Timestamp, wide::Wide};
use quorate_etcd::{KeyWatch, News};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout_at},
};

/// A watch that told nothing for so long is asked.
const QUIET: Duration = Duration::from_secs(30);
/// What comes within this is applied at once: blocks are then written once for many changes.
const TOGETHER: Duration = Duration::from_millis(10);
/// At most so many changes are applied at once.
const AT_ONCE: usize = 4096;

/// Follows until that ends.
pub(super) async fn follow(
    mut watch: KeyWatch,
    members: &dyn Members,
    shared: &Arc<Shared>,
) -> Result<Infallible, Ended> {
    shared.taken_up()?;
    let mut quiet = Instant::now() + QUIET;
    let mut asked = false;
    loop {
        let news = tokio::select! {
            news = watch.next() => news?,
            () = sleep_until(quiet) => {
                if asked {
                    return Err(Ended::Broken("the member has said nothing for a minute".to_owned()));
                }
                watch.ask_progress().await?;
                asked = true;
                quiet = Instant::now() + QUIET;
                continue;
            }
        };
        let (batch, broken) = gather(&mut watch, news).await;
        apply(shared.clone(), batch, members.now()).await?;
        if let Some(broken) = broken {
            return Err(broken);
        }
        asked = false;
        quiet = Instant::now() + QUIET;
    }
}

/// What came, as it is applied.
struct Batch {
    revision: i64,
    changes: Vec<KeyChange>,
}

impl Batch {
    fn add(&mut self, news: &News) {
        self.revision = self.revision.max(news.revision);
        self.changes.extend(news.heard.iter().map(KeyChange::from));
    }
}

/// The first news and those right behind it, and how the watch ended if it did.
async fn gather(watch: &mut KeyWatch, first: News) -> (Batch, Option<Ended>) {
    let mut batch = Batch { revision: 0, changes: Vec::new() };
    batch.add(&first);
    let end = Instant::now() + TOGETHER;
    while !batch.changes.is_empty() && batch.changes.len() < AT_ONCE {
        match timeout_at(end, watch.next()).await {
            Ok(Ok(news)) => batch.add(&news),
            Ok(Err(ended)) => return (batch, Some(ended.into())),
            Err(_) => break,
        }
    }
    (batch, None)
}

async fn apply(shared: Arc<Shared>, batch: Batch, at: Timestamp) -> Result<(), Ended> {
    let revision = u64::try_from(batch.revision).unwrap_or_default();
    let applied = spawn_blocking(move || {
        let mut held = shared.write();
        let Some(index) = held.index.as_mut() else { return Ok(()) };
        index.change(batch.changes, at);
        let revision = revision.max(held.state.revision.0);
        held.live(revision)?;
        drop(held);
        shared.shows(revision);
        Ok(())
    });
    applied.await.map_err(fault)?
}

impl Shared {
    /// The index is followed again from the revision that it shows.
    fn taken_up(&self) -> Result<(), Ended> {
        let mut held = self.write();
        let Wide(revision) = held.state.revision;
        held.live(revision)
    }
}
