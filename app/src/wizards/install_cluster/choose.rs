//! Choosing hosts and a version: what can be chosen, what stands against it.

use super::form::Form;
use crate::{
    components::{
        badge::{Tone, badge},
        icon::Icon,
    },
    data::{Boxed, memo},
};
use leptos::prelude::*;
use quorate_domain::{
    quorum::Tolerance,
    version::{OFFERED, Severity, Version},
};

/// The hosts, and what so many members are worth.
pub(super) fn host_choice(form: Form) -> AnyView {
    let members = form.choice.members;
    let advice = memo(move || match members.with(Vec::len) {
        0 => None,
        n => Tolerance::advice(n),
    });
    let counted = memo(move || members.with(Vec::len));
    let words = move || match counted.get() {
        0 => "Three is the usual number.".to_owned(),
        n => format!(
            "{n} chosen: {} needed for a quorum, can lose {}.",
            quorate_domain::quorum::quorum(n),
            Tolerance::of(n, n).can_lose()
        ),
    };
    view! {
        {form.choice.view("Hosts to install on")}
        <p class="muted" role="status">{move || words()}</p>
        <div aria-live="polite">
            {move || advice.get().map(|text| view! { <p class="note tone-risk">{Icon::Risk.view()}<span>{text}</span></p> })}
        </div>
    }
    .boxed()
}

/// The versions on offer with what is known against each, and one to type.
pub(super) fn version_choice(form: Form) -> AnyView {
    let version = form.version;
    let error = form.task.field("version");
    let offered = move || OFFERED.iter().any(|v| version.with(|typed| *typed == v.to_string()));
    let offer = form.offer;
    let known = move |v: Version| match (offer.lacks(v), offer.proposes(v)) {
        (true, _) => Some("not at this source"),
        (_, true) => Some("proposed"),
        // No empty text: hydration would look for a text node that the HTML does not have.
        _ => None,
    };
    let lines = OFFERED
        .into_iter()
        .map(|v| {
            let (value, this) = (v.to_string(), v.to_string());
            view! {
                <div class="choice">
                    <label class="check-box">
                        <input type="radio" name="version" value=value.clone()
                            prop:checked=move || version.with(|typed| *typed == this)
                            on:change=move |_| version.set(value.clone())/>
                        <span class="choice-name">{v.to_string()}</span>
                        <span class="muted">{move || known(v)}</span>
                    </label>
                    {marks(v)}
                </div>
            }
            .boxed()
        })
        .collect_view();
    let typed_marks = move || {
        let parsed = version.with(|typed| typed.parse::<Version>().ok());
        parsed.filter(|_| !offered()).map(marks)
    };
    view! {
        <fieldset class="choice-list">
            <legend>"Version"</legend>
            {lines}
            <div class="choice">
                <label class="check-box">
                    <input type="radio" name="version" value="" prop:checked=move || !offered() on:change=move |_| version.set(String::new())/>
                    <span class="choice-name">"Another"</span>
                </label>
                <input type="text" class="choice-other" aria-label="Another version" placeholder="3.5.30" autocomplete="off"
                    prop:value=move || if offered() { String::new() } else { version.get() }
                    on:input=move |event| version.set(event_target_value(&event))/>
                {move || typed_marks()}
            </div>
        </fieldset>
        <p class="field-error" aria-live="polite">{move || error.get()}</p>
    }
    .boxed()
}

fn marks(version: Version) -> AnyView {
    let marks = version.marks();
    if marks.is_empty() {
        return badge(Tone::Ok, "nothing known against it".into());
    }
    let line = |mark: quorate_domain::version::Mark| {
        let (tone, word) = match mark.severity {
            Severity::Note => (Tone::Info, "note"),
            Severity::Avoid => (Tone::Risk, "avoid"),
            Severity::DataLoss => (Tone::Bad, "data loss"),
        };
        view! { <li>{badge(tone, word.into())}<span>{mark.text}</span></li> }.boxed()
    };
    view! { <ul class="marks">{marks.into_iter().map(line).collect_view()}</ul> }.boxed()
}
