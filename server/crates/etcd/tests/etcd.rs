//! The client against real etcd processes. Invariant: nothing here asserts how long a thing took; deadlines are asserted
//! by their kind of error.

use quorate_etcd::{Consistency, EtcdError, MemberClient, MemberEndpoint, bootstrap_member_id};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, VERSION},
    until::until,
};
use std::time::Duration;
use tokio::{io::copy_bidirectional, net::TcpStream, net::UnixListener};

const KEY: &[u8] = b"/quorate/canary/test";

#[tokio::test]
async fn three_members_tell_their_status() {
    let cluster = EtcdCluster::start(3).await;
    let leader = cluster.leader_among(&[0, 1, 2]).await;
    let leader_id = cluster.id(leader).await;
    let mut cluster_ids = Vec::new();
    for i in 0..3 {
        let reply = cluster.status(i).await.expect("status");
        assert_eq!(reply.status.leader, Some(leader_id));
        assert_eq!(reply.status.version, VERSION);
        assert!(!reply.is_learner && reply.status.errors.is_empty() && reply.alarms().is_empty());
        assert!(reply.status.raft_term.0 > 0 && reply.status.db_size.0 > 0 && reply.status.revision.0 > 0);
        let peer = cluster.member(i).peer_url().to_owned();
        assert_eq!(reply.member_id, bootstrap_member_id(&[peer], cluster.token()), "the id is known beforehand");
        cluster_ids.push(reply.cluster_id);
    }
    cluster_ids.dedup();
    assert_eq!(cluster_ids.len(), 1);
}

#[tokio::test]
async fn a_write_through_one_member_is_read_through_each() {
    let cluster = EtcdCluster::start(3).await;
    cluster.client(0).canary_put(KEY, b"1", CALL).await.expect("put");
    for i in 0..3 {
        assert_eq!(cluster.client(i).canary_get(KEY, CALL).await.expect("get").as_deref(), Some(&b"1"[..]));
    }
    assert!(cluster.client(1).canary_delete(KEY, CALL).await.expect("delete"));
    assert!(!cluster.client(1).canary_delete(KEY, CALL).await.expect("delete again"));
    assert_eq!(cluster.client(2).canary_get(KEY, CALL).await.expect("get"), None);
}

#[tokio::test]
async fn patroni_scopes_are_found_by_their_configuration() {
    let cluster = EtcdCluster::start(1).await;
    cluster.leader_among(&[0]).await;
    let client = cluster.client(0);
    assert_eq!(client.patroni_scopes(CALL).await.expect("none"), []);
    for (key, value) in [
        ("/service/pg-main/config", r#"{"ttl":20,"loop_wait":5,"retry_timeout":7,"failsafe_mode":true}"#),
        ("/service/pg-main/leader", "db1"),
        ("/service/pg-main/initialize", "7301"),
        ("/service/pg-new/config", "{}"),
        ("/service/other", "no scope"),
    ] {
        client.canary_put(key.as_bytes(), value.as_bytes(), CALL).await.expect("put");
    }
    let scopes = client.patroni_scopes(CALL).await.expect("scopes");
    let said: Vec<_> = scopes.iter().map(|s| (s.scope.as_str(), s.ttl, s.retry_timeout, s.leader.as_deref())).collect();
    assert_eq!(said, [("pg-main", 20, 7, Some("db1")), ("pg-new", 30, 10, None)]);
    assert!(scopes[0].failsafe_mode && scopes[0].initialized && !scopes[1].failsafe_mode && !scopes[1].initialized);
}

#[tokio::test]
async fn all_members_list_the_same_and_a_learner_shows_as_one() {
    let mut cluster = EtcdCluster::start(3).await;
    let learner = cluster.add_learner(0).await;
    let first = cluster.client(0).members(Consistency::Linearizable, CALL).await.expect("list");
    assert_eq!((first.members.len(), first.voters().count()), (4, 3));
    for i in 1..3 {
        let other = cluster.client(i).members(Consistency::Linearizable, CALL).await.expect("list");
        assert!(first.same_membership(&other));
    }
    let id = cluster.id(learner).await;
    assert!(cluster.status(learner).await.expect("status").is_learner);
    assert!(first.members.iter().any(|m| m.id == id && m.is_learner));
}

#[tokio::test]
async fn without_quorum_only_a_serializable_list_is_answered() {
    let mut cluster = EtcdCluster::start(3).await;
    let client = cluster.client(2);
    cluster.member_mut(0).kill();
    cluster.member_mut(1).kill();
    until(PATIENCE, "the member left alone follows no leader", async || {
        client.status(CALL).await.is_ok_and(|s| s.status.leader.is_none())
    })
    .await;

    let known = client.members(Consistency::Serializable, CALL).await.expect("its own knowledge");
    assert_eq!(known.members.len(), 3);
    let short = Duration::from_millis(300);
    let confirmed = client.members(Consistency::Linearizable, short).await;
    assert!(matches!(confirmed, Err(EtcdError::Deadline { deadline }) if deadline == short), "{confirmed:?}");
    let written = client.canary_put(KEY, b"1", short).await;
    assert!(
        matches!(written, Err(EtcdError::Deadline { .. } | EtcdError::NoLeader | EtcdError::NoMajority { .. })),
        "{written:?}"
    );
    let status = client.status(CALL).await.expect("status still comes");
    assert!(status.status.errors.iter().any(|e| e.contains("no leader")), "{:?}", status.status.errors);
}

#[tokio::test]
async fn a_frozen_member_costs_the_deadline_and_a_thawed_one_answers_the_same_client() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    client.status(CALL).await.expect("status");
    cluster.member(0).pause();
    let frozen = client.status(Duration::from_millis(200)).await;
    assert!(matches!(frozen, Err(EtcdError::Deadline { .. })), "{frozen:?}");
    cluster.member(0).resume();
    until(PATIENCE, "it answers again", async || client.status(CALL).await.is_ok()).await;
}

#[tokio::test]
async fn a_client_finds_its_member_again_after_a_restart() {
    let mut cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    let before = client.status(CALL).await.expect("status").member_id;
    cluster.member_mut(0).kill();
    until(PATIENCE, "the refusal shows", async || {
        matches!(client.status(CALL).await, Err(e) if e.to_string() == "connection refused: nothing listens there")
    })
    .await;
    cluster.member_mut(0).run();
    until(PATIENCE, "it answers again", async || client.status(CALL).await.is_ok_and(|s| s.member_id == before)).await;
}

#[tokio::test]
async fn a_member_is_reached_through_a_unix_socket() {
    let cluster = EtcdCluster::start(1).await;
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("tunnel");
    let target = cluster.member(0).client_url().trim_start_matches("http://").to_owned();
    let listener = UnixListener::bind(&path).expect("socket");
    let tunnel = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&target).await.expect("etcd");
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let url = cluster.member(0).client_url();
    let client = MemberClient::connect(&MemberEndpoint::unix(url, &path)).expect("client");
    assert_eq!(client.status(CALL).await.expect("status").member_id, cluster.id(0).await);
    assert_eq!(client.members(Consistency::Linearizable, CALL).await.expect("list").members.len(), 1);
    assert!(client.health(CALL).await.expect("health").healthy());
    tunnel.abort();

    let gone = MemberClient::connect(&MemberEndpoint::unix(url, dir.path().join("gone"))).expect("client");
    let error = gone.status(CALL).await.expect_err("no socket");
    assert_eq!(error.to_string(), "the tunnel to it is gone");
}

#[tokio::test]
async fn health_and_metrics_come_over_plain_http() {
    let cluster = EtcdCluster::start(1).await;
    assert!(cluster.client(0).health(CALL).await.expect("health").healthy());
    assert!(cluster.client(0).metrics(CALL).await.expect("metrics").contains("etcd_server_has_leader 1"));
}

#[tokio::test]
async fn calls_can_be_made_from_spawned_tasks() {
    let cluster = EtcdCluster::start(1).await;
    let client = cluster.client(0);
    let reply = tokio::spawn(async move {
        client.members(Consistency::Linearizable, CALL).await?;
        client.canary_get(KEY, CALL).await?;
        client.status(CALL).await
    });
    reply.await.expect("task").expect("status");
}
