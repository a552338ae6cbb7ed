//! What lies beside a snapshot in its vault: the manifest, and the members' configurations. Invariant: it is read when somebody asks for
//! it, and then the audit trail has a row: configurations may hold secrets; they are shown as text and nothing else.

use crate::{
    components::{button::Button, problem::ProblemBox, task::Task},
    data::Boxed,
    rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    SnapshotId,
    snapshots::{Bundle, MemberFiles},
};

/// The panel.
pub(super) fn panel(id: SnapshotId) -> AnyView {
    let (task, bundle) = (Task::new(), RwSignal::new(None::<Bundle>));
    let show = Callback::new(move |()| {
        let id = id.clone();
        task.run(move || {
            let id = id.clone();
            async move {
                let read = rpc::snapshots::snapshot_bundle(id).await?;
                let _ = bundle.try_set(Some(read));
                Ok(())
            }
        });
    });
    let content = move || match bundle.get() {
        Some(bundle) => shown(bundle),
        None => view! { <Button label="Show what lies beside it" busy=task.busy on_press=show/> }.into_any(),
    };
    view! {
        <section class="panel" aria-label="Beside it">
            <h2>"Beside it in the vault"</h2>
            <p class="muted">"Its manifest, and each member’s etcd.conf and unit as they were. They may hold secrets, so the audit trail notes who looks."</p>
            <ProblemBox problem=task.problem/>
            {move || content()}
        </section>
    }
    .boxed()
}

/// What the manifest says, in a sentence.
fn manifest_words(bundle: &Bundle) -> String {
    match &bundle.manifest {
        None => "There is no manifest beside it any more: whoever finds the file without this console does not know what it is.".to_owned(),
        Some(manifest) => {
            let of = &manifest.snapshot;
            let files = match &manifest.configurations {
                Some(name) => format!("the members’ files are in {name}"),
                None => "there are no members’ files".to_owned(),
            };
            format!("The manifest says: {} bytes, SHA-256 {}; {files}.", of.bytes, of.sha256)
        }
    }
}

fn shown(bundle: Bundle) -> AnyView {
    let words = manifest_words(&bundle);
    let problem = (!bundle.problem.is_empty()).then(|| view! { <p class="field-error">{bundle.problem.clone()}</p> });
    let members = bundle.members.into_iter().map(member).collect_view();
    view! {
        <p class="snapshot-manifest">{words}</p>
        {problem}
        {members}
    }
    .into_any()
}

fn member(of: MemberFiles) -> AnyView {
    let files = of.files.into_iter().map(|(path, text)| {
        let label = format!("{path} of {}", of.member);
        view! {
            <details class="snapshot-file">
                <summary><code>{path}</code></summary>
                <pre class="value" tabindex="0" aria-label=label>{text}</pre>
            </details>
        }
        .boxed()
    });
    let files = files.collect_view();
    view! {
        <h3>{of.member.clone()}</h3>
        {files}
        {(!of.problem.is_empty()).then(|| view! { <p class="muted">{of.problem.clone()}</p> })}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::snapshots::Manifest;

    #[test]
    fn the_manifest_is_told_in_a_sentence() {
        let none = Bundle { manifest: None, members: Vec::new(), problem: String::new() };
        assert!(manifest_words(&none).starts_with("There is no manifest"));
        let manifest = Manifest { snapshot: sample::snapshot(), configurations: Some("x.configurations.json".into()) };
        let words = manifest_words(&Bundle { manifest: Some(manifest), ..none });
        assert!(words.contains("8224 bytes") && words.ends_with("in x.configurations.json."), "{words}");
    }
}
