//! Choosing hosts and a version: what can be chosen, what stands against it.

use super::{
    draft::{DraftMember, why_not},
    form::Form,
};
use crate::{
    components::{
        badge::{Tone, badge},
        icon::Icon,
        keyed::keyed,
    },
    data::{Boxed, memo},
    pages::hosts::{as_shown, host_state},
};
use leptos::prelude::*;
use quorate_domain::{
    HostId,
    host::HostSummary,
    quorum::Tolerance,
    version::{OFFERED, Severity, Version},
};

/// The hosts, each with its state and, when chosen, its member's name and address.
pub(super) fn host_choice(form: Form) -> AnyView {
    let error = form.task.field("members");
    let advice = memo(move || match form.members.with(Vec::len) {
        0 => None,
        n => Tolerance::advice(n),
    });
    let counted = memo(move || form.members.with(Vec::len));
    let words = move || match counted.get() {
        0 => "Three is the usual number.".to_owned(),
        n => format!(
            "{n} chosen: {} needed for a quorum, can lose {}.",
            quorate_domain::quorum::quorum(n),
            Tolerance::of(n, n).can_lose()
        ),
    };
    view! {
        <fieldset class="choice-list">
            <legend class="sr-only">"Hosts to install on"</legend>
            {keyed(move || form.hosts.get(), as_shown, move |host| host_line(form, host))}
        </fieldset>
        <p class="muted" role="status">{move || words()}</p>
        <div aria-live="polite">
            {move || advice.get().map(|text| view! { <p class="note tone-risk">{Icon::Risk.view()}<span>{text}</span></p> })}
        </div>
        <p class="field-error" aria-live="polite">{move || error.get()}</p>
    }
    .boxed()
}

fn host_line(form: Form, host: &HostSummary) -> AnyView {
    let members = form.members;
    let why = why_not(host);
    let (tone, state) = match why {
        Some(why) => (Tone::Quiet, why.to_owned()),
        None => host_state(host),
    };
    let id = StoredValue::new(host.id.clone());
    let chosen = memo(move || members.with(|m| id.with_value(|id| m.iter().any(|m| m.host == *id))));
    let name = host.name.clone();
    let toggle = move |on: bool| {
        members.update(|m| {
            m.retain(|m| m.host != id.get_value());
            if on {
                m.push(DraftMember { host: id.get_value(), name: name.clone(), address: String::new() });
            }
        });
    };
    let addresses = host.facts.as_ref().map(|f| f.addresses.clone()).unwrap_or_default();
    let own = host.address.clone();
    view! {
        <div class="choice" class:choice-on=move || chosen.get()>
            <label class="check-box">
                <input
                    type="checkbox"
                    name="host"
                    value=host.id.to_string()
                    disabled=why.is_some()
                    prop:checked=move || chosen.get()
                    on:change=move |event| toggle(event_target_checked(&event))
                />
                <span class="choice-name">{host.name.clone()}</span>
                <code class="muted">{host.target()}</code>
            </label>
            {badge(tone, state)}
            {move || chosen.get().then(|| member_fields(form, id.get_value(), own.clone(), addresses.clone()))}
        </div>
    }
    .boxed()
}

/// Member name and address of a chosen host.
fn member_fields(form: Form, host: HostId, own: String, addresses: Vec<String>) -> AnyView {
    let members = form.members;
    let host = StoredValue::new(host);
    let index = move || members.with(|m| host.with_value(|h| m.iter().position(|m| m.host == *h)));
    let get = move |part: fn(&DraftMember) -> String| {
        members.with_untracked(|m| host.with_value(|h| m.iter().find(|m| m.host == *h).map(part))).unwrap_or_default()
    };
    let put = move |part: fn(&mut DraftMember) -> &mut String, text: String| {
        members.update(|m| {
            if let Some(member) = host.with_value(|h| m.iter_mut().find(|m| m.host == *h)) {
                *part(member) = text;
            }
        });
    };
    let problem = form.task.problem;
    let error = move |part: &'static str| {
        let field = format!("members.{}.{part}", index()?);
        problem.with(|p| p.as_ref().and_then(|p| p.message_for(&field).map(str::to_owned)))
    };
    let options: Vec<AnyView> = addresses.into_iter().map(|a| view! { <option value=a></option> }.boxed()).collect();
    let list = host.with_value(|h| format!("addresses-{h}"));
    view! {
        <div class="choice-fields">
            <label>"Member name "
                <input type="text" spellcheck="false" autocomplete="off" value=get(|m| m.name.clone())
                    on:input=move |event| put(|m| &mut m.name, event_target_value(&event))/>
            </label>
            <label>"Address "
                <input type="text" spellcheck="false" autocomplete="off" placeholder=own list=list.clone() value=get(|m| m.address.clone())
                    on:input=move |event| put(|m| &mut m.address, event_target_value(&event))/>
            </label>
            <datalist id=list>{options}</datalist>
            <p class="field-error" aria-live="polite">{move || error("name")}" "{move || error("address")}</p>
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
