//! A value on one line, for a list. Invariant: the line holds no control, no line break and nothing that changes the
//! direction of what is beside it.

use super::plain_text;
use quorate_domain::keys::hidden;
use std::ops::Range;

/// Characters of an excerpt.
const EXCERPT: usize = 120;
/// Bytes before the place that an excerpt is of.
const BEFORE: usize = 40;

/// The surroundings of `found` on one line of at most 120 characters; bytes that are no text are replaced.
pub fn excerpt(value: &[u8], found: Range<usize>) -> String {
    let start = boundary(value, found.start.min(value.len()).saturating_sub(BEFORE));
    // A character has at most four bytes.
    let end = boundary(value, value.len().min(start + EXCERPT * 4));
    let text = String::from_utf8_lossy(&value[start..end]);
    let lead = if start > 0 { "…" } else { "" };
    cut(lead, &text, EXCERPT, end < value.len())
}

/// The beginning of a value on one line of at most `most` characters; empty if it is no text.
pub fn preview(value: &[u8], most: usize) -> String {
    plain_text(value).map(|text| cut("", text, most, false)).unwrap_or_default()
}

/// `lead` and as much of `text` as fits into `most` characters, with an ellipsis where there is more.
fn cut(lead: &str, text: &str, most: usize, more: bool) -> String {
    let room = most.saturating_sub(lead.chars().count());
    let more = more || text.chars().nth(room).is_some();
    let kept = if more { room.saturating_sub(1) } else { room };
    let mut line = lead.to_owned();
    line.extend(text.chars().take(kept).map(visible));
    if more && most > 0 {
        line.push('…');
    }
    line
}

/// What stands for a character in a line: ends of lines and tabs become a space, what cannot be seen the replacement.
fn visible(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if hidden(c) => '\u{fffd}',
        c => c,
    }
}

/// `at`, or the beginning of the character that it lies in.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|at| !inside(at)).unwrap_or(at)
}
