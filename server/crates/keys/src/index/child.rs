//! What lies below a prefix: folders and keys. Invariant: the index and the pager read keys by this one rule, and the name
//! of an entry says by itself whether it is a folder, so that a page can begin after it.

use memchr::memmem;
use quorate_domain::keys::Key;

/// What a key is to somebody who looks at a prefix of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child<'a> {
    /// It lies in the folder of this name, the separator included.
    Folder(&'a [u8]),
    /// It is shown itself.
    Key,
}

/// What `key` is below `prefix`: up to and with the next separator a folder, otherwise itself. At the very top a separator
/// at the beginning does not end the first name, so that `/service/a` lies in `/service/`.
pub(crate) fn child<'a>(key: &'a [u8], prefix: &[u8], separator: &[u8]) -> Child<'a> {
    if separator.is_empty() {
        return Child::Key;
    }
    let mut from = prefix.len().min(key.len());
    if from == 0 && key.starts_with(separator) {
        from = separator.len();
    }
    match memmem::find(&key[from..], separator) {
        Some(at) => Child::Folder(&key[..from + at + separator.len()]),
        None => Child::Key,
    }
}

/// The first key that may follow an entry; none when nothing can.
pub(crate) fn skip_after(name: &Key, prefix: &[u8], separator: &[u8]) -> Option<Vec<u8>> {
    match child(name.as_bytes(), prefix, separator) {
        Child::Folder(_) => name.end().map(|end| end.0),
        Child::Key => Some(name.next().0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name<'a>(key: &'a str, prefix: &str) -> Child<'a> {
        child(key.as_bytes(), prefix.as_bytes(), b"/")
    }

    #[test]
    fn a_name_ends_with_the_next_separator() {
        assert_eq!(name("/a/b/c", "/a/"), Child::Folder(b"/a/b/"));
        assert_eq!(name("/a/b", "/a/"), Child::Key);
        assert_eq!(name("/a/b/", "/a/"), Child::Folder(b"/a/b/"));
        assert_eq!(name("/a/", "/a/"), Child::Key);
        assert_eq!(name("/a//b", "/a/"), Child::Folder(b"/a//"));
    }

    #[test]
    fn at_the_top_the_first_separator_ends_nothing() {
        assert_eq!(name("/service/a", ""), Child::Folder(b"/service/"));
        assert_eq!(name("/", ""), Child::Key);
        assert_eq!(name("//a", ""), Child::Folder(b"//"));
        assert_eq!(name("service/a", ""), Child::Folder(b"service/"));
        assert_eq!(child(b"a::b::c", b"", b"::"), Child::Folder(b"a::"));
    }

    #[test]
    fn after_a_folder_comes_what_is_not_in_it() {
        assert_eq!(skip_after(&Key::raw("/a/b/"), b"/a/", b"/"), Some(b"/a/b0".to_vec()));
        assert_eq!(skip_after(&Key::raw("/a/b"), b"/a/", b"/"), Some(b"/a/b\0".to_vec()));
        assert_eq!(skip_after(&Key(vec![0xff, 0xff]), b"", b"\xff"), None);
    }
}
