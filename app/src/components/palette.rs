//! Ctrl-K: go anywhere by typing. Invariant: whatever it offers is a page that this user may see; arrows and Enter
//! do all, as in any combobox.

use super::dialog::Dialog;
use crate::data::{Boxed, memo};
use crate::{live::Live, navigate::Navigator, routes, rpc, session::Session};
use leptos::{ev, html, prelude::*, task::spawn_local};
use quorate_domain::Action;

/// One place to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    words: String,
    kind: &'static str,
    href: String,
}

/// The places whose words hold all words of `typed`; those that start with it first. At most 12.
fn matching(places: &[Place], typed: &str) -> Vec<Place> {
    let typed = typed.to_lowercase();
    let mut found: Vec<&Place> = places
        .iter()
        .filter(|place| {
            let text = format!("{} {}", place.words, place.kind).to_lowercase();
            typed.split_whitespace().all(|word| text.contains(word))
        })
        .collect();
    crate::order::sort_by_key(&mut found, |place| !place.words.to_lowercase().starts_with(typed.trim()));
    found.into_iter().take(12).cloned().collect()
}

/// The palette's state.
#[derive(Clone, Copy)]
pub(crate) struct Palette {
    open: RwSignal<bool>,
    hosts: RwSignal<Vec<Place>>,
    session: Session,
}

impl Palette {
    /// Makes it and listens for Ctrl-K (⌘K).
    pub(crate) fn provide() -> Self {
        let palette = Self { open: RwSignal::new(false), hosts: RwSignal::new(Vec::new()), session: Session::get() };
        Effect::new(move |_| {
            let handle = window_event_listener(ev::keydown, move |event| {
                if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k") {
                    event.prevent_default();
                    palette.show();
                }
            });
            on_cleanup(move || handle.remove());
        });
        palette
    }

    /// Opens it, when somebody is logged in.
    pub(crate) fn show(self) {
        if !self.session.present() {
            return;
        }
        self.open.set(true);
        spawn_local(async move {
            if let Ok(hosts) = rpc::hosts::hosts().await {
                let places = hosts.iter().map(|h| place(h.name.clone(), "Host", routes::host(&h.id))).collect();
                self.hosts.set(places);
            }
        });
    }
}

fn place(words: impl Into<String>, kind: &'static str, href: impl Into<String>) -> Place {
    Place { words: words.into(), kind, href: href.into() }
}

fn pages(session: Session) -> Vec<Place> {
    let page = |words: &str, href: &str| place(words, "Page", href);
    let mut all = vec![
        page("Clusters", routes::FLEET),
        page("Hosts", routes::HOSTS),
        page("Operations", routes::OPERATIONS),
        page("Backups", routes::BACKUPS),
        page("Own password", routes::SETTINGS),
        page("API tokens", routes::TOKENS),
        page("SSH key", routes::SSH_KEY),
    ];
    let gated = [
        (Action::RunDangerous, "Install a cluster", routes::INSTALL),
        (Action::RunDangerous, "Adopt a cluster", routes::ADOPT),
        (Action::ManageHosts, "Add hosts", routes::ADD_HOSTS),
        (Action::ViewAudit, "Audit", routes::AUDIT),
        (Action::ViewUsers, "Users", routes::USERS),
    ];
    all.extend(gated.into_iter().filter(|(action, ..)| session.may(*action)).map(|(_, words, href)| page(words, href)));
    all
}

/// The dialog.
#[component]
pub(crate) fn PaletteDialog(palette: Palette) -> AnyView {
    let live = Live::get();
    let session = Session::get();
    let typed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0usize);
    let found = memo(move || {
        let mut all: Vec<Place> =
            live.clusters().into_iter().map(|c| place(c.name, "Cluster", routes::cluster(&c.id))).collect();
        all.extend(palette.hosts.get());
        all.extend(pages(session));
        matching(&all, &typed.read())
    });
    let navigator = Navigator::get();
    let go = move |place: Place| {
        palette.open.set(false);
        typed.set(String::new());
        chosen.set(0);
        navigator.go(place.href);
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let count = found.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|n| *n = (*n + 1) % count),
            "ArrowUp" => chosen.update(|n| *n = (*n + count - 1) % count),
            "Enter" => {
                if let Some(place) = found.with_untracked(|f| f.get(chosen.get_untracked()).cloned()) {
                    go(place);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(i, place): (usize, Place)| {
        let (words, kind) = (place.words.clone(), place.kind);
        view! {
            <li
                id=format!("palette-{i}")
                role="option"
                class="palette-place"
                aria-selected=move || (chosen.get() == i).to_string()
                on:click=move |_| go(place.clone())
            >
                <span>{words}</span><span class="muted">{kind}</span>
            </li>
        }
        .boxed()
    };
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _ = input.focus();
        }
    });
    view! {
        <Dialog open=palette.open title="Go to">
            <input
                node_ref=input
                class="palette-input"
                type="text"
                role="combobox"
                aria-label="Go to"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-activedescendant=move || format!("palette-{}", chosen.get())
                placeholder="A cluster, host or page"
                autocomplete="off"
                spellcheck="false"
                prop:value=move || typed.get()
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    chosen.set(0);
                }
                on:keydown=on_key
            />
            <ul class="palette-list" id="palette-list" role="listbox" aria-label="Places">
                {move || found.get().into_iter().enumerate().map(option).collect_view()}
            </ul>
        </Dialog>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_with_the_typed_comes_first() {
        let places = [place("Add hosts", "Page", "/a"), place("Hosts", "Page", "/h"), place("lab1", "Host", "/l")];
        let words = |typed| matching(&places, typed).into_iter().map(|p| p.words).collect::<Vec<_>>();
        assert_eq!(words("host"), ["Hosts", "Add hosts", "lab1"]);
        assert_eq!(words("lab host"), ["lab1"]);
        assert!(words("zzz").is_empty());
    }
}
