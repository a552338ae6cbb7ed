//! A key of etcd as people and scripts write it. Invariant: keys are bytes; their written form loses none of them and
//! holds nothing that a screen, a log or a terminal would act on.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

/// The longest key that the console writes. etcd itself knows no limit but that of a request.
pub const KEY_MAX: usize = 4096;

/// A key, or the prefix of keys. Written as text: UTF-8 as it is, a backslash as `\\`, and every byte that is no text, a
/// control or an invisible character as `\xNN`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(pub Vec<u8>);

impl Key {
    /// Of text as it is, without reading escapes.
    pub fn raw(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are none; as a prefix that means all keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` starts with this one.
    pub fn is_prefix_of(&self, key: &[u8]) -> bool {
        key.starts_with(&self.0)
    }

    /// The first key that is not below this prefix; none when there is none (etcd writes that as one zero byte).
    pub fn end(&self) -> Option<Self> {
        let kept = self.0.iter().rposition(|byte| *byte < u8::MAX)?;
        let mut end = self.0[..=kept].to_vec();
        end[kept] += 1;
        Some(Self(end))
    }

    /// The key right after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut next = self.0.clone();
        next.push(0);
        Self(next)
    }
}

/// Characters that would be acted on or not be seen: controls, line and paragraph ends, zero widths, and those that
/// change the direction of what comes after them (a key could then look like another one).
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if hidden(c) => {
                        let mut bytes = [0; 4];
                        c.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
                    }
                    c => f.write_char(c)?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// A backslash that begins no known escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// Bytes before it.
    pub at: usize,
}

impl fmt::Display for BadEscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the backslash after {} bytes begins neither \\\\ nor \\xNN", self.at)
    }
}

impl std::error::Error for BadEscape {}

impl FromStr for Key {
    type Err = BadEscape;

    fn from_str(text: &str) -> Result<Self, BadEscape> {
        let bytes = text.as_bytes();
        let mut key = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte != b'\\' {
                key.push(byte);
                at += 1;
                continue;
            }
            let hex = || Some(hex_digit(*bytes.get(at + 2)?)? << 4 | hex_digit(*bytes.get(at + 3)?)?);
            let (byte, length) = match bytes.get(at + 1) {
                Some(b'\\') => (b'\\', 2),
                Some(b'n') => (b'\n', 2),
                Some(b't') => (b'\t', 2),
                Some(b'x') => (hex().ok_or(BadEscape { at })?, 4),
                _ => return Err(BadEscape { at }),
            };
            key.push(byte);
            at += length;
        }
        Ok(Self(key))
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Key {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        crate::wide::string_schema("Bytes as text: UTF-8 as it is, `\\\\` for a backslash, `\\xNN` for any other byte.")
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Key {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_written_so_that_a_screen_shows_it_and_nothing_happens() {
        let written = |bytes: &[u8]| Key(bytes.to_vec()).to_string();
        assert_eq!(written(b"/service/pg-main/leader"), "/service/pg-main/leader");
        assert_eq!(written("/ключ/🔑/שלום".as_bytes()), "/ключ/🔑/שלום");
        assert_eq!(written(b"a\0b\nc\xff\\"), "a\\x00b\\x0ac\\xff\\\\");
        assert_eq!(written("gnp\u{202e}exe".as_bytes()), "gnp\\xe2\\x80\\xaeexe");
        assert_eq!(written(b"<script>\"'"), "<script>\"'");
    }

    #[test]
    fn an_escape_that_is_none_is_told_with_its_place() {
        assert_eq!("ab\\x4".parse::<Key>(), Err(BadEscape { at: 2 }));
        assert_eq!("\\q".parse::<Key>(), Err(BadEscape { at: 0 }));
        assert_eq!("a\\n\\x00".parse::<Key>(), Ok(Key(b"a\n\0".to_vec())));
    }

    #[test]
    fn a_prefix_ends_where_its_last_byte_can_grow() {
        assert_eq!(Key::raw("/a/").end(), Some(Key::raw("/a0")));
        assert_eq!(Key(vec![b'a', 0xff, 0xff]).end(), Some(Key::raw("b")));
        assert_eq!(Key(vec![0xff]).end(), None);
        assert_eq!(Key::default().end(), None);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let key = Key(bytes);
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key.clone()));
            prop_assert!(!key.to_string().contains(hidden));
        }

        #[test]
        fn keys_below_a_prefix_lie_before_its_end(prefix in proptest::collection::vec(any::<u8>(), 0..5), rest in proptest::collection::vec(any::<u8>(), 0..5)) {
            let prefix = Key(prefix);
            let key = Key([prefix.0.clone(), rest].concat());
            prop_assert!(key >= prefix && prefix.end().is_none_or(|end| key < end));
        }
    }
}
