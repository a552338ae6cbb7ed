//! JSON as it is written. Invariant: tokens are moved, never rewritten, so numbers, order and repeated fields stay; nothing
//! here recurses. Whether text is JSON says serde_json; the scanner goes over text that passed it, and over any other
//! without harm.

use serde::de::IgnoredAny;
use std::ops::Range;

/// Deeper documents are shown as text.
const DEEPEST: usize = 512;

/// One token of JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token<'a> {
    /// `{` or `[`.
    Open(char),
    /// `}` or `]`.
    Close(char),
    /// `:`.
    Colon,
    /// `,`.
    Comma,
    /// A string with its quotes, a number, `true`, `false`, `null`.
    Scalar(&'a str),
}

/// The tokens of JSON with their places.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = (Token<'_>, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        let start = at;
        let first = *bytes.get(start)?;
        at = match first {
            b'"' => string_end(bytes, start),
            b'{' | b'[' | b'}' | b']' | b':' | b',' => start + 1,
            _ => {
                let ends = |byte: &u8| b" \t\n\r{}[]:,\"".contains(byte);
                bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
            }
        };
        let token = match first {
            b'{' | b'[' => Token::Open(char::from(first)),
            b'}' | b']' => Token::Close(char::from(first)),
            b':' => Token::Colon,
            b',' => Token::Comma,
            _ => Token::Scalar(text.get(start..at)?),
        };
        Some((token, start..at))
    })
}

/// The place after the quote that ends the string which begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether text is a JSON object or array that can be shown as such.
pub(crate) fn is_document(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && parse(text).is_ok() && depth(text) <= DEEPEST
}

/// Whether text is JSON; numbers of any size are.
///
/// # Errors
/// Where it is none, as serde_json has it.
pub(crate) fn parse(text: &str) -> Result<(), serde_json::Error> {
    // serde_json goes over ignored values without recursion, so depth is no limit here.
    serde_json::from_str::<IgnoredAny>(text).map(|_| ())
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for (token, _) in tokens(text) {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// JSON with one field or item a line, and whether something is missing because it would be longer than `most` bytes.
pub(crate) fn indented(text: &str, most: usize) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(most));
    let mut depth = 0usize;
    let mut empty = false;
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for (token, _) in tokens(text) {
        if out.len() > most {
            break;
        }
        if let Token::Close(close) = token {
            depth = depth.saturating_sub(1);
            if !empty {
                new_line(&mut out, depth);
            }
            out.push(close);
        } else {
            if empty {
                new_line(&mut out, depth);
            }
            match token {
                Token::Open(open) => {
                    depth += 1;
                    out.push(open);
                }
                Token::Comma => {
                    out.push(',');
                    new_line(&mut out, depth);
                }
                Token::Colon => out.push_str(": "),
                Token::Scalar(scalar) => out.push_str(scalar),
                Token::Close(_) => {}
            }
        }
        empty = matches!(token, Token::Open(_));
    }
    let cut = out.len() > most;
    out.truncate(out.floor_char_boundary(most));
    (out, cut)
}
