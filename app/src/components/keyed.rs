//! Lists whose items keep their place in the page while they stay. Invariant: `For` is compiled once for all of them
//! (it and what it holds are compiled anew for each type of item: 8 KiB of wasm apiece).

use leptos::prelude::*;
use std::sync::Arc;

/// A key, and how its item is made when it comes.
type Item = (String, Arc<dyn Fn() -> AnyView + Send + Sync>);

/// `view` of each of `items`, made anew only for keys that were not there.
pub(crate) fn keyed<T: Send + Sync + 'static>(
    items: impl Fn() -> Vec<T> + Send + Sync + 'static,
    key: impl Fn(&T) -> String + Send + Sync + 'static,
    view: impl Fn(&T) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let view = Arc::new(view);
    list(Arc::new(move || {
        let item = |item: T| -> Item {
            let view = Arc::clone(&view);
            (key(&item), Arc::new(move || view(&item)))
        };
        items().into_iter().map(item).collect()
    }))
}

fn list(items: Arc<dyn Fn() -> Vec<Item> + Send + Sync>) -> AnyView {
    view! { <For each=move || items() key=|(key, _)| key.clone() children=|(_, make)| make()/> }.into_any()
}
