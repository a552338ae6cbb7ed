//! Bad input and bad days of an install: failed checks that say what to do, and failures that leave a choice.

use super::{PATIENCE, Site};
use quorate_testkit::app::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The failed checks of a plan: (name, subject, answer).
async fn failed_checks(site: &Site, params: &Value) -> Vec<(String, String)> {
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": params})).await;
    let failed: Vec<&Value> =
        plan["checks"].as_array().expect("checks").iter().filter(|c| c["verdict"] == "fail").collect();
    for check in &failed {
        assert!(!text(&check["advice"]).is_empty(), "{check} says what to do");
    }
    // What fails a check cannot be started either.
    if !failed.is_empty() {
        let start = json!({"kind": "install_cluster", "params": plan["params"], "digest": plan["digest"]});
        let (status, problem) = site.app.request(Method::POST, "/operations", Some(start)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    }
    failed.iter().map(|c| (text(&c["name"]), text(&c["subject"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn obstacles_on_a_host_are_failed_checks() {
    let site = Site::new(1).await;
    let host = site.lab.hosts()[0].clone();
    let params = site.install_params("demo");
    assert_eq!(failed_checks(&site, &params).await, []);
    let cases: [(&str, &str, &str); 6] = [
        ("data_dir", "mkdir -p /var/lib/etcd/member/wal", "rm -rf /var/lib/etcd"),
        (
            "data_free",
            "mkdir -p /var/lib/etcd && mount -t tmpfs -o size=10m none /var/lib/etcd",
            "umount /var/lib/etcd",
        ),
        (
            "arch",
            "printf '#!/bin/sh\\n[ \"$1\" = -m ] && echo riscv64 || exec /bin/uname \"$@\"\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname",
            "rm /usr/local/bin/uname",
        ),
        (
            "selinux",
            "printf '#!/bin/sh\\necho Enforcing\\n' >/usr/local/bin/getenforce; chmod 755 /usr/local/bin/getenforce",
            "rm /usr/local/bin/getenforce",
        ),
        // A socket unit is started once it listens, which a service of type simple is not.
        (
            "port_2379",
            "systemd-run --quiet --unit=squatter --socket-property=ListenStream=2379 /bin/cat",
            "systemctl stop squatter.socket",
        ),
        // This directory is what tells that systemd is in charge (sd_booted); systemd itself reads it at reloads only.
        (
            "systemd",
            "mv /run/systemd/system /run/systemd/system.away",
            "mv /run/systemd/system.away /run/systemd/system",
        ),
    ];
    for (name, spoil, mend) in cases {
        site.lab.exec(&host, spoil).await;
        assert_eq!(failed_checks(&site, &params).await, [(name.to_owned(), host.name.clone())]);
        site.lab.exec(&host, mend).await;
    }
    assert_eq!(failed_checks(&site, &params).await, [], "all mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_peer_port_is_found_in_both_directions() {
    let site = Site::new(2).await;
    let hosts = site.lab.hosts();
    site.lab.partition(&hosts[0], &[&hosts[1]]).await;
    let mut failed = failed_checks(&site, &site.install_params("demo")).await;
    failed.sort();
    let pair = |a: usize, b: usize| ("peer_port".to_owned(), format!("{} → {}", hosts[a].name, hosts[b].name));
    let mut wanted = vec![pair(0, 1), pair(1, 0)];
    wanted.sort();
    assert_eq!(failed, wanted);
    site.lab.heal(&hosts[0]).await;
    assert_eq!(failed_checks(&site, &site.install_params("demo")).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_offered_fails_the_review() {
    let site = Site::new(1).await;
    let mut params = site.install_params("demo");
    params["version"] = json!("3.5.99");
    assert_eq!(failed_checks(&site, &params).await, [("release".to_owned(), String::new())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_are_named_at_their_field() {
    let site = Site::new(1).await;
    let host = &site.ids[0];
    for (change, field) in [
        (json!({"name": "a b"}), "name"),
        (json!({"name": "$(reboot)"}), "name"),
        (json!({"name": "x".repeat(300)}), "name"),
        (json!({"members": [{"host": host}, {"host": host}]}), "members"),
        (json!({"members": [{"host": "h-nobody"}]}), "members.0.host"),
        (json!({"members": [{"host": host, "name": "twin"}, {"host": "h-nobody", "name": "twin"}]}), "members"),
        (json!({"data_dir": "/etc"}), "data_dir"),
        (json!({"peer_port": 2379}), "peer_port"),
        (json!({"version": "3.4.23"}), "version"),
        (json!({"download_url": "file:///etc"}), "download_url"),
        (json!({"unknown": 1}), "params"),
    ] {
        let mut params = site.install_params("demo");
        for (key, value) in change.as_object().expect("changes") {
            params[key] = value.clone();
        }
        let body = json!({"kind": "install_cluster", "params": params});
        let (status, problem) = site.app.request(Method::POST, "/plans", Some(body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_start_at_once_one_wins_and_the_other_is_told() {
    let site = Site::new(1).await;
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
    let start = json!({"kind": "install_cluster", "params": plan["params"], "digest": plan["digest"]});
    let press = || site.app.request(Method::POST, "/operations", Some(start.clone()));
    let ((first, a), (second, b)) = tokio::join!(press(), press());
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, [StatusCode::ACCEPTED, StatusCode::CONFLICT], "{a} {b}");
    let winner = if first == StatusCode::ACCEPTED { a } else { b };
    site.app.done(&text(&winner["operation"]), PATIENCE).await;
    site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_moved_since_the_review_start_nothing() {
    let site = Site::new(1).await;
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
    site.lab.exec(&site.lab.hosts()[0], "mkdir -p /etc/etcd; echo 'name: other' >/etc/etcd/etcd.conf").await;
    let start = json!({"kind": "install_cluster", "params": plan["params"], "digest": plan["digest"]});
    let (status, answer) = site.app.request(Method::POST, "/operations", Some(start)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let fresh = if answer["plan"].is_object() { &answer["plan"] } else { &answer };
    assert_ne!(fresh["digest"], plan["digest"], "the new plan is shown: {answer}");
    assert_eq!(site.app.get("/operations").await.as_array().map(Vec::len), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_leaves_a_choice_and_retry_finishes() {
    let site = Site::new(1).await;
    let host = &site.lab.hosts()[0];
    // Room enough for the check of /usr/bin, none where the archive is put.
    site.lab
        .exec(host, "mkdir -p /var/lib/quorate/releases && mount -t tmpfs -o size=1m none /var/lib/quorate/releases")
        .await;
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    let stuck = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(stuck["summary"]["state"], "stuck", "{}", stuck["summary"]);
    assert!(text(&stuck["summary"]["reason"]).contains(&host.name), "{}", stuck["summary"]["reason"]);
    site.lab.exec(host, "umount /var/lib/quorate/releases").await;
    site.app.post(&format!("/operations/{operation}/retry"), json!({})).await;
    site.app.done(&operation, PATIENCE).await;
    site.assert_installed().await;
}
