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
            // Before a step begins; one that was let begin is not asked about again.
            (K::Paused, O::Running, S::Waiting) if self.next_step() == Some(step) => (S::Waiting, O::Waiting),
            // From here on it counts as begun, so that a console that dies before it logs the beginning does not ask twice.
            (K::Proceeded, O::Waiting, S::Waiting) if self.next_step() == Some(step) => (S::Running, O::Running),
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
            (K::UndoRequested, O::Stuck | O::Waiting, s) => (s, O::Undoing),
            (K::UndoStarted, O::Undoing, s) if s != S::Undone && self.next_undo() == Some(step) => {
                (S::Undoing, O::Undoing)
            }
            (K::UndoFinished, O::Undoing, S::Undoing) => {
                let last = self.steps.iter().enumerate().all(|(i, s)| i == step || matches!(s, S::Waiting | S::Undone));
                (S::Undone, if last { O::Unwound } else { O::Undoing })
            }
            (K::UndoFailed, O::Undoing, S::Undoing) => (S::UndoFailed, O::Stuck),
            (K::HandedOver, O::Stuck | O::Waiting, s) => (s, O::HandedOver),
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
    let passed =
        point_of_no_return.is_some_and(|p| progress.steps.iter().skip(p as usize).any(|&s| s != StepState::Waiting));
    match progress.state {
        OperationState::Running => vec![Choice::Cancel],
        OperationState::Waiting if passed => vec![Choice::Proceed, Choice::HandOver],
        OperationState::Waiting => vec![Choice::Proceed, Choice::Undo, Choice::HandOver],
        OperationState::Stuck => {
            let mut open = vec![Choice::Retry];
            let failed = progress.steps.iter().position(|&s| s == StepState::Failed);
            if failed.is_some_and(|i| skippable.get(i).copied().unwrap_or(false)) {
                open.push(Choice::Skip);
            }
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
            &[(0, K::Proceeded)],
            &[(1, K::Paused)],
            &[(0, K::Started), (0, K::Paused)],
            &[(0, K::Paused), (0, K::Started)],
            &[(0, K::Paused), (1, K::Proceeded)],
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

    #[test]
    fn a_step_that_waits_begins_once_a_person_says_so_and_can_be_taken_back_until_then() {
        let first = [(0, K::Started), (0, K::Succeeded), (1, K::Paused)];
        let p = run(2, &first).expect("legal");
        assert_eq!((p.state, p.state.unfinished(), p.state.active()), (O::Waiting, true, false));
        assert_eq!(choices(&p, &[], Some(1)), [Choice::Proceed, Choice::Undo, Choice::HandOver]);
        assert_eq!(choices(&p, &[], Some(0)), [Choice::Proceed, Choice::HandOver]);
        let back = [(1, K::UndoRequested), (0, K::UndoStarted), (0, K::UndoFinished)];
        assert_eq!(run(2, &[&first[..], &back].concat()).expect("legal").state, O::Unwound, "it never began");
        assert_eq!(run(2, &[&first[..], &[(1, K::HandedOver)]].concat()).expect("legal").state, O::HandedOver);
        // The console dies between the press and the beginning: the step is begun all the same, and not asked about again.
        let pressed = [&first[..], &[(1, K::Proceeded)]].concat();
        assert!(run(2, &[&pressed[..], &[(1, K::Paused)]].concat()).is_err());
        assert_eq!(run(2, &pressed).expect("legal").steps[1], StepState::Running);
        let end = [(1, K::Started), (1, K::Succeeded)];
        assert_eq!(run(2, &[&pressed[..], &end].concat()).expect("legal").state, O::Done);
        let failed = [(1, K::Started), (1, K::Failed), (1, K::Retried)];
        let p = run(2, &[&pressed[..], &failed].concat()).expect("legal");
        assert_eq!((p.state, p.steps[1]), (O::Running, StepState::Failed));
    }

    fn any_kind() -> impl Strategy<Value = K> {
        prop::sample::select(vec![
            K::Started,
            K::Succeeded,
            K::Failed,
            K::Paused,
            K::Proceeded,
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
                if before.state == O::Waiting && result.is_ok() {
                    prop_assert!(matches!(kind, K::Proceeded | K::UndoRequested | K::HandedOver));
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
