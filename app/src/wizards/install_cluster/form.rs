//! The wizard's fields as signals, and how they are laid out. Invariant: nothing is decided here; `draft` decides.

use super::{
    choose::{host_choice, version_choice},
    draft::Draft,
    offer::Offer,
};
use crate::{
    components::{
        button::{Button, Look, link_button},
        empty::empty_state,
        field::{Field, Select},
        host_choice::HostChoice,
        problem::ProblemBox,
        task::Task,
    },
    data::Boxed,
    routes,
    wizards::{reach_options, source_options},
};
use leptos::prelude::*;
use quorate_domain::host::HostSummary;

/// What was typed, field by field.
#[derive(Clone, Copy)]
pub(in crate::wizards) struct Form {
    pub(super) choice: HostChoice,
    pub(in crate::wizards) name: RwSignal<String>,
    pub(in crate::wizards) version: RwSignal<String>,
    pub(super) offer: Offer,
    source: RwSignal<String>,
    download_url: RwSignal<String>,
    data_dir: RwSignal<String>,
    client_port: RwSignal<String>,
    peer_port: RwSignal<String>,
    token: RwSignal<String>,
    reach: RwSignal<String>,
    quota_mib: RwSignal<String>,
    compaction_hours: RwSignal<String>,
    heartbeat: RwSignal<String>,
    election: RwSignal<String>,
    snapshot_count: RwSignal<String>,
    pub(in crate::wizards) task: Task,
}

impl Form {
    /// An untouched form.
    pub(in crate::wizards) fn new(hosts: Vec<HostSummary>) -> Self {
        let (d, task) = (Draft::new(), Task::new());
        let (version, download_url) = (RwSignal::new(d.version), RwSignal::new(d.download_url));
        Self {
            choice: HostChoice::new(hosts, task, usize::MAX, None),
            name: RwSignal::new(d.name),
            version,
            offer: Offer::follow(download_url, version),
            source: RwSignal::new(d.source),
            download_url,
            data_dir: RwSignal::new(d.data_dir),
            client_port: RwSignal::new(d.client_port),
            peer_port: RwSignal::new(d.peer_port),
            token: RwSignal::new(d.token),
            reach: RwSignal::new(d.reach),
            quota_mib: RwSignal::new(d.quota_mib),
            compaction_hours: RwSignal::new(d.compaction_hours),
            heartbeat: RwSignal::new(d.heartbeat),
            election: RwSignal::new(d.election),
            snapshot_count: RwSignal::new(d.snapshot_count),
            task,
        }
    }

    /// What was typed.
    pub(in crate::wizards) fn draft(self) -> Draft {
        Draft {
            name: self.name.get_untracked(),
            members: self.choice.members.get_untracked(),
            version: self.version.get_untracked(),
            source: self.source.get_untracked(),
            download_url: self.download_url.get_untracked(),
            data_dir: self.data_dir.get_untracked(),
            client_port: self.client_port.get_untracked(),
            peer_port: self.peer_port.get_untracked(),
            token: self.token.get_untracked(),
            reach: self.reach.get_untracked(),
            quota_mib: self.quota_mib.get_untracked(),
            compaction_hours: self.compaction_hours.get_untracked(),
            heartbeat: self.heartbeat.get_untracked(),
            election: self.election.get_untracked(),
            snapshot_count: self.snapshot_count.get_untracked(),
        }
    }
}

/// The form, with `first` above all; `submit` asks for the plan, and problems land at their fields.
pub(in crate::wizards) fn view(form: Form, first: AnyView, submit: Callback<()>) -> AnyView {
    if form.choice.hosts.with_untracked(Vec::is_empty) {
        let add = link_button(Look::Primary, routes::ADD_HOSTS, "Add hosts");
        return empty_state("No hosts to install on", "Register the servers first; three is the usual number.", add);
    }
    let t = form.task;
    let folded = Signal::derive(move || {
        t.problem.with(|p| p.as_ref().is_some_and(|p| ADVANCED.iter().any(|f| p.message_for(f).is_some())))
    });
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                submit.try_run(());
            }
        >
            {first}
            <section class="panel" aria-label="Name">
                <h2>"Name"</h2>
                <Field label="Cluster name" name="name" value=form.name error=t.field("name") hint="How it is called in this console."/>
            </section>
            <section class="panel" aria-label="Hosts">
                <h2>"Hosts"</h2>
                {host_choice(form)}
            </section>
            <section class="panel" aria-label="etcd">
                <h2>"etcd"</h2>
                {version_choice(form)}
                <Select label="Binaries" name="source" value=form.source options=source_options()/>
                <Field label="Download URL" name="download_url" mono=true value=form.download_url error=t.field("download_url") hint="Empty: the console's own setting. Upstream's layout below it."/>
            </section>
            <details class="panel" open=move || folded.get()>
                <summary><h2>"Advanced"</h2><span class="muted">"etcd's defaults, explained"</span></summary>
                {advanced(form)}
            </details>
            <ProblemBox problem=t.general()/>
            <p class="field-error" role="status">
                {move || t.problem.with(|p| p.as_ref().is_some_and(|p| !p.fields.is_empty())).then_some("Something above needs another look.")}
            </p>
            <div class="form-actions"><Button label="Review the plan" look=Look::Primary submit=true busy=t.busy/></div>
        </form>
    }
    .boxed()
}

/// Fields below the fold: a problem with one opens it.
const ADVANCED: [&str; 9] = [
    "data_dir",
    "client_port",
    "peer_port",
    "token",
    "quota",
    "auto_compaction_hours",
    "heartbeat_millis",
    "election_millis",
    "snapshot_count",
];

fn advanced(form: Form) -> AnyView {
    let t = form.task;
    let reach = reach_options();
    view! {
        <div class="form-grid">
            <Field label="Data directory" name="data_dir" mono=true value=form.data_dir error=t.field("data_dir") hint="Best on a disk of its own, SSD."/>
            <Select label="Console reaches etcd" name="reach" value=form.reach options=reach hint="SSH: the client port need not be open to the console."/>
            <Field label="Client port" name="client_port" value=form.client_port error=t.field("client_port")/>
            <Field label="Peer port" name="peer_port" value=form.peer_port error=t.field("peer_port")/>
            <Field label="Cluster token" name="token" mono=true value=form.token error=t.field("token") hint="Empty: one is made up. It keeps clusters apart that share hosts by mistake."/>
            <Field label="Quota (MiB)" name="quota" value=form.quota_mib error=t.field("quota") hint="Writes stop when the database is this big. etcd's default is 2048, at most 8192 is advised."/>
            <Field label="Auto-compaction (hours)" name="compaction" value=form.compaction_hours error=t.field("auto_compaction_hours") hint="History kept for watchers. 0 is off: for Kubernetes, which compacts itself."/>
            <Field label="Heartbeat (ms)" name="heartbeat" value=form.heartbeat error=t.field("heartbeat_millis") hint="About the round trip between members; 100 suits one site."/>
            <Field label="Election timeout (ms)" name="election" value=form.election error=t.field("election_millis") hint="Ten times the heartbeat is usual."/>
            <Field label="Snapshot count" name="snapshot_count" value=form.snapshot_count error=t.field("snapshot_count") hint="Empty: the version's default (100 000 in 3.5, 10 000 from 3.6)."/>
        </div>
    }
    .boxed()
}
