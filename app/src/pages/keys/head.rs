//! What stands above the keys: the search, how many there are and how well that is known, how they are listed. Invariant: the
//! state of the index is told in words, whichever it is.

use super::{browser::Browser, export, kept_files, many::Many, new_key, search::Search, settings, undos};
use crate::{
    components::button::{Button, Look},
    data::{Boxed, memo},
    format,
};
use leptos::prelude::*;
use quorate_domain::keys::{IndexPhase, IndexState, Key, Source};

/// The head.
pub(super) fn head(browser: Browser, search: Search, many: Many) -> AnyView {
    let words = memo(move || {
        let keys = browser.tree.with(super::tree::Tree::keys);
        browser.index.with(|index| index_words(index, browser.source.get(), keys))
    });
    let progress = memo(move || {
        browser.index.with(|index| {
            let building = index.phase == IndexPhase::Building && index.expected.0 > 0;
            building.then(|| (index.keys.0, index.expected.0.max(index.keys.0)))
        })
    });
    let bar = move || {
        progress.get().map(|(value, max)| {
            view! { <progress value=value.to_string() max=max.to_string() aria-label="Keys listed"></progress> }.boxed()
        })
    };
    let note = move || {
        let note = browser.note.get();
        (!note.is_empty()).then(|| view! { <p class="muted">{note}</p> })
    };
    let (creating, undoing) = (RwSignal::new(false), RwSignal::new(false));
    let write = browser.rights.write.then(|| {
        let create = Callback::new(move |()| creating.set(true));
        let bin = Callback::new(move |()| undoing.set(true));
        view! {
            <Button label="New key" look=Look::Primary on_press=create/>
            <Button label="Undo bin" on_press=bin/>
        }
        .into_any()
    });
    let setting = RwSignal::new(false);
    let manage = browser.rights.manage.then(|| {
        let press = Callback::new(move |()| setting.set(true));
        view! { <Button label="Settings…" on_press=press/> }.into_any()
    });
    view! {
        <div class="keys-tools">
            {search.form()}
            <div class="page-actions">
                {write}
                {many.menu()}
                {manage}
            </div>
        </div>
        <div class="keys-state">
            <div>
                <p role="status">{move || words.get()}</p>
                {move || bar()}
                {move || note()}
            </div>
            {listing(browser)}
        </div>
        {new_key::dialog(browser, creating)}
        {undos::dialog(browser, undoing)}
        {export::dialog(browser, many.exporting)}
        {kept_files::dialog(browser, many.keeping)}
        {browser.rights.manage.then(|| settings::dialog(browser, setting))}
    }
    .boxed()
}

/// How keys are listed: separator, flat or not, order.
fn listing(browser: Browser) -> AnyView {
    let place = browser.place;
    let toggle = move |label: &'static str, on: Signal<bool>, press: Callback<()>| {
        view! {
            <button type="button" class="button button-bare" aria-pressed=move || on.get().to_string() on:click=move |_| { press.try_run(()); }>
                {label}
            </button>
        }
        .boxed()
    };
    let flat = Signal::derive(move || place.with(|place| place.flat));
    let descending = Signal::derive(move || place.with(|place| place.descending));
    let flatten = Callback::new(move |()| browser.arrange(|place| place.flat = !place.flat));
    let turn = Callback::new(move |()| browser.arrange(|place| place.descending = !place.descending));
    let again = Callback::new(move |()| browser.restart());
    let separate = move |text: String| {
        if let Some(separator) = text.parse::<Key>().ok().filter(|key| !key.is_empty()) {
            browser.arrange(|place| place.separator = separator);
        }
    };
    // Only the index can walk backwards.
    let index = move || browser.source.get() == Some(Source::Index) || descending.get();
    view! {
        <div class="keys-listing">
            <label class="keys-separator">
                "Separator "
                <input
                    type="text"
                    name="separator"
                    autocomplete="off"
                    spellcheck="false"
                    maxlength="16"
                    prop:value=move || place.with(|place| place.separator.to_string())
                    on:change=move |event| separate(event_target_value(&event))
                />
            </label>
            {toggle("Flat list", flat, flatten)}
            {move || index().then(|| toggle("Z to A", descending, turn))}
            <button type="button" class="button button-bare" on:click=move |_| { again.try_run(()); }>
                "Read again"
            </button>
        </div>
    }
    .boxed()
}

/// `1 002 341 keys · index live · rev 19 204`.
fn index_words(index: &IndexState, source: Option<Source>, below: Option<u64>) -> String {
    let live = matches!(index.phase, IndexPhase::Live | IndexPhase::Behind);
    let keys = if live { Some(index.keys.0) } else { below };
    let keys = keys.map(|keys| if keys == 1 { "1 key".to_owned() } else { format!("{} keys", format::count(keys)) });
    let revision = (live && index.revision.0 > 0).then(|| format!("rev {}", format::count(index.revision.0)));
    let why = |words: &str| if index.why.is_empty() { words.to_owned() } else { format!("{words} ({})", index.why) };
    let state = match index.phase {
        IndexPhase::Live => why("index live"),
        IndexPhase::Behind => why("index behind, catching up"),
        IndexPhase::Building if index.expected.0 > 0 => format!(
            "building the index: {} of {}",
            format::count(index.keys.0),
            format::count(index.expected.0.max(index.keys.0))
        ),
        IndexPhase::Building => "building the index".to_owned(),
        IndexPhase::TooLarge => why("too large for the index: paging straight from etcd"),
        IndexPhase::Off if source == Some(Source::Etcd) => why("paging straight from etcd"),
        IndexPhase::Off => why("no index"),
    };
    [keys, Some(state), revision].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::wide::Wide;

    #[test]
    fn the_state_of_the_index_is_told_in_words() {
        let mut index = IndexState {
            phase: IndexPhase::Live,
            keys: Wide(1_002_341),
            revision: Wide(19_204),
            ..IndexState::default()
        };
        let said = |index: &IndexState, below| index_words(index, Some(Source::Etcd), below).replace('\u{202f}', " ");
        assert_eq!(said(&index, None), "1 002 341 keys · index live · rev 19 204");
        index.phase = IndexPhase::Behind;
        index.why = "no member answers".into();
        assert!(said(&index, None).contains("behind, catching up (no member answers)"));
        index = IndexState { phase: IndexPhase::Building, keys: Wide(10), expected: Wide(40), ..IndexState::default() };
        assert_eq!(said(&index, Some(40)), "40 keys · building the index: 10 of 40");
        index.phase = IndexPhase::TooLarge;
        assert_eq!(said(&index, None), "too large for the index: paging straight from etcd");
        assert_eq!(said(&IndexState::default(), Some(1)), "1 key · paging straight from etcd");
    }
}
