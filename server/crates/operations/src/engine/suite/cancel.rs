//! Cancels: at the end of a step, within one, and by a console that dies over it. Every kind's plan goes through all of them.

use super::{Bench, Trouble, plans, undoable};
use quorate_domain::operation::{Choice, LogKind, OperationState, Progress, StepState};
use std::collections::BTreeSet;

impl Bench {
    /// Presses cancel while a step runs that waits for the test, and lets it go on until the operation rests or dies.
    async fn cancel_during(&self, trouble: Trouble) {
        let engine = self.engine(trouble, None);
        let press = async {
            self.paused.notified().await;
            self.press(&engine, Choice::Cancel).await;
            loop {
                self.go_on.notify_one();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { _death_or_rest = self.settle(&engine) => {}, () = press => {} }
    }

    /// Steps that have done something.
    fn begun(&self) -> BTreeSet<usize> {
        self.done().into_iter().map(|(step, _)| step).collect()
    }

    async fn step(&self, step: usize) -> StepState {
        let log = self.store.log(&self.id).await.expect("log");
        Progress::replay(self.plan.steps.len(), &log).expect("legal").steps[step]
    }

    async fn last_entry(&self) -> (usize, LogKind) {
        let log = self.store.log(&self.id).await.expect("log");
        log.last().map(|entry| (entry.step as usize, entry.kind)).expect("an entry")
    }
}

#[tokio::test]
async fn a_cancel_during_each_step_stops_at_its_boundary() {
    for plan in plans() {
        for step in 0..plan.steps.len() - 1 {
            let bench = Bench::new(plan.clone()).await;
            bench.cancel_during(Trouble::Pause(step)).await;
            assert_eq!(bench.state().await, OperationState::Stuck, "step {step}");
            assert_eq!(bench.begun(), (0..=step).collect(), "nothing after step {step} was begun");
            assert_eq!(bench.press_and_work(Choice::Retry, Trouble::None).await, OperationState::Done);
        }
    }
}

#[tokio::test]
async fn a_cancel_within_a_step_that_can_stop_rests_there_and_leaves_both_ways_open() {
    for plan in plans() {
        for step in 0..plan.steps.len() {
            let bench = Bench::new(plan.clone()).await;
            bench.cancel_during(Trouble::Within(step)).await;
            assert_eq!(bench.last_entry().await, (step, LogKind::Cancelled));
            assert_eq!(bench.step(step).await, StepState::Stopped);
            assert_eq!(bench.begun(), (0..=step).collect(), "nothing after step {step} was begun");
            assert_eq!(bench.press_and_work(Choice::Retry, Trouble::None).await, OperationState::Done);
            assert_eq!(bench.done(), bench.everything());
            if !undoable(&plan, step) {
                continue;
            }
            let bench = Bench::new(plan.clone()).await;
            bench.cancel_during(Trouble::Within(step)).await;
            assert_eq!(bench.press_and_work(Choice::Undo, Trouble::None).await, OperationState::Unwound);
            assert_eq!(bench.done(), BTreeSet::new(), "also what the stopped step had done");
        }
    }
}

#[tokio::test]
async fn a_console_that_dies_while_it_stops_within_a_step_rests_there_once_it_is_back() {
    for plan in plans() {
        for step in 0..plan.steps.len() {
            let bench = Bench::new(plan.clone()).await;
            bench.cancel_during(Trouble::DieWithin(step)).await;
            assert_eq!(bench.state().await, OperationState::Cancelling);
            assert_eq!(bench.work(Trouble::None, None).await, OperationState::Stuck);
            assert_eq!(bench.step(step).await, StepState::Stopped);
            assert_eq!(bench.begun(), (0..=step).collect(), "nothing more was begun");
            assert_eq!(bench.press_and_work(Choice::Retry, Trouble::None).await, OperationState::Done);
        }
    }
}
