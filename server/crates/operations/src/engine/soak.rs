//! After "done": does it hold? And the audit row of a resting state. Invariant: a soak changes nothing on hosts; its
//! verdict is a badge, nobody waits for it.

use super::{Engine, parse_plan};
use crate::{
    error::OperationError,
    executor::{Executor, Task},
    plan::Plan,
};
use futures::{FutureExt, future::ready};
use quorate_domain::{
    OperationId,
    audit::AuditOutcome,
    operation::{OperationState, Progress},
};
use quorate_store::{NewAudit, OperationRow, Tx};
use std::{sync::Arc, time::Duration};

const SOAK: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(3);

impl Engine {
    /// Watches the cluster for 30 s and notes whether all members kept answering.
    pub(super) fn soak(&self, row: OperationRow, plan: Plan) {
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            let held = engine.held(&row, &plan).await;
            if let Err(error) = engine.note_soak(&row.id, held).await {
                tracing::warn!(operation = %row.id, %error, "soak was not noted");
            }
        });
    }

    async fn held(&self, row: &OperationRow, plan: &Plan) -> bool {
        let Some((cluster, down)) = Self::agreement(plan) else { return true };
        let task = Task {
            operation: row.id.clone(),
            cluster: row.cluster.clone(),
            step: plan.steps.len(),
            output: Arc::new(|_, _| {}),
            // There is nothing left to cancel.
            cancelled: Arc::new(|| ready(false).boxed()),
        };
        let executor = Executor { planner: self.0.planner.clone(), task };
        let until = tokio::time::Instant::now() + SOAK;
        while tokio::time::Instant::now() < until {
            if let Err(why) = executor.members_agree(cluster, down).await {
                tracing::warn!(operation = %row.id, why, "the result did not hold");
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    async fn note_soak(&self, id: &OperationId, held: bool) -> Result<(), OperationError> {
        let mut tx = self.0.store.begin().await?;
        tx.set_soaked(id, held).await?;
        tx.commit().await?;
        if let Some(row) = self.0.store.operation(id).await? {
            self.0.events.moved(id, None, &self.progress(&row).await?);
        }
        Ok(())
    }

    /// Soaks that an ended console left undecided begin again, if the operation ended a short while ago.
    pub(super) async fn resume_soaks(&self) -> Result<(), OperationError> {
        let recent = self.now().plus_millis(-10 * 60 * 1000);
        for row in self.0.store.operations(20, None, None).await? {
            if row.state == OperationState::Done && row.soaked.is_none() && row.updated_at >= recent {
                let plan = parse_plan(&row)?;
                self.soak(row, plan);
            }
        }
        Ok(())
    }

    /// The second audit row of an operation: how it came to rest.
    pub(super) async fn audit_rest(
        &self,
        tx: &mut Tx,
        id: &OperationId,
        progress: &Progress,
        detail: &str,
    ) -> Result<(), OperationError> {
        let row = tx.operation(id).await?.ok_or_else(|| OperationError::NotFound(id.clone()))?;
        let audit = NewAudit {
            at: self.now(),
            actor: row.actor.clone(),
            source: String::new(),
            action: format!("operation.{}", progress.state.as_str()),
            object: row.title.clone(),
            outcome: if progress.state == OperationState::Stuck { AuditOutcome::Failed } else { AuditOutcome::Ok },
            detail: one_line(&if detail.is_empty() { id.to_string() } else { format!("{id}: {detail}") }),
        };
        tx.insert_audit(&audit).await?;
        Ok(())
    }
}

/// A row of the trail is one line, and a short one: the operation's own page has the whole reason.
fn one_line(text: &str) -> String {
    text.chars().take(400).map(|c| if c == '\n' { ';' } else { c }).filter(|c| !c.is_control()).collect()
}
