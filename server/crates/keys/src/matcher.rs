//! A pattern, ready to be held against keys and values. Invariant: patterns are text and what they are held against is
//! bytes, so a key that is no text is found as well; no pattern can take more than linear time.

use globset::GlobBuilder;
use memchr::memmem::Finder;
use quorate_domain::{
    keys::{KeySearch, Match},
    problem::FieldError,
};
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;

/// The longest pattern that is taken, in bytes.
const PATTERN_MAX: usize = 1000;

/// What a pattern may take when it is compiled, and while it is held against something: in bytes. A larger one could hold a
/// processor for minutes.
const COMPILED_MAX: usize = 256 << 10;
const SCRATCH_MAX: usize = 1 << 20;

/// A compiled pattern.
pub struct Matcher {
    how: How,
    literal: Vec<u8>,
}

enum How {
    All,
    Prefix(Vec<u8>),
    Substring(Box<Finder<'static>>),
    Pattern(Regex),
}

impl Matcher {
    /// Compiles the pattern of `search`.
    ///
    /// # Errors
    /// The pattern cannot be read as what it is said to be, or is too long; at the field `pattern`.
    pub fn new(search: &KeySearch) -> Result<Self, FieldError> {
        let KeySearch { pattern, how, ignore_case, .. } = search;
        if pattern.len() > PATTERN_MAX {
            return Err(wrong(format!("A pattern has at most {PATTERN_MAX} bytes; this one has {}.", pattern.len())));
        }
        let bytes = pattern.as_bytes().to_vec();
        let mut literal = Vec::new();
        let how = match how {
            _ if pattern.is_empty() => How::All,
            Match::Prefix if !ignore_case => {
                literal.clone_from(&bytes);
                How::Prefix(bytes)
            }
            Match::Substring if !ignore_case => How::Substring(Box::new(Finder::new(&bytes).into_owned())),
            Match::Prefix => How::Pattern(regex(&format!("^{}", regex::escape(pattern)), true)?),
            Match::Substring => How::Pattern(regex(&regex::escape(pattern), true)?),
            Match::Regex => How::Pattern(regex(pattern, *ignore_case)?),
            Match::Glob => {
                let mut glob = GlobBuilder::new(pattern);
                glob.literal_separator(false).case_insensitive(*ignore_case);
                let glob = glob.build().map_err(|e| wrong(format!("The pattern is no glob: {}.", e.kind())))?;
                if !ignore_case {
                    let special = |c: &u8| matches!(c, b'*' | b'?' | b'[' | b'{' | b'\\');
                    literal.extend(bytes.iter().copied().take_while(|c| !special(c)));
                }
                // The flag for case is in the text already.
                How::Pattern(bounded(glob.regex()).dot_matches_new_line(true).build().map_err(too_large)?)
            }
        };
        Ok(Self { how, literal })
    }

    /// Whether the key is meant.
    pub fn key(&self, key: &[u8]) -> bool {
        match &self.how {
            How::All => true,
            How::Prefix(prefix) => key.starts_with(prefix),
            How::Substring(finder) => finder.find(key).is_some(),
            How::Pattern(regex) => regex.is_match(key),
        }
    }

    /// Where in a value it was found first.
    pub fn value(&self, value: &[u8]) -> Option<Range<usize>> {
        match &self.how {
            How::All => Some(0..0),
            How::Prefix(prefix) => value.starts_with(prefix).then_some(0..prefix.len()),
            How::Substring(finder) => finder.find(value).map(|at| at..at + finder.needle().len()),
            How::Pattern(regex) => regex.find(value).map(|found| found.range()),
        }
    }

    /// What every key that is meant starts with; empty where that is not known. Says nothing of values.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.literal
    }
}

fn regex(pattern: &str, ignore_case: bool) -> Result<Regex, FieldError> {
    bounded(pattern).case_insensitive(ignore_case).build().map_err(|error| match error {
        // The last line is the reason; those before it draw the place, which needs a fixed-width face.
        regex::Error::Syntax(text) => {
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            wrong(format!("The pattern is no regular expression: {reason}."))
        }
        other => too_large(other),
    })
}

fn bounded(pattern: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(COMPILED_MAX).dfa_size_limit(SCRATCH_MAX);
    builder
}

fn too_large(_: regex::Error) -> FieldError {
    wrong("The pattern is too large when it is compiled; use smaller repetitions.")
}

fn wrong(message: impl Into<String>) -> FieldError {
    FieldError { field: "pattern".to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matcher(how: Match, pattern: &str, ignore_case: bool) -> Matcher {
        let search = KeySearch { pattern: pattern.to_owned(), how, ignore_case, ..KeySearch::default() };
        Matcher::new(&search).expect("a pattern")
    }

    #[test]
    fn each_way_of_meaning_a_pattern_finds_its_own() {
        let finds = |how, pattern, key: &str| matcher(how, pattern, false).key(key.as_bytes());
        assert!(finds(Match::Prefix, "/a", "/a/b") && !finds(Match::Prefix, "a", "/a/b"));
        assert!(finds(Match::Substring, "a/", "/a/b") && !finds(Match::Substring, "A", "/a/b"));
        assert!(finds(Match::Glob, "/a/*/z", "/a/b/c/z") && !finds(Match::Glob, "a/*", "/a/b"));
        assert!(finds(Match::Glob, "/?/[bc]", "/a/b") && !finds(Match::Glob, "/?/[bc]", "/a/d"));
        assert!(finds(Match::Regex, "a.b$", "/a/b") && !finds(Match::Regex, "^a", "/a/b"));
        assert!(Match::ALL.into_iter().all(|how| finds(how, "", "anything")));
    }

    #[test]
    fn case_is_forgotten_where_asked() {
        for (how, pattern) in
            [(Match::Prefix, "/ÄB"), (Match::Substring, "äB"), (Match::Glob, "*B"), (Match::Regex, "Äb$")]
        {
            assert!(matcher(how, pattern, true).key("/äb".as_bytes()), "{how:?}");
            assert!(!matcher(how, pattern, false).key("/äb".as_bytes()), "{how:?}");
        }
        assert!(matcher(Match::Prefix, "/a", true).literal_prefix().is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_found_too() {
        assert!(matcher(Match::Substring, "b", false).key(b"\xffb\0"));
        assert!(matcher(Match::Glob, "a*z", false).key(b"a\xff\n\0z"));
        assert!(matcher(Match::Regex, "b", false).key(b"\xffb"));
    }

    #[test]
    fn a_value_says_where_it_was_found() {
        assert_eq!(matcher(Match::Substring, "lo", false).value(b"hello"), Some(3..5));
        assert_eq!(matcher(Match::Regex, "l+", false).value(b"hello"), Some(2..4));
        assert_eq!(matcher(Match::Prefix, "h", false).value(b"hello"), Some(0..1));
        assert_eq!(matcher(Match::Substring, "x", false).value(b"hello"), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_at_the_field() {
        let long = "a".repeat(PATTERN_MAX + 1);
        for (how, pattern) in [
            (Match::Regex, "("),
            (Match::Glob, "[a"),
            (Match::Regex, "(a{900}){900}"),
            (Match::Regex, "\\w{500}"),
            (Match::Prefix, &*long),
        ] {
            let search = KeySearch { pattern: pattern.to_owned(), how, ..KeySearch::default() };
            let error = Matcher::new(&search).err().expect("refused");
            assert_eq!(error.field, "pattern");
            assert!(!error.message.contains('\n'), "{}", error.message);
        }
    }

    #[test]
    fn a_pattern_as_long_as_may_be_compiles_in_any_case() {
        for how in [Match::Substring, Match::Prefix, Match::Glob] {
            let long = "k".repeat(PATTERN_MAX);
            assert!(matcher(how, &long, true).key("K".repeat(PATTERN_MAX).as_bytes()), "{how:?}");
        }
    }

    proptest! {
        #[test]
        fn every_match_starts_with_the_literal_prefix(pattern in "[ab*?]{0,5}", key in "[ab]{0,6}") {
            let glob = matcher(Match::Glob, &pattern, false);
            prop_assert!(!glob.key(key.as_bytes()) || key.as_bytes().starts_with(glob.literal_prefix()));
        }
    }
}
