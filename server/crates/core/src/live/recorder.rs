//! Keeps events, then tells them. Invariant: an event is told only after it is kept and has its number, in the order it
//! happened; a store that is busy delays events, it does not lose them while the console lives.

use super::{EventSink, NewEvent, hub::Hub};
use quorate_domain::{ClusterId, Timestamp, live::LiveMessage};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What one view told.
pub(super) struct Batch {
    pub cluster: ClusterId,
    pub at: Timestamp,
    pub events: Vec<NewEvent>,
}

pub(super) struct Recorder {
    sink: Arc<dyn EventSink>,
    hub: Arc<Hub>,
    stop: CancellationToken,
}

impl Recorder {
    pub fn new(sink: Arc<dyn EventSink>, hub: Arc<Hub>, stop: CancellationToken) -> Self {
        Self { sink, hub, stop }
    }

    pub async fn run(self, mut batches: mpsc::UnboundedReceiver<Batch>) {
        loop {
            let batch = tokio::select! {
                biased;
                batch = batches.recv() => batch,
                () = self.stop.cancelled() => None,
            };
            let Some(batch) = batch else { return };
            self.keep(batch).await;
        }
    }

    async fn keep(&self, batch: Batch) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.sink.keep(&batch.cluster, batch.at, &batch.events).await {
                Ok(kept) => {
                    kept.into_iter().for_each(|event| self.hub.tell(LiveMessage::ClusterEvent { event }));
                    return;
                }
                Err(reason) => {
                    tracing::warn!(cluster = %batch.cluster, %reason, "events cannot be kept yet");
                }
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = self.stop.cancelled() => return,
            }
        }
    }
}
