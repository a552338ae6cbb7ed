//! Whether text is YAML, and what its root is. Invariants: nothing is built from it, so anchors cannot blow up; what could
//! keep its scanner busy for long is refused before.

use super::PREVIEW;
use serde::{
    Deserialize, Deserializer,
    de::{EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor},
};
use std::fmt;

/// Longer values are not checked.
pub(super) const LONGEST: usize = 2 * 1024 * 1024;
/// The scanner looks at every open bracket for every token.
const DEEPEST: u32 = 500;

/// What a document is at its root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    /// A mapping or a sequence.
    Collection,
    /// Anything else.
    Scalar,
}

/// Whether text is shown as YAML: several lines that are a mapping or a sequence. A sentence is YAML too, and no help; what
/// is longer than a first look shows is not tried, because the scanner is slow.
pub(crate) fn is_document(text: &str) -> bool {
    if text.len() > PREVIEW {
        return false;
    }
    let several = text.lines().filter(|line| !line.trim().is_empty()).nth(1).is_some();
    several && text.contains([':', '-']) && parse(text, PREVIEW).is_ok_and(|root| root == Root::Collection)
}

/// What the first document of a YAML text of at most `longest` bytes is; all of them are read.
///
/// # Errors
/// Where it is none, as the library has it.
pub(crate) fn parse(text: &str, longest: usize) -> Result<Root, yaml_serde::Error> {
    if text.len() > longest {
        return Err(yaml_serde::Error::custom("it is too long to be checked"));
    }
    if is_deep(text) {
        return Err(yaml_serde::Error::custom("brackets are nested too deeply"));
    }
    let mut root = None;
    for document in yaml_serde::Deserializer::from_str(text) {
        let this = Root::deserialize(document)?;
        root.get_or_insert(this);
    }
    Ok(root.unwrap_or(Root::Scalar))
}

/// Counts brackets wherever they stand, since it takes a scanner to know those in strings. None stays open where an item
/// of a list begins at the left.
fn is_deep(text: &str) -> bool {
    let mut depth = 0u32;
    text.split_inclusive('\n').any(|line| {
        if line.starts_with("- ") {
            depth = 0;
        }
        line.bytes().any(|byte| {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > DEEPEST
        })
    })
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RootVisitor)
    }
}

struct RootVisitor;

impl<'de> Visitor<'de> for RootVisitor {
    type Value = Root;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Root, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Root::Collection)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Root, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Root::Collection)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Root, A::Error> {
        let (IgnoredAny, tagged) = data.variant()?;
        tagged.newtype_variant()
    }

    fn visit_bool<E>(self, _: bool) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_none<E>(self) -> Result<Root, E> {
        Ok(Root::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Root, D::Error> {
        Root::deserialize(deserializer)
    }
}
