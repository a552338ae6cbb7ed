//! Hosts, clusters and their events.

use crate::support::{Fixture, cluster, cluster_id, host, operation};
use quorate_domain::{
    SecretId, Timestamp,
    cluster::ClusterEventKind,
    host::{Contact, Elevation, HostKey, Trust},
    version::Version,
};
use quorate_store::{HostAddress, NewClusterEvent, StoreError};
use secrecy::{ExposeSecret, SecretString};

#[tokio::test]
async fn a_host_comes_back_as_it_was_written() {
    let f = Fixture::new().await;
    let [id] = f.hosts(["lab1"]).await;
    assert_eq!(f.store.host(&id).await.unwrap(), Some(host("lab1")));
    let key = HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: "SHA256:x".into(),
        public_key: "ssh-ed25519 AAAA".into(),
    };
    let trust = Trust::Trusted { keys: vec![key] };
    let contact = Contact::Failed { at: Timestamp(4), reason: "no route".into() };
    let to = HostAddress {
        name: "db1".into(),
        address: "fd00::1".into(),
        port: 2222,
        user: "root".into(),
        elevation: Elevation::SudoPassword,
    };
    let mut tx = f.store.begin().await.unwrap();
    tx.set_host_trust(&id, &trust).await.unwrap();
    tx.set_host_contact(&id, &contact).await.unwrap();
    tx.edit_host(&id, &to).await.unwrap();
    tx.commit().await.unwrap();
    let row = f.store.host(&id).await.unwrap().unwrap();
    assert_eq!((row.trust.clone(), row.contact.clone(), row.target()), (trust, contact, "root@[fd00::1]:2222".into()));
    assert_eq!(f.store.hosts().await.unwrap(), [row]);
}

#[tokio::test]
async fn names_and_targets_of_hosts_are_unique() {
    let f = Fixture::new().await;
    let [_a, b] = f.hosts(["lab1", "lab2"]).await;
    let mut tx = f.store.begin().await.unwrap();
    let mut same_name = host("lab3");
    same_name.name = "LAB1".into();
    let error = tx.insert_host(&same_name).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "name", .. }), "{error:?}");
    let mut same_target = host("lab3");
    same_target.address = "lab1.example.net".into();
    let error = tx.insert_host(&same_target).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "target", .. }), "{error:?}");
    let to = HostAddress {
        name: "lab1".into(),
        address: "x".into(),
        port: 22,
        user: "root".into(),
        elevation: Elevation::Root,
    };
    let error = tx.edit_host(&b, &to).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "name", .. }), "{error:?}");
}

#[tokio::test]
async fn a_sudo_password_is_replaced_taken_away_and_goes_with_its_host() {
    let f = Fixture::new().await;
    let [id] = f.hosts(["lab1"]).await;
    for (n, password) in [(1, "first"), (2, "second")] {
        let mut tx = f.store.begin().await.unwrap();
        let secret = SecretString::from(password);
        tx.set_host_password(&id, Some((SecretId::from_random([n; 10]), &secret)), Timestamp(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(f.store.host_password(&id).await.unwrap().unwrap().expose_secret(), password);
        assert!(f.store.host(&id).await.unwrap().unwrap().has_password);
    }
    let mut raw = f.raw().await;
    let kept = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM secrets");
    assert_eq!(kept().fetch_one(&mut raw).await.unwrap(), 1, "the first password was left behind");
    let mut tx = f.store.begin().await.unwrap();
    tx.delete_host(&id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(kept().fetch_one(&mut raw).await.unwrap(), 0);
    assert!(f.store.host_password(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_cluster_is_registered_once_and_keeps_its_hosts() {
    let f = Fixture::new().await;
    let [a, b] = f.hosts(["lab1", "lab2"]).await;
    let demo = cluster("demo", &[b.clone(), a.clone()]);
    let mut tx = f.store.begin().await.unwrap();
    assert!(tx.insert_cluster(&demo).await.unwrap());
    assert!(!tx.insert_cluster(&demo).await.unwrap());
    let mut same_name = cluster("x", &[]);
    same_name.name = "DEMO".into();
    let error = tx.insert_cluster(&same_name).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "name", .. }), "{error:?}");
    let error = tx.insert_cluster(&cluster("other", std::slice::from_ref(&a))).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { field: "host", .. }), "{error:?}");
    let error = tx.delete_host(&a).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tx.commit().await.unwrap();

    assert_eq!(f.store.clusters().await.unwrap(), std::slice::from_ref(&demo));
    assert_eq!(f.store.cluster(&demo.id).await.unwrap(), Some(demo.clone()));
    assert_eq!(f.store.cluster_by_name("Demo").await.unwrap(), Some(demo.clone()));
    assert_eq!(f.store.host(&a).await.unwrap().unwrap().cluster, Some(demo.id.clone()));

    let mut tx = f.store.begin().await.unwrap();
    tx.set_cluster_members(&demo.id, &demo.members[..1]).await.unwrap();
    tx.set_cluster_version(&demo.id, Version::new(3, 5, 21)).await.unwrap();
    tx.delete_host(&a).await.unwrap();
    tx.commit().await.unwrap();
    let now = f.store.cluster(&demo.id).await.unwrap().unwrap();
    assert_eq!((now.members.len(), now.version), (1, Version::new(3, 5, 21)));
}

#[tokio::test]
async fn a_cluster_is_forgotten_only_when_no_operation_works_on_it() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    tx.insert_cluster(&cluster("free", &[])).await.unwrap();
    tx.insert_operation(&operation("op", "demo", &[])).await.unwrap();
    let error = tx.delete_cluster(&cluster_id("demo")).await.unwrap_err();
    assert!(matches!(error, StoreError::Claimed { .. }), "{error:?}");
    tx.delete_cluster(&cluster_id("free")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.clusters().await.unwrap().len(), 1);
}

#[tokio::test]
async fn events_are_numbered_and_those_of_forgotten_clusters_are_left_out() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    tx.commit().await.unwrap();
    let event = |name: &str, text: &str| NewClusterEvent {
        cluster: cluster_id(name),
        at: Timestamp(1),
        kind: ClusterEventKind::LeaderChanged,
        text: text.into(),
    };
    let events = [event("demo", "a"), event("gone", "b"), event("demo", "c")];
    let kept = f.store.append_cluster_events(&events).await.unwrap();
    assert_eq!(kept.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let newest = f.store.cluster_events(&cluster_id("demo"), None, 1).await.unwrap();
    assert_eq!(newest, kept[1..]);
    let before = f.store.cluster_events(&cluster_id("demo"), Some(newest[0].seq), 10).await.unwrap();
    assert_eq!(before, kept[..1]);
}
