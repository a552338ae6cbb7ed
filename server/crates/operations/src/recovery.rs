//! What to do with the operations that an ended console left behind. Invariant: a pure function of the rows; carrying
//! it out lives in `engine`.

use quorate_domain::{OperationId, operation::OperationState};

/// One unfinished operation as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Id.
    pub id: OperationId,
    /// State.
    pub state: OperationState,
    /// Kind.
    pub kind: String,
    /// Version of the kind that made the plan.
    pub kind_version: u32,
}

/// What to do with one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recover {
    /// Go on: every step observes before it runs.
    Resume(OperationId),
    /// Rest as stuck: this console cannot know what the steps mean; the runbook is there.
    Rest(OperationId, String),
}

/// Decides for each unfinished row, given what this console knows (`known`: kind and version).
pub fn plan(rows: &[Unfinished], known: impl Fn(&str, u32) -> bool) -> Vec<Recover> {
    rows.iter()
        .filter(|row| row.state.active())
        .map(|row| {
            if known(&row.kind, row.kind_version) {
                Recover::Resume(row.id.clone())
            } else {
                Recover::Rest(
                    row.id.clone(),
                    format!(
                        "This console does not know version {} of {}; use its runbook, or start the console that made it",
                        row.kind_version, row.kind
                    ),
                )
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_ones_resume_unknown_ones_rest_and_resting_ones_are_left() {
        let row = |n: u8, state, kind: &str| Unfinished {
            id: OperationId::from_random([n; 10]),
            state,
            kind: kind.into(),
            kind_version: 1,
        };
        let rows = [
            row(1, OperationState::Running, "known"),
            row(2, OperationState::Undoing, "known"),
            row(3, OperationState::Cancelling, "other"),
            row(4, OperationState::Stuck, "other"),
            row(5, OperationState::Waiting, "known"),
        ];
        let decided = plan(&rows, |kind, version| kind == "known" && version == 1);
        assert_eq!(decided.len(), 3);
        assert_eq!(decided[0], Recover::Resume(rows[0].id.clone()));
        assert_eq!(decided[1], Recover::Resume(rows[1].id.clone()));
        assert!(matches!(&decided[2], Recover::Rest(id, _) if *id == rows[2].id));
    }
}
