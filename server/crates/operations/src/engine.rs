//! Carries operations through: log, effect, log, until a resting state. Invariant: an entry is in the database before
//! its effect begins, so a console that dies at any moment resumes by reading; a dropped task loses nothing but time.
//! Starting, claims and audit rows are one transaction made in `core::operations`.

use crate::{
    context::{EngineEvents, Planner},
    effect::{ClusterTarget, Condition, Effect},
    error::{OperationError, PlanError},
    executor::Hands,
    kinds,
    plan::Plan,
    recovery::{self, Recover, Unfinished},
    render,
};
use lanes::Unended;
use quorate_domain::{
    ClusterId, OperationId,
    config::MemberConfig,
    operation::{LogKind, OperationState, Progress, StepState},
    patroni::PatroniScope,
    snapshots::Survivors,
};
use quorate_store::{NewOperation, OperationRow, Store, StoreError};
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio_util::task::TaskTracker;

mod lanes;
mod output;
mod soak;
mod steer;
#[cfg(test)]
mod suite;

/// How long the engine waits before it asks a store again that cannot write just now.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// What the log says of a step that was cut short by a cancel.
const WITHIN: &str = "stopped within a step, as somebody asked";

/// The engine. Clones share one state.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    planner: Planner,
    hands: Arc<dyn Hands>,
    events: Arc<dyn EngineEvents>,
    driven: Mutex<HashSet<OperationId>>,
    tasks: TaskTracker,
    /// Entries left until `die` is called; 0 means never. Only crash tests set it.
    abort_after: AtomicU32,
    die: fn(),
}

/// Takes an operation off the list of those that are worked on.
struct Freed<'a>(&'a Engine, &'a OperationId);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.driven().remove(self.1);
    }
}

/// What came of one pass over an operation.
enum Pass {
    /// There is more to do.
    Again,
    /// It rests or has ended.
    Rests,
}

impl Engine {
    /// An engine over these parts. `abort_after` is the crash tests' way to die right after that many log entries.
    pub fn new(store: Store, planner: Planner, events: Arc<dyn EngineEvents>, abort_after: Option<u32>) -> Self {
        let hands = Arc::new(planner.clone());
        Self::with_hands(store, planner, hands, events, abort_after, || std::process::abort())
    }

    fn with_hands(
        store: Store,
        planner: Planner,
        hands: Arc<dyn Hands>,
        events: Arc<dyn EngineEvents>,
        abort_after: Option<u32>,
        die: fn(),
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            planner,
            hands,
            events,
            driven: Mutex::default(),
            tasks: TaskTracker::new(),
            abort_after: AtomicU32::new(abort_after.unwrap_or(0)),
            die,
        }))
    }

    /// Looks at the facts and makes a plan. Changes nothing.
    ///
    /// # Errors
    /// Unknown kind, or parameters that cannot be right.
    pub async fn plan(&self, kind: &str, params: Value) -> Result<Plan, PlanError> {
        let kind = kinds::find(kind).ok_or_else(|| PlanError::UnknownKind(kind.to_owned()))?;
        let mut plan = kind.plan(&self.0.planner, params).await?;
        self.0.planner.warn_of_patroni(kind.as_ref(), &mut plan).await;
        Ok(plan)
    }

    /// The Patroni scopes that keep their state in a cluster.
    ///
    /// # Errors
    /// No such cluster, or nobody answered.
    pub async fn patroni(&self, cluster: &ClusterId) -> Result<Vec<PatroniScope>, PlanError> {
        self.0.planner.patroni(cluster).await
    }

    /// What is left of a cluster without quorum, and what each way out would lose. Changes nothing.
    ///
    /// # Errors
    /// No such cluster, or the store failed.
    pub async fn survivors(&self, cluster: &ClusterId) -> Result<Survivors, PlanError> {
        kinds::rescue_cluster::survivors(&self.0.planner, cluster).await
    }

    /// What plans look with.
    pub fn planner(&self) -> &Planner {
        &self.0.planner
    }

    /// What lies on the hosts of a cluster, read now, and where it differs from what is expected. Changes nothing.
    ///
    /// # Errors
    /// No such cluster, or one that confirms no members.
    pub async fn configurations(&self, cluster: &ClusterId) -> Result<Vec<MemberConfig>, PlanError> {
        self.0.planner.configurations(cluster).await
    }

    /// The row of a new operation for `plan`; the caller inserts it together with its audit row, then calls `resume`.
    /// `cluster` is what it is about or will make; a plan that names none is about none, and claims hosts only.
    ///
    /// # Errors
    /// The plan cannot be written as JSON (it always can).
    pub fn row(&self, plan: &Plan, actor: &str, cluster: ClusterId) -> Result<NewOperation, PlanError> {
        let json = |e: serde_json::Error| PlanError::Shape(e.to_string());
        Ok(NewOperation {
            id: OperationId::from_random(self.0.planner.inventory.random()),
            kind: plan.kind.clone(),
            kind_version: plan.kind_version,
            class: plan.class,
            title: plan.title.clone(),
            cluster: (!plan.cluster_name.is_empty()).then_some(cluster),
            cluster_name: plan.cluster_name.clone(),
            actor: actor.to_owned(),
            plan_json: serde_json::to_string(plan).map_err(json)?,
            view_json: serde_json::to_string(&render::view(plan)).map_err(json)?,
            step_count: u32::try_from(plan.steps.len()).unwrap_or(u32::MAX),
            hosts: plan.hosts.clone(),
            started_at: self.0.planner.inventory.now(),
        })
    }

    /// Lets the engine work on an operation that is active; does nothing when it is worked on already or rests.
    pub fn resume(&self, id: OperationId) {
        let engine = self.clone();
        self.0.tasks.spawn(async move { engine.drive(&id).await });
    }

    /// At boot: resumes what an ended console left, or lets it rest where this one does not know the kind.
    ///
    /// # Errors
    /// The store failed.
    pub async fn recover(&self) -> Result<usize, OperationError> {
        let rows = self.0.store.unfinished_operations().await?;
        let unfinished: Vec<Unfinished> = rows
            .iter()
            .map(|row| Unfinished {
                id: row.id.clone(),
                state: row.state,
                kind: row.kind.clone(),
                kind_version: row.kind_version,
            })
            .collect();
        let known = |kind: &str, version| kinds::find(kind).is_some_and(|k| k.version() == version);
        let decided = recovery::plan(&unfinished, known);
        for decision in &decided {
            match decision {
                Recover::Resume(id) => {
                    tracing::info!(operation = %id, "resuming operation");
                    self.resume(id.clone());
                }
                // One that cannot even be laid to rest must not keep the console from starting.
                Recover::Rest(id, why) => {
                    if let Err(error) = self.rest(id, why).await {
                        tracing::error!(operation = %id, %error, "an operation was left as it is");
                    }
                }
            }
        }
        if let Err(error) = self.resume_soaks().await {
            tracing::warn!(%error, "soaks were not taken up again");
        }
        Ok(decided.len())
    }

    async fn rest(&self, id: &OperationId, why: &str) -> Result<(), OperationError> {
        let Some(row) = self.0.store.operation(id).await? else { return Ok(()) };
        let progress = self.progress(&row).await?;
        match progress.state {
            OperationState::Undoing => {
                let step = progress.next_undo().unwrap_or(0);
                self.log(id, step, LogKind::UndoStarted, "").await?;
                self.log(id, step, LogKind::UndoFailed, why).await?;
            }
            OperationState::Cancelling => {
                self.log(id, progress.next_step().unwrap_or(0), LogKind::Cancelled, why).await?;
            }
            _ => {
                self.log(id, progress.next_step().unwrap_or(0), LogKind::Failed, why).await?;
            }
        }
        Ok(())
    }

    /// Works on `id` until it rests. One task an operation; whoever comes second leaves.
    async fn drive(&self, id: &OperationId) {
        loop {
            if !self.driven().insert(id.clone()) {
                return;
            }
            // Also when a pass panics: the next press must find somebody free to work on it.
            let freed = Freed(self, id);
            loop {
                match self.pass(id).await {
                    Ok(Pass::Again) => {}
                    Ok(Pass::Rests) => break,
                    Err(error) => {
                        // Without a log there must be no effect: wait until the store can write again.
                        tracing::error!(operation = %id, %error, "operation waits for the store");
                        tokio::time::sleep(STORE_PAUSE).await;
                    }
                }
            }
            drop(freed);
            // A choice that came between the last look and the removal found the operation still driven.
            match self.0.store.operation(id).await {
                Ok(Some(row)) if row.state.active() => {}
                _ => return,
            }
        }
    }

    fn driven(&self) -> std::sync::MutexGuard<'_, HashSet<OperationId>> {
        self.0.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, id: &OperationId) -> Result<Pass, OperationError> {
        let Some(row) = self.0.store.operation(id).await? else { return Ok(Pass::Rests) };
        let progress = self.progress(&row).await?;
        if progress.state.active()
            && let Err(why) = runnable(&row)
        {
            self.rest(id, &why).await?;
            return Ok(Pass::Rests);
        }
        match progress.state {
            OperationState::Running => self.forward(&row, &progress).await,
            OperationState::Cancelling => {
                let step = progress.next_step().unwrap_or(0);
                // An ended console may have left the step in the middle.
                let begun = progress.steps.get(step) == Some(&StepState::Running);
                self.log(id, step, LogKind::Cancelled, if begun { WITHIN } else { "stopped at a step boundary" })
                    .await?;
                Ok(Pass::Rests)
            }
            OperationState::Undoing => self.backward(&row, &progress).await,
            _ => Ok(Pass::Rests),
        }
    }

    async fn forward(&self, row: &OperationRow, progress: &Progress) -> Result<Pass, OperationError> {
        let Some(number) = progress.next_step() else { return Ok(Pass::Rests) };
        let plan = parse_plan(row)?;
        if let (Some(question), StepState::Waiting) = (&plan.steps[number].waits, progress.steps[number]) {
            self.log(&row.id, number, LogKind::Paused, &question.sentence).await?;
            return Ok(Pass::Rests);
        }
        self.log(&row.id, number, LogKind::Started, "").await?;
        let lanes = &plan.steps[number].lanes;
        let result = self.run_lanes(row, number, lanes, |lane| (lane.unless.as_ref(), &lane.actions)).await;
        let progress = match result {
            Ok(()) => self.log(&row.id, number, LogKind::Succeeded, "").await?,
            Err(Unended::Cancelled) => self.log(&row.id, number, LogKind::Cancelled, WITHIN).await?,
            Err(Unended::Failed(why)) => self.log(&row.id, number, LogKind::Failed, &why).await?,
        };
        if progress.state == OperationState::Done {
            self.soak(row.clone(), plan);
        }
        Ok(if progress.state.active() { Pass::Again } else { Pass::Rests })
    }

    async fn backward(&self, row: &OperationRow, progress: &Progress) -> Result<Pass, OperationError> {
        let Some(number) = progress.next_undo() else { return Ok(Pass::Rests) };
        let plan = parse_plan(row)?;
        self.log(&row.id, number, LogKind::UndoStarted, "").await?;
        let lanes = &plan.steps[number].lanes;
        let result = self.run_lanes(row, number, lanes, |lane| (lane.undo_unless.as_ref(), &lane.undo)).await;
        let progress = match result {
            Ok(()) => self.log(&row.id, number, LogKind::UndoFinished, "").await?,
            Err(why) => self.log(&row.id, number, LogKind::UndoFailed, &why.to_string()).await?,
        };
        Ok(if progress.state.active() { Pass::Again } else { Pass::Rests })
    }

    async fn progress(&self, row: &OperationRow) -> Result<Progress, OperationError> {
        let log = self.0.store.log(&row.id).await?;
        Progress::replay(row.step_count as usize, &log).map_err(OperationError::NotNow)
    }

    async fn log(
        &self,
        id: &OperationId,
        step: usize,
        kind: LogKind,
        detail: &str,
    ) -> Result<Progress, OperationError> {
        let mut tx = self.0.store.begin().await?;
        let (entry, progress) = tx.append_log(id, index(step), kind, detail, self.now()).await?;
        if !progress.state.active() {
            self.audit_rest(&mut tx, id, &progress, detail).await?;
        }
        tx.commit().await?;
        self.abort_if_told();
        self.0.events.moved(id, Some(&entry), &progress);
        Ok(progress)
    }

    fn abort_if_told(&self) {
        let left = &self.0.abort_after;
        if left.load(Ordering::Relaxed) > 0 && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            (self.0.die)();
        }
    }

    fn now(&self) -> quorate_domain::Timestamp {
        self.0.planner.inventory.now()
    }

    /// The agreement that a plan ends with, if it is about a cluster: its members, and those that may be silent.
    fn agreement(plan: &Plan) -> Option<(&ClusterTarget, &[String])> {
        let found = plan.effects().filter_map(|effect| match effect {
            Effect::Wait { condition: Condition::MembersAgree { cluster, down }, .. } => {
                Some((cluster, down.as_slice()))
            }
            _ => None,
        });
        found.last()
    }
}

fn index(step: usize) -> u32 {
    u32::try_from(step).unwrap_or(u32::MAX)
}

/// The stored plan of a row.
///
/// # Errors
/// Another console wrote it in a shape that this one does not know.
pub fn parse_plan(row: &OperationRow) -> Result<Plan, OperationError> {
    serde_json::from_str(&row.plan_json)
        .map_err(|e| OperationError::Store(StoreError::Corrupt { what: format!("plan of {}: {e}", row.id) }))
}

/// The plan of a row, if this console can run it; the error says in words why not.
fn runnable(row: &OperationRow) -> Result<Plan, String> {
    let known = kinds::find(&row.kind).is_some_and(|kind| kind.version() == row.kind_version);
    if !known {
        let (version, kind) = (row.kind_version, &row.kind);
        return Err(format!(
            "This console does not know version {version} of {kind}: hand it over, and use its runbook"
        ));
    }
    parse_plan(row).map_err(|error| format!("{error}: hand it over"))
}
