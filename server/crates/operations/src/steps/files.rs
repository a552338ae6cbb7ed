//! Files and directories on a host. Invariant: what was there before is kept beside until undo or a person removes it.

use super::{Part, undo_dir};
use crate::effect::{Action, Condition, Effect, Run};

/// Who owns a file or directory and what its mode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Owner.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
}

impl Ownership {
    /// `owner:group` with `mode`.
    pub fn new(owner: &str, group: &str, mode: u32) -> Self {
        Self { owner: owner.into(), group: group.into(), mode }
    }
}

/// Keeps a copy of `path` before it is replaced; undo brings the copy back.
pub fn keep(path: &str, token: &str) -> Part {
    let dir = undo_dir(token);
    let kept = kept_path(path, token);
    // Whole or not at all: a copy that a full disk cut short must never count as what was there.
    let part = format!("{kept}.part");
    let once = |argv: &[&str]| Action::from(Run::new(argv.iter().copied())).unless(Condition::exists(&kept));
    Part {
        actions: vec![
            Run::new(["install", "-d", "-m", "0700", &dir]).into(),
            once(&["cp", "--archive", "--remove-destination", path, &part]),
            once(&["sync", &part]),
            once(&["mv", "--no-target-directory", &part, &kept]),
        ],
        undo: vec![
            Action::from(Run::new(["cp", "--archive", "--remove-destination", &kept, path]))
                .unless(Condition::absent(&kept)),
        ],
    }
}

/// Where [`keep`] puts the copy.
pub fn kept_path(path: &str, token: &str) -> String {
    format!("{}/{}", undo_dir(token), path.trim_start_matches('/').replace('/', "%"))
}

/// Writes a file; `before` is its content now, if it is there. Undo restores or removes it.
pub fn put(path: &str, who: &Ownership, content: &str, before: Option<&str>, token: &str) -> Part {
    let write: Action = Effect::PutFile {
        path: path.into(),
        owner: who.owner.clone(),
        group: who.group.clone(),
        mode: who.mode,
        content: content.into(),
        before: before.map(str::to_owned),
    }
    .into();
    let write = Part { actions: vec![write], undo: Vec::new() };
    match before {
        Some(_) => keep(path, token).then(write),
        None => Part { undo: vec![Run::new(["rm", "-f", path]).into()], ..write },
    }
}

/// Makes a directory or gives an existing one this ownership; `before` is what it has now. Undo removes it if it was
/// not there and is empty, or gives it its ownership back.
pub fn directory(path: &str, who: &Ownership, before: Option<&Ownership>) -> Part {
    let mode = |bits: u32| format!("{bits:04o}");
    let make = Run::new(["install", "-d", "-o", &who.owner, "-g", &who.group, "-m", &mode(who.mode), path]);
    let undo = match before {
        Some(was) if was == who => Vec::new(),
        Some(was) => vec![
            Run::new(["chown", &format!("{}:{}", was.owner, was.group), path]).into(),
            Run::new(["chmod", &mode(was.mode), path]).into(),
        ],
        None => {
            vec![Action::from(Run::new(["rmdir", "--ignore-fail-on-non-empty", path])).unless(Condition::absent(path))]
        }
    };
    Part { actions: vec![make.into()], undo }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_removed_by_undo_and_an_old_one_comes_back() {
        let who = Ownership::new("etcd", "etcd", 0o644);
        let new = put("/etc/etcd/etcd.conf", &who, "x", None, "tok");
        assert_eq!(new.undo, [Action::from(Run::new(["rm", "-f", "/etc/etcd/etcd.conf"]))]);
        let old = put("/etc/etcd/etcd.conf", &who, "x", Some("y"), "tok");
        assert_eq!(old.actions.len(), 5, "kept whole before it is written");
        assert!(format!("{:?}", old.undo).contains("etc%etcd%etcd.conf"));
    }

    #[test]
    fn a_directory_that_was_right_is_left_alone_by_undo() {
        let who = Ownership::new("etcd", "etcd", 0o700);
        assert!(directory("/var/lib/etcd", &who, Some(&who)).undo.is_empty());
        assert_eq!(directory("/var/lib/etcd", &who, Some(&Ownership::new("root", "root", 0o755))).undo.len(), 2);
    }
}
