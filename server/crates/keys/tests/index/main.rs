//! The index, its keeper and the pager against real etcd. Invariant: what is expected is always etcd's own answer to one
//! whole range; nothing here asserts how long a thing took.

mod support;

use quorate_domain::{
    Timestamp,
    keys::{IndexPhase, Key, KeySearch, Match},
    wide::Wide,
};
use quorate_etcd::{Change, Material, PutLease, Write};
use quorate_keys::{Budget, Keeper, Matcher, Visible, pager};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, SecuredEtcd},
    until::until,
};
use std::sync::Arc;
use support::{Churn, Gate, compact, everything, fill, live, pages, put, query, shown};

fn roomy() -> Arc<Budget> {
    Arc::new(Budget::new(64 << 20, 128 << 20))
}

/// Waits until the index shows what the cluster has, and holds one against the other.
async fn assert_exact(keeper: &Keeper, client: &quorate_etcd::MemberClient) {
    let (revision, wanted) = everything(client).await;
    assert!(keeper.reached(revision, PATIENCE).await, "{:?}", keeper.state());
    live(keeper).await;
    let got = keeper.read(shown).expect("an index");
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(&wanted) {
        assert_eq!(got.0, wanted.0);
        let (size, changed_at) = (got.1.size.or(wanted.1.size), None);
        let got = quorate_domain::keys::KeyMeta { size, changed_at, ..got.1.clone() };
        assert_eq!(got, wanted.1, "{}", Key(wanted.0.clone()));
    }
    let state = keeper.state();
    assert_eq!((state.revision, state.keys), (Wide(revision), Wide(wanted.len() as u64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_etcds_own_answer_after_churn_compactions_and_restarts() {
    let mut cluster = EtcdCluster::start(1).await;
    fill(&cluster.client(0), 3000).await;
    let mut churn = Churn::start(cluster.client(0), 1);
    let keeper = Keeper::start(Gate::of(&cluster, &[0]), roomy());
    live(&keeper).await;
    for round in 0..3 {
        churn.reaches(200).await;
        compact(&cluster.client(0)).await;
        cluster.member_mut(0).kill();
        until(PATIENCE, "the break is noticed", async || keeper.state().phase == IndexPhase::Behind).await;
        assert!(keeper.read(|index| index.len()).is_some(), "the old one can be read, round {round}");
        cluster.member_mut(0).run();
        churn.reaches(50).await;
    }
    churn.stop().await;
    assert_exact(&keeper, &cluster.client(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_goes_on_with_another_member_when_the_watched_one_is_killed() {
    let mut cluster = EtcdCluster::start(3).await;
    fill(&cluster.client(1), 1500).await;
    let keeper = Keeper::start(Gate::of(&cluster, &[0, 1, 2]), roomy());
    live(&keeper).await;
    let mut churn = Churn::start(cluster.client(1), 7);
    churn.reaches(100).await;
    cluster.member_mut(0).kill();
    churn.reaches(100).await;
    cluster.member_mut(0).run();
    churn.stop().await;
    assert_exact(&keeper, &cluster.client(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_were_compacted_before_they_were_heard_of_lead_to_a_new_listing() {
    let mut cluster = EtcdCluster::start(3).await;
    fill(&cluster.client(1), 500).await;
    let members = Gate::of(&cluster, &[0, 1]);
    let keeper = Keeper::start(members.clone(), roomy());
    live(&keeper).await;
    members.close();
    cluster.member_mut(0).kill();
    until(PATIENCE, "the break is noticed", async || keeper.state().phase == IndexPhase::Behind).await;
    assert!(keeper.state().why.contains("taken up again"), "{}", keeper.state().why);
    let mut churn = Churn::start(cluster.client(1), 3);
    churn.reaches(150).await;
    churn.stop().await;
    compact(&cluster.client(1)).await;
    members.open();
    assert_exact(&keeper, &cluster.client(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_went_back_is_listed_again() {
    let (mut before, after) = (EtcdCluster::start(1).await, EtcdCluster::start(1).await);
    fill(&before.client(0), 400).await;
    put(&after.client(0), b"/restored", b"1").await;
    let members = Gate::of(&before, &[0]);
    let keeper = Keeper::start(members.clone(), roomy());
    live(&keeper).await;
    members.lead_to(&after, &[0]);
    before.member_mut(0).kill();
    until(PATIENCE, "the other keys", async || keeper.read(|index| index.len()) == Some(1)).await;
    assert_exact(&keeper, &after.client(0)).await;
    put(&after.client(0), b"/new", b"22").await;
    assert_exact(&keeper, &after.client(0)).await;
    let new = keeper.read(|index| index.get(b"/new")).flatten().expect("heard of");
    assert_eq!((new.size, new.changed_at), (Some(Wide(2)), Some(Timestamp(1000))));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_with_as_many_keys_at_that_revision_is_listed_again() {
    let (mut before, after) = (EtcdCluster::start(1).await, EtcdCluster::start(1).await);
    put(&before.client(0), b"/a", b"1").await;
    put(&after.client(0), b"/b", b"1").await;
    let members = Gate::of(&before, &[0]);
    let keeper = Keeper::start(members.clone(), roomy());
    live(&keeper).await;
    members.lead_to(&after, &[0]);
    before.member_mut(0).kill();
    let other = async || keeper.read(|index| index.get(b"/b").is_some()) == Some(true);
    until(PATIENCE, "the other keys", other).await;
    assert_exact(&keeper, &after.client(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_does_not_fit_is_dropped_and_its_memory_given_back() {
    let cluster = EtcdCluster::start(1).await;
    fill(&cluster.client(0), 3000).await;
    let small = Arc::new(Budget::new(16 << 10, 1 << 20));
    let keeper = Keeper::start(Gate::of(&cluster, &[0]), small.clone());
    until(PATIENCE, "it is given up", async || keeper.state().phase == IndexPhase::TooLarge).await;
    assert!(keeper.read(|index| index.len()).is_none() && keeper.state().why.contains("MiB"));
    assert_eq!(small.taken(), 0);

    let budget = roomy();
    let keeper = Keeper::start(Gate::of(&cluster, &[0]), budget.clone());
    live(&keeper).await;
    assert_eq!(budget.taken() as u64, keeper.state().bytes.0);
    drop(keeper);
    assert_eq!(budget.taken(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_list_all_keys_gets_no_index_and_is_told_why() {
    let etcd = SecuredEtcd::start().await;
    etcd.enable_users().await;
    let root = etcd.client(&etcd.with_login());
    let made = root.call(CALL, async |etcd| {
        let mut auth = etcd.auth_client();
        auth.user_add("reader".to_owned(), "reads".to_owned(), None).await?;
        Ok(())
    });
    made.await.expect("a user");
    let material = Material { user: "reader".into(), password: "reads".into(), ..etcd.material() };
    let keeper = Keeper::start(Gate::to(vec![etcd.client(&material)]), roomy());
    until(PATIENCE, "it is off", async || keeper.state().phase == IndexPhase::Off).await;
    assert!(keeper.state().why.contains("may not list all keys"), "{}", keeper.state().why);
    assert!(keeper.read(|index| index.len()).is_none());
}

#[tokio::test]
async fn pages_of_etcd_are_those_of_the_index_whatever_keys_are_called() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    let awkward: [&[u8]; 16] = [
        b"/a",
        b"/a/",
        b"/a/b",
        b"/a//b",
        b"//",
        b"/",
        b"\xff\xfe/x",
        b"nul\0/x",
        b"line\n/x",
        b"\"<script>'",
        "/שלום/🔑".as_bytes(),
        b"/a!",
        b"/b/1",
        b"/b/2/3",
        b"plain",
        &[b'k'; 4096],
    ];
    for key in awkward {
        put(&client, key, b"v").await;
    }
    fill(&client, 700).await;
    let keeper = Keeper::start(Gate::of(&cluster, &[0]), roomy());
    live(&keeper).await;
    let narrow = Visible::of_prefixes([Key::raw("/a"), Key::raw("/b/2"), Key::raw("p")]);
    for visible in [Visible::all(), narrow] {
        for (prefix, separator, limit) in
            [("", "/", 3), ("", "", 100), ("", "/", 1000), ("/a/", "/", 2), ("/churn/", "/", 7), ("/a", "", 1)]
        {
            let query = query(prefix, separator, limit);
            let mut wanted = keeper.read(|index| support::all_of(index, &query, &visible)).expect("an index");
            let got = pages(&client, &query, &visible).await;
            assert_eq!(got.len(), wanted.len(), "{prefix:?} by {separator:?}");
            for (wanted, got) in wanted.iter_mut().zip(&got) {
                // Not every folder is counted, but no count is wrong.
                wanted.keys = wanted.keys.filter(|_| got.keys.is_some());
                assert_eq!(wanted, got);
            }
        }
    }
}

#[tokio::test]
async fn a_compaction_while_paging_is_said_and_pages_go_on() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    fill(&client, 60).await;
    let mut asked = query("/churn/", "", 20);
    let first = pager::page(&client, &asked, &Visible::all(), CALL).await.expect("a page");
    assert_eq!((first.entries.len(), first.keys, first.note.as_str()), (20, Some(60), ""));
    put(&client, b"/churn/zz", b"new").await;
    asked.after = first.next;
    asked.revision = Some(Wide(first.revision));
    let second = pager::page(&client, &asked, &Visible::all(), CALL).await.expect("a page");
    assert_eq!((second.revision, second.note.as_str()), (first.revision, ""));
    put(&client, b"/churn/zzz", b"new").await;
    compact(&client).await;
    let third = pager::page(&client, &asked, &Visible::all(), CALL).await.expect("a page all the same");
    assert!(third.revision > first.revision && third.note.contains("compacted"), "{}", third.note);
    assert_eq!(third.entries[0].name, second.entries[0].name);
}

#[tokio::test]
async fn values_are_searched_and_sized_a_budget_at_a_time() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    for i in 0..40 {
        let value = if i % 10 == 3 { b"...needle...".to_vec() } else { vec![b'v'; 100] };
        put(&client, format!("/v/{i:02}").as_bytes(), &value).await;
    }
    put(&client, b"/w/needle", b"").await;
    let mut search = KeySearch { pattern: "needle".into(), how: Match::Substring, limit: 2, ..KeySearch::default() };
    let (matcher, all) = (Arc::new(Matcher::new(&search).expect("a pattern")), Visible::all());
    let (mut found, mut answers) = (Vec::new(), 0);
    loop {
        let page = pager::search_values(&client, &search, &matcher, &all, 500, CALL).await.expect("an answer");
        found.extend(page.hits.into_iter().map(|hit| (hit.key.to_string(), hit.excerpt.contains("needle"))));
        answers += 1;
        search.after = page.next;
        if search.after.is_none() {
            break;
        }
    }
    let names = ["/v/03", "/v/13", "/v/23", "/v/33"].map(|key| (key.to_owned(), true));
    assert_eq!(found, [&names[..], &[("/w/needle".to_owned(), false)]].concat());
    assert!(answers >= 3);

    let search = KeySearch { pattern: "needle".into(), ..KeySearch::default() };
    let keys = pager::search_keys(&client, &search, &matcher, &all, CALL).await.expect("an answer");
    assert_eq!(keys.hits.iter().map(|hit| hit.key.to_string()).collect::<Vec<_>>(), ["/w/needle"]);

    let (prefix, mut after, mut sizes) = (Key::raw("/v/"), None, Vec::new());
    loop {
        let (some, next) = pager::scan_sizes(&client, &prefix, after.as_ref(), &all, 1000, CALL).await.expect("sizes");
        assert!(next.is_none() || !some.is_empty());
        sizes.extend(some);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((sizes.len(), sizes[3].2, sizes[4].2), (40, 12, 100));

    let keeper = Keeper::start(Gate::of(&cluster, &[0]), roomy());
    live(&keeper).await;
    keeper.set_sizes(&sizes, Timestamp(77));
    assert_eq!(keeper.state().sizes_at, Some(Timestamp(77)));
    let sized = keeper.read(|index| index.get(b"/v/03")).flatten().expect("a key");
    assert_eq!(sized.size, Some(Wide(12)));
}

#[tokio::test]
async fn a_page_shows_what_was_just_written_once_the_index_reached_it() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    let keeper = Keeper::start(Gate::of(&cluster, &[0]), roomy());
    live(&keeper).await;
    let lease = client.grant_lease(600, CALL).await.expect("a lease");
    let write = Write::Put { key: b"/mine".to_vec(), value: b"12345".to_vec(), lease: PutLease::Of(lease) };
    let done = client.change(&Change { seen: Vec::new(), writes: vec![write] }, CALL).await.expect("written");
    assert!(keeper.reached(done.revision.cast_unsigned(), PATIENCE).await);
    let mine = keeper.read(|index| index.get(b"/mine")).flatten().expect("it is there");
    assert_eq!((mine.lease.map(|lease| lease.0), mine.size), (Some(lease.cast_unsigned()), Some(Wide(5))));
    assert!(!keeper.reached(u64::MAX, std::time::Duration::ZERO).await);
}
