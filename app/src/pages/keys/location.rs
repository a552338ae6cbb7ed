//! Where somebody is in the keys of a cluster or an opened snapshot, as the URL and the tab's storage keep it. Invariant: names of keys only, never
//! a value; what cannot be read is left out, so that an old link opens as far as it fits.

use crate::routes;
use leptos::prelude::window;
use quorate_domain::keys::Key;

/// Folders that a URL remembers as open; more make links that nobody can send.
const OPEN_KEPT: usize = 20;
/// Bytes of a query that browsers and proxies surely take.
const QUERY_MAX: usize = 6000;

/// A place among keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The chosen key.
    pub(super) key: Option<Key>,
    /// Open folders.
    pub(super) open: Vec<Key>,
    /// What separates folders; never empty.
    pub(super) separator: Key,
    /// All keys in one list.
    pub(super) flat: bool,
    /// From the last name to the first.
    pub(super) descending: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { key: None, open: Vec::new(), separator: Key::raw("/"), flat: false, descending: false }
    }
}

impl Place {
    /// The place that a query (without `?`) names.
    pub(super) fn read(query: &str) -> Self {
        let mut place = Self::default();
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            let key = || unescape(value)?.parse::<Key>().ok();
            match name {
                "key" => place.key = key(),
                "open" => place.open.extend(key().filter(|key| !key.is_empty())),
                "sep" => place.separator = key().filter(|key| !key.is_empty()).unwrap_or(place.separator),
                "flat" => place.flat = value == "1",
                "desc" => place.descending = value == "1",
                _ => {}
            }
        }
        place.open.truncate(OPEN_KEPT);
        place
    }

    /// The query that names this place; empty for where everybody begins.
    pub(super) fn query(&self) -> String {
        let named = |name: &str, key: &Key| format!("{name}={}", routes::escape(&key.to_string()));
        let mut parts: Vec<String> = self.key.iter().map(|key| named("key", key)).collect();
        if self.separator != Key::raw("/") {
            parts.push(named("sep", &self.separator));
        }
        parts.extend(self.flat.then(|| "flat=1".to_owned()));
        parts.extend(self.descending.then(|| "desc=1".to_owned()));
        let mut length: usize = parts.iter().map(String::len).sum();
        for folder in self.open.iter().take(OPEN_KEPT) {
            let part = named("open", folder);
            length += part.len();
            if length > QUERY_MAX {
                break;
            }
            parts.push(part);
        }
        parts.join("&")
    }

    /// The separator of a question: none for a flat list.
    pub(super) fn asked_separator(&self) -> Key {
        if self.flat { Key::default() } else { self.separator.clone() }
    }
}

/// `%XX` and `+` as browsers write them; none when it is no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Puts `place` on the page at `path` into the address bar and the tab's storage. A movement is no page to go back to.
pub(super) fn remember(path: &str, place: &Place) {
    let query = place.query();
    let mut url = path.to_owned();
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    if let Ok(history) = window().history() {
        let state = history.state().unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(&url));
    }
    if let Some(storage) = storage() {
        let _ = storage.set_item(&stored_as(path), &query);
    }
}

/// Where this tab was among the keys of the page at `path`.
pub(super) fn remembered(path: &str) -> Option<Place> {
    let query = storage()?.get_item(&stored_as(path)).ok()??;
    (!query.is_empty()).then(|| Place::read(&query))
}

fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok()?
}

fn stored_as(path: &str) -> String {
    format!("quorate.keys.{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_only_what_is_not_usual() {
        assert_eq!(Place::default().query(), "");
        let place = Place {
            key: Some(Key::raw("/a b/ключ")),
            open: vec![Key::raw("/a b/")],
            separator: Key::raw(":"),
            flat: true,
            descending: true,
        };
        let query = place.query();
        assert_eq!(query, "key=/a%20b/%D0%BA%D0%BB%D1%8E%D1%87&sep=:&flat=1&desc=1&open=/a%20b/");
        assert_eq!(Place::read(&query), place);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let place = Place::read("key=%ff&open=a%5Cq&sep=&other=1&open=b&flat=yes&%");
        assert_eq!(place, Place { open: vec![Key::raw("b")], ..Place::default() });
    }

    #[test]
    fn a_link_stays_short_however_much_is_open() {
        let open = (0..100).map(|n| Key::raw(&format!("/{}/{n}/", "x".repeat(900)))).collect();
        let query = Place { open, ..Place::default() }.query();
        assert!(query.len() < QUERY_MAX + 100, "{}", query.len());
        assert!(Place::read(&query).open.len() > 2);
    }

    #[test]
    fn any_byte_of_a_key_goes_through_a_link() {
        for byte in 0..=u8::MAX {
            let place = Place { key: Some(Key(vec![b'/', byte, b'x'])), ..Place::default() };
            assert_eq!(Place::read(&place.query()), place, "{byte:02x}");
        }
    }
}
