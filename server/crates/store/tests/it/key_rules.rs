//! Rules of users for keys, and settings of clusters' keys.

use crate::support::{Fixture, cluster, cluster_id, user};
use quorate_domain::keys::{Key, KeyRule, KeySettings};
use quorate_store::StoreError;

fn rule(prefix: &[u8]) -> KeyRule {
    let cluster = Some(cluster_id("demo"));
    KeyRule { cluster, prefix: Key(prefix.to_vec()), read: true, write: false, delete: true }
}

#[tokio::test]
async fn rules_come_back_whole_in_their_order_and_are_replaced_whole() {
    let f = Fixture::new().await;
    let anna = user("anna");
    let rules = [rule(b"/b\0\xff"), KeyRule { cluster: None, write: true, ..rule(b"") }, rule(b"/a/")];
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&anna).await.unwrap();
    tx.set_key_rules(&anna.id, &rules).await.unwrap();
    assert_eq!(tx.key_rules(&anna.id).await.unwrap(), rules);
    tx.commit().await.unwrap();
    assert_eq!(f.store.key_rules(&anna.id).await.unwrap(), rules);
    assert_eq!(f.store.key_rules(&user("carl").id).await.unwrap(), []);

    let mut tx = f.store.begin().await.unwrap();
    tx.set_key_rules(&anna.id, &rules[2..]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.key_rules(&anna.id).await.unwrap(), rules[2..]);
}

#[tokio::test]
async fn rules_go_with_their_user_and_with_a_cluster_that_is_forgotten() {
    let f = Fixture::new().await;
    let anna = user("anna");
    let all = KeyRule { cluster: None, ..rule(b"/all/") };
    let other = KeyRule { cluster: Some(cluster_id("other")), ..rule(b"/b/") };
    let rules = [rule(b"/a/"), all.clone(), rule(b"/c/"), other.clone()];
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_user(&anna).await.unwrap();
    tx.insert_cluster(&cluster("demo", &[])).await.unwrap();
    tx.set_key_rules(&anna.id, &rules).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = f.store.begin().await.unwrap();
    tx.take_back_cluster(&cluster_id("demo")).await.unwrap();
    assert_eq!(tx.key_rules(&anna.id).await.unwrap(), rules, "it could come back under this id");
    tx.rollback().await.unwrap();

    let mut tx = f.store.begin().await.unwrap();
    tx.delete_cluster(&cluster_id("demo")).await.unwrap();
    assert_eq!(tx.key_rules(&anna.id).await.unwrap(), [all.clone(), other.clone()], "in the same transaction");
    tx.commit().await.unwrap();
    assert_eq!(f.store.key_rules(&anna.id).await.unwrap(), [all, other]);

    let mut tx = f.store.begin().await.unwrap();
    tx.delete_user(&anna.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.key_rules(&anna.id).await.unwrap(), []);
}

#[tokio::test]
async fn rules_of_nobody_are_refused_and_leave_the_change_usable() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    let error = tx.set_key_rules(&user("nobody").id, &[rule(b"/a/")]).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    tx.insert_user(&user("anna")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn settings_of_a_clusters_keys_are_those_said_last() {
    let f = Fixture::new().await;
    let id = cluster_id("demo");
    assert_eq!(f.store.key_settings(&id).await.unwrap(), None);
    for undo_hours in [1, 720] {
        let settings = KeySettings { masked: vec![Key(vec![0xff, 0])], hash_in_audit: true, undo_hours };
        let mut tx = f.store.begin().await.unwrap();
        tx.set_key_settings(&id, &settings).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(f.store.key_settings(&id).await.unwrap(), Some(settings));
    }
    assert_eq!(f.store.key_settings(&cluster_id("other")).await.unwrap(), None);
}
