//! Files of keys: sealed part by part, there once they are whole, gone with their time and their cluster.

use crate::support::{Fixture, cluster, cluster_id, operation};
use quorate_domain::{Timestamp, ids::KeyFileId, keys::KeyFile, wide::Wide};
use quorate_store::{NewOperation, StoreError};
use secrecy::{ExposeSecret, SecretString};

const UNTIL: Timestamp = Timestamp(1000);

fn file(n: u8) -> KeyFile {
    KeyFile {
        id: KeyFileId::from_random([n; 10]),
        cluster: cluster_id("demo"),
        name: "keys.ndjson".into(),
        bytes: Wide(0),
        keys: Wide(0),
        at: Timestamp(i64::from(n)),
        actor: "anna".into(),
        why: "uploaded".into(),
        until: Timestamp(500),
    }
}

fn part(n: u32) -> SecretString {
    format!("{{\"key\":\"/{n}\",\"value\":\"hidden words\"}}\n").into()
}

async fn filled() -> Fixture {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    for n in 1..=2 {
        tx.begin_key_file(&file(n)).await.unwrap();
        for number in 0..3 {
            tx.insert_key_file_part(&file(n).id, number, &part(number)).await.unwrap();
        }
    }
    tx.end_key_file(&file(1).id, 3, (120, 3), UNTIL).await.unwrap();
    tx.commit().await.unwrap();
    f
}

#[tokio::test]
async fn a_file_is_there_once_it_is_whole_and_its_parts_come_back() {
    let f = filled().await;
    let whole = KeyFile { bytes: Wide(120), keys: Wide(3), until: UNTIL, ..file(1) };
    assert_eq!(f.store.key_files(&cluster_id("demo"), Timestamp(0), 9).await.unwrap(), std::slice::from_ref(&whole));
    let kept = f.store.key_file(&file(1).id, Timestamp(0)).await.unwrap().unwrap();
    assert_eq!((kept.file, kept.parts), (whole, 3));
    assert!(f.store.key_file(&file(2).id, Timestamp(0)).await.unwrap().is_none(), "it is still being written");
    let text = f.store.key_file_part(&file(1).id, 2).await.unwrap();
    assert_eq!(text.expose_secret(), part(2).expose_secret());
    let missing = f.store.key_file_part(&file(1).id, 3).await.err();
    assert!(matches!(missing, Some(StoreError::NotFound { .. })));
    let mut tx = f.store.begin().await.unwrap();
    let short = tx.end_key_file(&file(2).id, 4, (1, 1), UNTIL).await;
    assert!(matches!(short, Err(StoreError::NotFound { .. })), "a part is missing");
}

#[tokio::test]
async fn parts_cannot_be_read_in_the_file_or_change_their_places() {
    let f = filled().await;
    let mut conn = f.raw().await;
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed FROM key_file_parts LIMIT 1").fetch_one(&mut conn).await.unwrap();
    assert!(!sealed.windows(6).any(|part| part == b"hidden"));
    sqlx::query("UPDATE key_file_parts SET sealed = ? WHERE number = 1").bind(sealed).execute(&mut conn).await.unwrap();
    let moved = f.store.key_file_part(&file(1).id, 1).await.err();
    assert!(matches!(moved, Some(StoreError::Unseal { .. })), "{moved:?}");
}

#[tokio::test]
async fn a_file_that_is_begun_anew_leaves_nothing_of_the_first_try() {
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.begin_key_file(&file(2)).await.unwrap();
    tx.insert_key_file_part(&file(2).id, 0, &part(7)).await.unwrap();
    tx.end_key_file(&file(2).id, 1, (40, 1), UNTIL).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.key_file(&file(2).id, Timestamp(0)).await.unwrap().unwrap().parts, 1);
}

#[tokio::test]
async fn files_go_when_their_time_is_over_and_with_their_cluster() {
    let f = filled().await;
    assert!(f.store.key_file(&file(1).id, UNTIL).await.unwrap().is_none());
    assert_eq!(f.store.prune(Timestamp(600)).await.unwrap().key_files, 1, "the one that was never ended");
    assert!(f.store.key_file(&file(1).id, Timestamp(600)).await.unwrap().is_some());
    let mut tx = f.store.begin().await.unwrap();
    tx.take_back_cluster(&cluster_id("demo")).await.unwrap();
    tx.commit().await.unwrap();
    let mut conn = f.raw().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM key_file_parts").fetch_one(&mut conn).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn room_is_made_by_uploaded_files_that_nobody_needs_oldest_first() {
    let f = Fixture::new().await;
    let needed = operation("imports", "demo", &[]);
    let needed = NewOperation { plan_json: format!("{{\"file\":\"{}\"}}", file(1).id), ..needed };
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    let before = KeyFile { why: "before delete_keys op-x".into(), actor: "op-x".into(), ..file(2) };
    for new in [file(1), before, file(3), file(4)] {
        tx.begin_key_file(&new).await.unwrap();
        tx.insert_key_file_part(&new.id, 0, &part(0)).await.unwrap();
        tx.end_key_file(&new.id, 1, (100, 1), UNTIL).await.unwrap();
    }
    tx.insert_operation(&needed).await.unwrap();
    tx.commit().await.unwrap();
    let left = async || {
        let files = f.store.key_files(&cluster_id("demo"), Timestamp(0), 9).await.unwrap();
        files.iter().map(|file| file.at.0).collect::<Vec<_>>()
    };
    let mut tx = f.store.begin().await.unwrap();
    let mut room = async |by: &str, bytes| {
        tx.make_room_for_key_file(&cluster_id("demo"), by, (bytes, 400), Timestamp(0)).await.unwrap()
    };
    assert_eq!(room("", 201).await, 1, "the one that is imported and the one of before stay");
    assert_eq!(room("op-x", 100).await, 0, "an operation's own file is not counted");
    assert_eq!(room("", 1).await, 0);
    assert!(tx.key_file_is_needed(&file(1).id).await.unwrap());
    assert!(!tx.key_file_is_needed(&file(2).id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(left().await, [4, 2, 1], "the oldest that may go went");
}
