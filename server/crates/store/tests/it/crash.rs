//! A process that dies leaves what was committed and nothing else.

use crate::{
    people::audit,
    support::{Fixture, open, operation, operation_id, user},
};
use quorate_domain::{Timestamp, operation::LogKind};
use quorate_store::DataDirLock;
use std::{path::Path, process::Command};

const DIR: &str = "QUORATE_STORE_CRASH_DIR";

/// Not a test by itself: the process that dies.
#[tokio::test]
async fn crashing_child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    let _lock = DataDirLock::acquire(dir).unwrap();
    let store = open(dir).await;
    let mut tx = store.begin().await.unwrap();
    tx.insert_user(&user("committed")).await.unwrap();
    tx.insert_operation(&operation("committed", "demo", &[])).await.unwrap();
    tx.insert_audit(&audit("committed", "operation.start")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.insert_user(&user("lost")).await.unwrap();
    tx.append_log(&operation_id("committed"), 0, LogKind::Started, "", Timestamp(1)).await.unwrap();
    std::process::abort();
}

#[tokio::test]
async fn a_killed_process_leaves_what_was_committed_and_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::crashing_child"])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    assert!(!child.status.success());
    let _lock = DataDirLock::acquire(dir.path()).unwrap();
    let store = open(dir.path()).await;
    let names: Vec<_> = store.users().await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["committed"]);
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
    assert!(store.log(&operation_id("committed")).await.unwrap().is_empty());
    assert_eq!(store.unfinished_operations().await.unwrap().len(), 1);
    store.ready().await.unwrap();
}

#[tokio::test]
async fn a_dropped_change_leaves_nothing_and_frees_the_writer() {
    let f = Fixture::new().await;
    for _ in 0..3 {
        let mut tx = f.store.begin().await.unwrap();
        tx.insert_user(&user("lost")).await.unwrap();
        assert!(f.store.users().await.unwrap().is_empty(), "readers see what is not committed");
        assert_eq!(tx.users().await.unwrap().len(), 1);
        drop(tx);
    }
    let mut tx = f.store.begin().await.unwrap();
    assert!(tx.users().await.unwrap().is_empty());
    tx.insert_user(&user("kept")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.users().await.unwrap().len(), 1);
    // Another process gets the write lock at once.
    open(f.dir.path()).await.ready().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_change_leaves_nothing() {
    let f = Fixture::new().await;
    let store = f.store.clone();
    let (began, wait) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        tx.insert_user(&user("lost")).await.unwrap();
        began.send(()).unwrap();
        std::future::pending::<()>().await;
        tx.commit().await.unwrap();
    });
    wait.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    f.store.ready().await.unwrap();
    assert!(f.store.users().await.unwrap().is_empty());
}
