//! What can go wrong before and while an operation runs, in the operator's words. The mapping to a `Problem` lives in
//! `core::error`.

use quorate_domain::{OperationId, problem::FieldError};
use quorate_remote::RemoteError;
use quorate_store::StoreError;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The parameters are not right; messages belong at fields.
    #[error("the parameters are not valid")]
    Invalid(Vec<FieldError>),
    /// No kind of this name.
    #[error("there is no operation “{0}”")]
    UnknownKind(String),
    /// The parameters are not of the kind's shape.
    #[error("the parameters do not have the shape of this operation: {0}")]
    Shape(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PlanError {
    /// One parameter that is not right.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }
}

/// Why a step did not do.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// A command ended with an unexpected status.
    #[error("{stderr} (`{command}` ended with status {status})")]
    Command {
        /// The command line, as shown in the plan.
        command: String,
        /// Its status.
        status: i32,
        /// Why, in the operator's words where they are known, and the last lines it printed.
        stderr: String,
    },
    /// The host could not be worked on.
    #[error("{source}")]
    Host {
        /// Name.
        host: String,
        /// Why.
        source: RemoteError,
    },
    /// The console does not know the host any more, or may not use it.
    #[error("{host}: {why}")]
    Inventory {
        /// Name or id.
        host: String,
        /// Why.
        why: String,
    },
    /// A condition did not come true in time.
    #[error("waited {seconds} s: {last}")]
    Waited {
        /// How long.
        seconds: u32,
        /// What was seen last.
        last: String,
    },
    /// The cluster answered, and not as it must.
    #[error("{0}")]
    Verify(String),
    /// Somebody cancelled, and the step could stop halfway.
    #[error("it was stopped, because somebody cancelled")]
    Cancelled,
    /// A job vanished without a result (its host restarted).
    #[error("{host}: the job was cut off and left no result; retry looks first and runs it again if needed")]
    JobLost {
        /// Name.
        host: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order of the log was wrong, or the choice is not open now.
    #[error("{0}")]
    NotNow(String),
    /// There is no such operation.
    #[error("there is no operation {0}")]
    NotFound(OperationId),
}

impl OperationError {
    /// Whether trying again soon can help without anybody doing anything.
    pub fn transient(&self) -> bool {
        matches!(self, Self::Host { source, .. } if source.transient())
    }
}
