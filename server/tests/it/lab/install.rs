//! The main job: three fresh hosts become a cluster, by the operation and by its runbook.

use super::{PATIENCE, Site};
use quorate_testkit::{app::text, until::until};
use serde_json::json;
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command};

#[tokio::test(flavor = "multi_thread")]
async fn three_fresh_hosts_become_a_healthy_cluster() {
    let site = Site::new(3).await;
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    let detail = site.app.done(&operation, PATIENCE).await;
    site.assert_installed().await;
    let cluster = text(&detail["summary"]["cluster"]);
    until(Duration::from_secs(20), "the live view is healthy", async || {
        let view = site.app.get(&format!("/clusters/{cluster}/status")).await;
        view["tolerance"] == json!({"voters": 3, "healthy": 3, "quorum": 2}) && view["leader"].is_string()
    })
    .await;
    let actions: Vec<String> =
        site.app.get("/audit").await["events"].as_array().expect("rows").iter().map(|e| text(&e["action"])).collect();
    for wanted in ["host.add", "host.trust", "operation.start", "operation.done"] {
        assert!(actions.iter().any(|a| a == wanted), "no {wanted} among {actions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_installed_and_seen_through_ssh_alone() {
    let site = Site::new(1).await;
    // Port 2379 is closed to everybody but the host itself.
    let host = &site.lab.hosts()[0];
    site.lab.exec(host, "nft add table ip t && nft add chain ip t in '{type filter hook input priority 0;}' && nft add rule ip t in ip saddr 10.77.0.1 tcp dport 2379 drop").await;
    let mut params = site.install_params("tunnelled");
    params["reach"] = json!("ssh");
    let operation = site.app.start_operation("install_cluster", params).await;
    let detail = site.app.done(&operation, PATIENCE).await;
    let cluster = text(&detail["summary"]["cluster"]);
    until(Duration::from_secs(20), "the member is seen through the tunnel", async || {
        site.app.get(&format!("/clusters/{cluster}/status")).await["tolerance"]["healthy"] == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_pushes_binaries_to_hosts_without_a_download() {
    let site = Site::new(1).await;
    let mut params = site.install_params("pushed");
    params["source"] = json!({"from": "push"});
    // Without curl nothing can be downloaded on the host.
    site.lab.exec(&site.lab.hosts()[0], "mv /usr/bin/curl /usr/bin/curl.away").await;
    let operation = site.app.start_operation("install_cluster", params).await;
    site.app.done(&operation, PATIENCE).await;
    site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbook_reaches_the_same_end_state() {
    let site = Site::new(3).await;
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
    let script = text(&plan["runbook"]);
    let options = format!("-F {}/ssh_config", site.lab.dir().display());
    let mut bash = Command::new("bash")
        .arg("-s")
        .env("SSH_OPTIONS", options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash runs");
    let mut stdin = bash.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).await.expect("the script is read");
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, bash.wait_with_output()).await.expect("ends in time").expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    site.assert_installed().await;
}
