//! What can go wrong in a service method, and what a person is told of it. Invariant: a `Problem` never carries a
//! driver's text or a secret; the whole cause chain is logged once, here, when the problem is made.

use quorate_domain::{Problem, ProblemKind};
use quorate_store::StoreError;
use std::{error::Error, fmt::Write as _};

/// Why a service method failed.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// A refusal or a fault that is already in the operator's words.
    #[error("{0}")]
    Problem(Problem),
    /// The console's own storage.
    #[error("the console's storage failed")]
    Store(#[source] StoreError),
    /// A fault of the console itself.
    #[error("{context}")]
    Internal {
        /// What was being done.
        context: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl CoreError {
    /// A fault without a deeper cause.
    pub fn internal(context: impl Into<String>) -> Self {
        Self::Internal { context: context.into(), source: None }
    }

    /// A fault with its cause.
    pub fn caused(context: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Internal { context: context.into(), source: Some(Box::new(source)) }
    }

    /// A `NotFound` problem: "There is no host h-…".
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Problem::new(ProblemKind::NotFound, format!("There is no {what} {id}")).into()
    }

    /// A `Conflict` problem.
    pub fn conflict(title: impl Into<String>) -> Self {
        Problem::new(ProblemKind::Conflict, title).into()
    }
}

impl From<Problem> for CoreError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The one place where a fault becomes words for a person; what lies behind it goes to the log, once.
impl From<CoreError> for Problem {
    fn from(error: CoreError) -> Self {
        match error {
            CoreError::Problem(problem) => problem,
            CoreError::Store(error) => store_problem(error),
            error @ CoreError::Internal { .. } => {
                tracing::error!(error = chain(&error), "a request failed");
                internal()
            }
        }
    }
}

fn internal() -> Problem {
    Problem::new(ProblemKind::Internal, "The console could not do this").with_detail("Its log says why.")
}

fn store_problem(error: StoreError) -> Problem {
    let said = error.to_string();
    match error {
        StoreError::Busy | StoreError::ReadOnly | StoreError::DiskFull => {
            tracing::error!(error = said, "the storage refused a change");
            Problem::new(ProblemKind::Unavailable, sentence(&said))
        }
        StoreError::Conflict { field: "", .. } | StoreError::Claimed { .. } | StoreError::IllegalOrder { .. } => {
            Problem::new(ProblemKind::Conflict, sentence(&said))
        }
        StoreError::Conflict { field, .. } => {
            let mut problem = Problem::field(field, sentence(&said));
            problem.kind = ProblemKind::Conflict;
            problem
        }
        StoreError::NotFound { .. } => Problem::new(ProblemKind::NotFound, sentence(&said)),
        error => {
            tracing::error!(error = chain(&error), "the storage failed");
            internal()
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// All layers of an error in one line, outermost first.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drivers_words_stay_in_the_log() {
        let cause = std::io::Error::other("secret-looking words of a driver");
        let problem = Problem::from(CoreError::caused("reading users", cause));
        assert_eq!(problem.kind, ProblemKind::Internal);
        assert!(!format!("{problem:?}").contains("driver"));
    }

    #[test]
    fn a_full_disk_and_a_taken_name_are_told_apart() {
        let full = Problem::from(CoreError::from(StoreError::DiskFull));
        assert_eq!(full.kind, ProblemKind::Unavailable);
        assert!(full.title.starts_with("The disk"), "{}", full.title);
        let taken = StoreError::Conflict { field: "name", what: "a user of this name is there already".into() };
        let taken = Problem::from(CoreError::from(taken));
        assert_eq!((taken.kind, taken.message_for("name").is_some()), (ProblemKind::Conflict, true));
    }

    #[test]
    fn a_chain_names_every_layer_once() {
        let error = CoreError::caused("outer", CoreError::caused("middle", std::io::Error::other("inner")));
        assert_eq!(chain(&error), "outer: middle: inner");
    }
}
