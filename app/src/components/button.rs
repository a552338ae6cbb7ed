//! Buttons. Invariant: a button that works says so (`aria-busy`) and cannot be pressed twice.

use crate::data::Boxed;
use leptos::prelude::*;

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Primary,
    Plain,
    Danger,
    Bare,
}

impl Look {
    /// Its classes.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Primary => "button button-primary",
            Self::Plain => "button",
            Self::Danger => "button button-danger",
            Self::Bare => "button button-bare",
        }
    }
}

/// A button that does something on this page.
#[component]
pub(crate) fn Button(
    #[prop(into)] label: Signal<String>,
    #[prop(default = Look::Plain)] look: Look,
    #[prop(optional, into)] busy: Signal<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional)] submit: bool,
    #[prop(optional)] on_press: Option<Callback<()>>,
) -> AnyView {
    view! {
        <button
            type=if submit { "submit" } else { "button" }
            class=look.class()
            disabled=move || disabled.get() || busy.get()
            aria-busy=move || busy.get().to_string()
            on:click=move |_| {
                if let Some(on_press) = on_press {
                    on_press.try_run(());
                }
            }
        >
            {move || label.get()}
        </button>
    }
    .boxed()
}

/// A link that looks like a button.
pub(crate) fn link_button(look: Look, href: impl Into<String>, label: &'static str) -> AnyView {
    let href: String = href.into();
    view! { <a class=look.class() href=href>{label}</a> }.boxed()
}
