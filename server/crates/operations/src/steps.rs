//! Building blocks of steps that several kinds share: pure functions from wishes and facts to actions with their undo.
//! Invariant: no IO; every action is harmless to repeat, every undo puts back what the facts said was there.

pub mod accounts;
pub mod binaries;
pub mod files;
pub mod hold;
pub mod rescue;
pub mod restore;
pub mod service;

use crate::effect::{Action, Condition, Run};

/// Actions and what takes them back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// In order.
    pub actions: Vec<Action>,
    /// In the order in which undo runs them.
    pub undo: Vec<Action>,
}

impl Part {
    /// This part, then `next`; undo goes the other way round.
    #[must_use]
    pub fn then(mut self, next: Part) -> Part {
        self.actions.extend(next.actions);
        let mut undo = next.undo;
        undo.append(&mut self.undo);
        self.undo = undo;
        self
    }

    /// One command that needs no undo, and nothing once `condition` holds.
    pub fn run_unless(run: Run, condition: Condition) -> Part {
        Part { actions: vec![Action::from(run).unless(condition)], undo: Vec::new() }
    }

    /// One command that needs no undo.
    pub fn run(run: Run) -> Part {
        Part { actions: vec![run.into()], undo: Vec::new() }
    }
}

/// A note on the host that `step` of the operation with this token began to change it, and the condition under which it
/// never did: what a step found there and refused to touch is not its undo's to take away.
pub fn begun(token: &str, step: &str) -> (Part, Condition) {
    let dir = undo_dir(token);
    let note = format!("{dir}/begun-{step}");
    // One command, because each costs a round trip.
    let script = "install -d -m 0700 \"$1\" && : >>\"$2\" && sync \"$2\"";
    let part = Part {
        actions: vec![Run::new(["/bin/sh", "-c", script, "sh", &dir, &note]).into()],
        undo: vec![Run::new(["rm", "-f", &note]).into()],
    };
    (part, Condition::absent(&note))
}

/// Where the console keeps what it brings to a host and what it replaced there.
pub const HOST_DIR: &str = "/var/lib/quorate";

/// Where replaced files of the operation with this token are kept until nobody wants them back.
pub fn undo_dir(token: &str) -> String {
    format!("{HOST_DIR}/undo/{token}")
}

/// Where a restore with this token notes at which revision it began.
pub fn restored_note(token: &str) -> String {
    format!("{}/restored-at", undo_dir(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_never_began_leaves_no_note_and_has_nothing_to_undo() {
        let (part, never) = begun("tok", "write_files");
        assert_eq!(never, Condition::absent("/var/lib/quorate/undo/tok/begun-write_files"));
        let both = part.then(Part { actions: Vec::new(), undo: vec![Run::new(["undo"]).into()] });
        assert_eq!(both.undo.first(), Some(&Run::new(["undo"]).into()), "the note goes last");
        assert_eq!(both.undo.len(), 2);
    }

    #[test]
    fn undo_runs_backwards() {
        let part = |name: &str| Part {
            actions: vec![Run::new(["do", name]).into()],
            undo: vec![Run::new(["undo", name]).into()],
        };
        let both = part("a").then(part("b"));
        assert_eq!(both.actions, [part("a").actions, part("b").actions].concat());
        assert_eq!(both.undo, [part("b").undo, part("a").undo].concat());
    }
}
