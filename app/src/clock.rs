//! What time it is on this page. Invariant: the first render uses the server's time on both sides; afterwards the
//! browser's clock is shifted to the console's, so that an age never depends on how a laptop's clock is set.

use leptos::prelude::*;
use quorate_domain::Timestamp;
use std::time::Duration;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

/// The console's time as this page knows it, ticking once a second.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: RwSignal<Timestamp>,
    /// Console time minus browser time in milliseconds; none until the browser runs.
    offset: RwSignal<Option<i64>>,
}

impl Clock {
    /// Starts at the moment the server rendered the page.
    pub(crate) fn provide() -> Self {
        let rendered = SharedValue::new(server_now).into_inner();
        let clock = Self { now: RwSignal::new(rendered), offset: RwSignal::new(None) };
        provide_context(clock);
        Effect::new(move |_| {
            clock.learn(rendered);
            set_interval(move || clock.tick(), Duration::from_secs(1));
        });
        clock
    }

    /// The clock of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The time now; readers are told every second.
    pub(crate) fn now(self) -> Timestamp {
        self.now.get()
    }

    /// A message that the console wrote at `at` has just arrived: its clock is at least there. Transport only makes
    /// the difference smaller, so the greatest one seen is the best.
    pub(crate) fn learn(self, at: Timestamp) {
        let seen = at.0 - browser_now();
        let known = self.offset.get_untracked();
        if known.is_none_or(|known| seen > known) {
            self.offset.set(Some(seen));
            self.tick();
        }
    }

    fn tick(self) {
        let now = Timestamp(browser_now() + self.offset.get_untracked().unwrap_or(0));
        // Never backwards: an age that shrinks looks like a fault.
        if now > self.now.get_untracked() {
            self.now.set(now);
        }
    }
}

/// Lets some time pass, in the browser.
pub(crate) async fn pause(time: Duration) {
    let passed = js_sys::Promise::new(&mut |resolve, _| {
        let resolve = move || {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        };
        set_timeout(resolve, time);
    });
    let _ = JsFuture::from(passed).await;
}

fn browser_now() -> i64 {
    js_sys::Date::now() as i64
}

#[cfg(feature = "ssr")]
fn server_now() -> Timestamp {
    use_context::<crate::session::RequestContext>().map_or(Timestamp(0), |context| context.console.now())
}

#[cfg(not(feature = "ssr"))]
fn server_now() -> Timestamp {
    Timestamp(0)
}
