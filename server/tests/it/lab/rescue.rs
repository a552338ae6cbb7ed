//! Quorum is lost for good: the page says what is left, a rescue goes on without the dead, and the console itself fences them when
//! they boot together. What happens on the hosts in detail is the operations' own lab tests' business.

use super::{PATIENCE, cluster::Cluster};
use quorate_testkit::until::until;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_who_boot_together_after_a_rescue_are_stopped_by_the_console() {
    let cluster = Cluster::of(3).await;
    let (lab, app) = (&cluster.site.lab, &cluster.site.app);
    let first = &lab.hosts()[0];
    for n in 0..5 {
        lab.exec(first, &format!("etcdctl put app/{n} value-{n}")).await;
    }
    for host in &lab.hosts()[1..] {
        lab.kill(host).await;
    }
    let left = app.get(&format!("/clusters/{}/survivors", cluster.id)).await;
    assert_eq!((&left["members"][0]["member"], &left["comes_back"]), (&json!(first.name), &Value::Null), "{left}");
    assert_eq!(
        (&left["ways"][0]["way"]["from"], &left["ways"][0]["refused"]),
        (&json!("survivor"), &json!("")),
        "{left}"
    );
    let params = json!({"cluster": cluster.id, "unfenced": &cluster.site.ids[1..]});
    let operation = app.start_operation("rescue_cluster", params).await;
    let waiting = app.rest(&operation, PATIENCE).await;
    assert_eq!(waiting["summary"]["state"], "waiting", "{}", waiting["summary"]);
    app.post(&format!("/operations/{operation}/proceed"), json!({})).await;
    app.done(&operation, PATIENCE).await;
    cluster.healthy(1).await;

    let tasks = async |at: usize| app.get(&format!("/hosts/{}/tasks", cluster.site.ids[at])).await;
    for at in [1, 2] {
        assert_eq!(tasks(at).await[0]["rescued"], true, "an alarm stands until it is fenced");
    }
    for host in &lab.hosts()[1..] {
        lab.start(host).await;
    }
    until(PATIENCE, "both are fenced", async || tasks(1).await == json!([]) && tasks(2).await == json!([])).await;
    for host in &lab.hosts()[1..] {
        let state = lab.exec(host, "systemctl is-active etcd; systemctl is-enabled etcd; true").await;
        assert_eq!(state, "inactive\ndisabled\n", "on {}", host.name);
    }
    assert_eq!(lab.exec(first, "etcdctl member list").await.lines().count(), 1);
    assert_eq!(lab.exec(first, "etcdctl get app/3 --print-value-only").await, "value-3\n");
}
