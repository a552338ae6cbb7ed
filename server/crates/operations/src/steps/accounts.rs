//! The user that etcd runs as. Invariant: an existing user is reused as it is; one that the operation made goes at
//! undo only when none of its files are left in the data directory.

use super::{Part, files::Ownership};
use crate::effect::{Action, Condition, Run};

/// The guide's user.
pub const USER: &str = "etcd";

/// A file or directory of that user and its group.
pub fn own(mode: u32) -> Ownership {
    Ownership::new(USER, USER, mode)
}

/// Makes the user and its group unless they are there (`existed` at planning).
pub fn etcd_user(existed: bool, data_dir: &str) -> Part {
    let make =
        Run::new(["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]);
    let there = Condition::succeeds(["id", "-u", USER]);
    let remove = Action::from(Run::new(["userdel", USER]).also_ok(6)).unless(Condition::exists(data_dir));
    Part { actions: vec![Action::from(make).unless(there)], undo: if existed { Vec::new() } else { vec![remove] } }
}
