//! Checks with their live answers, worst first. Invariant: what is not fine says what to do.

use super::badge::{Tone, badge};
use crate::data::Boxed;
use leptos::prelude::*;
use quorate_domain::plan::{Check, Verdict};

/// Worst first, otherwise in the given order.
pub(crate) fn worst_first(checks: &[Check]) -> Vec<Check> {
    let mut sorted = checks.to_vec();
    crate::order::sort_by_key(&mut sorted, |check| std::cmp::Reverse(check.verdict));
    sorted
}

/// `2 fail · 1 to know · 14 fine`.
pub(crate) fn tally(checks: &[Check]) -> String {
    let of = |verdict| checks.iter().filter(|c| c.verdict == verdict).count();
    let parts = [(of(Verdict::Fail), "to fix"), (of(Verdict::Warn), "to know"), (of(Verdict::Pass), "fine")];
    let said: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if said.is_empty() { "no checks".into() } else { said.join(" · ") }
}

/// The worst verdict.
pub(crate) fn worst(checks: &[Check]) -> Verdict {
    checks.iter().map(|c| c.verdict).max().unwrap_or(Verdict::Pass)
}

/// So many that are fine are read at a glance, and need no fold.
const FEW: usize = 3;

/// The list: what is not fine is open, what is fine is folded away where it is much.
pub(crate) fn check_list(checks: &[Check], with_subject: bool) -> AnyView {
    let (fine, not_fine): (Vec<Check>, Vec<Check>) =
        worst_first(checks).into_iter().partition(|c| c.verdict == Verdict::Pass);
    let count = fine.len();
    let few = count <= FEW;
    view! {
        <ul class="checks">{not_fine.into_iter().map(|c| line(c, with_subject)).collect_view()}</ul>
        {(count > 0).then(|| view! {
            <details class="checks-fine" open=few>
                <summary>{badge(Tone::Ok, format!("{count} fine"))}</summary>
                <ul class="checks">{fine.into_iter().map(|c| line(c, with_subject)).collect_view()}</ul>
            </details>
        })}
    }
    .boxed()
}

fn line(check: Check, with_subject: bool) -> AnyView {
    let subject = (with_subject && !check.subject.is_empty()).then(|| format!("{}: ", check.subject));
    view! {
        <li class="check">
            {badge(check.verdict.into(), format!("{} ", word(check.verdict)))}
            <div>
                <span class="check-subject">{subject}</span>
                <span>{crate::format::words(&check.name)}</span>
                <span class="check-answer">" — "{check.answer}</span>
                {(!check.advice.is_empty()).then(|| view! { <p class="check-advice">{check.advice}</p> })}
            </div>
        </li>
    }
    .boxed()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Fine",
        Verdict::Warn => "To know",
        Verdict::Fail => "To fix",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, verdict: Verdict) -> Check {
        Check { name: name.into(), subject: String::new(), verdict, answer: String::new(), advice: String::new() }
    }

    #[test]
    fn what_must_be_fixed_comes_first() {
        let checks = [
            check("a", Verdict::Pass),
            check("b", Verdict::Warn),
            check("c", Verdict::Fail),
            check("d", Verdict::Fail),
        ];
        let names: Vec<String> = worst_first(&checks).into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["c", "d", "b", "a"]);
        assert_eq!(tally(&checks), "2 to fix · 1 to know · 1 fine");
        assert_eq!((worst(&checks), worst(&[])), (Verdict::Fail, Verdict::Pass));
    }
}
