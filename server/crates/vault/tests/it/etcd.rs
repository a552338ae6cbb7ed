//! Snapshots of a real etcd: with its digest, without, and damaged in each way.

use crate::support::{chunks, files, folder, local};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use quorate_etcd::etcd_client::{Client, Error};
use quorate_testkit::etcd::EtcdCluster;
use quorate_vault::{Shape, Vault, VaultError, Written};

const NAME: &str = "20261123-181702-billing-etcd-backup.db";

/// A snapshot as etcd sends it.
async fn streamed(cluster: &EtcdCluster) -> Vec<u8> {
    let mut client = Client::connect([cluster.member(0).client_url()], None).await.unwrap();
    for key in 0..400 {
        client.put(format!("key-{key}"), vec![b'v'; 1000], None).await.unwrap();
    }
    let answers = client.snapshot().await.unwrap();
    let chunks = stream::try_unfold(answers, async |mut answers| {
        Ok::<_, Error>(answers.message().await?.map(|answer| (Bytes::copy_from_slice(answer.blob()), answers)))
    });
    chunks.boxed().map_ok(|chunk| chunk.to_vec()).try_concat().await.unwrap()
}

async fn put(vault: &Vault, shape: Shape, bytes: &[u8]) -> Result<Written, VaultError> {
    vault.put(NAME, shape, None, chunks(bytes, 32 * 1024)).await
}

#[tokio::test]
async fn snapshots_are_proven_by_what_etcd_wrote() {
    let mut cluster = EtcdCluster::start(1).await;
    let bytes = streamed(&cluster).await;
    let dir = folder();
    let vault = local(dir.path());
    let written = put(&vault, Shape::Snapshot, &bytes).await.unwrap();
    assert_eq!((written.bytes, written.sealed_by_etcd), (bytes.len() as u64, Some(true)));
    vault.delete(NAME).await.unwrap();

    cluster.member_mut(0).kill();
    let copied = std::fs::read(cluster.member(0).data_dir().join("member/snap/db")).unwrap();
    let written = put(&vault, Shape::Database, &copied).await.unwrap();
    assert_eq!((written.bytes, written.sealed_by_etcd), (copied.len() as u64, None));
    vault.delete(NAME).await.unwrap();

    let half = bytes.len() / 2;
    let mut flipped = bytes.clone();
    flipped[half] ^= 1;
    let page = half / 4096 * 4096;
    for (what, shape, damaged, told) in [
        ("empty", Shape::Snapshot, &bytes[..0], "it is empty"),
        ("flipped", Shape::Snapshot, &flipped[..], "not those that etcd wrote"),
        ("flipped, brought", Shape::Database, &flipped[..], "not those that etcd wrote"),
        ("cut", Shape::Snapshot, &bytes[..half + 7], "its end is missing"),
        ("cut at a page", Shape::Database, &bytes[..page], "its end is missing"),
        ("copy cut at a page", Shape::Database, &copied[..page], "its end is missing"),
        ("without digest", Shape::Snapshot, &bytes[..bytes.len() - 32], "SHA-256 at its end is missing"),
        ("other", Shape::Database, b"PK\x03\x04", "no etcd database"),
    ] {
        let error = put(&vault, shape, damaged).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt { .. }) && error.to_string().contains(told), "{what}: {error}");
        assert_eq!(files(dir.path()), [""; 0], "{what}");
    }
}
