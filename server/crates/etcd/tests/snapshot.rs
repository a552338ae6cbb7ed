//! Snapshots of real etcd processes as streams. Invariant: nothing here asserts how long a thing took.

use quorate_etcd::{EtcdError, MemberClient, SnapshotStream};
use quorate_testkit::etcd::{CALL, EtcdCluster, PATIENCE};
use std::time::Duration;

/// More than connections hold while nobody reads.
const MANY: usize = 48;

async fn fill(client: &MemberClient, megabytes: usize) {
    let value = vec![7; 1 << 20];
    for n in 0..megabytes {
        client.canary_put(format!("/blob/{n}").as_bytes(), &value, PATIENCE).await.expect("put");
    }
}

/// All that comes: how many bytes, and why it ended.
async fn rest(stream: &mut SnapshotStream, deadline: Duration) -> (u64, Result<(), EtcdError>) {
    let mut bytes = 0;
    loop {
        match stream.next(deadline).await {
            Ok(Some(chunk)) => bytes += chunk.bytes.len() as u64,
            Ok(None) => return (bytes, Ok(())),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_snapshot_comes_to_its_last_byte_and_says_what_is_still_to_come() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    fill(&client, 3).await;
    let mut stream = client.snapshot(CALL).await.expect("begun");
    let first = stream.next(PATIENCE).await.expect("a chunk").expect("not the end");
    let whole = first.bytes.len() as u64 + first.remaining;
    assert_eq!(whole % 512, 32, "pages, and etcd's digest");
    let mut remaining = first.remaining;
    while let Some(chunk) = stream.next(PATIENCE).await.expect("a chunk") {
        remaining -= chunk.bytes.len() as u64;
        assert_eq!(chunk.remaining, remaining);
    }
    assert_eq!(remaining, 0);
    assert!(whole > 3 << 20);
}

#[tokio::test]
async fn a_member_that_dies_or_hangs_midway_ends_the_stream_with_an_error() {
    let mut etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    fill(&client, MANY).await;
    let mut stream = client.snapshot(CALL).await.expect("begun");
    let first = stream.next(PATIENCE).await.expect("a chunk").expect("not the end");
    etcd.member(0).pause();
    let (bytes, end) = rest(&mut stream, Duration::from_millis(300)).await;
    assert!(end.is_err_and(|error| error.is_silence()), "it hangs");
    assert!(bytes < first.remaining);
    etcd.member(0).resume();

    let mut stream = client.snapshot(PATIENCE).await.expect("begun");
    let first = stream.next(PATIENCE).await.expect("a chunk").expect("not the end");
    etcd.member_mut(0).kill();
    let (bytes, end) = rest(&mut stream, PATIENCE).await;
    assert!(end.is_err(), "it is dead");
    assert!(bytes < first.remaining);
}
