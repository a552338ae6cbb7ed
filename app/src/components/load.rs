//! What a page shows while and after its data is loaded. Invariant: one reading boundary a resource; the
//! future is boxed, so that all pages share one compiled boundary (the wasm budget), and with `SsrMode::Async` the first HTML
//! already holds the content.

use super::problem::problem_page;
use crate::data::Boxed;
use crate::{
    data::{Data, Waiting},
    error::AppError,
};
use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

/// `content` of what `data` came to, a skeleton before, the problem instead.
pub(crate) fn load<T>(data: Data<T>, content: impl Fn(T) -> AnyView + Send + Sync + 'static) -> AnyView
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    boundary(data.view(content))
}

fn boundary(waiting: Waiting) -> AnyView {
    let shown = move || {
        let shown = waiting();
        Suspend::new(async move { shown.await.unwrap_or_else(|AppError(problem)| problem_page(&problem)) })
    };
    view! { <Transition fallback=skeleton>{shown}</Transition> }.boxed()
}

/// Grey lines where text will be; they appear after 150 ms (in the style).
fn skeleton() -> AnyView {
    view! {
        <div class="skeleton" aria-busy="true">
            <span class="sr-only">"Loading"</span>
            <div class="skeleton-line skeleton-head"></div>
            <div class="skeleton-line"></div>
            <div class="skeleton-line"></div>
            <div class="skeleton-line skeleton-short"></div>
        </div>
    }
    .boxed()
}
