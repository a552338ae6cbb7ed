//! A button that opens a menu. Invariant: the keyboard does all (arrows, Home, End, Escape), the focus comes back to the button,
//! and the list is in the page only while it is open.

use crate::data::Boxed;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Node};

/// What an entry does.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// It leads to this path.
    Go(Signal<String>),
    /// It does something on this page.
    Press(Callback<()>),
}

/// An entry: its words and what it does.
pub(crate) type Entry = (&'static str, Does);

#[derive(Clone, Copy)]
struct Menu {
    open: RwSignal<bool>,
    around: NodeRef<html::Div>,
    button: NodeRef<html::Button>,
    list: NodeRef<html::Ul>,
}

/// The button with `content` (and its classes), and the menu `label` under it. `about` stands above the entries, unless it is
/// empty.
pub(crate) fn menu(
    label: &'static str,
    (class, content): (&'static str, AnyView),
    about: Signal<String>,
    entries: Vec<Entry>,
) -> AnyView {
    let menu =
        Menu { open: RwSignal::new(false), around: NodeRef::new(), button: NodeRef::new(), list: NodeRef::new() };
    Effect::new(move |_| {
        if let Some(list) = menu.list.get() {
            focus(list.first_element_child());
        }
    });
    let entries = move || entries.iter().map(|(words, does)| menu.entry(words, *does)).collect_view();
    let list = move || {
        view! {
            <div class="menu">
                <p class="menu-about">{move || about.get()}</p>
                <ul node_ref=menu.list role="menu" aria-label=label>{entries()}</ul>
            </div>
        }
    };
    view! {
        <div
            node_ref=menu.around
            class="menu-around"
            on:keydown=move |event| menu.key(&event)
            on:focusout=move |event| menu.left(&event)
        >
            <button
                node_ref=menu.button
                type="button"
                class=class
                aria-haspopup="menu"
                aria-expanded=move || menu.open.get().to_string()
                on:click=move |_| menu.open.update(|open| *open = !*open)
            >
                {content}
            </button>
            {move || menu.open.get().then(&list)}
        </div>
    }
    .boxed()
}

impl Menu {
    fn entry(self, words: &'static str, does: Does) -> AnyView {
        // Safari gives the focus by mouse only to what has a tabindex; without it the menu would close before the click.
        match does {
            Does::Go(href) => view! {
                <li role="none">
                    <a role="menuitem" tabindex="-1" class="menu-item" href=move || href.get() on:click=move |_| self.close()>{words}</a>
                </li>
            }
            .boxed(),
            Does::Press(press) => view! {
                <li role="none">
                    <button
                        type="button"
                        role="menuitem"
                        tabindex="-1"
                        class="menu-item"
                        on:click=move |_| {
                            self.close();
                            press.try_run(());
                        }
                    >
                        {words}
                    </button>
                </li>
            }
            .boxed(),
        }
    }

    fn close(self) {
        self.open.set(false);
        if let Some(button) = self.button.get_untracked() {
            let _ = button.focus();
        }
    }

    fn key(self, event: &ev::KeyboardEvent) {
        let key = event.key();
        match (self.open.get_untracked(), key.as_str()) {
            (true, "Escape") => self.close(),
            (true, "ArrowDown" | "ArrowUp" | "Home" | "End") => self.step(event, &key),
            (false, "ArrowDown") => self.open.set(true),
            _ => return,
        }
        event.prevent_default();
    }

    fn step(self, event: &ev::KeyboardEvent, key: &str) {
        let Some(list) = self.list.get_untracked() else { return };
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let at = target.and_then(|element| element.closest("li").ok().flatten());
        focus(match key {
            "ArrowDown" => at.and_then(|at| at.next_element_sibling()).or_else(|| list.first_element_child()),
            "ArrowUp" => at.and_then(|at| at.previous_element_sibling()).or_else(|| list.last_element_child()),
            "End" => list.last_element_child(),
            _ => list.first_element_child(),
        });
    }

    /// Closes when the focus goes somewhere else.
    fn left(self, event: &ev::FocusEvent) {
        let to = event.related_target().and_then(|target| target.dyn_into::<Node>().ok());
        let inside = self.around.get_untracked().is_some_and(|around| to.is_some() && around.contains(to.as_ref()));
        if !inside {
            self.open.set(false);
        }
    }
}

/// Gives the focus to what is in an entry.
fn focus(entry: Option<Element>) {
    let inner = entry.and_then(|entry| entry.first_element_child());
    if let Some(inner) = inner.and_then(|inner| inner.dyn_into::<HtmlElement>().ok()) {
        let _ = inner.focus();
    }
}
