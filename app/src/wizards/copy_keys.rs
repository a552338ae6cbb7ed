//! The wizard of the kind `copy_keys`: which keys go where, and what becomes of those that are there. What that changes is the
//! plan's to say.

use crate::{
    components::{
        field::{Field, Select},
        load::load,
        task::Task,
    },
    data::{Boxed, Data},
    pages::{
        keys::{KEY_HINT, typed_prefix},
        no_such, page_head, path_id,
    },
    rpc,
    wizards::{ask, asked, asked_prefix, everything, form_end, option, request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId,
    cluster::ClusterView,
    keys::{CopyKeysParams, ImportMode},
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn CopyKeys() -> AnyView {
    let (plan, prefix, to) = (RwSignal::new(None), asked_prefix(), asked("to"));
    let data = Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id).await?;
        Ok((page.view, rpc::keys::copy_targets().await?))
    });
    view! {
        {page_head("Copy keys", ().into_any())}
        {load(data, move |(from, targets)| {
            let form = Form::new(&from.id, prefix, &targets, &to);
            stages(plan, "Copy", move || form_view(form, &from, &targets, plan))
        })}
    }
    .boxed()
}

/// What was typed and chosen.
#[derive(Clone, Copy)]
struct Form {
    prefix: RwSignal<String>,
    to: RwSignal<String>,
    to_prefix: RwSignal<String>,
    mode: RwSignal<String>,
    task: Task,
}

/// The cluster that the link asks for, or another one than `from`, if there is one.
fn proposed(from: &ClusterId, targets: &[(ClusterId, String)], asked: &str) -> String {
    let asked = targets.iter().find(|(id, _)| id.as_str() == asked);
    let other = asked.or_else(|| targets.iter().find(|(id, _)| id != from)).or_else(|| targets.first());
    other.map(|(id, _)| id.to_string()).unwrap_or_default()
}

/// What becomes of a key that is there, in a sentence each. Revisions of one place say nothing of another, so they are no
/// third way here.
fn mode_options() -> Vec<(String, String)> {
    vec![
        option(ImportMode::Skip.as_str(), "Skip: what is there stays as it is"),
        option(
            ImportMode::Overwrite.as_str(),
            "Overwrite: what is there is replaced, and kept so that it can come back",
        ),
    ]
}

impl Form {
    fn new(from: &ClusterId, prefix: RwSignal<String>, targets: &[(ClusterId, String)], asked: &str) -> Self {
        Self {
            prefix,
            to: RwSignal::new(proposed(from, targets, asked)),
            to_prefix: RwSignal::new(prefix.get_untracked()),
            mode: RwSignal::new(ImportMode::Skip.as_str().to_owned()),
            task: Task::new(),
        }
    }

    fn request(self, from: ClusterId) -> Result<PlanRequest, Vec<FieldError>> {
        let mode = self.mode.read_untracked();
        let mode = ImportMode::ALL.into_iter().find(|one| one.as_str() == *mode).unwrap_or_default();
        copy(from, &self.to.read_untracked(), &self.prefix.read_untracked(), &self.to_prefix.read_untracked(), mode)
    }
}

/// All that is wrong is told at once.
fn copy(
    from: ClusterId,
    to: &str,
    prefix: &str,
    to_prefix: &str,
    mode: ImportMode,
) -> Result<PlanRequest, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let mut typed =
        |field, text| typed_prefix(field, text).map_err(|problem| wrong.extend(problem.fields)).unwrap_or_default();
    let (prefix, to_prefix) = (typed("prefix", prefix), typed("to_prefix", to_prefix));
    match to.parse::<ClusterId>() {
        Ok(cluster) if wrong.is_empty() => {
            let to_prefix = Some(to_prefix);
            request("copy_keys", &CopyKeysParams { cluster, from, prefix, to_prefix, mode, revision: None })
        }
        Ok(_) => Err(wrong),
        Err(_) => {
            wrong.push(FieldError { field: "cluster".into(), message: "Choose where they are copied to".into() });
            Err(wrong)
        }
    }
}

fn form_view(
    form: Form,
    from: &ClusterView,
    targets: &[(ClusterId, String)],
    plan: RwSignal<Option<PlanView>>,
) -> AnyView {
    let (id, t) = (from.id.clone(), form.task);
    let this = |of: &ClusterId, name: &str| if *of == from.id { format!("{name} (this cluster)") } else { name.into() };
    let clusters = targets.iter().map(|(of, name)| option(of.as_str(), &this(of, name))).collect::<Vec<_>>();
    let all = format!("Every key of {} is copied.", from.name);
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(t, form.request(id.clone()), plan);
            }
        >
            <section class="panel" aria-label="From">
                <h2>{format!("From {}", from.name)}</h2>
                <p class="muted">"They are taken at one revision: what is written meanwhile is not among them."</p>
                <Field label="Keys that start with" name="prefix" mono=true value=form.prefix error=t.field("prefix") hint=KEY_HINT/>
                {everything(form.prefix, all)}
            </section>
            <section class="panel" aria-label="To">
                <h2>"To"</h2>
                <Select label="Cluster" name="cluster" value=form.to options=clusters error=t.field("cluster") hint="Clusters whose keys you may write."/>
                <Field label="The copies start with" name="to_prefix" mono=true value=form.to_prefix error=t.field("to_prefix") hint="Stands in the place of what they start with now; empty: nothing does."/>
                <Select label="Keys that are there already" name="mode" value=form.mode options=mode_options() error=t.field("mode")/>
                <p class="muted">"Copies that are new have no lease."</p>
            </section>
            {form_end(t)}
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ClusterId {
        ClusterId::from_random([n; 10])
    }

    #[test]
    fn another_cluster_is_proposed_and_this_one_where_there_is_no_other() {
        let named = |n: u8| (id(n), format!("c{n}"));
        assert_eq!(proposed(&id(1), &[named(1), named(2)], ""), id(2).to_string());
        assert_eq!(proposed(&id(1), &[named(1), named(2), named(3)], id(3).as_str()), id(3).to_string());
        assert_eq!(proposed(&id(1), &[named(1)], id(9).as_str()), id(1).to_string());
        assert_eq!(proposed(&id(1), &[], ""), "");
    }

    #[test]
    fn the_new_prefix_may_be_empty_and_is_never_left_to_guess() {
        let request = copy(id(1), id(2).as_str(), "/a/", "", ImportMode::Overwrite).expect("parameters");
        let params: CopyKeysParams = serde_json::from_value(request.params).expect("the kind's");
        assert_eq!((params.cluster, params.from, params.mode), (id(2), id(1), ImportMode::Overwrite));
        assert_eq!(params.to_prefix, Some(quorate_domain::keys::Key::default()));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_its_field() {
        let wrong = copy(id(1), "", "a\\q", "b\\q", ImportMode::Skip).expect_err("wrong");
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["prefix", "to_prefix", "cluster"]);
    }
}
