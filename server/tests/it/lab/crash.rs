//! The console dies in the middle, for real, and the install goes on as if nothing had been.

use super::{PATIENCE, Site, soak::ABORT};
use quorate_testkit::{
    lab::{Lab, LabHost, logins},
    until::until,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_in_every_step_of_one_install_costs_nothing_but_time() {
    let mut site = Site::new(3).await;
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": site.install_params("demo")})).await;
    let steps = plan["steps"].as_array().expect("steps").len();
    let operation = site.app.start_operation("install_cluster", plan["params"].clone()).await;
    for step in 0..steps {
        let mut over = false;
        until(PATIENCE, "the step begins", async || {
            let detail = site.app.get(&format!("/operations/{operation}")).await;
            over = detail["summary"]["state"] != "running";
            over || detail["steps"][step] != "waiting"
        })
        .await;
        if over {
            break;
        }
        site.app.kill().await;
        site.app.launch().await;
    }
    let detail = site.app.done(&operation, PATIENCE).await;
    let starts = detail["log"].as_array().expect("log").iter().filter(|e| e["kind"] == "started").count();
    assert!(starts > steps, "the console died inside a step at least once: {starts} starts of {steps} steps");
    site.assert_installed().await;
}

/// A host is lost while an install runs: the operation rests with its choices; once the host is back, retry finishes.
async fn lost_in_the_middle(cut: impl AsyncFn(&Lab, &LabHost), mend: impl AsyncFn(&Lab, &LabHost)) {
    // The console ends right before the second step, and comes back to hosts of which one is gone.
    let mut site = Site::as_login(3, logins::SUDO, &[(ABORT, "3")]).await;
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    site.app.ended(PATIENCE).await;
    let victim = site.lab.hosts()[1].clone();
    cut(&site.lab, &victim).await;
    site.app.set_environment(ABORT, None);
    site.app.launch().await;
    let stuck = site.app.rest(&operation, PATIENCE).await;
    assert_eq!(stuck["summary"]["state"], "stuck");
    assert!(stuck["summary"]["reason"].as_str().is_some_and(|r| r.contains(&victim.name)), "{}", stuck["summary"]);
    assert_eq!(stuck["choices"], json!(["retry", "undo", "hand_over"]));
    mend(&site.lab, &victim).await;
    site.app.post(&format!("/operations/{operation}/retry"), json!({})).await;
    site.app.done(&operation, PATIENCE).await;
    site.assert_installed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_loses_power_leaves_a_choice_and_retry_finishes() {
    lost_in_the_middle(async |lab, host| lab.kill(host).await, async |lab, host| lab.start(host).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_network_is_cut_leaves_a_choice_and_retry_finishes() {
    lost_in_the_middle(async |lab, host| lab.unplug(host).await, async |lab, host| lab.heal(host).await).await;
}
