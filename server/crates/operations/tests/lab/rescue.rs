//! Rescues on real hosts: a cluster begins again from what is left, with a console that dies in the middle, and those who were
//! gone come back together afterwards.

use super::world::{PATIENCE, World};
use quorate_domain::{
    HostId,
    operation::{Choice, OperationState, StepState},
    snapshots::Content,
};
use quorate_testkit::until::until;
use serde_json::{Value, json};

/// A cluster with some keys that lost all members but the first `left`; what it had, and what a person says of the others.
async fn lost(size: usize, left: usize) -> (World, Content, Value) {
    let world = World::new(size, size).await;
    for n in 0..20 {
        world.etcdctl(&format!("put app/{n} value-{n}")).await;
    }
    world.etcdctl("del app/7").await;
    let had = world.content().await;
    for host in &world.lab.hosts()[left..] {
        world.lab.kill(host).await;
    }
    let gone: Vec<HostId> =
        world.lab.hosts()[left..].iter().map(|host| HostId::from_random([host.number; 10])).collect();
    let params = json!({
        "cluster": world.known.record().id,
        "unfenced": gone,
        "bump": {"by": "revisions", "number": "1000000"},
    });
    (world, had, params)
}

/// The cluster is of the first `left` hosts, has what it had, and nothing of the rescue's own is left on them.
async fn assert_rescued(world: &World, left: usize, had: &Content) {
    assert_eq!(&world.content().await, had);
    let members = world.etcdctl("member list").await;
    assert_eq!(members.lines().count(), left, "{members}");
    let status = world.etcdctl("endpoint status -w fields").await;
    let revision = status.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).expect("a revision");
    assert!(revision.parse::<u64>().expect("a number") > 1_000_000, "{status}");
    let record = world.known.record();
    assert_eq!(record.members.len(), left);
    for host in &world.lab.hosts()[..left] {
        let found = world
            .lab
            .exec(host, "cat /etc/etcd/etcd.conf; ls -A /etc/systemd/system/etcd.service.d /var/lib/etcd")
            .await;
        assert!(
            !found.contains("force-new-cluster") && !found.contains("hold") && !found.contains(".rescue"),
            "{found}"
        );
        assert!(found.contains(&format!("copy-{}", record.token)), "the cold copy is still there: {found}");
        let units = world.lab.exec(host, "systemctl list-units --all 'quorate-rescue-*' --no-legend").await;
        assert_eq!(units, "", "the throw-away etcd is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_of_three_every_key_comes_back_and_the_dead_who_boot_together_stay_out() {
    let (world, had, params) = lost(3, 1).await;
    let operation = world.start("rescue_cluster", params).await;
    world.rests(&operation, OperationState::Waiting).await;
    let (first, second) = (world.lab.hosts()[0].clone(), world.lab.hosts()[1].clone());
    world.press(&operation, Choice::Proceed).await;
    world.rests(&operation, OperationState::Done).await;
    assert_rescued(&world, 1, &had).await;

    for host in &world.lab.hosts()[1..] {
        world.lab.start(host).await;
    }
    // Two of three have the old quorum: the worst that they can do before the console has reached them.
    until(PATIENCE, "the old cluster answers again", async || {
        world.lab.try_exec(&second, "etcdctl --command-timeout=2s get app/3").await.status.success()
    })
    .await;
    let tasks = world.known.tasks();
    assert_eq!(tasks.len(), 2, "both are fenced");
    for task in tasks {
        let operation = world.start("finish_removal", json!({"task": task.id})).await;
        world.rests(&operation, OperationState::Done).await;
    }
    for host in &world.lab.hosts()[1..] {
        let found =
            world.lab.exec(host, "systemctl is-active etcd; systemctl is-enabled etcd; ls /var/lib/etcd; true").await;
        assert!(found.starts_with("inactive\ndisabled\naside-"), "{found}");
        world.lab.exec(host, "systemctl start --no-block etcd; systemctl stop etcd").await;
    }
    assert_rescued(&world, 1, &had).await;
    let peers = world.lab.exec(&first, "etcdctl endpoint status -w fields | grep -c ClusterID").await;
    assert_eq!(peers, "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_two_of_five_both_go_on_and_undo_before_brings_the_old_data_back() {
    let (world, had, params) = lost(5, 2).await;
    let before = world.lab.exec(&world.lab.hosts()[0], "ls /var/lib/etcd/member; grep token /etc/etcd/etcd.conf").await;
    let operation = world.start("rescue_cluster", params.clone()).await;
    world.rests(&operation, OperationState::Waiting).await;
    world.press(&operation, Choice::Undo).await;
    world.rests(&operation, OperationState::Unwound).await;
    let after = world.lab.exec(&world.lab.hosts()[0], "ls /var/lib/etcd/member; grep token /etc/etcd/etcd.conf").await;
    assert_eq!(before, after);
    assert_eq!((world.known.record().members.len(), world.known.tasks().len()), (5, 0));
    let operation = world.start("rescue_cluster", params).await;
    world.rests(&operation, OperationState::Waiting).await;
    world.press(&operation, Choice::Proceed).await;
    world.rests(&operation, OperationState::Done).await;
    assert_rescued(&world, 2, &had).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_dies_in_every_step_of_a_rescue_costs_nothing_but_time() {
    let (mut world, had, params) = lost(3, 1).await;
    let operation = world.start("rescue_cluster", params).await;
    let keys = world.keys(&operation).await;
    let first_open = keys.iter().position(|key| key.starts_with("open_")).expect("a step");
    for step in 0..keys.len() {
        if step == first_open {
            world.rests(&operation, OperationState::Waiting).await;
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
    assert_rescued(&world, 1, &had).await;
}
