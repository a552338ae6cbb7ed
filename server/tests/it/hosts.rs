//! Registered hosts over the API, as far as it takes no host: names and addresses belong to one host each.

use crate::support::App;
use quorate_domain::Role;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_an_address_that_is_registered_is_refused_at_its_field() {
    let app = App::with_users().await;
    let token = app.token(Role::Admin, false).await;
    let client = Client::new();
    let ask = async |method: Method, path: &str, body: Value| {
        let request = client.request(method, app.url(&format!("/api/v1/{path}"))).bearer_auth(&token).json(&body);
        let response = request.send().await.expect(path);
        (response.status(), response.json::<Value>().await.unwrap_or_default())
    };
    let hosts = json!({"hosts": [{"target": "root@127.0.0.1:9", "name": "one"}, {"target": "root@127.0.0.2:9", "name": "two"}]});
    let (status, rows) = ask(Method::POST, "hosts", hosts).await;
    assert_eq!(status, StatusCode::CREATED, "{rows}");

    for (hosts, field) in [
        (json!([{"target": "root@127.0.0.3:9", "name": "ONE"}]), "hosts.0.name"),
        (json!([{"target": "ops@127.0.0.1:9", "name": "three"}]), "hosts.0.target"),
        (
            json!([{"target": "root@127.0.0.3:9", "name": "new"}, {"target": "root@127.0.0.4:9", "name": "New"}]),
            "hosts.1.name",
        ),
    ] {
        let (status, problem) = ask(Method::POST, "hosts", json!({ "hosts": hosts })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    let second = format!("hosts/{}", rows[1]["id"].as_str().expect("id"));
    for (name, target, field) in [("One", "root@127.0.0.2:9", "name"), ("two", "root@127.0.0.1:9", "target")] {
        let edit = json!({"name": name, "target": target, "elevation": "root"});
        let (status, problem) = ask(Method::PUT, &second, edit).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["fields"][0]["field"], field, "{problem}");
    }
    let (_, left) = ask(Method::GET, "hosts", Value::Null).await;
    let names: Vec<&str> = left.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["one", "two"], "what is refused changes nothing");
}
