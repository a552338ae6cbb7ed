//! A modal dialog on the browser's own `<dialog>`: focus stays inside, Esc closes, focus returns. Invariant: the
//! content exists only while it is open.

use crate::data::Boxed;
use leptos::{html, prelude::*};

/// The dialog; `open` is both ways.
#[component]
pub(crate) fn Dialog(open: RwSignal<bool>, #[prop(into)] title: Signal<String>, children: ChildrenFn) -> AnyView {
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let wanted = open.get();
        if let Some(dialog) = element.get() {
            match (wanted, dialog.open()) {
                (true, false) => {
                    let _ = dialog.show_modal();
                }
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
    view! {
        <dialog node_ref=element class="dialog" aria-label=move || title.get() on:close=move |_| open.set(false)>
            {move || {
                open.get().then(|| view! { <h2 class="dialog-title">{move || title.get()}</h2> {children()} })
            }}
        </dialog>
    }
    .boxed()
}

/// Whether a dialog about `held` is open: while there is something, and closing it lets go of it.
pub(crate) fn open_while<T: Clone + Send + Sync + 'static>(held: RwSignal<Option<T>>) -> RwSignal<bool> {
    let open = RwSignal::new(false);
    // Each is set only where that changes something: setting tells, changed or not, and the two would go on for ever.
    Effect::new(move |_| {
        let wanted = held.with(Option::is_some);
        if open.get_untracked() != wanted {
            open.set(wanted);
        }
    });
    Effect::new(move |_| {
        if !open.get() && held.with_untracked(Option::is_some) {
            held.set(None);
        }
    });
    open
}
