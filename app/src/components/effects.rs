//! The effects of a step as they will be run. Invariant: everything is shown, in order; nothing is summed up away.

use super::{
    diff::{diff_view, summary},
    icon::Icon,
};
use crate::data::Boxed;
use crate::format;
use leptos::prelude::*;
use quorate_domain::plan::EffectView;

/// What a fold of effects is called: `4 commands · 2 files`.
pub(crate) fn tally(effects: &[EffectView]) -> String {
    let count = |is: fn(&EffectView) -> bool| effects.iter().filter(|e| is(e)).count();
    let parts = [
        (count(|e| matches!(e, EffectView::Run { .. })), "command"),
        (count(|e| matches!(e, EffectView::PutFile { .. })), "file"),
        (count(|e| matches!(e, EffectView::Etcd { .. })), "etcd call"),
        (count(|e| matches!(e, EffectView::Wait { .. })), "wait"),
        (count(|e| matches!(e, EffectView::Record { .. })), "note"),
    ];
    let said: Vec<String> =
        parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format::plural(n, what)).collect();
    if said.is_empty() { "nothing".into() } else { said.join(" · ") }
}

/// All of them, folded under their tally.
pub(crate) fn effects_fold(label: &'static str, effects: &[EffectView]) -> AnyView {
    if effects.is_empty() {
        return ().into_any();
    }
    let lines = effects.iter().map(effect).collect_view();
    view! {
        <details class="effects">
            <summary>{label}<span class="muted">{tally(effects)}</span></summary>
            <ol class="effect-list">{lines}</ol>
        </details>
    }
    .boxed()
}

fn effect(effect: &EffectView) -> AnyView {
    match effect {
        EffectView::Run { host, command, unless } => view! {
            <li class="effect">
                <span class="effect-host">{host.clone()}</span>
                <pre tabindex="0">"# "{command.clone()}</pre>
                {(!unless.is_empty()).then(|| view! { <p class="muted">"left out when "{unless.clone()}</p> })}
            </li>
        }
        .boxed(),
        EffectView::PutFile { host, path, ownership, diff } => view! {
            <li class="effect">
                <span class="effect-host">{host.clone()}</span>
                <details>
                    <summary><code>{path.clone()}</code>" "<span class="muted">{ownership.clone()}" · "{summary(diff)}</span></summary>
                    {diff_view(diff)}
                </details>
            </li>
        }
        .boxed(),
        EffectView::Etcd { call } => {
            view! { <li class="effect"><span class="effect-host">"etcd"</span><pre tabindex="0">{call.clone()}</pre></li> }.boxed()
        }
        EffectView::Wait { condition, deadline_seconds } => view! {
            <li class="effect">
                <span class="effect-host">"wait"</span>
                <p>{condition.clone()}<span class="muted">" · at most "{deadline_seconds.to_string()}" s"</span></p>
            </li>
        }
        .boxed(),
        EffectView::Record { what } => {
            view! { <li class="effect"><span class="effect-host">{Icon::Info.view()}"console"</span><p>{what.clone()}</p></li> }.boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_by_sort() {
        let run = EffectView::Run { host: "a".into(), command: "id".into(), unless: String::new() };
        let call = EffectView::Etcd { call: "endpoint status".into() };
        assert_eq!(tally(&[run.clone(), run, call]), "2 commands · 1 etcd call");
        assert_eq!(tally(&[]), "nothing");
    }
}
