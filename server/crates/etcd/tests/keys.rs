//! Keys, watches and leases against real etcd processes. Invariant: nothing here asserts how long a thing took.

use quorate_etcd::{
    Change, Heard, KeyWatch, MemberClient, Pair, PutLease, Range, RangeEnd, WatchEnd, WatchRange, Write, etcd_client,
};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, SecuredEtcd},
    until::until,
};
use tokio::time::timeout;

fn write(key: &str, value: &[u8], lease: PutLease) -> Write {
    Write::Put { key: key.as_bytes().to_vec(), value: value.to_vec(), lease }
}

/// Writes without a guard; the revision.
async fn put(client: &MemberClient, key: &str, value: &[u8]) -> i64 {
    let change = Change { seen: Vec::new(), writes: vec![write(key, value, PutLease::None)] };
    client.change(&change, CALL).await.expect("put").revision
}

async fn compact(client: &MemberClient, revision: i64) {
    let compacted = client.call(CALL, async |etcd| {
        let physical = etcd_client::CompactionOptions::new().with_physical();
        etcd.kv_client().compact(revision, Some(physical)).await?;
        Ok(())
    });
    compacted.await.expect("compacted");
}

fn all() -> Range {
    Range { end: RangeEnd::Last, ..Range::default() }
}

async fn hear(watch: &mut KeyWatch, changes: usize) -> Vec<Heard> {
    let mut heard = Vec::new();
    while heard.len() < changes {
        heard.extend(timeout(PATIENCE, watch.next()).await.expect("in time").expect("news").heard);
    }
    heard
}

#[tokio::test]
async fn pages_at_one_revision_show_what_was_there_then() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    for n in 0..7 {
        put(&client, &format!("k{n}"), b"v").await;
    }
    let mut page = Range { limit: 3, keys_only: true, ..all() };
    let first = client.range(&page, CALL).await.expect("page");
    assert_eq!((first.pairs.len(), first.more, first.count), (3, true, 7));
    assert!(first.pairs.iter().all(|pair| pair.value.is_empty() && pair.mod_revision > 0));
    put(&client, "k35", b"too late").await;
    let mut keys: Vec<Vec<u8>> = first.pairs.into_iter().map(|pair| pair.key).collect();
    page.revision = first.revision;
    loop {
        page.from = [keys.last().expect("a key").as_slice(), &[0]].concat();
        let next = client.range(&page, CALL).await.expect("page");
        keys.extend(next.pairs.into_iter().map(|pair| pair.key));
        if !next.more {
            break;
        }
    }
    let expected: Vec<Vec<u8>> = (0..7).map(|n| format!("k{n}").into_bytes()).collect();
    assert_eq!(keys, expected);
    let now = put(&client, "k0", b"again").await;
    compact(&client, now).await;
    let error = client.range(&page, CALL).await.expect_err("its revision is gone");
    assert!(error.is_compacted(), "{error}");
    let count = client.range(&Range { count_only: true, ..all() }, CALL).await.expect("count");
    assert_eq!((count.count, count.pairs.len()), (8, 0));
}

#[tokio::test]
async fn a_range_ends_where_its_prefix_does() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    for key in ["/a", "/a/1", "/a/2", "/a0", "/b"] {
        put(&client, key, b"").await;
    }
    let below = Range { from: b"/a/".to_vec(), end: RangeEnd::of_prefix(b"/a/"), ..Range::default() };
    let keys: Vec<Vec<u8>> =
        client.range(&below, CALL).await.expect("range").pairs.into_iter().map(|p| p.key).collect();
    assert_eq!(keys, [b"/a/1".to_vec(), b"/a/2".to_vec()]);
    let one = client.range(&Range::of("/a"), CALL).await.expect("one");
    assert_eq!((one.pairs.len(), one.count), (1, 1));
    assert_eq!(client.range(&Range::of("/none"), CALL).await.expect("none").pairs, []);
    let (deleted, _) = client.delete_range(b"/a/", &RangeEnd::of_prefix(b"/a/"), CALL).await.expect("delete");
    assert_eq!((deleted, client.range(&all(), CALL).await.expect("left").count), (2, 3));
}

#[tokio::test]
async fn a_change_is_done_whole_or_says_what_it_found() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let first = put(&client, "a", b"1").await;
    let rename = Change {
        seen: vec![(b"a".to_vec(), first), (b"b".to_vec(), 0)],
        writes: vec![write("b", b"1", PutLease::None), Write::Delete { key: b"a".to_vec() }],
    };
    let done = client.change(&rename, CALL).await.expect("renamed");
    assert!(done.done && done.revision == first + 1 && done.found.is_empty());
    let lost = client.change(&rename, CALL).await.expect("lost");
    assert!(!lost.done);
    let found: Vec<(&[u8], i64)> = lost.found.iter().map(|p| (p.key.as_slice(), p.mod_revision)).collect();
    assert_eq!(found, [(&b"b"[..], done.revision)], "those that are there");
    let pair = client.range(&Range::of("b"), CALL).await.expect("range").pairs.remove(0);
    let whole = Pair {
        key: b"b".to_vec(),
        value: b"1".to_vec(),
        create_revision: done.revision,
        mod_revision: done.revision,
        version: 1,
        lease: 0,
    };
    assert_eq!(pair, whole);
}

#[tokio::test]
async fn a_value_near_the_limit_is_written_and_a_larger_one_refused() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    put(&client, "large", &vec![b'x'; 1_400_000]).await;
    let change = Change { seen: vec![], writes: vec![write("large", &vec![b'x'; 1_600_000], PutLease::None)] };
    let error = client.change(&change, CALL).await.expect_err("too large");
    assert!(error.is_too_large() && !error.may_have_happened(), "{error}");
    for n in 0..5 {
        put(&client, &format!("large{n}"), &vec![b'x'; 1_400_000]).await;
    }
    let reply = client.range(&all(), CALL).await.expect("7 MiB and more in one answer");
    assert_eq!(reply.pairs.iter().map(|p| p.value.len()).sum::<usize>(), 6 * 1_400_000);
}

#[tokio::test]
async fn a_lease_goes_with_its_keys_and_is_kept_by_a_write_that_keeps_it() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let lease = client.grant_lease(600, CALL).await.expect("grant");
    let writes = |lease| Change { seen: vec![], writes: vec![write("a", b"1", lease)] };
    client.change(&writes(PutLease::Of(lease)), CALL).await.expect("put");
    client.change(&writes(PutLease::Keep), CALL).await.expect("put again");
    let told = client.lease(lease, true, CALL).await.expect("lease");
    assert_eq!((told.id, told.granted, told.keys), (lease, 600, vec![b"a".to_vec()]));
    assert!((1..=600).contains(&told.ttl));
    assert_eq!(client.leases(CALL).await.expect("leases"), [lease]);
    assert_eq!(client.keep_lease_alive(lease, CALL).await.expect("alive"), 600);
    client.change(&writes(PutLease::None), CALL).await.expect("dropped");
    assert_eq!(client.lease(lease, true, CALL).await.expect("lease").keys, Vec::<Vec<u8>>::new());
    client.change(&writes(PutLease::Of(lease)), CALL).await.expect("put");
    client.revoke_lease(lease, CALL).await.expect("revoke");
    assert_eq!(client.range(&Range::of("a"), CALL).await.expect("range").pairs, []);
    assert_eq!(client.lease(lease, false, CALL).await.expect("an answer").ttl, -1);
    assert!(client.keep_lease_alive(lease, CALL).await.expect("an answer") <= 0);
    let gone = client.change(&writes(PutLease::Of(lease)), CALL).await.expect_err("no such lease");
    assert!(gone.is_lease_gone() && !gone.may_have_happened(), "{gone}");
    let gone = client.revoke_lease(lease, CALL).await.expect_err("no such lease");
    assert!(gone.is_lease_gone(), "{gone}");
}

#[tokio::test]
async fn a_watch_tells_what_was_before_and_begins_where_it_is_told_to() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let first = put(&client, "/a/x", b"1").await;
    put(&client, "/b", b"not watched").await;
    put(&client, "/a/x", b"2").await;
    client.delete_range(b"/a/x", &RangeEnd::Single, CALL).await.expect("delete");
    let range = WatchRange { from: b"/a/".to_vec(), end: RangeEnd::of_prefix(b"/a/"), start: first, before: true };
    let mut watch = client.watch(&range, CALL).await.expect("a watch");
    let heard = hear(&mut watch, 3).await;
    let said: Vec<_> = heard
        .iter()
        .map(|h| (h.pair.value.as_slice(), h.deleted, h.before.as_ref().map(|p| p.value.as_slice())))
        .collect();
    assert_eq!(
        said,
        [(&b"1"[..], false, None), (&b"2"[..], false, Some(&b"1"[..])), (&b""[..], true, Some(&b"2"[..]))]
    );
    put(&client, "/b", b"2").await;
    let now = put(&client, "/c", b"3").await;
    watch.ask_progress().await.expect("asked");
    let progress = timeout(PATIENCE, watch.next()).await.expect("in time").expect("progress");
    assert!(progress.heard.is_empty() && progress.revision >= now);
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_says_where_it_can_begin() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    put(&client, "a", b"1").await;
    let second = put(&client, "a", b"2").await;
    let third = put(&client, "a", b"3").await;
    compact(&client, second).await;
    let range = WatchRange { from: b"a".to_vec(), start: 1, before: true, ..WatchRange::default() };
    let end = match client.watch(&range, CALL).await {
        Err(end) => end,
        Ok(mut watch) => timeout(PATIENCE, watch.next()).await.expect("in time").expect_err("compacted"),
    };
    assert!(matches!(end, WatchEnd::Compacted(at) if at == second), "{end:?}");
    let again = WatchRange { start: second + 1, ..range };
    let mut watch = client.watch(&again, CALL).await.expect("a watch");
    let heard = hear(&mut watch, 1).await;
    assert_eq!((heard[0].pair.mod_revision, heard[0].before.as_ref().map(|p| p.mod_revision)), (third, Some(second)));
}

#[tokio::test]
async fn a_large_answer_of_a_watch_comes_in_parts_and_whole() {
    let etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let first = put(&client, "k", b"1").await;
    for _ in 0..6 {
        put(&client, "k", &vec![b'x'; 1_000_000]).await;
    }
    let range = WatchRange { from: b"k".to_vec(), start: first, before: true, ..WatchRange::default() };
    let mut watch = client.watch(&range, CALL).await.expect("a watch");
    let heard = hear(&mut watch, 7).await;
    let revisions: Vec<i64> = heard.iter().map(|h| h.pair.mod_revision).collect();
    assert_eq!(revisions, (first..first + 7).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_watch_ends_with_its_member() {
    let mut etcd = EtcdCluster::start(1).await;
    let client = etcd.client(0);
    let range = WatchRange { end: RangeEnd::Last, ..WatchRange::default() };
    let mut watch = client.watch(&range, CALL).await.expect("a watch");
    etcd.member_mut(0).kill();
    let end = timeout(PATIENCE, watch.next()).await.expect("in time").expect_err("it is dead");
    assert!(matches!(end, WatchEnd::Broken(_)), "{end:?}");
}

#[tokio::test]
async fn a_user_may_what_its_roles_say() {
    let etcd = SecuredEtcd::start().await;
    etcd.enable_users().await;
    let root = etcd.client(&etcd.with_login());
    let made = root.call(CALL, async |etcd| {
        use etcd_client::Permission;
        let mut auth = etcd.auth_client();
        auth.user_add("anna".to_owned(), "anna's password".to_owned(), None).await?;
        auth.user_add("bert".to_owned(), "bert's password".to_owned(), None).await?;
        auth.role_add("reader".to_owned()).await?;
        auth.role_grant_permission("reader".to_owned(), Permission::read("/a/").with_prefix()).await?;
        auth.role_grant_permission("reader".to_owned(), Permission::read_write("/b")).await?;
        auth.user_grant_role("anna".to_owned(), "reader".to_owned()).await?;
        Ok(())
    });
    made.await.expect("users and roles");
    let login = |user: &str| {
        let material = etcd.with_login();
        etcd.client(&quorate_etcd::Material {
            user: user.into(),
            password: format!("{user}'s password").into(),
            ..material
        })
    };
    assert_eq!(root.granted(CALL).await.expect("root"), None, "root may everything");
    let anna = login("anna");
    let granted = anna.granted(CALL).await.expect("anna").expect("some ranges");
    let said: Vec<_> = granted.iter().map(|g| (g.from.as_slice(), g.end.clone(), g.read, g.write)).collect();
    assert_eq!(
        said,
        [(&b"/a/"[..], RangeEnd::of_prefix(b"/a/"), true, false), (&b"/b"[..], RangeEnd::Single, true, true)]
    );
    let below = Range { from: b"/a/".to_vec(), end: RangeEnd::of_prefix(b"/a/"), ..Range::default() };
    assert_eq!(anna.range(&below, CALL).await.expect("hers").pairs, []);
    put(&anna, "/b", b"1").await;
    let error = anna.range(&all(), CALL).await.expect_err("not hers");
    assert!(error.is_denied(), "{error}");
    let change = Change { seen: vec![], writes: vec![write("/a/x", b"1", PutLease::None)] };
    let error = anna.change(&change, CALL).await.expect_err("only to read");
    assert!(error.is_denied() && !error.may_have_happened(), "{error}");
    let bert = login("bert");
    assert_eq!(bert.granted(CALL).await.expect("bert"), Some(Vec::new()), "a user without rights");
    assert!(bert.range(&below, CALL).await.expect_err("not his").is_denied());
    until(PATIENCE, "a watch of it is refused", async || {
        let range = WatchRange { end: RangeEnd::Last, ..WatchRange::default() };
        match bert.watch(&range, CALL).await {
            Err(WatchEnd::Broken(_)) => true,
            Err(WatchEnd::Compacted(_)) => false,
            Ok(mut watch) => matches!(watch.next().await, Err(WatchEnd::Broken(_))),
        }
    })
    .await;
}
