//! The wizard of the kind `add_member`: which hosts join, and how.

use crate::{
    components::{field::CheckBox, host_choice::HostChoice, load::load, task::Task},
    data::{Boxed, memo},
    pages::page_head,
    wizards::{SourceFields, ask, cluster_and_hosts, form_end, request, stages, trimmed},
};
use leptos::prelude::*;
use quorate_domain::{
    cluster::{ClusterView, MemberRole},
    host::HostSummary,
    membership::AddMemberParams,
    plan::PlanView,
    quorum::{Tolerance, quorum},
};

/// The page.
#[component]
pub(crate) fn AddMember() -> AnyView {
    view! {
        {page_head("Add members", ().into_any())}
        {load(cluster_and_hosts(), |(view, hosts)| wizard(&view, hosts))}
    }
    .boxed()
}

/// What was typed.
#[derive(Clone, Copy)]
struct Form {
    params: StoredValue<AddMemberParams>,
    voters: usize,
    choice: HostChoice,
    source: SourceFields,
    learner: RwSignal<bool>,
    restart: RwSignal<bool>,
    task: Task,
}

fn wizard(view: &ClusterView, hosts: Vec<HostSummary>) -> AnyView {
    let (plan, task) = (RwSignal::new(None), Task::new());
    let form = Form {
        params: StoredValue::new(AddMemberParams::new(view.id.clone(), [])),
        voters: view.members.iter().filter(|m| m.role == MemberRole::Voter).count(),
        choice: HostChoice::new(hosts, task, usize::MAX, None),
        source: SourceFields::new(),
        learner: RwSignal::new(false),
        restart: RwSignal::new(false),
        task,
    };
    let name = view.name.clone();
    stages(plan, "Add", move || form_view(form, plan, &name))
}

impl Form {
    fn params(self) -> AddMemberParams {
        AddMemberParams {
            members: self.choice.members.with_untracked(|m| m.iter().map(trimmed).collect()),
            source: self.source.source(),
            download_url: self.source.download_url(),
            leave_as_learner: self.learner.get_untracked(),
            restart_others: self.restart.get_untracked(),
            ..self.params.get_value()
        }
    }
}

/// What the votes will be with `new` more: "5 voters: 3 needed for a quorum, can lose 2."
fn votes(voters: usize, new: usize, learners: bool) -> String {
    match (new, learners) {
        (0, _) => format!("{voters} voters now, can lose {}.", Tolerance::of(voters, voters).can_lose()),
        (_, true) => format!("{voters} voters as now: learners have no vote."),
        (n, false) => {
            let all = voters + n;
            let lose = Tolerance::of(all, all).can_lose();
            let even = if all.is_multiple_of(2) { " An even number tolerates no more than one fewer." } else { "" };
            format!("{all} voters then: {} needed for a quorum, can lose {lose}.{even}", quorum(all))
        }
    }
}

fn form_view(form: Form, plan: RwSignal<Option<PlanView>>, cluster: &str) -> AnyView {
    let t = form.task;
    let words = memo(move || votes(form.voters, form.choice.members.with(Vec::len), form.learner.get()));
    let legend = format!("Hosts that join {cluster}");
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(t, request("add_member", &form.params()), plan);
            }
        >
            <section class="panel" aria-label="Hosts">
                <h2>{legend}</h2>
                {form.choice.view("New members")}
                <p class="muted" role="status">{move || words.get()}</p>
            </section>
            <section class="panel" aria-label="How">
                <h2>"How"</h2>
                <p class="muted">"Each gets the cluster’s version and settings, joins as a learner, and gets its vote once it has the log."</p>
                {form.source.view(t)}
                <CheckBox label="Leave as learner" name="learner" value=form.learner/>
                <CheckBox label="Restart the other members afterwards, one at a time" name="restart" value=form.restart/>
            </section>
            {form_end(t)}
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_votes_to_come_are_said_before_anything_is_planned() {
        assert_eq!(votes(3, 0, false), "3 voters now, can lose 1.");
        assert_eq!(votes(3, 2, false), "5 voters then: 3 needed for a quorum, can lose 2.");
        assert!(votes(3, 1, false).contains("3 needed for a quorum, can lose 1. An even number"));
        assert!(votes(3, 1, true).contains("no vote"));
    }
}
