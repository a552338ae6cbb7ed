//! The file does not grow for ever, and can be copied.

use crate::support::{Fixture, cluster, cluster_id, operation, operation_id, raw, user};
use quorate_domain::{Timestamp, cluster::ClusterEventKind, operation::LogKind};
use quorate_store::{
    CodePurpose, CodeRow, DATABASE_FILE, EVENT_DAYS, KEY_FILE, NewClusterEvent, NewOutput, OUTPUT_DAYS, Pruned,
    SessionRow, StoreError,
};
use std::{fs, os::unix::fs::PermissionsExt};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 1000 * DAY;

fn output(at: i64, text: &str) -> NewOutput {
    NewOutput { step: 0, host: String::new(), text: text.into(), at: Timestamp(at) }
}

async fn fill(f: &Fixture) {
    f.accept(&operation("ended", "ended", &[])).await;
    f.accept(&operation("stuck", "stuck", &[])).await;
    let mut tx = f.store.begin().await.unwrap();
    for id in ["ended", "stuck"] {
        tx.append_log(&operation_id(id), 0, LogKind::Failed, "", Timestamp(1)).await.unwrap();
    }
    tx.append_log(&operation_id("ended"), 0, LogKind::HandedOver, "", Timestamp(1)).await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    tx.insert_user(&user("anna")).await.unwrap();
    for (id, end) in [("old", NOW), ("new", NOW + 1)] {
        let at = Timestamp(end);
        let session = SessionRow { id: id.into(), user: None, data: vec![], created_at: Timestamp(1), expires_at: at };
        tx.insert_session(&session).await.unwrap();
        let code = CodeRow { hash: id.into(), purpose: CodePurpose::Setup, user: None, expires_at: at };
        tx.insert_code(&code).await.unwrap();
    }
    tx.commit().await.unwrap();
    let event = |at: i64| NewClusterEvent {
        cluster: cluster_id("demo"),
        at: Timestamp(at),
        kind: ClusterEventKind::MemberLost,
        text: "x".repeat(500),
    };
    let mut events: Vec<_> = (0..5000).map(|_| event(NOW - EVENT_DAYS * DAY - 1)).collect();
    events.push(event(NOW - EVENT_DAYS * DAY));
    f.store.append_cluster_events(&events).await.unwrap();
    for id in ["ended", "stuck"] {
        let lines = [output(NOW - OUTPUT_DAYS * DAY - 1, "old"), output(NOW - OUTPUT_DAYS * DAY, "new")];
        f.store.append_output(&operation_id(id), &lines).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_old_goes_and_its_space_with_it() {
    let f = Fixture::new().await;
    fill(&f).await;
    let pruned = f.store.prune(Timestamp(NOW)).await.unwrap();
    assert_eq!(pruned, Pruned { events: 5000, output_lines: 1, sessions: 1, codes: 1, ..Pruned::default() });
    assert_eq!(f.store.prune(Timestamp(NOW)).await.unwrap(), Pruned::default());
    assert_eq!(f.store.cluster_events(&cluster_id("demo"), None, 10).await.unwrap().len(), 1);
    assert!(f.store.session("new").await.unwrap().is_some());
    let left = f.store.output(&operation_id("ended"), 0, 10).await.unwrap();
    assert_eq!(left.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(f.store.output(&operation_id("stuck"), 0, 10).await.unwrap().len(), 2, "of an unfinished one");
    let next = f.store.append_output(&operation_id("ended"), &[output(NOW, "next")]).await.unwrap();
    assert_eq!(next[0].seq, 3, "numbers are not given twice");

    let mut conn = f.raw().await;
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut conn).await.unwrap();
    assert_eq!(free, 0);
    let size = fs::metadata(f.dir.path().join(DATABASE_FILE)).unwrap().len();
    assert!(size < 1024 * 1024, "{size}");
}

#[tokio::test]
async fn a_copy_is_private_whole_and_never_overwrites() {
    let f = Fixture::new().await;
    fill(&f).await;
    let away = tempfile::tempdir().unwrap();
    let target = away.path().join(DATABASE_FILE);
    f.store.backup_to(&target).await.unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    let error = f.store.backup_to(&target).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    let mut conn = raw(&target).await;
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM cluster_events").fetch_one(&mut conn).await.unwrap();
    assert_eq!(events, 5001);
    drop(conn);
    fs::copy(f.dir.path().join(KEY_FILE), away.path().join(KEY_FILE)).unwrap();
    let restored = crate::support::open(away.path()).await;
    assert_eq!(restored.users().await.unwrap().len(), 1);
}
