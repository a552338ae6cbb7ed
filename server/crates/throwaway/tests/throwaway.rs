//! Snapshots of real clusters brought to life by real etcds. Invariant: nothing here asserts how long a thing took.

use quorate_domain::{version::Version, wide::Wide};
use quorate_etcd::{Access, Change, ContentAt, MemberClient, PutLease, Range, RangeEnd, Write, content};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, SecuredEtcd, VERSION, etcd_binary},
    until::until,
};
use quorate_throwaway::{Binaries, Room, Throwaway, ThrowawayError, sweep};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn binaries(version: &str) -> Binaries {
    let directory = etcd_binary(version).parent().expect("a directory").to_owned();
    Binaries::at(version.parse::<Version>().expect("a version"), directory)
}

async fn put(client: &MemberClient, key: &str, value: &[u8], lease: PutLease) {
    let write = Write::Put { key: key.into(), value: value.into(), lease };
    client.change(&Change { seen: Vec::new(), writes: vec![write] }, CALL).await.expect("put");
}

/// The whole snapshot of a small cluster.
async fn snapshot(client: &MemberClient) -> Vec<u8> {
    let taken = client.call(PATIENCE, async |etcd| {
        let (mut stream, mut bytes) = (etcd.maintenance_client().snapshot().await?, Vec::new());
        while let Some(part) = stream.message().await? {
            bytes.extend_from_slice(part.blob());
        }
        Ok(bytes)
    });
    taken.await.expect("a snapshot")
}

/// A room with a snapshot in it.
fn room(below: &TempDir, bytes: &[u8]) -> Room {
    let room = Room::new(below.path()).expect("a room");
    fs::write(room.database(), bytes).expect("write the snapshot");
    room
}

fn left_in(below: &TempDir) -> usize {
    fs::read_dir(below.path()).expect("read").count()
}

/// Processes that run in a room.
fn running_in(below: &TempDir) -> Vec<PathBuf> {
    let below = below.path().canonicalize().expect("there");
    let cwd = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).ok().filter(|cwd| cwd.starts_with(&below));
    fs::read_dir("/proc").expect("proc").flatten().filter_map(cwd).collect()
}

async fn of(etcd: &Throwaway) -> ContentAt {
    content(etcd.client(), Some(etcd.revision())).await.expect("its content")
}

#[tokio::test]
async fn what_comes_to_life_is_what_the_snapshot_was() {
    for version in [VERSION, "3.5.30"] {
        let (cluster, below) = (EtcdCluster::start_version(version, 1).await, TempDir::new().expect("a directory"));
        let client = cluster.client(0);
        for n in 0..200 {
            put(&client, &format!("/keys/{:02}", n % 90), &[b'x'; 700], PutLease::None).await;
        }
        let lease = client.grant_lease(5, CALL).await.expect("a lease");
        put(&client, "/leased", b"stays", PutLease::Of(lease)).await;
        let (live, bytes) = (content(&client, None).await.expect("content"), snapshot(&client).await);
        put(&client, "/later", b"is not in it", PutLease::None).await;

        let room = room(&below, &bytes);
        let mut etcd = Throwaway::restore(room, &binaries(version), true, &Access::default()).await.expect("restored");
        assert_eq!((of(&etcd).await, live.content.keys), (live, Wide(91)), "{version}");
        assert!(etcd.runs() && left_in(&below) == 1);
        let room = fs::read_dir(below.path()).expect("read").flatten().next().expect("the room").path();
        assert!(!room.join("snapshot.db").exists(), "one copy is enough");
        // The seconds that a lease has left go down, and rise only when somebody keeps it alive.
        let mut before = i64::MAX;
        until(PATIENCE, "the lease is kept alive", async || {
            let now = etcd.client().lease(lease, true, CALL).await.expect("the lease").ttl;
            std::mem::replace(&mut before, now) < now
        })
        .await;
        etcd.end().await.expect("ended");
        assert_eq!((left_in(&below), running_in(&below)), (0, vec![]));
    }
}

#[tokio::test]
async fn an_empty_cluster_comes_to_life_too_and_goes_when_it_is_dropped() {
    let (cluster, below) = (EtcdCluster::start(1).await, TempDir::new().expect("a directory"));
    let bytes = snapshot(&cluster.client(0)).await;
    let etcd = Throwaway::restore(room(&below, &bytes), &binaries(VERSION), true, &Access::default()).await;
    let etcd = etcd.expect("restored");
    assert_eq!(of(&etcd).await.content.keys, Wide(0));
    let all = Range { end: RangeEnd::Last, ..Range::default() };
    put(etcd.client(), "/a", b"b", PutLease::None).await;
    assert_eq!(etcd.client().range(&all, CALL).await.expect("keys").count, 1);
    drop(etcd);
    until(PATIENCE, "all of it is gone", async || left_in(&below) == 0 && running_in(&below).is_empty()).await;
}

#[tokio::test]
async fn what_a_killed_console_left_is_ended_and_removed_at_the_next_start() {
    let (cluster, below) = (EtcdCluster::start(1).await, TempDir::new().expect("a directory"));
    let bytes = snapshot(&cluster.client(0)).await;
    let restored = Throwaway::restore(room(&below, &bytes), &binaries(VERSION), true, &Access::default()).await;
    let etcd = restored.expect("restored");
    let client = etcd.client().clone();
    // Nobody cleans up.
    std::mem::forget(etcd);
    assert_eq!(running_in(&below).len(), 1);
    assert_eq!(sweep(below.path()).await.expect("swept"), 1);
    assert_eq!((left_in(&below), running_in(&below)), (0, vec![]));
    assert!(client.status(CALL).await.is_err());
}

#[tokio::test]
async fn a_file_that_is_no_whole_snapshot_is_refused_in_etcds_words() {
    let (cluster, below) = (EtcdCluster::start(1).await, TempDir::new().expect("a directory"));
    put(&cluster.client(0), "/a", &[7; 5000], PutLease::None).await;
    let whole = snapshot(&cluster.client(0)).await;
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 1;
    let unsealed = whole[..whole.len() - 32].to_vec();
    for (what, bytes) in [("flipped", &flipped), ("cut", &whole[..middle].to_vec()), ("copied", &unsealed)] {
        let restored = Throwaway::restore(room(&below, bytes), &binaries(VERSION), true, &Access::default()).await;
        match restored.err() {
            Some(ThrowawayError::Refused { said, .. }) => {
                assert!(said.contains("sha256") || said.contains("hash"), "{what}: {said}")
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let empty = Throwaway::restore(room(&below, &[]), &binaries(VERSION), false, &Access::default()).await;
    assert!(matches!(empty.err(), Some(ThrowawayError::Refused { .. } | ThrowawayError::NoStart { .. })));
    let copied = Throwaway::restore(room(&below, &unsealed), &binaries(VERSION), false, &Access::default()).await;
    assert_eq!(of(&copied.expect("a copied database is good too")).await.content.keys, Wide(1));
    until(PATIENCE, "all rooms are gone", async || left_in(&below) == 0 && running_in(&below).is_empty()).await;
}

#[tokio::test]
async fn a_snapshot_with_users_takes_the_clusters_login() {
    let (cluster, below) = (SecuredEtcd::start().await, TempDir::new().expect("a directory"));
    cluster.enable_users().await;
    let material = cluster.with_login();
    let client = cluster.client(&material);
    put(&client, "/a", b"b", PutLease::None).await;
    let bytes = snapshot(&client).await;
    let without = Throwaway::restore(room(&below, &bytes), &binaries(VERSION), true, &Access::default()).await;
    assert!(matches!(without.err(), Some(ThrowawayError::Login { .. })));
    let access = material.access().expect("fits");
    let etcd = Throwaway::restore(room(&below, &bytes), &binaries(VERSION), true, &access).await.expect("restored");
    assert_eq!(of(&etcd).await.content.keys, Wide(1));
}

#[tokio::test]
async fn a_way_that_is_longer_than_a_socket_takes_is_no_hindrance() {
    let (cluster, below) = (EtcdCluster::start(1).await, TempDir::new().expect("a directory"));
    let bytes = snapshot(&cluster.client(0)).await;
    let deep: &Path = &below.path().join("a directory with blanks, deep down below".repeat(4));
    let room = Room::new(deep).expect("a room");
    fs::write(room.database(), bytes).expect("write");
    let etcd = Throwaway::restore(room, &binaries(VERSION), true, &Access::default()).await.expect("restored");
    assert_eq!(of(&etcd).await.content.keys, Wide(0));
}
