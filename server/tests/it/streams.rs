//! The event stream: who gets it, when it ends, and that it keeps nobody logged in and no process alive.

use crate::support::{App, Browser, until};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// Reads until `wanted` was seen; false when the stream ended before.
async fn reads(response: &mut Response, wanted: &str) -> bool {
    let mut seen = String::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            seen.push_str(&String::from_utf8_lossy(&chunk));
            if seen.contains(wanted) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap_or_else(|_| panic!("no {wanted} within 5 s: {seen}"))
}

async fn ends(mut response: Response) {
    let read = async { while let Ok(Some(_)) = response.chunk().await {} };
    assert!(tokio::time::timeout(Duration::from_secs(5), read).await.is_ok(), "the stream goes on");
}

async fn open(browser: &Browser<'_>) -> Response {
    let response = browser.get("/events").header("accept", "text/event-stream").send().await.expect("events");
    assert_eq!(response.status(), StatusCode::OK);
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_hello_and_is_for_users() {
    let app = App::with_users().await;
    assert_eq!(app.browser().page("/events").await.status(), StatusCode::UNAUTHORIZED);
    let browser = app.logged_in("viewer").await;
    assert!(reads(&mut open(&browser).await, "event: hello").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_session() {
    let app = App::with_users().await;
    let browser = app.logged_in("operator").await;
    let mut stream = open(&browser).await;
    assert!(reads(&mut stream, "event: hello").await);
    browser.form("logout", &[]).await;
    assert!(reads(&mut stream, "event: goodbye").await);
    ends(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_no_activity() {
    let app = App::with_users().await;
    let browser = app.logged_in("operator").await;
    let mut stream = open(&browser).await;
    assert!(reads(&mut stream, "event: hello").await);
    app.clock.advance(30 * 60 * 1000 + 1);
    assert!(reads(&mut stream, "event: goodbye").await);
    assert!(browser.who().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_stops_with_streams_open() {
    let app = App::with_users().await;
    let (one, two) = (app.logged_in("viewer").await, app.logged_in("admin").await);
    let (mut first, second) = (open(&one).await, open(&two).await);
    assert!(reads(&mut first, "event: hello").await);
    app.stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(5), async {
        ends(first).await;
        ends(second).await;
        until("the server ended", || async { app.served.is_finished() }).await;
    });
    assert!(stopped.await.is_ok(), "not within five seconds");
}
