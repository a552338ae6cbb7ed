//! How two values differ, line by line. Invariants: no input makes it panic or take long; what is compared is bounded, and
//! said to be cut; whether bytes are the same is decided on all of them.

use crate::forms::{PREVIEW, beginning, hex, hex_prefix, json, plain_text, unpack};
use quorate_domain::{
    keys::ValueDiff,
    plan::{DiffChange, DiffLine},
};
use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Bytes of a side that are compared line by line.
const SIDE: usize = PREVIEW;
/// Bytes of a document that is compared field by field.
const DOCUMENT: usize = 2 * 1024 * 1024;
/// Lines that are shown.
const LINES: usize = 10_000;
/// After this the difference is right, but not the smallest one.
const PATIENCE: Duration = Duration::from_millis(500);

/// How `to` differs from `from`. JSON on both sides is indented first; gzip on both sides is opened first; what is no
/// text is compared as hex.
pub fn diff(from: &[u8], to: &[u8]) -> ValueDiff {
    let same = from == to;
    let (old, new) = (unpack(from), unpack(to));
    // Where one side is packed and the other is not, that is the difference to show.
    let packed = old.gzip && new.gzip;
    let (old_bytes, new_bytes) = if packed { (old.bytes.as_ref(), new.bytes.as_ref()) } else { (from, to) };
    let cut_inside = packed && (old.cut || new.cut);
    let (mut same_json, old_text, new_text) = match (plain_text(old_bytes), plain_text(new_bytes)) {
        (Some(old), Some(new)) if json::is_document(old) && json::is_document(new) => {
            (says_the_same(old, new), json::indented(old, SIDE), json::indented(new, SIDE))
        }
        (Some(old), Some(new)) => (false, lines_of(old), lines_of(new)),
        _ => (false, hex_of(old_bytes), hex_of(new_bytes)),
    };
    same_json &= !same;
    let mut lines = lines(&old_text.0, &new_text.0);
    let cut = old_text.1 || new_text.1 || cut_inside || lines.len() > LINES;
    lines.truncate(LINES);
    ValueDiff { lines, same, same_json, cut }
}

fn lines_of(text: &str) -> (String, bool) {
    let kept = beginning(text, SIDE);
    (kept.to_owned(), kept.len() < text.len())
}

fn hex_of(bytes: &[u8]) -> (String, bool) {
    let kept = hex_prefix(bytes, SIDE);
    (hex(kept), kept.len() < bytes.len())
}

fn lines(old: &str, new: &str) -> Vec<DiffLine> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut lines = Vec::new();
    for change in diff.iter_all_changes() {
        let tag = match change.tag() {
            ChangeTag::Equal => DiffChange::Same,
            ChangeTag::Insert => DiffChange::Added,
            ChangeTag::Delete => DiffChange::Removed,
        };
        let line = change.value();
        let line = line.strip_suffix('\n').unwrap_or(line);
        // A line that differs in nothing but its end would look like no difference.
        let text = line.strip_suffix('\r').map_or_else(|| line.to_owned(), |line| format!("{line}␍"));
        lines.push(DiffLine { change: tag, text });
        if change.missing_newline() && tag != DiffChange::Same {
            lines.push(DiffLine { change: tag, text: "\\ No line break at the end".into() });
        }
    }
    lines
}

/// Whether two JSON documents say the same: fields in any order, strings however they are escaped, numbers as they are
/// written (`1.0` is not `1`: whoever reads them may tell them apart), repeated fields in their order.
fn says_the_same(old: &str, new: &str) -> bool {
    old.len() <= DOCUMENT && new.len() <= DOCUMENT && fingerprint(old) == fingerprint(new)
}

type Print = [u8; 32];

/// An object or array that is being gone through.
struct Open {
    object: bool,
    /// The name of the field whose value comes next.
    name: Option<Print>,
    inside: Vec<(Print, Print)>,
}

/// A hash over what a JSON document says.
fn fingerprint(text: &str) -> Print {
    let mut open: Vec<Open> = Vec::new();
    let mut root = Print::default();
    for (token, _) in json::tokens(text) {
        let done = match token {
            json::Token::Open(bracket) => {
                open.push(Open { object: bracket == '{', name: None, inside: Vec::new() });
                continue;
            }
            json::Token::Close(_) => {
                let Some(closed) = open.pop() else { continue };
                collection(closed)
            }
            json::Token::Scalar(scalar) => scalar_print(scalar),
            json::Token::Colon | json::Token::Comma => continue,
        };
        match open.last_mut() {
            None => root = done,
            Some(around) if around.object && around.name.is_none() => around.name = Some(done),
            Some(around) => around.inside.push((around.name.take().unwrap_or_default(), done)),
        }
    }
    root
}

fn collection(mut closed: Open) -> Print {
    if closed.object {
        // By name only, and stable: of repeated fields the last one counts for most readers.
        closed.inside.sort_by_key(|(name, _)| *name);
    }
    let mut hash = Sha256::new();
    hash.update(if closed.object { b"{" } else { b"[" });
    for (name, value) in &closed.inside {
        hash.update(name);
        hash.update(value);
    }
    hash.finalize().into()
}

fn scalar_print(scalar: &str) -> Print {
    let mut hash = Sha256::new();
    match serde_json::from_str::<String>(scalar) {
        Ok(text) => {
            hash.update(b"\"");
            hash.update(text);
        }
        Err(_) => {
            hash.update(b"=");
            hash.update(scalar);
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changed(diff: &ValueDiff) -> Vec<String> {
        let sign = |change| match change {
            DiffChange::Same => None,
            DiffChange::Added => Some('+'),
            DiffChange::Removed => Some('-'),
        };
        diff.lines.iter().filter_map(|line| Some(format!("{}{}", sign(line.change)?, line.text))).collect()
    }

    #[test]
    fn json_is_compared_field_by_field() {
        let found = diff(br#"{"a":1,"b":[1,2]}"#, br#"{"a":1,"b":[1,3]}"#);
        assert_eq!(changed(&found), ["-    2", "+    3"]);
        assert!(!found.same && !found.same_json && !found.cut);
    }

    #[test]
    fn json_in_another_order_says_the_same() {
        let found = diff(
            br#"{"a":18446744073709551615,"b":{"x":[],"y":"\u0041"}}"#,
            br#"{"b":{"y":"A","x":[ ]},"a":18446744073709551615}"#,
        );
        assert!(found.same_json && !found.same);
    }

    #[test]
    fn numbers_that_are_written_differently_are_a_difference() {
        assert!(!diff(b"[1.0]", b"[1]").same_json);
        assert!(!diff(b"[18446744073709551615]", b"[18446744073709551616]").same_json);
        assert!(!diff(br#"{"a":1,"a":2}"#, br#"{"a":2,"a":1}"#).same_json);
        assert!(!diff(b"[[],1]", b"[[1]]").same_json);
        assert!(!diff(br#"["1"]"#, b"[1]").same_json);
    }

    #[test]
    fn bytes_are_compared_as_hex() {
        let found = diff(b"\xff\x00", b"\xff\x01");
        let sides = changed(&found);
        assert!(sides[0].starts_with("-00000000  ff 00") && sides[1].starts_with("+00000000  ff 01"), "{sides:?}");
    }

    #[test]
    fn a_line_break_at_the_end_is_a_difference_that_is_seen() {
        assert_eq!(changed(&diff(b"a", b"a\n")), ["-a", "-\\ No line break at the end", "+a"]);
        assert_eq!(changed(&diff(b"a\r\n", b"a\n")), ["-a␍", "+a"]);
    }

    #[test]
    fn of_large_values_the_beginnings_are_compared() {
        let large = "line\n".repeat(100_000);
        let found = diff(large.as_bytes(), format!("{large}more").as_bytes());
        assert!(found.cut && !found.same);
        assert_eq!(found.lines.len(), LINES);
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_compared(from in proptest::collection::vec(any::<u8>(), 0..200), to in proptest::collection::vec(any::<u8>(), 0..200)) {
            let found = diff(&from, &to);
            prop_assert_eq!(found.same, from == to);
            prop_assert!(found.same || found.same_json || !changed(&found).is_empty());
            prop_assert!(changed(&diff(&from, &from)).is_empty());
        }

        #[test]
        fn any_texts_can_be_compared(from in "[\\[\\]{}\",:0-9a\n]{0,40}", to in "[\\[\\]{}\",:0-9a\n]{0,40}") {
            let found = diff(from.as_bytes(), to.as_bytes());
            prop_assert_eq!(found.same, from == to);
        }
    }
}
