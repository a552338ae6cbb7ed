//! How far a step is, in lines of output. Invariant: counts only; no key and no value is told.

use super::{Halt, Work};
use crate::executor::SAID_EVERY;
use quorate_domain::operation::{Counted, thousands};
use std::time::Instant;

/// What became of the keys of a step so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) done: u64,
    pub(super) already: u64,
    pub(super) left: u64,
    pub(super) of: u64,
    said: Option<Instant>,
}

impl Work<'_> {
    pub(super) fn progress(&mut self, doing: &str) {
        let now = Instant::now();
        if self.tally.said.is_some_and(|at| now.duration_since(at) < SAID_EVERY) {
            return;
        }
        self.tally.said = Some(now);
        let (done, of) = self.through();
        self.executor.say(self.place, Counted { doing: doing.to_owned(), done, of }.to_string());
    }

    fn through(&self) -> (u64, u64) {
        let done = self.tally.done + self.tally.already + self.tally.left;
        (done, self.tally.of.max(done))
    }

    /// Before each batch: whether it is still wanted.
    ///
    /// # Errors
    /// Somebody cancelled. What was done by now stays done, and an undo takes it back.
    pub(super) async fn go_on(&self) -> Result<(), Halt> {
        if !(self.executor.task.cancelled)().await {
            return Ok(());
        }
        let (done, of) = self.through();
        let words = format!("stopped after {} of {}: somebody cancelled", thousands(done), thousands(of));
        self.executor.say(self.place, words);
        Err(Halt::Cancelled)
    }

    pub(super) fn say_end(&self, doing: &str, already: &str, left: &str) {
        let Tally { done, already: were, left: stay, .. } = &self.tally;
        let parts = [(done, doing), (were, already), (stay, left)];
        let words: Vec<String> = parts
            .into_iter()
            .filter(|(count, words)| **count > 0 || *words == doing)
            .map(|(count, words)| format!("{} {words}", thousands(*count)))
            .collect();
        self.executor.say(self.place, format!("keys: {}", words.join(", ")));
    }
}
