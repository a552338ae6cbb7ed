//! The wizard of the kind `restore_new`: an install whose members begin with a snapshot. Invariant: the form is the install's own, with
//! the snapshot and how revisions go on above it; problems of the install stand at the install's fields.

use super::{
    install_cluster,
    restoring::{BumpFields, loss},
};
use crate::{
    components::{icon::Icon, load::load, problem::problem_view, time},
    data::{Boxed, Data},
    error::AppError,
    format,
    pages::{no_such, page_head, path_id},
    rpc,
    wizards::{request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    Problem, ProblemKind, SnapshotId,
    host::HostSummary,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
    snapshots::{RestoreNewParams, Snapshot},
};

/// What fields of the install are called in this kind's parameters.
const INSTALL: &str = "install.";

/// The page.
#[component]
pub(crate) fn RestoreNew() -> AnyView {
    let data = Data::keyed(path_id(), |id| async move {
        let id: SnapshotId = id.parse().map_err(|_| no_such("snapshot"))?;
        let snapshot = rpc::snapshots::snapshot(id).await?;
        Ok((snapshot, rpc::hosts::hosts().await?))
    });
    view! {
        {page_head("Restore into a new cluster", ().into_any())}
        {load(data, |(snapshot, hosts)| wizard(snapshot, hosts))}
    }
    .boxed()
}

fn wizard(snapshot: Snapshot, hosts: Vec<HostSummary>) -> AnyView {
    if !snapshot.is_good() {
        let title = format!("{} is not good, so nothing can be restored from it", snapshot.name);
        return problem_view(&Problem::new(ProblemKind::Conflict, title).with_detail(snapshot.problem));
    }
    let (form, bump) = (install_cluster::Form::new(hosts), BumpFields::new("not"));
    form.name.set(proposed_name(&snapshot.cluster_name));
    // What wrote it reads it surely.
    if let Some(version) = snapshot.version {
        form.version.set(version.to_string());
    }
    let plan = RwSignal::new(None::<PlanView>);
    let id = snapshot.id.clone();
    let submit = Callback::new(move |()| {
        let wanted = whole(&id, bump, form);
        form.task.run(move || {
            let wanted = wanted.clone();
            async move {
                let wanted = wanted.map_err(|fields| AppError(Problem::invalid(fields)))?;
                let answer =
                    rpc::operations::plan(wanted).await.map_err(|AppError(problem)| AppError(within(problem)))?;
                // The page may be gone by now.
                let _ = plan.try_set(Some(answer));
                Ok(())
            }
        });
    });
    stages(plan, "Restore", move || install_cluster::view(form, first(&snapshot, bump, form), submit))
}

/// `billing-restored`: two clusters of one name are told apart by nobody.
fn proposed_name(of: &str) -> String {
    if of.is_empty() { String::new() } else { format!("{of}-restored") }
}

fn whole(snapshot: &SnapshotId, bump: BumpFields, form: install_cluster::Form) -> Result<PlanRequest, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let bump = bump.bump().map_err(|error| wrong.push(error)).ok();
    let install = form.draft().params().map_err(|errors| wrong.extend(errors)).ok();
    match (bump, install) {
        (Some(bump), Some(install)) => {
            request("restore_new", &RestoreNewParams { snapshot: snapshot.clone(), bump, install })
        }
        _ => Err(wrong),
    }
}

/// Fields of the install by the names that its form has for them.
fn within(mut problem: Problem) -> Problem {
    for error in &mut problem.fields {
        if let Some(own) = error.field.strip_prefix(INSTALL) {
            error.field = own.to_owned();
        }
    }
    problem
}

/// The snapshot, and how revisions go on.
fn first(snapshot: &Snapshot, bump: BumpFields, form: install_cluster::Form) -> AnyView {
    let revision = snapshot.revision.map(|revision| format!(" · rev {}", format::count(revision.0)));
    let version = snapshot.version.map(|version| format!(" · etcd {version}"));
    let twin = (!snapshot.cluster_name.is_empty()).then(|| {
        let name = &snapshot.cluster_name;
        format!("{name} itself is not touched, and goes on if it runs. The new cluster is one of its own: nothing flows between the two, and clients go to it only once you send them there.")
    });
    view! {
        <section class="panel" aria-label="Snapshot">
            <h2>"What it begins with"</h2>
            <p><bdi class="snapshot-name">{snapshot.name.clone()}</bdi></p>
            <p class="muted">{time::ago(snapshot.at)}{revision}" · "{format::bytes(snapshot.bytes.0)}{version}</p>
            <p>{loss(snapshot, None)}</p>
            {twin.map(|words| view! { <div class="note tone-info">{Icon::Info.view()}<p>{words}</p></div> })}
        </section>
        {bump.view(form.task)}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_the_install_stand_at_its_fields() {
        let at = |field: &str| FieldError { field: field.into(), message: "no".into() };
        let problem = within(Problem::invalid(vec![at("install.members.0.address"), at("bump")]));
        let fields: Vec<&str> = problem.fields.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["members.0.address", "bump"]);
    }

    #[test]
    fn the_new_cluster_gets_a_name_of_its_own() {
        assert_eq!(proposed_name("billing"), "billing-restored");
        assert_eq!(proposed_name(""), "");
    }
}
