//! Two changes of one text brought together, line by line. Invariant: a line that only one side changed is taken from that
//! side; where both changed, both stand there between markers, counted, and nothing is lost. The rule is diff3's
//! (Khanna, Kunal, Pierce, 2007), by `diffy`.

use diffy::{ConflictStyle, IncompleteHunkStyle, MergeOptions};

/// Lines of one side. Finding the smallest difference takes up to the square of it, while somebody waits.
const MOST_LINES: usize = 10_000;

/// The text with both changes, and how many places are in conflict. Those stand between `<<<<<<< mine`, `=======` and
/// `>>>>>>> theirs`. Texts of more than 10,000 lines are one conflict, unless only one side changed.
pub fn merge(base: &str, mine: &str, theirs: &str) -> (String, usize) {
    if mine == theirs || theirs == base {
        return (mine.to_owned(), 0);
    }
    if mine == base {
        return (theirs.to_owned(), 0);
    }
    if [base, mine, theirs].iter().any(|text| text.lines().nth(MOST_LINES).is_some()) {
        let end = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let (after_mine, after_theirs) = (end(mine), end(theirs));
        return (format!("<<<<<<< mine\n{mine}{after_mine}=======\n{theirs}{after_theirs}>>>>>>> theirs\n"), 1);
    }
    // Markers that no line of the texts can be mistaken for; they are made short afterwards.
    let length = 8 + [base, mine, theirs].iter().map(|text| longest_run(text)).max().unwrap_or(0);
    let merged = MergeOptions::new()
        .set_conflict_style(ConflictStyle::Merge)
        .set_incomplete_hunk_style(IncompleteHunkStyle::Git)
        .set_conflict_marker_length(length)
        .merge(base, mine, theirs);
    match merged {
        Ok(text) => (text, 0),
        Err(text) => with_own_markers(&text, length),
    }
}

fn with_own_markers(text: &str, length: usize) -> (String, usize) {
    let [begin, between, end] = ['<', '=', '>'].map(|c| std::iter::repeat_n(c, length).collect::<String>());
    let mut conflicts = 0;
    let own = |line: &str| -> Option<&'static str> {
        if line.starts_with(&begin) {
            Some("<<<<<<< mine\n")
        } else if line.starts_with(&between) {
            Some("=======\n")
        } else {
            line.starts_with(&end).then_some(">>>>>>> theirs\n")
        }
    };
    let mut merged = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        conflicts += usize::from(line.starts_with(&begin));
        merged.push_str(own(line).unwrap_or(line));
    }
    (merged, conflicts)
}

/// How long the longest run of one of the characters of markers is.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, 0);
    for byte in text.bytes() {
        run = if byte == last { run + 1 } else { 1 };
        last = byte;
        if matches!(byte, b'<' | b'=' | b'>') {
            longest = longest.max(run);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn changes_in_different_lines_are_both_kept() {
        let merged = merge("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n");
        assert_eq!(merged, ("A\nb\nc\nd\nE\n".into(), 0));
    }

    #[test]
    fn changes_of_one_line_are_a_conflict_with_both_in_it() {
        let merged = merge("x: 1\n", "x: 2\n", "x: 3\n");
        assert_eq!(merged, ("<<<<<<< mine\nx: 2\n=======\nx: 3\n>>>>>>> theirs\n".into(), 1));
    }

    #[test]
    fn markers_start_lines_where_a_text_has_no_line_break_at_its_end() {
        let merged = merge("1", "2", "3");
        assert_eq!(merged, ("<<<<<<< mine\n2\n=======\n3\n>>>>>>> theirs\n".into(), 1));
    }

    #[test]
    fn lines_that_look_like_markers_are_lines() {
        let text = "<<<<<<< ours\n=======\n>>>>>>> theirs\n";
        let (merged, conflicts) = merge("1\n", &format!("2\n{text}"), "3\n");
        assert_eq!(conflicts, 1);
        assert!(merged.contains(text), "{merged}");
    }

    #[test]
    fn very_long_texts_are_one_conflict() {
        let long = "x\n".repeat(MOST_LINES + 1);
        let (merged, conflicts) = merge(&long, &format!("a\n{long}"), &format!("b\n{long}"));
        assert_eq!(conflicts, 1);
        assert!(merged.starts_with("<<<<<<< mine\na\n") && merged.contains("=======\nb\n"));
    }

    proptest! {
        #[test]
        fn a_side_that_changed_nothing_gives_way(base in "([ab<=>]{0,9}\n?){0,6}", other in "([ab<=>]{0,9}\n?){0,6}") {
            prop_assert_eq!(merge(&base, &other, &base), (other.clone(), 0));
            prop_assert_eq!(merge(&base, &base, &other), (other, 0));
        }

        #[test]
        fn no_changed_line_is_lost(base in "([a-c]\n){0,8}", mine in "([a-d]\n){0,8}", theirs in "([a-e]\n){0,8}") {
            let (merged, _) = merge(&base, &mine, &theirs);
            for line in mine.lines().filter(|line| *line == "d").chain(theirs.lines().filter(|line| *line == "e")) {
                prop_assert!(merged.lines().any(|kept| kept == line));
            }
        }
    }
}
