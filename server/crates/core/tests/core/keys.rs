//! Keys of a real cluster through a running console: pages, values, masks, rules, every member.

use crate::orders;
use quorate_core::{Actor, Console, CoreError, Via, act, clock::SystemClock};
use quorate_domain::{
    ClusterId, ProblemKind, Role, Scope, UserId,
    keys::{IndexPhase, Key, KeyPage, KeyQuery, KeyRule, KeySearch, Source, ValueQuery},
    wide::Wide,
};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::until,
};
use std::sync::Arc;
use tempfile::TempDir;

/// A console over a cluster that it knows.
struct Stage {
    etcd: EtcdCluster,
    console: Console,
    id: ClusterId,
    _dir: TempDir,
}

impl Stage {
    async fn raise(size: usize) -> Self {
        let etcd = EtcdCluster::start(size).await;
        let (console, _, dir) = orders::console(&etcd, Arc::new(SystemClock)).await;
        let id = orders::record(&etcd).id;
        let stage = Self { etcd, console, id, _dir: dir };
        let view = stage.console.permit::<act::ViewClusters>(&Actor::cli(), stage.cluster()).await.expect("permit");
        until(PATIENCE, "all members are seen", async || {
            stage
                .console
                .cluster(&view)
                .await
                .is_ok_and(|v| v.members.len() == size && v.members.iter().all(|m| m.healthy()))
        })
        .await;
        stage
    }

    fn cluster(&self) -> Scope {
        Scope::Cluster(self.id.clone())
    }

    fn key(&self, key: &str) -> Scope {
        Scope::Keys(self.id.clone(), key.as_bytes().to_vec())
    }

    async fn put(&self, key: &str, value: &str) {
        self.etcd.client(0).canary_put(key.as_bytes(), value.as_bytes(), CALL).await.expect("put");
    }

    async fn indexed(&self, keys: u64) {
        let permit = self.console.permit::<act::ViewKeys>(&Actor::cli(), self.cluster()).await.expect("permit");
        until(PATIENCE, "the index is there", async || {
            let state = self.console.key_index(&permit).await.expect("state");
            state.phase == IndexPhase::Live && state.keys == Wide(keys)
        })
        .await;
    }
}

fn somebody(role: Role, key_rules: Vec<KeyRule>) -> Actor {
    Actor {
        user: UserId::from_random([9; 10]),
        name: "anna".into(),
        role,
        key_rules,
        via: Via::Session,
        ..Actor::cli()
    }
}

fn query(prefix: &str) -> KeyQuery {
    KeyQuery {
        prefix: Key::raw(prefix),
        separator: Key::raw("/"),
        after: None,
        revision: None,
        limit: 100,
        descending: false,
    }
}

fn value(key: &str, reveal: bool) -> ValueQuery {
    ValueQuery { key: Key::raw(key), revision: None, form: None, all: false, reveal }
}

fn kind(error: CoreError) -> ProblemKind {
    quorate_domain::Problem::from(error).kind
}

#[tokio::test]
async fn rules_narrow_what_is_listed_found_and_read_to_their_prefixes() {
    let stage = Stage::raise(1).await;
    for key in ["/app/a", "/app/b", "/other/c"] {
        stage.put(key, "needle").await;
    }
    stage.indexed(3).await;
    let rule = KeyRule { cluster: None, prefix: Key::raw("/app/"), read: true, write: false, delete: false };
    let anna = somebody(Role::Viewer, vec![rule]);
    let see = stage.console.permit::<act::ViewKeys>(&anna, stage.cluster()).await.expect("somewhere");
    let page = stage.console.keys_page(&see, &query("/")).await.expect("a page");
    assert_eq!(page.source, Source::Index);
    assert_eq!(page.entries.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>(), ["/app/"]);
    assert!(!page.note.is_empty(), "that more may be there is said");
    let search = KeySearch { pattern: "c".into(), ..KeySearch::default() };
    assert!(stage.console.search_keys(&see, &search).await.expect("searched").hits.is_empty());

    let read = stage.console.permit::<act::ReadValues>(&anna, stage.cluster()).await.expect("somewhere");
    let search = KeySearch { pattern: "needle".into(), in_values: true, ..KeySearch::default() };
    let found = stage.console.search_values(&read, &search).await.expect("searched");
    assert_eq!(found.hits.iter().map(|hit| hit.key.to_string()).collect::<Vec<_>>(), ["/app/a", "/app/b"]);
    let refused = stage.console.permit::<act::ReadValues>(&anna, stage.key("/other/c")).await.expect_err("not hers");
    assert_eq!(kind(refused), ProblemKind::Forbidden);
    stage.console.stop().await;
}

#[tokio::test]
async fn a_masked_value_is_shown_only_when_asked_for_and_that_is_audited() {
    let stage = Stage::raise(1).await;
    let key = "/registry/secrets/default/token";
    stage.put(key, "hunter2").await;
    let permit = stage.console.permit::<act::ReadValues>(&Actor::cli(), stage.key(key)).await.expect("permit");
    let masked = stage.console.value(&permit, &value(key, false)).await.expect("masked");
    assert!(masked.masked && masked.text.is_empty());
    let error = stage.console.value_bytes(&permit, &value(key, false)).await.expect_err("masked");
    assert_eq!(kind(error), ProblemKind::Forbidden);
    let shown = stage.console.value(&permit, &value(key, true)).await.expect("revealed");
    assert_eq!((shown.masked, shown.text.as_str()), (false, "hunter2"));
    let trail = stage.console.permit::<act::ViewAudit>(&Actor::cli(), Scope::Global).await.expect("permit");
    let rows = stage.console.audit_page(&trail, None, 10).await.expect("rows").events;
    let reveals: Vec<_> = rows.iter().filter(|row| row.action == "key.reveal").collect();
    assert_eq!((reveals.len(), reveals[0].object.as_str()), (1, "orders /registry/secrets/default/token"));

    let rule = KeyRule { cluster: None, prefix: Key::raw("/app/"), read: true, write: true, delete: true };
    let anna = somebody(Role::Operator, vec![rule]);
    let trail = stage.console.permit::<act::ViewAudit>(&anna, Scope::Global).await.expect("permit");
    let rows = stage.console.audit_page(&trail, None, 10).await.expect("rows").events;
    let reveal = rows.iter().find(|row| row.action == "key.reveal").expect("that something was revealed is told");
    assert!(reveal.object.is_empty() && !reveal.detail.contains("token"), "{reveal:?}");

    let cluster = stage.console.permit::<act::ReadValues>(&Actor::cli(), stage.cluster()).await.expect("permit");
    let search = KeySearch { pattern: "hunter".into(), in_values: true, ..KeySearch::default() };
    let found = stage.console.search_values(&cluster, &search).await.expect("searched");
    assert!(found.hits.is_empty() && found.note.contains("masked"), "{found:?}");
    stage.console.stop().await;
}

#[tokio::test]
async fn names_from_the_last_to_the_first_go_on_in_that_order_or_not_at_all() {
    let stage = Stage::raise(1).await;
    for key in ["/a", "/b", "/c", "/d"] {
        stage.put(key, "x").await;
    }
    let see = stage.console.permit::<act::ViewKeys>(&Actor::cli(), stage.cluster()).await.expect("permit");
    let mut asked = KeyQuery { descending: true, limit: 3, ..query("/") };
    let page = stage.console.keys_page(&see, &asked).await.expect("a page");
    let names = |page: &KeyPage| page.entries.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>();
    match page.source {
        Source::Index => assert_eq!(names(&page), ["/d", "/c", "/b"], "the first index was waited for"),
        Source::Etcd => assert!(page.next.is_none(), "{page:?}"),
    }
    stage.indexed(4).await;
    asked.after = Some(Key::raw("/b"));
    assert_eq!(names(&stage.console.keys_page(&see, &asked).await.expect("a page")), ["/a"]);
    stage.console.stop().await;
}

#[tokio::test]
async fn every_member_says_the_same_and_a_dead_one_is_named() {
    let mut stage = Stage::raise(3).await;
    stage.put("/a", "x").await;
    let permit = stage.console.permit::<act::ReadValues>(&Actor::cli(), stage.key("/a")).await.expect("permit");
    let all = stage.console.every_member(&permit).await.expect("asked");
    assert_eq!((all.agree, all.members.len()), (Some(true), 3), "{}", all.words);
    let again = stage.console.every_member(&permit).await.expect("asked");
    assert_eq!(all.members[0].digest, again.members[0].digest);
    let secret = "/registry/secrets/a";
    stage.put(secret, "yes").await;
    let masked = stage.console.permit::<act::ReadValues>(&Actor::cli(), stage.key(secret)).await.expect("permit");
    let first = stage.console.every_member(&masked).await.expect("asked");
    let second = stage.console.every_member(&masked).await.expect("asked");
    assert_eq!((first.agree, second.agree), (Some(true), Some(true)), "{}", first.words);
    assert_ne!(first.members[0].digest, second.members[0].digest, "it says nothing of a masked value");
    stage.etcd.member_mut(2).kill();
    let name = stage.etcd.member(2).name().to_owned();
    let all = stage.console.every_member(&permit).await.expect("asked");
    assert!(all.agree == Some(true) && all.words.contains(&name), "{}", all.words);
    let there = stage.console.value(&permit, &value("/a", false)).await.expect("another member answers");
    assert_eq!(there.text, "x");
    stage.console.stop().await;
}
