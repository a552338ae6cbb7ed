//! What this tab knows of the world right now: the page's HTML seeds it, one event stream keeps it.
//!
//! Invariant: there is one EventSource a tab (`live::stream`), closed while the tab is hidden; a cluster's view is
//! replaced whole, and each cell on screen is a memo of its own part, so that only what changed is rendered again.
//! Rules that need no browser (which view is newer, when one is stale) are plain functions, tested here.

mod message;
mod stream;

use crate::{clock::Clock, session::Session};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, OperationId, Timestamp, cluster::ClusterView, keys::Key, live::LiveMessage, operation::OperationSummary,
};
use send_wrapper::SendWrapper;

/// A view is stale after this many missed ticks (design §5).
const MISSED_TICKS: u64 = 3;
/// Shortest tick that counts for staleness: at 250 ms, three ticks are less than a slow network's hiccup.
const LEAST_TICK_MILLIS: u64 = 1000;

/// What a page wants from the stream beside the picture of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The output of an operation, after this line.
    Output(OperationId, i64),
    /// What a cluster's members write to their journals.
    Journals(ClusterId),
    /// Changes of a cluster's keys below a prefix.
    Keys(ClusterId, Key),
}

/// How the event stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not started: the page is what the server rendered.
    Off,
    /// Being opened.
    Connecting,
    /// Open.
    Live,
    /// Broken; it is opened again by itself.
    Lost,
    /// The tab is hidden.
    Paused,
    /// The session is over.
    Ended,
    /// The console has another version than this page.
    Outdated,
}

/// Since when a view is stale; none while it is fresh.
pub(crate) fn stale_since(taken_at: Timestamp, now: Timestamp, tick_millis: u32) -> Option<Timestamp> {
    let tick = u64::from(tick_millis).max(LEAST_TICK_MILLIS);
    // Half a tick more for the answer's own way here.
    (now.since(taken_at) > MISSED_TICKS * tick + tick / 2).then_some(taken_at)
}

/// Whether `new` replaces `old`. Time decides, not `seq`: that one starts again with the console.
fn supersedes(new: &ClusterView, old: &ClusterView) -> bool {
    new.taken_at >= old.taken_at && new != old
}

/// One cluster's own signal.
pub(crate) type ClusterSignal = ArcRwSignal<ClusterView>;
/// Who wants to hear every message.
type Listener = (u32, Callback<LiveMessage>);

/// The tab's one store of live data.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    clusters: RwSignal<Vec<(ClusterId, ClusterSignal)>>,
    operations: RwSignal<Vec<OperationSummary>>,
    link: RwSignal<Link>,
    listeners: StoredValue<(u32, Vec<Listener>)>,
    watched: StoredValue<Option<Watched>>,
    stream: StoredValue<Option<SendWrapper<stream::Stream>>>,
    /// A stream was open before this one.
    opened: StoredValue<bool>,
    clock: Clock,
    session: Session,
}

impl Live {
    /// Makes the store and, in a browser with a session, opens the stream once the page is hydrated.
    pub(crate) fn provide(clock: Clock, session: Session) -> Self {
        let live = Self {
            clusters: RwSignal::new(Vec::new()),
            operations: RwSignal::new(Vec::new()),
            link: RwSignal::new(Link::Off),
            listeners: StoredValue::new((0, Vec::new())),
            watched: StoredValue::new(None),
            stream: StoredValue::new(None),
            opened: StoredValue::new(false),
            clock,
            session,
        };
        provide_context(live);
        Effect::new(move |_| {
            if session.present() {
                stream::start(live);
            }
        });
        live
    }

    /// The store of this tab.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// How the stream stands.
    pub(crate) fn link(self) -> Link {
        self.link.get()
    }

    /// Whether no stream tells what happens.
    pub(crate) fn quiet(self) -> bool {
        self.link.get_untracked() != Link::Live
    }

    /// All clusters, in no order.
    pub(crate) fn clusters(self) -> Vec<ClusterView> {
        let signals = self.clusters.get();
        signals.iter().map(|(_, view)| view.get()).collect()
    }

    /// One cluster's signal, if the tab knows it.
    pub(crate) fn cluster(self, id: &ClusterId) -> Option<ClusterSignal> {
        self.clusters.with(|all| all.iter().find(|(known, _)| known == id).map(|(_, view)| view.clone()))
    }

    /// How many operations are unfinished.
    pub(crate) fn unfinished(self) -> usize {
        self.operations.with(|all| all.iter().filter(|o| o.state.unfinished()).count())
    }

    /// Takes over what a page was rendered with. `whole`: clusters that are not in `views` are gone.
    pub(crate) fn seed(self, views: Vec<ClusterView>, whole: bool) {
        if whole {
            let gone = self.clusters.with_untracked(|all| all.iter().any(|(id, _)| views.iter().all(|v| v.id != *id)));
            if gone {
                self.clusters.update(|all| all.retain(|(id, _)| views.iter().any(|v| v.id == *id)));
            }
        }
        for view in views {
            self.put(view);
        }
    }

    fn put(self, view: ClusterView) {
        let known =
            self.clusters.with_untracked(|all| all.iter().find(|(id, _)| *id == view.id).map(|(_, v)| v.clone()));
        match known {
            Some(signal) => {
                if signal.with_untracked(|old| supersedes(&view, old)) {
                    signal.set(view);
                }
            }
            None => self.clusters.update(|all| all.push((view.id.clone(), ArcRwSignal::new(view)))),
        }
    }

    /// Calls `listener` with every message until the current owner is gone; `Hello` means that some may have been missed.
    pub(crate) fn listen(self, listener: Callback<LiveMessage>) {
        let mut id = 0;
        self.listeners.update_value(|(next, all)| {
            id = *next;
            *next += 1;
            all.push((id, listener));
        });
        on_cleanup(move || {
            let _ = self.listeners.try_update_value(|(_, all)| all.retain(|(known, _)| *known != id));
        });
    }

    /// Asks the stream for what else it can carry, until the current owner is gone. One thing at a time.
    pub(crate) fn watch(self, what: Watched) {
        self.watched.set_value(Some(what.clone()));
        if self.link.get_untracked() != Link::Off {
            stream::open(self);
        }
        on_cleanup(move || {
            let _ = self.watched.try_update_value(|watched| {
                if watched.as_ref() == Some(&what) {
                    *watched = None;
                }
            });
        });
    }

    /// Applies one message of the stream.
    fn apply(self, message: LiveMessage) {
        match &message {
            LiveMessage::Hello { version } => {
                let same = version == env!("CARGO_PKG_VERSION");
                self.link.set(if same { Link::Live } else { Link::Outdated });
            }
            LiveMessage::Cluster { view } => {
                self.clock.learn(view.taken_at);
                self.put((**view).clone());
            }
            LiveMessage::ClusterGone { cluster } => self.clusters.update(|all| all.retain(|(id, _)| id != cluster)),
            LiveMessage::Operation { summary, .. } => self.operations.update(|all| {
                all.retain(|known| known.id != summary.id);
                all.push(summary.clone());
            }),
            LiveMessage::Goodbye { .. } => {
                self.link.set(Link::Ended);
                self.stream.set_value(None);
                self.session.end();
            }
            LiveMessage::ClusterEvent { .. }
            | LiveMessage::Output { .. }
            | LiveMessage::Journal { .. }
            | LiveMessage::Keys { .. }
            | LiveMessage::Snapshot { .. }
            | LiveMessage::SnapshotGone { .. }
            | LiveMessage::HostChanged { .. } => {}
        }
        // What came while there was no stream (a hidden tab, a restart) is in no later message: pages read again then, but
        // not at the first stream, when they have just been made.
        if matches!(message, LiveMessage::Hello { .. }) && !self.opened.get_value() {
            self.opened.set_value(true);
            return;
        }
        for (_, listener) in self.listeners.with_value(|(_, all)| all.clone()) {
            listener.try_run(message.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_view_is_stale_after_three_missed_ticks() {
        let taken = Timestamp(1_000_000);
        assert_eq!(stale_since(taken, taken.plus_millis(3400), 1000), None);
        assert_eq!(stale_since(taken, taken.plus_millis(3600), 1000), Some(taken));
        assert_eq!(stale_since(taken, taken.plus_millis(16_000), 5000), None, "an idle tick is 5 s");
        assert_eq!(stale_since(taken, taken.plus_millis(3400), 250), None, "fast ticks do not make it nervous");
    }

    #[test]
    fn a_view_after_a_restart_of_the_console_wins_despite_its_low_number() {
        let old = sample::view("demo", 3, 3);
        let mut new = old.clone();
        new.seq = 1.into();
        new.taken_at = old.taken_at.plus_millis(1);
        assert!(supersedes(&new, &old));
        assert!(!supersedes(&old, &new));
        assert!(!supersedes(&old, &old), "the same again renders nothing");
    }
}
