//! A list of facts: words left, value right.

use super::table::Cell;
use crate::data::Boxed;
use leptos::prelude::*;

/// The list; values are the same cells as in tables.
pub(crate) fn fact_list(facts: Vec<(&'static str, Cell)>) -> AnyView {
    let rows = facts
        .into_iter()
        .map(|(label, value)| view! { <div class="fact"><dt>{label}</dt><dd>{value.view()}</dd></div> }.boxed())
        .collect_view();
    view! { <dl class="facts">{rows}</dl> }.boxed()
}
