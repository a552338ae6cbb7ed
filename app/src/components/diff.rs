//! The difference that a file will have. Invariant: text only, marked by sign and word as well as by colour.

use crate::data::Boxed;
use leptos::prelude::*;
use quorate_domain::plan::{DiffChange, DiffLine};

/// How many lines come and go: `+12 −3`, or `no change`.
pub(crate) fn summary(lines: &[DiffLine]) -> String {
    let of = |change| lines.iter().filter(|l| l.change == change).count();
    match (of(DiffChange::Added), of(DiffChange::Removed)) {
        (0, 0) => "no change".into(),
        (added, 0) if added == lines.len() => format!("new, {added} lines"),
        (added, removed) => format!("+{added} −{removed}"),
    }
}

/// The lines.
pub(crate) fn diff_view(lines: &[DiffLine]) -> AnyView {
    let rows = lines
        .iter()
        .map(|line| {
            let (class, sign) = match line.change {
                DiffChange::Same => ("diff-line", " "),
                DiffChange::Added => ("diff-line diff-added", "+"),
                DiffChange::Removed => ("diff-line diff-removed", "−"),
            };
            view! { <span class=class>{format!("{sign} {}\n", line.text)}</span> }.boxed()
        })
        .collect_view();
    view! { <pre class="diff" tabindex="0">{rows}</pre> }.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_told_from_a_changed_one() {
        let line = |change| DiffLine { change, text: "x".into() };
        assert_eq!(summary(&[line(DiffChange::Added), line(DiffChange::Added)]), "new, 2 lines");
        assert_eq!(summary(&[line(DiffChange::Same), line(DiffChange::Added), line(DiffChange::Removed)]), "+1 −1");
        assert_eq!(summary(&[line(DiffChange::Same)]), "no change");
    }
}
