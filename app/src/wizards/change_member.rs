//! The wizards of the kinds that need nothing but a member: `remove_member`, `promote_member`, `move_leader`,
//! `rolling_restart`; of `finish_removal`, which needs a task of a host, and of `return_from_restore`, which needs a restore's token. The plan is made at once, by the browser: a page
//! that is rendered on the server never asks a cluster.

use crate::{
    components::{plan_review::PlanReview, problem::ProblemBox, task::Task},
    data::Boxed,
    navigate::Navigator,
    pages::{no_such, page_head, path_id, path_part},
    wizards::ask,
};
use leptos::prelude::*;
use quorate_domain::plan::{PlanRequest, PlanView};
use serde_json::json;

/// The kind that is about a host: its path begins with one.
const FINISH_REMOVAL: &str = "finish_removal";

/// The kinds, the page's heading and the word on the button.
const KINDS: [(&str, &str, &str); 8] = [
    (FINISH_REMOVAL, "Finish a removal", "Finish"),
    ("remove_member", "Remove a member", "Remove"),
    ("promote_member", "Promote a learner", "Promote"),
    ("move_leader", "Move the leader", "Move"),
    ("repair_drift", "Repair the configuration", "Repair"),
    ("return_from_restore", "Bring back what was there before a restore", "Bring back"),
    ("rolling_restart", "Restart members", "Restart"),
    ("uninstall_cluster", "Uninstall a cluster", "Uninstall"),
];

/// The page.
#[component]
pub(crate) fn ChangeMember() -> AnyView {
    let (id, kind, member) = (path_id(), path_part("kind"), path_part("member"));
    let wanted = kind.get_untracked();
    let Some((kind, heading, label)) = KINDS.into_iter().find(|(kind, ..)| *kind == wanted) else {
        return crate::components::problem::problem_page(&no_such("page").0);
    };
    let plan = RwSignal::new(None::<PlanView>);
    let task = Task::new();
    Effect::new(move |_| {
        let request = request(kind, &id.get_untracked(), &member.get_untracked());
        ask(task, Ok(request), plan);
    });
    let navigator = Navigator::get();
    let home = if kind == FINISH_REMOVAL { "hosts" } else { "clusters" };
    let back = Callback::new(move |()| navigator.go(format!("/{home}/{}", id.get_untracked())));
    view! {
        {page_head(heading, ().into_any())}
        <ProblemBox problem=task.problem/>
        {move || match plan.get() {
            Some(plan) => view! { <PlanReview plan=plan run_label=label back=back/> }.boxed(),
            None => view! { <p class="muted" role="status">"Looking at the cluster and its hosts…"</p> }.boxed(),
        }}
    }
    .boxed()
}

/// `member` is an id, or `all` for those that have no favourite; for `finish_removal` it is the task's, for `return_from_restore` a token.
fn request(kind: &str, cluster: &str, member: &str) -> PlanRequest {
    let params = match (kind, member) {
        (FINISH_REMOVAL, task) => json!({ "task": task }),
        (_, "all") => json!({ "cluster": cluster }),
        ("return_from_restore", token) => json!({ "cluster": cluster, "restored": token }),
        ("rolling_restart", id) => json!({ "cluster": cluster, "members": [id] }),
        (_, id) => json!({ "cluster": cluster, "member": id }),
    };
    PlanRequest { kind: kind.into(), params }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_gets_the_member_where_it_looks_for_it() {
        let params = |kind, member| request(kind, "c-1", member).params;
        assert_eq!(params("remove_member", "ab"), json!({"cluster": "c-1", "member": "ab"}));
        assert_eq!(params("rolling_restart", "ab"), json!({"cluster": "c-1", "members": ["ab"]}));
        assert_eq!(params("rolling_restart", "all"), json!({"cluster": "c-1"}));
        assert_eq!(params("return_from_restore", "t-1"), json!({"cluster": "c-1", "restored": "t-1"}));
        assert_eq!(params("finish_removal", "ht-a"), json!({"task": "ht-a"}), "of a host, and no cluster's");
    }
}
