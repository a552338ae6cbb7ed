//! Undo puts back exactly what was there, from whichever step boundary the operation was stopped at.

use super::{PATIENCE, Site};
use quorate_testkit::{
    app::text,
    lab::{Lab, LabHost},
    until::until,
};
use reqwest::Method;
use serde_json::{Value, json};

/// At the beginning of these steps a cancel is asked for, so the operation stops at the boundary after one of them:
/// with nothing of etcd there, with its files there, with etcd running, and as late as a cancel can surely come.
const STEPS: [&str; 4] = ["bring_archive", "write_files", "start", LATE];
/// What is left after this one takes a few round trips only.
const LATE: &str = "state_existing";

/// A fresh host.
const FRESH: &str = "inactive\n";
/// A fresh host whose etcd ran and was undone: data is never deleted, so its directory stays, and with it its owner.
const FRESH_BUT_FOR_DATA: &str = "/var/lib/etcd etcd:etcd 700\netcd\ninactive\n";

/// Everything an install touches: names, owners, modes, contents. What undo moved aside is `asides`' business.
async fn picture(lab: &Lab, host: &LabHost) -> String {
    lab.exec(
        host,
        "for p in /usr/bin/etcd /usr/bin/etcdctl /usr/bin/etcdutl /etc/etcd /var/lib/etcd /usr/lib/systemd/system/etcd.service \
         /etc/systemd/system/etcd.service.d /etc/systemd/system/multi-user.target.wants/etcd.service; do
           [ -e $p ] || continue
           find $p -path '/var/lib/etcd/aside-*' -prune -o -exec stat -c '%n %U:%G %a' {} + | sort
           find $p -path '/var/lib/etcd/aside-*' -prune -o -type f -exec sha256sum {} + | sort; done
         getent passwd etcd | cut -d: -f1; systemctl is-active etcd; true",
    )
    .await
}

/// The one thing that undo leaves where etcd ran: its data, moved aside, one directory for each operation undone.
async fn asides(lab: &Lab, host: &LabHost) -> Vec<String> {
    let list = "find /var/lib/etcd -maxdepth 2 -path '/var/lib/etcd/aside-*' 2>/dev/null; true";
    let mut found: Vec<String> = lab.exec(host, list).await.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn asides_of(tokens: &[String]) -> Vec<String> {
    let of = |token| [format!("/var/lib/etcd/aside-{token}"), format!("/var/lib/etcd/aside-{token}/member")];
    let mut wanted: Vec<String> = tokens.iter().flat_map(of).collect();
    wanted.sort();
    wanted
}

/// Starts an install, asks for cancel as soon as the step of this key begins, and undoes it from wherever it stopped.
/// Gives the operation's token if etcd was started.
async fn cancel_and_undo(site: &Site, step: &str) -> Option<String> {
    let slowed = &site.lab.hosts()[0];
    if step == LATE {
        // Between a look at the operation and the cancel it must not end by itself.
        site.lab.slow(slowed, 50).await;
    }
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    let path = format!("/operations/{operation}");
    let plan = site.app.get(&path).await["plan"].take();
    let (at, start) = (index(&plan, step), index(&plan, "start"));
    until(PATIENCE, "the step begins", async || {
        let detail = site.app.get(&path).await;
        detail["steps"][at] != "waiting" || detail["summary"]["state"] != "running"
    })
    .await;
    let (status, body) = site.app.request(Method::POST, &format!("{path}/cancel"), Some(json!({}))).await;
    assert!(status.is_success(), "in {step}: {status} {body}");
    let stopped = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(stopped["summary"]["state"], "stuck", "in {step}: {}", stopped["summary"]);
    assert_eq!(stopped["steps"][at], "done", "a cancel waits for the boundary: {}", stopped["steps"]);
    if step == LATE {
        site.lab.heal(slowed).await;
    }
    site.app.post(&format!("{path}/undo"), json!({})).await;
    let back = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(back["summary"]["state"], "unwound", "from {step}: {}", back["summary"]);
    (stopped["steps"][start] != "waiting").then(|| text(&plan["params"]["token"]))
}

fn index(plan: &Value, key: &str) -> usize {
    plan["steps"].as_array().expect("steps").iter().position(|step| step["key"] == key).expect(key)
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_hosts_are_as_fresh_after_undo() {
    let site = Site::new(2).await;
    let mut tokens = Vec::new();
    for host in site.lab.hosts() {
        assert_eq!(picture(&site.lab, host).await, FRESH, "on {}", host.name);
    }
    for step in STEPS {
        tokens.extend(cancel_and_undo(&site, step).await);
        let wanted = if tokens.is_empty() { FRESH } else { FRESH_BUT_FOR_DATA };
        for host in site.lab.hosts() {
            assert_eq!(picture(&site.lab, host).await, wanted, "on {} from {step}", host.name);
            assert_eq!(asides(&site.lab, host).await, asides_of(&tokens), "on {} from {step}", host.name);
        }
    }
    assert!(tokens.len() >= 2, "etcd ran before the late steps");
    // The hosts are free again, and a last install goes through.
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    site.app.done(&operation, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_there_before_comes_back() {
    let site = Site::new(1).await;
    let host = &site.lab.hosts()[0];
    site.lab
        .exec(
            host,
            "useradd --system --user-group etcd; install -d -o root -g etcd -m 0750 /etc/etcd; \
             echo 'name: old' >/etc/etcd/etcd.conf; chmod 0600 /etc/etcd/etcd.conf; \
             install -d -o etcd -g etcd -m 0755 /var/lib/etcd; echo keep >/var/lib/etcd/notes; \
             printf '#!/bin/sh\\necho etcd Version: 3.4.0\\n' >/usr/bin/etcd; chmod 0711 /usr/bin/etcd",
        )
        .await;
    let before = picture(&site.lab, host).await;
    let mut tokens = Vec::new();
    for step in STEPS {
        tokens.extend(cancel_and_undo(&site, step).await);
        assert_eq!(picture(&site.lab, host).await, before, "from {step}");
        assert_eq!(asides(&site.lab, host).await, asides_of(&tokens), "from {step}");
    }
    assert!(tokens.len() >= 2, "etcd ran before the late steps");
}
