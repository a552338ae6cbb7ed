//! A page of folders, read from etcd, which has none. Invariant: a folder in which an answer ends is stepped over, so that a
//! page costs some twenty answers however many keys its folders hold; a folder has a count only where all its keys were
//! seen.

use super::{Page, ask::Asker};
use crate::{
    index::{Child, child, meta_of, skip_after},
    visible::{KeyRange, clip},
};
use quorate_domain::{
    keys::{Key, KeyEntry, KeyQuery},
    wide::Wide,
};
use quorate_etcd::{EtcdError, Pair};

/// Keys of one answer, where there may be folders to step over.
const ANSWER: usize = 200;
/// Answers of one page.
const ANSWERS: usize = 20;

/// Fills `page` from `ranges`.
///
/// # Errors
/// [`EtcdError`] of any request.
pub async fn fill(
    asker: &mut Asker<'_>,
    ranges: &[KeyRange],
    query: &KeyQuery,
    limit: usize,
    page: &mut Page,
) -> Result<(), EtcdError> {
    let (prefix, separator) = (query.prefix.as_bytes(), query.separator.as_bytes());
    let (mut from, mut answers, mut answer) = (Vec::new(), 0, ANSWER);
    for range in ranges {
        let mut part = clip(range, &from, None);
        if part.as_ref().is_none_or(|(start, _)| *start != range.0) {
            // Some of it was stepped over, and was not counted.
            page.keys = None;
        }
        let mut first = true;
        while let Some(asked) = part {
            if !page.entries.is_empty() && (answers == ANSWERS || asker.is_late()) {
                page.more = true;
                page.keys = page.keys.filter(|_| !first && is_last(range, ranges));
                // Keys of the last folder may lie in what is not asked for any more.
                if let Some(last) = page.entries.last_mut() {
                    last.keys = None;
                }
                return Ok(());
            }
            answers += 1;
            let reply = asker.keys(&asked, answer).await?;
            if std::mem::take(&mut first) {
                page.keys = page.keys.map(|keys| keys + reply.count);
            }
            let before = page.entries.len();
            for pair in &reply.pairs {
                if !add(page, pair, prefix, separator, limit) {
                    page.more = true;
                    page.keys = page.keys.filter(|_| is_last(range, ranges));
                    return Ok(());
                }
            }
            if !reply.more {
                break;
            }
            let dense = (page.entries.len() - before) * 2 > reply.pairs.len();
            let Some(entry) = page.entries.last_mut() else { break };
            if entry.meta.is_none() {
                // The rest of its keys is stepped over.
                entry.keys = None;
            }
            match skip_after(&entry.name, prefix, separator) {
                Some(next) => from = next,
                None => return Ok(()),
            }
            // Where most keys are entries there is nothing to step over, and fewer answers do.
            answer = if dense { ANSWER.max(limit - page.entries.len() + 1) } else { ANSWER };
            part = clip(range, &from, None);
        }
    }
    Ok(())
}

fn is_last(range: &KeyRange, ranges: &[KeyRange]) -> bool {
    ranges.last() == Some(range)
}

/// Adds a key to its folder, or as an entry of its own; false when there is no room for one.
fn add(page: &mut Page, pair: &Pair, prefix: &[u8], separator: &[u8], limit: usize) -> bool {
    let name = match child(&pair.key, prefix, separator) {
        Child::Folder(name) => Some(name),
        Child::Key => None,
    };
    if let (Some(name), Some(last)) = (name, page.entries.last_mut())
        && last.name.as_bytes() == name
        && last.meta.is_none()
    {
        last.keys = last.keys.map(|keys| Wide(keys.0 + 1));
        return true;
    }
    if page.entries.len() == limit {
        return false;
    }
    page.entries.push(match name {
        Some(name) => KeyEntry { name: Key(name.to_vec()), meta: None, keys: Some(Wide(1)) },
        None => KeyEntry { name: Key(pair.key.clone()), meta: Some(meta_of(pair, false)), keys: None },
    });
    true
}
