//! Pages of keys, and searching them. Invariant: an answer comes from the index where there is one and from etcd otherwise, and
//! says which; it names only keys that the asker may see, and looks in no masked value; a search takes a slice of time or
//! bytes a call, so that it can be shown as it goes and given up. The index itself is `quorate_keys::Keeper`'s.

use super::{client::KeyClient, unhurried};
use crate::{
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
};
use async_trait::async_trait;
use quorate_domain::{
    Action, ClusterId, Problem, ProblemKind, Timestamp,
    keys::{IndexPhase, IndexState, Key, KeyPage, KeyQuery, KeySearch, SearchPage, Source},
    wide::Wide,
};
use quorate_etcd::{MemberClient, RangeEnd};
use quorate_keys::{Keeper, Matcher, Members, Visible, pager};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long etcd may take for a page or a slice of a search.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an index is searched for one call.
const SLICE: Duration = Duration::from_millis(150);
/// Bytes of values that one call reads.
const BYTES: usize = 16 << 20;
/// How long a page that only the index can give waits for it.
const SOON: Duration = Duration::from_secs(1);
/// How long an answer to a change waits until the index shows it.
const OWN_CHANGE: Duration = Duration::from_millis(500);
/// How often it is looked for indexes that nobody looks at.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

impl Console {
    /// A page of keys and folders of the permit's cluster.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` at `descending` where only the index can go on; `Unreachable` when etcd is asked and does not
    /// answer.
    pub async fn keys_page(&self, permit: &Permit<act::ViewKeys>, query: &KeyQuery) -> Result<KeyPage, CoreError> {
        let cluster = permit.cluster()?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let keeper = self.key_index_of(cluster)?;
        if query.descending {
            // A small cluster's is there in a moment; a page in the other order would only be thrown away.
            keeper.built(SOON).await;
        }
        let narrowed =
            if visible.is_all() { "" } else { "Only keys that you and the console's user in etcd may see are listed." };
        let (wanted, seen, from) = (query.clone(), visible.clone(), keeper.clone());
        let (found, index) = unhurried(move || (from.read(|index| index.page(&wanted, &seen)), from.state())).await?;
        if let Some((entries, next, keys)) = found {
            let (source, revision, note) = (Source::Index, index.revision, narrowed.to_owned());
            return Ok(KeyPage { source, revision, entries, next, keys: Some(Wide(keys)), note, index });
        }
        if query.descending && query.after.is_some() {
            let why = format!("From the last name to the first takes the index, and {}", missing(&index));
            return Err(Problem::field("descending", why).into());
        }
        let page =
            self.ask_for_keys(cluster, async |client| pager::page(&client, query, &visible, ANSWER).await).await?;
        // From here on there may be an index, which would go on in the other order.
        let next = page.next.filter(|_| !query.descending);
        let order = match query.descending {
            true => "Only the first names are listed, from the first to the last: there is no index.",
            false => "",
        };
        Ok(KeyPage {
            source: Source::Etcd,
            revision: Wide(page.revision),
            entries: page.entries,
            next,
            keys: page.keys.map(Wide),
            note: sentences(&[&page.note, narrowed, order]),
            index,
        })
    }

    /// Lets the index of a cluster, if there is one, come to `revision`, so that whoever wrote sees it in the next page.
    pub(super) async fn await_index(&self, cluster: &ClusterId, revision: Wide) {
        let keeper = self.runtime().ok().and_then(|runtime| runtime.keys.indexes.peek(cluster));
        if let Some(keeper) = keeper {
            keeper.reached(revision.0, OWN_CHANGE).await;
        }
    }

    /// How far the index of the permit's cluster is. Counts as looking: it begins one, or keeps it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn key_index(&self, permit: &Permit<act::ViewKeys>) -> Result<IndexState, CoreError> {
        Ok(self.key_index_of(permit.cluster()?)?.state())
    }

    /// Looks for keys of the permit's cluster: in the index, for 150 ms at most; without one in etcd's list of keys.
    ///
    /// # Errors
    /// `Invalid` at `pattern`, or at `in_values`, which takes another permit; as [`Console::keys_page`].
    pub async fn search_keys(
        &self,
        permit: &Permit<act::ViewKeys>,
        search: &KeySearch,
    ) -> Result<SearchPage, CoreError> {
        if search.in_values {
            return Err(Problem::field("in_values", "Looking in values takes the right to read them").into());
        }
        let cluster = permit.cluster()?;
        let matcher = matcher(search)?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let keeper = self.key_index_of(cluster)?;
        let (wanted, pattern, seen, from) = (search.clone(), matcher.clone(), visible.clone(), keeper.clone());
        let found = unhurried(move || (from.search(&wanted, &pattern, &seen, SLICE), from.state()));
        let (found, index) = found.await?;
        if let Some(page) = found {
            return Ok(page);
        }
        let mut page = self
            .ask_for_keys(cluster, async |client| pager::search_keys(&client, search, &matcher, &visible, ANSWER).await)
            .await?;
        let asked = format!("etcd was asked, because {}.", missing(&index));
        page.note = sentences(&[&page.note, &asked]);
        Ok(page)
    }

    /// Looks in keys and values of the permit's cluster; reads at most 16 MiB of values a call. Masked values are left out.
    ///
    /// # Errors
    /// `Invalid` at `pattern`; `Unreachable`.
    pub async fn search_values(
        &self,
        permit: &Permit<act::ReadValues>,
        search: &KeySearch,
    ) -> Result<SearchPage, CoreError> {
        let cluster = permit.cluster()?;
        let matcher = matcher(search)?;
        let search = KeySearch { in_values: true, ..search.clone() };
        let masked = self.key_settings_of(cluster).await?.masked;
        let readable = self.visible(permit.actor(), cluster, Action::ReadValues).await?;
        let open = readable.intersect(&Visible::of_ranges(outside(&masked)));
        let left_out = readable.below(search.prefix.as_bytes()) != open.below(search.prefix.as_bytes());
        let mut page = self
            .ask_for_keys(cluster, async |client| {
                pager::search_values(&client, &search, &matcher, &open, BYTES, ANSWER).await
            })
            .await?;
        if left_out {
            page.note = sentences(&[&page.note, "Keys whose values are masked were left out."]);
        }
        Ok(page)
    }

    /// Finds how large the values below `prefix` are, 16 MiB of them a call, and notes it in the index. `hits` is empty.
    ///
    /// # Errors
    /// As [`Console::keys_page`].
    pub async fn scan_key_sizes(
        &self,
        permit: &Permit<act::ViewKeys>,
        prefix: &Key,
        after: Option<&Key>,
    ) -> Result<SearchPage, CoreError> {
        let cluster = permit.cluster()?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let keeper = self.key_index_of(cluster)?;
        let (sizes, next) = self
            .ask_for_keys(cluster, async |client| {
                pager::scan_sizes(&client, prefix, after, &visible, BYTES, ANSWER).await
            })
            .await?;
        let looked = Wide(sizes.len() as u64);
        let read = Wide(sizes.iter().map(|(.., size)| size).sum());
        let (to, at) = (keeper.clone(), self.0.clock.now());
        let set = move || {
            to.set_sizes(&sizes, at);
            to.state()
        };
        let index = unhurried(set).await?;
        let note = match index.phase {
            IndexPhase::Live | IndexPhase::Behind => String::new(),
            _ => format!("The sizes are not kept, because {}.", missing(&index)),
        };
        Ok(SearchPage { hits: Vec::new(), next, looked, read, of: None, note })
    }

    /// The index of a cluster, begun where there is none. Counts as looking.
    pub(super) fn key_index_of(&self, cluster: &ClusterId) -> Result<Arc<Keeper>, CoreError> {
        let runtime = self.runtime()?;
        // Nothing is listed of what is not open yet.
        runtime
            .throwaways
            .opened
            .client(cluster)
            .map_or_else(|| self.view_of(cluster).map(drop), |open| open.map(drop))?;
        let parts = &runtime.keys;
        let begin = || {
            let members = KeyMembers { console: self.clone(), cluster: cluster.clone() };
            Keeper::start(Arc::new(members), parts.budget.clone())
        };
        let kept = parts.indexes.look(cluster, Instant::now(), begin);
        kept.ok_or_else(|| Problem::new(ProblemKind::Unavailable, "The console is stopping").into())
    }

    /// Drops indexes and closes snapshots that nobody looks at, for as long as the console runs.
    pub(crate) async fn keep_key_indexes(&self) {
        let mut tick = tokio::time::interval(SWEEP_EVERY);
        loop {
            tick.tick().await;
            if let Ok(runtime) = self.runtime() {
                runtime.keys.indexes.sweep(Instant::now());
                self.sweep_opened();
            }
        }
    }
}

/// Whom an index asks.
struct KeyMembers {
    console: Console,
    cluster: ClusterId,
}

#[async_trait]
impl Members for KeyMembers {
    async fn client(&self) -> Result<MemberClient, String> {
        let words = |error: CoreError| match error {
            CoreError::Problem(problem) if problem.detail.is_empty() => problem.title,
            CoreError::Problem(problem) => format!("{}: {}", problem.title, problem.detail),
            error => chain(&error),
        };
        let client: KeyClient = self.console.key_client(&self.cluster).await.map_err(words)?;
        Ok(client.member().clone())
    }

    fn now(&self) -> Timestamp {
        self.console.now()
    }
}

fn matcher(search: &KeySearch) -> Result<Arc<Matcher>, CoreError> {
    let matcher = Matcher::new(search).map_err(|error| Problem::invalid(vec![error]))?;
    Ok(Arc::new(matcher))
}

/// Why there is no index, to follow "because".
fn missing(index: &IndexState) -> String {
    match index.phase {
        IndexPhase::Building => {
            format!("the index is still being built ({} of {} keys)", index.keys.0, index.expected.0)
        }
        IndexPhase::TooLarge => "the keys do not fit into the memory that the index may take".to_owned(),
        _ if index.why.is_empty() => "there is no index".to_owned(),
        _ => format!("there is no index ({})", index.why),
    }
}

fn sentences(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// The ranges of all keys that start with none of `prefixes`.
pub(super) fn outside(prefixes: &[Key]) -> Vec<(Vec<u8>, RangeEnd)> {
    let mut sorted: Vec<&Key> = prefixes.iter().collect();
    sorted.sort();
    let (mut ranges, mut from) = (Vec::new(), Vec::new());
    for prefix in sorted {
        if prefix.0 > from {
            ranges.push((from.clone(), RangeEnd::Before(prefix.0.clone())));
        }
        match prefix.end() {
            Some(end) => from = from.max(end.0),
            None => return ranges,
        }
    }
    ranges.push((from, RangeEnd::Last));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn key() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(0), Just(b'a'), Just(255)], 0..4)
    }

    proptest! {
        #[test]
        fn what_lies_outside_of_prefixes_is_every_other_key(prefixes in vec(key(), 0..5), key in key()) {
            let prefixes: Vec<Key> = prefixes.into_iter().map(Key).collect();
            let masked = prefixes.iter().any(|prefix| prefix.is_prefix_of(&key));
            let ranges = outside(&prefixes);
            let inside = |(from, end): &(Vec<u8>, RangeEnd)| {
                *from <= key && match end {
                    RangeEnd::Single => *from == key,
                    RangeEnd::Before(end) => key < *end,
                    RangeEnd::Last => true,
                }
            };
            prop_assert_eq!(ranges.iter().any(inside), !masked, "{:?}", ranges);
        }
    }

    #[test]
    fn why_there_is_no_index_reads_as_the_end_of_a_sentence() {
        let mut state =
            IndexState { phase: IndexPhase::Building, keys: Wide(7), expected: Wide(9), ..Default::default() };
        assert_eq!(missing(&state), "the index is still being built (7 of 9 keys)");
        state = IndexState { why: "no member answers".into(), ..IndexState::default() };
        assert_eq!(missing(&state), "there is no index (no member answers)");
        assert_eq!(sentences(&["", "One.", "", "Two."]), "One. Two.");
    }
}
