//! How far a long step is, as a line of its output. Invariant: a page reads what a step said, and takes no other line for it.

use std::fmt;

/// `deleted: 12 000 of 100 000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is done with each.
    pub doing: String,
    /// How many are through.
    pub done: u64,
    /// How many there are; never less.
    pub of: u64,
}

impl Counted {
    /// What a line says; none where it is another one.
    pub fn read(line: &str) -> Option<Self> {
        let (doing, numbers) = line.split_once(": ")?;
        let (done, of) = numbers.split_once(" of ")?;
        let (done, of) = (number(done)?, number(of)?);
        (done <= of).then(|| Self { doing: doing.to_owned(), done, of })
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {}", self.doing, thousands(self.done), thousands(self.of))
    }
}

/// `12 000`, held together by spaces that do not break.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(GAP);
        }
        text.push(digit);
    }
    text
}

const GAP: char = '\u{a0}';

fn number(text: &str) -> Option<u64> {
    text.replace(GAP, "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_in_groups() {
        let plain = |number| thousands(number).replace(GAP, " ");
        assert_eq!((plain(7), plain(12_000), plain(1_234_567)), ("7".into(), "12 000".into(), "1 234 567".into()));
    }

    #[test]
    fn what_was_said_is_read_again_and_nothing_else() {
        let counted = Counted { doing: "put back".into(), done: 12_000, of: 1_234_567 };
        assert_eq!(Counted::read(&counted.to_string()), Some(counted));
        for other in ["keys: 7 deleted", "waiting: 3 of 5 members", "put: 7 of 3", "put: of 3", "7 of 9", ""] {
            assert_eq!(Counted::read(other), None, "{other:?}");
        }
    }
}
