//! Tasks of hosts: left, noted, closed, and void as soon as something else holds.

use crate::support::{Fixture, cluster, cluster_id, host_id, operation, operation_id};
use quorate_domain::{HostTaskId, Timestamp, host_task::HostTask};
use quorate_store::{NewOperation, StoreError};

fn task(host: &str, token: &str) -> HostTask {
    HostTask {
        id: HostTaskId::from_random([token.len() as u8; 10]),
        host: host_id(host),
        host_name: host.into(),
        cluster: cluster_id("demo"),
        cluster_name: "demo".into(),
        member: host.into(),
        peer_url: format!("http://{host}:2380"),
        data_dir: "/var/lib/etcd".into(),
        layout: Default::default(),
        cluster_token: String::new(),
        token: token.into(),
        left_by: operation_id("op"),
        rescued: false,
        attempt: None,
        problem: String::new(),
        created_at: Timestamp(9),
    }
}

async fn leave(f: &Fixture, task: &HostTask) {
    let mut tx = f.store.begin().await.unwrap();
    tx.leave_host_task(task).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_task_comes_back_as_it_was_left_and_a_second_time_changes_nothing() {
    let f = Fixture::new().await;
    f.hosts(["lab1", "lab2"]).await;
    let left = task("lab1", "tok");
    leave(&f, &left).await;
    let again = HostTask { id: HostTaskId::from_random([77; 10]), created_at: Timestamp(20), ..left.clone() };
    leave(&f, &again).await;
    assert_eq!(f.store.host_tasks().await.unwrap(), std::slice::from_ref(&left));
    assert_eq!(f.store.host_task(&left.id).await.unwrap(), Some(left.clone()));
    assert_eq!(f.store.host_tasks_of(&left.host).await.unwrap(), std::slice::from_ref(&left));
    assert_eq!(f.store.host_tasks_of(&host_id("lab2")).await.unwrap(), []);
    assert_eq!(f.store.host_tasks_left_by(&left.cluster).await.unwrap(), std::slice::from_ref(&left));
    assert_eq!(f.store.host_tasks_left_by(&cluster_id("other")).await.unwrap(), []);

    // A later removal of the same place: the earlier one's data was set aside, or lies there still.
    let later = task("lab1", "token2");
    leave(&f, &later).await;
    assert_eq!(f.store.host_tasks().await.unwrap(), [later]);
}

#[tokio::test]
async fn a_task_is_closed_by_its_own_removal_only_and_a_problem_is_kept() {
    let f = Fixture::new().await;
    f.hosts(["lab1"]).await;
    let left = task("lab1", "tok");
    leave(&f, &left).await;
    let mut tx = f.store.begin().await.unwrap();
    tx.set_host_task_problem(&left.id, "it is another's").await.unwrap();
    tx.close_host_task(&left.host, &left.data_dir, "another").await.unwrap();
    let kept = HostTask { problem: "it is another's".into(), ..left.clone() };
    assert_eq!(tx.host_task(&left.id).await.unwrap(), Some(kept));
    for _ in 0..2 {
        tx.close_host_task(&left.host, &left.data_dir, "tok").await.unwrap();
    }
    assert_eq!(tx.host_task(&left.id).await.unwrap(), None);
    let error = tx.delete_host_task(&left.id).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    let error = tx.leave_host_task(&task("lab9", "tok")).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_a_rescue_left_is_a_fence() {
    let f = Fixture::new().await;
    let [host] = f.hosts(["lab1"]).await;
    let left = task("lab1", "tok");
    leave(&f, &left).await;
    let mut tx = f.store.begin().await.unwrap();
    tx.insert_operation(&NewOperation { kind: "rescue_cluster".into(), ..operation("op", "Demo", &[]) }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(f.store.host_tasks_of(&host).await.unwrap(), [HostTask { rescued: true, ..left }]);
}

#[tokio::test]
async fn the_operation_that_set_about_it_is_the_newest_of_its_kind() {
    let f = Fixture::new().await;
    let [host] = f.hosts(["lab1"]).await;
    let left = task("lab1", "tok");
    leave(&f, &left).await;
    let mut other = operation("other", "demo", &[]);
    other.view_json = format!(r#"{{"params":{{"task":"{}"}},"steps":[]}}"#, left.id);
    f.accept(&other).await;
    assert_eq!(f.store.host_task(&left.id).await.unwrap().unwrap().attempt, None, "another kind");
    let mut finish = operation("finish", "", &[host]);
    (finish.kind, finish.cluster, finish.view_json) = ("finish_removal".into(), None, other.view_json);
    f.accept(&finish).await;
    assert_eq!(f.store.host_task(&left.id).await.unwrap().unwrap().attempt, Some(finish.id));
}

#[tokio::test]
async fn a_task_goes_with_its_host_and_is_void_once_a_member_is_there() {
    let f = Fixture::new().await;
    let [a, b, c] = f.hosts(["lab1", "lab2", "lab3"]).await;
    for (host, token) in [("lab1", "t1"), ("lab2", "t22"), ("lab3", "t333")] {
        leave(&f, &task(host, token)).await;
    }
    let mut tx = f.store.begin().await.unwrap();
    tx.delete_host(&a).await.unwrap();
    let mut demo = cluster("demo", std::slice::from_ref(&b));
    tx.insert_cluster(&demo).await.unwrap();
    tx.commit().await.unwrap();
    let open = async || f.store.host_tasks().await.unwrap().into_iter().map(|t| t.host_name).collect::<Vec<_>>();
    assert_eq!(open().await, ["lab3"]);
    demo.members = cluster("demo", &[b, c]).members;
    let mut tx = f.store.begin().await.unwrap();
    tx.set_cluster_members(&demo.id, &demo.members).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open().await, Vec::<String>::new());
}
