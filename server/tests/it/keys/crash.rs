//! The console is killed in the middle of work on many keys, for real, and started again: every key is as it should be, was
//! written once, and what was kept before is whole.

use quorate_etcd::{Change, Pair, PutLease, Range, RangeEnd, Write};
use quorate_testkit::{
    app::{App, text},
    etcd::{CALL, EtcdCluster, PATIENCE},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Many enough that the work lasts longer than a console whose death is decided once it began.
const KEYS: usize = 20_000;
/// Of one transaction.
const BATCH: usize = 100;
/// Of one answer.
const PAGE: i64 = 5000;

/// A console of its own process over one member.
struct Site {
    app: App,
    etcd: EtcdCluster,
    cluster: String,
    _dir: TempDir,
}

impl Site {
    async fn raise() -> Self {
        let etcd = EtcdCluster::start(1).await;
        let dir = tempfile::tempdir().expect("a directory");
        let app = App::start(env!("CARGO_BIN_EXE_quorate"), &dir.path().join("data"), &[]).await;
        let params = json!({"name": "orders", "endpoint": etcd.member(0).client_url()});
        let operation = app.start_operation("adopt_cluster", params).await;
        app.done(&operation, PATIENCE).await;
        let cluster = text(&app.get("/clusters").await[0]["id"]);
        Self { app, etcd, cluster, _dir: dir }
    }

    /// Makes every `step`th of the keys with a prefix; names and values are no text.
    async fn fill(&self, prefix: &str, step: usize, what: &str) {
        let client = self.etcd.client(0);
        let numbers: Vec<usize> = (0..KEYS).step_by(step).collect();
        for some in numbers.chunks(BATCH) {
            let put = |n: &usize| {
                let key = [prefix.as_bytes(), format!("{n:05}").as_bytes(), b"\0\xff"].concat();
                let value = [what.as_bytes(), n.to_string().as_bytes(), b"\n\xff\0"].concat();
                Write::Put { key, value, lease: PutLease::None }
            };
            let change = Change { seen: Vec::new(), writes: some.iter().map(put).collect() };
            client.change(&change, CALL).await.expect("written");
        }
    }

    async fn pairs(&self, prefix: &str) -> Vec<Pair> {
        let (client, end) = (self.etcd.client(0), RangeEnd::of_prefix(prefix.as_bytes()));
        let mut all: Vec<Pair> = Vec::new();
        loop {
            let from = all.last().map_or(prefix.as_bytes().to_vec(), |last| [last.key.as_slice(), b"\0"].concat());
            let range = Range { from, end: end.clone(), limit: PAGE, ..Range::default() };
            let page = client.range(&range, CALL).await.expect("a page");
            all.extend(page.pairs);
            if !page.more {
                return all;
            }
        }
    }

    /// What is below a prefix, by the rest of its name, and how often each was written since it was made.
    async fn below(&self, prefix: &str) -> (BTreeMap<Vec<u8>, Vec<u8>>, Vec<i64>) {
        let pairs = self.pairs(prefix).await;
        let versions = pairs.iter().map(|pair| pair.version).collect();
        (pairs.into_iter().map(|pair| (pair.key[prefix.len()..].to_vec(), pair.value)).collect(), versions)
    }

    async fn count(&self, prefix: &str) -> usize {
        let (from, end) = (prefix.as_bytes().to_vec(), RangeEnd::of_prefix(prefix.as_bytes()));
        let range = Range { from, end, count_only: true, ..Range::default() };
        usize::try_from(self.etcd.client(0).range(&range, CALL).await.expect("a count").count).expect("few")
    }

    /// Kills the console once a fifth of the way from `before` keys to `after` is gone, so that there is as much to go back that an undo
    /// can be killed too; there must be something left to do then.
    async fn kill_in_the_middle(&mut self, prefix: &str, before: usize, after: usize) {
        let fifth = (before.abs_diff(after) / 5).max(1);
        let moves = async { while self.count(prefix).await.abs_diff(before) < fifth {} };
        tokio::time::timeout(PATIENCE, moves).await.expect("the work begins");
        self.app.kill().await;
        let now = self.count(prefix).await;
        assert!(now != before && now != after, "it was in the middle: {now} of {before} to {after}");
    }

    async fn begin(&self, kind: &str, mut params: Value) -> String {
        params["cluster"] = json!(self.cluster);
        self.app.start_operation(kind, params).await
    }

    async fn done(&mut self, operation: &str) {
        self.app.launch().await;
        let detail = self.app.done(operation, PATIENCE).await;
        let log = detail["log"].as_array().expect("log");
        let starts = log.iter().filter(|entry| entry["kind"] == "started").count();
        let steps = detail["steps"].as_array().expect("steps").len();
        assert!(starts > steps, "the step that it died in was begun again: {log:?}");
    }

    /// The console comes back to an etcd that is gone: it rests with its choices. Then etcd is there again.
    async fn stuck(&mut self, operation: &str) {
        self.etcd.member_mut(0).kill();
        self.app.launch().await;
        let detail = self.app.rest(operation, PATIENCE).await;
        assert_eq!(detail["summary"]["state"], "stuck", "{}", detail["summary"]);
        assert_eq!(detail["choices"], json!(["retry", "undo", "hand_over"]));
        self.etcd.member_mut(0).run();
        self.etcd.leader_among(&[0]).await;
    }

    async fn undo(&self, operation: &str) {
        self.app.post(&format!("/operations/{operation}/undo"), json!({})).await;
    }

    async fn unwound(&self, operation: &str) {
        let detail = self.app.rest(operation, PATIENCE).await;
        assert_eq!(detail["summary"]["state"], "unwound", "{}", detail["summary"]);
    }

    /// The one file that was kept for this reason: its id, and how many keys it has.
    async fn kept(&self, why: &str) -> (String, Value) {
        let files = self.app.get(&format!("/clusters/{}/keys/files", self.cluster)).await;
        let of_it = |file: &&Value| file["why"].as_str().is_some_and(|said| said.starts_with(why));
        let files: Vec<&Value> = files.as_array().expect("files").iter().filter(of_it).collect();
        assert_eq!(files.len(), 1, "{why}: {files:?}");
        (text(&files[0]["id"]), files[0]["keys"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_and_an_import_that_die_in_the_middle_end_as_if_nothing_had_been() {
    let mut site = Site::raise().await;
    site.fill("/app/", 1, "value ").await;
    site.fill("/apple/", KEYS, "stays ").await;
    let (wanted, _) = site.below("/app/").await;
    assert_eq!(wanted.len(), KEYS);

    let operation = site.begin("delete_keys", json!({"prefix": "/app/"})).await;
    site.kill_in_the_middle("/app/", KEYS, 0).await;
    site.done(&operation).await;
    assert_eq!((site.count("/app/").await, site.count("/apple/").await), (0, 1));
    let (file, keys) = site.kept(&format!("before delete_keys {operation}")).await;
    assert_eq!(keys, KEYS.to_string(), "what was kept is whole");

    let operation = site.begin("import_keys", json!({"file": file, "mode": "skip"})).await;
    site.kill_in_the_middle("/app/", 0, KEYS).await;
    site.done(&operation).await;
    let (found, versions) = site.below("/app/").await;
    assert!(found == wanted, "every key, byte for byte");
    assert!(versions.iter().all(|version| *version == 1), "none was written twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_died_is_taken_back_even_by_a_console_that_dies_again() {
    let mut site = Site::raise().await;
    site.fill("/app/", 1, "value ").await;
    let (wanted, _) = site.below("/app/").await;
    let operation = site.begin("delete_keys", json!({"prefix": "/app/"})).await;
    site.kill_in_the_middle("/app/", KEYS, 0).await;
    site.stuck(&operation).await;
    let left = site.count("/app/").await;
    site.undo(&operation).await;
    site.kill_in_the_middle("/app/", left, KEYS).await;
    site.app.launch().await;
    site.unwound(&operation).await;
    let (found, versions) = site.below("/app/").await;
    assert!(found == wanted, "every key, byte for byte");
    assert!(versions.iter().all(|version| *version == 1), "none was put back twice, and what stayed was not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_dies_in_the_middle_ends_or_is_taken_back_to_the_last_byte() {
    let mut site = Site::raise().await;
    site.fill("/from/", 1, "new ").await;
    for prefix in ["/ends/", "/back/"] {
        site.fill(prefix, 2, "was there ").await;
    }
    let (wanted, _) = site.below("/from/").await;
    let (before, _) = site.below("/back/").await;
    let copy =
        |to: &str, site: &Site| json!({"from": site.cluster, "prefix": "/from/", "to_prefix": to, "mode": "overwrite"});

    let operation = site.begin("copy_keys", copy("/ends/", &site)).await;
    site.kill_in_the_middle("/ends/", KEYS / 2, KEYS).await;
    site.done(&operation).await;
    let (found, versions) = site.below("/ends/").await;
    assert!(found == wanted, "every key, byte for byte");
    let twice = versions.iter().enumerate().find(|(n, version)| **version != if n % 2 == 0 { 2 } else { 1 });
    assert_eq!(twice, None, "each was written once");
    assert_eq!(site.kept(&format!("before copy_keys {operation}")).await.1, (KEYS / 2).to_string());
    assert_eq!(site.kept(&format!("taken by copy_keys {operation}")).await.1, KEYS.to_string());

    let operation = site.begin("copy_keys", copy("/back/", &site)).await;
    site.kill_in_the_middle("/back/", KEYS / 2, KEYS).await;
    site.stuck(&operation).await;
    let put = site.count("/back/").await;
    site.undo(&operation).await;
    site.kill_in_the_middle("/back/", put, KEYS / 2).await;
    site.app.launch().await;
    site.unwound(&operation).await;
    let (found, _) = site.below("/back/").await;
    assert!(found == before, "what was there is there again, and nothing else");
    assert!(site.below("/from/").await.0 == wanted, "and where it came from nothing changed");
}
