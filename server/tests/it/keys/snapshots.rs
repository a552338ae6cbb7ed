//! Snapshots over HTTP: taken, downloaded in parts, brought, and cut off on the way.

use super::Keys;
use crate::support::until;
use quorate_domain::Role;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

impl Keys {
    /// A good snapshot of the cluster.
    async fn snapshot(&self) -> Value {
        let path = format!("/clusters/{}/snapshots", self.cluster);
        let begun = self.json(Method::POST, &path, json!({})).await;
        let path = format!("/snapshots/{}", begun["id"].as_str().expect("an id"));
        until("the snapshot is good", async || self.json(Method::GET, &path, Value::Null).await["state"] == "good")
            .await;
        self.json(Method::GET, &path, Value::Null).await
    }

    async fn file(&self, method: Method, snapshot: &Value, headers: &[(&str, &str)]) -> Response {
        let path = format!("/snapshots/{}/file", snapshot["id"].as_str().expect("an id"));
        let request = self.request(Role::Admin, method, &path);
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .send()
            .await
            .expect("answer")
    }

    async fn rows(&self) -> usize {
        self.json(Method::GET, "/snapshots", Value::Null).await.as_array().expect("rows").len()
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_a_length_and_a_tag_and_goes_on_where_it_broke_off() {
    let keys = Keys::of(1).await;
    keys.made("/a", "needle").await;
    let snapshot = keys.snapshot().await;
    let (bytes, sha256) = (snapshot["bytes"].as_str().expect("bytes"), snapshot["sha256"].as_str().expect("sha256"));
    let tag = format!("\"{sha256}\"");
    let head = keys.file(Method::HEAD, &snapshot, &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!([header(&head, "content-length"), header(&head, "etag")], [bytes.to_owned(), tag.clone()]);
    let name = snapshot["name"].as_str().expect("name");
    let whole = keys.file(Method::GET, &snapshot, &[]).await;
    assert_eq!(header(&whole, "content-disposition"), format!("attachment; filename=\"{name}\""));
    let whole = whole.bytes().await.expect("all of it");
    assert_eq!(whole.len().to_string(), bytes);
    let rest = keys.file(Method::GET, &snapshot, &[("range", "bytes=1000-"), ("if-range", &tag)]).await;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&rest, "content-range"), format!("bytes 1000-{}/{bytes}", whole.len() - 1));
    assert!(rest.bytes().await.expect("the rest") == whole.slice(1000..));
    let other = keys.file(Method::GET, &snapshot, &[("range", "bytes=1000-"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.status(), StatusCode::OK, "it is another file by now");
    let behind = keys.file(Method::GET, &snapshot, &[("range", &format!("bytes={bytes}-"))]).await;
    assert_eq!(behind.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&behind, "content-range"), format!("bytes */{bytes}"));
    let same = keys.file(Method::GET, &snapshot, &[("if-none-match", &tag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let audit = keys.app.audit().await;
    assert_eq!(audit.iter().filter(|row| row.starts_with("snapshot.download|ok|")).count(), 2, "twice from the start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_file_comes_in_and_one_that_is_cut_at_its_end_leaves_nothing() {
    let keys = Keys::of(1).await;
    let whole = keys.file(Method::GET, &keys.snapshot().await, &[]).await.bytes().await.expect("all of it");
    let upload = keys.request(Role::Admin, Method::POST, "/snapshots?name=old").body(whole.clone());
    let taken = upload.send().await.expect("answer");
    assert_eq!(taken.status(), StatusCode::CREATED);
    let taken: Value = taken.json().await.expect("json");
    assert_eq!((&taken["sealed_by_etcd"], &taken["cluster"]), (&json!(true), &Value::Null));
    assert_eq!(keys.rows().await, 2);
    let mut line = TcpStream::connect(keys.app.address).await.expect("a connection");
    let head = format!(
        "POST /api/v1/snapshots HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        keys.app.address,
        keys.tokens[2],
        whole.len()
    );
    line.write_all(head.as_bytes()).await.expect("sent");
    line.write_all(&whole[..whole.len() / 100 * 99]).await.expect("sent");
    until("the upload is on its way", async || keys.rows().await == 3).await;
    drop(line);
    until("nothing is left of it", async || keys.rows().await == 2).await;
    let files = std::fs::read_dir(keys.app.data_dir().join("vault")).expect("the vault").count();
    assert_eq!(files, 4, "two databases and their manifests");
    let broken =
        keys.request(Role::Admin, Method::POST, "/snapshots").body(vec![0; 5000]).send().await.expect("answer");
    assert_eq!(broken.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told: Value = broken.json().await.expect("json");
    assert_eq!(told["fields"][0]["field"], "file");
}
