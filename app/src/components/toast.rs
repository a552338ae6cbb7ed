//! Short notes that something was done. Invariant: announced politely, gone by themselves, never the only place
//! where an error is told.

use crate::data::Boxed;
use leptos::prelude::*;
use std::time::Duration;

/// How long a note stays.
const STAY: Duration = Duration::from_secs(5);

/// The notes of this page.
#[derive(Clone, Copy)]
pub(crate) struct Toasts(RwSignal<Vec<(u32, String)>>, StoredValue<u32>);

impl Toasts {
    /// Makes the list.
    pub(crate) fn provide() -> Self {
        let toasts = Self(RwSignal::new(Vec::new()), StoredValue::new(0));
        provide_context(toasts);
        toasts
    }

    /// The list of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Says `text`.
    pub(crate) fn say(self, text: impl Into<String>) {
        self.1.update_value(|n| *n += 1);
        let id = self.1.get_value();
        let text = text.into();
        self.0.update(|all| all.push((id, text)));
        set_timeout(move || self.0.update(|all| all.retain(|(known, _)| *known != id)), STAY);
    }
}

/// Where the notes appear.
#[component]
pub(crate) fn ToastList() -> AnyView {
    let toasts = Toasts::get();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {move || toasts.0.get().into_iter().map(|(_, text)| view! { <p class="toast">{text}</p> }).collect_view()}
        </div>
    }
    .boxed()
}
