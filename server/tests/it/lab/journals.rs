//! What members log is read from their hosts, goes on where the last reading ended, and is explained.

use super::{PATIENCE, Site};
use quorate_testkit::{app::text, until::until};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn journals_are_read_on_from_a_cursor_explained_and_silent_hosts_named() {
    let site = Site::new(3).await;
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    site.app.done(&operation, PATIENCE).await;
    let id = text(&site.app.get("/clusters").await[0]["id"]);
    let hosts = site.lab.hosts();
    let journals = async |query: &str| site.app.get(&format!("/clusters/{id}/journals{query}")).await;
    let lines = |journal: &Value| journal["lines"].as_array().expect("lines").clone();

    let all = journals("").await;
    for host in hosts {
        let own = all.as_array().expect("members").iter().find(|j| j["member"] == host.name).expect("its journal");
        assert!(own["problem"].is_null(), "{own}");
        let ready = lines(own).into_iter().find(|line| line["text"] == "ready to serve client requests");
        assert_eq!(ready.expect("etcd said so")["level"], "info");
    }

    // A member without data that calls itself new: etcd refuses, and what it says is explained.
    let broken = &hosts[2];
    let own = journals(&format!("?member={}", broken.name)).await;
    let cursor = text(&own[0]["cursor"]);
    let spoil = "systemctl stop etcd; rm -rf /var/lib/etcd/member; \
                 sed -i 's/^initial-cluster-state.*/initial-cluster-state: new/' /etc/etcd/etcd.conf; \
                 systemctl start --no-block etcd";
    site.lab.exec(broken, spoil).await;
    let mut since = Value::Null;
    until(PATIENCE, "it says why it does not start", async || {
        since = journals(&format!("?member={}&after={}", broken.name, percent(&cursor))).await;
        lines(&since[0]).iter().any(|line| !line["explanation"].is_null())
    })
    .await;
    let new = lines(&since[0]);
    assert!(new.iter().all(|line| !lines(&own[0]).contains(line)), "only what came after the cursor");
    let said = new.iter().find(|line| !line["explanation"].is_null()).expect("explained");
    assert!(said.to_string().contains("already been bootstrapped"), "{said}");
    assert_eq!(said["explanation"]["remedy"], "replace_member");
    assert!(new.iter().any(|line| text(&line["text"]).contains("Stopped etcd")), "systemd's lines are there too");

    site.lab.kill(broken).await;
    let without = journals("?lines=1").await;
    for journal in without.as_array().expect("members") {
        let silent = journal["member"] == broken.name;
        assert_eq!((lines(journal).len(), journal["problem"].is_null()), (usize::from(!silent), !silent), "{journal}");
    }
}

fn percent(text: &str) -> String {
    text.replace('%', "%25").replace('=', "%3D").replace(';', "%3B").replace('&', "%26").replace('+', "%2B")
}
