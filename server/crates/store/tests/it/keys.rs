//! The master key, the locks and the files' modes.

use crate::support::{Fixture, open};
use quorate_store::{DATABASE_FILE, DataDirLock, KEY_FILE, MasterKey, Store, StoreError};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn key_error(dir: &Path, credential: Option<&Path>) -> StoreError {
    match MasterKey::load_or_create(dir, credential) {
        Err(error) => error,
        Ok(_) => panic!("a key was accepted"),
    }
}

/// Everything in the database's own file.
fn content(dir: &Path) -> Vec<u8> {
    fs::read(dir.join(DATABASE_FILE)).unwrap()
}

#[tokio::test]
async fn files_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("made/for/it");
    let store = open(&data).await;
    store.ready().await.unwrap();
    assert_eq!(mode(data.clone()), 0o700);
    for file in [KEY_FILE, DATABASE_FILE, "quorate.db-wal", "quorate.db-shm", "open.lock"] {
        assert_eq!(mode(data.join(file)), 0o600, "{file}");
    }
    let left: Vec<_> = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[tokio::test]
async fn a_database_without_its_key_is_an_error_and_nothing_is_written() {
    let f = Fixture::new().await;
    f.store.close().await;
    let key = f.dir.path().join(KEY_FILE);
    fs::remove_file(&key).unwrap();
    let before = content(f.dir.path());
    let error = key_error(f.dir.path(), None);
    assert!(matches!(error, StoreError::KeyMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("master.key") && error.to_string().contains("nothing was changed"), "{error}");
    assert!(!key.exists());
    assert_eq!(content(f.dir.path()), before);
}

#[tokio::test]
async fn a_wrong_key_is_an_error_and_nothing_is_written() {
    let f = Fixture::new().await;
    f.store.close().await;
    let credential = f.dir.path().join("credential");
    fs::write(&credential, "ab".repeat(32)).unwrap();
    let before = content(f.dir.path());
    let key = MasterKey::load_or_create(f.dir.path(), Some(&credential)).unwrap();
    let error = Store::open(f.dir.path(), key).await.unwrap_err();
    assert!(matches!(&error, StoreError::KeyWrong { path } if *path == credential), "{error:?}");
    assert_eq!(content(f.dir.path()), before);
    open(f.dir.path()).await;
}

#[tokio::test]
async fn a_credential_replaces_the_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let credential = dir.path().join("credential");
    let data = dir.path().join("data");
    let missing = key_error(&data, Some(&credential));
    assert!(matches!(missing, StoreError::Io { .. }), "{missing:?}");
    fs::write(&credential, format!(" {}\n", "0F".repeat(32))).unwrap();
    let key = MasterKey::load_or_create(&data, Some(&credential)).unwrap();
    Store::open(&data, key).await.unwrap().ready().await.unwrap();
    assert!(!data.join(KEY_FILE).exists());
    assert!(matches!(key_error(&data, None), StoreError::KeyMissing { .. }));
}

#[test]
fn a_key_file_that_is_no_key_or_is_exposed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(KEY_FILE);
    for bad in ["", "short", &"g".repeat(64), &"0".repeat(66), &"0".repeat(100_000)] {
        fs::write(&path, bad).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(key_error(dir.path(), None), StoreError::KeyInvalid { .. }), "{} bytes", bad.len());
        assert_eq!(fs::read_to_string(&path).unwrap(), bad, "the file was overwritten");
    }
    fs::write(&path, "0".repeat(64)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = key_error(dir.path(), None);
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn processes_that_start_at_once_agree_on_one_key_and_one_schema() {
    let dir = tempfile::tempdir().unwrap();
    let opened: Vec<_> = (0..4)
        .map(|_| {
            let path = dir.path().to_owned();
            tokio::spawn(async move { open(&path).await })
        })
        .collect();
    for store in opened {
        store.await.unwrap().ready().await.unwrap();
    }
}

#[test]
fn a_second_lock_is_refused_and_names_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let first = DataDirLock::acquire(dir.path()).unwrap();
    let error = DataDirLock::acquire(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    DataDirLock::acquire(dir.path()).unwrap();
}
