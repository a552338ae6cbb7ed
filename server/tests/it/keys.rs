//! The key browser over HTTP, on real etcd that is adopted as a person would: without a host. What bytes, numbers and
//! races do on the way is asked here; rules that are pure are asked beside their code.

mod awkward;
mod edits;
mod files;
mod reading;
mod rights;
mod snapshots;

use crate::support::{App, until};
use quorate_domain::Role;
use quorate_testkit::etcd::EtcdCluster;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A console that has a cluster, and its three users with tokens.
struct Keys {
    app: App,
    etcd: EtcdCluster,
    cluster: String,
    tokens: [String; 3],
    http: Client,
}

impl Keys {
    /// Over a new cluster of so many members.
    async fn of(members: usize) -> Self {
        Self::over(EtcdCluster::start(members).await, Value::Null).await
    }

    /// Over a cluster that wants this of its clients.
    async fn over(etcd: EtcdCluster, credentials: Value) -> Self {
        let app = App::with_users().await;
        let tokens = [
            app.token(Role::Viewer, true).await,
            app.token(Role::Operator, true).await,
            app.token(Role::Admin, true).await,
        ];
        let mut keys = Self { app, etcd, cluster: String::new(), tokens, http: Client::new() };
        keys.adopt(credentials).await;
        keys
    }

    async fn adopt(&mut self, credentials: Value) {
        let mut params = json!({"name": "orders", "endpoint": self.etcd.member(0).client_url()});
        if !credentials.is_null() {
            params["access"] = self.json(Method::POST, "/credentials", credentials).await["id"].clone();
        }
        let plan = self.json(Method::POST, "/plans", json!({"kind": "adopt_cluster", "params": params})).await;
        let start = json!({"kind": "adopt_cluster", "params": plan["params"], "digest": plan["digest"]});
        let started = self.json(Method::POST, "/operations", start).await;
        let operation = format!("/operations/{}", started["operation"].as_str().expect("an id"));
        until("the cluster is adopted", async || {
            self.json(Method::GET, &operation, Value::Null).await["summary"]["state"] == "done"
        })
        .await;
        let clusters = self.json(Method::GET, "/clusters", Value::Null).await;
        self.cluster = clusters[0]["id"].as_str().expect("an id").to_owned();
        let path = format!("/clusters/{}", self.cluster);
        until("the cluster is seen", async || !self.json(Method::GET, &path, Value::Null).await["leader"].is_null())
            .await;
    }

    fn request(&self, role: Role, method: Method, path: &str) -> RequestBuilder {
        let token = &self.tokens[Role::ALL.iter().position(|known| *known == role).expect("a role")];
        self.http.request(method, self.app.url(&format!("/api/v1{path}"))).bearer_auth(token)
    }

    /// As admin, expecting success; null sends no body.
    async fn json(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.request(Role::Admin, method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect(path);
        let status = response.status();
        let answer = response.json().await.unwrap_or(Value::Null);
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// Something below this cluster.
    fn asked(&self, role: Role, method: Method, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.request(role, method, &format!("/clusters/{}{path}", self.cluster)).query(query)
    }

    /// GET as admin, expecting success.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let (status, answer) = outcome(self.asked(Role::Admin, Method::GET, path, query)).await;
        assert_eq!(status, StatusCode::OK, "{path} {query:?}: {answer}");
        answer
    }

    /// POST as admin.
    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        outcome(self.asked(Role::Admin, Method::POST, path, &[]).json(&body)).await
    }

    /// Writes a key as admin; `seen` 0 makes it.
    async fn put(&self, key: &str, seen: u64, value: &str) -> (StatusCode, Value) {
        self.put_with(json!({"key": key, "seen": seen.to_string(), "value": value})).await
    }

    async fn put_with(&self, body: Value) -> (StatusCode, Value) {
        outcome(self.asked(Role::Admin, Method::PUT, "/keys/value", &[]).json(&body)).await
    }

    /// Makes a key as admin; its revision.
    async fn made(&self, key: &str, value: &str) -> u64 {
        let (status, answer) = self.put(key, 0, value).await;
        assert_eq!((status, &answer["outcome"]), (StatusCode::OK, &json!("done")), "{key}: {answer}");
        wide(&answer["revision"])
    }

    async fn raw(&self, key: &str) -> Response {
        self.asked(Role::Admin, Method::GET, "/keys/value/raw", &[("key", key)]).send().await.expect("answer")
    }

    /// The bytes of a value, as admin.
    async fn bytes(&self, key: &str) -> Vec<u8> {
        let response = self.raw(key).await;
        assert_eq!(response.status(), StatusCode::OK, "{key}");
        response.bytes().await.expect("bytes").to_vec()
    }

    /// The names below `prefix`, all pages.
    async fn names(&self, role: Role, prefix: &str, separator: &str, limit: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("prefix", prefix), ("separator", separator), ("limit", limit)];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let (status, page) = outcome(self.asked(role, Method::GET, "/keys", &query)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let entries = page["entries"].as_array().expect("entries");
            names.extend(entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()));
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                return names;
            }
        }
    }
}

/// Status and JSON of an answer; null when it is none.
async fn outcome(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.unwrap_or(Value::Null))
}

/// A 64-bit number.
fn wide(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no 64-bit number"))
}

/// The field that a problem is about.
fn field(problem: &Value) -> &str {
    problem["fields"][0]["field"].as_str().unwrap_or_default()
}
