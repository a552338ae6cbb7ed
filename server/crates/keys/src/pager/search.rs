//! Reading ranges of keys or values from end to end, a budget at a time. Invariant: answers stay near one size (`stride`), because
//! the limit of each follows from the bytes of those before; a reading stops at its budget or its moment, and says after
//! which key it goes on.

use super::ask::Asker;
use crate::{
    index::{Wanted, changed_note, hits_of, join, meta_of, meta_with},
    matcher::Matcher,
    visible::{Visible, clip},
};
use quorate_domain::{
    keys::{Hit, Key, KeySearch, SearchPage},
    wide::Wide,
};
use quorate_etcd::{
    EtcdError, MemberClient, Pair,
    stride::{Size, Stride, less},
};
use std::{sync::Arc, time::Duration};
use tokio::{task::spawn_blocking, time::Instant};

/// Answers of names.
const NAMES: Size = Size { bytes: 8 << 20, growth: 4, most: 20_000 };
/// With values fewer: large ones may follow many small ones.
const VALUES: Size = Size { most: 1000, ..NAMES };

/// A reading of ranges in order.
struct Reading<'a> {
    asker: Asker<'a>,
    stride: Stride,
    keys_only: bool,
}

impl<'a> Reading<'a> {
    fn new(asker: Asker<'a>, visible: &Visible, prefix: &Key, after: Option<&Key>, keys_only: bool) -> Self {
        let from = after.map(|after| after.next().0).unwrap_or_default();
        let ranges = visible.below(prefix.as_bytes());
        let ranges = ranges.iter().filter_map(|range| clip(range, &from, None)).collect();
        Self { asker, stride: Stride::new(ranges, if keys_only { NAMES } else { VALUES }), keys_only }
    }

    /// The next keys; none when all were read.
    async fn next(&mut self) -> Result<Option<Vec<Pair>>, EtcdError> {
        while let Some(range) = self.stride.next() {
            match self.asker.range(range, self.stride.limit, self.keys_only).await {
                Ok(reply) => {
                    self.stride.took(&reply);
                    if !reply.pairs.is_empty() {
                        return Ok(Some(reply.pairs));
                    }
                }
                Err(error) => self.stride.limit = less(self.stride.limit, &error).ok_or(error)?,
            }
        }
        Ok(None)
    }

    fn is_done(&self) -> bool {
        self.stride.is_done()
    }
}

/// Looks in keys and values, from `after` on, until there are enough hits, `budget_bytes` of values were read, or `deadline`
/// is over.
///
/// # Errors
/// [`EtcdError`] of any of the requests.
pub async fn search_values(
    client: &MemberClient,
    search: &KeySearch,
    matcher: &Arc<Matcher>,
    visible: &Visible,
    budget_bytes: usize,
    deadline: Duration,
) -> Result<SearchPage, EtcdError> {
    let (matcher, wanted) = (matcher.clone(), Wanted::new(search, unknown(search)));
    look(client, search, visible, wanted, Some(budget_bytes), deadline, move |pair| {
        if matcher.key(&pair.key) {
            return Some(String::new());
        }
        matcher.value(&pair.value).map(|found| crate::forms::excerpt(&pair.value, found))
    })
    .await
}

/// Looks in keys alone, where there is no index.
///
/// # Errors
/// As [`search_values`].
pub async fn search_keys(
    client: &MemberClient,
    search: &KeySearch,
    matcher: &Arc<Matcher>,
    visible: &Visible,
    deadline: Duration,
) -> Result<SearchPage, EtcdError> {
    // What does not start with what each hit starts with need not be read.
    let narrow = Visible::of_prefixes([Key(matcher.literal_prefix().to_vec())]);
    let wanted = Wanted::new(search, unknown(search));
    let matcher = matcher.clone();
    let found = move |pair: &Pair| matcher.key(&pair.key).then(String::new);
    look(client, search, &visible.intersect(&narrow), wanted, None, deadline, found).await
}

/// When keys changed is not to be had from etcd: nothing is known to have.
fn unknown(search: &KeySearch) -> Option<u64> {
    search.changed_since.map(|_| u64::MAX)
}

/// `budget_bytes` of values; none to read keys alone. `found` says the excerpt of a hit.
async fn look(
    client: &MemberClient,
    search: &KeySearch,
    visible: &Visible,
    wanted: Wanted,
    budget_bytes: Option<usize>,
    deadline: Duration,
    mut found: impl Fn(&Pair) -> Option<String> + Send + 'static,
) -> Result<SearchPage, EtcdError> {
    let keys_only = budget_bytes.is_none();
    let asker = Asker::new(client, 0, deadline);
    let mut sieve = Sieve::new(wanted, hits_of(search), !keys_only, asker.late());
    let mut reading = Reading::new(asker, visible, &search.prefix, search.after.as_ref(), keys_only);
    if search.changed_since.is_some() {
        reading.stride.ranges.clear();
    }
    let mut next = None;
    while let Some(pairs) = reading.next().await? {
        let (sifted, stopped, now, still) = aside(move || {
            let stopped = sieve.sift(&pairs, &found);
            (pairs, stopped, sieve, found)
        })
        .await;
        (sieve, found) = (now, still);
        let at = stopped.unwrap_or(sifted.len());
        let spent = budget_bytes.is_some_and(|budget| sieve.read >= budget) || reading.asker.is_late();
        if (stopped.is_some() || spent) && !(reading.is_done() && at == sifted.len()) {
            next = at.checked_sub(1).map(|last| Key(sifted[last].key.clone()));
            break;
        }
    }
    let note = join([changed_note(search, None), sieve.wanted.note()]);
    let Sieve { hits, looked, read, .. } = sieve;
    Ok(SearchPage { hits, next, looked: Wide(looked), read: Wide(read as u64), of: None, note })
}

/// What is kept of what was read.
struct Sieve {
    wanted: Wanted,
    limit: usize,
    with_values: bool,
    late: Instant,
    hits: Vec<Hit>,
    looked: u64,
    read: usize,
}

impl Sieve {
    fn new(wanted: Wanted, limit: usize, with_values: bool, late: Instant) -> Self {
        Self { wanted, limit, with_values, late, hits: Vec::new(), looked: 0, read: 0 }
    }

    /// Looks at `pairs`, at one at least; how many it looked at, if it stopped: there are enough hits, or it is late.
    fn sift(&mut self, pairs: &[Pair], found: impl Fn(&Pair) -> Option<String>) -> Option<usize> {
        for (at, pair) in pairs.iter().enumerate() {
            self.looked += 1;
            self.read += pair.value.len();
            if self.wanted.meta(meta_with(pair, self.with_values))
                && let Some(excerpt) = found(pair)
            {
                self.hits.push(Hit { key: Key(pair.key.clone()), meta: meta_of(pair, self.with_values), excerpt });
            }
            // A pattern can take long for one value, and a clock is read in no time.
            if self.hits.len() >= self.limit || Instant::now() >= self.late {
                return Some(at + 1);
            }
        }
        None
    }
}

/// Off the runtime: a pattern may take long. A panic goes on where it was asked for.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Only a runtime that stops gives work up.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// The size of each value below `prefix` from `after` on, with the `mod_revision` that it is of, in the order of keys, and
/// the key after which to go on. Stops when `budget_bytes` were read or `deadline` is over.
///
/// # Errors
/// [`EtcdError`] of any of the requests.
pub async fn scan_sizes(
    client: &MemberClient,
    prefix: &Key,
    after: Option<&Key>,
    visible: &Visible,
    budget_bytes: usize,
    deadline: Duration,
) -> Result<(Vec<(Key, u64, u64)>, Option<Key>), EtcdError> {
    let mut reading = Reading::new(Asker::new(client, 0, deadline), visible, prefix, after, false);
    let (mut sizes, mut read) = (Vec::new(), 0);
    while let Some(pairs) = reading.next().await? {
        read += pairs.iter().map(|pair| pair.value.len()).sum::<usize>();
        sizes.extend(pairs.into_iter().map(|pair| {
            let mod_revision = u64::try_from(pair.mod_revision).unwrap_or_default();
            (Key(pair.key), mod_revision, pair.value.len() as u64)
        }));
        if (read >= budget_bytes || reading.asker.is_late()) && !reading.is_done() {
            let next = sizes.last().map(|(key, ..)| key.clone());
            return Ok((sizes, next));
        }
    }
    Ok((sizes, None))
}
