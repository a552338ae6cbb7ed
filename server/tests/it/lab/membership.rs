//! Members come, go, lead and restart on real hosts, through the same API that everybody uses.

use super::{PATIENCE, cluster::Cluster};
use quorate_testkit::{app::text, lab::LabHost, until::until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_joins_leads_restarts_and_leaves_and_its_host_joins_again() {
    let cluster = Cluster::of(2).await;
    let hosts = cluster.site.lab.hosts();

    let done = cluster.run("add_member", cluster.add(2)).await;
    assert!(done["log"].as_array().expect("log").iter().all(|e| e["kind"] != "failed"), "{}", done["log"]);
    cluster.site.assert_installed().await;
    cluster.assert_configurations(&[&hosts[0], &hosts[1], &hosts[2]]).await;
    cluster.healthy(3).await;
    let new = cluster.member(&hosts[2]).await.expect("a member");
    assert_eq!((text(&new["role"]), text(&new["host"])), ("voter".into(), cluster.site.ids[2].clone()));

    let id = cluster.member_id(&hosts[2]).await;
    cluster.run("move_leader", json!({"cluster": cluster.id, "member": id})).await;
    until(PATIENCE, "it leads on the screen", async || cluster.view().await["leader"] == *id).await;

    let before = cluster.site.lab.exec(&hosts[2], "systemctl show --property=MainPID etcd").await;
    cluster.run("rolling_restart", json!({"cluster": cluster.id})).await;
    assert_ne!(cluster.site.lab.exec(&hosts[2], "systemctl show --property=MainPID etcd").await, before);
    cluster.healthy(3).await;

    // The leader leaves.
    let again = cluster.leading().await;
    let leader = hosts[again].clone();
    let stay: Vec<&LabHost> = hosts.iter().filter(|h| h.name != leader.name).collect();
    let id = cluster.member_id(&leader).await;
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;
    cluster.healthy(2).await;
    cluster.assert_configurations(&stay).await;
    let left = cluster.site.lab.exec(&leader, "systemctl is-active etcd; systemctl is-enabled etcd; true").await;
    assert_eq!(left, "inactive\ndisabled\n");
    let aside = cluster.site.lab.exec(&leader, "ls /var/lib/etcd; ls /var/lib/etcd/aside-*/member").await;
    assert!(aside.contains("snap") && !aside.lines().any(|line| line == "member"), "{aside}");

    // Its host is free for the next one.
    cluster.run("add_member", cluster.add(again)).await;
    cluster.healthy(3).await;
    assert_ne!(cluster.member_id(&leader).await, id, "a new member with a new id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_dies_in_every_step_adds_one_member_and_no_two() {
    let mut cluster = Cluster::of(2).await;
    let plan = cluster.plan("add_member", cluster.add(2)).await;
    let steps = plan["steps"].as_array().expect("steps").len();
    let operation = cluster.site.app.start_operation("add_member", plan["params"].clone()).await;
    for step in 0..steps {
        let mut over = false;
        until(PATIENCE, "the step begins", async || {
            let detail = cluster.site.app.get(&format!("/operations/{operation}")).await;
            over = detail["summary"]["state"] != "running";
            over || detail["steps"][step] != "waiting"
        })
        .await;
        if over {
            break;
        }
        cluster.site.app.kill().await;
        cluster.site.app.launch().await;
    }
    let detail = cluster.site.app.done(&operation, PATIENCE).await;
    let starts = detail["log"].as_array().expect("log").iter().filter(|e| e["kind"] == "started").count();
    assert!(starts > steps, "the console died inside a step at least once: {starts} starts of {steps} steps");
    cluster.healthy(3).await;
    cluster.site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_is_taken_back_from_its_last_step_as_if_it_had_never_been() {
    let cluster = Cluster::of(2).await;
    let hosts = cluster.site.lab.hosts();
    let spare = &hosts[2];
    let before = cluster.site.lab.exec(&hosts[0], "cat /etc/etcd/etcd.conf").await;
    // The file of another member cannot be written: the new one has its vote by then.
    cluster.site.lab.exec(&hosts[1], "chattr +i /etc/etcd/etcd.conf || mount --bind -o ro /etc/etcd /etc/etcd").await;
    let operation = cluster.site.app.start_operation("add_member", cluster.add(2)).await;
    let stuck = cluster.site.app.rest(&operation, PATIENCE).await;
    assert_eq!(stuck["summary"]["state"], "stuck", "{}", stuck["summary"]);
    cluster.healthy(3).await;
    cluster.site.lab.exec(&hosts[1], "chattr -i /etc/etcd/etcd.conf; umount /etc/etcd 2>/dev/null; true").await;
    cluster.site.app.post(&format!("/operations/{operation}/undo"), json!({})).await;
    let undone = cluster.site.app.rest(&operation, PATIENCE).await;
    assert_eq!(undone["summary"]["state"], "unwound", "{}", undone["summary"]);
    cluster.healthy(2).await;
    assert_eq!(cluster.site.lab.exec(&hosts[0], "cat /etc/etcd/etcd.conf").await, before);
    let left = cluster.site.lab.exec(spare, "systemctl is-active etcd; ls /usr/bin/etcd 2>&1; true").await;
    assert!(left.starts_with("inactive") && left.contains("No such file"), "{left}");
    let rows = cluster.site.app.get("/hosts").await;
    let row = rows.as_array().expect("rows").iter().find(|row| row["name"] == spare.name).cloned().expect("a row");
    assert!(row["cluster"].is_null() && row["operation"].is_null(), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_member_is_removed_or_replaced_and_a_needed_one_is_not() {
    let cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts();
    let (needed, dead) = (cluster.member_id(&hosts[0]).await, &hosts[2]);
    let id = cluster.member_id(dead).await;
    cluster.site.lab.kill(dead).await;
    until(PATIENCE, "the screen shows that it is gone", async || {
        cluster.member(dead).await.is_some_and(|m| m["reachability"]["state"] == "unreachable")
    })
    .await;

    // A healthy one is needed now, and etcd 3.5.16 adds none.
    let plan = cluster.plan("remove_member", json!({"cluster": cluster.id, "member": needed})).await;
    let refused = |plan: &Value| -> Vec<String> {
        let checks = plan["checks"].as_array().expect("checks").iter();
        checks.filter(|c| c["verdict"] == "fail").map(|c| text(&c["answer"])).collect()
    };
    assert!(refused(&plan)[0].contains("writes would stop"), "{:?}", refused(&plan));
    let start = json!({"kind": "remove_member", "params": plan["params"], "digest": plan["digest"], "confirm": "demo"});
    let (status, _) = cluster.site.app.request(Method::POST, "/operations", Some(start)).await;
    assert_eq!(status, StatusCode::CONFLICT);

    // The dead one goes although its host is away.
    cluster.run("remove_member", json!({"cluster": cluster.id, "member": id})).await;
    cluster.healthy(2).await;
    assert!(cluster.member(dead).await.is_none());

    // Its host comes back with its old etcd, which finds itself removed and joins nothing.
    cluster.site.lab.start(dead).await;
    until(PATIENCE, "the host answers", async || {
        let facts = format!("/hosts/{}/facts", cluster.site.ids[2]);
        cluster.site.app.request(Method::POST, &facts, Some(json!({}))).await.0.is_success()
    })
    .await;
    cluster.healthy(2).await;
    assert!(cluster.member(dead).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lost_its_data_is_replaced_on_its_own_host() {
    let cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts();
    let (broken, id) = (&hosts[2], cluster.member_id(&hosts[2]).await);
    cluster.site.lab.exec(broken, "systemctl stop etcd; rm -rf /var/lib/etcd/member/wal; systemctl disable etcd").await;
    until(PATIENCE, "the screen shows that it is gone", async || {
        cluster.member(broken).await.is_some_and(|m| m["reachability"]["state"] == "unreachable")
    })
    .await;
    cluster.run("replace_member", cluster.replace(&id, 2)).await;
    cluster.healthy(3).await;
    cluster.site.assert_installed().await;
    assert_ne!(cluster.member_id(broken).await, id);
    cluster.assert_configurations(&[&hosts[0], &hosts[1], &hosts[2]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_seen_as_a_difference_and_repaired_and_a_cluster_is_uninstalled() {
    let cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts();
    let drift = async || {
        let found = cluster.site.app.get(&format!("/clusters/{}/configurations", cluster.id)).await;
        let of = |member: &Value| -> Vec<String> {
            member["drift"].as_array().expect("drift").iter().map(|d| text(&d["what"])).collect()
        };
        let mut all: Vec<(String, Vec<String>)> =
            found.as_array().expect("members").iter().map(|m| (text(&m["name"]), of(m))).collect();
        all.retain(|(_, drift)| !drift.is_empty());
        all
    };
    assert_eq!(drift().await, []);
    let spoil = "sed -i s/^quota-backend-bytes:.*/quota-backend-bytes:\\ 99999999/ /etc/etcd/etcd.conf; \
                 chown root:root /etc/etcd/etcd.conf; systemctl disable etcd; \
                 echo [Service] >/etc/systemd/system/etcd.service.d/quorate.conf";
    cluster.site.lab.exec(&hosts[1], spoil).await;
    let found = drift().await;
    assert_eq!(
        found,
        [(hosts[1].name.clone(), ["quota-backend-bytes", "drop-in", "owner", "enabled"].map(str::to_owned).to_vec())]
    );
    cluster.run("repair_drift", json!({"cluster": cluster.id})).await;
    assert_eq!(drift().await, []);
    cluster.site.assert_installed().await;

    // Settings that all share: written everywhere, and read by each member at its restart.
    let pid = async |host: &LabHost| cluster.site.lab.exec(host, "systemctl show --property=MainPID etcd").await;
    let mut before = Vec::new();
    for host in hosts {
        before.push(pid(host).await);
    }
    let wanted = json!({"cluster": cluster.id, "settings": {"quota": "4294967296", "log_level": "warn"}});
    cluster.run("edit_settings", wanted).await;
    for (host, before) in hosts.iter().zip(before) {
        let lines = cluster.site.lab.exec(host, "grep -E ^quota-backend-bytes\\|^log-level /etc/etcd/etcd.conf").await;
        assert_eq!(lines, "quota-backend-bytes: 4294967296\nlog-level: 'warn'\n");
        assert_ne!(pid(host).await, before, "{} was restarted", host.name);
    }
    until(PATIENCE, "the screen knows the quota", async || cluster.view().await["quota"] == "4294967296").await;

    cluster.run("uninstall_cluster", json!({"cluster": cluster.id})).await;
    assert_eq!(cluster.site.app.get("/clusters").await, json!([]));
    for host in hosts {
        let left =
            cluster.site.lab.exec(host, "systemctl is-active etcd; ls -d /var/lib/etcd/aside-*/member; true").await;
        assert!(left.starts_with("inactive") && left.contains("/member"), "{left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_did_with_etcdctl_is_seen_and_the_next_plan_follows() {
    let cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts();
    let id = cluster.member_id(&hosts[2]).await;
    // etcd says no until all voters have been connected for five seconds.
    until(PATIENCE, "etcdctl removes it", async || {
        cluster.site.lab.try_exec(&hosts[0], &format!("etcdctl member remove {id}")).await.status.success()
    })
    .await;
    until(PATIENCE, "the screen follows", async || cluster.member(&hosts[2]).await.is_none()).await;
    let member = cluster.member_id(&hosts[0]).await;
    // It may have led: until the others agree on a leader nobody vouches for the list that a plan is made from.
    until(PATIENCE, "the plan names who left", async || {
        let plan = cluster.plan("rolling_restart", json!({"cluster": cluster.id, "members": [member]})).await;
        let checks = plan["checks"].as_array().expect("checks");
        checks.iter().any(|c| c["name"] == "expected_members" && text(&c["answer"]).contains(&hosts[2].name))
    })
    .await;
    // Its id is nobody's any more.
    let request = json!({"kind": "remove_member", "params": {"cluster": cluster.id, "member": id}});
    let (status, answer) = cluster.site.app.request(Method::POST, "/plans", Some(request)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
}
