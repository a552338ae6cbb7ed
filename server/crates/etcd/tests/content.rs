//! Contents of real clusters. Invariant: nothing here asserts how long a thing took.

use quorate_domain::wide::Wide;
use quorate_etcd::{Change, MemberClient, PutLease, Range, RangeEnd, Write, content, content_by, stride::Size};
use quorate_testkit::etcd::{CALL, EtcdCluster};
use sha2::{Digest, Sha256};

async fn change(client: &MemberClient, writes: Vec<Write>) -> i64 {
    client.change(&Change { seen: Vec::new(), writes }, CALL).await.expect("written").revision
}

fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Write {
    Write::Put { key: key.into(), value: value.into(), lease: PutLease::None }
}

/// Keys of two folders with a wide gap between them, some of them no text, some values large.
async fn fill(client: &MemberClient) {
    for batch in 0..12_u8 {
        let writes = (0..50_u8).map(|n| match batch {
            0..8 => put(format!("/a/folder-{batch}/key-{n:03}"), format!("value {n}")),
            8 => put(vec![b'/', 255, n], vec![n; usize::from(n)]),
            9 => put([vec![b'z'; 300], vec![n]].concat(), vec![]),
            _ => put(format!("/q/{batch}/{n}"), vec![b'x'; 9000]),
        });
        change(client, writes.collect()).await;
    }
    change(client, vec![put([0], "the first key there can be"), put(vec![255; 20], "behind all prefixes")]).await;
    change(client, vec![put("/large", vec![7; 1_200_000])]).await;
}

#[tokio::test]
async fn a_content_is_the_same_in_pages_of_any_size_and_another_after_any_change() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let empty = content(&client, None).await.expect("an empty cluster");
    assert_eq!((empty.content.keys, empty.content.digest), (Wide(0), hex::encode(Sha256::digest(b""))));
    fill(&client).await;
    let whole = content(&client, None).await.expect("content");
    let all = Range { end: RangeEnd::Last, ..Range::default() };
    let pairs = client.range(&all, CALL).await.expect("all keys");
    let mut hash = Sha256::new();
    for pair in &pairs.pairs {
        for bytes in [&pair.key, &pair.value] {
            hash.update(u32::try_from(bytes.len()).expect("short").to_le_bytes());
            hash.update(bytes);
        }
        hash.update(pair.mod_revision.to_le_bytes());
    }
    assert_eq!(
        (whole.content.keys, whole.revision),
        (Wide(603), Wide(u64::try_from(pairs.revision).expect("positive")))
    );
    assert_eq!(whole.content.digest, hex::encode(hash.finalize()));
    for (bytes, growth, most) in [(1, 1, 1), (100, 2, 3), (5000, 16, 100), (1 << 20, 2, 7), (64 << 20, 100, 100_000)] {
        let again = content_by(&client, None, Size { bytes, growth, most }).await.expect("content");
        assert_eq!(again, whole, "pages of {bytes} bytes, growing by {growth}, of {most} keys");
    }

    let before = Some(whole.revision);
    let mut known = vec![whole.content.digest.clone()];
    let same = vec![put("/a/folder-1/key-007", "value 7")];
    for writes in [vec![put("/a/folder-1/key-007", "value 8")], same, vec![Write::Delete { key: b"/large".to_vec() }]] {
        change(&client, writes).await;
        let now = content(&client, None).await.expect("content").content;
        assert!(!known.contains(&now.digest), "every change shows, also one that writes what was there");
        known.push(now.digest);
    }
    assert_eq!(content(&client, before).await.expect("as it was"), whole);
    let ahead = content(&client, Some(Wide(1 << 40))).await.expect_err("not there yet");
    assert!(ahead.is_ahead(), "{ahead}");
}
