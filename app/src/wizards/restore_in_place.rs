//! The wizard of the kind `restore_in_place`: which snapshot all members of a cluster begin again with, and how revisions go on.
//! Invariant: what is lost and that nobody is served meanwhile stands beside the choice, before any plan is made.

use super::restoring::{BumpFields, SnapshotChoice, loss, no_snapshot};
use crate::{
    components::{field::Field, icon::Icon, load::load, task::Task},
    data::{Boxed, Data, memo},
    live::Live,
    pages::{fleet, no_such, page_head, path_id},
    rpc,
    wizards::{ask, asked, form_end, request, stages},
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    ClusterId, SnapshotId,
    cluster::ClusterView,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
    snapshots::{RestoreInPlaceParams, Snapshot, SnapshotState},
};

/// The page.
#[component]
pub(crate) fn RestoreInPlace() -> AnyView {
    let asked = asked("snapshot").parse::<SnapshotId>().ok();
    let data = Data::keyed(path_id(), move |id| {
        let asked = asked.clone();
        async move {
            let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
            let view = rpc::clusters::cluster(id.clone()).await?.view;
            let all = rpc::snapshots::list_snapshots(Some(id), Some(SnapshotState::Good), None).await?;
            let asked = match asked {
                Some(asked) => Some(rpc::snapshots::snapshot(asked).await?),
                None => None,
            };
            Ok((view, all, asked))
        }
    });
    view! {
        {page_head("Restore in place", ().into_any())}
        {load(data, |(view, all, asked)| wizard(view, all, asked))}
    }
    .boxed()
}

fn wizard(view: ClusterView, all: Vec<Snapshot>, asked: Option<Snapshot>) -> AnyView {
    let choice = SnapshotChoice::new(all, asked);
    if choice.none() {
        return no_snapshot(Some(&view.id));
    }
    let form = Form {
        cluster: StoredValue::new(view.id.clone()),
        choice,
        bump: BumpFields::new("reckoned"),
        token: RwSignal::new(String::new()),
        task: Task::new(),
        plan: RwSignal::new(None),
    };
    Live::get().seed(vec![view.clone()], false);
    stages(form.plan, "Restore", move || form.view(&view))
}

/// What was chosen and typed.
#[derive(Clone, Copy)]
struct Form {
    cluster: StoredValue<ClusterId>,
    choice: SnapshotChoice,
    bump: BumpFields,
    token: RwSignal<String>,
    task: Task,
    plan: RwSignal<Option<PlanView>>,
}

/// What a snapshot of another cluster means here; none for its own.
fn stranger(snapshot: &Snapshot, cluster: &ClusterId, name: &str) -> Option<String> {
    (snapshot.cluster.as_ref() != Some(cluster)).then(|| {
        let of = if snapshot.cluster_name.is_empty() { "a cluster that nobody knows" } else { &snapshot.cluster_name };
        format!("This snapshot is of {of}: all that {name} holds now is replaced by that.")
    })
}

impl Form {
    fn request(self) -> Result<PlanRequest, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let snapshot = self.choice.id().map_err(|error| wrong.push(error)).ok();
        let bump = self.bump.bump().map_err(|error| wrong.push(error)).ok();
        let (Some(snapshot), Some(bump)) = (snapshot, bump) else { return Err(wrong) };
        let token = self.token.read_untracked().trim().to_owned();
        request("restore_in_place", &RestoreInPlaceParams { cluster: self.cluster.get_value(), snapshot, bump, token })
    }

    fn view(self, view: &ClusterView) -> AnyView {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            ask(self.task, self.request(), self.plan);
        };
        let heading = format!("What {} begins again with", view.name);
        let outage = format!(
            "All {} members stop, and {} serves nobody until you open it to clients. Until then one press brings back what is there now.",
            view.members.len(),
            view.name
        );
        let token = self.task.field("token");
        view! {
            <form class="form wizard" on:submit=submit>
                <div class="note tone-risk">
                    {Icon::Risk.view()}
                    <div>
                        <p class="note-title">"This is an outage"</p>
                        <p>{outage}</p>
                        <p>"Stop the clients before (Kubernetes: the API servers; Patroni: patronictl pause), and restart them afterwards: leases and locks are as old as the snapshot."</p>
                    </div>
                </div>
                <section class="panel" aria-label="Snapshot">
                    <h2>{heading}</h2>
                    {self.choice.view(self.task)}
                    {self.lost(view)}
                </section>
                {self.bump.view(self.task)}
                <details class="panel">
                    <summary><h2>"Advanced"</h2><span class="muted">"the new cluster token"</span></summary>
                    <Field label="Cluster token" name="token" mono=true value=self.token error=token hint="Empty: one is made up. A restored cluster needs another one than before, so that a member that was forgotten cannot join it."/>
                </details>
                {form_end(self.task)}
            </form>
        }
        .boxed()
    }

    /// What the choice costs, as the cluster stands now.
    fn lost(self, view: &ClusterView) -> AnyView {
        let (id, name) = (view.id.clone(), view.name.clone());
        let live = Live::get().cluster(&view.id);
        let words = memo(move || {
            let snapshot = self.choice.snapshot()?;
            let strange = stranger(&snapshot, &id, &name);
            let live = live.as_ref().and_then(|view| view.with(fleet::revision)).filter(|_| strange.is_none());
            Some((strange, loss(&snapshot, live)))
        });
        let note = move || {
            let (strange, lost) = words.get()?;
            let strange = strange.map(|words| view! { <p class="note-title">{words}</p> });
            Some(
                view! { <div class="note tone-risk">{Icon::Risk.view()}<div>{strange}<p>{lost}</p></div></div> }
                    .boxed(),
            )
        };
        view! { <div role="status">{move || note()}</div> }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_snapshot_of_another_cluster_is_said_to_be_one() {
        let snapshot = sample::snapshot();
        assert_eq!(stranger(&snapshot, &ClusterId::from_random([1; 10]), "demo"), None);
        let words = stranger(&snapshot, &ClusterId::from_random([2; 10]), "prod").expect("another");
        assert!(words.contains("is of demo") && words.contains("all that prod holds"), "{words}");
        let unknown = Snapshot { cluster: None, cluster_name: String::new(), ..snapshot };
        assert!(
            stranger(&unknown, &ClusterId::from_random([1; 10]), "demo").expect("unknown").contains("nobody knows")
        );
    }
}
