//! Going to another page from a callback, without a load. Invariant: requests for it may be made anywhere (after an
//! await, too); the router, whose handle belongs to one thread, is touched by one effect in the browser only.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// Takes the page elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Navigator(RwSignal<Option<String>>);

impl Navigator {
    /// Makes it; inside the router.
    pub(crate) fn provide() {
        let wanted = RwSignal::new(None::<String>);
        let go = use_navigate();
        Effect::new(move |_| {
            if let Some(path) = wanted.get() {
                wanted.set(None);
                go(&path, NavigateOptions::default());
            }
        });
        provide_context(Self(wanted));
    }

    /// The one of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Goes to `path`.
    pub(crate) fn go(self, path: impl Into<String>) {
        self.0.set(Some(path.into()));
    }
}
