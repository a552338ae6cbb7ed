//! Wizards: one file a kind of operation, named as the kind. Invariant: each gathers parameters and ends in the one
//! shared plan review. Kinds that ask for nothing but a member share `change_member`.

pub(crate) mod add_member;
pub(crate) mod adopt_cluster;
pub(crate) mod change_member;
pub(crate) mod copy_keys;
pub(crate) mod delete_keys;
pub(crate) mod edit_settings;
pub(crate) mod import_keys;
pub(crate) mod install_cluster;
pub(crate) mod replace_member;
pub(crate) mod rescue_cluster;
pub(crate) mod restore_in_place;
pub(crate) mod restore_new;
mod restoring;
pub(crate) mod shrink_cluster;
pub(crate) mod update_member_urls;

use crate::{
    components::{
        button::{Button, Look},
        field::{Field, Select},
        icon::Icon,
        plan_review::PlanReview,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, Data, memo},
    error::AppError,
    pages::{no_such, path_id},
    rpc,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use quorate_domain::{
    ClusterId, Problem,
    cluster::{ClusterView, Reach},
    host::HostSummary,
    install::{BinarySource, InstallMember},
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};
use serde::Serialize;

/// A quota is typed in these.
const MIB: u64 = 1 << 20;

/// A value of a choice and its words.
fn option(value: &str, words: &str) -> (String, String) {
    (value.to_owned(), words.to_owned())
}

/// Where binaries may come from.
fn source_options() -> Vec<(String, String)> {
    vec![
        option("download", "Each host downloads them"),
        option("push", "The console downloads, verifies and pushes them (hosts without internet)"),
        option("installed", "They are in /usr/bin already"),
    ]
}

/// How the console gets to the client ports.
fn reach_options() -> Vec<(String, String)> {
    vec![option("direct", "Directly to the client port"), option("ssh", "Through each host's SSH connection")]
}

/// A choice of `reach_options`.
fn reach(value: &str) -> Reach {
    if value == "ssh" { Reach::Ssh } else { Reach::Direct }
}

/// Where binaries come from, for kinds that bring etcd to the hosts of a cluster that stands.
#[derive(Clone, Copy)]
struct SourceFields {
    source: RwSignal<String>,
    download_url: RwSignal<String>,
}

impl SourceFields {
    /// Downloaded by each host, from the console's own setting.
    fn new() -> Self {
        Self { source: RwSignal::new("download".into()), download_url: RwSignal::new(String::new()) }
    }

    fn source(self) -> BinarySource {
        source(&self.source.read_untracked())
    }

    fn download_url(self) -> String {
        self.download_url.read_untracked().trim().to_owned()
    }

    fn view(self, task: Task) -> AnyView {
        view! {
            <Select label="Binaries" name="source" value=self.source options=source_options()/>
            <Field label="Download URL" name="download_url" mono=true value=self.download_url error=task.field("download_url") hint="Empty: the console's own setting."/>
        }
        .into_any()
    }
}

/// A chosen member without the spaces around what was typed.
fn trimmed(member: &InstallMember) -> InstallMember {
    InstallMember {
        host: member.host.clone(),
        name: member.name.trim().to_owned(),
        address: member.address.trim().to_owned(),
    }
}

/// The end of each form: what is wrong with none of its fields, and the button.
fn form_end(task: Task) -> AnyView {
    view! {
        <ProblemBox problem=task.general()/>
        <div class="form-actions"><Button label="Review the plan" look=Look::Primary submit=true busy=task.busy/></div>
    }
    .into_any()
}

/// The path's cluster and all hosts.
fn cluster_and_hosts() -> Data<(ClusterView, Vec<HostSummary>)> {
    Data::keyed(path_id(), |id| async move {
        let page = rpc::clusters::cluster(id.parse().map_err(|_| no_such("cluster"))?).await?;
        Ok((page.view, rpc::hosts::hosts().await?))
    })
}

/// The path's cluster.
fn cluster_of_path() -> Data<ClusterView> {
    Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        Ok(rpc::clusters::cluster(id).await?.view)
    })
}

/// What the link to a wizard says of `name`; empty when it says nothing.
fn asked(name: &str) -> String {
    use_query_map().with_untracked(|query| query.get_str(name).unwrap_or_default().to_owned())
}

/// What keys start with, as the link says it: the written form of a key, to be typed on.
pub(crate) fn asked_prefix() -> RwSignal<String> {
    RwSignal::new(asked("prefix"))
}

/// A loud note while nothing stands in the field `prefix`, which means all keys.
fn everything(prefix: RwSignal<String>, words: String) -> AnyView {
    let all = memo(move || prefix.with(String::is_empty));
    let note = move || {
        let words = words.clone();
        all.get().then(|| {
            view! {
                <div class="note tone-bad">
                    {Icon::Risk.view()}
                    <div><p class="note-title">"The field is empty: that means everything"</p><p>{words}</p></div>
                </div>
            }
            .boxed()
        })
    };
    view! { <div role="status">{move || note()}</div> }.boxed()
}

/// A choice of `source_options`.
fn source(value: &str) -> BinarySource {
    match value {
        "push" => BinarySource::Push,
        "installed" => BinarySource::Installed,
        _ => BinarySource::Download,
    }
}

/// The request for a plan of `kind`.
///
/// # Errors
/// Parameters that cannot be written as JSON (they always can).
fn request(kind: &str, params: &impl Serialize) -> Result<PlanRequest, Vec<FieldError>> {
    let params =
        serde_json::to_value(params).map_err(|e| vec![FieldError { field: String::new(), message: e.to_string() }])?;
    Ok(PlanRequest { kind: kind.into(), params })
}

/// Asks for the plan; problems land at the fields of `task`'s form.
fn ask(task: Task, request: Result<PlanRequest, Vec<FieldError>>, plan: RwSignal<Option<PlanView>>) {
    task.run(move || {
        let request = request.clone();
        async move {
            let request = request.map_err(|fields| AppError(Problem::invalid(fields)))?;
            let answer = rpc::operations::plan(request).await?;
            // The page may be gone by now.
            let _ = plan.try_set(Some(answer));
            Ok(())
        }
    });
}

/// The three stages with the form until there is a plan, and its review then.
fn stages(
    plan: RwSignal<Option<PlanView>>,
    run_label: &'static str,
    form: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let back = Callback::new(move |()| plan.set(None));
    let stage = memo(move || plan.with(Option::is_some));
    view! {
        <ol class="setup-steps" aria-label="Progress">
            <li aria-current=move || (!stage.get()).then_some("step")>"Choose"</li>
            <li aria-current=move || stage.get().then_some("step")>"Review the plan"</li>
            <li>"Watch it run"</li>
        </ol>
        {move || match plan.get() {
            Some(plan) => view! { <PlanReview plan=plan run_label=run_label back=back/> }.boxed(),
            None => form(),
        }}
    }
    .boxed()
}
