//! Keeps etcd on a host from starting, whoever asks for it: a person, systemd, a reboot. Invariant: hold and drop-in lie in one
//! directory, so that no file system that is mounted late, or not at all, can show one without the other; the unit itself stays
//! as it is.

use super::Part;
use crate::effect::{Action, Condition, Effect, Run};

/// What lies beside the hold and says so to whoever finds it.
const WORDS: &str = "Written by Quorate: etcd on this host must not start before all members of its cluster are ready.\n\
                     The operation that wrote this removes it. By hand: remove it, then start the unit.\n";

fn directory(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}.d")
}

/// While this file is there, the unit does not start. Removing it lifts the hold, without a reload.
pub fn hold_path(unit: &str) -> String {
    format!("{}/quorate-hold", directory(unit))
}

fn drop_in_path(unit: &str) -> String {
    format!("{}/quorate-hold.conf", directory(unit))
}

/// Holds the unit; one that runs goes on until it is stopped.
pub fn hold(unit: &str) -> Vec<Action> {
    let (directory, held, drop_in) = (directory(unit), hold_path(unit), drop_in_path(unit));
    let condition = format!("ConditionPathExists=!{held}");
    let put = |path: &str, content: String| Effect::PutFile {
        path: path.into(),
        owner: "root".into(),
        group: "root".into(),
        mode: 0o644,
        content,
        before: None,
    };
    vec![
        Run::new(["mkdir", "--parents", &directory]).into(),
        put(&held, WORDS.into()).into(),
        put(&drop_in, format!("[Unit]\n{condition}\n")).into(),
        // The names too must outlive a power cut.
        Run::new(["sync", &directory]).into(),
        Run::new(["systemctl", "daemon-reload"]).into(),
        Effect::Guard {
            condition: Condition::Prints {
                argv: ["systemctl", "cat", unit].map(str::to_owned).to_vec(),
                text: format!("{condition}\n"),
            },
            otherwise: format!("systemd does not read {drop_in} for {unit}: undo, and look at how the unit is named"),
        }
        .into(),
    ]
}

/// Lifts it. The unit is left as it is, so one that does not run has to be started.
pub fn lift(unit: &str) -> Vec<Action> {
    let (directory, held, drop_in) = (directory(unit), hold_path(unit), drop_in_path(unit));
    vec![
        Run::new(["rm", "-f", &held, &drop_in]).into(),
        Action::from(Run::new(["rmdir", "--ignore-fail-on-non-empty", &directory]))
            .unless(Condition::absent(&directory)),
        Run::new(["systemctl", "daemon-reload"]).into(),
    ]
}

/// Holds the unit; undo lifts it and starts the unit if it ran before.
pub fn hold_part(unit: &str, ran: bool) -> Part {
    let mut undo = lift(unit);
    if ran {
        undo.extend(start(unit));
    }
    Part { actions: hold(unit), undo }
}

/// Starts the unit without waiting for it: members of a cluster wait for each other.
pub fn start(unit: &str) -> Vec<Action> {
    vec![
        Run::new(["systemctl", "reset-failed", unit]).also_ok(1).into(),
        Run::new(["systemctl", "start", "--no-block", unit]).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_lies_beside_the_drop_in_that_asks_for_it() {
        assert_eq!(hold_path("etcd.service"), "/etc/systemd/system/etcd.service.d/quorate-hold");
        let done = serde_json::to_string(&hold("etcd.service")).expect("json");
        assert!(done.contains("ConditionPathExists=!/etc/systemd/system/etcd.service.d/quorate-hold\\n"), "{done}");
        let at = |text: &str| done.find(text).expect("there");
        assert!(at("must not start") < at("[Unit]"), "the file is there before anything asks for it");
        assert!(at("sync") < at("daemon-reload"));
    }

    #[test]
    fn undo_lifts_before_it_starts_and_starts_only_what_ran() {
        let undo = |ran| format!("{:?}", hold_part("etcd.service", ran).undo);
        let (up, down) = (undo(true), undo(false));
        assert!(up.find("quorate-hold").expect("lifted") < up.find("\"start\"").expect("started"), "{up}");
        assert!(!down.contains("\"start\""), "{down}");
    }
}
