//! An index that is built and kept for as long as somebody holds it. Invariant: what can be read is a state that the cluster
//! had, whole, at the revision that is said; memory counts against the budget from its beginning and is given back when the
//! keeper goes. When an index is wanted, and by whom, is `core::keys`'.

mod follow;
mod list;
mod task;

use crate::{
    budget::{Budget, OverBudget, Share},
    index::{Index, Searching},
    matcher::Matcher,
    visible::Visible,
};
use async_trait::async_trait;
use quorate_domain::{
    Timestamp,
    keys::{IndexPhase, IndexState, Key, KeySearch, SearchPage},
    wide::Wide,
};
use quorate_etcd::MemberClient;
use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// For how long a search holds changes up.
const HELD: Duration = Duration::from_millis(5);

/// Whom a keeper may ask.
#[async_trait]
pub trait Members: Send + Sync + 'static {
    /// A member that answers now; asked again after each break, so that another one may be chosen.
    ///
    /// # Errors
    /// Why there is none, in words for a person.
    async fn client(&self) -> Result<MemberClient, String>;

    /// What time it is.
    fn now(&self) -> Timestamp;
}

/// Keeps the index of one cluster. Dropping it ends the watch and frees the memory.
pub struct Keeper {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to list and then to follow. Must be called within a tokio runtime.
    pub fn start(members: Arc<dyn Members>, budget: Arc<Budget>) -> Self {
        let shared = Arc::new(Shared::new(budget));
        let task = tokio::spawn(task::keep(members, shared.clone()));
        Self { shared, task }
    }

    /// How far the index is.
    pub fn state(&self) -> IndexState {
        self.shared.read().state()
    }

    /// Looks at the index; none while it is listed the first time, and where there is none. Changes wait for as long as
    /// `look` takes: a search looks in slices.
    pub fn read<T>(&self, look: impl FnOnce(&Index) -> T) -> Option<T> {
        self.shared.read().index.as_ref().map(look)
    }

    /// Searches the index for `slice` at most, and holds changes up only for a small part of it at a time; as [`Self::read`] and
    /// [`Index::search`].
    pub fn search(
        &self,
        search: &KeySearch,
        matcher: &Matcher,
        visible: &Visible,
        slice: Duration,
    ) -> Option<SearchPage> {
        let end = Instant::now() + slice;
        let mut searching = Searching::new(search);
        loop {
            let part = end.min(Instant::now() + HELD);
            let held = self.shared.read();
            let over = searching.go_on(held.index.as_ref()?, matcher, visible, || Instant::now() >= part);
            drop(held);
            if over || Instant::now() >= end {
                return Some(searching.page());
            }
        }
    }

    /// Whether there is an index, waiting at most so long for one that is being listed the first time.
    pub async fn built(&self, within: Duration) -> bool {
        let mut reached = self.shared.reached.subscribe();
        let (phase, there) = {
            let held = self.shared.read();
            (held.state.phase, held.index.is_some())
        };
        if there || phase != IndexPhase::Building {
            return there;
        }
        timeout(within, reached.wait_for(|now| *now > 0)).await.is_ok_and(|shown| shown.is_ok())
    }

    /// Whether the index shows `revision`, waiting for it at most so long: somebody who wrote then sees it. False at once
    /// where there is no index.
    pub async fn reached(&self, revision: u64, within: Duration) -> bool {
        if self.shared.read().index.is_none() {
            return false;
        }
        let mut reached = self.shared.reached.subscribe();
        let shows = reached.wait_for(|now| *now >= revision);
        timeout(within, shows).await.is_ok_and(|shown| shown.is_ok())
    }

    /// Notes sizes of values, each with the `mod_revision` that it is of, in the order of keys.
    pub fn set_sizes(&self, sizes: &[(Key, u64, u64)], at: Timestamp) {
        let mut held = self.shared.write();
        let Some(index) = held.index.as_mut() else { return };
        index.set_sizes(sizes);
        held.state.sizes_at = Some(at);
        // One that is too large now is given up with the next change: whoever follows it is the one to list it again.
        let _ = held.weigh(0);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
        // Not when the task comes around to it: whoever drops an index does so for its memory.
        let mut held = self.shared.write();
        held.index = None;
        held.share = None;
    }
}

/// What the keeper and its task share.
struct Shared {
    held: RwLock<Held>,
    /// The revision that the index shows.
    reached: watch::Sender<u64>,
}

/// The index and what is said of it.
struct Held {
    index: Option<Index>,
    /// etcd's number of the cluster that the index is of.
    cluster: u64,
    state: IndexState,
    /// None once the keeper is gone.
    share: Option<Share>,
}

impl Shared {
    fn new(budget: Arc<Budget>) -> Self {
        let state = IndexState { phase: IndexPhase::Building, ..IndexState::default() };
        let held = Held { index: None, cluster: 0, state, share: Some(Share::new(budget)) };
        Self { held: RwLock::new(held), reached: watch::Sender::new(0) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the index shows now.
    fn shows(&self, revision: u64) {
        self.reached.send_if_modified(|now| std::mem::replace(now, revision) != revision);
    }
}

impl Held {
    fn state(&self) -> IndexState {
        let Some(index) = &self.index else { return self.state.clone() };
        let keys = Wide(index.len() as u64);
        IndexState {
            keys,
            expected: if self.state.phase == IndexPhase::Building { self.state.expected } else { keys },
            bytes: Wide(index.bytes() as u64),
            since: index.since(),
            ..self.state.clone()
        }
    }

    /// Counts the index, and `more` bytes beside it, against the budget.
    fn weigh(&mut self, more: usize) -> Result<(), OverBudget> {
        let bytes = self.index.as_ref().map_or(0, Index::bytes) + more;
        match &mut self.share {
            Some(share) => share.resize(bytes),
            None => Err(OverBudget("nobody keeps this index any more".to_owned())),
        }
    }

    /// There is no index from here on.
    fn empty(&mut self, phase: IndexPhase, why: String) {
        self.index = None;
        self.state = IndexState { phase, why, ..IndexState::default() };
        if let Some(share) = &mut self.share {
            // Less is never refused.
            let _ = share.resize(0);
        }
    }
}
