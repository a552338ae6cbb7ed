//! The event stream: who gets it, when it ends, and that it keeps nobody logged in and no process alive.

use crate::support::{App, Browser, PASSWORD, until};
use quorate_core::{actor::Actor, permit::act};
use quorate_domain::{Role, Scope};
use reqwest::{Response, StatusCode};
use serde_json::json;
use std::time::Duration;

/// Reads until `wanted` was seen; false when the stream ended before.
pub(crate) async fn reads(response: &mut Response, wanted: &str) -> bool {
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

/// What ends a session, and with it its stream.
#[derive(Clone, Copy, Debug)]
enum End {
    Logout,
    NewPassword,
    OtherRole,
    Disabled,
    /// A stream is no activity.
    HalfAnHourWithoutARequest,
    TwelveHours,
}

async fn bring_about(app: &App, end: End, name: &str, browser: &Browser<'_>) {
    let permit = app.console.permit::<act::ManageUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    let user = app.user_id(name).await;
    match end {
        End::Logout => assert_eq!(browser.form("logout", &[]).await.status(), StatusCode::OK),
        End::NewPassword => {
            let elsewhere = app.logged_in(name).await;
            let change = json!({"current": PASSWORD, "new": "river glass mint oak"});
            assert_eq!(elsewhere.rpc("change_password", change).await.status(), StatusCode::OK);
        }
        End::OtherRole => app.console.set_role(&permit, &user, Role::Viewer).await.map(drop).expect("role"),
        End::Disabled => app.console.set_disabled(&permit, &user, true).await.map(drop).expect("disabled"),
        End::HalfAnHourWithoutARequest => app.clock.advance(30 * 60 * 1000 + 1),
        End::TwelveHours => {
            for _ in 0..(12 * 60 / 20 - 1) {
                app.clock.advance(20 * 60 * 1000);
                assert!(browser.who().await.is_some(), "a request counts");
            }
            app.clock.advance(20 * 60 * 1000);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_session_whatever_ends_that() {
    let app = App::start().await;
    for end in
        [End::Logout, End::NewPassword, End::OtherRole, End::Disabled, End::HalfAnHourWithoutARequest, End::TwelveHours]
    {
        let name = format!("{end:?}").to_lowercase();
        app.add_user(&name, Role::Operator).await;
        let browser = app.logged_in(&name).await;
        let mut stream = open(&browser).await;
        assert!(reads(&mut stream, "event: hello").await, "{end:?}");
        bring_about(&app, end, &name, &browser).await;
        assert!(reads(&mut stream, "event: goodbye").await, "{end:?}");
        ends(stream).await;
        assert!(browser.who().await.is_none(), "{end:?}");
    }
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
