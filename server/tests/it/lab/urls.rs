//! A member gets other addresses on real hosts: etcd lists them, every file has them, and it is found there.

use super::{PATIENCE, cluster::Cluster};
use quorate_testkit::{app::text, lab::LabHost, until::until};
use serde_json::{Value, json};

const CONF: &str = "cat /etc/etcd/etcd.conf";
const PID: &str = "systemctl show --property=MainPID etcd";
/// The file cannot be written until `UNLOCK`.
const LOCK: &str = "chattr +i /etc/etcd/etcd.conf || mount --bind -o ro /etc/etcd /etc/etcd";
const UNLOCK: &str = "chattr -i /etc/etcd/etcd.conf; umount /etc/etcd 2>/dev/null; true";

fn url(host: &LabHost, port: u16) -> String {
    format!("http://{}:{port}", host.address)
}

impl Cluster {
    /// Parameters by which the member on `host` gets these ports.
    async fn ports(&self, host: &LabHost, peer: u16, client: Option<u16>) -> Value {
        let client = client.map_or(String::new(), |port| url(host, port));
        let member = self.member_id(host).await;
        json!({"cluster": self.id, "member": member, "peer_url": url(host, peer), "client_url": client})
    }

    /// The screen, etcd and every etcd.conf say that the member on `host` is at these ports.
    async fn assert_at(&self, host: &LabHost, peer: u16, client: u16) {
        let (peer_url, client_url) = (url(host, peer), url(host, client));
        until(PATIENCE, "the screen shows its addresses", async || {
            let member = self.member(host).await.expect("a member");
            member["peer_urls"] == json!([peer_url]) && member["client_urls"] == json!([client_url])
        })
        .await;
        let lab = &self.site.lab;
        let etcdctl = format!("etcdctl --endpoints={client_url} --command-timeout=5s member list");
        let list = lab.exec(host, &etcdctl).await;
        assert!(list.contains(&format!(", {}, {peer_url}, {client_url}, false", host.name)), "{list}");
        for other in lab.hosts() {
            let line = lab.exec(other, "grep ^initial-cluster: /etc/etcd/etcd.conf").await;
            assert!(line.contains(&format!("{}={peer_url}", host.name)), "on {}: {line}", other.name);
        }
        let conf = lab.exec(host, CONF).await;
        for line in [
            format!("initial-advertise-peer-urls: '{peer_url}'"),
            format!("listen-peer-urls: '{peer_url}'"),
            format!("advertise-client-urls: '{client_url}'"),
            format!("listen-client-urls: '{client_url},http://localhost:{client}'"),
        ] {
            assert!(conf.lines().any(|l| l == line), "{line} in {conf}");
        }
    }

    /// Nothing on any host differs from what the cluster says of itself.
    async fn assert_no_drift(&self) {
        let found = self.site.app.get(&format!("/clusters/{}/configurations", self.id)).await;
        for member in found.as_array().expect("members") {
            assert_eq!((&member["drift"], &member["problem"]), (&json!([]), &json!("")), "{}", member["name"]);
        }
    }

    /// Takes back an operation that is stuck.
    async fn take_back(&self, operation: &str) {
        self.site.app.post(&format!("/operations/{operation}/undo"), json!({})).await;
        let undone = self.site.app.rest(operation, PATIENCE).await;
        assert_eq!(undone["summary"]["state"], "unwound", "{}", undone["summary"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_gets_both_ports_anew_and_then_the_leader_its_peer_port() {
    let cluster = Cluster::of(3).await;
    let hosts = cluster.site.lab.hosts();
    let follower = &hosts[(cluster.leading().await + 1) % 3];
    let ports = cluster.ports(follower, 2390, Some(2389)).await;
    cluster.run("update_member_urls", ports.clone()).await;
    cluster.assert_at(follower, 2390, 2389).await;
    cluster.healthy(3).await;
    cluster.assert_no_drift().await;

    // Once it is there, there is nothing to do.
    let plan = cluster.plan("update_member_urls", ports).await;
    let refused = plan["checks"].as_array().expect("checks").iter().find(|c| c["verdict"] == "fail").cloned();
    assert_eq!(text(&refused.expect("a refusal")["advice"]), "There is nothing to do");

    let leader = &hosts[cluster.leading().await];
    let client = if leader.name == follower.name { 2389 } else { 2379 };
    cluster.run("update_member_urls", cluster.ports(leader, 2395, None).await).await;
    cluster.assert_at(leader, 2395, client).await;
    cluster.healthy(3).await;
    cluster.assert_no_drift().await;

    // They come up there by themselves, and the next plans find them.
    cluster.run("rolling_restart", json!({"cluster": cluster.id})).await;
    cluster.healthy(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_addresses_that_fails_is_taken_back_whole() {
    let cluster = Cluster::of(3).await;
    let lab = &cluster.site.lab;
    let hosts = lab.hosts();
    let leading = cluster.leading().await;
    let (moved, other) = (&hosts[(leading + 1) % 3], &hosts[(leading + 2) % 3]);
    let before = (lab.exec(moved, CONF).await, lab.exec(other, CONF).await);
    let pid = lab.exec(moved, PID).await;
    let stuck = async |locked: &LabHost| -> String {
        lab.exec(locked, LOCK).await;
        let ports = cluster.ports(moved, 2390, Some(2389)).await;
        let operation = cluster.site.app.start_operation("update_member_urls", ports).await;
        let detail = cluster.site.app.rest(&operation, PATIENCE).await;
        assert_eq!(detail["summary"]["state"], "stuck", "{}", detail["summary"]);
        lab.exec(locked, UNLOCK).await;
        operation
    };

    // Its own file cannot be written, when etcd lists the new URL already: it was not restarted, and is not by the undo.
    let operation = stuck(moved).await;
    cluster.take_back(&operation).await;
    cluster.assert_at(moved, 2380, 2379).await;
    assert_eq!(lab.exec(moved, PID).await, pid, "a restart was not needed");
    cluster.healthy(3).await;

    // Another's file cannot be written: it runs at its new addresses by then.
    let operation = stuck(other).await;
    assert_ne!(lab.exec(moved, PID).await, pid);
    cluster.healthy(3).await;
    cluster.take_back(&operation).await;
    cluster.assert_at(moved, 2380, 2379).await;
    cluster.healthy(3).await;
    assert_eq!((lab.exec(moved, CONF).await, lab.exec(other, CONF).await), before);
    cluster.assert_no_drift().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_moves_and_comes_back_although_nobody_else_vouches_for_it() {
    let cluster = Cluster::on(1, 1).await;
    let host = &cluster.site.lab.hosts()[0];
    cluster.run("update_member_urls", cluster.ports(host, 2390, Some(2389)).await).await;
    cluster.assert_at(host, 2390, 2389).await;
    cluster.run("update_member_urls", cluster.ports(host, 2380, Some(2379)).await).await;
    cluster.assert_at(host, 2380, 2379).await;
    cluster.healthy(1).await;
}
