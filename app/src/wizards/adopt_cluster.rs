//! The wizard of the kind `adopt_cluster`. Invariant: secrets go to the console once, sealed before the plan is made; the
//! plan, and the request that starts it, hold their id only.

use crate::{
    components::{
        field::{Field, Select, TextArea},
        load::load,
        task::Task,
    },
    data::{Boxed, Data},
    error::AppError,
    pages::page_head,
    rpc,
    session::SecretInput,
};
use leptos::prelude::*;
use quorate_domain::{Problem, adopt::AdoptParams, host::HostSummary, plan::PlanView};

/// The page.
#[component]
pub(crate) fn AdoptCluster() -> AnyView {
    let hosts = Data::new(rpc::hosts::hosts);
    view! {
        {page_head("Adopt a cluster", ().into_any())}
        {load(hosts, wizard)}
    }
    .boxed()
}

fn wizard(hosts: Vec<HostSummary>) -> AnyView {
    let plan = RwSignal::new(None);
    let form = Form::new();
    super::stages(plan, "Adopt", move || view(form, &hosts, plan))
}

/// What was typed, field by field.
#[derive(Clone, Copy)]
struct Form {
    name: RwSignal<String>,
    endpoint: RwSignal<String>,
    host: RwSignal<String>,
    reach: RwSignal<String>,
    ca: RwSignal<String>,
    certificate: RwSignal<String>,
    key: RwSignal<String>,
    user: RwSignal<String>,
    password: RwSignal<String>,
    task: Task,
}

/// The same, as it is when the button is pressed.
#[derive(Clone)]
struct Draft {
    params: AdoptParams,
    ca: String,
    certificate: String,
    key: String,
    user: String,
    password: String,
}

impl Draft {
    /// Whether there is anything to seal.
    fn has_secrets(&self) -> bool {
        [&self.ca, &self.certificate, &self.key, &self.user, &self.password].iter().any(|text| !text.trim().is_empty())
    }
}

impl Form {
    fn new() -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            name: empty(),
            endpoint: empty(),
            host: empty(),
            reach: RwSignal::new("direct".into()),
            ca: empty(),
            certificate: empty(),
            key: empty(),
            user: empty(),
            password: empty(),
            task: Task::new(),
        }
    }

    fn draft(self) -> Draft {
        let text = |signal: RwSignal<String>| signal.read_untracked().trim().to_owned();
        Draft {
            params: AdoptParams {
                name: text(self.name),
                endpoint: text(self.endpoint),
                host: text(self.host).parse().ok(),
                reach: super::reach(&self.reach.read_untracked()),
                access: None,
            },
            ca: text(self.ca),
            certificate: text(self.certificate),
            key: text(self.key),
            user: text(self.user),
            // Spaces may belong to it.
            password: self.password.get_untracked(),
        }
    }

    /// Seals what is secret, then asks for the plan; problems land at their fields.
    fn submit(self, plan: RwSignal<Option<PlanView>>) {
        let draft = self.draft();
        self.task.run(move || {
            let draft = draft.clone();
            async move {
                let wrong = draft.params.validate();
                if !wrong.is_empty() {
                    return Err(AppError(Problem::invalid(wrong)));
                }
                let mut params = draft.params.clone();
                if draft.has_secrets() {
                    let Draft { ca, certificate, key, user, password, .. } = draft;
                    let (key, password) = (SecretInput::new(key), SecretInput::new(password));
                    params.access = Some(rpc::clusters::keep_credentials(ca, certificate, key, user, password).await?);
                }
                let request = super::request("adopt_cluster", &params);
                let request = request.map_err(|fields| AppError(Problem::invalid(fields)))?;
                let answer = rpc::operations::plan(request).await?;
                // The page may be gone by now.
                let _ = plan.try_set(Some(answer));
                Ok(())
            }
        });
    }
}

fn view(form: Form, hosts: &[HostSummary], plan: RwSignal<Option<PlanView>>) -> AnyView {
    let t = form.task;
    let mut choices = vec![super::option("", "None: begin at the endpoint")];
    choices.extend(hosts.iter().map(|host| super::option(host.id.as_str(), &host.name)));
    let reach = super::reach_options();
    let secrets = ["ca", "certificate", "key", "user", "password"];
    let folded = Signal::derive(move || {
        t.problem.with(|p| p.as_ref().is_some_and(|p| secrets.iter().any(|field| p.message_for(field).is_some())))
    });
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                form.submit(plan);
            }
        >
            <p class="muted">"Takes a cluster under management that somebody else installed. Nothing is changed: the plan shows what could be learned of it, and what the console will leave alone."</p>
            <section class="panel" aria-label="Cluster">
                <h2>"Cluster"</h2>
                <Field label="Cluster name" name="name" value=form.name error=t.field("name") hint="How it is called in this console."/>
                <Field label="Endpoint" name="endpoint" mono=true value=form.endpoint error=t.field("endpoint") placeholder="https://10.0.0.11:2379" hint="Client URL of any member; the others are found by it."/>
                <Select label="Or a host that runs a member" name="host" value=form.host options=choices error=t.field("host") hint="The endpoint is then read from its etcd."/>
                <Select label="Console reaches etcd" name="reach" value=form.reach options=reach hint="SSH: every member's host has to be registered, and the client port need not be open to the console."/>
            </section>
            <details class="panel" open=move || folded.get()>
                <summary><h2>"Certificates and login"</h2><span class="muted">"for clusters that want them; kept sealed, never shown again"</span></summary>
                <div class="form">
                <TextArea label="CA certificate" name="ca" value=form.ca error=t.field("ca") rows=4 placeholder="-----BEGIN CERTIFICATE-----" hint="PEM, of whoever signed the members' certificates. Needed for https."/>
                <TextArea label="Client certificate" name="certificate" value=form.certificate error=t.field("certificate") rows=4 placeholder="-----BEGIN CERTIFICATE-----" hint="PEM; for members that ask clients for one."/>
                <TextArea label="Private key" name="key" value=form.key error=t.field("key") rows=4 placeholder="-----BEGIN PRIVATE KEY-----" hint="PEM, of the client certificate."/>
                <div class="form-grid">
                    <Field label="User" name="user" value=form.user error=t.field("user") hint="Of etcd; changes need one with the role root."/>
                    <Field label="Password" name="password" kind="password" autocomplete="off" value=form.password error=t.field("password") hint="Logged in with only where etcd asks for it."/>
                </div>
                </div>
            </details>
            {super::form_end(t)}
        </form>
    }
    .boxed()
}
