//! An empty list that says what to do next.

use crate::data::Boxed;
use leptos::prelude::*;

/// The box; `action` may be an empty view.
pub(crate) fn empty_state(title: &'static str, text: &'static str, action: AnyView) -> AnyView {
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <p>{text}</p>
            {action}
        </div>
    }
    .boxed()
}
