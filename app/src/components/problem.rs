//! A problem in words. Invariant: what happened and what to do, announced when it appears.

use super::icon::Icon;
use crate::data::Boxed;
use crate::routes;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use quorate_domain::{Problem, ProblemKind};

/// A problem where a form or a button met it; nothing while there is none.
#[component]
pub(crate) fn ProblemBox(#[prop(into)] problem: Signal<Option<Problem>>) -> AnyView {
    view! { <div role="alert" class="problem-slot">{move || problem.get().map(|p| problem_view(&p))}</div> }.boxed()
}

/// The box.
pub(crate) fn problem_view(problem: &Problem) -> AnyView {
    let path = use_location().pathname;
    let login = problem.kind == ProblemKind::Unauthenticated && !path.with_untracked(|p| routes::stands_alone(p));
    view! {
        <div class="note tone-bad">
            {Icon::Bad.view()}
            <div>
                <p class="note-title">{problem.title.clone()}</p>
                {(!problem.detail.is_empty()).then(|| view! { <p>{problem.detail.clone()}</p> })}
                {login.then(|| view! { <p><a href=routes::LOGIN rel="external">"Log in"</a></p> })}
            </div>
        </div>
    }
    .boxed()
}

/// A whole page that could not be shown.
pub(crate) fn problem_page(problem: &Problem) -> AnyView {
    let heading = match problem.kind {
        ProblemKind::NotFound => "Not found",
        ProblemKind::Forbidden => "Not allowed",
        ProblemKind::Unauthenticated => "Session ended",
        _ => "This page could not be shown",
    };
    view! {
        <header class="page-head"><h1>{heading}</h1></header>
        {problem_view(problem)}
    }
    .boxed()
}
