//! The dialog that exports keys. Invariant: what cannot be exported has no link; what is left out is said before anything is loaded. The
//! file itself comes from `/transfers`, streamed, and never goes through this page.

use super::{
    browser::Browser,
    new_key::{KEY_HINT, typed_prefix},
};
use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{CheckBox, Field, Select},
    },
    data::{Boxed, memo},
    routes,
};
use leptos::prelude::*;
use quorate_domain::keys::Key;

/// The formats: as in requests, as offered, and what each is for.
const FORMATS: [(&str, &str, &str); 4] = [
    (
        "ndjson",
        "NDJSON, a record a line",
        "Keeps every byte, lease and revision, and is the best to import again: files may be of any size, and a broken line is named.",
    ),
    ("json", "JSON, a list", "Keeps the same as NDJSON, as one document for programs that read whole files."),
    ("yaml", "YAML, a list", "Keeps the same, for people who read it and change it by hand."),
    (
        "etcdctl",
        "etcdctl-compatible JSON",
        "Looks as “etcdctl get --prefix -w json” prints it, keys and values in base64, for scripts that read that.",
    ),
];

/// The dialog.
pub(super) fn dialog(browser: Browser, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="Export keys">{move || form(browser, open)}</Dialog> }.boxed()
}

/// What a format is for.
fn purpose(format: &str) -> &'static str {
    FORMATS.iter().find(|(name, ..)| *name == format).map_or("", |(_, _, purpose)| purpose)
}

/// A revision, or none where nothing was typed.
pub(super) fn typed_revision(text: &str) -> Result<Option<u64>, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse().ok().filter(|revision| *revision > 0);
    number.map(Some).ok_or_else(|| "Give the number of a revision, or leave it empty for now".to_owned())
}

fn form(browser: Browser, open: RwSignal<bool>) -> AnyView {
    let prefix = RwSignal::new(untrack(move || browser.here()).to_string());
    let (format, revision) = (RwSignal::new("ndjson".to_owned()), RwSignal::new(String::new()));
    let reveal = RwSignal::new(false);
    let typed = memo(move || typed_prefix("prefix", &prefix.read()).map_err(|problem| problem.title));
    let at = memo(move || typed_revision(&revision.read()));
    let link = move || match (typed.get(), at.get()) {
        (Ok(prefix), Ok(at)) => {
            Some(routes::export_file(&browser.cluster(), &prefix, &format.read(), at, reveal.get()))
        }
        _ => None,
    };
    let download = move || match link() {
        Some(link) => view! { <a class=Look::Primary.class() href=link download="">"Download"</a> }.into_any(),
        None => view! { <Button label="Download" look=Look::Primary disabled=true/> }.into_any(),
    };
    let about = move || purpose(&format.read());
    let options = FORMATS.map(|(value, words, _)| (value.to_owned(), words.to_owned())).to_vec();
    let close = Callback::new(move |()| open.set(false));
    view! {
        <div class="form">
            <Field
                label="Keys that start with (empty: all)"
                name="export_prefix"
                value=prefix
                mono=true
                hint=KEY_HINT
                error=Signal::derive(move || typed.with(error_of::<Key>))
            />
            <Select label="Format" name="export_format" value=format options=options/>
            <p class="muted" role="status">{move || about()}</p>
            <Field
                label="Revision (may stay empty)"
                name="export_revision"
                value=revision
                hint="As the keys were then, as far back as etcd was not compacted. Empty: now. The whole file is of one revision."
                error=Signal::derive(move || at.with(error_of::<Option<u64>>))
            />
            <CheckBox label="With the values of masked keys" name="export_reveal" value=reveal/>
            <p class="muted" role="status">{move || masked_words(reveal.get())}</p>
            <div class="form-actions">
                {move || download()}
                <Button label="Close" on_press=close/>
            </div>
        </div>
    }
    .boxed()
}

fn error_of<T>(typed: &Result<T, String>) -> Option<String> {
    typed.as_ref().err().cloned()
}

/// What becomes of masked keys.
fn masked_words(reveal: bool) -> &'static str {
    if reveal {
        "Masked keys are in the file with their values, and the audit trail says that you took them."
    } else {
        "Keys whose values are masked are left out of the file."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_number_or_now() {
        assert_eq!(typed_revision("  "), Ok(None));
        assert_eq!(typed_revision("19\u{202f}204"), Ok(Some(19_204)));
        for wrong in ["0", "-1", "yesterday", "99999999999999999999"] {
            assert!(typed_revision(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_format_says_what_it_is_for_and_each_choice_what_it_leaves_out() {
        assert!(FORMATS.iter().all(|(name, ..)| !purpose(name).is_empty()));
        assert!(masked_words(false).contains("left out") && masked_words(true).contains("audit trail"));
    }
}
