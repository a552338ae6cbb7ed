//! One file a page. Invariant: a page loads its data at its top, seeds the live store with it, and renders whole
//! HTML on the server; rules and texts that can be wrong are plain functions with tests.

pub(crate) mod add_hosts;
pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod cluster;
pub(crate) mod entry;
pub(crate) mod fleet;
pub(crate) mod host;
pub(crate) mod host_edit;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod operation;
pub(crate) mod operations;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod users;

use crate::data::{Boxed, memo};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// Leaves for another page with a full load: the session changed, so nothing of this page may stay.
pub(crate) fn leave_to(path: &str) {
    let _ = window().location().set_href(path);
}

/// The heading of a page with its buttons, and the tab's title.
pub(crate) fn page_head(title: &'static str, actions: AnyView) -> AnyView {
    view! {
        <Title text=title/>
        <header class="page-head">
            <h1>{title}</h1>
            <div class="page-actions">{actions}</div>
        </header>
    }
    .boxed()
}

/// The tab's title, following `text`. On the server it is what `text` says now: leptos asks for the title again when the page
/// is rendered, on whatever thread has the request by then, where the page's signals cannot be read (it panics).
pub(crate) fn tab_title(text: impl Fn() -> String + Send + Sync + 'static) -> AnyView {
    #[cfg(feature = "ssr")]
    let text = untrack(text);
    view! { <Title text=text/> }.boxed()
}

/// The path's `id`.
pub(crate) fn path_id() -> Memo<String> {
    path_part("id")
}

/// A named part of the path.
pub(crate) fn path_part(name: &'static str) -> Memo<String> {
    let params = use_params_map();
    memo(move || params.with(|params| params.get_str(name).unwrap_or_default().to_owned()))
}

/// What to answer when the path's id is none.
pub(crate) fn no_such(what: &str) -> crate::error::AppError {
    quorate_domain::Problem::new(quorate_domain::ProblemKind::NotFound, format!("There is no such {what}")).into()
}

/// Any other path.
#[component]
pub(crate) fn NotFound() -> AnyView {
    let problem = no_such("page").0;
    view! {
        <Title text="Not found"/>
        {crate::components::problem::problem_page(&problem)}
        <p><a href=crate::routes::FLEET>"To the clusters"</a></p>
    }
    .boxed()
}
