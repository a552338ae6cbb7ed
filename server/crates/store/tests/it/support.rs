//! A store in a temporary directory, rows to put in it, and a second, raw way into its file.

use quorate_domain::{
    ClusterId, HostId, OperationId, Role, Timestamp, UserId,
    cluster::{ClusterMemberRecord, ClusterRecord, Reach, Scheme},
    host::{Contact, Elevation, HostSummary, Trust},
    plan::OperationClass,
    users::UserState,
    version::Version,
    wide::Wide,
};
use quorate_store::{DATABASE_FILE, MasterKey, NewOperation, Store, UserRow};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;
use tempfile::TempDir;

pub struct Fixture {
    pub dir: TempDir,
    pub store: Store,
}

impl Fixture {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        Self { dir, store }
    }

    pub async fn raw(&self) -> SqliteConnection {
        raw(&self.dir.path().join(DATABASE_FILE)).await
    }

    /// Registers hosts of these names and answers their ids.
    pub async fn hosts<const N: usize>(&self, names: [&str; N]) -> [HostId; N] {
        let mut tx = self.store.begin().await.unwrap();
        for name in names {
            tx.insert_host(&host(name)).await.unwrap();
        }
        tx.commit().await.unwrap();
        names.map(host_id)
    }

    pub async fn accept(&self, new: &NewOperation) {
        let mut tx = self.store.begin().await.unwrap();
        tx.insert_operation(new).await.unwrap();
        tx.commit().await.unwrap();
    }
}

pub async fn open(dir: &Path) -> Store {
    let key = MasterKey::load_or_create(dir, None).unwrap();
    Store::open(dir, key).await.unwrap()
}

pub async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

fn bytes(name: &str) -> [u8; 10] {
    let mut bytes = [0; 10];
    for (place, byte) in bytes.iter_mut().zip(name.bytes().rev()) {
        *place = byte;
    }
    bytes
}

pub fn host_id(name: &str) -> HostId {
    HostId::from_random(bytes(name))
}

pub fn operation_id(name: &str) -> OperationId {
    OperationId::from_random(bytes(name))
}

pub fn cluster_id(name: &str) -> ClusterId {
    ClusterId::from_random(bytes(name))
}

pub fn host(name: &str) -> HostSummary {
    HostSummary {
        id: host_id(name),
        name: name.into(),
        address: format!("{name}.example.net"),
        port: 22,
        user: "ops".into(),
        elevation: Elevation::Sudo,
        has_password: false,
        trust: Trust::Waiting { offered: vec![] },
        contact: Contact::Never,
        facts: None,
        cluster: None,
        operation: None,
        created_at: Timestamp(1),
    }
}

pub fn cluster(name: &str, hosts: &[HostId]) -> ClusterRecord {
    let member = |(i, host): (usize, &HostId)| ClusterMemberRecord {
        name: format!("m{i}"),
        host: Some(host.clone()),
        client_url: format!("http://10.77.0.1{i}:2379"),
        peer_url: format!("http://10.77.0.1{i}:2380"),
        data_dir: "/var/lib/etcd".into(),
        layout: Default::default(),
    };
    ClusterRecord {
        id: cluster_id(name),
        name: name.into(),
        scheme: Scheme::Http,
        reach: Reach::Ssh,
        version: Version::new(3, 5, 16),
        token: "token-1".into(),
        quota: Wide(u64::MAX),
        members: hosts.iter().enumerate().map(member).collect(),
        created_at: Timestamp(7),
        adopted: false,
        access: None,
    }
}

pub fn operation(name: &str, cluster_name: &str, hosts: &[HostId]) -> NewOperation {
    NewOperation {
        id: operation_id(name),
        kind: "install_cluster".into(),
        kind_version: 1,
        class: OperationClass::Dangerous,
        title: format!("Install {cluster_name}"),
        cluster: Some(cluster_id(&cluster_name.to_lowercase())),
        cluster_name: cluster_name.into(),
        actor: "anna".into(),
        plan_json: "{}".into(),
        view_json: r#"{"steps":[{"title":"first"},{"title":"second"}]}"#.into(),
        step_count: 2,
        hosts: hosts.to_vec(),
        started_at: Timestamp(100),
    }
}

pub fn user(name: &str) -> UserRow {
    UserRow {
        id: UserId::from_random(bytes(name)),
        name: name.into(),
        role: Role::Operator,
        state: UserState::Active,
        password_hash: Some("$argon2id$v=19$x".into()),
        auth_epoch: 1,
        created_at: Timestamp(5),
        last_login: None,
    }
}
