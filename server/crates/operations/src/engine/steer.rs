//! What people press: proceed, retry, skip, undo, cancel, hand over. Invariant: a choice is an entry of the log like any other, legal
//! only where `domain::operation` says so; carrying it on is the engine's work.

use super::{Engine, index, runnable};
use crate::error::OperationError;
use quorate_domain::{
    OperationId,
    operation::{Choice, LogEntry, LogKind, Progress, choices},
};
use quorate_store::{OperationRow, Tx};

impl Engine {
    /// Writes a person's choice into the log within `tx`; after the commit call `told` and `resume`. Of an operation that
    /// this console cannot run only handing over is open.
    ///
    /// # Errors
    /// The choice is not open now, in words.
    pub async fn steer(
        &self,
        tx: &mut Tx,
        row: &OperationRow,
        choice: Choice,
        who: &str,
    ) -> Result<(LogEntry, Progress), OperationError> {
        let progress = self.progress(row).await?;
        let plan = match runnable(row) {
            Ok(plan) => Some(plan),
            Err(_) if choice == Choice::HandOver => None,
            Err(why) => return Err(OperationError::NotNow(why)),
        };
        let steps = plan.as_ref().map(|p| p.steps.as_slice()).unwrap_or_default();
        let skippable: Vec<bool> = steps.iter().map(|s| s.skippable).collect();
        if !choices(&progress, &skippable, plan.as_ref().and_then(|p| p.point_of_no_return)).contains(&choice) {
            return Err(OperationError::NotNow(format!(
                "“{}” is not possible while the operation is {}",
                choice.as_str().replace('-', " "),
                progress.state.as_str().replace('_', " ")
            )));
        }
        let step = progress.next_step().unwrap_or(0);
        let (step, kind) = match choice {
            Choice::Retry => {
                let undo_failed =
                    progress.steps.iter().rposition(|s| *s == quorate_domain::operation::StepState::UndoFailed);
                (undo_failed.unwrap_or(step), LogKind::Retried)
            }
            Choice::Proceed => (step, LogKind::Proceeded),
            Choice::Skip => (step, LogKind::Skipped),
            Choice::Undo => (step, LogKind::UndoRequested),
            Choice::Cancel => (step, LogKind::CancelRequested),
            Choice::HandOver => (step, LogKind::HandedOver),
        };
        let (entry, progress) = tx.append_log(&row.id, index(step), kind, who, self.now()).await?;
        if !progress.state.unfinished() {
            self.audit_rest(tx, &row.id, &progress, "").await?;
        }
        Ok((entry, progress))
    }

    /// Tells who watches what `steer` wrote, once it is committed: whoever is told reads it.
    pub fn told(&self, id: &OperationId, entry: &LogEntry, progress: &Progress) {
        self.0.events.moved(id, Some(entry), progress);
    }
}
