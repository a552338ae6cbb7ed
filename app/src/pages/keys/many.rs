//! What is done with many keys: a menu above the list, and the same beside it for the folder at hand. Invariant: what is meant
//! is said before anything is pressed; what somebody may not do is not there. The work itself is an operation or a page of its
//! own, which get the folder in their path.

use super::browser::Browser;
use crate::{
    components::{
        button::{Button, Look, link_button},
        icon::Icon,
        menu::{Does, menu},
    },
    data::{Boxed, memo},
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::keys::Key;

/// What can be opened here.
#[derive(Clone, Copy)]
pub(super) struct Many {
    browser: Browser,
    /// The dialog that exports.
    pub(super) exporting: RwSignal<bool>,
    /// The dialog with the files that the console keeps.
    pub(super) keeping: RwSignal<bool>,
}

impl Many {
    /// Nothing is open.
    pub(super) fn new(browser: Browser) -> Self {
        Self { browser, exporting: RwSignal::new(false), keeping: RwSignal::new(false) }
    }

    /// The menu; nothing for whoever may do none of it.
    pub(super) fn menu(self) -> AnyView {
        let rights = self.browser.rights;
        let here = memo(move || self.browser.here());
        let go = |page: routes::Many| {
            Does::Go(Signal::derive(move || here.with(|here| routes::many_keys(&self.browser.cluster(), page, here))))
        };
        let opens = |dialog: RwSignal<bool>| Does::Press(Callback::new(move |()| dialog.set(true)));
        let snapshot = self.browser.snapshot().map(|opened| opened.snapshot);
        let take = Does::Press(Callback::new(move |()| self.take(here.get_untracked())));
        let compare = match snapshot.clone() {
            Some(id) => Does::Go(Signal::derive(move || here.with(|here| routes::compare_snapshot(&id, here)))),
            None => go(routes::Many::Compare),
        };
        let entries: Vec<_> = [
            (snapshot.is_some(), "Restore to a cluster…", take),
            (rights.values, "Export…", opens(self.exporting)),
            (rights.write, "Import…", go(routes::Many::Import)),
            (rights.values && rights.write, "Copy to another cluster…", go(routes::Many::Copy)),
            (rights.values, "Compare…", compare),
            (rights.delete, "Delete a folder…", go(routes::Many::Delete)),
            (rights.write, "Kept files…", opens(self.keeping)),
        ]
        .into_iter()
        .filter_map(|(may, words, does)| may.then_some((words, does)))
        .collect();
        if entries.is_empty() {
            return ().into_any();
        }
        let about = Signal::derive(move || here.with(here_words));
        let content = view! { <span>"Many keys"</span>{Icon::Down.view()} }.into_any();
        menu("Many keys", ("button", content), about, entries)
    }

    /// Asks where the keys below a prefix of the snapshot go.
    fn take(self, prefix: Key) {
        self.browser.taking.set(Some((prefix, false)));
    }

    /// The folder at hand, and what can be done with all of it; nothing at the very top.
    pub(super) fn folder(self) -> AnyView {
        let shown = memo(move || (self.browser.here(), self.browser.keys_here()));
        let card = move || {
            let (here, keys) = shown.get();
            (!here.is_empty()).then(|| self.card(&here, keys))
        };
        view! { {move || card()} }.into_any()
    }

    fn card(self, here: &Key, keys: Option<u64>) -> AnyView {
        let (rights, cluster) = (self.browser.rights, self.browser.cluster());
        let path = |page| routes::many_keys(&cluster, page, here);
        let export = Callback::new(move |()| self.exporting.set(true));
        let export = rights.values.then(|| view! { <Button label="Export…" on_press=export/> });
        let prefix = here.clone();
        let take = self.browser.snapshot().map(|_| {
            let take = Callback::new(move |()| self.take(prefix.clone()));
            view! { <Button label="Restore these keys…" look=Look::Primary on_press=take/> }
        });
        let copy = (rights.values && rights.write).then(|| link_button(Look::Plain, path(routes::Many::Copy), "Copy…"));
        let delete = rights.delete.then(|| link_button(Look::Danger, path(routes::Many::Delete), "Delete…"));
        view! {
            <section class="key-folder" aria-label="Folder">
                <h2><bdi><code>{here.to_string()}</code></bdi></h2>
                <p class="muted">{keys_words(keys)}</p>
                <div class="form-actions">{take}{export}{copy}{delete}</div>
            </section>
        }
        .boxed()
    }
}

/// What the entries of the menu are about.
fn here_words(here: &Key) -> String {
    if here.is_empty() { "All keys".to_owned() } else { format!("Keys that start with {here}") }
}

fn keys_words(keys: Option<u64>) -> String {
    match keys {
        None => "A folder: the keys whose names start so.".to_owned(),
        Some(1) => "A folder with 1 key in it.".to_owned(),
        Some(keys) => format!("A folder with {} keys in it.", format::count(keys)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_says_what_it_is_about() {
        assert_eq!(here_words(&Key::default()), "All keys");
        assert_eq!(here_words(&Key(b"/a\xff/".to_vec())), "Keys that start with /a\\xff/");
        assert_eq!(keys_words(Some(1)), "A folder with 1 key in it.");
        assert!(keys_words(None).starts_with("A folder"));
    }
}
