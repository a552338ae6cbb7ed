//! A vault in a folder: private, whole or not there.

use crate::support::{all, chunks, files, folder, local, names, noise};
use quorate_testkit::{etcd::PATIENCE, until::until};
use quorate_vault::{Shape, Vault, VaultError, names as named};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const NAME: &str = "20261123-181702-billing-etcd-backup.db";

async fn put(vault: &Vault, name: &str, bytes: &[u8]) -> Result<quorate_vault::Written, VaultError> {
    vault.put(name, Shape::Other, Some(bytes.len() as u64), chunks(bytes, 32 * 1024)).await
}

#[tokio::test]
async fn a_file_is_written_read_listed_and_deleted_and_is_private() {
    let dir = folder();
    let path = dir.path().join("vaults/local");
    let vault = local(&path);
    assert_eq!(vault.clean().await.unwrap(), [""; 0], "a folder that was never made is clean");
    vault.try_out().await.unwrap();
    assert_eq!(files(&path), [""; 0], "the probe is gone");
    let bytes = noise(3_000_001);
    let written = put(&vault, NAME, &bytes).await.unwrap();
    assert_eq!((written.bytes, written.stored, written.sealed_by_etcd), (3_000_001, 3_000_001, None));
    let modes = [&path, &path.join(NAME)].map(|path| std::fs::metadata(path).unwrap().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600]);
    assert_eq!(names(&vault).await, [NAME]);
    let whole = vault.read(NAME, None).await.unwrap();
    assert_eq!((whole.bytes, whole.total), (3_000_001, 3_000_001));
    assert!(all(whole.stream).await.unwrap() == bytes);
    for range in [0..1, 1_000_000..2_000_000, 2_999_999..9_000_000, 5_000_000..6_000_000] {
        let part = vault.read(NAME, Some(range.clone())).await.unwrap();
        let wanted = &bytes[(range.start as usize).min(bytes.len())..(range.end as usize).min(bytes.len())];
        assert_eq!((part.bytes, part.total), (wanted.len() as u64, 3_000_001));
        assert!(all(part.stream).await.unwrap() == wanted, "{range:?}");
    }
    vault.delete(NAME).await.unwrap();
    vault.delete(NAME).await.unwrap();
    assert!(matches!(vault.size(NAME).await, Err(VaultError::NotThere { name }) if name == NAME));
}

#[tokio::test]
async fn a_name_is_given_once_and_a_writer_that_is_dropped_leaves_nothing() {
    let dir = folder();
    let vault = local(dir.path());
    let mut writer = vault.writer(NAME, Shape::Other, None).await.unwrap();
    writer.write(noise(2_000_000)).await.unwrap();
    assert_eq!((files(dir.path()), names(&vault).await), (vec![format!("{NAME}.part")], vec![]));
    assert!(matches!(vault.writer(NAME, Shape::Other, None).await, Err(VaultError::Taken { .. })));
    writer.abandon().await;
    assert_eq!(files(dir.path()), [""; 0]);
    drop(vault.writer(NAME, Shape::Other, None).await.unwrap());
    until(PATIENCE, "the dropped file is gone", async || files(dir.path()).is_empty()).await;
    put(&vault, NAME, b"once").await.unwrap();
    assert!(matches!(put(&vault, NAME, b"twice").await, Err(VaultError::Taken { .. })));
    assert_eq!(all(vault.read_plain(NAME).await.unwrap()).await.unwrap(), b"once");
    assert_eq!(files(dir.path()), [NAME]);
}

#[tokio::test]
async fn names_that_leave_the_vault_are_refused() {
    let dir = folder();
    let vault = local(dir.path());
    for bad in ["../x", "a/b", ".hidden", "x.part", ""] {
        assert!(matches!(vault.read(bad, None).await, Err(VaultError::Setting { field: "name", .. })), "{bad}");
        assert!(put(&vault, bad, b"x").await.is_err() && vault.delete(bad).await.is_err(), "{bad}");
    }
    let sealed = put(&vault, "x.db.age", b"x").await.unwrap_err();
    assert_eq!(sealed.field(), Some("name"), "a plain vault makes nothing that says it is encrypted");
}

#[tokio::test]
async fn a_manifest_is_replaced_as_a_whole_and_goes_with_its_snapshot() {
    let dir = folder();
    let vault = local(dir.path());
    put(&vault, NAME, b"db").await.unwrap();
    let (manifest, configurations) = (named::manifest(NAME), named::configurations(NAME));
    assert_eq!(vault.get_json::<Vec<u8>>(&manifest).await.unwrap(), None);
    vault.put_json(&manifest, &[1, 2, 3]).await.unwrap();
    vault.put_json(&manifest, &[4]).await.unwrap();
    vault.put_json(&configurations, &["x"]).await.unwrap();
    assert_eq!(vault.get_json::<Vec<u8>>(&manifest).await.unwrap(), Some(vec![4]));
    let wrong = vault.get_json::<Vec<u8>>(&configurations).await.unwrap_err();
    assert!(matches!(wrong, VaultError::Corrupt { name, .. } if name == configurations));
    assert_eq!(names(&vault).await, [NAME.to_owned(), configurations, manifest]);
    vault.delete_bundle(NAME).await.unwrap();
    assert_eq!(names(&vault).await, [""; 0]);
}

#[tokio::test]
async fn a_folder_that_others_may_read_is_refused_with_the_command_that_helps() {
    let dir = folder();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let vault = local(dir.path());
    for error in [vault.try_out().await.unwrap_err(), put(&vault, NAME, b"x").await.unwrap_err()] {
        assert!(error.field() == Some("directory") && error.to_string().contains("chmod 700"), "{error}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    assert!(local(&file).try_out().await.is_err());
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_refused_before_its_first_byte() {
    let dir = folder();
    let vault = local(dir.path());
    let free = vault.room().await.unwrap().expect("a disk").free;
    let full = vault.writer(NAME, Shape::Snapshot, Some(free)).await.unwrap_err();
    assert!(matches!(&full, VaultError::Full { .. }) && full.to_string().contains("free some space"), "{full}");
    assert_eq!(files(dir.path()), [""; 0]);
}

#[tokio::test]
async fn what_became_another_in_the_vault_is_found_and_never_fetched() {
    let dir = folder();
    let vault = local(dir.path());
    let bytes = noise(1_500_000);
    let written = put(&vault, NAME, &bytes).await.unwrap();
    let to = dir.path().join("fetched");
    for _ in 0..2 {
        assert_eq!(vault.fetch(NAME, &written.sha256, &to).await.unwrap(), written);
    }
    assert_eq!(vault.verify(NAME, &written.sha256).await.unwrap(), written);
    assert!(std::fs::read(&to).unwrap() == bytes);
    let mut flipped = bytes;
    flipped[700_000] ^= 1;
    std::fs::write(dir.path().join(NAME), &flipped).unwrap();
    std::fs::remove_file(&to).unwrap();
    for error in [
        vault.fetch(NAME, &written.sha256, &to).await.unwrap_err(),
        vault.verify(NAME, &written.sha256).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("not those that were put into the vault"), "{error}");
    }
    assert_eq!(files(dir.path()), [NAME]);
}
