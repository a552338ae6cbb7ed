//! An operation's life: states, the log's entries and which order of them is legal. Invariant: state follows from
//! the log alone (`progress`); the column in the database is a cache of it. Running lives in `operations`.

mod counted;
mod progress;

pub use counted::{Counted, thousands};
pub use progress::{Progress, choices};

use crate::{
    ids::{ClusterId, OperationId},
    plan::{OperationClass, PlanView},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Steps are being done.
    Running,
    /// Stops at the next step boundary, or sooner where a step is work on many keys.
    Cancelling,
    /// Rests: the next step begins only once a person says so; the choices are proceed, undo, hand over.
    Waiting,
    /// Rests: a step failed, or it was cancelled; the choices are retry, skip (where declared), undo, hand over.
    Stuck,
    /// Steps are being taken back.
    Undoing,
    /// Ended: everything was done and verified.
    Done,
    /// Ended: everything was taken back.
    Unwound,
    /// Ended: the rest was handed over to a person as a runbook.
    HandedOver,
}

impl OperationState {
    /// Whether claims are held.
    pub fn unfinished(self) -> bool {
        !matches!(self, Self::Done | Self::Unwound | Self::HandedOver)
    }

    /// Whether the runner works on it.
    pub fn active(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling | Self::Undoing)
    }

    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Waiting => "waiting",
            Self::Stuck => "stuck",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Unwound => "unwound",
            Self::HandedOver => "handed_over",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Running,
            Self::Cancelling,
            Self::Waiting,
            Self::Stuck,
            Self::Undoing,
            Self::Done,
            Self::Unwound,
            Self::HandedOver,
        ]
        .into_iter()
        .find(|s| s.as_str() == word)
    }
}

/// What one entry of the append-only log says. Written before its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A step begins (again).
    Started,
    /// A step is done.
    Succeeded,
    /// A step failed; the detail says why.
    Failed,
    /// The next step waits for a person; the detail says what is asked.
    Paused,
    /// A person let it begin.
    Proceeded,
    /// A person skipped a failed step.
    Skipped,
    /// A person asked to stop at the next boundary, or within the step where that can be.
    CancelRequested,
    /// The stop happened.
    Cancelled,
    /// A person chose to go on.
    Retried,
    /// A person chose to take everything back.
    UndoRequested,
    /// Taking one step back begins.
    UndoStarted,
    /// One step was taken back.
    UndoFinished,
    /// Taking one step back failed.
    UndoFailed,
    /// A person took the rest as a runbook.
    HandedOver,
}

impl LogKind {
    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Proceeded => "proceeded",
            Self::Skipped => "skipped",
            Self::CancelRequested => "cancel_requested",
            Self::Cancelled => "cancelled",
            Self::Retried => "retried",
            Self::UndoRequested => "undo_requested",
            Self::UndoStarted => "undo_started",
            Self::UndoFinished => "undo_finished",
            Self::UndoFailed => "undo_failed",
            Self::HandedOver => "handed_over",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Started,
            Self::Succeeded,
            Self::Failed,
            Self::Paused,
            Self::Proceeded,
            Self::Skipped,
            Self::CancelRequested,
            Self::Cancelled,
            Self::Retried,
            Self::UndoRequested,
            Self::UndoStarted,
            Self::UndoFinished,
            Self::UndoFailed,
            Self::HandedOver,
        ]
        .into_iter()
        .find(|k| k.as_str() == word)
    }
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// Rising within the operation, from 1.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// The step it is about; for entries about the whole operation the next step.
    pub step: u32,
    /// What.
    pub kind: LogKind,
    /// Reason of a failure, or who pressed; in words.
    pub detail: String,
}

/// How one step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    #[default]
    Waiting,
    /// Begun, not known to have ended.
    Running,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Begun, and stopped before its end because somebody cancelled.
    Stopped,
    /// Skipped by a person.
    Skipped,
    /// Being taken back.
    Undoing,
    /// Taken back.
    Undone,
    /// Taking it back failed.
    UndoFailed,
}

/// What a person may press now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Let the step begin that waits for it.
    Proceed,
    /// Go on (or try the failed step again).
    Retry,
    /// Leave the failed step out.
    Skip,
    /// Take everything back.
    Undo,
    /// Stop at the next step boundary, or within the step where it is work on many keys.
    Cancel,
    /// End here; the rest is a runbook.
    HandOver,
}

impl Choice {
    /// All choices.
    pub const ALL: [Choice; 6] =
        [Choice::Proceed, Choice::Retry, Choice::Skip, Choice::Undo, Choice::Cancel, Choice::HandOver];

    /// As it stands in the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Choice::Proceed => "proceed",
            Choice::Retry => "retry",
            Choice::Skip => "skip",
            Choice::Undo => "undo",
            Choice::Cancel => "cancel",
            Choice::HandOver => "hand-over",
        }
    }

    /// Reads the URL's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == word)
    }
}

/// An operation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationSummary {
    /// Id.
    pub id: OperationId,
    /// Kind.
    pub kind: String,
    /// Title of its plan.
    pub title: String,
    /// State.
    pub state: OperationState,
    /// The cluster it is about, once there is one.
    pub cluster: Option<ClusterId>,
    /// Who started it.
    pub actor: String,
    /// When.
    pub started_at: Timestamp,
    /// When it came to its last state.
    pub updated_at: Timestamp,
    /// Steps done or skipped.
    pub steps_done: u32,
    /// Steps in all.
    pub steps_total: u32,
    /// Title of the step it is at.
    pub current: String,
    /// Why it is stuck, or what it waits for; empty otherwise.
    pub reason: String,
    /// Whether the result held for 30 s after `done`; none while that is open.
    #[serde(default)]
    pub soaked: Option<bool>,
}

/// An operation in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationDetail {
    /// The row of the list.
    pub summary: OperationSummary,
    /// The reviewed plan.
    pub plan: PlanView,
    /// State of each step.
    pub steps: Vec<StepState>,
    /// The log.
    pub log: Vec<LogEntry>,
    /// Output so far, oldest first.
    pub output: Vec<OutputLine>,
    /// What this actor may press.
    pub choices: Vec<Choice>,
    /// How it can harm.
    pub class: OperationClass,
    /// Whether the result held for 30 s after `done`; none before that.
    pub soaked: Option<bool>,
}

/// One line a step printed or the runner noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutputLine {
    /// Rising within the operation.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// The step.
    pub step: u32,
    /// Host name, or empty.
    pub host: String,
    /// The text, redacted, at most 4 KiB.
    pub text: String,
}
