//! The systemd unit. Invariant: members of a new cluster are started without waiting for each other (`Type=notify`
//! blocks until there is quorum; lab README, finding 1), and `reset-failed` comes before every start.

use super::Part;
use crate::effect::{Action, Condition, Effect, Run};
use quorate_domain::cluster::GUIDES_UNIT;

/// The guide's unit.
pub const UNIT: &str = GUIDES_UNIT;

/// Around `files` of the unit: systemd reads them once they are written, and again once undo has put the old ones back.
pub fn reload_around(files: Part) -> Part {
    let reload = || Action::from(Run::new(["systemctl", "daemon-reload"]));
    let mut part = files;
    part.actions.push(reload());
    part.undo.push(reload());
    part
}

/// Enables and starts the unit without waiting for it; undo stops it and disables it unless it was enabled before.
pub fn enable_and_start(was_enabled: bool) -> Part {
    let stop: &[&str] =
        if was_enabled { &["systemctl", "stop", UNIT] } else { &["systemctl", "disable", "--now", UNIT] };
    Part {
        actions: vec![
            Run::new(["systemctl", "reset-failed", UNIT]).also_ok(1).into(),
            // Without a reload: the unit was loaded after its files were written, and the link matters at boot only.
            Run::new(["systemctl", "enable", "--no-reload", UNIT]).into(),
            Run::new(["systemctl", "start", "--no-block", UNIT]).into(),
        ],
        undo: stopped(UNIT, stop),
    }
}

/// systemd knows no such unit.
fn not_there(unit: &str) -> Condition {
    let argv = ["systemctl", "show", "--property=LoadState", unit].map(str::to_owned).to_vec();
    Condition::Prints { argv, text: "LoadState=not-found".into() }
}

/// Starts the unit without waiting for it, unless it is starting or up already; whoever enabled it takes it back.
pub fn start() -> Part {
    Part {
        actions: vec![
            Run::new(["systemctl", "reset-failed", UNIT]).also_ok(1).into(),
            Run::new(["systemctl", "start", "--no-block", UNIT]).into(),
        ],
        undo: Vec::new(),
    }
}

/// Waits until systemd calls the unit active, which etcd does once it serves.
pub fn wait_active(deadline_seconds: u32) -> Part {
    let condition = Condition::succeeds(["systemctl", "is-active", "--quiet", UNIT]);
    Part { actions: vec![Effect::Wait { condition, deadline_seconds }.into()], undo: Vec::new() }
}

/// What to print when the unit does not come up.
pub fn journal(unit: &str) -> Run {
    Run::new(["journalctl", "--unit", unit, "--lines", "25", "--no-pager", "--output", "cat"])
}

/// Stops the unit, keeps it from coming back at boot, and moves `member/` aside; for good unless undo is added.
pub fn lay_to_rest(unit: &str, data_dir: &str, token: &str) -> Part {
    let mut actions = stopped(unit, &["systemctl", "disable", "--now", unit]);
    actions.extend(member_aside(data_dir, token));
    Part { actions, undo: Vec::new() }
}

/// Stops the unit by `stop`, if there is one. A stop that failed must not go on to set member/ aside under a running etcd.
fn stopped(unit: &str, stop: &[&str]) -> Vec<Action> {
    vec![
        Action::from(Run::new(stop.iter().copied()).within(120)).unless(not_there(unit)),
        Run::new(["systemctl", "reset-failed", unit]).also_ok(1).into(),
    ]
}

/// Moves `member/` of a stopped etcd aside within the data directory (which may be a mount point); never deletes it.
fn member_aside(data_dir: &str, token: &str) -> Vec<Action> {
    let member = format!("{data_dir}/member");
    let aside = format!("{data_dir}/aside-{token}");
    vec![
        Action::from(Run::new(["mkdir", "--parents", &aside])).unless(Condition::absent(&member)),
        Action::from(Run::new(["mv", "--no-target-directory", &member, &format!("{aside}/member")]))
            .unless(Condition::absent(&member)),
    ]
}

/// Puts `member/` back that was moved aside, and starts the unit for good again. The parent directory is kept.
pub fn bring_member_back(unit: &str, data_dir: &str, token: &str) -> Vec<Action> {
    let (member, aside) = (format!("{data_dir}/member"), format!("{data_dir}/aside-{token}/member"));
    vec![
        Action::from(Run::new(["mv", "--no-target-directory", &aside, &member])).unless(Condition::absent(&aside)),
        Run::new(["systemctl", "reset-failed", unit]).also_ok(1).into(),
        // Members of a cluster wait for each other at their start.
        Action::from(Run::new(["systemctl", "enable", unit])).unless(not_there(unit)),
        Action::from(Run::new(["systemctl", "start", "--no-block", unit])).unless(not_there(unit)),
    ]
}

/// At undo, moves `member/` aside.
pub fn set_member_aside(data_dir: &str, token: &str) -> Part {
    Part { actions: Vec::new(), undo: member_aside(data_dir, token) }
}
