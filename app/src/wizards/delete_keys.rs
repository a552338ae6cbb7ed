//! The wizard of the kind `delete_keys`: which keys go. How many these are, some of their names, and that they are kept first is
//! the plan's to say.

use crate::{
    components::{field::Field, load::load, task::Task},
    data::Boxed,
    pages::{
        keys::{KEY_HINT, typed_prefix},
        page_head,
    },
    wizards::{ask, asked_prefix, cluster_of_path, everything, form_end, request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId,
    cluster::ClusterView,
    keys::DeleteKeysParams,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn DeleteKeys() -> AnyView {
    let (plan, prefix) = (RwSignal::new(None), asked_prefix());
    view! {
        {page_head("Delete a folder of keys", ().into_any())}
        {load(cluster_of_path(), move |cluster| {
            let task = Task::new();
            stages(plan, "Delete", move || form_view(&cluster, prefix, task, plan))
        })}
    }
    .boxed()
}

fn delete(cluster: ClusterId, prefix: &str) -> Result<PlanRequest, Vec<FieldError>> {
    let prefix = typed_prefix("prefix", prefix).map_err(|problem| problem.fields)?;
    request("delete_keys", &DeleteKeysParams { cluster, prefix, revision: None })
}

fn form_view(cluster: &ClusterView, prefix: RwSignal<String>, task: Task, plan: RwSignal<Option<PlanView>>) -> AnyView {
    let id = cluster.id.clone();
    let all = format!("Every key of {} is deleted. The plan asks you to type the cluster's name.", cluster.name);
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(task, delete(id.clone(), &prefix.read_untracked()), plan);
            }
        >
            <section class="panel" aria-label="Keys">
                <h2>{format!("Keys of {}", cluster.name)}</h2>
                <p class="muted">
                    "All keys that start so go: /app/ means what lies in that folder, /app also means /apple. They are kept in a sealed file first, and what somebody writes after you looked at the plan stays."
                </p>
                <Field label="Keys that start with" name="prefix" mono=true value=prefix error=task.field("prefix") hint=KEY_HINT/>
                {everything(prefix, all)}
            </section>
            {form_end(task)}
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_typed_as_they_are_shown_and_what_is_no_key_is_said_at_the_field() {
        let id = ClusterId::from_random([1; 10]);
        let params = |prefix| delete(id.clone(), prefix).expect("parameters").params;
        assert_eq!(params("/a\\x00/")["prefix"], "/a\\x00/");
        assert_eq!(params("")["prefix"], "", "which means all; the plan asks for the name");
        assert_eq!(delete(id.clone(), "/a\\q").expect_err("no key")[0].field, "prefix");
    }
}
