//! Moments and ages. Invariant: relative in the text, exact in `datetime` and on hover; the age ticks by the
//! console's clock, and the first render is the server's.

use crate::data::{Boxed, memo};
use crate::{clock::Clock, format};
use leptos::prelude::*;
use quorate_domain::Timestamp;

/// "4 min ago", exact on hover.
pub(crate) fn ago(at: Timestamp) -> AnyView {
    time_tag(at, |at, now| format::ago(now.since(at)))
}

/// "4 min", exact on hover; for narrow columns.
pub(crate) fn age(at: Timestamp) -> AnyView {
    time_tag(at, |at, now| format::age(now.since(at)))
}

/// "in 4 min", exact on hover.
pub(crate) fn until(at: Timestamp) -> AnyView {
    time_tag(at, |at, now| format::until(at.since(now)))
}

/// `08:04:17.123`, by UTC; the day on hover.
pub(crate) fn clock_time(at: Timestamp) -> AnyView {
    let text = at.to_utc_text();
    let shown = format!("{}.{:03}", text.get(11..19).unwrap_or_default(), at.0.rem_euclid(1000));
    view! { <time datetime=at.to_rfc3339() title=text>{shown}</time> }.boxed()
}

fn time_tag(at: Timestamp, words: fn(Timestamp, Timestamp) -> String) -> AnyView {
    let clock = Clock::get();
    // A memo: the text node is touched only when its words change, not every second.
    let text = memo(move || words(at, clock.now()));
    view! { <time datetime=at.to_rfc3339() title=at.to_utc_text()>{move || text.get()}</time> }.boxed()
}
