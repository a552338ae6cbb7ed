//! Planning, starting, steering and reading operations. Invariant: a start is accepted only with the digest of the
//! plan as it is now, and operation, claims and audit row are one transaction.

use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, RunPermit, act},
};
use quorate_domain::{
    ClusterId, OperationId, Problem, ProblemKind, Scope,
    operation::{Choice, OperationDetail, OperationState, OperationSummary, OutputLine, Progress, choices},
    plan::{PlanRequest, PlanView, StartOutcome, StartRequest},
};
use quorate_operations::{OperationError, Plan, PlanError, kinds, render};
use quorate_store::{OperationRow, StoreError};

/// How many operations a list has at most.
pub const LIST_MAX: u32 = 200;
/// How many lines of output a page starts with; the rest is asked for by sequence.
const OUTPUT_MAX: u32 = 5000;

impl From<PlanError> for CoreError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Invalid(fields) => Problem::invalid(fields).into(),
            PlanError::UnknownKind(kind) => Problem::field("kind", format!("There is no operation “{kind}”")).into(),
            PlanError::Shape(why) => Problem::field("params", format!("The parameters are not right: {why}")).into(),
            PlanError::Store(error) => error.into(),
        }
    }
}

impl From<OperationError> for CoreError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Store(error) => error.into(),
            OperationError::NotNow(why) => CoreError::conflict(why),
            OperationError::NotFound(id) => CoreError::not_found("operation", id),
            other => CoreError::caused("the operation's state is not as it must be", other),
        }
    }
}

impl Console {
    /// Asks whether `actor` may plan and start operations of this kind.
    ///
    /// # Errors
    /// `Invalid` for an unknown kind, else as [`Console::permit`].
    pub async fn permit_run(&self, actor: &Actor, kind: &str) -> Result<RunPermit, CoreError> {
        let kind = kinds::find(kind).ok_or_else(|| PlanError::UnknownKind(kind.to_owned()))?;
        self.permit_class(actor, kind.class()).await
    }

    /// Looks at the facts and answers the plan. Changes nothing.
    ///
    /// # Errors
    /// Parameters that cannot be right.
    pub async fn plan(&self, permit: &RunPermit, request: PlanRequest) -> Result<PlanView, CoreError> {
        Ok(render::view(&self.make_plan(permit, &request.kind, request.params).await?))
    }

    async fn make_plan(&self, permit: &RunPermit, kind: &str, params: serde_json::Value) -> Result<Plan, CoreError> {
        self.check_keys(permit.actor(), kind, &params).await?;
        let plan = self.runtime()?.engine.plan(kind, params).await?;
        if plan.class != permit.class() {
            return Err(CoreError::internal("the permit is for another class of operation"));
        }
        Ok(plan)
    }

    /// Starts what was reviewed; when the facts have moved since, starts nothing and answers the plan as it is now.
    ///
    /// # Errors
    /// `Reauthenticate`, a wrong typed name, failed checks, or a cluster or host that another operation claims.
    pub async fn start(&self, permit: &RunPermit, request: StartRequest) -> Result<StartOutcome, CoreError> {
        let plan = self.make_plan(permit, &request.kind, request.params).await?;
        self.check_start(permit, &plan.title, plan.confirm.as_deref(), request.confirm.as_deref()).await?;
        let stuck = self.taken_over(&plan).await?;
        if let Some(by) = self.claimed(&plan, &stuck).await? {
            return Err(busy(&by, "one of its hosts or its name"));
        }
        if plan.digest() != request.digest {
            return Ok(StartOutcome::PlanChanged { plan: Box::new(render::view(&plan)) });
        }
        if !plan.startable() {
            return Err(CoreError::conflict("A check fails, so this cannot start; the plan says which and what to do"));
        }
        let draft = AuditDraft::by(permit.actor(), "operation.start", &plan.title);
        let operation = self.accept_after(&plan, &permit.actor().label(), draft, stuck).await?;
        Ok(StartOutcome::Started { operation })
    }

    /// Operations of the plan's own cluster that rest stuck, where its kind takes them over: they end with its start.
    async fn taken_over(&self, plan: &Plan) -> Result<Vec<OperationRow>, CoreError> {
        if !kinds::find(&plan.kind).is_some_and(|kind| kind.takes_over()) {
            return Ok(Vec::new());
        }
        let mut stuck = self.0.store.unfinished_operations().await?;
        stuck.retain(|row| {
            row.state == OperationState::Stuck
                && (row.cluster.is_some() && row.cluster == plan.cluster
                    || row.cluster_name.eq_ignore_ascii_case(&plan.cluster_name))
        });
        Ok(stuck)
    }

    /// Makes `plan` an operation of `actor`: the row, its claims and the audit row in one transaction; then the engine takes
    /// it up. Whether it may start was asked before.
    ///
    /// # Errors
    /// A cluster or host that another operation claims.
    pub(crate) async fn accept(&self, plan: &Plan, actor: &str, draft: AuditDraft) -> Result<OperationId, CoreError> {
        self.accept_after(plan, actor, draft, Vec::new()).await
    }

    /// The same, once the operations of `stuck` are handed over, each with an audit row of its own in the same transaction.
    async fn accept_after(
        &self,
        plan: &Plan,
        actor: &str,
        draft: AuditDraft,
        stuck: Vec<OperationRow>,
    ) -> Result<OperationId, CoreError> {
        let engine = &self.runtime()?.engine;
        let cluster = plan.cluster.clone().unwrap_or_else(|| ClusterId::from_random(self.random()));
        let row = engine.row(plan, actor, cluster)?;
        let id = row.id.clone();
        let mut tx = self.0.store.begin().await?;
        let mut ended = Vec::new();
        for other in stuck {
            let (entry, progress) = engine.steer(&mut tx, &other, Choice::HandOver, actor).await?;
            let why = format!("{}, taken over by {id}", other.id);
            draft
                .same_actor("operation.hand_over", &other.title)
                .detail(&why)
                .write(&mut tx, self.0.clock.now())
                .await?;
            ended.push((other.id, entry, progress));
        }
        tx.insert_operation(&row).await.map_err(|error| match error {
            StoreError::Claimed { by, what } => busy(&by, &what),
            other => other.into(),
        })?;
        let detail = format!("{id}, plan {}", &plan.digest()[..12]);
        draft.detail(&detail).write(&mut tx, self.0.clock.now()).await?;
        let (engine, started) = (engine.clone(), id.clone());
        whatever_the_caller_does(async move {
            tx.commit().await?;
            for (other, entry, progress) in &ended {
                engine.told(other, entry, progress);
            }
            engine.resume(started);
            Ok(())
        })
        .await?;
        Ok(id)
    }

    /// The unfinished operation that holds a host or the name of `plan`, if any: said before the digest, because a
    /// claimed host also fails a check and so moves the digest. `ending` do not count.
    async fn claimed(&self, plan: &Plan, ending: &[OperationRow]) -> Result<Option<OperationId>, CoreError> {
        let ends = |id: &OperationId| ending.iter().any(|row| row.id == *id);
        let held = self.0.store.claims_of_hosts().await?;
        let by_host = held.into_iter().find(|(host, by)| plan.hosts.contains(host) && !ends(by)).map(|(_, by)| by);
        if by_host.is_some() {
            return Ok(by_host);
        }
        if plan.cluster_name.is_empty() {
            return Ok(None);
        }
        let unfinished = self.0.store.unfinished_operations().await?;
        let of_its_name = |o: &OperationRow| o.cluster_name.eq_ignore_ascii_case(&plan.cluster_name) && !ends(&o.id);
        Ok(unfinished.into_iter().find(of_its_name).map(|o| o.id))
    }

    /// Operations, newest first; of one cluster or of all. `before` is the last one of the page before.
    ///
    /// # Errors
    /// `NotFound` for a `before` that is none, or the storage failed.
    pub async fn operations(
        &self,
        _permit: &Permit<act::ViewOperations>,
        cluster: Option<ClusterId>,
        before: Option<OperationId>,
        limit: u32,
    ) -> Result<Vec<OperationSummary>, CoreError> {
        let before = match before {
            Some(id) => Some(self.operation_row(&id).await?.seq),
            None => None,
        };
        let limit = limit.clamp(1, LIST_MAX);
        Ok(self.0.store.operation_summaries(limit, before, cluster.as_ref()).await?)
    }

    /// One operation in full; the choices are those open to the permit's holder.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn operation(
        &self,
        permit: &Permit<act::ViewOperations>,
        id: &OperationId,
    ) -> Result<OperationDetail, CoreError> {
        let row = self.operation_row(id).await?;
        let plan: PlanView = stored(&row.view_json)?;
        let output = self.0.store.output(id, 0, OUTPUT_MAX).await?;
        let whole = self.0.store.operation_with_log(id).await?;
        let (summary, log) = whole.ok_or_else(|| CoreError::not_found("operation", id))?;
        let (class, soaked) = (row.class, summary.soaked);
        let progress = Progress::replay(row.step_count as usize, &log).map_err(CoreError::internal)?;
        let skippable: Vec<bool> = plan.steps.iter().map(|s| s.skippable).collect();
        let choices = choices(&progress, &skippable, plan.point_of_no_return)
            .into_iter()
            .filter(|&choice| {
                let role = permit.actor().role;
                quorate_domain::access::allows(role, choice_action(choice), &Scope::Global)
            })
            .collect();
        Ok(OperationDetail { summary, plan, steps: progress.steps, log, output, choices, class, soaked })
    }

    /// Lines of output after a sequence number.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn output(
        &self,
        _permit: &Permit<act::ViewOperations>,
        id: &OperationId,
        after: i64,
    ) -> Result<Vec<OutputLine>, CoreError> {
        self.operation_row(id).await?;
        Ok(self.0.store.output(id, after, OUTPUT_MAX).await?)
    }

    /// Proceed, retry, skip, undo, cancel or hand over.
    ///
    /// # Errors
    /// `Forbidden`, `Reauthenticate` to proceed and for an undo, `Conflict` when the choice is not open now.
    pub async fn steer(&self, actor: &Actor, id: &OperationId, choice: Choice) -> Result<OperationSummary, CoreError> {
        match choice_action(choice) {
            quorate_domain::Action::SteerOperations => {
                self.permit::<act::SteerOperations>(actor, Scope::Global).await?;
            }
            _ => {
                self.permit::<act::OverrideOperations>(actor, Scope::Global).await?;
            }
        }
        let row = self.operation_row(id).await?;
        if matches!(choice, Choice::Undo | Choice::Proceed) {
            self.check_dangerous(actor, &row.title).await?;
        }
        let engine = &self.runtime()?.engine;
        let mut tx = self.0.store.begin().await?;
        let (entry, progress) = engine.steer(&mut tx, &row, choice, &actor.label()).await?;
        let action = format!("operation.{}", choice.as_str().replace('-', "_"));
        AuditDraft::by(actor, &action, &row.title).detail(id.as_str()).write(&mut tx, self.0.clock.now()).await?;
        let (engine, steered) = (engine.clone(), id.clone());
        whatever_the_caller_does(async move {
            tx.commit().await?;
            engine.told(&steered, &entry, &progress);
            if progress.state.active() {
                engine.resume(steered);
            }
            Ok(())
        })
        .await?;
        self.operation_summary(id).await
    }

    async fn operation_row(&self, id: &OperationId) -> Result<OperationRow, CoreError> {
        self.0.store.operation(id).await?.ok_or_else(|| CoreError::not_found("operation", id))
    }

    pub(crate) async fn operation_summary(&self, id: &OperationId) -> Result<OperationSummary, CoreError> {
        self.0.store.operation_summary(id).await?.ok_or_else(|| CoreError::not_found("operation", id))
    }
}

/// Carries `work` to its end although the request that wants it may be dropped: what was committed must also be worked on.
async fn whatever_the_caller_does(
    work: impl Future<Output = Result<(), CoreError>> + Send + 'static,
) -> Result<(), CoreError> {
    tokio::spawn(work).await.map_err(|error| CoreError::caused("an operation could not be taken up", error))?
}

fn stored(json: &str) -> Result<PlanView, CoreError> {
    serde_json::from_str(json).map_err(|e| CoreError::caused("a stored plan cannot be read", e))
}

fn busy(by: &OperationId, what: &str) -> CoreError {
    Problem::new(ProblemKind::Conflict, format!("Operation {by} claims {what}"))
        .with_detail("Wait until it has ended, or open it and decide there.")
        .into()
}

/// Cancelling and retrying only go on with what an admin accepted; the rest changes its course.
fn choice_action(choice: Choice) -> quorate_domain::Action {
    match choice {
        Choice::Cancel | Choice::Retry => quorate_domain::Action::SteerOperations,
        Choice::Proceed | Choice::Skip | Choice::Undo | Choice::HandOver => quorate_domain::Action::OverrideOperations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, clock::SystemClock};
    use quorate_domain::{Timestamp, operation::LogKind, plan::OperationClass};
    use quorate_operations::plan::{Lane, Step};
    use quorate_store::{MasterKey, Store};
    use std::sync::Arc;

    fn plan(kind: &str, cluster: &ClusterId) -> Plan {
        Plan {
            kind: kind.into(),
            kind_version: 1,
            title: format!("{kind} of demo"),
            params: serde_json::json!({}),
            cluster: Some(cluster.clone()),
            cluster_name: "demo".into(),
            hosts: Vec::new(),
            steps: vec![Step::of("nothing", "Nothing", Vec::<Lane>::new())],
            checks: Vec::new(),
            warnings: Vec::new(),
            point_of_no_return: None,
            expected_seconds: 1,
            class: OperationClass::Dangerous,
            confirm: None,
            logins: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_rescue_takes_over_what_rests_stuck_in_one_transaction_and_nothing_else_does() {
        let dir = tempfile::Builder::new().prefix("q").tempdir().expect("a directory");
        let key = MasterKey::load_or_create(dir.path(), None).expect("a key");
        let store = Store::open(dir.path(), key).await.expect("a store");
        let console = Console::new(store.clone(), Arc::new(SystemClock), Config::new(dir.path().to_owned()));
        console.bring_up().await.expect("up");
        let cluster = ClusterId::from_random([7; 10]);
        let engine = &console.runtime().expect("up").engine;
        let other = engine.row(&plan("restore_in_place", &cluster), "ada", cluster.clone()).expect("a row");
        let mut tx = store.begin().await.expect("begins");
        tx.insert_operation(&other).await.expect("accepted");
        tx.append_log(&other.id, 0, LogKind::Started, "", Timestamp(1)).await.expect("legal");
        tx.commit().await.expect("commits");
        let rescue = plan("rescue_cluster", &cluster);
        assert_eq!(console.taken_over(&rescue).await.expect("read"), [], "it runs");
        assert_eq!(console.claimed(&rescue, &[]).await.expect("read"), Some(other.id.clone()));
        let mut tx = store.begin().await.expect("begins");
        tx.append_log(&other.id, 0, LogKind::Failed, "why", Timestamp(2)).await.expect("legal");
        tx.commit().await.expect("commits");
        assert_eq!(console.taken_over(&plan("rolling_restart", &cluster)).await.expect("read"), []);
        let stuck = console.taken_over(&rescue).await.expect("read");
        assert_eq!(stuck.iter().map(|row| &row.id).collect::<Vec<_>>(), [&other.id]);
        assert_eq!(console.claimed(&rescue, &stuck).await.expect("read"), None);
        let draft = AuditDraft::of("bea", "", "operation.start", &rescue.title);
        let id = console.accept_after(&rescue, "bea", draft, stuck).await.expect("accepted");
        let state = async |id: &OperationId| store.operation(id).await.expect("read").expect("there").state;
        assert_eq!(state(&other.id).await, OperationState::HandedOver);
        let rows = store.audit_page(None, 20).await.expect("rows");
        let handed = rows.iter().find(|row| row.action == "operation.hand_over").expect("a row");
        assert_eq!(handed.actor, "bea");
        assert!(handed.detail.contains(id.as_str()) && handed.object == other.title, "{handed:?}");
    }
}
