//! What the chosen source holds, and which version to propose because of it. Invariant: a version that a person chose
//! stays chosen; the answer for a source that was typed over meanwhile is dropped.

use crate::rpc;
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    install::check_download_url,
    version::{Version, proposed},
};
use std::time::Duration;

/// How long a typed URL must rest before its server is asked.
const REST: Duration = Duration::from_millis(600);

/// What is known of the source.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    /// None until it is known, or when nobody could tell.
    held: RwSignal<Option<Vec<Version>>>,
    proposed: RwSignal<String>,
    asked: StoredValue<u32>,
}

impl Offer {
    /// Follows `url`; `version` goes along with the proposal while it is the proposed one.
    pub(super) fn follow(url: RwSignal<String>, version: RwSignal<String>) -> Self {
        let offer = Self {
            held: RwSignal::new(None),
            proposed: RwSignal::new(version.get_untracked()),
            asked: StoredValue::new(0),
        };
        Effect::new(move |_| offer.ask(url.get().trim().to_owned(), version));
        offer
    }

    /// Whether `version` is the one to propose.
    pub(super) fn proposes(self, version: Version) -> bool {
        self.proposed.with(|proposed| *proposed == version.to_string())
    }

    /// Whether the source certainly does not hold `version`.
    pub(super) fn lacks(self, version: Version) -> bool {
        self.held.with(|held| held.as_ref().is_some_and(|held| !held.contains(&version)))
    }

    fn ask(self, url: String, version: RwSignal<String>) {
        let mine = self.asked.try_update_value(|asked| {
            *asked += 1;
            *asked
        });
        let current = move || mine.is_some() && self.asked.try_get_value() == mine;
        if !url.is_empty() && check_download_url(&url).is_err() {
            self.held.set(None);
            return;
        }
        let asking = async move {
            let held = rpc::releases::versions_held(url).await.ok().filter(|held| !held.is_empty());
            if !current() {
                return;
            }
            if let Some(best) = held.as_deref().and_then(proposed) {
                let before = self.proposed.get_untracked();
                if version.get_untracked() == before {
                    version.set(best.to_string());
                }
                self.proposed.set(best.to_string());
            }
            self.held.set(held);
        };
        set_timeout(
            move || {
                if current() {
                    spawn_local(asking);
                }
            },
            REST,
        );
    }
}
