//! The systemd unit. Invariant: members of a new cluster are started without waiting for each other (`Type=notify`
//! blocks until there is quorum; lab README, finding 1), and `reset-failed` comes before every start.

use super::Part;
use crate::effect::{Action, Condition, Effect, Run};

/// The guide's unit.
pub const UNIT: &str = "etcd.service";

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
        // A stop that failed must not go on to set member/ aside under a running etcd.
        undo: vec![
            Action::from(Run::new(stop.iter().copied()).within(120)).unless(not_there()),
            Run::new(["systemctl", "reset-failed", UNIT]).also_ok(1).into(),
        ],
    }
}

/// systemd knows no such unit.
fn not_there() -> Condition {
    let argv = ["systemctl", "show", "--property=LoadState", UNIT].map(str::to_owned).to_vec();
    Condition::Prints { argv, text: "LoadState=not-found".into() }
}

/// Waits until systemd calls the unit active, which etcd does once it serves.
pub fn wait_active(deadline_seconds: u32) -> Part {
    let condition = Condition::succeeds(["systemctl", "is-active", "--quiet", UNIT]);
    Part { actions: vec![Effect::Wait { condition, deadline_seconds }.into()], undo: Vec::new() }
}

/// What to print when the unit does not come up.
pub fn journal() -> Run {
    Run::new(["journalctl", "--unit", UNIT, "--lines", "25", "--no-pager", "--output", "cat"])
}

/// At undo, moves `member/` aside within the data directory (which may be a mount point); never deletes it.
pub fn set_member_aside(data_dir: &str, token: &str) -> Part {
    let member = format!("{data_dir}/member");
    let aside = format!("{data_dir}/aside-{token}");
    Part {
        actions: Vec::new(),
        undo: vec![
            Action::from(Run::new(["mkdir", "--parents", &aside])).unless(Condition::absent(&member)),
            Action::from(Run::new(["mv", "--no-target-directory", &member, &format!("{aside}/member")]))
                .unless(Condition::absent(&member)),
        ],
    }
}
