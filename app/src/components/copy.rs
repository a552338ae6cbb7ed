//! An id, line or script that can be copied. Invariant: what is copied is the whole text, whatever is shown of it.

use super::{icon::Icon, toast::Toasts};
use crate::data::Boxed;
use crate::format;
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen_futures::JsFuture;

/// Puts `text` on the clipboard and says so. Over plain http from elsewhere browsers have no clipboard: it says that.
pub(crate) fn copy_text(text: String, toasts: Toasts, what: &'static str) {
    let navigator = window().navigator();
    let present = js_sys::Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|c| c.is_truthy());
    spawn_local(async move {
        let done = present && JsFuture::from(navigator.clipboard().write_text(&text)).await.is_ok();
        toasts.say(if done {
            format!("{what} copied")
        } else {
            format!("{what} could not be copied: the browser refused. Select it and copy it by hand.")
        });
    });
}

/// A copyable id, cut in the middle when it is long.
pub(crate) fn copy_id(id: String) -> AnyView {
    let toasts = Toasts::get();
    let shown = format::short_id(&id);
    let label = format!("Copy {id}");
    let title = id.clone();
    view! {
        <button type="button" class="copy-id" title=title aria-label=label on:click=move |_| copy_text(id.clone(), toasts, "Id")>
            <code>{shown}</code>
        </button>
    }
    .boxed()
}

/// A line of shell or a key in a box with a button that copies it.
#[component]
pub(crate) fn CopyBox(#[prop(into)] text: String, what: &'static str) -> AnyView {
    let toasts = Toasts::get();
    let shown = text.clone();
    view! {
        <div class="copy-box">
            <code tabindex="0">{shown}</code>
            <button type="button" class="button button-bare" on:click=move |_| copy_text(text.clone(), toasts, what)>
                {Icon::Copy.view()}
                <span>"Copy"</span>
                <span class="sr-only">{what}</span>
            </button>
        </div>
    }
    .boxed()
}
