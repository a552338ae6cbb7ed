//! The index held against the simplest thing that could be right: a sorted map, gone through key by key.

use super::*;
use crate::{Matcher, Visible};
use proptest::{collection::vec, prelude::*};
use quorate_domain::keys::{KeyEntry, KeyQuery, KeySearch, Match};
use quorate_etcd::Heard;
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, Pair>;

fn pair(key: &[u8], revision: i64) -> Pair {
    Pair { key: key.to_vec(), mod_revision: revision, create_revision: revision, version: 1, ..Pair::default() }
}

fn put(model: &mut Model, key: &[u8], revision: i64, lease: i64, value: usize) -> Heard {
    let old = model.get(key);
    let now = Pair {
        create_revision: old.map_or(revision, |old| old.create_revision),
        version: old.map_or(1, |old| old.version + 1),
        lease,
        value: vec![b'v'; value],
        ..pair(key, revision)
    };
    model.insert(key.to_vec(), now.clone());
    Heard { pair: now, deleted: false, before: None }
}

fn delete(model: &mut Model, key: &[u8], revision: i64) -> Heard {
    model.remove(key);
    let pair = Pair { key: key.to_vec(), mod_revision: revision, ..Pair::default() };
    Heard { pair, deleted: true, before: None }
}

/// Every key with what is known of it, page by page.
fn all(index: &Index) -> Vec<KeyEntry> {
    pages(index, &KeyQuery { limit: 7, ..query("", "") }, &Visible::all())
}

fn query(prefix: &str, separator: &str) -> KeyQuery {
    KeyQuery {
        prefix: Key::raw(prefix),
        separator: Key::raw(separator),
        after: None,
        revision: None,
        limit: 1000,
        descending: false,
    }
}

fn pages(index: &Index, query: &KeyQuery, visible: &Visible) -> Vec<KeyEntry> {
    let (mut query, mut entries) = (query.clone(), Vec::new());
    loop {
        let (page, next, _) = index.page(&query, visible);
        assert!(page.len() <= query.limit as usize && (next.is_none() || !page.is_empty()));
        entries.extend(page);
        match next {
            None => return entries,
            next => query.after = next,
        }
    }
}

fn expected(model: &Model, since: Option<Timestamp>) -> Vec<(Vec<u8>, KeyMeta)> {
    let changed_at = since;
    model.iter().map(|(key, pair)| (key.clone(), KeyMeta { changed_at, ..meta_of(pair, true) })).collect()
}

fn shown(index: &Index) -> Vec<(Vec<u8>, KeyMeta)> {
    all(index).into_iter().map(|entry| (entry.name.0, entry.meta.expect("flat"))).collect()
}

/// Blocks as they must be.
fn assert_sound(index: &Index) {
    let mut keys = Keys::default();
    for block in &index.blocks {
        assert!(block.count() > 0 && block.count() <= BLOCK_MAX);
        block.decode(&mut keys);
    }
    assert_eq!(keys.len(), index.len());
    assert_eq!(index.blocks.iter().map(Block::bytes).sum::<usize>(), index.data);
    assert!((1..keys.len()).all(|at| keys.key(at - 1) < keys.key(at)));
}

/// What entries a folder has, by reading every key.
fn naive(model: &Model, query: &KeyQuery, visible: &Visible) -> Vec<(Vec<u8>, Option<u64>)> {
    let mut entries: Vec<(Vec<u8>, Option<u64>)> = Vec::new();
    for key in model.keys().filter(|key| query.prefix.is_prefix_of(key) && visible.shows(key)) {
        match child(key, query.prefix.as_bytes(), query.separator.as_bytes()) {
            Child::Key => entries.push((key.clone(), None)),
            Child::Folder(name) => match entries.last_mut() {
                Some((last, Some(count))) if last == name => *count += 1,
                _ => entries.push((name.to_vec(), Some(1))),
            },
        }
    }
    if query.descending {
        entries.reverse();
    }
    entries
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => Just(b'/'), 3 => Just(b'a'), 1 => Just(b'b'), 1 => Just(0xff), 1 => Just(0)], 0..6)
        .prop_map(|key| if key.is_empty() { b"/".to_vec() } else { key })
}

fn filled(keys: impl IntoIterator<Item = Vec<u8>>) -> (Index, Model) {
    let (mut index, mut model) = (Index::default(), Model::new());
    for key in keys {
        model.insert(key.clone(), pair(&key, 1));
    }
    index.append(&model.values().cloned().collect::<Vec<_>>());
    index.begin(1, Timestamp(0));
    (index, model)
}

/// `count` keys as machines name them.
fn many(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("/registry/things/{:03}/item-{i:016x}", i % 500).into_bytes()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn changes_in_any_batches_and_told_again_end_as_in_a_map(
        listed in vec(key(), 0..40),
        changes in vec((key(), any::<bool>(), 0..3_i64, 0..3_usize), 0..120),
        batch in 1..20_usize,
    ) {
        let (mut index, mut model) = filled(listed);
        let heard: Vec<Heard> = changes.iter().zip(2..).map(|((key, deleted, lease, value), revision)| {
            if *deleted { delete(&mut model, key, revision) } else { put(&mut model, key, revision, *lease, *value) }
        }).collect();
        for (at, part) in heard.chunks(batch).enumerate() {
            index.apply(part, Timestamp(5));
            // A watch that is taken up again tells the last revision once more.
            index.apply(&heard[at * batch + part.len() - 1..at * batch + part.len()], Timestamp(9));
        }
        assert_sound(&index);
        let mut wanted = expected(&model, None);
        for (_, meta) in &mut wanted {
            // Of what was only listed neither the time nor the size is known.
            let heard_of = meta.mod_revision.0 > 1;
            meta.changed_at = heard_of.then_some(Timestamp(5));
            meta.size = meta.size.filter(|_| heard_of);
        }
        prop_assert_eq!(shown(&index), wanted);
    }

    #[test]
    fn a_page_is_what_reading_every_key_would_give(
        keys in vec(key(), 0..60),
        prefix in prop_oneof![Just(""), Just("/"), Just("a"), Just("/a/"), Just("//")],
        separator in prop_oneof![Just(""), Just("/"), Just("//"), Just("a/")],
        narrowed in proptest::option::of(vec(key(), 0..4)),
        limit in 1..6_u32,
        descending in any::<bool>(),
    ) {
        let (index, model) = filled(keys);
        let visible = narrowed.map_or_else(Visible::all, |keys| Visible::of_prefixes(keys.into_iter().map(Key)));
        let query = KeyQuery { limit, descending, ..query(prefix, separator) };
        let entries = pages(&index, &query, &visible);
        let got: Vec<_> = entries.into_iter().map(|entry| (entry.name.0, entry.keys.map(|keys| keys.0))).collect();
        prop_assert_eq!(&got, &naive(&model, &query, &visible));
        let below = model.keys().filter(|key| query.prefix.is_prefix_of(key) && visible.shows(key)).count();
        prop_assert_eq!(index.page(&query, &visible).2, below as u64);
    }

    #[test]
    fn a_search_finds_each_key_once_however_it_is_stopped(keys in vec(key(), 0..60), pattern in "[ab/]{0,2}", limit in 1..5_u32, stops in any::<bool>()) {
        let (index, model) = filled(keys);
        for how in [Match::Prefix, Match::Substring] {
            let mut search = KeySearch { pattern: pattern.clone(), how, limit, ..KeySearch::default() };
            let matcher = Matcher::new(&search).expect("a pattern");
            let mut found = Vec::new();
            loop {
                let page = index.search(&search, &matcher, &Visible::all(), || stops);
                found.extend(page.hits.into_iter().map(|hit| hit.key.0));
                search.after = page.next;
                if search.after.is_none() { break }
            }
            let wanted: Vec<Vec<u8>> = model.keys().filter(|key| matcher.key(key)).cloned().collect();
            prop_assert_eq!(found, wanted);
        }
    }
}

#[test]
fn a_hundred_thousand_keys_take_few_bytes_each() {
    let (index, _) = filled(many(100_000));
    assert_sound(&index);
    assert!(index.bytes() < 100_000 * 40, "{} bytes", index.bytes());
}

#[test]
fn blocks_split_as_keys_come_and_join_as_they_go() {
    let (mut index, mut model) = filled(many(2000));
    let mut extra: Vec<Heard> = Vec::new();
    for i in 0..3000 {
        extra.push(put(&mut model, format!("/registry/things/250/{i:05}").as_bytes(), 2 + i, 0, 1));
    }
    extra.chunks(500).for_each(|part| index.apply(part, Timestamp(1)));
    assert_sound(&index);
    assert_eq!(index.len(), 5000);
    let gone: Vec<Heard> =
        model.clone().keys().skip(10).zip(5000..).map(|(key, r)| delete(&mut model, key, r)).collect();
    gone.chunks(300).for_each(|part| index.apply(part, Timestamp(1)));
    assert_sound(&index);
    assert_eq!((index.len(), index.blocks.len()), (10, 1));
    assert_eq!(all(&index).len(), model.len());
}

#[test]
fn a_size_counts_only_for_the_revision_that_was_read() {
    let (mut index, _) = filled([b"a".to_vec(), b"b".to_vec()]);
    index.set_size(b"a", 1, 7);
    index.set_size(b"b", 2, 7);
    index.set_size(b"c", 1, 7);
    let size = |key: &[u8]| index.get(key).map(|meta| meta.size);
    assert_eq!((size(b"a"), size(b"b"), size(b"c")), (Some(Some(Wide(7))), Some(None), None));
    let mut search = KeySearch { min_size: Some(Wide(5)), ..KeySearch::default() };
    let found =
        |search: &KeySearch| index.search(search, &Matcher::new(search).expect("all"), &Visible::all(), || false);
    let page = found(&search);
    assert_eq!(page.hits.iter().map(|hit| hit.key.0.as_slice()).collect::<Vec<_>>(), [b"a"]);
    assert!(page.note.contains("one key's"), "{}", page.note);
    search.max_size = Some(Wide(6));
    assert!(found(&search).hits.is_empty());
}

#[test]
fn keys_are_found_by_lease_and_by_when_they_changed() {
    let (mut index, mut model) = filled([b"old".to_vec()]);
    let early = put(&mut model, b"early", 2, 11, 0);
    let late = put(&mut model, b"late", 3, 12, 0);
    index.apply(&[early], Timestamp(10_000));
    index.apply(&[late], Timestamp(20_000));
    let found = |search: KeySearch| {
        let page = index.search(&search, &Matcher::new(&search).expect("all"), &Visible::all(), || false);
        (page.hits.iter().map(|hit| hit.key.to_string()).collect::<Vec<_>>().join(" "), page.note)
    };
    let since = |at| KeySearch { changed_since: Some(Timestamp(at)), ..KeySearch::default() };
    assert_eq!(found(since(15_000)), ("late".to_owned(), String::new()));
    assert_eq!(found(since(10_000)).0, "early late");
    let (all, note) = found(since(-5));
    assert_eq!((all.as_str(), note.as_str()), ("early late", "Changes are known since 1970-01-01 00:00:00 UTC."));
    assert_eq!(found(KeySearch { lease: Some(LeaseId(11)), ..KeySearch::default() }).0, "early");
}

#[test]
fn a_search_in_parts_finds_and_says_what_one_in_whole_does() {
    let (index, _) = filled(many(2000));
    let search = KeySearch { pattern: "00f".to_owned(), min_size: Some(Wide(1)), ..KeySearch::default() };
    for search in [search.clone(), KeySearch { min_size: None, limit: 3, ..search }] {
        let matcher = Matcher::new(&search).expect("a pattern");
        let whole = index.search(&search, &matcher, &Visible::all(), || false);
        let mut parts = Searching::new(&search);
        while !parts.go_on(&index, &matcher, &Visible::all(), || true) {}
        assert_eq!(parts.page(), whole);
    }
}

#[test]
fn long_keys_make_small_blocks_and_are_all_there() {
    let long = |i: usize| [vec![b'k'; 40_000], format!("{i:05}").into_bytes()].concat();
    let (mut index, mut model) = filled((0..100).map(long));
    let mut heard: Vec<Heard> = (100..200).map(|i| put(&mut model, &long(i), 2, 0, 0)).collect();
    heard.sort_by(|a, b| a.pair.key.cmp(&b.pair.key));
    index.apply(&heard, Timestamp(5));
    assert_sound(&index);
    let mut keys = Keys::default();
    for block in &index.blocks {
        keys.clear();
        block.decode(&mut keys);
        assert!(keys.bytes() <= BLOCK_BYTES);
    }
    assert_eq!(index.len(), model.len());
}

#[test]
fn a_search_that_is_stopped_every_time_still_comes_to_its_end() {
    let (index, model) = filled(many(2000));
    let mut search = KeySearch { pattern: "00f".to_owned(), limit: 1000, ..KeySearch::default() };
    let matcher = Matcher::new(&search).expect("a pattern");
    let (mut found, mut looked, mut answers) = (0, 0, 0);
    loop {
        let page = index.search(&search, &matcher, &Visible::all(), || true);
        found += page.hits.len();
        looked += page.looked.0;
        answers += 1;
        search.after = page.next;
        if search.after.is_none() {
            break;
        }
    }
    assert_eq!(found, model.keys().filter(|key| matcher.key(key)).count());
    assert_eq!((looked, answers), (2000, 4));
}
