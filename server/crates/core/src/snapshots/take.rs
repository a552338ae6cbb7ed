//! Taking a snapshot. Invariant: one of a cluster at a time, which is a claim in the database; none begins while a restore or a
//! rescue works on the cluster; a row is good only after the database, the members' files and the manifest are in the vault, in
//! this order; whatever goes wrong, the row says it in words and the vault has nothing of it.

use super::{
    locked, member, room,
    stream::{Broken, Source},
};
use crate::{
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
};
use quorate_domain::{
    ClusterId, OperationId, Problem, ProblemKind, ScheduleId, SnapshotId, Timestamp, VaultId,
    cluster::{ClusterRecord, ClusterView, MemberView},
    live::LiveMessage,
    snapshots::{Manifest, Origin, Snapshot, SnapshotState},
    wide::Wide,
};
use quorate_store::{StoreError, VaultRow};
use quorate_vault::{Vault as Place, names};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Operations beside which no snapshot is begun: they take their own, and what comes in between is neither old nor new.
const ALONE: [&str; 3] = ["restore_", "rescue_", "return_"];
/// How many members are tried.
const TRIES: usize = 3;

/// What is to be taken.
pub(super) struct Order {
    pub cluster: ClusterId,
    pub vault: VaultRow,
    pub origin: Origin,
    pub actor: String,
    /// This member, whatever it is like; the best one if none.
    pub member: Option<String>,
    /// The run of a schedule that this is.
    pub run: Option<Run>,
}

/// One run of a schedule.
#[derive(Clone)]
pub(super) struct Run {
    pub schedule: ScheduleId,
    pub due: Timestamp,
    pub next: Option<Timestamp>,
}

/// Why none was begun.
pub(super) enum NotBegun {
    /// Something else has to end first.
    Busy(CoreError),
    /// It would not come to anything.
    Cannot(CoreError),
}

impl From<NotBegun> for CoreError {
    fn from(not: NotBegun) -> Self {
        match not {
            NotBegun::Busy(error) | NotBegun::Cannot(error) => error,
        }
    }
}

impl From<CoreError> for NotBegun {
    fn from(error: CoreError) -> Self {
        Self::Cannot(error)
    }
}

impl From<StoreError> for NotBegun {
    fn from(error: StoreError) -> Self {
        Self::Cannot(error.into())
    }
}

/// A snapshot that is being taken.
struct Job {
    record: ClusterRecord,
    members: Vec<MemberView>,
    vault: VaultRow,
    place: Place,
    snapshot: Snapshot,
}

impl Console {
    /// Begins a snapshot of the permit's cluster and answers its row; tabs are told how it comes on.
    ///
    /// # Errors
    /// `Conflict` while another one is taken, while a restore works on the cluster, when nobody can be asked, or when the vault's
    /// budget is too small; `NotFound`.
    pub async fn take_snapshot(
        &self,
        permit: &Permit<act::TakeSnapshots>,
        vault: Option<&VaultId>,
    ) -> Result<Snapshot, CoreError> {
        let cluster = permit.cluster()?.clone();
        let vault = match vault {
            Some(id) => self.vault_row(id).await?,
            None => self.default_vault().await?,
        };
        let (origin, actor) = (Origin::Asked, permit.actor().label());
        let order = Order { cluster, vault, origin, actor, member: None, run: None };
        let draft = |name: &str| AuditDraft::by(permit.actor(), "snapshot.take", name);
        Ok(self.begin_snapshot(order, draft).await?.0)
    }

    /// Ends one that is being taken; its row says so.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is not being taken (any more).
    pub async fn cancel_snapshot(&self, permit: &Permit<act::TakeSnapshots>, id: &SnapshotId) -> Result<(), CoreError> {
        let row = self.snapshot_row(id).await?;
        let token = locked(&self.runtime()?.snapshots.running).get(id).cloned();
        let token = token.filter(|_| row.state == SnapshotState::Taking);
        let token = token.ok_or_else(|| CoreError::conflict(format!("{} is not being taken any more", row.name)))?;
        self.record(AuditDraft::by(permit.actor(), "snapshot.cancel", &row.name)).await?;
        token.cancel();
        Ok(())
    }

    /// Takes a snapshot of one member for an operation into the default vault, and waits for it; a second call of the same
    /// operation finds the first one's. Dropping the future does not end it.
    ///
    /// # Errors
    /// In words.
    pub(crate) async fn save_snapshot(
        &self,
        by: &OperationId,
        cluster: &ClusterId,
        member: &str,
    ) -> Result<Snapshot, String> {
        let words = |error: CoreError| Problem::from(error).title;
        let mut ended = self.runtime().map_err(words)?.snapshots.ended.subscribe();
        loop {
            ended.borrow_and_update();
            let found = self.0.store.snapshot_by_operation(by, member).await.map_err(|e| words(e.into()))?;
            match found {
                Some(found) if found.is_good() => return Ok(found),
                Some(_) => {}
                None => {
                    let origin = Origin::Operation { operation: by.clone() };
                    let vault = self.default_vault().await.map_err(words)?;
                    let (cluster, actor, member) = (cluster.clone(), by.to_string(), Some(member.to_owned()));
                    let order = Order { cluster, vault, origin, actor, member, run: None };
                    let draft = |name: &str| AuditDraft::by_console("snapshot.take", name).detail(by.as_str());
                    match self.begin_snapshot(order, draft).await {
                        Ok((row, task)) => {
                            let _ = task.await;
                            let row = self.snapshot_row(&row.id).await.map_err(words)?;
                            return if row.is_good() { Ok(row) } else { Err(row.problem) };
                        }
                        Err(NotBegun::Cannot(error)) => return Err(words(error)),
                        Err(NotBegun::Busy(_)) => {}
                    }
                }
            }
            // Another one of this cluster, or of this operation, is on its way.
            ended.changed().await.map_err(|_| "the console stops".to_owned())?;
        }
    }

    /// Claims the cluster, keeps a row and begins; `draft` makes the audit row for a name.
    pub(super) async fn begin_snapshot(
        &self,
        order: Order,
        draft: impl FnOnce(&str) -> AuditDraft,
    ) -> Result<(Snapshot, JoinHandle<()>), NotBegun> {
        let runtime = self.runtime()?;
        let (record, view) = (self.record_of(&order.cluster).await?, self.view_of(&order.cluster)?);
        self.refuse_beside_restores(&order).await?;
        let members = members(&view, order.member.as_deref())?;
        let expected = members.first().and_then(|m| m.status.as_ref()).map(|s| s.db_size).unwrap_or_default();
        room::within_budget(&order.vault.vault, expected.0)?;
        let place = self.place(&order.vault).await?;
        let (at, by) = (self.0.clock.now(), (order.actor.clone(), order.origin.clone()));
        let blank = self.blank_snapshot(&order.vault.vault, record.name.clone(), at, by).await?;
        let member = order.member.clone().unwrap_or_default();
        let snapshot = Snapshot { cluster: Some(record.id.clone()), member, expected, ..blank };
        let mut tx = self.0.store.begin().await?;
        if let Err(error) = tx.insert_snapshot(&snapshot).await {
            let busy = matches!(&error, StoreError::Conflict { field: "", .. });
            return Err(if busy { NotBegun::Busy(error.into()) } else { NotBegun::Cannot(error.into()) });
        }
        if let Some(run) = &order.run {
            tx.begin_schedule(&run.schedule, run.due, snapshot.at, run.next).await?;
        }
        draft(&snapshot.name).detail(&order.vault.vault.name).write(&mut tx, snapshot.at).await?;
        tx.commit().await?;
        let cancel = runtime.stop.child_token();
        locked(&runtime.snapshots.running).insert(snapshot.id.clone(), cancel.clone());
        self.tell(LiveMessage::Snapshot { snapshot: Box::new(snapshot.clone()) });
        let job = Job { record, members, vault: order.vault, place, snapshot: snapshot.clone() };
        let console = self.clone();
        Ok((snapshot, tokio::spawn(async move { console.see_through(job, cancel).await })))
    }

    async fn refuse_beside_restores(&self, order: &Order) -> Result<(), NotBegun> {
        let mut tx = self.0.store.begin().await?;
        let working = tx.unfinished_operation_on(&order.cluster).await?;
        tx.rollback().await?;
        let Some(operation) = working.filter(|row| ALONE.iter().any(|kind| row.kind.starts_with(kind))) else {
            return Ok(());
        };
        match &order.origin {
            Origin::Operation { operation: by } if *by == operation.id => Ok(()),
            _ => Err(NotBegun::Busy(
                Problem::new(ProblemKind::Conflict, format!("Operation {} restores the cluster", operation.id))
                    .with_detail("Snapshots go on when it has ended; it takes its own before it changes anything.")
                    .into(),
            )),
        }
    }

    /// Takes it in a task of its own, so that even a panic ends in a row that says so.
    async fn see_through(&self, job: Job, cancel: CancellationToken) {
        let (id, name, place) = (job.snapshot.id.clone(), job.snapshot.name.clone(), job.place.clone());
        let console = self.clone();
        let taken = tokio::spawn(async move { console.take(job, &cancel).await }).await;
        let ended = match taken {
            Ok(Ok(good)) => self.end_good(&good).await.map(|()| Some(good)),
            Ok(Err(broken)) => self.end_broken(&id, &name, &place, self.words_of(broken)).await.map(|()| None),
            Err(error) => {
                tracing::error!(snapshot = name, %error, "taking a snapshot broke");
                let words = "The console failed at it; its log says why".to_owned();
                self.end_broken(&id, &name, &place, words).await.map(|()| None)
            }
        };
        if let Ok(runtime) = self.runtime() {
            locked(&runtime.snapshots.running).remove(&id);
            runtime.snapshots.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
        }
        match ended {
            Ok(Some(good)) => self.after_good(&good).await,
            Ok(None) => {}
            // Its row stays as it is; the next start finds it.
            Err(error) => tracing::error!(snapshot = name, error = chain(&error), "how a snapshot ended was not kept"),
        }
    }

    async fn take(&self, job: Job, cancel: &CancellationToken) -> Result<Snapshot, Broken> {
        let because = |error: CoreError| Broken::Because(Problem::from(error).title);
        let Job { record, members, vault, place, mut snapshot } = job;
        let source: Source = self.first_to_send(&record, &members, cancel).await?;
        source.tell(&mut snapshot);
        self.note_progress(&snapshot).await.map_err(because)?;
        // What is there now counts this one by what it will be.
        let vault = self.vault_row(&vault.vault.id).await.map_err(because)?;
        room::within_budget(&vault.vault, 0).map_err(because)?;
        let written = self.pour(source, &place, &mut snapshot, cancel).await?;
        snapshot.bytes = Wide(written.bytes);
        snapshot.sha256 = written.sha256;
        snapshot.sealed_by_etcd = written.sealed_by_etcd;
        snapshot.state = SnapshotState::Good;
        let files = cancel.run_until_cancelled(self.member_files(&record)).await.ok_or(Broken::Cancelled)?;
        let any = files.iter().any(|member| !member.files.is_empty());
        let configurations = any.then(|| names::configurations(&snapshot.name));
        let in_vault = |error: quorate_vault::VaultError| Broken::Because(error.to_string());
        if let Some(name) = &configurations {
            place.put_json(name, &files).await.map_err(in_vault)?;
        }
        let manifest = Manifest { snapshot: snapshot.clone(), configurations };
        place.put_json(&names::manifest(&snapshot.name), &manifest).await.map_err(in_vault)?;
        Ok(snapshot)
    }

    fn words_of(&self, broken: Broken) -> String {
        match broken {
            Broken::Because(words) => words,
            Broken::Cancelled if self.runtime().is_ok_and(|runtime| runtime.stop.is_cancelled()) => {
                "The console was stopped while it was being taken".into()
            }
            Broken::Cancelled => "It was cancelled".into(),
        }
    }

    async fn end_good(&self, good: &Snapshot) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.end_snapshot(good).await?;
        tx.set_vault_problem(&good.vault, "").await?;
        tx.commit().await?;
        self.tell_snapshot(&good.id).await?;
        Ok(())
    }

    async fn end_broken(&self, id: &SnapshotId, name: &str, place: &Place, words: String) -> Result<(), CoreError> {
        if let Err(error) = room::delete_own(place, id, name).await {
            tracing::warn!(snapshot = name, error = chain(&error), "what is left of a snapshot was not deleted");
        }
        let mut tx = self.0.store.begin().await?;
        tx.fail_snapshot(id, &words).await?;
        tx.commit().await?;
        self.tell_snapshot(id).await?;
        Ok(())
    }

    /// Keeps and shows how far it is.
    pub(super) async fn note_progress(&self, snapshot: &Snapshot) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.note_snapshot(snapshot).await?;
        tx.commit().await?;
        self.tell(LiveMessage::Snapshot { snapshot: Box::new(snapshot.clone()) });
        Ok(())
    }

    /// What a new good snapshot is the occasion for.
    pub(super) async fn after_good(&self, good: &Snapshot) {
        self.check_content_soon(&good.id);
        self.make_room_after(good).await;
    }

    /// Deletes what the schedule of a snapshot does not keep beside it.
    pub(crate) async fn make_room_after(&self, good: &Snapshot) {
        if let Origin::Schedule { schedule } = &good.origin
            && let Err(error) = self.apply_retention(schedule).await
        {
            tracing::warn!(%schedule, error = chain(&error), "old snapshots were not deleted");
        }
    }
}

fn members(view: &ClusterView, wanted: Option<&str>) -> Result<Vec<MemberView>, CoreError> {
    let found = match wanted {
        Some(name) => member::named(view, name).map(|member| vec![member.clone()]),
        None => member::candidates(view).map(|all| all.into_iter().take(TRIES).cloned().collect()),
    };
    found.map_err(|why| CoreError::conflict(format!("No snapshot can be taken of {} now: {why}", view.name)))
}
