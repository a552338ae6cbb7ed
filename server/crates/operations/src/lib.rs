//! The operation engine: durable, reviewed changes on hosts and clusters.
//!
//! Invariant: what is reviewed is what runs. A plan is data (`effect`, `plan`); one executor runs it, one renderer
//! shows it, one writer prints it as a shell runbook. Every step is logged before its effect, observed before it is
//! run, bounded by a deadline and harmless to repeat. Who may start what is decided in `core`.

mod bulk;
pub mod context;
mod discover;
mod drift;
pub mod effect;
pub mod engine;
pub mod error;
pub mod executor;
pub mod kinds;
mod membership;
pub mod observe;
mod patroni;
pub mod plan;
mod provision;
pub mod recovery;
pub mod render;
mod restoring;
pub mod runbook;
pub mod shell;
pub mod steps;
pub mod survivor;

pub use context::{EngineEvents, Inventory, Planner};
pub use engine::Engine;
pub use error::{OperationError, PlanError};
pub use plan::Plan;
