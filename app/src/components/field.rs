//! Form fields: a label, a hint, an input and its error. Invariant: the error is tied to the input
//! (`aria-describedby`, `aria-invalid`); what was typed before wasm came is kept.

use crate::data::Boxed;
use leptos::{html, prelude::*};

/// A line of text, a password, a number.
#[component]
pub(crate) fn Field(
    label: &'static str,
    #[prop(into)] name: String,
    value: RwSignal<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional)] hint: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] mono: bool,
    #[prop(optional)] placeholder: &'static str,
) -> AnyView {
    let id = format!("field-{name}");
    let input = NodeRef::<html::Input>::new();
    // The browser may hold text that was typed (or filled in by a password manager) before this ran.
    Effect::new(move |first: Option<()>| {
        let wanted = value.get();
        let Some(input) = input.get() else { return };
        let shown = input.value();
        if first.is_none() && wanted.is_empty() && !shown.is_empty() {
            value.set(shown);
        } else if shown != wanted {
            input.set_value(&wanted);
        }
    });
    let described = format!("{id}-hint {id}-error");
    view! {
        <div class="field" class:field-mono=mono class:field-wrong=move || error.with(Option::is_some)>
            <label for=id.clone()>{label}</label>
            <input
                node_ref=input
                id=id.clone()
                name=name
                type=kind
                autocomplete=autocomplete
                placeholder=placeholder
                spellcheck="false"
                autocapitalize="off"
                value=value.get_untracked()
                aria-describedby=described
                aria-invalid=move || error.with(Option::is_some).to_string()
                on:input=move |event| value.set(event_target_value(&event))
            />
            {under(&id, hint, error)}
        </div>
    }
    .boxed()
}

/// Several lines of text.
#[component]
pub(crate) fn TextArea(
    label: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional)] hint: &'static str,
    #[prop(default = 6)] rows: u32,
    #[prop(optional)] placeholder: &'static str,
) -> AnyView {
    let id = format!("field-{name}");
    let described = format!("{id}-hint {id}-error");
    view! {
        <div class="field field-mono" class:field-wrong=move || error.with(Option::is_some)>
            <label for=id.clone()>{label}</label>
            <textarea
                id=id.clone()
                name=name
                rows=rows.to_string()
                placeholder=placeholder
                spellcheck="false"
                autocapitalize="off"
                prop:value=move || value.get()
                aria-describedby=described
                aria-invalid=move || error.with(Option::is_some).to_string()
                on:input=move |event| value.set(event_target_value(&event))
            ></textarea>
            {under(&id, hint, error)}
        </div>
    }
    .boxed()
}

/// A choice among a few.
#[component]
pub(crate) fn Select(
    label: &'static str,
    #[prop(into)] name: String,
    value: RwSignal<String>,
    /// (value, words)
    options: Vec<(String, String)>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional)] hint: &'static str,
) -> AnyView {
    let id = format!("field-{name}");
    let described = format!("{id}-hint {id}-error");
    let options = options
        .into_iter()
        .map(|(option, words)| {
            let this = option.clone();
            view! { <option value=option selected=move || value.with(|v| *v == this)>{words}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select
                id=id.clone()
                name=name
                aria-describedby=described
                on:change=move |event| value.set(event_target_value(&event))
            >
                {options}
            </select>
            {under(&id, hint, error)}
        </div>
    }
    .boxed()
}

/// Yes or no.
#[component]
pub(crate) fn CheckBox(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    value: RwSignal<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> AnyView {
    view! {
        <label class="check-box">
            <input
                type="checkbox"
                name=name
                prop:checked=move || value.get()
                disabled=move || disabled.get()
                on:change=move |event| value.set(event_target_checked(&event))
            />
            <span>{label}</span>
        </label>
    }
    .boxed()
}

fn under(id: &str, hint: &'static str, error: Signal<Option<String>>) -> AnyView {
    view! {
        <p class="field-hint" id=format!("{id}-hint")>{hint}</p>
        <p class="field-error" id=format!("{id}-error") aria-live="polite">{move || error.get()}</p>
    }
    .boxed()
}
