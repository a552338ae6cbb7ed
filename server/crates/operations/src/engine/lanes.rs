//! Runs the lanes of one step, forward or backward. Invariant: every lane ends before the step does, so that no lane works
//! unseen; whether somebody cancelled is asked of the log, which survives this process, and of nothing else.

use super::{Engine, index, output};
use crate::{
    effect::{Action, Condition, Place},
    error::OperationError,
    executor::{CancelAsk, OutputSink, Task},
    plan::Lane,
};
use futures::{FutureExt, future::join_all};
use quorate_domain::{OperationId, operation::OperationState};
use quorate_store::OperationRow;
use std::{fmt, sync::Arc};

/// Why a step did not come to its end.
pub(super) enum Unended {
    /// Lanes failed; in words.
    Failed(String),
    /// Somebody cancelled, and it could stop halfway.
    Cancelled,
}

impl fmt::Display for Unended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Cancelled => OperationError::Cancelled.fmt(f),
        }
    }
}

impl Engine {
    /// Runs all lanes of a step in parallel.
    ///
    /// # Errors
    /// What failed, of every lane; `Cancelled` when nothing did, and not all was done.
    pub(super) async fn run_lanes<'a>(
        &self,
        row: &OperationRow,
        step: usize,
        lanes: &'a [Lane],
        pick: impl Fn(&'a Lane) -> (Option<&'a Condition>, &'a Vec<Action>),
    ) -> Result<(), Unended> {
        let writer = output::Writer::start(self.0.store.clone(), self.0.events.clone(), row.id.clone(), index(step));
        let inventory = self.0.planner.inventory.clone();
        let sender = writer.sender();
        let sink: OutputSink = Arc::new(move |host, text| {
            // The writer ends after the lanes; a line that comes later has no reader and may go.
            let _ = sender.send(output::Line { host: host.to_owned(), text, at: inventory.now() });
        });
        let cancelled = self.cancel_ask(&row.id);
        let task = Task { operation: row.id.clone(), cluster: row.cluster.clone(), step, output: sink, cancelled };
        let (hands, of_task) = (&self.0.hands, &task);
        let results = join_all(lanes.iter().map(|lane| {
            let (unless, actions) = pick(lane);
            async move {
                let result = hands.run(of_task, &lane.place, unless, actions).await;
                if result.as_ref().is_err_and(|error| !matches!(error, OperationError::Cancelled)) {
                    hands.diagnose(of_task, &lane.place, &lane.diagnose).await;
                }
                result
            }
        }))
        .await;
        drop(task);
        writer.finish().await;
        let (mut failed, mut cancelled) = (Vec::new(), false);
        for (lane, result) in lanes.iter().zip(results) {
            match result {
                Ok(()) => {}
                Err(OperationError::Cancelled) => cancelled = true,
                Err(error) => failed.push(named(&lane.place, &error)),
            }
        }
        match (failed.is_empty(), cancelled) {
            (true, false) => Ok(()),
            (true, true) => Err(Unended::Cancelled),
            (false, _) => Err(Unended::Failed(failed.join("\n"))),
        }
    }

    /// Asks the store, so that it does not matter who wrote the wish, and when. An undo is never cancelled.
    fn cancel_ask(&self, id: &OperationId) -> CancelAsk {
        let (store, id) = (self.0.store.clone(), id.clone());
        Arc::new(move || {
            let (store, id) = (store.clone(), id.clone());
            async move {
                match store.operation_state(&id).await {
                    Ok(state) => state == Some(OperationState::Cancelling),
                    Err(error) => {
                        tracing::warn!(operation = %id, %error, "whether to stop could not be asked");
                        false
                    }
                }
            }
            .boxed()
        })
    }
}

/// The error with the place in front, unless it names it already.
fn named(place: &Place, error: &OperationError) -> String {
    let text = error.to_string();
    if text.starts_with(place.name()) { text } else { format!("{}: {text}", place.name()) }
}
