//! What one operation works on belongs to it: hosts and the cluster's name.

use super::{
    PATIENCE, Site,
    mirror::{Fault, Mirror},
};
use quorate_testkit::app::text;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Parameters of an install on some of the hosts.
fn install_on(site: &Site, name: &str, hosts: &[usize]) -> Value {
    let mut params = site.install_params(name);
    let members: Vec<Value> = hosts.iter().map(|&host| params["members"][host].clone()).collect();
    params["members"] = json!(members);
    params
}

/// The failed checks of a plan (name, subject, answer), and how a start of it is answered.
async fn try_to_start(site: &Site, params: &Value) -> (Vec<[String; 3]>, StatusCode, Value) {
    let plan = site.app.post("/plans", json!({"kind": "install_cluster", "params": params})).await;
    let checks = plan["checks"].as_array().expect("checks").iter().filter(|check| check["verdict"] == "fail");
    let failed = checks.map(|check| ["name", "subject", "answer"].map(|key| text(&check[key]))).collect();
    let start = json!({"kind": "install_cluster", "params": plan["params"], "digest": plan["digest"]});
    let (status, answer) = site.app.request(Method::POST, "/operations", Some(start)).await;
    (failed, status, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_and_a_name_that_another_operation_claims_start_nothing_and_it_is_named() {
    let site = Site::new(3).await;
    // An operation that is under way for as long as this test wants.
    let mirror = Mirror::of(&site.lab, Fault::Silent).await;
    let mut params = install_on(&site, "first", &[0, 1]);
    params["download_url"] = json!(mirror.url());
    let operation = site.app.start_operation("install_cluster", params).await;

    let (failed, status, answer) = try_to_start(&site, &install_on(&site, "second", &[1, 2])).await;
    let claimed = format!("claimed by operation {operation}");
    assert_eq!(failed, [["free_host", site.lab.hosts()[1].name.as_str(), claimed.as_str()]]);
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert!(text(&answer["title"]).contains(&operation), "{answer}");

    let (failed, status, answer) = try_to_start(&site, &install_on(&site, "FIRST", &[2])).await;
    assert_eq!((failed, status), (vec![], StatusCode::CONFLICT), "{answer}");
    assert!(text(&answer["title"]).contains(&operation), "{answer}");

    let rows = site.app.get("/hosts").await;
    let claims: Vec<bool> = site
        .ids
        .iter()
        .map(|id| rows.as_array().expect("rows").iter().find(|row| row["id"] == **id).expect("row"))
        .map(|row| row["operation"] == *operation)
        .collect();
    assert_eq!(claims, [true, true, false]);

    assert_eq!(site.app.get(&format!("/operations/{operation}")).await["summary"]["state"], "running");
    mirror.set(Fault::None);
    site.app.done(&operation, PATIENCE).await;
    assert_eq!(site.app.get("/operations").await.as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_of_one_name_are_refused_also_when_one_has_it_from_its_host() {
    let site = Site::new(2).await;
    let first = &site.lab.hosts()[0].name;
    for names in [["twin", "twin"], ["", first.as_str()]] {
        let mut params = site.install_params("demo");
        for (member, name) in names.iter().enumerate() {
            params["members"][member]["name"] = json!(name);
        }
        let body = json!({"kind": "install_cluster", "params": params});
        let (status, problem) = site.app.request(Method::POST, "/plans", Some(body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{names:?}: {problem}");
        assert_eq!(problem["fields"][0]["field"], "members", "{names:?}: {problem}");
    }
}
