//! A vault in a bucket of a real S3 server, over real sockets, with checked signatures.

use crate::support::{BUCKET, ID, SECRET, Server, Wire, all, chunks, files, names, noise, vault, vault_of};
use quorate_testkit::{etcd::PATIENCE, until::until};
use quorate_vault::{Shape, Vault, VaultError, Written};

const NAME: &str = "20261123-181702-billing-etcd-backup.db";
/// Three parts and some.
const BYTES: usize = 26_000_000;

async fn put(vault: &Vault, bytes: &[u8]) -> Result<Written, VaultError> {
    vault.put(NAME, Shape::Other, Some(bytes.len() as u64), chunks(bytes, 32 * 1024)).await
}

#[tokio::test]
async fn an_object_is_written_read_listed_and_deleted() {
    let server = Server::start().await;
    let vault = server.vault();
    vault.try_out().await.unwrap();
    assert_eq!(names(&vault).await, [""; 0], "the probe is gone");
    assert_eq!(vault.room().await.unwrap(), None);
    let bytes = noise(BYTES);
    let written = put(&vault, &bytes).await.unwrap();
    assert_eq!((written.bytes, written.stored), (BYTES as u64, BYTES as u64));
    assert_eq!((vault.size(NAME).await.unwrap(), server.parts()), (BYTES as u64, 0));
    assert!(std::fs::read(server.bucket().join("console/one").join(NAME)).unwrap() == bytes);
    let manifest = quorate_vault::names::manifest(NAME);
    vault.put_json(&manifest, &written.sha256).await.unwrap();
    assert_eq!(vault.get_json::<String>(&manifest).await.unwrap(), Some(written.sha256.clone()));
    assert_eq!(names(&vault).await, [NAME.to_owned(), manifest.clone()]);
    for range in [0..1, 9_000_000..19_000_000, (BYTES as u64 - 1)..u64::MAX, (BYTES as u64)..u64::MAX] {
        let part = vault.read(NAME, Some(range.clone())).await.unwrap();
        let wanted = &bytes[range.start as usize..(range.end as usize).min(BYTES)];
        assert_eq!((part.bytes, part.total), (wanted.len() as u64, BYTES as u64), "{range:?}");
        assert!(all(part.stream).await.unwrap() == wanted, "{range:?}");
    }
    assert_eq!(vault.verify(NAME, &written.sha256).await.unwrap(), written);
    assert!(matches!(put(&vault, b"again").await, Err(VaultError::Taken { .. })));
    vault.delete_bundle(NAME).await.unwrap();
    vault.delete_bundle(NAME).await.unwrap();
    assert_eq!(names(&vault).await, [""; 0]);
    assert!(matches!(vault.size(NAME).await, Err(VaultError::NotThere { .. })));
    assert_eq!(vault.get_json::<String>(&manifest).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_told_by_its_cause() {
    let server = Server::start().await;
    let at = server.address;
    let secret = vault(at, BUCKET, "another").unwrap();
    let unknown = vault_of(at, BUCKET, "AKNOBODY", SECRET, None).unwrap();
    for vault in [secret, unknown] {
        for error in [vault.try_out().await.unwrap_err(), put(&vault, b"x").await.unwrap_err()] {
            assert!(matches!(error, VaultError::Credentials { .. }), "{error}");
            assert!(!error.to_string().contains(SECRET) && error.field() == Some("secret_access_key"));
        }
    }
    let missing = vault(at, "nowhere", SECRET).unwrap().try_out().await.unwrap_err();
    assert!(matches!(&missing, VaultError::NoBucket { bucket, .. } if bucket == "nowhere"), "{missing}");
    drop(server);
    let closed =
        vault_of("127.0.0.1:1".parse().unwrap(), BUCKET, ID, SECRET, None).unwrap().try_out().await.unwrap_err();
    assert!(matches!(&closed, VaultError::Unreachable { .. }) && closed.passes(), "{closed}");
    assert!(closed.to_string().contains("refused"), "{closed}");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_an_upload_is_begun_again() {
    let server = Server::start().await;
    let wire = Wire::to(server.address, 12_000_000, true).await;
    let bytes = noise(BYTES);
    let written = put(&vault(wire.address, BUCKET, SECRET).unwrap(), &bytes).await.unwrap();
    assert!(wire.was_cut());
    assert_eq!(server.vault().verify(NAME, &written.sha256).await.unwrap(), written);
    assert_eq!(server.parts(), 0);
}

#[tokio::test]
async fn a_store_that_is_gone_in_the_middle_of_an_upload_shows_nothing() {
    let server = Server::start().await;
    let wire = Wire::to(server.address, 12_000_000, false).await;
    let error = put(&vault(wire.address, BUCKET, SECRET).unwrap(), &noise(BYTES)).await.unwrap_err();
    assert!(wire.was_cut() && matches!(error, VaultError::Unreachable { .. }), "{error}");
    assert_eq!(names(&server.vault()).await, [""; 0]);
    // The name is free.
    put(&server.vault(), b"later").await.unwrap();
}

#[tokio::test]
async fn an_upload_that_is_given_up_or_damaged_is_aborted() {
    let server = Server::start().await;
    let vault = server.vault();
    let mut writer = vault.writer(NAME, Shape::Other, None).await.unwrap();
    for _ in 0..4 {
        writer.write(noise(8 * 1024 * 1024)).await.unwrap();
    }
    let arrived = async || server.parts() > 0;
    until(PATIENCE, "parts arrive", arrived).await;
    writer.abandon().await;
    assert_eq!((server.parts(), names(&vault).await), (0, vec![]));
    let cut = vault.put(NAME, Shape::Snapshot, None, chunks(&noise(9_000_000), 32 * 1024)).await.unwrap_err();
    assert!(matches!(cut, VaultError::Corrupt { .. }), "{cut}");
    assert_eq!((server.parts(), names(&vault).await), (0, vec![]));
    assert_eq!(files(&server.bucket()), [""; 0]);
}
