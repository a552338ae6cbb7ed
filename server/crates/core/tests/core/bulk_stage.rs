//! A console over a cluster that it knows, for what is done with many keys.

use crate::orders;
use quorate_core::{
    Actor, Console, Via, act,
    clock::SystemClock,
    config::Config,
    keys::FileFormat,
    permit::{Act, Permit},
};
use quorate_domain::{ClusterId, Role, Scope, UserId, keys::KeyRule};
use quorate_etcd::Range;
use quorate_keys::files::{Record, read};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::until,
};
use std::{io::Cursor, sync::Arc};
use tempfile::TempDir;

pub struct Stage {
    pub etcd: EtcdCluster,
    pub console: Console,
    id: ClusterId,
    _dir: TempDir,
}

impl Stage {
    pub async fn raise() -> Self {
        Self::raise_with(|_| {}).await
    }

    /// With other settings of the console.
    pub async fn raise_with(change: impl FnOnce(&mut Config)) -> Self {
        let etcd = EtcdCluster::start(1).await;
        let (console, _, dir) = orders::console_with(&etcd, Arc::new(SystemClock), change).await;
        let id = orders::record(&etcd).id;
        let stage = Self { etcd, console, id, _dir: dir };
        let view = stage.permit::<act::ViewClusters>(&Actor::cli(), stage.cluster()).await;
        until(PATIENCE, "the member is seen", async || {
            stage.console.cluster(&view).await.is_ok_and(|view| view.members.iter().any(|member| member.healthy()))
        })
        .await;
        stage
    }

    pub fn somebody(role: Role, key_rules: Vec<KeyRule>) -> Actor {
        let user = UserId::from_random([9; 10]);
        Actor { user, name: "anna".into(), role, key_rules, via: Via::Session, ..Actor::cli() }
    }

    pub fn id(&self) -> &ClusterId {
        &self.id
    }

    pub fn cluster(&self) -> Scope {
        Scope::Cluster(self.id.clone())
    }

    pub fn keys(&self, prefix: &str) -> Scope {
        Scope::Keys(self.id.clone(), prefix.as_bytes().to_vec())
    }

    pub async fn permit<A: Act>(&self, actor: &Actor, scope: Scope) -> Permit<A> {
        self.console.permit(actor, scope).await.expect("a permit")
    }

    pub async fn put(&self, key: &str, value: &str) {
        self.etcd.client(0).canary_put(key.as_bytes(), value.as_bytes(), CALL).await.expect("put");
    }

    /// What etcd has under a key.
    pub async fn value(&self, key: &str) -> Option<String> {
        let reply = self.etcd.client(0).range(&Range::of(key), CALL).await.expect("a range");
        reply.pairs.into_iter().next().map(|pair| String::from_utf8(pair.value).expect("text"))
    }

    pub async fn revision(&self) -> u64 {
        let reply = self.etcd.client(0).range(&Range::of("x"), CALL).await.expect("a range");
        u64::try_from(reply.revision).expect("a revision")
    }

    /// Details of the rows of an action.
    pub async fn audit(&self, action: &str) -> Vec<String> {
        let permit = self.permit::<act::ViewAudit>(&Actor::cli(), Scope::Global).await;
        let page = self.console.audit_page(&permit, None, 200).await.expect("the trail");
        page.events.into_iter().filter(|event| event.action == action).map(|event| event.detail).collect()
    }
}

/// What a file holds.
pub fn records(file: &[u8], format: FileFormat) -> Vec<Record> {
    read(Cursor::new(file), format, 1 << 24)
        .map(|record| record.map_err(|error| error.to_string()).expect("read"))
        .collect()
}
