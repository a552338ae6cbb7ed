//! Opening a snapshot like a cluster: how far that is, and what stands in the way. Invariant: nothing is opened before somebody's
//! browser asks for it, a page that is gone asks no more, and what was closed meanwhile is said and not opened again by itself.

use super::{
    button::{Button, Look},
    problem::ProblemBox,
    task::Task,
};
use crate::{clock::pause, data::Boxed, error::AppError, format, rpc};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Problem, ProblemKind, SnapshotId,
    snapshots::{OpenedSnapshot, OpeningPhase},
};
use std::time::Duration;

/// Between two questions how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at one that is open.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// A snapshot on its way to be open.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    snapshot: StoredValue<SnapshotId>,
    told: RwSignal<Option<OpenedSnapshot>>,
    task: Task,
}

impl Opening {
    /// Asks for nothing yet.
    pub(crate) fn new(snapshot: SnapshotId) -> Self {
        Self { snapshot: StoredValue::new(snapshot), told: RwSignal::new(None), task: Task::new() }
    }

    /// Opens it once the page runs in a browser; `then` hears when it is open.
    pub(crate) fn begin(self, then: Callback<OpenedSnapshot>) {
        Effect::new(move |first: Option<()>| {
            if first.is_none() {
                self.open(then);
            }
        });
    }

    /// Opens it; `then` hears when it is open.
    pub(crate) fn open(self, then: Callback<OpenedSnapshot>) {
        self.task.run(move || async move {
            if let Some(opened) = until_open(self.snapshot.get_value(), self.told).await? {
                then.try_run(opened);
            }
            Ok(())
        });
    }

    /// Asks now and then whether an open one still is, which keeps it open; `gone` hears once that it is not.
    pub(crate) fn keep(self, opened: OpenedSnapshot, gone: Callback<()>) {
        spawn_local(async move {
            loop {
                pause(LOOK_EVERY).await;
                if self.told.try_with_untracked(|_| ()).is_none() {
                    return;
                }
                let asked = rpc::opened::opened_snapshot(opened.id.clone()).await;
                if asked.is_err_and(|AppError(problem)| problem.kind == ProblemKind::NotFound) {
                    let closed = Problem::new(ProblemKind::NotFound, "The snapshot was closed meanwhile");
                    let _ = self.task.problem.try_set(Some(closed));
                    gone.try_run(());
                    return;
                }
            }
        });
    }

    /// How far it is, and a button where it came to nothing.
    pub(crate) fn view(self, then: Callback<OpenedSnapshot>) -> AnyView {
        let words = move || self.told.with(phase_words);
        let bar = move || {
            let (now, max) =
                self.told.with(|told| told.as_ref().map_or((0, 0), |told| (told.bytes.0, told.expected.0)));
            let phase = self.told.with(|told| told.as_ref().map(|told| told.phase));
            match phase {
                Some(OpeningPhase::Fetching) if max > 0 => view! {
                    <progress aria-label="Bytes brought" value=now.min(max).to_string() max=max.to_string()></progress>
                }
                .into_any(),
                Some(OpeningPhase::Failed) => ().into_any(),
                _ => view! { <progress aria-label="Opening"></progress> }.into_any(),
            }
        };
        let again = Callback::new(move |()| self.open(then));
        let shown = move || {
            if self.task.problem.with(Option::is_some) {
                view! { <Button label="Try again" look=Look::Primary busy=self.task.busy on_press=again/> }.into_any()
            } else {
                bar()
            }
        };
        view! {
            <div class="opening">
                <p role="status">{move || words()}</p>
                <ProblemBox problem=self.task.problem/>
                {move || shown()}
            </div>
        }
        .boxed()
    }
}

/// Opens a snapshot and waits until it is; `told` follows how far it is. None when the page is gone.
///
/// # Errors
/// It could not be opened, or is not any more.
pub(crate) async fn until_open(
    id: SnapshotId,
    told: RwSignal<Option<OpenedSnapshot>>,
) -> Result<Option<OpenedSnapshot>, AppError> {
    let mut now = rpc::opened::open_snapshot(id).await?;
    loop {
        if told.try_set(Some(now.clone())).is_some() {
            return Ok(None);
        }
        match now.phase {
            OpeningPhase::Open => return Ok(Some(now)),
            OpeningPhase::Failed => return Err(failed(&now).into()),
            OpeningPhase::Fetching | OpeningPhase::Restoring => {}
        }
        pause(ASK_EVERY).await;
        now = rpc::opened::opened_snapshot(now.id).await?;
    }
}

fn failed(told: &OpenedSnapshot) -> Problem {
    Problem::new(ProblemKind::Conflict, format!("The snapshot {} could not be opened", told.name))
        .with_detail(told.problem.clone())
}

fn phase_words(told: &Option<OpenedSnapshot>) -> String {
    let Some(told) = told else { return "Opening the snapshot…".into() };
    match told.phase {
        OpeningPhase::Fetching if told.bytes.0 == 0 => {
            "Bringing etcd’s programs and the snapshot to the console’s machine…".into()
        }
        OpeningPhase::Fetching => format!(
            "Bringing the snapshot to the console’s machine: {} of {}",
            format::bytes(told.bytes.0),
            format::bytes(told.expected.0.max(told.bytes.0))
        ),
        OpeningPhase::Restoring => "Restoring it into a throw-away etcd…".into(),
        OpeningPhase::Open => "It is open".into(),
        OpeningPhase::Failed => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::wide::Wide;

    #[test]
    fn how_far_it_is_is_told_in_words() {
        let mut told = sample::opened();
        assert!(phase_words(&None).starts_with("Opening"));
        (told.phase, told.bytes, told.expected) = (OpeningPhase::Fetching, Wide(1 << 20), Wide(3 << 20));
        assert!(phase_words(&Some(told.clone())).ends_with("1 MiB of 3 MiB"));
        told.phase = OpeningPhase::Restoring;
        assert!(phase_words(&Some(told.clone())).contains("throw-away"));
        (told.phase, told.problem) = (OpeningPhase::Failed, "the disk is full".into());
        let problem = failed(&told);
        assert!(problem.title.contains(&told.name) && problem.detail == "the disk is full");
    }
}
