//! What is still to be done on hosts that were away when a member on them was removed: said where somebody looks for it, on
//! the host's page and on its cluster's. Invariant: the words say what the console will do by itself, and why it has not.

use super::{
    button::{Button, Look, link_button},
    icon::Icon,
    keyed::keyed,
    sure::Sure,
    task::Task,
    time::ago,
    toast::Toasts,
};
use crate::{
    data::{Boxed, memo},
    routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{Action, host_task::HostTask};

/// `When lab3 is back: its etcd is stopped and disabled, its data set aside`.
fn title(task: &HostTask) -> String {
    if task.rescued {
        return format!(
            "Not fenced: the old etcd on {} serves old data if it starts, until the console reaches it",
            task.host_name
        );
    }
    format!("When {} is back: its etcd is stopped and disabled, its data set aside", task.host_name)
}

/// The notes, one a task; `again` reads them anew.
pub(crate) fn host_tasks(tasks: Memo<Vec<HostTask>>, again: Callback<()>) -> AnyView {
    let (open, chosen) = (RwSignal::new(false), RwSignal::new(None::<HostTask>));
    let session = Session::get();
    let (run, manage) = (session.may(Action::RunDangerous), session.may(Action::ManageHosts));
    let task = Task::new();
    let toasts = Toasts::get();
    let forget = Callback::new(move |()| {
        let Some(HostTask { host, id, .. }) = chosen.get_untracked() else { return };
        task.run(move || {
            let (host, id) = (host.clone(), id.clone());
            async move {
                rpc::hosts::forget_host_task(host, id).await?;
                toasts.say("The task was forgotten; the host was not touched");
                // The page may be gone by now.
                let _ = open.try_set(false);
                again.try_run(());
                Ok(())
            }
        });
    });
    let ask = Callback::new(move |task: HostTask| {
        chosen.set(Some(task));
        open.set(true);
    });
    let name = memo(move || chosen.with(|c| c.as_ref().map_or_else(String::new, |task| task.host_name.clone())));
    // What is said of a task is part of its key: a note is made anew when that changes.
    let key = |task: &HostTask| format!("{}{:?}{}", task.id, task.attempt, task.problem);
    view! {
        {keyed(move || tasks.get(), key, move |task| note(task, run, manage.then_some(ask)))}
        <Sure open=open title="Forget this task?" yes="Forget" task=task on_yes=forget>
            <p>"The console does not touch "{move || name.get()}" any more. The etcd there stays as it is, and starts again with the host."</p>
        </Sure>
    }
    .boxed()
}

fn note(task: &HostTask, run: bool, forget: Option<Callback<HostTask>>) -> AnyView {
    let attempt = task.attempt.as_ref().map(|id| link_button(Look::Bare, routes::operation(id), "To the operation"));
    let now = run.then(|| link_button(Look::Plain, routes::finish_removal(&task.host, &task.id), "Try now"));
    let forget = forget.map(|ask| {
        let task = task.clone();
        let press = Callback::new(move |()| {
            ask.try_run(task.clone());
        });
        view! { <Button label="Forget this task…" look=Look::Bare on_press=press/> }.into_any()
    });
    let problem = (!task.problem.is_empty()).then(|| view! { <p>{task.problem.clone()}</p> }.boxed());
    let (tone, icon, left) = match task.rescued {
        true => ("note tone-bad", Icon::Bad, "was left out of the rescue of"),
        false => ("note tone-risk", Icon::Risk, "was removed from"),
    };
    view! {
        <div class=tone>
            {icon.view()}
            <div>
                <p class="note-title">{title(task)}</p>
                <p>{format!("{} {left} {} ", task.member, task.cluster_name)}{ago(task.created_at)}"; its host did not answer then."</p>
                {problem}
                <div class="form-actions">{now}{attempt}{forget}</div>
            </div>
        </div>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_note_says_what_will_happen_and_where() {
        let title = title(&sample::host_task());
        let mut fence = sample::host_task();
        fence.rescued = true;
        assert!(super::title(&fence).starts_with("Not fenced: the old etcd on lab3"));
        assert_eq!(title, "When lab3 is back: its etcd is stopped and disabled, its data set aside");
    }
}
