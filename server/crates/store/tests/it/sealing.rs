//! Secrets are bound to their rows and are never in the file in clear.

use crate::support::Fixture;
use quorate_domain::{SecretId, Timestamp};
use quorate_store::{KEY_FILE, SessionRow, StoreError};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

const PASSWORD: &str = "correct-horse-battery-staple";
const PEM: &str = "-----BEGIN OPENSSH PRIVATE KEY----- marker-of-the-console-key";
const COOKIE: &str = "cookie-id-that-proves-a-session";

fn id(n: u8) -> SecretId {
    SecretId::from_random([n; 10])
}

#[tokio::test]
async fn swapped_ciphertexts_other_purposes_and_flipped_bits_do_not_open() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    for n in [1, 2] {
        tx.put_secret(&id(n), "test", &SecretString::from(format!("secret {n}")), Timestamp(1)).await.unwrap();
    }
    tx.set_sealed_setting("a", &SecretString::from("A")).await.unwrap();
    tx.set_sealed_setting("b", &SecretString::from("B")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.secret(&id(1), "test").await.unwrap().unwrap().expose_secret(), "secret 1");
    assert_eq!(f.store.sealed_setting("a").await.unwrap().unwrap().expose_secret(), "A");
    let other = f.store.secret(&id(1), "another purpose").await.map(drop).unwrap_err();
    assert!(matches!(other, StoreError::Unseal { .. }), "{other:?}");

    let mut raw = f.raw().await;
    for sql in [
        "CREATE TEMP TABLE t AS SELECT id, sealed FROM secrets",
        "UPDATE secrets SET sealed = (SELECT sealed FROM t WHERE t.id <> secrets.id)",
        "CREATE TEMP TABLE u AS SELECT name, sealed FROM sealed_settings",
        "UPDATE sealed_settings SET sealed = (SELECT sealed FROM u WHERE u.name <> sealed_settings.name)",
    ] {
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    }
    for n in [1, 2] {
        let error = f.store.secret(&id(n), "test").await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unseal { .. }), "{error:?}");
    }
    let error = f.store.sealed_setting("a").await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Unseal { .. }), "{error:?}");
    // A secret in a setting's place: the table is part of the seal.
    sqlx::query("UPDATE sealed_settings SET sealed = (SELECT sealed FROM secrets LIMIT 1)")
        .execute(&mut raw)
        .await
        .unwrap();
    assert!(f.store.sealed_setting("a").await.is_err());
    // Too short to hold a nonce.
    sqlx::query("UPDATE sealed_settings SET sealed = x'0102'").execute(&mut raw).await.unwrap();
    assert!(f.store.sealed_setting("b").await.is_err());
}

fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != KEY_FILE)
        .filter(|entry| std::fs::read(entry.path()).unwrap().windows(needle.len()).any(|w| w == needle))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn no_secret_is_ever_in_the_files() {
    let f = Fixture::new().await;
    let [host] = f.hosts(["host-name-that-is-in-clear"]).await;
    let mut tx = f.store.begin().await.unwrap();
    tx.set_host_password(&host, Some((id(1), &SecretString::from(PASSWORD))), Timestamp(1)).await.unwrap();
    tx.set_sealed_setting("console.ssh_key", &SecretString::from(PEM)).await.unwrap();
    let session =
        SessionRow { id: COOKIE.into(), user: None, data: vec![1], created_at: Timestamp(1), expires_at: Timestamp(2) };
    tx.insert_session(&session).await.unwrap();
    tx.commit().await.unwrap();

    let hex_key = std::fs::read_to_string(f.dir.path().join(KEY_FILE)).unwrap();
    let raw_key: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex_key[2 * i..2 * i + 2], 16).unwrap()).collect();
    let check = || {
        assert_ne!(files_with(f.dir.path(), b"host-name-that-is-in-clear"), [""; 0], "the search itself works");
        for secret in [PASSWORD.as_bytes(), PEM.as_bytes(), COOKIE.as_bytes(), hex_key.trim().as_bytes(), &raw_key] {
            assert_eq!(files_with(f.dir.path(), secret), [""; 0]);
        }
    };
    // While the rows are in the WAL, and after they went from there into the database.
    assert_ne!(files_with(f.dir.path(), b"host-name-that-is-in-clear"), [""; 0]);
    assert!(f.dir.path().join("quorate.db-wal").metadata().unwrap().len() > 0);
    check();
    f.store.close().await;
    check();
}

#[tokio::test]
async fn plain_settings_are_typed() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.set_setting("n", &vec![1u32, 2]).await.unwrap();
    tx.set_setting("n", &vec![3u32]).await.unwrap();
    assert_eq!(tx.setting::<Vec<u32>>("n").await.unwrap(), Some(vec![3]));
    tx.commit().await.unwrap();
    assert_eq!(f.store.setting::<Vec<u32>>("n").await.unwrap(), Some(vec![3]));
    assert!(matches!(f.store.setting::<bool>("n").await, Err(StoreError::Corrupt { .. })));
    assert_eq!(f.store.setting::<bool>("none").await.unwrap(), None);
    let mut tx = f.store.begin().await.unwrap();
    assert!(tx.delete_setting("n").await.unwrap());
    assert!(!tx.delete_setting("n").await.unwrap());
}
