//! A member is removed while its host is off: the host's part is done on first contact, unless what is found there may be
//! somebody else's.

use super::{PATIENCE, cluster::Cluster};
use quorate_testkit::{
    app::text,
    lab::LabHost,
    until::{until, until_some},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

impl Cluster {
    /// A follower's host: its index.
    async fn follower(&self) -> usize {
        (self.leading().await + 1) % self.site.lab.hosts().len()
    }

    /// Cuts the power of a member's host and removes the member; gives the path of the host's tasks and the one task.
    async fn remove_dead(&self, at: usize) -> (String, Value) {
        let dead = &self.site.lab.hosts()[at];
        let id = self.member_id(dead).await;
        self.site.lab.kill(dead).await;
        until(PATIENCE, "the screen shows that it is gone", async || {
            self.member(dead).await.is_some_and(|m| m["reachability"]["state"] == "unreachable")
        })
        .await;
        let removed = self.run("remove_member", json!({"cluster": self.id, "member": id})).await;
        self.healthy(2).await;
        let path = format!("/hosts/{}/tasks", self.site.ids[at]);
        let tasks = self.site.app.get(&path).await;
        assert_eq!(tasks.as_array().map(Vec::len), Some(1), "{tasks}");
        let task = tasks[0].clone();
        assert_eq!((&task["member"], &task["left_by"]), (&json!(dead.name), &removed["summary"]["id"]), "{task}");
        (path, task)
    }

    async fn state(&self, host: &LabHost) -> String {
        self.site.lab.exec(host, "systemctl is-active etcd; systemctl is-enabled etcd; true").await
    }

    async fn audited(&self, action: &str, actor: &str, object: &str) -> bool {
        let audit = self.site.app.get("/audit").await;
        let wanted = |e: &Value| e["action"] == action && e["actor"] == actor && e["object"] == object;
        audit["events"].as_array().expect("rows").iter().any(wanted)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_removal_left_on_a_dead_host_is_done_once_the_host_is_back() {
    let cluster = Cluster::of(3).await;
    let at = cluster.follower().await;
    let dead = &cluster.site.lab.hosts()[at];
    let (path, task) = cluster.remove_dead(at).await;
    assert_eq!(task["problem"], "", "{task}");

    cluster.site.lab.start(dead).await;
    until(PATIENCE, "the task is done", async || cluster.site.app.get(&path).await == json!([])).await;
    let operation = until_some(PATIENCE, "it was an operation", async || {
        let operations = cluster.site.app.get("/operations").await;
        operations.as_array().expect("rows").iter().find(|o| o["kind"] == "finish_removal").cloned()
    })
    .await;
    let done = cluster.site.app.done(&text(&operation["id"]), PATIENCE).await;
    assert_eq!(done["summary"]["actor"], "console", "{}", done["summary"]);
    assert_eq!(cluster.state(dead).await, "inactive\ndisabled\n");
    let aside = format!("ls /var/lib/etcd; ls /var/lib/etcd/aside-{}/member", text(&task["token"]));
    let aside = cluster.site.lab.exec(dead, &aside).await;
    assert!(aside.contains("snap") && !aside.lines().any(|line| line == "member"), "{aside}");
    let title = text(&done["summary"]["title"]);
    for action in ["operation.start", "operation.done"] {
        assert!(cluster.audited(action, "console", &title).await, "{action} {title}");
    }
    cluster.healthy(2).await;

    // The host is free: nothing of the old member is in the way of a new one.
    cluster.run("add_member", cluster.add(at)).await;
    cluster.healthy(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_may_be_somebody_elses_is_left_to_a_person() {
    let cluster = Cluster::of(3).await;
    let at = cluster.follower().await;
    let dead = &cluster.site.lab.hosts()[at];
    // A running etcd does not read it again.
    cluster.site.lab.exec(dead, "sed -i \"s/^name:.*/name: 'another'/\" /etc/etcd/etcd.conf && sync").await;
    let (path, task) = cluster.remove_dead(at).await;
    cluster.site.lab.start(dead).await;
    let problem = until_some(PATIENCE, "the console says what is wrong", async || {
        let tasks = cluster.site.app.get(&path).await;
        Some(text(&tasks[0]["problem"])).filter(|problem| !problem.is_empty())
    })
    .await;
    assert!(problem.contains("another"), "{problem}");
    assert!(cluster.state(dead).await.ends_with("enabled\n"));
    cluster.site.lab.exec(dead, "test -d /var/lib/etcd/member").await;
    let plan = cluster.plan("finish_removal", json!({"task": task["id"]})).await;
    let failed = plan["checks"].as_array().expect("checks").iter().find(|c| c["verdict"] == "fail").cloned();
    assert_eq!(failed.expect("a refusal")["name"], "whose_etcd");

    let forget = format!("{path}/{}", text(&task["id"]));
    let (status, problem) = cluster.site.app.request(Method::DELETE, &forget, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert_eq!(cluster.site.app.get(&path).await, json!([]));
    let audit = cluster.site.app.get("/audit").await;
    let forgotten = |e: &Value| e["action"] == "host_task.forget" && e["object"] == *dead.name;
    assert!(audit["events"].as_array().expect("rows").iter().any(forgotten), "{audit}");
    let (status, _) = cluster.site.app.request(Method::DELETE, &forget, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
