//! The log accepts legal orders only, and the operation's row follows it.

use crate::support::{Fixture, operation, operation_id};
use quorate_domain::{
    Timestamp,
    operation::{LogKind, OperationState, Progress},
};
use quorate_store::StoreError;

const KINDS: [LogKind; 12] = [
    LogKind::Started,
    LogKind::Succeeded,
    LogKind::Failed,
    LogKind::Skipped,
    LogKind::CancelRequested,
    LogKind::Cancelled,
    LogKind::Retried,
    LogKind::UndoRequested,
    LogKind::UndoStarted,
    LogKind::UndoFinished,
    LogKind::UndoFailed,
    LogKind::HandedOver,
];

#[tokio::test]
async fn from_every_state_on_a_long_way_only_legal_entries_are_written() {
    use LogKind as K;
    let f = Fixture::new().await;
    f.accept(&operation("op", "demo", &[])).await;
    let id = operation_id("op");
    let way = [
        (0, K::Started),
        (0, K::Started),
        (0, K::Succeeded),
        (1, K::Paused),
        (1, K::Proceeded),
        (1, K::CancelRequested),
        (1, K::Cancelled),
        (1, K::Retried),
        (1, K::Started),
        (1, K::Failed),
        (1, K::UndoRequested),
        (1, K::UndoStarted),
        (1, K::UndoFailed),
        (1, K::Retried),
        (1, K::UndoFinished),
        (0, K::UndoStarted),
        (0, K::UndoFinished),
    ];
    let mut expected = Progress::new(2);
    for (i, (step, kind)) in way.into_iter().enumerate() {
        let mut tx = f.store.begin().await.unwrap();
        for try_step in 0..3 {
            for try_kind in KINDS {
                if expected.clone().apply(try_step, try_kind).is_ok() {
                    continue;
                }
                let step = u32::try_from(try_step).unwrap();
                let error = tx.append_log(&id, step, try_kind, "", Timestamp(1)).await.unwrap_err();
                assert!(matches!(error, StoreError::IllegalOrder { .. }), "{error:?}");
            }
        }
        let (entry, progress) = tx.append_log(&id, step, kind, "why", Timestamp(200)).await.unwrap();
        tx.commit().await.unwrap();
        expected.apply(step as usize, kind).unwrap();
        assert_eq!((entry.seq as usize, &progress), (i + 1, &expected));
        let row = f.store.operation(&id).await.unwrap().unwrap();
        assert_eq!(row.state, expected.state);
        let told = matches!(row.state, OperationState::Stuck | OperationState::Waiting);
        assert_eq!(row.reason, if told { "why" } else { "" });
    }
    let log = f.store.log(&id).await.unwrap();
    assert_eq!(log.len(), way.len(), "refused entries were written");
    assert_eq!(Progress::replay(2, &log).unwrap().state, OperationState::Unwound);
}

#[tokio::test]
async fn the_row_shows_where_the_operation_is() {
    use LogKind as K;
    let f = Fixture::new().await;
    f.accept(&operation("op", "demo", &[])).await;
    let id = operation_id("op");
    assert_eq!(f.store.operation_summary(&id).await.unwrap().unwrap().current, "first");
    let mut tx = f.store.begin().await.unwrap();
    for (step, kind) in [(0, K::Started), (0, K::Succeeded), (1, K::Started)] {
        tx.append_log(&id, step, kind, "", Timestamp(300)).await.unwrap();
    }
    tx.append_log(&id, 1, K::Failed, &"ü".repeat(9000), Timestamp(400)).await.unwrap();
    tx.commit().await.unwrap();
    let summary = f.store.operation_summary(&id).await.unwrap().unwrap();
    assert_eq!((summary.steps_done, summary.steps_total, summary.current.as_str()), (1, 2, "second"));
    assert_eq!((summary.state, summary.updated_at), (OperationState::Stuck, Timestamp(400)));
    assert!(summary.reason.len() <= 8192);
    let log = f.store.log(&id).await.unwrap();
    assert_eq!(f.store.operation_with_log(&id).await.unwrap().unwrap(), (summary.clone(), log));
    assert_eq!(f.store.operation_summaries(5, None, None).await.unwrap(), [summary]);

    let mut tx = f.store.begin().await.unwrap();
    tx.append_log(&id, 1, K::Skipped, "anna", Timestamp(500)).await.unwrap();
    tx.set_soaked(&id, true).await.unwrap();
    tx.commit().await.unwrap();
    let row = f.store.operation(&id).await.unwrap().unwrap();
    assert_eq!((row.state, row.soaked, row.reason.as_str()), (OperationState::Done, Some(true), ""));
    assert_eq!(f.store.operation_summary(&id).await.unwrap().unwrap().current, "");
}

#[tokio::test]
async fn entries_and_audit_rows_cannot_be_changed_or_deleted() {
    let f = Fixture::new().await;
    f.accept(&operation("op", "demo", &[])).await;
    let mut tx = f.store.begin().await.unwrap();
    tx.append_log(&operation_id("op"), 0, LogKind::Started, "", Timestamp(1)).await.unwrap();
    tx.insert_audit(&crate::people::audit("anna", "operation.start")).await.unwrap();
    tx.commit().await.unwrap();
    let mut raw = f.raw().await;
    for sql in [
        "UPDATE operation_log SET kind = 'succeeded'",
        "DELETE FROM operation_log",
        "UPDATE audit SET actor = 'bert'",
        "DELETE FROM audit",
    ] {
        let error = sqlx::query(sql).execute(&mut raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn pages_of_operations_do_not_overlap() {
    let f = Fixture::new().await;
    for i in 0..5 {
        f.accept(&operation(&format!("op{i}"), &format!("demo{i}"), &[])).await;
    }
    let first = f.store.operations(3, None, None).await.unwrap();
    let rest = f.store.operations(3, Some(first[2].seq), None).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|row| row.id.clone()).collect();
    assert_eq!(ids, [4, 3, 2, 1, 0].map(|i| operation_id(&format!("op{i}"))));
}

#[tokio::test]
async fn an_unknown_operation_has_no_log() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    let error = tx.append_log(&operation_id("x"), 0, LogKind::Started, "", Timestamp(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    assert!(f.store.log(&operation_id("x")).await.unwrap().is_empty());
}
