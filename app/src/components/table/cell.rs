//! What a cell holds. Invariant: one value decides how it is shown, sorted and searched.

use crate::components::{
    badge::{Tone, badge},
    copy::copy_id,
    icon::Icon,
    time,
};
use crate::data::Boxed;
use leptos::prelude::*;
use quorate_domain::Timestamp;
use std::cmp::Ordering;

/// A button in a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowAction {
    /// What `on_action` hears.
    pub(crate) id: &'static str,
    /// Words on the button.
    pub(crate) label: &'static str,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing known: a dash.
    Empty,
    /// Words.
    Text(String),
    /// Words that nobody needs first.
    Muted(String),
    /// An address, path or key.
    Mono(String),
    /// A place of this site.
    Link { href: String, text: String },
    /// A link with words below it.
    LinkNote { href: String, text: String, note: String },
    /// An id, copied by a press.
    Id(String),
    /// A number as shown and as sorted.
    Number { value: u64, text: String },
    /// A state in words.
    Badge { tone: Tone, text: String },
    /// A moment, as an age.
    Age(Timestamp),
    /// A moment, "… ago".
    Ago(Timestamp),
    /// A moment to come, "in …".
    Until(Timestamp),
    /// How full something is.
    Meter { value: u64, max: u64, text: String },
    /// A member that leads.
    Leader(String),
    /// Buttons.
    Actions(Vec<RowAction>),
}

impl Cell {
    /// A number with its own digits as text.
    pub(crate) fn count(value: u64) -> Self {
        Self::Number { value, text: crate::format::count(value) }
    }

    /// Words, or a dash when there are none.
    pub(crate) fn text_or_dash(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// What a filter looks at.
    pub(crate) fn search_text(&self) -> String {
        match self {
            Self::Empty | Self::Actions(_) => String::new(),
            Self::Text(t) | Self::Muted(t) | Self::Mono(t) | Self::Id(t) => t.clone(),
            Self::Leader(t) => format!("{t} leader"),
            Self::Link { text, .. }
            | Self::Number { text, .. }
            | Self::Badge { text, .. }
            | Self::Meter { text, .. } => text.clone(),
            Self::LinkNote { text, note, .. } => format!("{text} {note}"),
            Self::Age(at) | Self::Ago(at) | Self::Until(at) => at.to_utc_text(),
        }
    }

    /// Order of two cells of one column; a dash is least.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Empty, Self::Empty) => Ordering::Equal,
            (Self::Empty, _) => Ordering::Less,
            (_, Self::Empty) => Ordering::Greater,
            (
                Self::Number { value: a, .. } | Self::Meter { value: a, .. },
                Self::Number { value: b, .. } | Self::Meter { value: b, .. },
            ) => a.cmp(b),
            (Self::Badge { tone: a, text: x }, Self::Badge { tone: b, text: y }) => a.cmp(b).then_with(|| x.cmp(y)),
            (Self::Age(a) | Self::Ago(a) | Self::Until(a), Self::Age(b) | Self::Ago(b) | Self::Until(b)) => a.cmp(b),
            (a, b) => natural(&a.search_text(), &b.search_text()),
        }
    }

    /// The cell without buttons.
    pub(crate) fn view(self) -> AnyView {
        self.view_with(None)
    }

    /// The cell; `press` is what its buttons do, with the row's key.
    pub(crate) fn view_with(self, press: Option<(Callback<(String, &'static str)>, String)>) -> AnyView {
        match self {
            Self::Empty => view! { <span class="muted" aria-label="none">"–"</span> }.boxed(),
            Self::Text(text) | Self::Number { text, .. } => text.into_any(),
            Self::Muted(text) => view! { <span class="muted">{text}</span> }.boxed(),
            Self::Mono(text) => view! { <code>{text}</code> }.boxed(),
            Self::Link { href, text } => view! { <a href=href>{text}</a> }.boxed(),
            Self::LinkNote { href, text, note } => {
                view! { <a href=href>{text}</a> <span class="cell-note">{note}</span> }.boxed()
            }
            Self::Id(id) => copy_id(id),
            Self::Badge { tone, text } => badge(tone, text),
            Self::Age(at) => time::age(at),
            Self::Ago(at) => time::ago(at),
            Self::Until(at) => time::until(at),
            Self::Leader(text) => {
                view! { <span class="leader">{text} {Icon::Leader.view()} <span class="leader-word">"leader"</span></span> }.boxed()
            }
            Self::Meter { value, max, text } => meter(value, max, text),
            Self::Actions(actions) => actions
                .into_iter()
                .filter_map(|action| press.clone().map(|press| action_button(action, press)))
                .collect_view()
                .into_any(),
        }
    }
}

fn meter(value: u64, max: u64, text: String) -> AnyView {
    let high = (max / 10 * 8).to_string();
    let label = text.clone();
    view! {
        <span class="meter">
            <meter value=value.to_string() min="0" max=max.to_string() high=high optimum="0" aria-label=label></meter>
            <span>{text}</span>
        </span>
    }
    .boxed()
}

fn action_button(action: RowAction, (on_action, key): (Callback<(String, &'static str)>, String)) -> AnyView {
    view! {
        <button type="button" class="button button-bare" on:click=move |_| { on_action.try_run((key.clone(), action.id)); }>
            {action.label}
        </button>
    }
    .boxed()
}

/// `lab2` before `lab10`: runs of digits compare as numbers, letters without case.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = number(&mut a).cmp(&number(&mut b));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(x), Some(y)) => {
                let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                a.next();
                b.next();
            }
        }
    }
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> u128 {
    let mut value = 0u128;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        value = value.saturating_mul(10).saturating_add(digit.into());
        chars.next();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_are_counted_not_spelled() {
        assert_eq!(natural("lab2", "lab10"), Ordering::Less);
        assert_eq!(natural("10.77.0.9", "10.77.0.11"), Ordering::Less);
        assert_eq!(natural("A", "a"), Ordering::Equal);
        assert_eq!(natural("a", "ab"), Ordering::Less);
    }
}
