//! The wizard of the kind `shrink_cluster`: how many voters stay. Who leaves, and in which order, is the plan's to say.

use crate::{
    components::{field::Field, load::load, task::Task},
    data::Boxed,
    pages::page_head,
    wizards::{ask, cluster_and_hosts, form_end, request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId,
    cluster::ClusterView,
    membership::ShrinkParams,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn ShrinkCluster() -> AnyView {
    let plan = RwSignal::new(None);
    view! {
        {page_head("Shrink the cluster", ().into_any())}
        {load(cluster_and_hosts(), move |(cluster, _)| {
            let (voters, task) = (RwSignal::new(proposed(&cluster)), Task::new());
            stages(plan, "Shrink", move || form_view(&cluster, voters, task, plan))
        })}
    }
    .boxed()
}

/// The next lower odd number, as text; nothing where there is none.
fn proposed(cluster: &ClusterView) -> String {
    match cluster.tolerance.voters {
        0 | 1 => String::new(),
        voters => (voters.saturating_sub(2) | 1).to_string(),
    }
}

fn shrink(cluster: ClusterId, voters: &str) -> Result<PlanRequest, Vec<FieldError>> {
    let wrong = || vec![FieldError { field: "voters".into(), message: "Give a whole number from 1".into() }];
    let voters = voters.trim().parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    request("shrink_cluster", &ShrinkParams { cluster, voters, token: String::new() })
}

fn form_view(cluster: &ClusterView, voters: RwSignal<String>, task: Task, plan: RwSignal<Option<PlanView>>) -> AnyView {
    let id = cluster.id.clone();
    let now = format!("{} has {} voters now.", cluster.name, cluster.tolerance.voters);
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(task, shrink(id.clone(), &voters.read_untracked()), plan);
            }
        >
            <section class="panel" aria-label="Size">
                <h2>"How many stay"</h2>
                <p class="muted">{now}" Members that are down leave first, the leader last. Their data is set aside, their hosts are free then."</p>
                <Field label="Voters that stay" name="voters" value=voters error=task.field("voters") hint="An odd number: an even one can lose no more."/>
            </section>
            {form_end(task)}
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_next_lower_odd_number_is_proposed() {
        let of = |voters| proposed(&sample::view("demo", voters, voters));
        assert_eq!([of(5), of(4), of(3), of(2), of(1)], ["3", "3", "1", "1", ""]);
    }

    #[test]
    fn what_is_no_number_is_said_at_the_field() {
        let id = ClusterId::from_random([1; 10]);
        assert!(shrink(id.clone(), " 3 ").is_ok());
        for wrong in ["", "0", "three", "-1"] {
            assert_eq!(shrink(id.clone(), wrong).expect_err(wrong)[0].field, "voters");
        }
    }
}
