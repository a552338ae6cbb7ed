//! What a token may, and when it dies.

use crate::support::{App, PASSWORD};
use quorate_core::{actor::Actor, permit::act};
use quorate_domain::{Role, Scope};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

async fn status(app: &App, token: &str, path: &str) -> StatusCode {
    Client::new().get(app.url(&format!("/api/v1{path}"))).bearer_auth(token).send().await.expect(path).status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_dies_with_its_owner_and_shrinks_with_its_role() {
    let app = App::with_users().await;
    app.add_user("second", Role::Admin).await;
    let token = app.token(Role::Admin, false).await;
    assert_eq!(status(&app, &token, "/users").await, StatusCode::OK);
    let permit = app.console.permit::<act::ManageUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    let view = app.console.permit::<act::ViewUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    let users = app.console.users(&view).await.expect("users");
    let owner = users.into_iter().find(|user| user.name == "admin").expect("owner").id;
    app.console.set_role(&permit, &owner, Role::Viewer).await.expect("role");
    assert_eq!(status(&app, &token, "/users").await, StatusCode::FORBIDDEN);
    assert_eq!(status(&app, &token, "/hosts").await, StatusCode::OK);
    app.console.set_disabled(&permit, &owner, true).await.expect("disabled");
    assert_eq!(status(&app, &token, "/hosts").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_in_the_browser_manages_no_accounts() {
    let app = App::with_users().await;
    let who = app.console.login("admin", SecretString::from(PASSWORD), "").await.expect("login");
    let actor = app.console.actor_for_session(&who.user, who.auth_epoch, None, "").await.expect("read").expect("actor");
    let permit = app.console.permit::<act::ManageOwnTokens>(&actor, Scope::Global).await.expect("permit");
    assert!(
        app.console.create_token(&permit, "ci", Role::Admin, true).await.is_err(),
        "destructive takes the password"
    );
    let (summary, token) = app.console.create_token(&permit, "ci", Role::Admin, false).await.expect("token");
    let token = token.expose_secret();
    assert!(token.starts_with("quorate_") && token.len() == 51, "{}", token.len());
    assert_eq!(status(&app, token, "/hosts").await, StatusCode::OK);
    assert_eq!(status(&app, token, "/users").await, StatusCode::OK, "reading is allowed");
    assert_eq!(status(&app, token, "/tokens").await, StatusCode::FORBIDDEN);
    let invite = Client::new().post(app.url("/api/v1/users")).bearer_auth(token);
    let invite = invite.json(&json!({"name": "eve", "role": "admin"})).send().await.expect("invite");
    assert_eq!(invite.status(), StatusCode::FORBIDDEN);
    app.console.revoke_token(&permit, &summary.id).await.expect("revoked");
    assert_eq!(status(&app, token, "/hosts").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_hands_on_at_most_what_it_has() {
    let app = App::with_users().await;
    let weak = app.console.create_token_for(Some("admin"), "weak", Role::Viewer, false).await.expect("token").1;
    let make = async |role: &str, destructive: bool| {
        let request = Client::new().post(app.url("/api/v1/tokens")).bearer_auth(weak.expose_secret());
        request.json(&json!({"name": "x", "role": role, "destructive": destructive})).send().await.expect("answer")
    };
    assert_eq!(make("admin", false).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(make("viewer", true).await.status(), StatusCode::FORBIDDEN);
    let made = make("viewer", false).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.expect("json");
    let child = made["token"].as_str().expect("token");
    assert_eq!(status(&app, child, "/tokens").await, StatusCode::FORBIDDEN, "only the command line makes such tokens");
    assert!(app.console.create_token_for(Some("viewer"), "x", Role::Admin, false).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destructive_start_needs_the_scope() {
    let app = App::with_users().await;
    for (destructive, allowed) in [(false, false), (true, true)] {
        let token = app.token(Role::Admin, destructive).await;
        let actor = app.console.actor_for_token(&token, "").await.expect("read").expect("actor");
        assert_eq!(app.console.check_dangerous(&actor, "x").await.is_ok(), allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_like_a_token_is_one() {
    let app = App::with_users().await;
    for bad in ["", "quorate_", "quorate_' OR 1=1 --", &format!("quorate_{}", "A".repeat(43)), &"x".repeat(5000)] {
        assert_eq!(status(&app, bad, "/hosts").await, StatusCode::UNAUTHORIZED, "{bad}");
    }
}
