//! The pages and server functions of `quorate-app`. Invariant: they learn who asks from the `RequestContext` that is
//! made here out of the request, and from nothing else; a page's scripts carry the nonce of its header.

use crate::{
    http::{headers::CspNonce, peer::Source},
    session::{Port, SessionActor},
    state::AppState,
};
use axum::{Router, extract::Request, response::Response};
use http::StatusCode;
use leptos::{
    config::LeptosOptions,
    context::{provide_context, use_context},
    nonce::Nonce,
};
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list, render_app_async_with_context};
use quorate_app::{
    App,
    session::{RequestContext, SessionPort},
    shell,
};
use quorate_core::LoggedIn;
use quorate_domain::{Problem, Timestamp};
use std::sync::{Arc, OnceLock};
use tower_sessions::Session;

/// Pages and `/rpc`.
pub fn router(state: &AppState) -> Router {
    let options = LeptosOptions::builder().output_name("quorate").site_root("target/site").site_pkg_dir("pkg").build();
    let context = {
        let state = state.clone();
        move || provide(&state)
    };
    let page = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let missing = render_app_async_with_context(context.clone(), page.clone());
    Router::<LeptosOptions>::new()
        .leptos_routes_with_context(&options, routes(), context, page)
        .fallback(move |request: Request| {
            let rendered = missing(request);
            async move { not_found(rendered.await) }
        })
        .with_state(options)
}

/// The routes of the site. Walking the site sets a flag of the whole process while it lasts, so it happens once and
/// before anything is rendered.
fn routes() -> Vec<AxumRouteListing> {
    static ROUTES: OnceLock<Vec<AxumRouteListing>> = OnceLock::new();
    ROUTES.get_or_init(|| generate_route_list(App)).clone()
}

fn not_found(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Runs for every page and every server function, after Leptos has provided the request's head.
fn provide(state: &AppState) {
    let Some(parts) = use_context::<http::request::Parts>() else { return };
    let extensions = &parts.extensions;
    if let Some(CspNonce(nonce)) = extensions.get::<CspNonce>() {
        provide_context(Nonce::from_value(nonce.as_str()));
    }
    let Some(session) = extensions.get::<Session>() else { return };
    quorate_app::session::provide(RequestContext {
        console: state.console.clone(),
        actor: extensions.get::<SessionActor>().and_then(|actor| actor.0.clone()),
        session: Arc::new(Port::new(session.clone(), state.console.clone())),
        source: extensions.get::<Source>().map(|source| source.0.to_string()).unwrap_or_default(),
    });
}

#[async_trait::async_trait]
impl SessionPort for Port {
    async fn log_in(&self, who: LoggedIn) -> Result<(), Problem> {
        self.begin(who).await
    }

    async fn log_out(&self) -> Result<(), Problem> {
        self.end().await
    }

    async fn reauthenticated(&self, until: Timestamp) -> Result<(), Problem> {
        self.note_reauthenticated(until).await
    }
}
