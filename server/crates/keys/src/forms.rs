//! How a value looks to a person: what it is, the forms it can be shown in, and each of them. Invariants: no input makes
//! any of this panic or nest; what is shown is bounded; numbers of JSON are shown as they are written; a form is for the
//! eye and never what is written back. Differences are `diff`'s, three-way merges `merge`'s, objects of Kubernetes
//! `kubernetes`'.

mod check;
mod hex;
pub(crate) mod json;
mod line;
mod packed;
mod tree;
pub(crate) mod yaml;

pub use check::check;
pub use line::{excerpt, preview};

pub(crate) use check::{json_reason, yaml_reason};
pub(crate) use hex::{hex, prefix_for as hex_prefix};
pub(crate) use packed::unpack;

use crate::kubernetes;
use base64::Engine as _;
use quorate_domain::keys::{Form, ValueView};

/// Bytes of text that a first look shows.
pub const PREVIEW: usize = 256 * 1024;
/// Bytes of text that are shown when all is asked for; the rest is for a download.
pub const MOST: usize = 4 * 1024 * 1024;
/// Lines that a tree has at most.
pub const TREE_LINES: usize = 5000;

/// A masked view, unmasked: what `value` looks like, in the form that is asked for where it applies, else as it is detected. A
/// first look is 256 KiB of text; with `all` it is 4 MiB. A tree has at most 5000 lines.
pub fn show(masked: ValueView, value: &[u8], asked: Option<Form>, all: bool) -> ValueView {
    let unpacked = unpack(value);
    let inner = unpacked.bytes.as_ref();
    let text = text_of(inner, unpacked.cut);
    let (detected, forms) = detect(inner, text);
    let form = asked.filter(|form| forms.contains(form)).unwrap_or(detected);
    let most = if all { MOST } else { PREVIEW };
    let mut tree = Vec::new();
    let (shown, cut) = match form {
        Form::Json => json::indented(text, most),
        Form::Tree => {
            let cut;
            (tree, cut) = tree::lines(text, TREE_LINES, most);
            (String::new(), cut)
        }
        Form::Text | Form::Yaml => {
            let kept = beginning(text, most);
            (kept.to_owned(), kept.len() < text.len())
        }
        Form::Hex => {
            let kept = hex_prefix(inner, most);
            (hex(kept), kept.len() < inner.len())
        }
        Form::Base64 => {
            let kept = &inner[..inner.len().min(most / 4 * 3)];
            (base64::engine::general_purpose::STANDARD.encode(kept), kept.len() < inner.len())
        }
    };
    ValueView {
        detected,
        forms,
        form,
        text: shown,
        tree,
        cut: cut || unpacked.cut,
        gzip: unpacked.gzip,
        is_text: is_editable(value),
        masked: false,
        kubernetes: kubernetes::object(inner),
        ..masked
    }
}

/// What bytes look like, and the forms that apply to them; `text` is empty where they are no UTF-8.
fn detect(bytes: &[u8], text: &str) -> (Form, Vec<Form>) {
    if !bytes.is_empty() && text.is_empty() {
        return (Form::Hex, vec![Form::Hex, Form::Base64]);
    }
    let (detected, more): (_, &[Form]) = if json::is_document(text) {
        (Form::Json, &[Form::Json, Form::Tree])
    } else if yaml::is_document(text) {
        (Form::Yaml, &[Form::Yaml])
    } else {
        (if is_plain(text) { Form::Text } else { Form::Hex }, &[])
    };
    (detected, [&[Form::Text], more, &[Form::Hex, Form::Base64]].concat())
}

/// The bytes as text, or nothing. What was cut may end inside of a character, which is left out then.
fn text_of(bytes: &[u8], cut: bool) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    }
}

/// Whether text has no controls besides those of lines and columns.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Whether bytes are text without controls that a person would not see.
pub(crate) fn plain_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| is_plain(text))
}

/// Text that comes back from an edit as it went in. A carriage return does not: a browser's text fields make every end
/// of a line a line feed (HTML, "API value" of textarea).
fn is_editable(bytes: &[u8]) -> bool {
    !bytes.contains(&b'\r') && plain_text(bytes).is_some()
}

/// At most `most` bytes from the beginning, whole characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests;
