//! `Idempotency-Key`: a start that is sent twice starts once. Invariant: a key belongs to one actor and one request;
//! while the first is under way a second waits for its answer. Kept in memory, bounded, for a day: after a restart
//! the claims on cluster and hosts still keep a repeat from starting a second operation.

use quorate_domain::{OperationId, Problem, ProblemKind, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

const KEEP_MILLIS: u64 = 24 * 60 * 60 * 1000;
const MAX_KEYS: usize = 1000;

/// What is known of one key.
#[derive(Debug, Default)]
pub struct Slot {
    /// The request it belongs to and the operation that came of it.
    pub answered: Option<(String, OperationId)>,
}

type Slots = HashMap<(String, String), (Timestamp, Arc<AsyncMutex<Slot>>)>;

/// The keys of all actors.
#[derive(Clone, Debug, Default)]
pub struct Idempotency(Arc<Mutex<Slots>>);

impl Idempotency {
    /// The slot of `actor`'s `key`, held until the guard drops.
    ///
    /// # Errors
    /// `Invalid` for a key that is empty or longer than 200 characters.
    pub async fn hold(&self, actor: &str, key: &str, now: Timestamp) -> Result<OwnedMutexGuard<Slot>, Problem> {
        if key.is_empty() || key.len() > 200 {
            return Err(Problem::new(ProblemKind::Invalid, "An Idempotency-Key has 1 to 200 characters"));
        }
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.retain(|_, (at, _)| now.since(*at) < KEEP_MILLIS);
            if slots.len() >= MAX_KEYS
                && let Some(oldest) = slots.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone())
            {
                slots.remove(&oldest);
            }
            let entry = slots.entry((actor.to_owned(), key.to_owned())).or_insert_with(|| (now, Arc::default()));
            Arc::clone(&entry.1)
        };
        Ok(slot.lock_owned().await)
    }
}
