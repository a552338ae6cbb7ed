//! The wizard of the kind `update_member_urls`: where the others and clients reach a member. Invariant: the fields begin with
//! what it has now; what is wrong with a URL is the plan's to say, at its field.

use crate::{
    components::{field::Field, load::load, problem::problem_page, task::Task},
    data::Boxed,
    pages::{no_such, page_head, path_part},
    wizards::{ask, cluster_and_hosts, form_end, request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, MemberId,
    cluster::{ClusterView, MemberView},
    host::HostSummary,
    membership::UpdateUrlsParams,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};

/// The page.
#[component]
pub(crate) fn UpdateMemberUrls() -> AnyView {
    let member = path_part("member");
    let wizard = move |(view, _): (ClusterView, Vec<HostSummary>)| {
        let wanted = member.get_untracked();
        match view.members.iter().find(|m| m.id.to_string() == wanted) {
            Some(member) => wizard(&view, member),
            None => problem_page(&no_such("member").0),
        }
    };
    view! {
        {page_head("Change addresses", ().into_any())}
        {load(cluster_and_hosts(), wizard)}
    }
    .boxed()
}

#[derive(Clone, Copy)]
struct Form {
    cluster: StoredValue<ClusterId>,
    member: MemberId,
    peer_url: RwSignal<String>,
    client_url: RwSignal<String>,
    task: Task,
}

fn wizard(view: &ClusterView, member: &MemberView) -> AnyView {
    let first = |urls: &[String]| RwSignal::new(urls.first().cloned().unwrap_or_default());
    let plan = RwSignal::new(None);
    let form = Form {
        cluster: StoredValue::new(view.id.clone()),
        member: member.id,
        peer_url: first(&member.peer_urls),
        client_url: first(&member.client_urls),
        task: Task::new(),
    };
    let name = member.name.clone();
    stages(plan, "Change", move || form_view(form, plan, &name))
}

impl Form {
    fn request(self) -> Result<PlanRequest, Vec<FieldError>> {
        let typed = |url: RwSignal<String>| url.read_untracked().trim().to_owned();
        let params = UpdateUrlsParams {
            cluster: self.cluster.get_value(),
            member: self.member,
            peer_url: typed(self.peer_url),
            client_url: typed(self.client_url),
            token: String::new(),
        };
        request("update_member_urls", &params)
    }
}

fn form_view(form: Form, plan: RwSignal<Option<PlanView>>, name: &str) -> AnyView {
    let t = form.task;
    let heading = format!("Where {name} is reached");
    // It may have left the cluster since the page was made.
    let gone = t.field("member");
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(t, form.request(), plan);
            }
        >
            <section class="panel" aria-label="Addresses">
                <h2>{heading}</h2>
                <p class="muted">"It is restarted once. The others learn its peer URL from etcd; who uses its client URL has to be told by you."</p>
                <Field label="Peer URL" name="peer_url" mono=true value=form.peer_url error=t.field("peer_url") hint="Where the other members reach it."/>
                <Field label="Client URL" name="client_url" mono=true value=form.client_url error=t.field("client_url") hint="Where clients reach it."/>
                <p class="field-error" role="status">{move || gone.get()}</p>
            </section>
            {form_end(t)}
        </form>
    }
    .boxed()
}
