//! How far a step is, in lines of output. Invariant: counts only; no key and no value is told.

use super::Work;
use crate::executor::SAID_EVERY;
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
        let looked = self.tally.done + self.tally.already + self.tally.left;
        let of = self.tally.of.max(looked);
        self.executor.say(self.place, format!("{doing}: {} of {}", thousands(looked), thousands(of)));
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

/// `12 000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_in_groups() {
        let plain = |number| thousands(number).replace('\u{a0}', " ");
        assert_eq!((plain(7), plain(12_000), plain(1_234_567)), ("7".into(), "12 000".into(), "1 234 567".into()));
    }
}
