//! Bad days of a membership change: whoever dies or is cut off in the middle, the cluster keeps what it had, the operation
//! says what is wrong, and goes on once that is mended.

use super::{PATIENCE, cluster::Cluster, soak::ABORT};
use quorate_testkit::app::text;
use serde_json::{Value, json};

impl Cluster {
    /// Runs an operation up to right before the effects of the step `key`, where the console ends; `meanwhile` happens, and
    /// the console comes back. Returns the operation.
    async fn until_step(&mut self, kind: &str, params: Value, key: &str, meanwhile: impl AsyncFn(&Self)) -> String {
        let plan = self.plan(kind, params.clone()).await;
        let steps = plan["steps"].as_array().expect("steps");
        let step = steps.iter().position(|step| step["key"] == key).unwrap_or_else(|| panic!("no {key} in {steps:?}"));
        // Each step before leaves two entries, and this one its first.
        self.site.app.set_environment(ABORT, Some(&(2 * step + 1).to_string()));
        self.site.app.kill().await;
        self.site.app.launch().await;
        let operation = self.site.app.start_operation(kind, params).await;
        self.site.app.ended(PATIENCE).await;
        meanwhile(self).await;
        self.site.app.set_environment(ABORT, None);
        self.site.app.launch().await;
        operation
    }

    /// Waits until the operation rests, which it does because of what `why` says.
    async fn stuck(&self, operation: &str, why: &str) {
        let stuck = self.site.app.rest(operation, PATIENCE).await;
        assert_eq!(stuck["summary"]["state"], "stuck", "{}", stuck["summary"]);
        let reason = text(&stuck["summary"]["reason"]);
        assert!(reason.contains(why), "{reason}");
        assert!(stuck["choices"].as_array().expect("choices").contains(&json!("retry")), "{}", stuck["choices"]);
    }

    async fn retry(&self, operation: &str) {
        self.site.app.post(&format!("/operations/{operation}/retry"), json!({})).await;
        self.site.app.done(operation, PATIENCE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_that_dies_costs_the_cluster_nothing_and_the_add_goes_on_with_it() {
    let mut cluster = Cluster::of(2).await;
    let spare = cluster.site.lab.hosts()[2].clone();
    // Before its etcd starts: the learner is listed and nobody is there.
    let off = async |cluster: &Cluster| cluster.site.lab.kill(&spare).await;
    let add = cluster.add(2);
    let operation = cluster.until_step("add_member", add.clone(), &format!("start_{}", spare.name), off).await;
    cluster.stuck(&operation, &spare.name).await;
    cluster.voters(2, 2).await;
    cluster.site.lab.start(&spare).await;
    cluster.retry(&operation).await;
    cluster.healthy(3).await;
    cluster.site.assert_installed().await;
    let id = cluster.member_id(&spare).await;
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;

    // While it gets the log: that is waited for, and goes on by itself once the host is back.
    let operation = cluster.until_step("add_member", add.clone(), &format!("catch_up_{}", spare.name), off).await;
    cluster.voters(2, 2).await;
    cluster.site.lab.start(&spare).await;
    cluster.site.app.done(&operation, PATIENCE).await;
    cluster.healthy(3).await;
    let id = cluster.member_id(&spare).await;
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;

    // After it got its vote: two of three are a majority.
    let operation = cluster.until_step("add_member", add, "remove_archive", off).await;
    cluster.stuck(&operation, &spare.name).await;
    cluster.voters(2, 3).await;
    cluster.site.lab.start(&spare).await;
    cluster.retry(&operation).await;
    cluster.healthy(3).await;
    cluster.site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_dies_during_an_add_is_waited_for_and_no_member_is_added_meanwhile() {
    let mut cluster = Cluster::on(4, 3).await;
    let hosts = cluster.site.lab.hosts().to_vec();
    let (leader, spare) = (hosts[cluster.leading().await].clone(), &hosts[3]);
    let off = async |cluster: &Cluster| cluster.site.lab.kill(&leader).await;
    let add = cluster.add(3);
    let operation = cluster.until_step("add_member", add, &format!("add_{}", spare.name), off).await;
    cluster.stuck(&operation, "before 3.5.30").await;
    cluster.voters(2, 3).await;
    assert!(cluster.member(spare).await.is_none());
    cluster.site.lab.start(&leader).await;
    cluster.healthy(3).await;
    cluster.retry(&operation).await;
    cluster.healthy(4).await;
    cluster.site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_during_a_removal_refuses_it_and_the_member_runs_on() {
    let mut cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts().to_vec();
    let leading = cluster.leading().await;
    let (leader, leaving) = (hosts[leading].clone(), hosts[(leading + 1) % 3].clone());
    let others: Vec<_> = hosts.iter().filter(|host| host.name != leader.name).collect();
    let cut = async |cluster: &Cluster| cluster.site.lab.partition(&leader, &others).await;
    let id = cluster.member_id(&leaving).await;
    let remove = json!({"cluster": cluster.id, "member": id});
    let operation = cluster.until_step("remove_member", remove, &format!("remove_{}", leaving.name), cut).await;
    cluster.stuck(&operation, "writes would stop").await;
    cluster.voters(2, 3).await;
    let state = cluster.site.lab.exec(&leaving, "systemctl is-active etcd; systemctl is-enabled etcd").await;
    assert_eq!(state, "active\nenabled\n", "a removal that was refused costs no running member");
    for host in &hosts {
        cluster.site.lab.heal(host).await;
    }
    cluster.healthy(3).await;
    cluster.retry(&operation).await;
    cluster.healthy(2).await;
    assert!(cluster.member(&leaving).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_port_that_is_blocked_in_one_direction_is_found_before_anything_changes() {
    let cluster = Cluster::of(2).await;
    let hosts = cluster.site.lab.hosts();
    let block = |from: &str| {
        format!(
            "nft add table inet blocked && nft 'add chain inet blocked in {{ type filter hook input priority 0; }}' && \
             nft add rule inet blocked in ip saddr {from} tcp dport 2380 drop"
        )
    };
    let refused = async || -> Vec<String> {
        let plan = cluster.plan("add_member", cluster.add(2)).await;
        let checks = plan["checks"].as_array().expect("checks").iter();
        checks.filter(|c| c["verdict"] == "fail").map(|c| format!("{}: {}", c["subject"], c["answer"])).collect()
    };
    assert_eq!(refused().await, Vec::<String>::new());
    for (blocked, from) in [(&hosts[0], &hosts[2]), (&hosts[2], &hosts[0])] {
        cluster.site.lab.exec(blocked, &block(&from.address)).await;
        let found = refused().await;
        assert_eq!(found.len(), 1, "{found:?}");
        let names = [&blocked.name, &from.name].iter().all(|name| found[0].contains(name.as_str()));
        assert!(names && found[0].contains("2380"), "{found:?}");
        cluster.site.lab.exec(blocked, "nft delete table inet blocked").await;
    }
    assert_eq!(refused().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_a_mount_point_is_used_and_old_data_in_it_is_never_touched() {
    let cluster = Cluster::of(2).await;
    let spare = &cluster.site.lab.hosts()[2];
    cluster.site.lab.exec(spare, "mkdir /var/lib/etcd && mount -t tmpfs -o size=1g,mode=755 none /var/lib/etcd").await;
    cluster.site.lab.exec(spare, "mkdir -p /var/lib/etcd/member/wal /var/lib/etcd/lost+found").await;
    let plan = cluster.plan("add_member", cluster.add(2)).await;
    let refused = plan["checks"].as_array().expect("checks").iter().find(|c| c["verdict"] == "fail").cloned();
    assert!(refused.expect("a refusal").to_string().contains("member/"));
    cluster.site.lab.exec(spare, "mv /var/lib/etcd/member /root/kept").await;

    cluster.run("add_member", cluster.add(2)).await;
    cluster.healthy(3).await;
    let id = cluster.member_id(spare).await;
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;
    let left = cluster
        .site
        .lab
        .exec(spare, "findmnt -n -o FSTYPE /var/lib/etcd; ls /var/lib/etcd | sed s/aside-.*/aside/")
        .await;
    assert_eq!(left, "tmpfs\naside\nlost+found\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dead_of_five_are_removed_together_before_one_is_replaced() {
    let cluster = Cluster::on(5, 5).await;
    let hosts = cluster.site.lab.hosts();
    let dead = [&hosts[3], &hosts[4]];
    let id = cluster.member_id(dead[0]).await;
    for host in dead {
        cluster.site.lab.exec(host, "systemctl disable --now etcd; rm -rf /var/lib/etcd/member").await;
    }
    cluster.voters(3, 5).await;
    let needed = cluster.member_id(&hosts[0]).await;
    let plan = cluster.plan("remove_member", json!({"cluster": cluster.id, "member": needed})).await;
    assert!(plan["checks"].to_string().contains("writes would stop"), "{}", plan["checks"]);
    cluster.run("replace_member", cluster.replace(&id, 3)).await;
    cluster.healthy(4).await;
    cluster.run("add_member", cluster.add(4)).await;
    cluster.healthy(5).await;
    cluster.site.assert_installed().await;
}
