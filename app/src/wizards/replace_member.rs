//! The wizard of the kind `replace_member`: where the new member goes.

use crate::{
    components::{host_choice::HostChoice, load::load, problem::problem_page, task::Task},
    data::Boxed,
    pages::{no_such, page_head, path_part},
    wizards::{SourceFields, ask, cluster_and_hosts, form_end, request, stages, trimmed},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, MemberId,
    cluster::{ClusterView, MemberView},
    host::HostSummary,
    membership::ReplaceMemberParams,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn ReplaceMember() -> AnyView {
    let member = path_part("member");
    let wizard = move |(view, hosts): (ClusterView, Vec<HostSummary>)| {
        let wanted = member.get_untracked();
        match view.members.iter().find(|m| m.id.to_string() == wanted) {
            Some(member) => wizard(&view, member, hosts),
            None => problem_page(&no_such("member").0),
        }
    };
    view! {
        {page_head("Replace a member", ().into_any())}
        {load(cluster_and_hosts(), wizard)}
    }
    .boxed()
}

#[derive(Clone, Copy)]
struct Form {
    cluster: StoredValue<ClusterId>,
    member: MemberId,
    choice: HostChoice,
    source: SourceFields,
    task: Task,
}

fn wizard(view: &ClusterView, member: &MemberView, hosts: Vec<HostSummary>) -> AnyView {
    let (plan, task) = (RwSignal::new(None), Task::new());
    let form = Form {
        cluster: StoredValue::new(view.id.clone()),
        member: member.id,
        choice: HostChoice::new(hosts, task, 1, member.host.clone()),
        source: SourceFields::new(),
        task,
    };
    let name = member.name.clone();
    stages(plan, "Replace", move || form_view(form, plan, &name))
}

impl Form {
    fn request(self) -> Result<PlanRequest, Vec<FieldError>> {
        let chosen = self.choice.members.with_untracked(|m| m.first().map(trimmed));
        let missing = || vec![FieldError { field: "members".into(), message: "Choose a host".into() }];
        let params = ReplaceMemberParams {
            cluster: self.cluster.get_value(),
            member: self.member,
            replacement: chosen.ok_or_else(missing)?,
            source: self.source.source(),
            download_url: self.source.download_url(),
            token: String::new(),
        };
        request("replace_member", &params)
    }
}

fn form_view(form: Form, plan: RwSignal<Option<PlanView>>, name: &str) -> AnyView {
    let t = form.task;
    let heading = format!("Where the member that replaces {name} runs");
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(t, form.request(), plan);
            }
        >
            <section class="panel" aria-label="Host">
                <h2>{heading}</h2>
                <p class="muted">"The dead member is removed first; then the new one joins as a learner and gets its vote once it has the log."</p>
                {form.choice.view("Host of the new member")}
            </section>
            <section class="panel" aria-label="etcd">
                <h2>"etcd"</h2>
                {form.source.view(t)}
            </section>
            {form_end(t)}
        </form>
    }
    .boxed()
}
