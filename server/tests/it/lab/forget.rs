//! A cluster under management and after it was forgotten: the console's own rows change, nothing on the hosts does.

use super::{PATIENCE, Site};
use quorate_testkit::app::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_cluster_goes_on_and_its_name_and_hosts_are_free() {
    let site = Site::new(1).await;
    let operation = site.app.start_operation("install_cluster", site.install_params("demo")).await;
    let cluster = text(&site.app.done(&operation, PATIENCE).await["summary"]["cluster"]);
    let (host, host_path) = (&site.lab.hosts()[0], format!("/hosts/{}", site.ids[0]));
    let plan = async |name: &str| {
        let body = json!({"kind": "install_cluster", "params": site.install_params(name)});
        site.app.request(Method::POST, "/plans", Some(body)).await
    };
    let etcd = "systemctl show -p MainPID -p ActiveState etcd; sha256sum /etc/etcd/etcd.conf";

    // While it is under management its name is taken, however it is written, and its host carries it.
    for name in ["demo", "DEMO"] {
        let (status, problem) = plan(name).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {problem}");
        assert_eq!(problem["fields"][0]["field"], "name", "{name}: {problem}");
    }
    assert_eq!(site.app.get(&host_path).await["cluster"], *cluster);
    let (status, problem) = site.app.request(Method::DELETE, &host_path, None).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let before = site.lab.exec(host, etcd).await;

    let (status, problem) = site.app.request(Method::DELETE, &format!("/clusters/{cluster}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert_eq!(site.app.get("/clusters").await, json!([]));
    let (status, problem) = site.app.request(Method::GET, &format!("/clusters/{cluster}"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");

    assert_eq!(site.lab.exec(host, etcd).await, before, "the same process, the same configuration");
    site.assert_installed().await;

    assert_eq!(site.app.get(&host_path).await["cluster"], Value::Null);
    let (status, again) = plan("demo").await;
    assert_eq!(status, StatusCode::OK, "{again}");
    let check = |name: &str| again["checks"].as_array().expect("checks").iter().find(|c| c["name"] == name);
    assert_eq!(check("free_host").expect("checked")["verdict"], "pass");
    assert_eq!(check("etcd_running").expect("checked")["verdict"], "fail", "what runs there is never touched");
    let (status, problem) = site.app.request(Method::DELETE, &host_path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    let audit = site.app.get("/audit").await;
    let forgotten = |e: &Value| e["action"] == "cluster.forget" && e["object"] == "demo";
    assert!(audit["events"].as_array().expect("rows").iter().any(forgotten), "{audit}");
}
