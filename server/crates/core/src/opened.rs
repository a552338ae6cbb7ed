//! Snapshots that are open like a cluster. Invariant: an opened one has an id that no cluster ever has, by which the key pages read
//! it as they read a cluster; every permit for that id is refused but those that read, and those to whoever may not read
//! snapshots (`Console::opened_refusal`), so that nothing writes there and rules for the cluster's keys cannot be got around.
//! There are few at a time, each is closed ten minutes after the last look at it, and all with the console.

use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    keys::{ExportQuery, FileFormat, client::KeyClient},
    permit::{Permit, act},
    throwaways::Stage,
};
use quorate_domain::{
    Action, ClusterId, Problem, ProblemKind, Scope, Timestamp,
    access::allows,
    ids::SnapshotId,
    keys::KeyFile,
    snapshots::{OpenedSnapshot, OpeningPhase, Snapshot, TakeKeys},
    wide::Wide,
};
use quorate_throwaway::Throwaway;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::AbortHandle, time::Instant};

/// For how long one is kept after somebody looked.
const KEPT: Duration = Duration::from_secs(600);
/// Each has an etcd of its own with all keys in memory.
const AT_ONCE: usize = 2;

/// What is open.
#[derive(Default)]
pub(crate) struct Opened(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: BTreeMap<ClusterId, One>,
    closed: bool,
}

struct One {
    told: OpenedSnapshot,
    looked: Instant,
    /// Where the bytes come to.
    fetching: Option<PathBuf>,
    /// Who brings it to life.
    task: Option<AbortHandle>,
    etcd: Option<(Throwaway, KeyClient)>,
}

impl One {
    fn told(&self, now: Timestamp) -> OpenedSnapshot {
        let left = KEPT.saturating_sub(self.looked.elapsed());
        let until = now.plus_millis(i64::try_from(left.as_millis()).unwrap_or_default());
        OpenedSnapshot { until, ..self.told.clone() }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Opened {
    /// Begins to open one; what is open of the same snapshot already, if so.
    fn begin(&self, new: OpenedSnapshot) -> Result<Option<OpenedSnapshot>, CoreError> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Problem::new(ProblemKind::Unavailable, "The console is stopping").into());
        }
        // One that failed is tried again.
        inner.open.retain(|_, one| one.told.snapshot != new.snapshot || one.told.phase != OpeningPhase::Failed);
        if let Some(one) = inner.open.values_mut().find(|one| one.told.snapshot == new.snapshot) {
            one.looked = Instant::now();
            return Ok(Some(one.told(new.at)));
        }
        let open: Vec<&str> = inner
            .open
            .values()
            .filter(|one| one.told.phase != OpeningPhase::Failed)
            .map(|one| one.told.name.as_str())
            .collect();
        if open.len() >= AT_ONCE {
            let title = format!("{AT_ONCE} snapshots are open already: close one of them first");
            return Err(Problem::new(ProblemKind::Conflict, title).with_detail(open.join(", ")).into());
        }
        let one = One { told: new.clone(), looked: Instant::now(), fetching: None, task: None, etcd: None };
        inner.open.insert(new.id, one);
        Ok(None)
    }

    fn with<T>(&self, id: &ClusterId, look: impl FnOnce(&mut One) -> T) -> Option<T> {
        self.inner().open.get_mut(id).map(look)
    }

    fn stage(&self, id: &ClusterId, stage: Stage) {
        self.with(id, |one| match stage {
            Stage::Fetching(path) => one.fetching = Some(path),
            Stage::Restoring => {
                one.fetching = None;
                (one.told.phase, one.told.bytes) = (OpeningPhase::Restoring, one.told.expected);
            }
        });
    }

    /// It is open, or is not.
    fn ended(&self, id: &ClusterId, lived: Result<Throwaway, String>) {
        // Where nobody wants it any more, it goes here.
        self.with(id, |one| {
            one.fetching = None;
            match lived {
                Ok(etcd) => {
                    (one.told.phase, one.told.revision) = (OpeningPhase::Open, Some(etcd.revision()));
                    let client = KeyClient::of(etcd.client().clone());
                    one.etcd = Some((etcd, client));
                }
                Err(problem) => (one.told.phase, one.told.problem) = (OpeningPhase::Failed, problem),
            }
        });
    }

    /// The client of an opened snapshot; none for an id that is no such one's.
    pub(crate) fn client(&self, id: &ClusterId) -> Option<Result<KeyClient, CoreError>> {
        self.with(id, |one| match (&one.etcd, one.told.phase) {
            (Some((_, client)), _) => Ok(client.clone()),
            (None, OpeningPhase::Failed) => {
                let title = format!("The snapshot {} could not be opened", one.told.name);
                Err(Problem::new(ProblemKind::Conflict, title).with_detail(one.told.problem.clone()).into())
            }
            (None, _) => Err(CoreError::conflict(format!("The snapshot {} is still being opened", one.told.name))),
        })
    }

    fn source(&self, id: &ClusterId) -> Option<(String, Option<ClusterId>)> {
        self.with(id, |one| (format!("snapshot {}", one.told.name), one.told.cluster.clone()))
    }

    /// Ends one; whether there was one.
    fn close_one(&self, id: &ClusterId) -> bool {
        let one = self.inner().open.remove(id);
        one.is_some()
    }

    /// Ends those that nobody looked at since [`KEPT`] before `now`; which.
    fn sweep(&self, now: Instant) -> Vec<ClusterId> {
        let mut inner = self.inner();
        let idle = |one: &One| now.duration_since(one.looked) >= KEPT;
        let gone: Vec<ClusterId> = inner.open.iter().filter(|(_, one)| idle(one)).map(|(id, _)| id.clone()).collect();
        inner.open.retain(|id, _| !gone.contains(id));
        gone
    }

    /// Ends all, and opens none any more.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.open.clear();
        inner.closed = true;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Console {
    /// Opens a snapshot; it goes on by itself, and the answer says how far it is. One that is open already stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is not good, and while two others are open.
    pub async fn open_snapshot(
        &self,
        permit: &Permit<act::ReadSnapshots>,
        id: &SnapshotId,
    ) -> Result<OpenedSnapshot, CoreError> {
        let snapshot = self.good_snapshot(id).await?;
        let now = self.now();
        let new = OpenedSnapshot {
            id: ClusterId::from_random(self.random()),
            snapshot: snapshot.id.clone(),
            name: snapshot.name.clone(),
            cluster: snapshot.cluster.clone(),
            cluster_name: snapshot.cluster_name.clone(),
            phase: OpeningPhase::Fetching,
            bytes: Wide(0),
            expected: snapshot.bytes,
            revision: None,
            problem: String::new(),
            at: now,
            actor: permit.actor().label(),
            until: now,
        };
        let opened = &self.runtime()?.throwaways.opened;
        // The row stands before anything is opened; somebody who comes to what is open already leaves one too.
        self.record(AuditDraft::by(permit.actor(), "snapshot.open", &snapshot.name).detail(&snapshot.cluster_name))
            .await?;
        if let Some(open) = opened.begin(new.clone())? {
            return Ok(open);
        }
        let (console, key, stop) = (self.clone(), new.id.clone(), self.runtime()?.stop.clone());
        let task = tokio::spawn(stop.run_until_cancelled_owned(async move { console.open(&key, &snapshot).await }));
        opened.with(&new.id, |one| one.task = Some(task.abort_handle()));
        opened.with(&new.id, |one| one.told(now)).ok_or_else(|| CoreError::not_found("opened snapshot", &new.id))
    }

    async fn open(&self, id: &ClusterId, snapshot: &Snapshot) {
        let Ok(runtime) = self.runtime() else { return };
        let opened = &runtime.throwaways.opened;
        let lived = self.bring_to_life(snapshot, &|stage| opened.stage(id, stage)).await;
        opened.ended(id, lived);
    }

    /// What is open or being opened, in no particular order. Does not count as a look.
    ///
    /// # Errors
    /// The console does not run.
    pub async fn opened_snapshots(
        &self,
        _permit: &Permit<act::ReadSnapshots>,
    ) -> Result<Vec<OpenedSnapshot>, CoreError> {
        let (parts, now) = (&self.runtime()?.throwaways.opened, self.now());
        let all: Vec<_> = parts.inner().open.values().map(|one| (one.told(now), one.fetching.clone())).collect();
        let mut told = Vec::new();
        for (one, fetching) in all {
            told.push(measured(one, fetching).await);
        }
        Ok(told)
    }

    /// One of them; counts as a look, which keeps it open.
    ///
    /// # Errors
    /// `NotFound` when it is not open any more.
    pub async fn opened_snapshot(
        &self,
        _permit: &Permit<act::ReadSnapshots>,
        id: &ClusterId,
    ) -> Result<OpenedSnapshot, CoreError> {
        let (parts, now) = (&self.runtime()?.throwaways.opened, self.now());
        let look = |one: &mut One| {
            one.looked = Instant::now();
            (one.told(now), one.fetching.clone())
        };
        let (one, fetching) = parts.with(id, look).ok_or_else(|| CoreError::not_found("opened snapshot", id))?;
        Ok(measured(one, fetching).await)
    }

    /// Closes one.
    ///
    /// # Errors
    /// `NotFound` when it is not open any more.
    pub async fn close_snapshot(&self, _permit: &Permit<act::ReadSnapshots>, id: &ClusterId) -> Result<(), CoreError> {
        let runtime = self.runtime()?;
        if !runtime.throwaways.opened.close_one(id) {
            return Err(CoreError::not_found("opened snapshot", id));
        }
        runtime.keys.forget(id);
        Ok(())
    }

    /// Keeps keys of an opened snapshot as a file of the cluster that `to` is for. What becomes of it is an import like any other:
    /// previewed, and guarded by what is there.
    ///
    /// # Errors
    /// `NotFound` when it is not open any more; `Conflict` until it is open; `Invalid` at `file` when it has no such key.
    pub async fn keys_from_snapshot(
        &self,
        from: &Permit<act::ReadValues>,
        to: &Permit<act::WriteKeys>,
        take: &TakeKeys,
    ) -> Result<KeyFile, CoreError> {
        let Scope::Keys(opened, _) = from.scope() else {
            return Err(CoreError::internal("a permit for a prefix was asked for another one"));
        };
        if *to.cluster()? != take.cluster {
            return Err(CoreError::internal("a permit for a cluster was asked for another one"));
        }
        let parts = &self.runtime()?.throwaways.opened;
        let (name, revision) = parts
            .with(opened, |one| (one.told.name.clone(), one.told.revision))
            .ok_or_else(|| CoreError::not_found("opened snapshot", opened))?;
        let query = ExportQuery {
            prefix: take.prefix.clone(),
            exact: take.exact,
            revision,
            format: FileFormat::Ndjson,
            // Whoever may read a snapshot reads every secret in it, and the row of the export says so.
            reveal: true,
        };
        let export = self.export_keys(from, &query).await?;
        self.keep_key_file(to, &format!("{name} {}", take.prefix), Some(FileFormat::Ndjson), export.parts).await
    }

    /// Why `actor` may not do this with what `scope` is about, if that is an opened snapshot; none for everything else. Counts as a
    /// look.
    pub(crate) fn opened_refusal(&self, actor: &Actor, action: Action, scope: &Scope) -> Option<String> {
        let (Scope::Cluster(id) | Scope::Keys(id, _)) = scope else { return None };
        let opened = &self.runtime().ok()?.throwaways.opened;
        opened.with(id, |one| one.looked = Instant::now())?;
        if !matches!(action, Action::ViewKeys | Action::ReadValues) {
            return Some("A snapshot that is open can only be read".to_owned());
        }
        let needed = Action::ReadSnapshots;
        (!allows(actor.role, needed, &Scope::Global)).then(|| {
            format!("The role {} does not allow to look into snapshots; it takes {}", actor.role, needed.least_role())
        })
    }

    /// What an opened snapshot is called, and which cluster it is of; none for an id that is no such one's.
    pub(crate) fn opened_source(&self, id: &ClusterId) -> Option<(String, Option<ClusterId>)> {
        self.runtime().ok()?.throwaways.opened.source(id)
    }

    /// Closes what nobody looks at.
    pub(crate) fn sweep_opened(&self) {
        let Ok(runtime) = self.runtime() else { return };
        for id in runtime.throwaways.opened.sweep(Instant::now()) {
            runtime.keys.forget(&id);
        }
    }
}

/// With the bytes that are there by now.
async fn measured(mut one: OpenedSnapshot, fetching: Option<PathBuf>) -> OpenedSnapshot {
    if let Some(path) = fetching
        && let Ok(there) = tokio::fs::metadata(&path).await
    {
        one.bytes = Wide(there.len());
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(n: u8) -> OpenedSnapshot {
        OpenedSnapshot {
            id: ClusterId::from_random([n; 10]),
            snapshot: SnapshotId::from_random([n; 10]),
            name: format!("{n}.db"),
            cluster: None,
            cluster_name: "orders".into(),
            phase: OpeningPhase::Fetching,
            bytes: Wide(0),
            expected: Wide(7),
            revision: None,
            problem: String::new(),
            at: Timestamp(0),
            actor: "anna".into(),
            until: Timestamp(0),
        }
    }

    #[test]
    fn few_are_open_at_once_each_once_and_one_that_failed_is_tried_again() {
        let opened = Opened::default();
        assert!(opened.begin(new(1)).expect("room").is_none() && opened.begin(new(2)).expect("room").is_none());
        let again = OpenedSnapshot { id: ClusterId::from_random([9; 10]), ..new(1) };
        assert_eq!(opened.begin(again.clone()).expect("open").map(|one| one.id), Some(new(1).id));
        let refused = Problem::from(opened.begin(new(3)).expect_err("no room"));
        assert!(refused.kind == ProblemKind::Conflict && refused.detail.contains("1.db, 2.db"), "{refused}");
        opened.ended(&new(1).id, Err("the disk is full".into()));
        let told = opened.client(&new(1).id).expect("known").err().map(Problem::from).expect("failed");
        assert_eq!(told.detail, "the disk is full");
        assert!(opened.begin(again).expect("room").is_none() && opened.source(&new(1).id).is_none());
    }

    #[test]
    fn what_nobody_looks_at_is_closed_and_nothing_is_opened_once_the_console_stops() {
        let opened = Opened::default();
        opened.begin(new(1)).expect("room");
        let later = Instant::now() + KEPT;
        assert_eq!(opened.sweep(Instant::now()), []);
        opened.with(&new(1).id, |one| assert!(one.told(Timestamp(5)).until > Timestamp(5)));
        assert_eq!(opened.sweep(later), [new(1).id]);
        assert!(opened.source(&new(1).id).is_none() && !opened.close_one(&new(1).id));
        opened.close();
        assert!(opened.begin(new(1)).is_err());
    }
}
