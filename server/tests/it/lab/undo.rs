//! Undo puts back exactly what was there, from whichever step boundary the operation was stopped at.

use super::{PATIENCE, Site};
use quorate_testkit::lab::{Lab, LabHost};
use reqwest::Method;
use serde_json::json;

/// Everything an install touches: names, owners, modes, contents.
async fn picture(lab: &Lab, host: &LabHost) -> String {
    lab.exec(
        host,
        "for p in /usr/bin/etcd /usr/bin/etcdctl /usr/bin/etcdutl /etc/etcd /var/lib/etcd /usr/lib/systemd/system/etcd.service \
         /etc/systemd/system/etcd.service.d /etc/systemd/system/multi-user.target.wants/etcd.service; do
           [ -e $p ] && find $p -exec stat -c '%n %U:%G %a' {} + | sort && find $p -type f -exec sha256sum {} + | sort; done
         getent passwd etcd | cut -d: -f1; systemctl is-active etcd; true",
    )
    .await
}

/// Starts an install, asks for cancel at once, and undoes it from wherever it stopped.
async fn cancel_and_undo(site: &Site) {
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    let (status, body) =
        site.app.request(Method::POST, &format!("/operations/{operation}/cancel"), Some(json!({}))).await;
    assert!(status.is_success(), "{status} {body}");
    let stopped = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(stopped["summary"]["state"], "stuck", "{}", stopped["summary"]);
    site.app.post(&format!("/operations/{operation}/undo"), json!({})).await;
    let back = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(back["summary"]["state"], "unwound", "{}", back["summary"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_hosts_are_as_fresh_after_undo() {
    let site = Site::new(2).await;
    let mut before = Vec::new();
    for host in site.lab.hosts() {
        before.push(picture(&site.lab, host).await);
    }
    cancel_and_undo(&site).await;
    for (host, before) in site.lab.hosts().iter().zip(before) {
        assert_eq!(picture(&site.lab, host).await, before, "on {}", host.name);
    }
    // The hosts are free again, and a second install goes through.
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
    cancel_and_undo(&site).await;
    assert_eq!(picture(&site.lab, host).await, before);
}
