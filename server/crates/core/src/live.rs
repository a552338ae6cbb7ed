//! Live status: what every cluster is like right now, and who is told. Invariant: a page is served from memory (nothing
//! here is dialled because somebody looks); a view is whole; events are kept before they are told.
//! `poller` asks, `assemble` and `events` decide (both pure), `hub` tells. SSH and SQL come in through the traits here.

pub mod assemble;
pub mod events;
mod hub;
mod link;
mod poller;
mod recorder;
#[cfg(test)]
pub(crate) mod sample;

pub use events::NewEvent;
pub use hub::{LiveSubscription, OutputSource};
pub use link::DirectEndpoints;

use crate::clock::Clock;
use async_trait::async_trait;
use hub::Hub;
use poller::{Inputs, Poller};
use quorate_domain::{
    ClusterId, HostId, OperationId, Timestamp,
    cluster::{ClusterEvent, ClusterRecord, ClusterView, UnitState},
    live::LiveMessage,
};
use quorate_etcd::MemberEndpoint;
use recorder::{Batch, Recorder};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A member as far as it must be known to get to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAddress {
    /// Its name; empty until it starts for the first time.
    pub name: String,
    /// Its host, where the console knows it.
    pub host: Option<HostId>,
    /// The client URLs it advertises; before it was ever seen, the recorded one.
    pub client_urls: Vec<String>,
}

/// Knows the way to a member: directly, or through its host's SSH connection.
#[async_trait]
pub trait Endpoints: Send + Sync + 'static {
    /// The way to `member` of `cluster`. Asked for at the first tick and again after each failed one (up to four times
    /// a second), never twice at once for one member; the future is not cancelled when a tick's deadline passes.
    ///
    /// # Errors
    /// Why there is none, in words that the page shows as the reason of "unreachable".
    async fn endpoint(&self, cluster: &ClusterRecord, member: &MemberAddress) -> Result<MemberEndpoint, String>;
}

/// Keeps what happened.
#[async_trait]
pub trait EventSink: Send + Sync + 'static {
    /// Keeps all of `events`, or none, and returns them with their numbers.
    ///
    /// # Errors
    /// Why not; the same batch is tried again until it is kept.
    async fn keep(&self, cluster: &ClusterId, at: Timestamp, events: &[NewEvent]) -> Result<Vec<ClusterEvent>, String>;
}

/// The live half of the console. Cheap to clone; clones are the same. Needs a tokio runtime.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    endpoints: Arc<dyn Endpoints>,
    clusters: Mutex<BTreeMap<ClusterId, Watched>>,
    recorder: mpsc::UnboundedSender<Batch>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A cluster that is being polled.
struct Watched {
    inputs: watch::Sender<Inputs>,
    nudge: Arc<Notify>,
    stop: CancellationToken,
}

impl Live {
    /// Nothing is polled yet. `version` is the console's, told to every tab.
    pub fn new(version: &str, clock: Arc<dyn Clock>, endpoints: Arc<dyn Endpoints>, sink: Arc<dyn EventSink>) -> Self {
        let hub = Arc::new(Hub::new(version));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (recorder, batches) = mpsc::unbounded_channel();
        tasks.spawn(Recorder::new(sink, hub.clone(), stop.clone()).run(batches));
        Self { inner: Arc::new(Inner { hub, clock, endpoints, clusters: Mutex::default(), recorder, tasks, stop }) }
    }

    /// Polls a cluster from now on; its first view ("not seen yet") is there when this returns. A cluster that is
    /// polled already starts anew from `record`, keeping its last view and its operation.
    pub fn add(&self, record: ClusterRecord) {
        let id = record.id.clone();
        let mut clusters = self.clusters();
        let kept = clusters.remove(&id).map(|old| {
            old.stop.cancel();
            Inputs { record: None, ..old.inputs.borrow().clone() }
        });
        self.inner.hub.open(&id);
        let inputs = watch::Sender::new(kept.unwrap_or_default());
        let watched = Watched { nudge: Arc::default(), stop: self.inner.stop.child_token(), inputs };
        let mut poller = Poller::new(
            record,
            self.inner.hub.clone(),
            self.inner.clock.clone(),
            self.inner.endpoints.clone(),
            self.inner.recorder.clone(),
            watched.inputs.subscribe(),
        );
        poller.publish();
        self.inner.tasks.spawn(poller.run(watched.nudge.clone(), watched.stop.clone()));
        clusters.insert(id, watched);
    }

    /// Stops polling a cluster and tells every tab that it is gone. Nothing if it is not polled.
    pub fn forget(&self, cluster: &ClusterId) {
        if let Some(old) = self.clusters().remove(cluster) {
            old.stop.cancel();
            self.inner.hub.close(cluster);
        }
    }

    /// The newest view of a cluster.
    pub fn view(&self, cluster: &ClusterId) -> Option<Arc<ClusterView>> {
        self.inner.hub.view(cluster)
    }

    /// The newest view of every cluster, by name.
    pub fn views(&self) -> Vec<Arc<ClusterView>> {
        self.inner.hub.views()
    }

    /// A channel that always holds the newest view (none only before the first); closed when the cluster is forgotten.
    pub fn follow(&self, cluster: &ClusterId) -> Option<watch::Receiver<Option<Arc<ClusterView>>>> {
        self.inner.hub.follow(cluster)
    }

    /// Tells where the members are expected from now on. Who is in the cluster is the cluster's to say: a member that is
    /// expected and not in it yet is not shown.
    pub fn set_record(&self, record: ClusterRecord) {
        let id = record.id.clone();
        self.change(&id, |inputs| inputs.record = Some(Arc::new(record)));
        self.refresh(&id);
    }

    /// Names the unfinished operation on a cluster; shown at once.
    pub fn set_operation(&self, cluster: &ClusterId, operation: Option<OperationId>) {
        self.change(cluster, |inputs| inputs.operation = operation);
    }

    /// Tells the state of the etcd units on some hosts; shown at once, other hosts' stay.
    pub fn set_units(&self, cluster: &ClusterId, units: impl IntoIterator<Item = (HostId, UnitState)>) {
        self.change(cluster, |inputs| inputs.units.extend(units));
    }

    /// Asks all members now instead of at the next tick, and for the member list too.
    pub fn refresh(&self, cluster: &ClusterId) {
        if let Some(watched) = self.clusters().get(cluster) {
            watched.nudge.notify_one();
        }
    }

    /// Tells every tab something that is not a view: operations, their output, hosts.
    pub fn tell(&self, message: LiveMessage) {
        self.inner.hub.tell(message);
    }

    /// A tab's stream: `Hello`, the whole picture, then changes; it ends when `end` is cancelled. While it lives, it
    /// counts as somebody watching.
    pub fn subscribe(&self, end: CancellationToken) -> LiveSubscription {
        LiveSubscription::new(self.inner.hub.clone(), end)
    }

    /// Stops everything and waits for it; events not kept yet are tried once more.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn change(&self, cluster: &ClusterId, edit: impl FnOnce(&mut Inputs)) {
        if let Some(watched) = self.clusters().get(cluster) {
            watched.inputs.send_if_modified(|inputs| {
                let before = inputs.clone();
                edit(inputs);
                *inputs != before
            });
        }
    }

    fn clusters(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Watched>> {
        self.inner.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
