//! Collects the lines of a step and writes them in batches. Invariant: lines keep their order; a slow store slows the
//! writer, never the step.

use crate::context::EngineEvents;
use quorate_domain::{OperationId, Timestamp};
use quorate_store::{NewOutput, Store};
use std::sync::Arc;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
};

/// One line as it comes.
pub(super) struct Line {
    pub host: String,
    pub text: String,
    pub at: Timestamp,
}

/// A task that writes lines until all senders are gone.
pub(super) struct Writer {
    sender: UnboundedSender<Line>,
    task: JoinHandle<()>,
}

const BATCH: usize = 200;

impl Writer {
    pub(super) fn start(store: Store, events: Arc<dyn EngineEvents>, operation: OperationId, step: u32) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(write(store, events, operation, step, receiver));
        Self { sender, task }
    }

    pub(super) fn sender(&self) -> UnboundedSender<Line> {
        self.sender.clone()
    }

    /// Waits until everything that was sent is written.
    pub(super) async fn finish(self) {
        drop(self.sender);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "output writer ended early");
        }
    }
}

async fn write(
    store: Store,
    events: Arc<dyn EngineEvents>,
    operation: OperationId,
    step: u32,
    mut receiver: UnboundedReceiver<Line>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let lines: Vec<NewOutput> =
            batch.drain(..).map(|line| NewOutput { step, host: line.host, text: line.text, at: line.at }).collect();
        match store.append_output(&operation, &lines).await {
            Ok(written) => events.output(&operation, &written),
            // Output is a comfort: a full disk must not stop a step that is half done.
            Err(error) => tracing::warn!(%operation, %error, "output was not kept"),
        }
    }
}
