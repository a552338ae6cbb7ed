//! Steps of a plan, before and while they run. Invariant: `Run` merges the page's first answer with the stream's
//! messages in any order and any number; what it makes of them is tested here without a browser.

mod list;

pub(crate) use list::step_list;

use super::badge::Tone;
use leptos::prelude::*;
use quorate_domain::{
    Action, Role, Scope, Timestamp, access,
    live::LiveMessage,
    operation::{
        Choice, Counted, LogEntry, LogKind, OperationDetail, OperationState, OutputLine, Progress, StepState, choices,
    },
    plan::Question,
};

/// The most lines of output of one step that are kept on the page.
const LINES_KEPT: usize = 500;
/// Lines in which a step said how far it is; among them it may have said something else.
const LATELY: usize = 5;

/// An operation as this tab knows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) detail: OperationDetail,
    role: Role,
}

impl Run {
    /// Starts from the page's answer; `role` decides which choices are shown.
    pub(crate) fn new(detail: OperationDetail, role: Role) -> Self {
        Self { detail, role }
    }

    /// Takes a message over; whether anything but output changed.
    pub(crate) fn apply(&mut self, message: &LiveMessage) -> bool {
        let LiveMessage::Operation { summary, steps, entry } = message else { return false };
        if summary.id != self.detail.summary.id || summary.updated_at < self.detail.summary.updated_at {
            return false;
        }
        self.detail.summary = summary.clone();
        self.detail.soaked = summary.soaked;
        self.detail.steps.clone_from(steps);
        if let Some(entry) = entry
            && self.detail.log.last().is_none_or(|last| last.seq < entry.seq)
        {
            self.detail.log.push(entry.clone());
        }
        self.detail.choices = self.choices();
        true
    }

    fn choices(&self) -> Vec<Choice> {
        let progress = Progress { state: self.detail.summary.state, steps: self.detail.steps.clone() };
        let skippable: Vec<bool> = self.detail.plan.steps.iter().map(|step| step.skippable).collect();
        choices(&progress, &skippable, self.detail.plan.point_of_no_return)
            .into_iter()
            .filter(|choice| access::allows(self.role, needed(*choice), &Scope::Global))
            .collect()
    }

    /// What a person is asked now, if the next step waits for one.
    pub(crate) fn question(&self) -> Option<&Question> {
        let progress = Progress { state: self.detail.summary.state, steps: self.detail.steps.clone() };
        self.detail.plan.steps.get(progress.next_step()?)?.waits.as_ref()
    }

    /// The newest line of output that is known, for the stream to go on from.
    pub(crate) fn last_line(&self) -> i64 {
        self.detail.output.last().map_or(0, |line| line.seq)
    }
}

/// Which action a choice is.
pub(crate) fn needed(choice: Choice) -> Action {
    match choice {
        Choice::Retry | Choice::Cancel => Action::SteerOperations,
        Choice::Proceed | Choice::Skip | Choice::Undo | Choice::HandOver => Action::OverrideOperations,
    }
}

/// Adds `new` lines to `lines`, without those already there; drops the oldest beyond what is kept.
pub(crate) fn add_lines(lines: &mut Vec<OutputLine>, new: impl IntoIterator<Item = OutputLine>) {
    for line in new {
        if lines.last().is_none_or(|last| last.seq < line.seq) {
            lines.push(line);
        }
    }
    if lines.len() > LINES_KEPT {
        lines.drain(..lines.len() - LINES_KEPT);
    }
}

/// How far a step is, from what it said last.
pub(crate) fn counted(lines: &[OutputLine]) -> Option<Counted> {
    lines.iter().rev().take(LATELY).find_map(|line| Counted::read(&line.text))
}

/// When `step` last began and, unless it goes on, ended.
pub(crate) fn times(log: &[LogEntry], step: u32) -> Option<(Timestamp, Option<Timestamp>)> {
    let mut times = None;
    for entry in log.iter().filter(|entry| entry.step == step) {
        match (entry.kind, times) {
            // A crash shows as a second start of the same step: it goes on since the first.
            (LogKind::Started | LogKind::UndoStarted, Some((_, None))) => {}
            (LogKind::Started | LogKind::UndoStarted, _) => times = Some((entry.at, None)),
            (
                LogKind::Succeeded | LogKind::Failed | LogKind::Cancelled | LogKind::UndoFinished | LogKind::UndoFailed,
                Some((from, None)),
            ) => {
                times = Some((from, Some(entry.at)));
            }
            _ => {}
        }
    }
    times
}

/// How a step's state is shown.
pub(crate) fn step_words(state: StepState) -> (Tone, &'static str) {
    match state {
        StepState::Waiting => (Tone::Quiet, "waiting"),
        StepState::Running => (Tone::Busy, "running"),
        StepState::Done => (Tone::Ok, "done"),
        StepState::Failed => (Tone::Bad, "failed"),
        StepState::Stopped => (Tone::Risk, "stopped halfway"),
        StepState::Skipped => (Tone::Info, "skipped"),
        StepState::Undoing => (Tone::Busy, "being undone"),
        StepState::Undone => (Tone::Quiet, "undone"),
        StepState::UndoFailed => (Tone::Bad, "undo failed"),
    }
}

/// How an operation's state is shown.
pub(crate) fn state_words(state: OperationState) -> &'static str {
    match state {
        OperationState::Running => "Running",
        OperationState::Cancelling => "Stops as soon as it can",
        OperationState::Waiting => "Waits for a person",
        OperationState::Stuck => "Stuck: needs a person",
        OperationState::Undoing => "Being undone",
        OperationState::Done => "Done",
        OperationState::Unwound => "Undone",
        OperationState::HandedOver => "Handed over",
    }
}

/// The signals that a step list of a running operation reads.
#[derive(Clone)]
pub(crate) struct RunSignals {
    pub(crate) run: RwSignal<Run>,
    /// Output of each step.
    pub(crate) output: Vec<RwSignal<Vec<OutputLine>>>,
}

impl RunSignals {
    /// Splits the first answer's output by step.
    pub(crate) fn new(run: Run) -> Self {
        let output = (0..run.detail.plan.steps.len())
            .map(|step| {
                let mut lines = Vec::new();
                let of_step = run.detail.output.iter().filter(|line| line.step as usize == step);
                add_lines(&mut lines, of_step.cloned());
                RwSignal::new(lines)
            })
            .collect();
        Self { run: RwSignal::new(run), output }
    }

    /// Takes a message over.
    pub(crate) fn apply(&self, message: &LiveMessage) {
        if let LiveMessage::Output { operation, lines } = message {
            if self.run.with_untracked(|run| run.detail.summary.id == *operation) {
                for (step, signal) in self.output.iter().enumerate() {
                    let new: Vec<OutputLine> = lines.iter().filter(|l| l.step as usize == step).cloned().collect();
                    if !new.is_empty() {
                        signal.update(|lines| add_lines(lines, new));
                    }
                }
            }
        } else if matches!(message, LiveMessage::Operation { .. }) {
            self.run.maybe_update(|run| run.apply(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{OperationId, operation::OperationSummary, plan::OperationClass};
    use {LogKind as K, OperationState as O, StepState as S};

    fn summary(state: O, at: i64) -> OperationSummary {
        OperationSummary {
            id: OperationId::from_random([1; 10]),
            kind: "install_cluster".into(),
            title: "Install demo".into(),
            state,
            cluster: None,
            actor: "anna".into(),
            started_at: Timestamp(0),
            updated_at: Timestamp(at),
            steps_done: 0,
            steps_total: 2,
            current: String::new(),
            reason: String::new(),
            soaked: None,
        }
    }

    fn run(role: Role) -> Run {
        let detail = OperationDetail {
            summary: summary(O::Running, 10),
            plan: quorate_domain::plan::PlanView { point_of_no_return: None, ..crate::sample::plan() },
            steps: vec![S::Running, S::Waiting],
            log: vec![entry(1, 0, K::Started)],
            output: Vec::new(),
            choices: vec![Choice::Cancel],
            class: OperationClass::Dangerous,
            soaked: None,
        };
        Run::new(detail, role)
    }

    fn entry(seq: u32, step: u32, kind: K) -> LogEntry {
        LogEntry { seq, at: Timestamp(i64::from(seq) * 1000), step, kind, detail: String::new() }
    }

    fn moved(state: O, at: i64, steps: [S; 2], entry: Option<LogEntry>) -> LiveMessage {
        LiveMessage::Operation { summary: summary(state, at), steps: steps.into(), entry }
    }

    #[test]
    fn an_older_message_changes_nothing() {
        let mut run = run(Role::Admin);
        assert!(run.apply(&moved(O::Running, 20, [S::Done, S::Running], Some(entry(2, 0, K::Succeeded)))));
        let before = run.clone();
        assert!(!run.apply(&moved(O::Running, 15, [S::Running, S::Waiting], None)));
        assert_eq!(run, before);
    }

    #[test]
    fn a_failure_offers_what_the_role_may_press() {
        let failed = moved(O::Stuck, 30, [S::Done, S::Failed], Some(entry(4, 1, K::Failed)));
        let offered = |role| {
            let mut run = run(role);
            run.apply(&failed);
            run.detail.choices
        };
        assert_eq!(offered(Role::Admin), [Choice::Retry, Choice::Skip, Choice::Undo, Choice::HandOver]);
        assert_eq!(offered(Role::Operator), [Choice::Retry]);
        assert!(offered(Role::Viewer).is_empty());
    }

    #[test]
    fn an_entry_that_came_twice_is_logged_once() {
        let mut run = run(Role::Viewer);
        for _ in 0..2 {
            run.apply(&moved(O::Running, 20, [S::Done, S::Running], Some(entry(2, 0, K::Succeeded))));
        }
        assert_eq!(run.detail.log.len(), 2);
    }

    #[test]
    fn replayed_output_is_not_doubled_and_old_output_makes_room() {
        let line = |seq| OutputLine { seq, at: Timestamp(0), step: 0, host: String::new(), text: String::new() };
        let mut lines: Vec<OutputLine> = Vec::new();
        add_lines(&mut lines, (1..=3).map(line));
        add_lines(&mut lines, (2..=4).map(line));
        assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
        add_lines(&mut lines, (5..=2000).map(line));
        assert_eq!((lines.len(), lines[0].seq), (LINES_KEPT, 2001 - LINES_KEPT as i64));
    }

    #[test]
    fn how_far_a_step_is_is_what_it_said_last() {
        let line =
            |seq, text: &str| OutputLine { seq, at: Timestamp(0), step: 0, host: String::new(), text: text.into() };
        let mut lines = vec![line(1, "put: 100 of 900"), line(2, "put: 200 of 900"), line(3, "silence; looking again")];
        assert_eq!(counted(&lines).map(|c| (c.done, c.of)), Some((200, 900)));
        lines.extend((4..9).map(|seq| line(seq, "silence; looking again")));
        assert_eq!(counted(&lines), None, "that was long ago");
    }

    #[test]
    fn a_step_that_was_resumed_counts_from_its_first_start() {
        let log =
            [entry(1, 0, K::Started), entry(5, 0, K::Started), entry(7, 0, K::Succeeded), entry(8, 1, K::Started)];
        assert_eq!(times(&log, 0), Some((Timestamp(1000), Some(Timestamp(7000)))));
        assert_eq!(times(&log, 1), Some((Timestamp(8000), None)));
        assert_eq!(times(&log, 2), None);
    }
}
