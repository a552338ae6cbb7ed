//! One request to the console from a button or a form: pending, problem, and the password asked again when needed.
//! Invariant: one at a time; a problem stays on screen until the next try.

use super::reauth::Reauth;
use crate::{error::AppError, session::Session};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{Problem, ProblemKind};
use std::{future::Future, pin::Pin, sync::Arc};

type Work = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;
type Make = Arc<dyn Fn() -> Work + Send + Sync>;

/// The state of one request.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) busy: RwSignal<bool>,
    pub(crate) problem: RwSignal<Option<Problem>>,
    reauth: Option<Reauth>,
    session: Session,
}

impl Task {
    /// A task that was not started.
    pub(crate) fn new() -> Self {
        Self {
            busy: RwSignal::new(false),
            problem: RwSignal::new(None),
            reauth: use_context(),
            session: Session::get(),
        }
    }

    /// Starts it; `make` is called again when the password had to be given first.
    pub(crate) fn run<F>(self, make: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), AppError>> + 'static,
    {
        self.go(Arc::new(move || Box::pin(make())));
    }

    fn go(self, make: Make) {
        // Busy already, or asked again (after a password) by a page that is gone.
        if self.busy.try_get_untracked() != Some(false) {
            return;
        }
        self.busy.set(true);
        self.problem.set(None);
        spawn_local(async move {
            let result = make().await;
            // The page may be gone by now.
            let _ = self.busy.try_set(false);
            if let Err(AppError(problem)) = result {
                self.failed(problem, make);
            }
        });
    }

    fn failed(self, problem: Problem, make: Make) {
        match (problem.kind, self.reauth) {
            (ProblemKind::Reauthenticate, Some(reauth)) => {
                reauth.ask(Callback::new(move |()| self.go(Arc::clone(&make))));
            }
            (ProblemKind::Unauthenticated, _) => {
                self.session.end();
                let _ = self.problem.try_set(Some(problem));
            }
            _ => {
                let _ = self.problem.try_set(Some(problem));
            }
        }
    }

    /// The message for one field, and none while there is no problem with it.
    pub(crate) fn field(self, name: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.problem.with(|p| p.as_ref().and_then(|p| p.message_for(name).map(str::to_owned))))
    }

    /// The problem as far as no field shows it.
    pub(crate) fn general(self) -> Signal<Option<Problem>> {
        Signal::derive(move || self.problem.get().filter(|p| p.fields.is_empty()))
    }
}
