//! The cluster that these tests are about: real etcd processes, and a console that knows them without hosts.

use quorate_core::{Config, Console, clock::Clock};
use quorate_domain::{
    ClusterId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord, Reach, Scheme},
    version::Version,
    wide::Wide,
};
use quorate_store::{MasterKey, Store};
use quorate_testkit::etcd::{EtcdCluster, VERSION, programs_for_console};
use std::sync::Arc;
use tempfile::TempDir;

/// What a console has of `etcd`, as if it had adopted it.
pub fn record(etcd: &EtcdCluster) -> ClusterRecord {
    let member = |i: usize| ClusterMemberRecord {
        name: etcd.member(i).name().to_owned(),
        host: None,
        client_url: etcd.member(i).client_url().to_owned(),
        peer_url: etcd.member(i).peer_url().to_owned(),
        data_dir: etcd.member(i).data_dir().display().to_string(),
        layout: Default::default(),
    };
    ClusterRecord {
        id: ClusterId::from_random([7; 10]),
        name: "orders".into(),
        scheme: Scheme::Http,
        reach: Reach::Direct,
        version: VERSION.parse::<Version>().expect("version"),
        token: etcd.token().to_owned(),
        quota: Wide(2 << 30),
        members: (0..etcd.len()).map(member).collect(),
        created_at: Timestamp(0),
        adopted: true,
        access: None,
    }
}

/// A console that runs over a store in which `etcd` is; the directory goes with what is returned last.
pub async fn console(etcd: &EtcdCluster, clock: Arc<dyn Clock>) -> (Console, Store, TempDir) {
    console_with(etcd, clock, |_| {}).await
}

/// The same with other settings.
pub async fn console_with(
    etcd: &EtcdCluster,
    clock: Arc<dyn Clock>,
    change: impl FnOnce(&mut Config),
) -> (Console, Store, TempDir) {
    // Sockets lie in it, whose paths must be short.
    let dir = tempfile::Builder::new().prefix("q").tempdir().expect("a directory");
    let key = MasterKey::load_or_create(dir.path(), None).expect("a key");
    let store = Store::open(dir.path(), key).await.expect("a store");
    let mut tx = store.begin().await.expect("a change");
    tx.insert_cluster(&record(etcd)).await.expect("the cluster");
    tx.commit().await.expect("commit");
    programs_for_console(dir.path(), VERSION);
    let mut config = Config::new(dir.path().to_owned());
    change(&mut config);
    let console = Console::new(store.clone(), clock, config);
    console.bring_up().await.expect("up");
    (console, store, dir)
}
