//! Waiting for a condition. Invariant: a test never sleeps for a guessed time; it asks again and again until the
//! condition holds, and fails by name when the deadline passes.

use std::time::Duration;
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `check` until it says yes.
///
/// # Panics
/// Naming `what` when `deadline` passes first.
pub async fn until(deadline: Duration, what: &str, mut check: impl AsyncFnMut() -> bool) {
    until_some(deadline, what, async || check().await.then_some(())).await;
}

/// Asks `check` until it answers with something, and returns that.
///
/// # Panics
/// Naming `what` when `deadline` passes first.
pub async fn until_some<T>(deadline: Duration, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {deadline:?}");
        sleep(PAUSE).await;
    }
}
