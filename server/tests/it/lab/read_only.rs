//! A data directory that cannot be written. The tests run as root, whom permissions do not stop, so it is a mount that
//! is read-only; making one takes the rights that the lab takes, and that is all this has to do with the lab.

use crate::support::PASSWORD;
use std::{
    io::Write,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs the binary in a mount namespace of its own in which `dir` is read-only.
fn quorate_read_only(dir: &Path, args: &[&str]) -> Output {
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec timeout 30 \"$@\"";
    let root = std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.args(["-n", "env"]);
    }
    command.args(["unshare", "--mount", "sh", "-c", script, "sh"]).arg(dir);
    command.arg(env!("CARGO_BIN_EXE_quorate")).args(args).arg("--data-dir").arg(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("run");
    let mut stdin = child.stdin.take().expect("stdin");
    // Who does not come as far as asking for the password closes the pipe: that is no fault.
    let _ = stdin.write_all(PASSWORD.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("wait")
}

#[test]
fn a_data_directory_that_is_read_only_is_named_and_nothing_starts() {
    let commands: [&[&str]; 3] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["migrate"],
        &["user", "add", "--name", "anna", "--role", "admin", "--password-stdin"],
    ];
    let (empty, used) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
    let migrate = |dir: &Path| {
        let done = Command::new(env!("CARGO_BIN_EXE_quorate")).args(["migrate", "--data-dir"]).arg(dir).output();
        assert!(done.expect("run").status.success());
    };
    migrate(used.path());
    for dir in [empty.path(), used.path()] {
        for args in commands {
            let output = quorate_read_only(dir, args);
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{args:?}: {words}");
            assert_eq!(
                words, "quorate: the database is read-only; check the data directory's owner, permissions and mount\n",
                "{args:?}"
            );
        }
        migrate(dir);
    }
}
