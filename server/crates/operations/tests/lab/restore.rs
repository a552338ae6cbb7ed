//! Restores on real hosts: what comes back, what undo brings back, and bad days in the middle.

use super::world::{PATIENCE, World};
use quorate_domain::operation::{Choice, OperationState, StepState};
use quorate_testkit::until::until;
use serde_json::{Value, json};

/// Three members with some keys, and a snapshot of them; since then keys were deleted and others written.
async fn damaged() -> World {
    let world = World::new(3, 3).await;
    for n in 0..5 {
        world.etcdctl(&format!("put app/{n} value-{n}")).await;
    }
    world.take().await;
    world.etcdctl("del app/ --prefix").await;
    world.etcdctl("put later written-after-the-snapshot").await;
    world
}

fn params(world: &World) -> Value {
    let snapshot = quorate_domain::SnapshotId::from_random([7; 10]);
    json!({"cluster": world.known.record().id, "snapshot": snapshot, "bump": {"by": "revisions", "number": "1000000"}})
}

/// The cluster is whole again, has what the snapshot had, and no host is held.
async fn assert_restored(world: &World) {
    let first = &world.lab.hosts()[0];
    let endpoints: Vec<String> = world.lab.hosts().iter().map(|h| format!("http://{}:2379", h.address)).collect();
    world.lab.exec(first, &format!("etcdctl --endpoints={} endpoint health", endpoints.join(","))).await;
    assert_eq!(world.etcdctl("get app/3 --print-value-only").await, "value-3\n");
    assert_eq!(world.etcdctl("get later").await, "");
    let status = world.etcdctl("endpoint status -w fields").await;
    let revision = status.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).expect("a revision");
    assert!(revision.parse::<u64>().expect("a number") > 1_000_000, "{status}");
    let token = world.known.record().token;
    for host in world.lab.hosts() {
        let conf = world.lab.exec(host, "cat /etc/etcd/etcd.conf").await;
        assert!(conf.contains(&format!("initial-cluster-token: '{token}'")), "{conf}");
        assert!(conf.contains("initial-cluster-state: 'existing'") && !conf.contains("127.0.0.1"), "{conf}");
        let left = world.lab.exec(host, "ls -A /etc/systemd/system/etcd.service.d /var/lib/etcd").await;
        assert!(!left.contains("hold") && !left.contains(".restore"), "{left}");
        assert!(left.contains(&format!("aside-{token}")), "the old data is still there: {left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_keys_come_back_and_undo_brings_back_what_was_written_since() {
    let world = damaged().await;
    let before = world.content().await;
    let operation = world.start("restore_in_place", params(&world)).await;
    world.rests(&operation, OperationState::Waiting).await;
    // Nobody but its own host is served.
    let (first, second) = (&world.lab.hosts()[0], &world.lab.hosts()[1]);
    let from_afar = format!("etcdctl --command-timeout=2s --endpoints=http://{}:2379 get app/3", first.address);
    assert!(!world.lab.try_exec(second, &from_afar).await.status.success(), "a client got in");
    assert_eq!(world.etcdctl("get app/3 --print-value-only").await, "value-3\n");
    world.press(&operation, Choice::Undo).await;
    world.rests(&operation, OperationState::Unwound).await;
    assert_eq!(world.content().await, before, "as if nothing had been");
    for host in world.lab.hosts() {
        let found = world.lab.exec(host, "systemctl is-active etcd; ls /etc/systemd/system/etcd.service.d").await;
        assert_eq!(found, "active\nquorate.conf\n", "on {}", host.name);
    }
    let operation = world.start("restore_in_place", params(&world)).await;
    world.rests(&operation, OperationState::Waiting).await;
    world.press(&operation, Choice::Proceed).await;
    world.rests(&operation, OperationState::Done).await;
    assert_restored(&world).await;
    let operation = world.start("return_from_restore", json!({"cluster": world.known.record().id})).await;
    world.rests(&operation, OperationState::Done).await;
    assert_eq!(world.content().await, before, "back to what it was, long after it was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_loses_power_in_the_middle_is_held_when_it_comes_back_and_retry_finishes() {
    let world = damaged().await;
    let operation = world.start("restore_in_place", params(&world)).await;
    let stop = world.keys(&operation).await.iter().position(|key| key == "stop").expect("a step");
    until(PATIENCE, "the hosts are held", async || world.state(&operation).await.1[stop] != StepState::Waiting).await;
    let victim = world.lab.hosts()[1].clone();
    world.lab.kill(&victim).await;
    world.rests(&operation, OperationState::Stuck).await;
    world.lab.start(&victim).await;
    let state = world.lab.exec(&victim, "systemctl start etcd; systemctl is-active etcd; true").await;
    assert_eq!(state, "inactive\n", "it is held over the reboot, whoever starts it");
    world.press(&operation, Choice::Retry).await;
    world.rests(&operation, OperationState::Waiting).await;
    world.press(&operation, Choice::Proceed).await;
    world.rests(&operation, OperationState::Done).await;
    assert_restored(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_dies_in_every_step_of_a_restore_costs_nothing_but_time() {
    let mut world = damaged().await;
    let operation = world.start("restore_in_place", params(&world)).await;
    let keys = world.keys(&operation).await;
    let first_open = keys.iter().position(|key| key.starts_with("open_")).expect("a step");
    for step in 0..keys.len() {
        if step == first_open {
            world.rests(&operation, OperationState::Waiting).await;
            world.kill();
            world.launch().await;
            assert_eq!(world.state(&operation).await.0, OperationState::Waiting, "it still waits for a person");
            world.press(&operation, Choice::Proceed).await;
        }
        until(PATIENCE, "the step begins", async || {
            let (state, steps, _) = world.state(&operation).await;
            steps[step] != StepState::Waiting || !state.active()
        })
        .await;
        world.kill();
        world.launch().await;
    }
    world.rests(&operation, OperationState::Done).await;
    assert_restored(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_makes_a_new_cluster_of_another_size_on_other_hosts() {
    let world = World::new(3, 1).await;
    world.etcdctl("put app/3 value-3").await;
    let taken = world.take().await;
    let params = json!({"snapshot": taken.id, "install": world.install("copy", 1..3)});
    let operation = world.start("restore_new", params).await;
    world.rests(&operation, OperationState::Done).await;
    assert_eq!(world.known.record().name, "copy");
    assert_eq!(Some(world.content().await), taken.content);
    let second = &world.lab.hosts()[1];
    assert_eq!(world.lab.exec(second, "etcdctl member list").await.lines().count(), 2);
}
