//! Faults of the file system, which need the writer's own connection.

use crate::{MasterKey, NewAudit, Store, StoreError};
use quorate_domain::{Timestamp, audit::AuditOutcome};
use sqlx::Executor;

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    let store = Store::open(dir.path(), key).await.unwrap();
    (dir, store)
}

fn audit(bytes: usize) -> NewAudit {
    NewAudit {
        at: Timestamp(1),
        actor: "anna".into(),
        source: String::new(),
        action: "test.write".into(),
        object: "x".repeat(bytes),
        outcome: AuditOutcome::Ok,
        detail: String::new(),
    }
}

async fn write(store: &Store, bytes: usize) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.insert_audit(&audit(bytes)).await?;
    tx.commit().await
}

#[tokio::test]
async fn a_full_disk_is_named_keeps_nothing_and_heals() {
    let (_dir, store) = store().await;
    write(&store, 10).await.unwrap();
    store.writer().execute("PRAGMA max_page_count = 1").await.unwrap();
    for _ in 0..3 {
        let mut tx = store.begin().await.unwrap();
        // Small rows fit into pages that are there already; the big one does not.
        tx.insert_audit(&audit(10)).await.unwrap();
        let error = tx.insert_audit(&audit(100_000)).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        // Nothing more goes through: outside of a transaction it would land by itself.
        let error = tx.insert_audit(&audit(10)).await.unwrap_err();
        assert!(matches!(error, StoreError::Spoiled), "{error:?}");
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Spoiled), "{error:?}");
    }
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
    store.writer().execute("PRAGMA max_page_count = 1000000").await.unwrap();
    write(&store, 100_000).await.unwrap();
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_does_not_cost_the_writer() {
    let (_dir, store) = store().await;
    let mut tx = store.begin().await.unwrap();
    tx.insert_audit(&audit(10)).await.unwrap();
    // What SQLite does on some faults: the transaction is gone behind the caller's back.
    tx.raw("ROLLBACK", "testing").await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Driver { .. }), "{error:?}");
    write(&store, 10).await.unwrap();
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_only_database_is_named_and_heals() {
    let (_dir, store) = store().await;
    store.writer().execute("PRAGMA query_only = ON").await.unwrap();
    let error = write(&store, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
    assert!(store.audit_page(None, 10).await.unwrap().is_empty());
    store.writer().execute("PRAGMA query_only = OFF").await.unwrap();
    write(&store, 10).await.unwrap();
}

#[tokio::test]
async fn a_database_that_others_hold_is_busy() {
    let (dir, store) = store().await;
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    let beside = Store::open(dir.path(), key).await.unwrap();
    let tx = store.begin().await.unwrap();
    beside.writer().execute("PRAGMA busy_timeout = 10").await.unwrap();
    let error = write(&beside, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    tx.rollback().await.unwrap();
    write(&beside, 10).await.unwrap();
}

#[tokio::test]
async fn readers_cannot_write() {
    use crate::tx::Db;
    let (_dir, store) = store().await;
    let query = sqlx::query("INSERT INTO settings VALUES ('a', '1')");
    let error = store.reader().all(query, "testing").await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
}

#[tokio::test]
async fn a_part_that_fails_is_taken_back_and_the_rest_stays() {
    let (_dir, store) = store().await;
    let mut tx = store.begin().await.unwrap();
    tx.insert_audit(&audit(1)).await.unwrap();
    tx.part().await.unwrap();
    tx.insert_audit(&audit(2)).await.unwrap();
    let refused: Result<(), StoreError> = Err(StoreError::NotFound { what: "test".into() });
    assert!(matches!(tx.end_part(refused).await, Err(StoreError::NotFound { .. })));
    tx.insert_audit(&audit(3)).await.unwrap();
    tx.commit().await.unwrap();
    let sizes: Vec<usize> = store.audit_page(None, 10).await.unwrap().iter().map(|e| e.object.len()).collect();
    assert_eq!(sizes, [3, 1]);
}
