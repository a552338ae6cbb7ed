//! Snapshots as files: parts of one, foreign ones, and those that break off.

use crate::{orders, snapshots::Stage};
use bytes::Bytes;
use futures::{StreamExt, stream};
use quorate_core::{
    Actor, Permit, act,
    snapshots::{NewUpload, Wanted},
};
use quorate_domain::{
    Problem, ProblemKind, Scope,
    snapshots::{Origin, Snapshot, SnapshotState},
};
use quorate_store::SnapshotFilter;

async fn read(stage: &Stage) -> Permit<act::ReadSnapshots> {
    stage.console.permit(&Actor::cli(), Scope::Global).await.expect("permit")
}

async fn downloaded(stage: &Stage, row: &Snapshot, wanted: Wanted) -> Vec<u8> {
    let download = stage.console.download_snapshot(&read(stage).await, &row.id).await.expect("a download");
    assert_eq!((download.bytes(), download.name()), (row.bytes.0, row.name.as_str()));
    assert_eq!(download.tag(), format!("\"{}\"", row.sha256));
    let chunks: Vec<_> = download.read(wanted).await.expect("begun").collect().await;
    chunks.into_iter().flat_map(|chunk| chunk.expect("bytes")).collect()
}

/// Brings `bytes` in pieces; `announced` is what the sender says of their number.
async fn brought(stage: &Stage, bytes: &[u8], announced: Option<u64>, of: &str) -> Result<Snapshot, Problem> {
    let cluster = (of == "orders").then(|| orders::record(&stage.etcd).id);
    let new = NewUpload { cluster, vault: None, name: of.into(), bytes: announced };
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        bytes.chunks(60_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stage.console.upload_snapshot(&stage.manage().await, new, stream::iter(pieces)).await.map_err(Problem::from)
}

async fn rows(stage: &Stage) -> usize {
    stage.store.snapshots(&SnapshotFilter::default(), 50).await.expect("rows").len()
}

#[tokio::test]
async fn a_download_comes_in_parts_is_told_once_and_is_what_lies_in_the_vault() {
    let stage = Stage::raise(1, 2).await;
    let row = stage.taken().await;
    let whole = std::fs::read(stage.vault_dir().join(&row.name)).expect("the file");
    let half = row.bytes.0 / 2;
    let mut parts = downloaded(&stage, &row, Wanted::Part(0..half)).await;
    parts.extend(downloaded(&stage, &row, Wanted::Part(half..row.bytes.0)).await);
    assert!(parts == whole, "two halves are the whole");
    let audit = stage.console.permit::<act::ViewAudit>(&Actor::cli(), Scope::Global).await.expect("permit");
    let page = stage.console.audit_page(&audit, None, 100).await.expect("a page");
    let told = page.events.iter().filter(|event| event.action == "snapshot.download" && event.object == row.name);
    assert_eq!(told.count(), 1, "the second half belongs to the first");
    stage.console.stop().await;
}

#[tokio::test]
async fn a_file_that_is_gone_or_shorter_is_not_a_good_snapshot_any_more() {
    let stage = Stage::raise(1, 1).await;
    let (cut, gone) = (stage.taken().await, stage.taken().await);
    let file = std::fs::OpenOptions::new().write(true).open(stage.vault_dir().join(&cut.name)).expect("the file");
    file.set_len(cut.bytes.0 - 1).expect("cut");
    std::fs::remove_file(stage.vault_dir().join(&gone.name)).expect("removed");
    for row in [cut, gone] {
        let refused = stage.console.download_snapshot(&read(&stage).await, &row.id).await.map(drop);
        assert!(refused.is_err());
        let now = stage.store.snapshot(&row.id).await.expect("read").expect("a row");
        assert_eq!(now.state, SnapshotState::Failed, "{}", now.problem);
        let again = stage.console.download_snapshot(&read(&stage).await, &row.id).await.map(drop);
        assert_eq!(again.map_err(Problem::from).expect_err("not good").kind, ProblemKind::Conflict);
    }
    stage.console.stop().await;
}

#[tokio::test]
async fn a_foreign_database_comes_in_with_and_without_etcds_digest() {
    let stage = Stage::raise(1, 2).await;
    let own = stage.taken().await;
    let whole = std::fs::read(stage.vault_dir().join(&own.name)).expect("the file");
    let with = brought(&stage, &whole, Some(whole.len() as u64), "orders").await.expect("taken in");
    assert_eq!((with.sealed_by_etcd, &with.sha256, &with.origin), (Some(true), &own.sha256, &Origin::Upload));
    assert_eq!((with.cluster.clone(), with.revision), (own.cluster.clone(), None), "nobody has looked into it yet");
    let without = brought(&stage, &whole[..whole.len() - 32], None, "old rack").await.expect("taken in");
    assert_eq!((without.is_good(), without.sealed_by_etcd, without.cluster), (true, None, None));
    assert!(without.name.contains("-old-rack-"), "{}", without.name);
    stage.console.stop().await;
}

#[tokio::test]
async fn an_upload_that_is_cut_or_is_no_database_leaves_nothing() {
    let stage = Stage::raise(1, 2).await;
    let own = stage.taken().await;
    let (files, whole) = (stage.files(), std::fs::read(stage.vault_dir().join(&own.name)).expect("the file"));
    let cut = &whole[..whole.len() / 100 * 99];
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let length = Some(whole.len() as u64);
    for (bytes, announced) in
        [(cut, length), (cut, None), (&flipped[..], length), (&b""[..], Some(0)), (&b"nonsense"[..], None)]
    {
        let refused = brought(&stage, bytes, announced, "orders").await.expect_err("not whole");
        assert_eq!(refused.kind, ProblemKind::Invalid, "{refused:?}");
        assert_eq!((rows(&stage).await, stage.files()), (1, files.clone()), "{refused:?}");
    }
    stage.set_budget(own.bytes.0 + (1 << 20)).await;
    let full = brought(&stage, &whole, None, "orders").await.expect_err("no room");
    assert_eq!((full.kind, rows(&stage).await, stage.files()), (ProblemKind::Conflict, 1, files));
    stage.console.stop().await;
}
