//! Databases of other releases.

use crate::support::{open, raw};
use quorate_domain::{host::Contact, operation::OperationState};
use quorate_store::{DATABASE_FILE, MasterKey, Store, StoreError};
use sqlx::{Connection, migrate::Migrator};

static MIGRATOR: Migrator = sqlx::migrate!("../../../migrations");

/// Rows as the first release wrote them; literal, so that a change of today's code cannot change them.
const FIRST_RELEASE: &str = r#"
    INSERT INTO users VALUES ('u-aaaa', 'anna', 'admin', 'active', '$argon2id$', 3, 1000, 2000);
    INSERT INTO hosts VALUES ('h-aaaa', 'lab1', '10.77.0.11', 22, 'root', 'root', NULL,
        '{"state":"trusted","keys":[{"algorithm":"ssh-ed25519","fingerprint":"SHA256:x","public_key":"ssh-ed25519 A"}]}',
        '{"state":"ok","at":1500}', NULL, 1000);
    INSERT INTO clusters VALUES ('c-aaaa', 'demo', 'http', 'ssh', '3.5.16', 'token', '2147483648', 1000);
    INSERT INTO cluster_members VALUES ('c-aaaa', 0, 'lab1', 'h-aaaa', 'http://10.77.0.11:2379',
        'http://10.77.0.11:2380', '/var/lib/etcd');
    INSERT INTO cluster_events VALUES (1, 'c-aaaa', 1000, 'leader_changed', 'lab1 leads (term 2)');
    INSERT INTO operations (id, kind, kind_version, class, title, cluster, cluster_name, actor, plan_json, view_json,
        step_count, state, reason, steps_done, at_step, started_at, updated_at)
        VALUES ('op-aaaa', 'install_cluster', 1, 'dangerous', 'Install demo', 'c-aaaa', 'demo', 'anna', '{}',
        '{"steps":[{"title":"Install"}]}', 1, 'stuck', 'no route', 0, 0, 1000, 1100);
    INSERT INTO operation_hosts VALUES ('op-aaaa', 'h-aaaa', 1);
    INSERT INTO operation_log VALUES ('op-aaaa', 1, 1000, 0, 'started', ''), ('op-aaaa', 2, 1100, 0, 'failed', 'no route');
    INSERT INTO operation_output VALUES ('op-aaaa', 1, 1050, 0, 'lab1', 'hello');
    INSERT INTO audit VALUES (1, 1000, 'anna', '127.0.0.1', 'operation.start', 'demo', 'ok', '');
"#;

#[tokio::test]
async fn a_database_of_the_first_release_opens_and_reads() {
    let dir = tempfile::tempdir().unwrap();
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    let path = dir.path().join(DATABASE_FILE);
    std::fs::File::create(&path).unwrap();
    let mut conn = raw(&path).await;
    MIGRATOR.run_to(1, &mut conn).await.unwrap();
    sqlx::raw_sql(FIRST_RELEASE).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let store = Store::open(dir.path(), key).await.unwrap();
    assert_eq!(store.users().await.unwrap()[0].name, "anna");
    let host = &store.hosts().await.unwrap()[0];
    assert!(matches!(host.contact, Contact::Ok { .. }));
    let operation = &store.unfinished_operations().await.unwrap()[0];
    assert_eq!((operation.state, host.operation.as_ref()), (OperationState::Stuck, Some(&operation.id)));
    assert_eq!(store.operation_summary(&operation.id).await.unwrap().unwrap().current, "Install");
    assert_eq!(store.log(&operation.id).await.unwrap().len(), 2);
    assert_eq!(store.output(&operation.id, 0, 10).await.unwrap()[0].text, "hello");
    let cluster = &store.clusters().await.unwrap()[0];
    assert_eq!((cluster.members.len(), cluster.quota.0), (1, 2_147_483_648));
    let member = &cluster.members[0];
    assert!(member.layout.is_guides() && member.host.as_ref() == Some(&host.id), "what an install left");
    assert!(!cluster.adopted && cluster.access.is_none());
    assert_eq!(store.cluster_events(&cluster.id, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
    store.close().await;
    open(dir.path()).await;
}

/// Rows as the release before the key browser wrote them, where its tables differ from those of the first one.
const BEFORE_KEYS: &str = r#"
    INSERT INTO users VALUES ('u-aaaa', 'anna', 'operator', 'active', '$argon2id$', 3, 1000, 2000);
    INSERT INTO secrets VALUES ('s-aaaa', 'access to a cluster', 'key', x'01', 900);
    INSERT INTO clusters VALUES ('c-aaaa', 'demo', 'https', 'direct', '3.5.16', 'token', '2147483648', 1000, 1, 's-aaaa');
    INSERT INTO cluster_members VALUES ('c-aaaa', 0, 'm0', NULL, 'https://10.0.0.1:2379', 'https://10.0.0.1:2380',
        '/var/lib/etcd', '{"unit":"","conf":"","not_here":"no host"}');
    INSERT INTO audit VALUES (1, 1000, 'anna', '127.0.0.1', 'cluster.adopt', 'demo', 'ok', '');
"#;

#[tokio::test]
async fn a_database_from_before_the_key_browser_opens_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    let path = dir.path().join(DATABASE_FILE);
    std::fs::File::create(&path).unwrap();
    let mut conn = raw(&path).await;
    MIGRATOR.run_to(3, &mut conn).await.unwrap();
    sqlx::raw_sql(BEFORE_KEYS).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let store = Store::open(dir.path(), key).await.unwrap();
    let (anna, cluster) = (&store.users().await.unwrap()[0], &store.clusters().await.unwrap()[0]);
    assert_eq!((anna.name.as_str(), cluster.members.len(), cluster.adopted), ("anna", 1, true));
    assert_eq!(cluster.access.as_ref().map(|id| id.as_str()), Some("s-aaaa"));
    assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.key_rules(&anna.id).await.unwrap(), [], "nobody is narrowed by an upgrade");
    assert_eq!(store.key_settings(&cluster.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_of_a_later_release_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.close().await;
    let mut conn = raw(&dir.path().join(DATABASE_FILE)).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    let error = Store::open(dir.path(), key).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let key = MasterKey::load_or_create(dir.path(), None).unwrap();
    std::fs::write(dir.path().join(DATABASE_FILE), "not a database, but long enough to be taken for one\n".repeat(200))
        .unwrap();
    let error = Store::open(dir.path(), key).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}
