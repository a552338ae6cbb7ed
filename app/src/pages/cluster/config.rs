//! The configuration of a cluster as it lies on its hosts: what each member has, and where it drifted. Invariant: read by the
//! browser's request and never while the page is rendered, because it goes to every host.

use super::below_head;
use crate::{
    components::{
        badge::{Tone, badge},
        button::{Button, Look, link_button},
        diff::{diff_view, summary},
        problem::ProblemBox,
        task::Task,
    },
    data::Boxed,
    live::ClusterSignal,
    routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action,
    config::{Drift, MemberConfig, SeenFile},
};

/// The page.
#[component]
pub(crate) fn Config() -> AnyView {
    below_head(configurations)
}

fn configurations(view: ClusterSignal) -> AnyView {
    let id = view.with_untracked(|v| v.id.clone());
    let found = RwSignal::new(None::<Vec<MemberConfig>>);
    let task = Task::new();
    let cluster = id.clone();
    let read = Callback::new(move |()| {
        let cluster = cluster.clone();
        task.run(move || {
            let cluster = cluster.clone();
            async move {
                let answer = rpc::clusters::configurations(cluster).await?;
                let _ = found.try_set(Some(answer));
                Ok(())
            }
        });
    });
    Effect::new(move |_| {
        read.try_run(());
    });
    let repair = routes::change(&id, "repair_drift", None);
    let settings = routes::cluster_settings(&id);
    let may = Session::get().may(Action::RunDangerous);
    let drifted = move || found.with(|f| f.as_ref().is_some_and(|all| all.iter().any(repairable)));
    view! {
        <section class="panel" aria-label="Configuration">
            <div class="panel-head">
                <h2>"Configuration"</h2>
                <div class="page-actions">
                    <Button label="Read again" busy=task.busy on_press=read/>
                    {may.then(|| link_button(Look::Plain, settings, "Change settings…"))}
                    {move || (may && drifted()).then(|| link_button(Look::Primary, repair.clone(), "Repair…"))}
                </div>
            </div>
            <p class="muted">"What all members share is expected as most of them have it; names, addresses and peers as the cluster confirms them."</p>
            <ProblemBox problem=task.problem/>
            <p class="muted" role="status">{move || task.busy.get().then_some("Reading the files on every host…")}</p>
        </section>
        {move || found.with(|found| found.as_ref().map(|all| all.iter().map(member).collect_view()))}
    }
    .boxed()
}

fn repairable(config: &MemberConfig) -> bool {
    config.drift.iter().any(|d| d.repairable)
}

/// `as expected`, `2 differences`, or why nothing is known.
fn verdict(config: &MemberConfig) -> (Tone, String) {
    match (config.problem.is_empty(), config.drift.len() + config.dead.len()) {
        (false, _) => (Tone::Bad, config.problem.clone()),
        (true, 0) => (Tone::Ok, "as expected".into()),
        (true, n) => (Tone::Risk, crate::format::plural(n, "difference")),
    }
}

fn member(config: &MemberConfig) -> AnyView {
    let (tone, words) = verdict(config);
    let drift = config.drift.iter().map(drift_line).collect_view();
    let dead = config.dead.iter().map(|setting| {
        view! { <li><code>{setting.clone()}</code>" stands in the unit and is ignored, because etcd is started with a configuration file"</li> }.boxed()
    });
    let files = config.files.iter().map(file).collect_view();
    view! {
        <section class="panel" aria-label=config.name.clone()>
            <h3>{config.name.clone()}" "{badge(tone, words)}</h3>
            {(!config.not_here.is_empty()).then(|| view! { <p class="note tone-info">{format!("Left alone, because {}.", config.not_here)}</p> })}
            {(!config.drift.is_empty() || !config.dead.is_empty()).then(|| view! { <ul class="drift">{drift}{dead.collect_view()}</ul> })}
            {files}
        </section>
    }
    .boxed()
}

fn drift_line(drift: &Drift) -> AnyView {
    let found = if drift.found.is_empty() { "nothing".to_owned() } else { drift.found.clone() };
    let expected =
        if drift.expected.is_empty() { "nothing, as most have it".to_owned() } else { drift.expected.clone() };
    let by_hand = (!drift.repairable).then_some(" (not mended by a repair)");
    view! { <li><strong>{drift.what.clone()}</strong>": "<code>{found}</code>", expected "<code>{expected}</code>{by_hand}</li> }
        .boxed()
}

fn file(file: &SeenFile) -> AnyView {
    let changes = if file.diff.is_empty() { "as expected".to_owned() } else { summary(&file.diff) };
    let text = if file.diff.is_empty() {
        view! { <pre class="diff" tabindex="0">{file.text.clone()}</pre> }.boxed()
    } else {
        diff_view(&file.diff)
    };
    view! {
        <details class="config-file">
            <summary><code>{file.path.clone()}</code>" "<span class="muted">{file.ownership.clone()}", "{changes}</span></summary>
            {text}
        </details>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::MemberId;

    #[test]
    fn a_member_is_as_expected_drifted_or_unknown() {
        let mut config = MemberConfig {
            id: MemberId(1),
            name: "lab1".into(),
            host: None,
            problem: String::new(),
            not_here: String::new(),
            files: Vec::new(),
            dead: Vec::new(),
            drift: Vec::new(),
        };
        assert_eq!(verdict(&config), (Tone::Ok, "as expected".into()));
        config.dead.push("ETCD_NAME=x".into());
        assert_eq!(verdict(&config), (Tone::Risk, "1 difference".into()));
        config.problem = "no route to the host".into();
        assert_eq!(verdict(&config), (Tone::Bad, "no route to the host".into()));
    }
}
