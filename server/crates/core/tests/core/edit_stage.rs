//! A console over real etcd processes whose keys are changed one by one, and what its tests say again and again.

use crate::orders;
use quorate_core::{
    Actor, Console, CoreError,
    clock::TestClock,
    permit::{Act, Permit},
};
use quorate_domain::{
    ClusterId, KeyUndoId, Problem, Scope,
    audit::AuditEvent,
    keys::{DeleteKey, EditAnswer, EditOutcome, Encoding, HistoryPage, HistoryQuery, Key, LeaseChoice, PutKey, Syntax},
    wide::Wide,
};
use quorate_etcd::{Pair, Range};
use quorate_store::Store;
use quorate_testkit::etcd::{CALL, EtcdCluster};
use std::sync::Arc;
use tempfile::TempDir;

pub struct Stage {
    pub etcd: EtcdCluster,
    pub console: Console,
    pub store: Store,
    pub cluster: ClusterId,
    _dir: TempDir,
}

impl Stage {
    pub async fn open(size: usize) -> Self {
        let etcd = EtcdCluster::start(size).await;
        let (console, store, dir) = orders::console(&etcd, Arc::new(TestClock::default())).await;
        let cluster = orders::record(&etcd).id;
        Self { etcd, console, store, cluster, _dir: dir }
    }

    pub async fn permit<A: Act>(&self, key: &str) -> Permit<A> {
        let scope = Scope::Keys(self.cluster.clone(), key.as_bytes().to_vec());
        self.console.permit(&Actor::cli(), scope).await.expect("permit")
    }

    pub async fn all<A: Act>(&self) -> Permit<A> {
        self.console.permit(&Actor::cli(), Scope::Cluster(self.cluster.clone())).await.expect("permit")
    }

    pub async fn put(&self, put: &PutKey) -> Result<EditAnswer, CoreError> {
        let permit = self.permit(&String::from_utf8_lossy(&put.key.0)).await;
        self.console.put_key(&permit, put).await
    }

    /// Writes and must succeed; the revision.
    pub async fn write(&self, key: &str, value: &str) -> u64 {
        let seen = self.there(key).await.map_or(0, |pair| pair.mod_revision.cast_unsigned());
        let answer = self.put(&put(key, seen, value)).await.expect("put");
        assert_eq!(answer.outcome, EditOutcome::Done);
        answer.revision.0
    }

    pub async fn delete(&self, key: &str, seen: u64) -> EditAnswer {
        let delete = DeleteKey { key: Key::raw(key), seen: Wide(seen) };
        self.console.delete_key(&self.permit(key).await, &delete).await.expect("delete")
    }

    pub async fn undo(&self, id: &KeyUndoId) -> Result<EditAnswer, CoreError> {
        self.console.undo_edit(&self.all().await, id).await
    }

    pub async fn there(&self, key: &str) -> Option<Pair> {
        let reply = self.etcd.client(0).range(&Range::of(key), CALL).await.expect("range");
        reply.pairs.into_iter().next()
    }

    pub async fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.there(key).await.map(|pair| pair.value)
    }

    pub async fn history(&self, key: &str, before: Option<u64>, limit: u32) -> HistoryPage {
        let query = HistoryQuery { key: Key::raw(key), before: before.map(Wide), limit };
        self.console.key_history(&self.permit(key).await, &query).await.expect("history")
    }

    /// `action|outcome|object|detail`, oldest first.
    pub async fn audit(&self) -> Vec<String> {
        let mut rows = self.store.audit_page(None, 200).await.expect("audit");
        rows.reverse();
        let row = |e: &AuditEvent| format!("{}|{:?}|{}|{}", e.action, e.outcome, e.object, e.detail);
        rows.iter().map(row).collect()
    }

    pub async fn compact(&self, revision: u64) {
        let revision = revision.cast_signed();
        let client = self.etcd.client(0);
        let compacted = client.call(CALL, async |etcd| {
            let physical = quorate_etcd::etcd_client::CompactionOptions::new().with_physical();
            etcd.kv_client().compact(revision, Some(physical)).await?;
            Ok(())
        });
        compacted.await.expect("compacted");
    }
}

pub fn put(key: &str, seen: u64, value: &str) -> PutKey {
    PutKey {
        key: Key::raw(key),
        seen: Wide(seen),
        value: value.into(),
        encoding: Encoding::Text,
        syntax: Syntax::Any,
        lease: LeaseChoice::Keep,
        lease_id: None,
    }
}

pub fn problem(answer: Result<EditAnswer, CoreError>) -> Problem {
    Problem::from(answer.expect_err("a problem"))
}

pub fn theirs(answer: &EditAnswer) -> Option<&str> {
    answer.theirs.as_ref().map(|view| view.text.as_str())
}
