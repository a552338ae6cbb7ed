//! One unfinished operation a cluster and one a host, whoever asks and however fast.

use crate::support::{Fixture, cluster_id, operation, operation_id};
use quorate_domain::{
    Timestamp,
    operation::{LogKind, OperationState},
};
use quorate_store::StoreError;

fn claimed(result: Result<(), StoreError>) -> (String, String) {
    match result {
        Err(StoreError::Claimed { by, what }) => (by.to_string(), what),
        other => panic!("not claimed: {other:?}"),
    }
}

#[tokio::test]
async fn two_installs_cannot_share_a_host_or_a_name() {
    let f = Fixture::new().await;
    let [a, b, c] = f.hosts(["lab1", "lab2", "lab3"]).await;
    f.accept(&operation("one", "demo", &[a.clone(), b.clone()])).await;
    let holder = operation_id("one").to_string();

    let mut tx = f.store.begin().await.unwrap();
    let shares_host = tx.insert_operation(&operation("two", "other", &[c.clone(), b.clone()])).await;
    assert_eq!(claimed(shares_host), (holder.clone(), "host lab2".into()));
    let mut by_name = operation("three", "DEMO", std::slice::from_ref(&c));
    by_name.cluster = Some(cluster_id("quite another"));
    assert_eq!(claimed(tx.insert_operation(&by_name).await), (holder.clone(), "cluster DEMO".into()));
    let mut by_id = operation("four", "renamed", std::slice::from_ref(&c));
    by_id.cluster = Some(cluster_id("demo"));
    assert_eq!(claimed(tx.insert_operation(&by_id).await).0, holder);
    tx.commit().await.unwrap();

    assert_eq!(f.store.unfinished_operations().await.unwrap().len(), 1, "refused ones left rows");
    assert_eq!(f.store.claims_of_hosts().await.unwrap().len(), 2);
    assert_eq!(f.store.claims_of_clusters().await.unwrap(), [(cluster_id("demo"), operation_id("one"))]);
    assert_eq!(f.store.host(&a).await.unwrap().unwrap().operation, Some(operation_id("one")));
    f.accept(&operation("five", "other", &[c])).await;
}

#[tokio::test]
async fn the_indexes_hold_the_claims_even_against_raw_sql() {
    let f = Fixture::new().await;
    let [a] = f.hosts(["lab1"]).await;
    f.accept(&operation("one", "demo", &[a])).await;
    let mut raw = f.raw().await;
    let copy_with = |id: &'static str, cluster: &'static str, name: &'static str| {
        sqlx::query(
            "INSERT INTO operations (id, kind, kind_version, class, title, cluster, cluster_name, actor, plan_json,
                 view_json, step_count, state, started_at, updated_at)
             SELECT ?, kind, kind_version, class, title, coalesce(?, cluster), coalesce(?, cluster_name), actor,
                 plan_json, view_json, step_count, state, started_at, updated_at FROM operations LIMIT 1",
        )
        .bind(id)
        .bind(Some(cluster).filter(|c| !c.is_empty()))
        .bind(Some(name).filter(|n| !n.is_empty()))
    };
    for (cluster, name) in [("", "other"), ("c-other", ""), ("c-other", "dEMO")] {
        let error = copy_with("op-x", cluster, name).execute(&mut raw).await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
    }
    copy_with("op-x", "c-other", "other").execute(&mut raw).await.unwrap();
    let error = sqlx::query("INSERT INTO operation_hosts SELECT 'op-x', host, 1 FROM operation_hosts")
        .execute(&mut raw)
        .await
        .unwrap_err();
    assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
}

#[tokio::test]
async fn of_many_that_start_at_once_one_runs() {
    let f = Fixture::new().await;
    let [a] = f.hosts(["lab1"]).await;
    let tries: Vec<_> = (0..8)
        .map(|i| {
            let (store, host) = (f.store.clone(), a.clone());
            tokio::spawn(async move {
                let mut tx = store.begin().await?;
                tx.insert_operation(&operation(&format!("try{i}"), &format!("cluster{i}"), &[host])).await?;
                tx.commit().await
            })
        })
        .collect();
    let mut started = 0;
    for t in tries {
        match t.await.unwrap() {
            Ok(()) => started += 1,
            Err(error) => assert!(matches!(error, StoreError::Claimed { .. }), "{error:?}"),
        }
    }
    assert_eq!(started, 1);
}

#[tokio::test]
async fn each_way_to_end_frees_the_claims() {
    use LogKind as K;
    let f = Fixture::new().await;
    let [a] = f.hosts(["lab1"]).await;
    type Way<'a> = (&'a str, &'a [(u32, LogKind)], OperationState);
    let ways: [Way; 3] = [
        ("done", &[(0, K::Started), (0, K::Succeeded), (1, K::Started), (1, K::Succeeded)], OperationState::Done),
        (
            "unwound",
            &[(0, K::Failed), (0, K::UndoRequested), (0, K::UndoStarted), (0, K::UndoFinished)],
            OperationState::Unwound,
        ),
        ("handed", &[(0, K::Failed), (0, K::HandedOver)], OperationState::HandedOver),
    ];
    for (name, entries, end) in ways {
        f.accept(&operation(name, "demo", std::slice::from_ref(&a))).await;
        for (i, (step, kind)) in entries.iter().enumerate() {
            assert_eq!(f.store.claims_of_hosts().await.unwrap().len(), 1, "{name} holds before entry {i}");
            let mut tx = f.store.begin().await.unwrap();
            tx.append_log(&operation_id(name), *step, *kind, "", Timestamp(200)).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(f.store.operation(&operation_id(name)).await.unwrap().unwrap().state, end);
        assert!(f.store.claims_of_hosts().await.unwrap().is_empty(), "{name} holds its host");
        assert!(f.store.claims_of_clusters().await.unwrap().is_empty(), "{name} holds its cluster");
    }
}

#[tokio::test]
async fn hosts_that_are_not_registered_or_are_claimed_are_safe() {
    let f = Fixture::new().await;
    let [a] = f.hosts(["lab1"]).await;
    let mut tx = f.store.begin().await.unwrap();
    let unknown = crate::support::host_id("nobody");
    let error = tx.insert_operation(&operation("one", "demo", &[a.clone(), unknown])).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    tx.insert_operation(&operation("two", "demo", std::slice::from_ref(&a))).await.unwrap();
    assert_eq!(claimed(tx.delete_host(&a).await).1, "host lab1");
    tx.commit().await.unwrap();
    assert!(f.store.operation(&operation_id("one")).await.unwrap().is_none());
}

#[tokio::test]
async fn an_operation_is_tied_to_a_cluster_that_nobody_else_works_on() {
    let f = Fixture::new().await;
    let mut tx = f.store.begin().await.unwrap();
    let mut free = operation("one", "first", &[]);
    free.cluster = None;
    tx.insert_operation(&free).await.unwrap();
    tx.insert_operation(&operation("two", "second", &[])).await.unwrap();
    let busy = tx.set_operation_cluster(&operation_id("one"), &cluster_id("second")).await;
    assert_eq!(claimed(busy).0, operation_id("two").to_string());
    tx.set_operation_cluster(&operation_id("one"), &cluster_id("first")).await.unwrap();
    tx.set_operation_cluster(&operation_id("one"), &cluster_id("first")).await.unwrap();
    tx.commit().await.unwrap();
    let listed = f.store.operations(10, None, Some(&cluster_id("first"))).await.unwrap();
    assert_eq!(listed.len(), 1);
}
