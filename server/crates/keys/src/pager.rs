//! Keys straight from etcd, for clusters that are small or whose index does not fit. Invariant: pages of one reading show
//! one revision, or say that they do not; only visible ranges are asked for, in the order of keys; an answer has a limit
//! that follows from the bytes of those before it. etcd counts the whole rest of a range for each answer, so there are few.

mod ask;
mod folders;
mod search;

pub use search::{scan_sizes, search_keys, search_values};

use crate::{
    index::{meta_of, skip_after},
    visible::{KeyRange, Visible, clip},
};
use ask::Asker;
use quorate_domain::keys::{Key, KeyEntry, KeyQuery, PAGE_MAX};
use quorate_etcd::{EtcdError, MemberClient};
use std::time::Duration;

/// A page from etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerPage {
    /// What is there.
    pub entries: Vec<KeyEntry>,
    /// `after` of the page that follows; none on the last one.
    pub next: Option<Key>,
    /// The revision that it shows.
    pub revision: u64,
    /// How many visible keys there are below the prefix, where that was told.
    pub keys: Option<u64>,
    /// What a reader should know of it; empty for nothing.
    pub note: String,
}

/// What is gathered of a page.
#[derive(Default)]
struct Page {
    entries: Vec<KeyEntry>,
    more: bool,
    /// Keys of the ranges that were begun at their beginning.
    keys: Option<u64>,
}

/// One page of `query`, within `deadline` in all. Always in rising order.
///
/// # Errors
/// [`EtcdError`] of any of the requests; a revision that was compacted is none: the page is of the newest one then, and its
/// `note` says so.
pub async fn page(
    client: &MemberClient,
    query: &KeyQuery,
    visible: &Visible,
    deadline: Duration,
) -> Result<PagerPage, EtcdError> {
    let (prefix, separator) = (query.prefix.as_bytes(), query.separator.as_bytes());
    let revision = query.revision.map_or(0, |revision| i64::try_from(revision.0).unwrap_or(i64::MAX));
    let mut asker = Asker::new(client, revision, deadline);
    let mut ranges = visible.below(prefix);
    let mut page = Page { keys: query.after.is_none().then_some(0), ..Page::default() };
    if let Some(after) = &query.after {
        ranges = match skip_after(after, prefix, separator) {
            Some(from) => ranges.iter().filter_map(|range| clip(range, &from, None)).collect(),
            None => Vec::new(),
        };
    }
    let limit = query.limit.clamp(1, PAGE_MAX) as usize;
    if separator.is_empty() {
        flat(&mut asker, &ranges, limit, &mut page).await?;
    } else {
        folders::fill(&mut asker, &ranges, query, limit, &mut page).await?;
    }
    let next = if page.more { page.entries.last().map(|entry| entry.name.clone()) } else { None };
    let Page { entries, keys, .. } = page;
    Ok(PagerPage { entries, next, revision: asker.shown(), keys, note: asker.note() })
}

/// Every key an entry.
async fn flat(asker: &mut Asker<'_>, ranges: &[KeyRange], limit: usize, page: &mut Page) -> Result<(), EtcdError> {
    for (at, range) in ranges.iter().enumerate() {
        let room = limit - page.entries.len();
        if room == 0 || (asker.is_late() && !page.entries.is_empty()) {
            page.more = true;
            page.keys = None;
            return Ok(());
        }
        let reply = asker.keys(range, room).await?;
        page.keys = page.keys.map(|keys| keys + reply.count);
        page.entries.extend(reply.pairs.iter().map(|pair| KeyEntry {
            name: Key(pair.key.clone()),
            meta: Some(meta_of(pair, false)),
            keys: None,
        }));
        if reply.more {
            page.more = true;
            page.keys = page.keys.filter(|_| at + 1 == ranges.len());
            return Ok(());
        }
    }
    Ok(())
}
