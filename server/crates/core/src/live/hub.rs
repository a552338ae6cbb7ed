//! Who is told what. Invariant: the newest view of each cluster is always at hand; a subscription is never sent a view
//! older than one it had; one that fell behind is sent the whole picture again instead of what it missed (operation
//! output is replayed from the store).

use async_trait::async_trait;
use quorate_domain::{
    ClusterId, HostId, OperationId, SnapshotId, cluster::ClusterView, live::LiveMessage, operation::OutputLine,
    snapshots::SnapshotState,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc, watch,
};
use tokio_util::sync::CancellationToken;

/// Messages a slow subscription may be behind before it gets the whole picture instead.
const BACKLOG: usize = 256;
/// Ended operations, and ended snapshots, whose last word is part of the whole picture.
const ENDED_KEPT: usize = 32;

/// Reads output that was printed before somebody looked.
#[async_trait]
pub trait OutputSource: Send + Sync + 'static {
    /// Some lines of `operation` after number `after`, oldest first; none when there are no more.
    ///
    /// # Errors
    /// Why not, in words; the replay is given up and only new lines follow.
    async fn output_after(&self, operation: &OperationId, after: i64) -> Result<Vec<OutputLine>, String>;
}

pub(super) struct Hub {
    version: String,
    all: broadcast::Sender<Arc<LiveMessage>>,
    views: Mutex<BTreeMap<ClusterId, watch::Sender<Option<Arc<ClusterView>>>>>,
    picture: Mutex<Picture>,
    watchers: watch::Sender<usize>,
}

/// What belongs to the whole picture beside the views.
#[derive(Default)]
struct Picture {
    operations: BTreeMap<OperationId, LiveMessage>,
    ended: VecDeque<OperationId>,
    hosts: BTreeSet<HostId>,
    gone: BTreeSet<ClusterId>,
    /// Those that are being taken, and what became of the last ones: oldest word first.
    snapshots: VecDeque<(SnapshotId, LiveMessage)>,
}

impl Hub {
    pub fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            all: broadcast::Sender::new(BACKLOG),
            views: Mutex::default(),
            picture: Mutex::default(),
            watchers: watch::Sender::new(0),
        }
    }

    /// Makes room for a cluster's views; keeps those it has.
    pub fn open(&self, cluster: &ClusterId) {
        self.picture().gone.remove(cluster);
        self.views_map().entry(cluster.clone()).or_insert_with(|| watch::Sender::new(None));
    }

    pub fn close(&self, cluster: &ClusterId) {
        self.views_map().remove(cluster);
        self.tell(LiveMessage::ClusterGone { cluster: cluster.clone() });
    }

    /// Publishes a view, unless the cluster is gone or a newer view is there already.
    pub fn publish(&self, view: Arc<ClusterView>) {
        let newer = self.views_map().get(&view.id).is_some_and(|slot| {
            slot.send_if_modified(|now| {
                let newer = now.as_ref().is_none_or(|old| old.seq < view.seq);
                if newer {
                    *now = Some(view.clone());
                }
                newer
            })
        });
        if newer && self.all.receiver_count() > 0 {
            self.send(LiveMessage::Cluster { view: Box::new(ClusterView::clone(&view)) });
        }
    }

    pub fn tell(&self, message: LiveMessage) {
        self.picture().remember(&message);
        self.send(message);
    }

    pub fn view(&self, cluster: &ClusterId) -> Option<Arc<ClusterView>> {
        self.views_map().get(cluster)?.borrow().clone()
    }

    pub fn views(&self) -> Vec<Arc<ClusterView>> {
        let mut views: Vec<_> = self.views_map().values().filter_map(|slot| slot.borrow().clone()).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    pub fn follow(&self, cluster: &ClusterId) -> Option<watch::Receiver<Option<Arc<ClusterView>>>> {
        self.views_map().get(cluster).map(watch::Sender::subscribe)
    }

    /// How many subscriptions live.
    pub fn watchers(&self) -> watch::Receiver<usize> {
        self.watchers.subscribe()
    }

    fn send(&self, message: LiveMessage) {
        // Fails only when nobody listens.
        let _ = self.all.send(Arc::new(message));
    }

    fn views_map(&self) -> MutexGuard<'_, BTreeMap<ClusterId, watch::Sender<Option<Arc<ClusterView>>>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Picture {
    fn remember(&mut self, message: &LiveMessage) {
        match message {
            LiveMessage::Operation { summary, steps, .. } => {
                let known = LiveMessage::Operation { summary: summary.clone(), steps: steps.clone(), entry: None };
                self.operations.insert(summary.id.clone(), known);
                self.ended.retain(|id| *id != summary.id);
                if !summary.state.unfinished() {
                    self.ended.push_back(summary.id.clone());
                }
                if self.ended.len() > ENDED_KEPT
                    && let Some(oldest) = self.ended.pop_front()
                {
                    self.operations.remove(&oldest);
                }
            }
            LiveMessage::Snapshot { snapshot } => self.remember_snapshot(&snapshot.id, message),
            LiveMessage::SnapshotGone { snapshot } => self.remember_snapshot(snapshot, message),
            LiveMessage::HostChanged { host } => _ = self.hosts.insert(host.clone()),
            LiveMessage::ClusterGone { cluster } => _ = self.gone.insert(cluster.clone()),
            _ => {}
        }
    }

    fn remember_snapshot(&mut self, id: &SnapshotId, message: &LiveMessage) {
        self.snapshots.retain(|(known, _)| known != id);
        self.snapshots.push_back((id.clone(), message.clone()));
        let ended = |message: &LiveMessage| !matches!(message, LiveMessage::Snapshot { snapshot } if snapshot.state == SnapshotState::Taking);
        if self.snapshots.iter().filter(|(_, message)| ended(message)).count() > ENDED_KEPT
            && let Some(oldest) = self.snapshots.iter().position(|(_, message)| ended(message))
        {
            self.snapshots.remove(oldest);
        }
    }
}

/// One tab's stream of messages. Dropping it is how it stops watching.
pub struct LiveSubscription {
    hub: Arc<Hub>,
    news: broadcast::Receiver<Arc<LiveMessage>>,
    end: CancellationToken,
    ready: VecDeque<LiveMessage>,
    /// Number of the last view sent, by cluster.
    sent: BTreeMap<ClusterId, u64>,
    output: Option<Output>,
    /// What else this tab alone is told.
    along: Option<mpsc::Receiver<LiveMessage>>,
}

/// The output this tab looks at.
struct Output {
    operation: OperationId,
    after: i64,
    source: Arc<dyn OutputSource>,
    /// Lines before those that arrive by themselves are still to be read.
    behind: bool,
}

impl LiveSubscription {
    pub(super) fn new(hub: Arc<Hub>, end: CancellationToken) -> Self {
        hub.watchers.send_modify(|n| *n += 1);
        // First listen, then look: what happens in between comes twice rather than never.
        let news = hub.all.subscribe();
        let ready = VecDeque::from([LiveMessage::Hello { version: hub.version.clone() }]);
        let mut new = Self { hub, news, end, ready, sent: BTreeMap::new(), output: None, along: None };
        new.whole_picture(false);
        new
    }

    /// From now on the stream carries the output of `operation` after line `after`, replayed from `source` first. One
    /// operation at a time: a second call replaces the first.
    pub fn watch_output(&mut self, operation: OperationId, after: i64, source: Arc<dyn OutputSource>) {
        self.output = Some(Output { operation, after, source, behind: true });
    }

    /// From now on the stream carries what comes from `messages` too, in place of what it carried so before. Dropping the
    /// subscription closes the channel.
    pub fn read_along(&mut self, messages: mpsc::Receiver<LiveMessage>) {
        self.along = Some(messages);
    }

    /// The next message: `Hello` and the whole picture first, then changes, and the whole picture again after falling
    /// behind. None once the stream has ended, for ever. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<LiveMessage> {
        let end = self.end.clone();
        loop {
            if end.is_cancelled() {
                return None;
            }
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if let Some(output) = self.output.as_mut().filter(|o| o.behind) {
                tokio::select! {
                    biased;
                    () = end.cancelled() => return None,
                    page = output.page() => self.ready.extend(page),
                }
                continue;
            }
            let news = tokio::select! {
                biased;
                () = end.cancelled() => return None,
                news = self.news.recv() => news,
                Some(message) = next_of(&mut self.along) => return Some(message),
            };
            match news {
                Ok(message) => self.take(Arc::unwrap_or_clone(message)),
                Err(RecvError::Lagged(_)) => {
                    // The rest of the backlog is in the picture too; reading it would only mean falling behind again.
                    self.news = self.news.resubscribe();
                    self.whole_picture(true);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, message: LiveMessage) {
        match message {
            LiveMessage::Cluster { view } => self.take_view(view),
            LiveMessage::Output { operation, lines } => {
                if let Some(output) = self.output.as_mut().filter(|o| o.operation == operation) {
                    self.ready.extend(output.take(lines));
                }
            }
            other => self.ready.push_back(other),
        }
    }

    fn take_view(&mut self, view: Box<ClusterView>) {
        let sent = self.sent.entry(view.id.clone()).or_default();
        if *sent < view.seq.0 {
            *sent = view.seq.0;
            self.ready.push_back(LiveMessage::Cluster { view });
        }
    }

    /// Puts everything that is known into line; `missed` also what may have been missed and cannot be read off a view.
    fn whole_picture(&mut self, missed: bool) {
        let hub = self.hub.clone();
        let picture = hub.picture();
        if missed {
            self.ready.extend(picture.gone.iter().map(|c| LiveMessage::ClusterGone { cluster: c.clone() }));
            self.ready.extend(picture.hosts.iter().map(|h| LiveMessage::HostChanged { host: h.clone() }));
            if let Some(output) = &mut self.output {
                output.behind = true;
            }
        }
        for view in hub.views() {
            // The picture is whole even where nothing is new.
            self.sent.insert(view.id.clone(), view.seq.0);
            self.ready.push_back(LiveMessage::Cluster { view: Box::new(ClusterView::clone(&view)) });
        }
        self.ready.extend(picture.operations.values().cloned());
        // A page that was just made has read them; only progress is to be seen at once.
        let told = |message: &LiveMessage| {
            missed || matches!(message, LiveMessage::Snapshot { snapshot } if snapshot.state == SnapshotState::Taking)
        };
        self.ready.extend(picture.snapshots.iter().map(|(_, message)| message).filter(|m| told(m)).cloned());
    }
}

/// Never ready without a channel; none once it is closed.
async fn next_of(along: &mut Option<mpsc::Receiver<LiveMessage>>) -> Option<LiveMessage> {
    match along {
        Some(messages) => messages.recv().await,
        None => std::future::pending().await,
    }
}

impl Drop for LiveSubscription {
    fn drop(&mut self) {
        self.hub.watchers.send_modify(|n| *n = n.saturating_sub(1));
    }
}

impl Output {
    async fn page(&mut self) -> Option<LiveMessage> {
        match self.source.output_after(&self.operation, self.after).await {
            Ok(lines) => {
                let message = self.take(lines);
                self.behind = message.is_some();
                message
            }
            Err(reason) => {
                tracing::warn!(operation = %self.operation, %reason, "output cannot be replayed");
                self.behind = false;
                None
            }
        }
    }

    /// The lines that were not sent yet; lines come in order, so the rest is what was replayed already.
    fn take(&mut self, mut lines: Vec<OutputLine>) -> Option<LiveMessage> {
        lines.retain(|line| line.seq > self.after);
        self.after = lines.last()?.seq;
        Some(LiveMessage::Output { operation: self.operation.clone(), lines })
    }
}

#[cfg(test)]
mod tests;
