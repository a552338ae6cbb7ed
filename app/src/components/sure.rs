//! Asks before something is done that somebody may not have meant. Invariant: it is asked one way everywhere: in a dialog, so that
//! the focus goes there and comes back and Esc leaves everything as it is; of its buttons the first one does that, too, because
//! the focus lands on it. What went wrong stays on it until it is opened again.

use super::{
    button::{Button, Look},
    dialog::Dialog,
    problem::ProblemBox,
    task::Task,
};
use crate::data::Boxed;
use leptos::prelude::*;

/// The question: `title` asks, the children say what will be, `yes` and `no` are the buttons. `task` is the request that `yes`
/// starts, where there is one; `on_yes` closes when that was answered.
#[component]
pub(crate) fn Sure(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] yes: Signal<String>,
    #[prop(default = "Keep it")] no: &'static str,
    #[prop(default = Look::Danger)] look: Look,
    #[prop(optional)] task: Option<Task>,
    #[prop(optional, into)] disabled: Signal<bool>,
    on_yes: Callback<()>,
    children: ChildrenFn,
) -> AnyView {
    Effect::new(move |_| {
        if let (true, Some(task)) = (open.get(), task) {
            task.problem.set(None);
        }
    });
    let busy = Signal::derive(move || task.is_some_and(|task| task.busy.get()));
    let close = Callback::new(move |()| open.set(false));
    view! {
        <Dialog open=open title=title>
            {children()}
            {task.map(|task| view! { <ProblemBox problem=task.problem/> })}
            <div class="form-actions">
                <Button label=no on_press=close/>
                <Button label=yes look=look busy=busy disabled=disabled on_press=on_yes/>
            </div>
        </Dialog>
    }
    .boxed()
}
