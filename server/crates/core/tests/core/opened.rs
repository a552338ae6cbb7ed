//! Snapshots that are tried out and opened, by a whole console over real etcd processes.

use crate::{bulk_stage::Stage, orders};
use quorate_core::{
    Actor, Console, act,
    clock::SystemClock,
    permit::{Act, Permit},
};
use quorate_domain::{
    ClusterId, DrillId, Problem, ProblemKind, Role, Scope, SnapshotId, Timestamp,
    keys::{CompareQuery, DifferenceKind, ImportMode, Key, KeyQuery, ValueQuery},
    snapshots::{Content, Drill, OpenedSnapshot, OpeningPhase, Origin, Snapshot, SnapshotState, TakeKeys, VaultPlace},
    wide::Wide,
};
use quorate_etcd::content;
use quorate_store::Store;
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, VERSION},
    until::{until, until_some},
};
use sha2::{Digest, Sha256};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// A console over a cluster.
struct Bench {
    etcd: EtcdCluster,
    console: Console,
    store: Store,
    dir: TempDir,
}

impl Bench {
    async fn raise() -> Self {
        let etcd = EtcdCluster::start(1).await;
        let (console, store, dir) = orders::console(&etcd, Arc::new(SystemClock)).await;
        Self { etcd, console, store, dir }
    }

    async fn put(&self, key: &str, value: &str) {
        self.etcd.client(0).canary_put(key.as_bytes(), value.as_bytes(), CALL).await.expect("put");
    }

    async fn permit<A: Act>(&self, actor: &Actor, scope: Scope) -> Permit<A> {
        self.console.permit(actor, scope).await.expect("a permit")
    }

    fn cluster(&self) -> ClusterId {
        orders::record(&self.etcd).id
    }

    /// A good snapshot of the cluster in the vault that every console has.
    async fn snapshot(&self, name: &str) -> Snapshot {
        let client = self.etcd.client(0);
        let taken = client.call(PATIENCE, async |etcd| {
            let (mut stream, mut bytes) = (etcd.maintenance_client().snapshot().await?, Vec::new());
            while let Some(part) = stream.message().await? {
                bytes.extend_from_slice(part.blob());
            }
            Ok(bytes)
        });
        let bytes = taken.await.expect("a snapshot");
        let vault = self.store.vaults().await.expect("vaults").into_iter().next().expect("the local vault").vault;
        let VaultPlace::Local { directory } = &vault.place else { panic!("{vault:?}") };
        std::fs::write(Path::new(directory).join(name), &bytes).expect("write");
        let mut id = [0; 10];
        id.copy_from_slice(&Sha256::digest(name)[..10]);
        let snapshot = Snapshot {
            id: SnapshotId::from_random(id),
            vault: vault.id,
            cluster: Some(self.cluster()),
            cluster_name: "orders".into(),
            name: name.into(),
            state: SnapshotState::Taking,
            at: Timestamp(1),
            actor: "anna".into(),
            origin: Origin::Asked,
            member: "m0".into(),
            etcd_cluster: String::new(),
            version: VERSION.parse().ok(),
            revision: None,
            bytes: Wide(bytes.len() as u64),
            expected: Wide(bytes.len() as u64),
            sha256: hex::encode(Sha256::digest(&bytes)),
            sealed_by_etcd: Some(true),
            content: None,
            encrypted: false,
            protected: false,
            problem: String::new(),
        };
        let mut tx = self.store.begin().await.expect("a change");
        tx.insert_snapshot(&snapshot).await.expect("inserted");
        tx.end_snapshot(&snapshot).await.expect("good");
        tx.commit().await.expect("commit");
        snapshot
    }

    async fn drilled(&self, id: &SnapshotId) -> Drill {
        let permit = self.permit::<act::TakeSnapshots>(&Actor::cli(), Scope::Global).await;
        let begun = self.console.drill(&permit, id).await.expect("begun");
        assert!(begun.ended_at.is_none() && begun.problem.is_empty());
        self.ended(&begun.id).await
    }

    async fn ended(&self, id: &DrillId) -> Drill {
        let permit = self.permit::<act::ViewSnapshots>(&Actor::cli(), Scope::Global).await;
        let ended = async || self.console.drill_of(&permit, id).await.ok().filter(|drill| drill.ended_at.is_some());
        until_some(PATIENCE, "the drill ends", ended).await
    }

    async fn opened(&self, id: &SnapshotId) -> OpenedSnapshot {
        let permit = self.permit::<act::ReadSnapshots>(&Actor::cli(), Scope::Global).await;
        let begun = self.console.open_snapshot(&permit, id).await.expect("begun");
        until_some(PATIENCE, "the snapshot is open", async || {
            let now = self.console.opened_snapshot(&permit, &begun.id).await.expect("still there");
            assert_ne!(now.phase, OpeningPhase::Failed, "{}", now.problem);
            (now.phase == OpeningPhase::Open).then_some(now)
        })
        .await
    }
}

fn refused<T>(answer: Result<T, quorate_core::error::CoreError>) -> Problem {
    Problem::from(answer.err().expect("refused"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_tells_whether_what_came_back_is_what_there_was() {
    let bench = Bench::raise().await;
    for n in 0..50 {
        bench.put(&format!("/a/{n}"), "x").await;
    }
    let live = content(&bench.etcd.client(0), None).await.expect("content");
    let snapshot = bench.snapshot("one.db").await;
    bench.put("/a/0", "changed later").await;
    let first = bench.drilled(&snapshot.id).await;
    assert_eq!((first.problem.as_str(), first.content.as_ref()), ("", Some(&live.content)));
    assert!(first.recovered_millis.is_some_and(|millis| millis > Wide(0)));
    let known = bench.store.snapshot(&snapshot.id).await.expect("read").expect("there");
    assert_eq!(
        (known.content, known.revision),
        (Some(live.content.clone()), Some(live.revision)),
        "noted for the next"
    );
    assert_eq!(bench.drilled(&snapshot.id).await.problem, "");

    let other = Content { digest: "ab".repeat(32), ..live.content };
    let mut tx = bench.store.begin().await.expect("a change");
    tx.set_snapshot_content(&snapshot.id, None, Some(&other), "").await.expect("set");
    tx.commit().await.expect("commit");
    assert!(bench.drilled(&snapshot.id).await.problem.contains("digest"));
    let missing = bench.snapshot("gone.db").await;
    let vault = bench.dir.path().join("vault/gone.db");
    std::fs::remove_file(vault).expect("removed");
    assert!(!bench.drilled(&missing.id).await.problem.is_empty());

    let view = bench.permit::<act::ViewSnapshots>(&Actor::cli(), Scope::Global).await;
    let all = bench.console.drills(&view, Some(&bench.cluster())).await.expect("drills");
    assert_eq!(all.iter().map(|drill| drill.problem.is_empty()).collect::<Vec<_>>(), [false, false, true, true]);
    let rooms = std::fs::read_dir(bench.dir.path().join("throwaway")).expect("read").count();
    assert_eq!(rooms, 0, "nothing is left on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_browsed_compared_and_brought_back_key_by_key_and_never_written() {
    let bench = Bench::raise().await;
    let cli = Actor::cli();
    for key in ["/app/a", "/app/ab", "/app/b", "/registry/secrets/x"] {
        bench.put(key, "then").await;
    }
    let snapshot = bench.snapshot("one.db").await;
    bench.put("/app/a", "now").await;
    bench.etcd.client(0).canary_delete(b"/app/b", CALL).await.expect("deleted");
    let open = bench.opened(&snapshot.id).await;
    let read = bench.permit::<act::ReadSnapshots>(&cli, Scope::Global).await;
    let again = bench.console.open_snapshot(&read, &snapshot.id).await.expect("the same");
    assert_eq!((again.id.clone(), open.bytes, open.revision.is_some()), (open.id.clone(), snapshot.bytes, true));

    let all = bench.permit::<act::ViewKeys>(&cli, Scope::Cluster(open.id.clone())).await;
    let query = KeyQuery {
        prefix: Key::default(),
        separator: Key::raw("/"),
        after: None,
        revision: None,
        limit: 10,
        descending: false,
    };
    let page = bench.console.keys_page(&all, &query).await.expect("a page");
    let names: Vec<String> = page.entries.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!((names.join(" "), page.keys), ("/app/ /registry/".into(), Some(Wide(4))));
    let below = |key: &str| Scope::Keys(open.id.clone(), key.into());
    let one = bench.permit::<act::ReadValues>(&cli, below("/app/a")).await;
    let value = ValueQuery { key: Key::raw("/app/a"), revision: None, form: None, all: false, reveal: false };
    assert_eq!(bench.console.value(&one, &value).await.expect("the value").text, "then");
    let secret = bench.permit::<act::ReadValues>(&cli, below("/registry/secrets/x")).await;
    let masked = ValueQuery { key: Key::raw("/registry/secrets/x"), ..value };
    assert!(bench.console.value(&secret, &masked).await.expect("masked").masked, "as in its cluster");

    let here = bench.permit::<act::ReadValues>(&cli, below("/app/")).await;
    let there = bench.permit::<act::ReadValues>(&cli, Scope::Keys(bench.cluster(), b"/app/".to_vec())).await;
    let compare = CompareQuery { prefix: Key::raw("/app/"), other: Some(bench.cluster()), ..CompareQuery::default() };
    let page = bench.console.compare_keys(&here, &there, &compare).await.expect("compared");
    let found: Vec<_> = page.differences.iter().map(|found| (found.key.to_string(), found.kind)).collect();
    assert_eq!(found, [("a".into(), DifferenceKind::Differs), ("b".into(), DifferenceKind::OnlyHere)]);

    let write = bench.permit::<act::WriteKeys>(&cli, Scope::Cluster(bench.cluster())).await;
    for (prefix, exact, keys, would) in [("/app/a", true, 1, (0, 1, 0)), ("/app/", false, 3, (1, 1, 1))] {
        let from = bench.permit::<act::ReadValues>(&cli, below(prefix)).await;
        let take = TakeKeys { cluster: bench.cluster(), prefix: Key::raw(prefix), exact };
        let file = bench.console.keys_from_snapshot(&from, &write, &take).await.expect("kept");
        assert_eq!(file.keys, Wide(keys));
        let told =
            bench.console.preview_import(&write, &file.id, ImportMode::Overwrite, None).await.expect("a preview");
        assert_eq!((told.adds.0, told.changes.0, told.same.0), would, "{prefix}");
    }

    let put = bench.console.permit::<act::WriteKeys>(&cli, below("/app/a")).await;
    assert!(refused(put).title.contains("only be read"));
    for role in [Role::Viewer, Role::Operator] {
        let anna = Stage::somebody(role, Vec::new());
        let names = bench.console.permit::<act::ViewKeys>(&anna, Scope::Cluster(open.id.clone())).await;
        assert_eq!(refused(names).kind, ProblemKind::Forbidden, "{role}");
    }
    bench.console.close_snapshot(&read, &open.id).await.expect("closed");
    assert_eq!(refused(bench.console.keys_page(&all, &query).await).kind, ProblemKind::NotFound);
    let rooms = bench.dir.path().join("throwaway");
    until(PATIENCE, "its etcd is gone", async || std::fs::read_dir(&rooms).expect("read").count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_an_ended_console_left_says_so() {
    let bench = Bench::raise().await;
    let drill = Drill {
        id: DrillId::from_random([3; 10]),
        snapshot: SnapshotId::from_random([3; 10]),
        snapshot_name: "one.db".into(),
        cluster: Some(bench.cluster()),
        at: Timestamp(1),
        ended_at: None,
        recovered_millis: None,
        content: None,
        problem: String::new(),
        actor: "anna".into(),
    };
    let mut tx = bench.store.begin().await.expect("a change");
    tx.insert_drill(&drill).await.expect("inserted");
    tx.commit().await.expect("commit");
    bench.console.stop().await;
    let config = quorate_core::Config::new(bench.dir.path().to_owned());
    let next = Console::new(bench.store.clone(), Arc::new(SystemClock), config);
    next.bring_up().await.expect("up");
    assert!(bench.ended(&drill.id).await.problem.contains("console was ended"));
    next.stop().await;
}
