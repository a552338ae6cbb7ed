//! What every handler gets. Invariant: cheap to clone, and nothing in it changes after start but what it points to.

use crate::{api::idempotency::Idempotency, http::peer::Site};
use quorate_core::Console;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// The state of the router.
#[derive(Clone)]
pub struct AppState {
    /// The service layer.
    pub console: Console,
    /// Names and proxies.
    pub site: Site,
    /// Cancelled when the process is asked to stop: long-lived answers end then.
    pub stop: CancellationToken,
    /// Keys of starts.
    pub idempotency: Idempotency,
    set_up: Arc<AtomicBool>,
}

impl AppState {
    /// The state of one console.
    pub fn new(console: Console, site: Site, stop: CancellationToken) -> Self {
        Self { console, site, stop, idempotency: Idempotency::default(), set_up: Arc::default() }
    }

    /// Whether there is a user. Once there is one this is remembered: the last user cannot go.
    pub async fn is_set_up(&self) -> bool {
        if self.set_up.load(Ordering::Relaxed) {
            return true;
        }
        let known = match self.console.setup_needed().await {
            Ok(needed) => !needed,
            // A page that cannot read the database says so itself; it is not the set-up that is missing.
            Err(_) => return true,
        };
        self.set_up.store(known, Ordering::Relaxed);
        known
    }
}
