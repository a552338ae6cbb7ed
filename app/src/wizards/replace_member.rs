//! The wizard of the kind `replace_member`: where the new member goes.

use crate::{
    components::{
        button::{Button, Look},
        field::{Field, Select},
        host_choice::HostChoice,
        load::load,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, Data},
    pages::{no_such, page_head, path_id, path_part},
    rpc,
    wizards::{ask, request, source, source_options, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    cluster::{ClusterView, MemberView},
    host::HostSummary,
    install::InstallMember,
    membership::ReplaceMemberParams,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn ReplaceMember() -> AnyView {
    let member = path_part("member");
    let data = Data::keyed(path_id(), |id| async move {
        let page = rpc::clusters::cluster(id.parse().map_err(|_| no_such("cluster"))?).await?;
        Ok((page.view, rpc::hosts::hosts().await?))
    });
    let wizard = move |(view, hosts): (ClusterView, Vec<HostSummary>)| {
        let wanted = member.get_untracked();
        match view.members.iter().find(|m| m.id.to_string() == wanted) {
            Some(member) => wizard(&view, member, hosts),
            None => crate::components::problem::problem_page(&no_such("member").0),
        }
    };
    view! {
        {page_head("Replace a member", ().into_any())}
        {load(data, wizard)}
    }
    .boxed()
}

#[derive(Clone, Copy)]
struct Form {
    params: StoredValue<ReplaceMemberParams>,
    choice: HostChoice,
    source: RwSignal<String>,
    download_url: RwSignal<String>,
    task: Task,
}

fn wizard(view: &ClusterView, member: &MemberView, hosts: Vec<HostSummary>) -> AnyView {
    let (plan, task) = (RwSignal::new(None), Task::new());
    // Any host: the one that was chosen takes its place before this is sent.
    let Some(first) = hosts.first().map(|host| host.id.clone()) else {
        return crate::components::problem::problem_page(&no_such("host").0);
    };
    let params = ReplaceMemberParams {
        cluster: view.id.clone(),
        member: member.id,
        replacement: InstallMember { host: first, name: String::new(), address: String::new() },
        source: source(""),
        download_url: String::new(),
        token: String::new(),
    };
    let form = Form {
        params: StoredValue::new(params),
        choice: HostChoice::new(hosts, task, 1, member.host.clone()),
        source: RwSignal::new("download".into()),
        download_url: RwSignal::new(String::new()),
        task,
    };
    let name = member.name.clone();
    stages(plan, "Replace", move || form_view(form, plan, &name))
}

impl Form {
    fn request(self) -> Result<PlanRequest, Vec<FieldError>> {
        let chosen = self.choice.members.with_untracked(|m| m.first().cloned());
        let missing = || vec![FieldError { field: "members".into(), message: "Choose a host".into() }];
        let chosen = chosen.ok_or_else(missing)?;
        let params = ReplaceMemberParams {
            replacement: InstallMember {
                host: chosen.host,
                name: chosen.name.trim().to_owned(),
                address: chosen.address.trim().to_owned(),
            },
            source: source(&self.source.read_untracked()),
            download_url: self.download_url.read_untracked().trim().to_owned(),
            ..self.params.get_value()
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
                <Select label="Binaries" name="source" value=form.source options=source_options()/>
                <Field label="Download URL" name="download_url" mono=true value=form.download_url error=t.field("download_url") hint="Empty: the console's own setting."/>
            </section>
            <ProblemBox problem=t.general()/>
            <div class="form-actions"><Button label="Review the plan" look=Look::Primary submit=true busy=t.busy/></div>
        </form>
    }
    .boxed()
}
