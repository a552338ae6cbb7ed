//! A console under test and clients of it. Invariant: time is the test's own clock; nothing sleeps.

use quorate_core::{
    Console,
    actor::Actor,
    clock::{Clock, TestClock},
    config::Config,
    permit::act,
};
use quorate_domain::{Role, Scope, UserId};
use quorate_server::{serve, settings::Settings};
use quorate_store::{MasterKey, Store};
use quorate_testkit::etcd::{VERSION, programs_for_console};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A password that passes every rule.
pub const PASSWORD: &str = "tide lamp orbit fig";

/// A running console.
pub struct App {
    pub console: Console,
    pub clock: TestClock,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
    dir: TempDir,
}

impl App {
    /// A console without users.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::Builder::new().prefix("q").tempdir().expect("directory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let mut settings = Settings { data_dir: dir.path().to_owned(), listen: address, ..Settings::default() };
        change(&mut settings);
        let key = MasterKey::load_or_create(dir.path(), None).expect("key");
        let store = Store::open(dir.path(), key).await.expect("store");
        let clock = TestClock::default();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        programs_for_console(dir.path(), VERSION);
        let console = Console::new(store, shared, Config::new(dir.path().to_owned()));
        console.bring_up().await.expect("console");
        let stop = CancellationToken::new();
        let (served_console, served_stop) = (console.clone(), stop.clone());
        let served = tokio::spawn(async move {
            serve::run(listener, served_console, &settings, served_stop).await.expect("serve");
        });
        Self { console, clock, address, stop, served, dir }
    }

    /// A console with a user of each role, named by it.
    pub async fn with_users() -> Self {
        let app = Self::start().await;
        for role in Role::ALL {
            app.add_user(role.as_str(), role).await;
        }
        app
    }

    pub async fn add_user(&self, name: &str, role: Role) {
        self.console.add_user(name, role, SecretString::from(PASSWORD)).await.expect("user");
    }

    /// The id of the user of this name.
    pub async fn user_id(&self, name: &str) -> UserId {
        let permit = self.console.permit::<act::ViewUsers>(&Actor::cli(), Scope::Global).await.expect("permit");
        let users = self.console.users(&permit).await.expect("users");
        users.into_iter().find(|user| user.name == name).expect(name).id
    }

    /// A token made by the command line for the user named as `role`.
    pub async fn token(&self, role: Role, destructive: bool) -> String {
        let made = self.console.create_token_for(Some(role.as_str()), role.as_str(), role, destructive).await;
        made.expect("token").1.expose_secret().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// A browser: keeps cookies, follows nothing.
    pub fn browser(&self) -> Browser<'_> {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).timeout(Duration::from_secs(20));
        Browser { app: self, client: client.build().expect("client") }
    }

    /// A browser that `name` is logged in with.
    pub async fn logged_in(&self, name: &str) -> Browser<'_> {
        let browser = self.browser();
        let response = browser.log_in(name, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap_or_default());
        browser
    }

    /// All audit rows as text, newest first.
    pub async fn audit(&self) -> Vec<String> {
        let token = self.token(Role::Admin, false).await;
        let response = Client::new().get(self.url("/api/v1/audit?limit=200")).bearer_auth(token).send().await;
        let page: Value = response.expect("audit").json().await.expect("json");
        let events = page["events"].as_array().expect("events").clone();
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        events
            .iter()
            .map(|e| ["action", "outcome", "actor", "object", "detail"].map(|key| text(e, key)).join("|"))
            .collect()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A client with a cookie jar.
pub struct Browser<'a> {
    app: &'a App,
    pub client: Client,
}

impl Browser<'_> {
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.app.url(path)).header("accept", "text/html").header("sec-fetch-site", "none")
    }

    pub async fn page(&self, path: &str) -> Response {
        self.get(path).send().await.expect(path)
    }

    /// A server function with a JSON argument.
    pub async fn rpc(&self, name: &str, body: Value) -> Response {
        let request = self.client.post(self.app.url(&format!("/rpc/{name}"))).json(&body);
        self.same_site(request).send().await.expect(name)
    }

    /// A server function that a plain form can post.
    pub async fn form(&self, name: &str, fields: &[(&str, &str)]) -> Response {
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", v.replace(' ', "+"))).collect();
        let request = self.client.post(self.app.url(&format!("/rpc/{name}")));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        self.same_site(request).send().await.expect(name)
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Response {
        self.form("login", &[("name", name), ("password", password)]).await
    }

    /// The name the console has this browser under; none when it is not logged in.
    pub async fn who(&self) -> Option<String> {
        let response = self.rpc("session", serde_json::json!({})).await;
        let session: Value = response.json().await.expect("session");
        session["name"].as_str().map(str::to_owned)
    }

    fn same_site(&self, request: RequestBuilder) -> RequestBuilder {
        request
            .header("accept", "application/json")
            .header("sec-fetch-site", "same-origin")
            .header("origin", format!("http://{}", self.app.address))
    }
}

/// Polls `what` until it holds or ten seconds have passed.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let wait = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while !holds().await {
            tick.tick().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "not in time: {what}");
}
