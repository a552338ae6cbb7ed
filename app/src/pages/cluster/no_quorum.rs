//! What is said where a cluster lost its quorum, and the way to its rescue. Invariant: that nothing is lost if its members come back is
//! said first.

use crate::{
    components::{
        button::{Look, link_button},
        icon::Icon,
    },
    data::{Boxed, memo},
    live::ClusterSignal,
    routes,
};
use leptos::prelude::*;
use quorate_domain::cluster::HealthLevel;

/// Without quorum: what that means, and the way to a rescue for whoever may begin one.
pub(super) fn note(view: ClusterSignal, rescue: bool) -> AnyView {
    let id = view.with_untracked(|v| v.id.clone());
    let lost = memo(move || view.with(|v| v.health().level == HealthLevel::NoQuorum && v.operation.is_none()));
    let note = move || {
        let rescue = rescue.then(|| link_button(Look::Danger, routes::rescue(&id), "Look at what is left…"));
        lost.get().then(|| {
            view! {
                <div class="note tone-bad">
                    {Icon::Bad.view()}
                    <div>
                        <p class="note-title">"Nothing can be written, and nothing be read reliably"</p>
                        <p>"Bring a majority of its members back if that can be done: then nothing is lost. If it cannot, a rescue makes a new cluster of what is left."</p>
                        {rescue}
                    </div>
                </div>
            }
            .boxed()
        })
    };
    view! { <div role="status">{move || note()}</div> }.boxed()
}
