//! Slowing down guesses. Invariant: a try counts before its password is looked at, so tries at the same time do not
//! slip past; the table is bounded and lives in memory (a restart forgives, the delays are minutes anyway).

use quorate_domain::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Tries of one name from one source before the first delay.
const FREE_PAIR: u32 = 5;
/// Tries of one source, whatever the names, before the first delay: people behind one address share it.
const FREE_SOURCE: u32 = 40;
/// The longest delay.
const MAX_DELAY_MILLIS: i64 = 15 * 60 * 1000;
/// A count is forgotten this long after its last try.
const FORGET_MILLIS: i64 = 60 * 60 * 1000;
/// More entries than this are not kept; the oldest goes.
const MAX_ENTRIES: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    tries: u32,
    last: Timestamp,
    blocked_until: Timestamp,
}

/// Counts of failed tries.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<(String, String), Entry>>);

impl Throttle {
    /// Counts a try for `name` from `source`.
    ///
    /// # Errors
    /// The seconds to wait; the try was not counted.
    pub(crate) fn begin(&self, name: &str, source: &str, now: Timestamp) -> Result<(), u64> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (key_of(name), source.to_owned());
        let spray = (String::new(), source.to_owned());
        let wait = [&pair, &spray]
            .into_iter()
            .filter_map(|key| table.get(key))
            .map(|entry| entry.blocked_until.since(now))
            .max()
            .unwrap_or(0);
        if wait > 0 {
            return Err(wait.div_ceil(1000));
        }
        count(&mut table, pair, FREE_PAIR, now);
        count(&mut table, spray, FREE_SOURCE, now);
        Ok(())
    }

    /// The password was right: the name's count from this source starts anew.
    pub(crate) fn succeeded(&self, name: &str, source: &str) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&(key_of(name), source.to_owned()));
        if let Some(spray) = table.get_mut(&(String::new(), source.to_owned())) {
            spray.tries = spray.tries.saturating_sub(1);
            spray.blocked_until = Timestamp(0);
        }
    }
}

/// Names are bounded when users are made, but not when a stranger types one.
fn key_of(name: &str) -> String {
    name.chars().take(64).flat_map(char::to_lowercase).collect()
}

fn count(table: &mut HashMap<(String, String), Entry>, key: (String, String), free: u32, now: Timestamp) {
    if !table.contains_key(&key) && table.len() >= MAX_ENTRIES {
        table.retain(|_, entry| now.since(entry.last) < FORGET_MILLIS.unsigned_abs());
        if table.len() >= MAX_ENTRIES
            && let Some(oldest) = table.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| key.clone())
        {
            table.remove(&oldest);
        }
    }
    let entry = table.entry(key).or_insert(Entry { tries: 0, last: now, blocked_until: Timestamp(0) });
    if now.since(entry.last) >= FORGET_MILLIS.unsigned_abs() {
        entry.tries = 0;
    }
    entry.tries = entry.tries.saturating_add(1);
    entry.last = now;
    if entry.tries >= free {
        // 1 s, 2 s, 4 s …
        let delay = 1000_i64.saturating_mul(1 << (entry.tries - free).min(20)).min(MAX_DELAY_MILLIS);
        entry.blocked_until = now.plus_millis(delay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_and_is_told_in_seconds() {
        let throttle = Throttle::default();
        let mut now = Timestamp(1_000_000);
        for _ in 0..FREE_PAIR {
            assert_eq!(throttle.begin("anna", "10.0.0.1", now), Ok(()));
        }
        for seconds in [1, 2, 4, 8] {
            assert_eq!(throttle.begin("ANNA", "10.0.0.1", now), Err(seconds));
            now = now.plus_millis(i64::try_from(seconds).expect("small") * 1000);
            assert_eq!(throttle.begin("anna", "10.0.0.1", now), Ok(()));
        }
        assert_eq!(throttle.begin("anna", "10.0.0.2", now), Ok(()), "another source is not slowed");
        assert_eq!(throttle.begin("otto", "10.0.0.1", now), Ok(()), "another name is not slowed");
    }

    #[test]
    fn a_source_that_sprays_names_is_slowed() {
        let throttle = Throttle::default();
        let refused = (0..100).any(|n| throttle.begin(&format!("user{n}"), "10.0.0.1", Timestamp(5)).is_err());
        assert!(refused);
    }

    #[test]
    fn success_forgives_and_the_delay_has_an_end() {
        let throttle = Throttle::default();
        let mut now = Timestamp(0);
        for _ in 0..40 {
            if let Err(seconds) = throttle.begin("anna", "a", now) {
                assert!(seconds <= 15 * 60);
                now = now.plus_millis(i64::try_from(seconds).expect("small") * 1000);
            }
        }
        throttle.succeeded("anna", "a");
        assert_eq!(throttle.begin("anna", "a", now), Ok(()));
    }

    #[test]
    fn the_table_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..(MAX_ENTRIES + 50) {
            let _ = throttle.begin("x", &n.to_string(), Timestamp(i64::try_from(n).expect("small")));
        }
        assert!(throttle.0.lock().expect("lock").len() <= MAX_ENTRIES);
    }
}
