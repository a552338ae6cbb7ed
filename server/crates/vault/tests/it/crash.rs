//! A console that dies, and a disk that ends, leave nothing that looks like a snapshot.

use crate::support::{chunks, files, folder, local, names, noise};
use quorate_testkit::{etcd::PATIENCE, until::until};
use quorate_vault::{Shape, VaultError};
use std::{
    path::Path,
    process::{Command, Output},
};

const DIR: &str = "QUORATE_VAULT_CRASH_DIR";
const NAME: &str = "20261123-181702-billing-etcd-backup.db";
/// More than the disk of the second child takes.
const BYTES: usize = 6 * 1024 * 1024;

fn child(test: &str, dir: &Path, limits: &str) -> Output {
    // The shell sets limits that the test then inherits; its arguments are no text of it.
    let script = format!("{limits} exec \"$@\"");
    let binary = std::env::current_exe().expect("this test");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(binary).args(["--exact", "--nocapture", test]).env(DIR, dir);
    command.output().expect("a child")
}

/// Not a test by itself: the process that dies when all is written and nothing has its name.
#[tokio::test]
async fn dying_child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let vault = local(Path::new(&dir));
    let mut writer = vault.writer(NAME, Shape::Other, None).await.unwrap();
    writer.write(noise(BYTES)).await.unwrap();
    let part = Path::new(&dir).join(format!("{NAME}.part"));
    let written = async || part.metadata().is_ok_and(|meta| meta.len() == BYTES as u64);
    until(PATIENCE, "all is written", written).await;
    std::process::abort();
}

#[tokio::test]
async fn a_console_killed_before_the_rename_leaves_a_part_that_cleaning_removes() {
    let dir = folder();
    assert!(!child("crash::dying_child", dir.path(), "ulimit -c 0;").status.success());
    let vault = local(dir.path());
    let part = format!("{NAME}.part");
    assert_eq!((files(dir.path()), names(&vault).await), (vec![part.clone()], vec![]));
    assert_eq!(vault.clean().await.unwrap(), [part]);
    assert_eq!(files(dir.path()), [""; 0]);
}

/// Not a test by itself: the process whose files may not grow beyond 2 MiB. The kernel ends the write as it does on a full disk.
#[tokio::test]
async fn child_on_a_full_disk() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let vault = local(Path::new(&dir));
    let error = vault.put(NAME, Shape::Other, None, chunks(&noise(BYTES), 32 * 1024)).await.unwrap_err();
    assert!(matches!(error, VaultError::Full { .. }), "{error}");
    assert!(error.to_string().contains("is full"), "{error}");
    assert_eq!(files(Path::new(&dir)), [""; 0]);
    println!("told and cleaned");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_left() {
    let dir = folder();
    let ended = child("crash::child_on_a_full_disk", dir.path(), "trap '' XFSZ; ulimit -f 2048;");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("told and cleaned"), "{said}");
    assert_eq!(files(dir.path()), [""; 0]);
}
