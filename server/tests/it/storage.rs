//! The console while its database cannot be written. How the storage itself tells such faults apart is the store's
//! tests' business; a data directory that is read-only at start is `lab::read_only`'s.

use crate::support::App;
use quorate_domain::Role;
use quorate_store::{MasterKey, Store};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_somebody_holds_is_said_in_words_and_reading_goes_on() {
    let app = App::with_users().await;
    let token = app.token(Role::Admin, false).await;
    let client = Client::new();
    let list = async || client.get(app.url("/api/v1/hosts")).bearer_auth(&token).send().await.expect("hosts");
    let add = async || {
        let hosts = json!({"hosts": [{"target": "root@127.0.0.1:9", "name": "one"}]});
        client.post(app.url("/api/v1/hosts")).bearer_auth(&token).json(&hosts).send().await.expect("answer")
    };
    // The first use of a token is written down; after it nothing but the change itself waits for the database.
    assert_eq!(list().await.status(), StatusCode::OK);

    let key = MasterKey::load_or_create(&app.data_dir(), None).expect("key");
    let beside = Store::open(&app.data_dir(), key).await.expect("a second way in");
    let held = beside.begin().await.expect("the database's one writer");
    let refused = add().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let problem: Value = refused.json().await.expect("json");
    assert_eq!(problem["title"], "The database is busy; try again");
    assert_eq!((&problem["kind"], &problem["status"]), (&json!("unavailable"), &json!(503)));
    let read = list().await;
    assert_eq!(read.status(), StatusCode::OK);
    assert_eq!(read.json::<Value>().await.expect("json"), json!([]), "nothing of it was kept");

    held.rollback().await.expect("given back");
    assert_eq!(add().await.status(), StatusCode::CREATED, "and trying again helps");
}
