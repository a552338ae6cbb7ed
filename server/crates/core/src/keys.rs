//! Keys of clusters: browsing, values, who may. Invariant: what somebody gets to see is what the console's rules and etcd's own
//! permissions both allow; values of masked keys leave only when somebody asked for them, which leaves an audit row; audit
//! rows never hold a value. How keys are indexed, searched and shown is the crate `keys`'.

mod browse;
pub(crate) mod client;
mod compare;
mod edit;
mod export;
mod files;
mod follow;
mod history;
mod kept;
mod leases;
mod members;
mod preview;
mod rules;
mod settings;
mod told;
mod undo;
mod values;
mod work;

pub use edit::MovePermit;
pub use export::{Export, ExportQuery};
pub(crate) use files::KEPT_MILLIS;
pub use kept::Download;
pub use quorate_keys::files::FileFormat;

use crate::{config::Config, error::CoreError};
use client::Clients;
use quorate_domain::ClusterId;
use quorate_keys::{Budget, Keeper};
use rules::Granted;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// For how long an index is kept after somebody looked.
const KEPT: Duration = Duration::from_secs(600);

/// Work that may take longer than a task of the runtime should.
async fn unhurried<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| CoreError::caused("looking at keys broke off", e))
}

/// What a running console knows of clusters' keys.
pub(crate) struct KeyParts {
    clients: Clients,
    granted: Granted,
    indexes: Looked<Keeper>,
    budget: Arc<Budget>,
}

impl KeyParts {
    pub(crate) fn new(config: &Config) -> Self {
        let budget = Arc::new(Budget::new(config.key_index_bytes, config.key_indexes_bytes));
        Self { clients: Clients::default(), granted: Granted::default(), indexes: Looked::default(), budget }
    }

    /// Leaves nothing of a cluster that the console does not know any more.
    pub(crate) fn forget(&self, cluster: &ClusterId) {
        self.indexes.drop_one(cluster);
        self.granted.forget(cluster);
        self.clients.forget(cluster);
    }

    /// Ends all indexes.
    pub(crate) fn close(&self) {
        self.indexes.close();
    }
}

/// Things of clusters that are kept while somebody looks at them. Dropping one ends it.
struct Looked<T>(Mutex<Inner<T>>);

struct Inner<T> {
    kept: BTreeMap<ClusterId, (Arc<T>, Instant)>,
    closed: bool,
}

impl<T> Default for Looked<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { kept: BTreeMap::new(), closed: false }))
    }
}

impl<T> Looked<T> {
    /// The cluster's, looked at `now`; `make` makes it where there is none. None once closed.
    fn look(&self, cluster: &ClusterId, now: Instant, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let mut inner = self.inner();
        if inner.closed {
            return None;
        }
        let (kept, looked) = inner.kept.entry(cluster.clone()).or_insert_with(|| (Arc::new(make()), now));
        *looked = now;
        Some(kept.clone())
    }

    /// The cluster's, where there is one; does not count as a look.
    fn peek(&self, cluster: &ClusterId) -> Option<Arc<T>> {
        self.inner().kept.get(cluster).map(|(kept, _)| kept.clone())
    }

    /// Drops what nobody looked at since [`KEPT`] before `now`.
    fn sweep(&self, now: Instant) {
        self.inner().kept.retain(|_, (_, looked)| now.duration_since(*looked) < KEPT);
    }

    fn drop_one(&self, cluster: &ClusterId) {
        self.inner().kept.remove(cluster);
    }

    /// Drops all, and makes none any more: a request may come while the console stops.
    fn close(&self) {
        let mut inner = self.inner();
        inner.kept.clear();
        inner.closed = true;
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(n: u8) -> ClusterId {
        ClusterId::from_random([n; 10])
    }

    #[test]
    fn what_nobody_looks_at_is_dropped_and_made_anew() {
        let (looked, start) = (Looked::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = looked.look(&cluster(1), at(0), || 1).expect("open");
        looked.look(&cluster(2), at(500), || 2).expect("open");
        looked.sweep(at(599));
        assert_eq!(looked.look(&cluster(1), at(599), || 3).expect("open"), first, "kept and looked at again");
        looked.sweep(at(1100));
        assert!(looked.peek(&cluster(1)).is_some() && looked.peek(&cluster(2)).is_none());
        assert_eq!(*looked.look(&cluster(2), at(1100), || 4).expect("open"), 4);
        looked.drop_one(&cluster(2));
        assert!(looked.peek(&cluster(2)).is_none());
    }

    #[test]
    fn nothing_is_made_once_the_console_stops() {
        let looked = Looked::default();
        looked.look(&cluster(1), Instant::now(), || 1).expect("open");
        looked.close();
        assert!(looked.peek(&cluster(1)).is_none());
        assert!(looked.look(&cluster(1), Instant::now(), || 2).is_none());
    }
}
