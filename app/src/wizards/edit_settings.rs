//! The wizard of the kind `edit_settings`: what all members share, changed once. Invariant: an empty field changes nothing.

use crate::{
    components::{
        field::{Field, Select},
        task::Task,
    },
    data::Boxed,
    pages::{page_head, path_id},
    wizards::{MIB, ask, form_end, option, request, stages},
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId,
    membership::{ClusterSettings, SettingsParams},
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};
use std::str::FromStr;

/// The page.
#[component]
pub(crate) fn EditSettings() -> AnyView {
    let cluster = path_id();
    let (plan, form) = (RwSignal::new(None), Form::new());
    view! {
        {page_head("Change settings", ().into_any())}
        {stages(plan, "Change", move || form_view(form, cluster, plan))}
    }
    .boxed()
}

/// What was typed.
#[derive(Clone, Copy)]
struct Form {
    quota_mib: RwSignal<String>,
    compaction_hours: RwSignal<String>,
    heartbeat: RwSignal<String>,
    election: RwSignal<String>,
    snapshot_count: RwSignal<String>,
    log_level: RwSignal<String>,
    task: Task,
}

/// A number, or none where nothing was typed.
fn number<N: FromStr>(text: &str, field: &str, errors: &mut Vec<FieldError>) -> Option<N> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        errors.push(FieldError { field: field.into(), message: "Give a whole number, or nothing".into() });
    }
    number
}

impl Form {
    fn new() -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            quota_mib: empty(),
            compaction_hours: empty(),
            heartbeat: empty(),
            election: empty(),
            snapshot_count: empty(),
            log_level: empty(),
            task: Task::new(),
        }
    }

    fn request(self, cluster: &str) -> Result<PlanRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let quota: Option<u64> = number(&self.quota_mib.read_untracked(), "quota", &mut errors);
        let level = self.log_level.get_untracked();
        let settings = ClusterSettings {
            quota: quota.map(|mib| mib.saturating_mul(MIB).into()),
            auto_compaction_hours: number(
                &self.compaction_hours.read_untracked(),
                "auto_compaction_hours",
                &mut errors,
            ),
            heartbeat_millis: number(&self.heartbeat.read_untracked(), "heartbeat_millis", &mut errors),
            election_millis: number(&self.election.read_untracked(), "election_millis", &mut errors),
            snapshot_count: number(&self.snapshot_count.read_untracked(), "snapshot_count", &mut errors),
            log_level: Some(level).filter(|level| !level.is_empty()),
        };
        let wrong = |_| vec![FieldError { field: "cluster".into(), message: "There is no such cluster".into() }];
        let cluster: ClusterId = cluster.parse().map_err(wrong)?;
        if errors.is_empty() {
            errors = settings.validate();
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        request("edit_settings", &SettingsParams { cluster, settings, token: String::new() })
    }
}

fn form_view(form: Form, cluster: Memo<String>, plan: RwSignal<Option<PlanView>>) -> AnyView {
    let t = form.task;
    let levels = vec![
        option("", "as it is"),
        option("debug", "debug"),
        option("info", "info"),
        option("warn", "warn"),
        option("error", "error"),
    ];
    let none = t.field("settings");
    view! {
        <form
            class="form wizard"
            on:submit=move |event| {
                event.prevent_default();
                ask(t, form.request(&cluster.read_untracked()), plan);
            }
        >
            <section class="panel" aria-label="Settings">
                <h2>"What all members share"</h2>
                <p class="muted">"Empty fields stay as they are. The files are written first; then members restart one at a time, the leader last."</p>
                <div class="form-grid">
                    <Field label="Quota (MiB)" name="quota" value=form.quota_mib error=t.field("quota") hint="Writes stop when the database is this big."/>
                    <Field label="Auto-compaction (hours)" name="compaction" value=form.compaction_hours error=t.field("auto_compaction_hours") hint="0 is off: for Kubernetes, which compacts itself."/>
                    <Field label="Heartbeat (ms)" name="heartbeat" value=form.heartbeat error=t.field("heartbeat_millis") hint="About the round trip between members."/>
                    <Field label="Election timeout (ms)" name="election" value=form.election error=t.field("election_millis") hint="Ten times the heartbeat is usual."/>
                    <Field label="Snapshot count" name="snapshot_count" value=form.snapshot_count error=t.field("snapshot_count") hint="Raft entries between two snapshots."/>
                    <Select label="Log level" name="log_level" value=form.log_level options=levels error=t.field("log_level")/>
                </div>
                <p class="field-error" role="status">{move || none.get()}</p>
            </section>
            {form_end(t)}
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_is_no_number_and_no_error() {
        let mut errors = Vec::new();
        assert_eq!(number::<u32>(" ", "x", &mut errors), None);
        assert_eq!(number::<u32>("7", "x", &mut errors), Some(7));
        assert!(errors.is_empty());
        assert_eq!(number::<u32>("seven", "x", &mut errors), None);
        assert_eq!(errors[0].field, "x");
    }
}
