//! Set-up, login, throttling, and what ends a session.

use crate::support::{App, PASSWORD};
use quorate_core::{actor::Actor, permit::act};
use quorate_domain::{Role, Scope};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_code_makes_one_admin_and_is_spent() {
    let app = App::start().await;
    let code = app.console.issue_setup_code().await.expect("code").expect("no user yet").code;
    let browser = app.browser();
    let wrong =
        browser.form("setup", &[("code", "aaaa-bbbb-cccc-dddd"), ("name", "anna"), ("password", PASSWORD)]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let weak = browser.form("setup", &[("code", &code), ("name", "anna"), ("password", "password1234")]).await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY, "and the code stays good");
    let fields = [("code", code.as_str()), ("name", "anna"), ("password", PASSWORD)];
    let (one, other) = tokio::join!(browser.form("setup", &fields), async {
        app.browser().form("setup", &[("code", &code), ("name", "otto"), ("password", PASSWORD)]).await.status()
    });
    let ok = [one.status(), other].iter().filter(|status| **status == StatusCode::OK).count();
    assert_eq!(ok, 1, "two who try at once get one account between them");
    assert!(!app.console.setup_needed().await.expect("setup"));
    assert!(app.console.issue_setup_code().await.expect("code").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_code_ends_after_half_an_hour() {
    let app = App::start().await;
    let code = app.console.issue_setup_code().await.expect("code").expect("no user yet").code;
    app.clock.advance(30 * 60 * 1000 + 1);
    let late = app.browser().form("setup", &[("code", &code), ("name", "anna"), ("password", PASSWORD)]).await;
    assert_eq!(late.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_to_the_way_in() {
    let app = App::start().await;
    let location = |response: reqwest::Response| {
        (response.status(), response.headers().get("location").map(|to| to.to_str().expect("text").to_owned()))
    };
    let see_other = |to: &str| (StatusCode::SEE_OTHER, Some(to.to_owned()));
    assert_eq!(location(app.browser().page("/hosts").await), see_other("/setup"));
    app.add_user("anna", Role::Admin).await;
    assert_eq!(location(app.browser().page("/setup").await), see_other("/login"));
    assert_eq!(location(app.browser().page("/hosts?x=1").await), see_other("/login?next=/hosts%3Fx%3D1"));
    let browser = app.logged_in("anna").await;
    assert_eq!(location(browser.page("/login").await), see_other("/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_and_wrong_passwords_get_one_answer() {
    let app = App::with_users().await;
    let disabled = app.user_id("viewer").await;
    let permit = app.console.permit::<act::ManageUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    app.console.set_disabled(&permit, &disabled, true).await.expect("disabled");
    let mut answers = Vec::new();
    for (name, password) in [("admin", "wrong password 1"), ("nobody", PASSWORD), ("viewer", PASSWORD)] {
        let response = app.browser().log_in(name, password).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        answers.push(response.text().await.expect("text"));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let audit = app.audit().await;
    let failed: Vec<_> = audit.iter().filter(|row| row.starts_with("session.login|failed")).collect();
    assert_eq!(failed.len(), 3, "{audit:?}");
    assert!(!audit.iter().any(|row| row.contains("nobody")), "what was typed as a name may be a password");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_and_the_answer_says_for_how_long() {
    let app = App::with_users().await;
    for _ in 0..5 {
        assert_eq!(app.browser().log_in("admin", "wrong password 1").await.status(), StatusCode::UNAUTHORIZED);
    }
    let slowed = app.browser().log_in("admin", PASSWORD).await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS, "the right password does not help either");
    let problem: Value = slowed.json().await.expect("json");
    assert!(problem["title"].as_str().expect("title").contains("1 second"), "{problem}");
    assert_eq!(app.browser().log_in("operator", PASSWORD).await.status(), StatusCode::OK);
    app.clock.advance(1000);
    assert_eq!(app.browser().log_in("admin", PASSWORD).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_for_this_host_and_no_script() {
    let cookie_of = async |app: &App, host: Option<&str>| {
        let request = app.browser().client.post(app.url("/rpc/login")).header("accept", "application/json");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = host.map_or(request.try_clone().expect("clone"), |host| request.header("host", host));
        let body = format!("name=anna&password={}", PASSWORD.replace(' ', "+"));
        let response = request.body(body).send().await.expect("login");
        response.headers()["set-cookie"].to_str().expect("text").to_owned()
    };
    let plain = App::start().await;
    plain.add_user("anna", Role::Viewer).await;
    let cookie = cookie_of(&plain, None).await;
    let name = format!("quorate-{}=", plain.address.port());
    assert!(cookie.starts_with(&name) && !cookie.contains("Secure"), "{cookie}");
    let tls = App::with(|settings| {
        settings.public_url = Some("https://quorate.example.net".parse().expect("url"));
        settings.trusted_proxy = vec!["127.0.0.1".parse().expect("address")];
    })
    .await;
    tls.add_user("anna", Role::Viewer).await;
    let cookie = cookie_of(&tls, Some("quorate.example.net")).await;
    assert!(cookie.starts_with("__Host-quorate=") && cookie.contains("Secure"), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_takes_a_new_id_and_logout_ends_it() {
    let app = App::with_users().await;
    let browser = app.logged_in("admin").await;
    let first = browser.log_in("admin", PASSWORD).await;
    let old = first.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("pair").to_owned();
    let again = browser.log_in("admin", PASSWORD).await;
    let new = again.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("pair").to_owned();
    assert_ne!(old, new);
    let with = async |cookie: &str| {
        let request = app.browser().client.post(app.url("/rpc/session")).json(&json!({})).header("cookie", cookie);
        request.send().await.expect("session").json::<Value>().await.expect("json")
    };
    assert_eq!(with(&old).await, Value::Null, "the old id is dead");
    assert_eq!(with(&new).await["name"], "admin");
    assert_eq!(browser.form("logout", &[]).await.status(), StatusCode::OK);
    assert_eq!(with(&new).await, Value::Null, "logout ends it on the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_after_twelve_hours_whatever_happens() {
    let app = App::with_users().await;
    let idle = app.logged_in("admin").await;
    app.clock.advance(29 * 60 * 1000);
    assert!(idle.who().await.is_some());
    app.clock.advance(29 * 60 * 1000);
    assert!(idle.who().await.is_some(), "a request counts");
    app.clock.advance(30 * 60 * 1000 + 1);
    assert!(idle.who().await.is_none());
    let busy = app.logged_in("admin").await;
    for _ in 0..(12 * 60 / 20 - 1) {
        app.clock.advance(20 * 60 * 1000);
        assert!(busy.who().await.is_some());
    }
    app.clock.advance(20 * 60 * 1000);
    assert!(busy.who().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_with_the_password_the_role_and_the_account() {
    let app = App::with_users().await;
    let permit = app.console.permit::<act::ManageUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    let (one, two) = (app.logged_in("operator").await, app.logged_in("operator").await);
    let change = json!({"current": PASSWORD, "new": "river glass mint oak"});
    assert_eq!(one.rpc("change_password", change).await.status(), StatusCode::OK);
    assert!(two.who().await.is_none(), "a new password ends the other sessions");
    assert_eq!(app.browser().log_in("operator", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
    let browser = app.browser();
    assert_eq!(browser.log_in("operator", "river glass mint oak").await.status(), StatusCode::OK);
    let operator = app.user_id("operator").await;
    app.console.set_role(&permit, &operator, Role::Viewer).await.expect("role");
    assert!(browser.who().await.is_none(), "another role ends sessions");
    assert_eq!(browser.log_in("operator", "river glass mint oak").await.status(), StatusCode::OK);
    app.console.set_disabled(&permit, &operator, true).await.expect("disabled");
    assert!(browser.who().await.is_none(), "disabling ends sessions");
    assert_eq!(browser.log_in("operator", "river glass mint oak").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_cannot_be_taken_away() {
    let app = App::with_users().await;
    let permit = app.console.permit::<act::ManageUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
    let admin = app.user_id("admin").await;
    assert!(app.console.set_role(&permit, &admin, Role::Operator).await.is_err());
    assert!(app.console.set_disabled(&permit, &admin, true).await.is_err());
    app.add_user("second", Role::Admin).await;
    assert!(app.console.set_disabled(&permit, &admin, true).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_user_chooses_a_password_once() {
    let app = App::with_users().await;
    let admin = app.logged_in("admin").await;
    let code: Value =
        admin.rpc("invite_user", json!({"name": "nora", "role": "operator"})).await.json().await.expect("json");
    let code = code["code"].as_str().expect("code").to_uppercase();
    let fields = [("code", code.as_str()), ("password", "river glass mint oak")];
    let browser = app.browser();
    assert_eq!(browser.form("invite", &fields).await.status(), StatusCode::OK);
    assert_eq!(browser.who().await.as_deref(), Some("nora"));
    assert_eq!(app.browser().form("invite", &fields).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_given_again_counts_for_five_minutes() {
    let app = App::with_users().await;
    let who = app.console.login("admin", SecretString::from(PASSWORD), "").await.expect("login");
    let actor = |until| async move { until };
    let fresh = app.console.actor_for_session(&who.user, who.auth_epoch, None, "").await.expect("read").expect("actor");
    assert!(app.console.check_dangerous(&fresh, "x").await.is_err());
    assert!(app.console.reauthenticate(&fresh, SecretString::from("wrong password 1")).await.is_err());
    let until = app.console.reauthenticate(&fresh, SecretString::from(PASSWORD)).await.expect("until");
    let until = actor(until).await;
    let proven = app.console.actor_for_session(&who.user, who.auth_epoch, Some(until), "").await.expect("read");
    let proven = proven.expect("actor");
    assert!(app.console.check_dangerous(&proven, "x").await.is_ok());
    app.clock.advance(5 * 60 * 1000);
    assert!(app.console.check_dangerous(&proven, "x").await.is_err());
}
