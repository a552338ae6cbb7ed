//! What is kept of changed keys: sealed, until its time is over, gone with its cluster.

use crate::support::{Fixture, cluster, cluster_id};
use quorate_domain::{
    Timestamp,
    ids::KeyUndoId,
    keys::{Key, KeyMeta, KeyUndo},
    wide::Wide,
};
use quorate_store::StoreError;

const UNTIL: Timestamp = Timestamp(1000);

fn undo(n: u8) -> KeyUndo {
    let before = KeyMeta {
        create_revision: Wide(2),
        mod_revision: Wide(5),
        version: Wide(3),
        lease: None,
        size: Some(Wide(7)),
        changed_at: None,
    };
    KeyUndo {
        id: KeyUndoId::from_random([n; 10]),
        at: Timestamp(i64::from(n)),
        actor: "anna".into(),
        key: Key(vec![b'/', 0, 0xff, n]),
        deleted: n == 2,
        revision: Wide(0),
        before,
        until: UNTIL,
    }
}

async fn filled() -> Fixture {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    for n in 1..=3 {
        tx.insert_key_undo(&cluster_id("demo"), &undo(n), b"\0hidden words\xff").await.unwrap();
    }
    tx.commit().await.unwrap();
    f
}

#[tokio::test]
async fn a_kept_value_comes_back_whole_and_is_not_readable_in_the_file() {
    let f = filled().await;
    let kept = f.store.key_undo(&undo(2).id, Timestamp(0)).await.unwrap().unwrap();
    assert_eq!(
        (kept.cluster, kept.undo, kept.value.as_bytes()),
        (cluster_id("demo"), undo(2), &b"\0hidden words\xff"[..])
    );
    let listed = f.store.key_undos(&cluster_id("demo"), Timestamp(0), 2).await.unwrap();
    assert_eq!(listed, [undo(3), undo(2)], "newest first");
    let mut conn = f.raw().await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM key_undo LIMIT 1").fetch_one(&mut conn).await.unwrap();
    assert!(!sealed.windows(6).any(|part| part == b"hidden"));
    sqlx::query("UPDATE key_undo SET sealed = (SELECT sealed FROM key_undo WHERE id = ?) WHERE id = ?")
        .bind(undo(1).id.as_str())
        .bind(undo(2).id.as_str())
        .execute(&mut conn)
        .await
        .unwrap();
    let moved = f.store.key_undo(&undo(2).id, Timestamp(0)).await.err();
    assert!(matches!(moved, Some(StoreError::Unseal { .. })), "a value belongs to its row");
}

#[tokio::test]
async fn a_change_gets_its_revision_or_goes() {
    let f = filled().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.set_key_undo_revision(&undo(1).id, Wide(9)).await.unwrap();
    tx.delete_key_undo(&undo(2).id).await.unwrap();
    let missing = tx.set_key_undo_revision(&undo(2).id, Wide(9)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    tx.commit().await.unwrap();
    let left = f.store.key_undos(&cluster_id("demo"), Timestamp(0), 9).await.unwrap();
    assert_eq!(left, [undo(3), KeyUndo { revision: Wide(9), ..undo(1) }]);
}

#[tokio::test]
async fn what_is_kept_goes_with_its_time_and_with_its_cluster() {
    let f = filled().await;
    assert!(f.store.key_undo(&undo(1).id, UNTIL).await.unwrap().is_none(), "its time is over before it is pruned");
    assert_eq!(f.store.key_undos(&cluster_id("demo"), UNTIL, 9).await.unwrap(), []);
    assert_eq!(f.store.prune(Timestamp(UNTIL.0 - 1)).await.unwrap().key_undos, 0);
    assert_eq!(f.store.prune(UNTIL).await.unwrap().key_undos, 3);
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_key_undo(&cluster_id("demo"), &undo(4), b"").await.unwrap();
    tx.delete_cluster(&cluster_id("demo")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(f.store.key_undo(&undo(4).id, Timestamp(0)).await.unwrap().is_none());
}

#[tokio::test]
async fn where_there_is_no_room_the_oldest_goes_first() {
    let f = filled().await;
    let mut conn = f.raw().await;
    let one: i64 = sqlx::query_scalar("SELECT MAX(LENGTH(sealed)) FROM key_undo").fetch_one(&mut conn).await.unwrap();
    drop(conn);
    let mut tx = f.store.begin().await.unwrap();
    assert_eq!(tx.make_room_for_undos(&cluster_id("other"), 0).await.unwrap(), 0);
    assert_eq!(tx.make_room_for_undos(&cluster_id("demo"), 3 * one).await.unwrap(), 0);
    assert_eq!(tx.make_room_for_undos(&cluster_id("demo"), 2 * one).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let left = f.store.key_undos(&cluster_id("demo"), Timestamp(0), 9).await.unwrap();
    assert_eq!(left, [undo(3), undo(2)]);
}
