//! JSON as the lines of a tree. Invariant: the lines are those of the document in its order, at most so many and of at most
//! so many bytes; what something holds is counted to its end even where its lines are left out.

use super::{
    beginning,
    json::{Token, tokens},
};
use quorate_domain::keys::TreeLine;

/// Bytes of a name or a scalar that a line shows.
const LONGEST: usize = 2000;

/// An object or array that is being gone through.
struct Open {
    /// Its line, where it has one.
    line: Option<usize>,
    /// It has fields, not items.
    object: bool,
    /// Fields or items so far.
    count: u64,
}

/// The tree while it grows.
struct Tree<'a> {
    lines: Vec<TreeLine>,
    open: Vec<Open>,
    /// The name of the field whose value comes next.
    name: Option<&'a str>,
    lines_left: usize,
    bytes_left: usize,
    cut: bool,
}

/// The lines of JSON, at most `most_lines` and about `most` bytes, and whether something is missing.
pub(super) fn lines(text: &str, most_lines: usize, most: usize) -> (Vec<TreeLine>, bool) {
    let mut tree =
        Tree { lines: Vec::new(), open: Vec::new(), name: None, lines_left: most_lines, bytes_left: most, cut: false };
    for (token, _) in tokens(text) {
        tree.take(token);
    }
    (tree.lines, tree.cut)
}

impl<'a> Tree<'a> {
    fn take(&mut self, token: Token<'a>) {
        match token {
            Token::Scalar(name) if self.name.is_none() && self.open.last().is_some_and(|open| open.object) => {
                self.name = Some(name);
            }
            Token::Scalar(scalar) => {
                self.add(scalar, false);
            }
            Token::Open(bracket) => {
                let line = self.add("", true);
                self.open.push(Open { line, object: bracket == '{', count: 0 });
            }
            Token::Close(_) => self.close(),
            Token::Colon | Token::Comma => {}
        }
    }

    /// A line for a value, and its place; none when there is no room for it.
    fn add(&mut self, value: &str, opens: bool) -> Option<usize> {
        let depth = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        let field = self.name.take();
        let number = self.open.last().map(|open| open.count);
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
        }
        let name = match (field, number) {
            (Some(field), _) => self.short(field.get(1..field.len().saturating_sub(1)).unwrap_or_default()),
            (None, Some(number)) => number.to_string(),
            (None, None) => String::new(),
        };
        let value = self.short(value);
        let bytes = name.len() + value.len();
        if self.lines_left == 0 || self.bytes_left < bytes {
            self.cut = true;
            self.lines_left = 0;
            return None;
        }
        self.lines_left -= 1;
        self.bytes_left -= bytes;
        self.lines.push(TreeLine { depth, name, value, opens });
        Some(self.lines.len() - 1)
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        if let Some(line) = closed.line.and_then(|line| self.lines.get_mut(line)) {
            let count = closed.count;
            line.value = if closed.object { format!("{{{count}}}") } else { format!("[{count}]") };
            line.opens = count > 0;
        }
    }

    fn short(&mut self, text: &str) -> String {
        let kept = beginning(text, LONGEST);
        if kept.len() == text.len() {
            return text.to_owned();
        }
        self.cut = true;
        format!("{kept}…")
    }
}
