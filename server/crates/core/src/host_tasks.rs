//! What removals and rescues left to be done on hosts that did not answer: shown, forgotten, and done once a host is back. Invariant:
//! the console starts only what a person confirmed with the removal, once, as an operation like any other, and only when
//! every check passes; whatever else is found there waits for a person with its reason. What is done is
//! `kinds::finish_removal`'s.

use crate::{
    audit::{AuditDraft, CONSOLE},
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
};
use futures::future::join_all;
use quorate_domain::{
    HostId, HostTaskId, Problem, ProblemKind,
    host::HostSummary,
    host_task::{FinishRemovalParams, HostTask},
    live::LiveMessage,
    plan::Verdict,
};
use quorate_operations::Plan;
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, MissedTickBehavior};

/// The kind that does a task.
const KIND: &str = "finish_removal";
/// How often open tasks are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// A host that stays away, or where something is wrong, is asked this seldom in the end.
const SELDOM: Duration = Duration::from_secs(60);

/// What is to be done about a task now, as far as the console's own rows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// An operation works on the host.
    Claimed,
    /// The host carries a member again: what the old one left is the new one's.
    Void,
    /// It was tried, and a person ended that: the next try is a person's, too.
    Tried,
    /// The host is asked.
    Due,
}

/// What came of looking at a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to ask the host for now.
    Settled,
    /// The host is away.
    Away,
    /// The host is back, and something is wrong.
    Refused,
}

/// How long a host is left alone.
struct Pause {
    until: Instant,
    length: Duration,
}

fn turn(task: &HostTask, host: &HostSummary) -> Turn {
    match (&host.operation, &host.cluster, &task.attempt) {
        (Some(_), ..) => Turn::Claimed,
        (None, Some(_), _) => Turn::Void,
        (None, None, Some(_)) => Turn::Tried,
        (None, None, None) => Turn::Due,
    }
}

/// The next pause after `outcome`: longer each time, and none when there was nothing to wait for. A fence is never put off: each
/// second that its host is back is one in which old data is served.
fn next_pause(before: Option<Duration>, outcome: Outcome, fence: bool) -> Option<Duration> {
    match outcome {
        Outcome::Settled => None,
        _ if fence => Some(Duration::ZERO),
        Outcome::Away => Some(before.map_or(LOOK_EVERY, |length| (length * 2).min(SELDOM))),
        Outcome::Refused => Some(SELDOM),
    }
}

/// Why the console does not start `plan` by itself; none when every check passes. A warning is for a person to read.
fn reason(plan: &Plan) -> Option<String> {
    let check = plan.checks.iter().find(|check| check.verdict != Verdict::Pass)?;
    Some(format!("{}. {}", check.answer, check.advice))
}

impl Console {
    /// What is still to be done on a host, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn host_tasks(&self, _permit: &Permit<act::ViewHosts>, id: &HostId) -> Result<Vec<HostTask>, CoreError> {
        self.host_summary(id).await?;
        Ok(self.0.store.host_tasks_of(id).await?)
    }

    /// What removals from the permit's cluster left to be done on hosts, oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn cluster_host_tasks(&self, permit: &Permit<act::ViewClusters>) -> Result<Vec<HostTask>, CoreError> {
        Ok(self.0.store.host_tasks_left_by(permit.cluster()?).await?)
    }

    /// Drops a task: nobody does it. The host is not touched.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` while an operation works on the host.
    pub async fn forget_host_task(
        &self,
        permit: &Permit<act::ManageHosts>,
        host: &HostId,
        id: &HostTaskId,
    ) -> Result<(), CoreError> {
        let row = self.host_summary(host).await?;
        let task = self.0.store.host_task(id).await?.filter(|task| task.host == *host);
        let task = task.ok_or_else(|| CoreError::not_found("task", id))?;
        if let Some(by) = &row.operation {
            return Err(CoreError::conflict(format!("Operation {by} works on {}; wait until it has ended", row.name)));
        }
        self.drop_task(&task, AuditDraft::by(permit.actor(), "host_task.forget", &row.name)).await
    }

    async fn drop_task(&self, task: &HostTask, draft: AuditDraft) -> Result<(), CoreError> {
        let detail = format!("{} of {}, data in {}", task.member, task.cluster_name, task.data_dir);
        let mut tx = self.0.store.begin().await?;
        tx.delete_host_task(&task.id).await?;
        draft.detail(&detail).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        self.tell(LiveMessage::HostChanged { host: task.host.clone() });
        Ok(())
    }

    pub(crate) async fn keep_host_tasks(&self) {
        let mut pauses: HashMap<HostTaskId, Pause> = HashMap::new();
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let tasks = match self.0.store.host_tasks().await {
                Ok(tasks) => tasks,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "tasks of hosts were not looked at");
                    continue;
                }
            };
            pauses.retain(|id, _| tasks.iter().any(|task| task.id == *id));
            let now = Instant::now();
            let rested = |task: &HostTask| pauses.get(&task.id).is_none_or(|pause| pause.until <= now);
            let due: Vec<HostTask> = tasks.into_iter().filter(rested).collect();
            let outcomes = join_all(due.iter().map(|task| self.look_at_task(task))).await;
            for (task, outcome) in due.into_iter().zip(outcomes) {
                let (id, fence) = (task.id, task.rescued);
                match next_pause(pauses.get(&id).map(|pause| pause.length), outcome, fence) {
                    Some(length) => {
                        pauses.insert(id, Pause { until: Instant::now() + length, length });
                    }
                    None => {
                        pauses.remove(&id);
                    }
                }
            }
        }
    }

    async fn look_at_task(&self, task: &HostTask) -> Outcome {
        match self.advance_task(task).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(task = %task.id, error = chain(&error), "a task of a host was not looked at");
                Outcome::Refused
            }
        }
    }

    async fn advance_task(&self, task: &HostTask) -> Result<Outcome, CoreError> {
        let Some(host) = self.0.store.host(&task.host).await? else { return Ok(Outcome::Settled) };
        // After the host: an operation that ended in between has closed its task before it freed the host.
        let Some(task) = self.0.store.host_task(&task.id).await? else { return Ok(Outcome::Settled) };
        match turn(&task, &host) {
            Turn::Claimed => Ok(Outcome::Settled),
            Turn::Void => {
                // Registering the member has dropped it already; what is here was left at the same moment.
                self.drop_task(&task, AuditDraft::by_console("host_task.void", &host.name)).await?;
                Ok(Outcome::Settled)
            }
            Turn::Tried => {
                let why = "It was tried and ended by hand before it was done. Try again, or forget this task";
                self.note_problem(&task, why).await?;
                Ok(Outcome::Settled)
            }
            Turn::Due => match self.connected(&task.host).await {
                Ok(_) => self.try_task(&task).await,
                Err(_) => Ok(Outcome::Away),
            },
        }
    }

    async fn try_task(&self, task: &HostTask) -> Result<Outcome, CoreError> {
        let params = serde_json::to_value(FinishRemovalParams { task: task.id.clone() })
            .map_err(|e| CoreError::caused("parameters cannot be written", e))?;
        let plan = self.runtime()?.engine.plan(KIND, params).await?;
        if let Some(why) = reason(&plan) {
            self.note_problem(task, &why).await?;
            return Ok(Outcome::Refused);
        }
        match self.accept(&plan, CONSOLE, AuditDraft::by_console("operation.start", &plan.title)).await {
            Ok(operation) => {
                tracing::info!(%operation, host = %task.host, "a host is back; its removal is finished");
                Ok(Outcome::Settled)
            }
            // Somebody claimed the host since the plan was made.
            Err(CoreError::Problem(Problem { kind: ProblemKind::Conflict, .. })) => Ok(Outcome::Settled),
            Err(error) => Err(error),
        }
    }

    async fn note_problem(&self, task: &HostTask, why: &str) -> Result<(), CoreError> {
        if task.problem == why {
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        tx.set_host_task_problem(&task.id, why).await?;
        tx.commit().await?;
        self.tell(LiveMessage::HostChanged { host: task.host.clone() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{
        ClusterId, OperationId, Timestamp,
        host::{Contact, Elevation, Trust},
    };

    fn host() -> HostSummary {
        HostSummary {
            id: HostId::from_random([1; 10]),
            name: "lab3".into(),
            address: "10.77.0.13".into(),
            port: 22,
            user: "root".into(),
            elevation: Elevation::Root,
            has_password: false,
            trust: Trust::Trusted { keys: vec![] },
            contact: Contact::Never,
            facts: None,
            cluster: None,
            operation: None,
            created_at: Timestamp(0),
        }
    }

    fn task() -> HostTask {
        HostTask {
            id: HostTaskId::from_random([2; 10]),
            host: host().id,
            host_name: "lab3".into(),
            cluster: ClusterId::from_random([3; 10]),
            cluster_name: "demo".into(),
            member: "lab3".into(),
            peer_url: "http://10.77.0.13:2380".into(),
            data_dir: "/var/lib/etcd".into(),
            layout: Default::default(),
            cluster_token: String::new(),
            token: "tok".into(),
            left_by: OperationId::from_random([4; 10]),
            rescued: false,
            attempt: None,
            problem: String::new(),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_host_that_is_claimed_or_used_again_is_left_alone_and_a_person_has_the_second_try() {
        let operation = Some(OperationId::from_random([5; 10]));
        assert_eq!(turn(&task(), &host()), Turn::Due);
        let claimed = HostSummary { operation: operation.clone(), cluster: Some(task().cluster), ..host() };
        assert_eq!(turn(&task(), &claimed), Turn::Claimed);
        let used = HostSummary { cluster: Some(ClusterId::from_random([6; 10])), ..host() };
        assert_eq!(turn(&task(), &used), Turn::Void);
        assert_eq!(turn(&HostTask { attempt: operation, ..task() }, &host()), Turn::Tried);
    }

    #[test]
    fn a_host_that_stays_away_is_asked_less_and_less() {
        let mut length = None;
        let mut seen = Vec::new();
        for _ in 0..7 {
            length = next_pause(length, Outcome::Away, false);
            seen.push(length.expect("a pause").as_secs());
        }
        assert_eq!(seen, [3, 6, 12, 24, 48, 60, 60]);
        assert_eq!(next_pause(length, Outcome::Settled, false), None);
        assert_eq!(next_pause(length, Outcome::Away, true), Some(Duration::ZERO), "a fence is not put off");
        assert_eq!(next_pause(None, Outcome::Refused, false), Some(SELDOM));
    }
}
