//! Which order of log entries is legal, and what it leads to. Invariant: pure; the only place that decides it.

use super::{Choice, LogEntry, LogKind, OperationState, StepState};

/// The state that a log leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Of the operation.
    pub state: OperationState,
    /// Of each step.
    pub steps: Vec<StepState>,
}

impl Progress {
    /// A fresh operation of `steps` steps.
    pub fn new(steps: usize) -> Self {
        Self { state: OperationState::Running, steps: vec![StepState::Waiting; steps] }
    }

    /// The step to do next while running: the first that is neither done nor skipped.
    pub fn next_step(&self) -> Option<usize> {
        self.steps.iter().position(|s| !matches!(s, StepState::Done | StepState::Skipped))
    }

    /// The step to take back next while undoing: the last that was begun and is not undone.
    pub fn next_undo(&self) -> Option<usize> {
        self.steps.iter().rposition(|s| !matches!(s, StepState::Waiting | StepState::Undone))
    }

    /// Applies one entry.
    ///
    /// # Errors
    /// The order is illegal; nothing was changed. The sentence names both sides.
    pub fn apply(&mut self, step: usize, kind: LogKind) -> Result<(), String> {
        use {LogKind as K, OperationState as O, StepState as S};
        let illegal =
            |p: &Self| format!("{} of step {step} while {} ({:?})", kind.as_str(), p.state.as_str(), p.steps.get(step));
        let Some(&now) = self.steps.get(step) else { return Err(illegal(self)) };
        let (new_step, new_state) = match (kind, self.state, now) {
            // Running again is how a crash between "started" and its end shows; the effect is observed first.
            (K::Started, O::Running, S::Waiting | S::Failed | S::Stopped | S::Running | S::Undone)
                if self.next_step() == Some(step) =>
            {
                (S::Running, O::Running)
            }
            (K::Succeeded, O::Running | O::Cancelling, S::Running) => {
                let last = self.steps.iter().enumerate().all(|(i, s)| i == step || matches!(s, S::Done | S::Skipped));
                (S::Done, if last { O::Done } else { self.state })
            }
            // From failed: it was retried, and the console found that it cannot run it.
            (K::Failed, O::Running | O::Cancelling, S::Running | S::Waiting | S::Failed | S::Stopped) => {
                (S::Failed, O::Stuck)
            }
            (K::Skipped, O::Stuck, S::Failed) => {
                let last = self.steps.iter().enumerate().all(|(i, s)| i == step || matches!(s, S::Done | S::Skipped));
                (S::Skipped, if last { O::Done } else { O::Running })
            }
            (K::CancelRequested, O::Running, s) => (s, O::Cancelling),
            // It was begun, so an undo takes back what it did by then.
            (K::Cancelled, O::Cancelling, S::Running) => (S::Stopped, O::Stuck),
            (K::Cancelled, O::Cancelling, s) => (s, O::Stuck),
            (K::Retried, O::Stuck, S::UndoFailed) => (S::Undoing, O::Undoing),
            (K::Retried, O::Stuck, s) if !self.steps.contains(&S::UndoFailed) => (s, O::Running),
            (K::UndoRequested, O::Stuck, s) => (s, O::Undoing),
            (K::UndoStarted, O::Undoing, s) if s != S::Undone && self.next_undo() == Some(step) => {
                (S::Undoing, O::Undoing)
            }
            (K::UndoFinished, O::Undoing, S::Undoing) => {
                let last = self.steps.iter().enumerate().all(|(i, s)| i == step || matches!(s, S::Waiting | S::Undone));
                (S::Undone, if last { O::Unwound } else { O::Undoing })
            }
            (K::UndoFailed, O::Undoing, S::Undoing) => (S::UndoFailed, O::Stuck),
            (K::HandedOver, O::Stuck, s) => (s, O::HandedOver),
            _ => return Err(illegal(self)),
        };
        self.steps[step] = new_step;
        self.state = new_state;
        // Nothing was begun: undo has nothing to do and is finished at once.
        if kind == K::UndoRequested && self.next_undo().is_none() {
            self.state = O::Unwound;
        }
        Ok(())
    }

    /// The state after a whole log.
    ///
    /// # Errors
    /// The first illegal entry.
    pub fn replay<'a>(steps: usize, entries: impl IntoIterator<Item = &'a LogEntry>) -> Result<Self, String> {
        let mut progress = Self::new(steps);
        for entry in entries {
            progress.apply(entry.step as usize, entry.kind).map_err(|e| format!("entry {}: {e}", entry.seq))?;
        }
        Ok(progress)
    }
}

/// The choices that `progress` leaves, given which steps the plan lets be skipped and its point of no return.
pub fn choices(progress: &Progress, skippable: &[bool], point_of_no_return: Option<u32>) -> Vec<Choice> {
    match progress.state {
        OperationState::Running => vec![Choice::Cancel],
        OperationState::Stuck => {
            let mut open = vec![Choice::Retry];
            let failed = progress.steps.iter().position(|&s| s == StepState::Failed);
            if failed.is_some_and(|i| skippable.get(i).copied().unwrap_or(false)) {
                open.push(Choice::Skip);
            }
            let passed = point_of_no_return
                .is_some_and(|p| progress.steps.iter().skip(p as usize).any(|&s| s != StepState::Waiting));
            if !passed {
                open.push(Choice::Undo);
            }
            open.push(Choice::HandOver);
            open
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use {LogKind as K, OperationState as O};

    fn run(steps: usize, entries: &[(usize, K)]) -> Result<Progress, String> {
        let mut p = Progress::new(steps);
        for &(s, k) in entries {
            p.apply(s, k)?;
        }
        Ok(p)
    }

    #[test]
    fn the_straight_way_ends_done() {
        let p = run(2, &[(0, K::Started), (0, K::Succeeded), (1, K::Started), (1, K::Succeeded)]).expect("legal");
        assert_eq!(p.state, O::Done);
    }

    #[test]
    fn a_crash_shows_as_a_second_start_and_is_legal() {
        assert!(run(2, &[(0, K::Started), (0, K::Started), (0, K::Succeeded)]).is_ok());
    }

    #[test]
    fn undo_goes_backwards_over_what_was_begun() {
        let stuck = [(0, K::Started), (0, K::Succeeded), (1, K::Started), (1, K::Failed), (1, K::UndoRequested)];
        assert!(run(3, &[&stuck[..], &[(0, K::UndoStarted)]].concat()).is_err(), "not in reverse order");
        let back = [(1, K::UndoStarted), (1, K::UndoFinished), (0, K::UndoStarted), (0, K::UndoFinished)];
        assert_eq!(run(3, &[&stuck[..], &back[..]].concat()).expect("legal").state, O::Unwound);
    }

    #[test]
    fn illegal_orders_are_rejected() {
        for bad in [
            &[(1, K::Started)][..],
            &[(0, K::Succeeded)],
            &[(0, K::Started), (0, K::Succeeded), (0, K::Started)],
            &[(0, K::Skipped)],
            &[(0, K::UndoRequested)],
            &[(5, K::Started)],
        ] {
            assert!(run(2, bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_step_that_was_stopped_within_goes_on_or_is_taken_back() {
        let stopped = [(0, K::Started), (0, K::Succeeded), (1, K::Started), (1, K::CancelRequested), (1, K::Cancelled)];
        let p = run(3, &stopped).expect("legal");
        assert_eq!((p.state, p.steps[1]), (O::Stuck, StepState::Stopped));
        assert_eq!(choices(&p, &[true; 3], None), [Choice::Retry, Choice::Undo, Choice::HandOver]);
        assert!(!choices(&p, &[true; 3], Some(1)).contains(&Choice::Undo), "it was begun");
        let on = [&stopped[..], &[(1, K::Retried), (1, K::Started), (1, K::Succeeded)]].concat();
        assert_eq!(run(3, &on).expect("legal").state, O::Running);
        let back = [&stopped[..], &[(1, K::UndoRequested), (1, K::UndoStarted)]].concat();
        assert_eq!(run(3, &back).expect("legal").state, O::Undoing);
    }

    #[test]
    fn undo_is_not_offered_past_the_point_of_no_return() {
        let p = run(2, &[(0, K::Started), (0, K::Succeeded), (1, K::Started), (1, K::Failed)]).expect("legal");
        assert!(!choices(&p, &[false, true], Some(1)).contains(&Choice::Undo));
        assert_eq!(choices(&p, &[false, true], None), [Choice::Retry, Choice::Skip, Choice::Undo, Choice::HandOver]);
    }

    fn any_kind() -> impl Strategy<Value = K> {
        prop::sample::select(vec![
            K::Started,
            K::Succeeded,
            K::Failed,
            K::Skipped,
            K::CancelRequested,
            K::Cancelled,
            K::Retried,
            K::UndoRequested,
            K::UndoStarted,
            K::UndoFinished,
            K::UndoFailed,
            K::HandedOver,
        ])
    }

    proptest! {
        #[test]
        fn an_ended_operation_accepts_nothing_and_every_word_survives_storage(
            entries in prop::collection::vec((0usize..3, any_kind()), 0..60)
        ) {
            let mut p = Progress::new(3);
            for (step, kind) in entries {
                prop_assert_eq!(K::parse(kind.as_str()), Some(kind));
                let before = p.clone();
                let result = p.apply(step, kind);
                if !before.state.unfinished() {
                    prop_assert!(result.is_err());
                }
                if result.is_err() {
                    prop_assert_eq!(&before, &p);
                }
                prop_assert_eq!(O::parse(p.state.as_str()), Some(p.state));
                if p.state == O::Done {
                    prop_assert!(p.next_step().is_none());
                }
            }
        }
    }
}
