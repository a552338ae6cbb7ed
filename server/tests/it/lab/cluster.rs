//! A cluster that tests of its members begin with, and what they ask of it.

use super::{PATIENCE, Site};
use quorate_testkit::{app::text, lab::LabHost, until::until};
use serde_json::{Value, json};

/// A cluster on the first hosts of a site.
pub(super) struct Cluster {
    pub(super) site: Site,
    pub(super) id: String,
}

impl Cluster {
    /// `members` of three hosts carry it; the others are spare.
    pub(super) async fn of(members: usize) -> Self {
        Self::on(3, members).await
    }

    /// `members` of so many hosts carry it; the others are spare.
    pub(super) async fn on(hosts: usize, members: usize) -> Self {
        let site = Site::new(hosts).await;
        let mut params = site.install_params("demo");
        params["members"].as_array_mut().expect("members").truncate(members);
        let operation = site.app.start_operation("install_cluster", params).await;
        site.app.done(&operation, PATIENCE).await;
        let id = text(&site.app.get("/clusters").await[0]["id"]);
        let cluster = Self { site, id };
        cluster.healthy(members).await;
        cluster
    }

    pub(super) async fn view(&self) -> Value {
        self.site.app.get(&format!("/clusters/{}", self.id)).await
    }

    /// Waits until the screen shows `voters`, all healthy.
    pub(super) async fn healthy(&self, voters: usize) {
        self.voters(voters, voters).await;
    }

    /// Waits until the screen shows that of `all` voters so many are healthy, and one leads.
    pub(super) async fn voters(&self, healthy: usize, all: usize) {
        until(PATIENCE, "the screen shows the voters", async || {
            let view = self.view().await;
            let votes = &view["tolerance"];
            votes["voters"] == all && votes["healthy"] == healthy && !view["leader"].is_null()
        })
        .await;
    }

    /// Index of the host whose member leads.
    pub(super) async fn leading(&self) -> usize {
        let view = self.view().await;
        let members = view["members"].as_array().expect("members");
        let leader = members.iter().find(|m| m["id"] == view["leader"]).expect("a leader");
        self.site.lab.hosts().iter().position(|host| leader["name"] == host.name).expect("its host")
    }

    pub(super) async fn member(&self, host: &LabHost) -> Option<Value> {
        let view = self.view().await;
        view["members"].as_array().expect("members").iter().find(|m| m["name"] == host.name).cloned()
    }

    pub(super) async fn member_id(&self, host: &LabHost) -> String {
        text(&self.member(host).await.expect("a member")["id"])
    }

    pub(super) fn add(&self, host: usize) -> Value {
        json!({
            "cluster": self.id,
            "members": [{"host": self.site.ids[host]}],
            "download_url": self.site.lab.mirror(),
        })
    }

    /// Parameters that replace the member `id` by one on this host.
    pub(super) fn replace(&self, id: &str, host: usize) -> Value {
        json!({
            "cluster": self.id,
            "member": id,
            "replacement": {"host": self.site.ids[host]},
            "download_url": self.site.lab.mirror(),
        })
    }

    pub(super) async fn run(&self, kind: &str, params: Value) -> Value {
        let operation = self.site.app.start_operation(kind, params).await;
        self.site.app.done(&operation, PATIENCE).await
    }

    pub(super) async fn plan(&self, kind: &str, params: Value) -> Value {
        self.site.app.post("/plans", json!({"kind": kind, "params": params})).await
    }

    /// `initial-cluster` of each of `hosts` names exactly them.
    pub(super) async fn assert_configurations(&self, hosts: &[&LabHost]) {
        for host in hosts {
            let line = self.site.lab.exec(host, "grep ^initial-cluster: /etc/etcd/etcd.conf").await;
            for other in self.site.lab.hosts() {
                let named = line.contains(&format!("{}=", other.name));
                assert_eq!(named, hosts.iter().any(|h| h.name == other.name), "{} in {line}", other.name);
            }
            let state = self.site.lab.exec(host, "grep ^initial-cluster-state /etc/etcd/etcd.conf").await;
            assert!(state.contains("existing"), "{state}");
        }
    }
}
