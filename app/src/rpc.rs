//! Server functions: who calls → one service method → its answer. Invariant: each body is at most ten lines and
//! decides nothing; endpoints have stable names under `/rpc`, so that an open tab survives a new release.
//! Both ways speak JSON (`wire`); forms that the browser posts by itself are understood, too.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod clusters;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod opened;
pub(crate) mod operations;
pub(crate) mod releases;
pub(crate) mod snapshots;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod vaults;
mod wire;

pub(crate) use wire::unreadable;

#[cfg(feature = "ssr")]
mod prelude {
    pub(super) use crate::session::{caller, leave_form, request};
    pub(super) use quorate_core::permit::act;
    pub(super) use quorate_domain::Scope;

    use crate::error::AppError;
    use quorate_core::{
        Console,
        permit::{Act, Permit},
    };

    /// The service layer and the caller's permit for `A` on the whole console.
    pub(super) async fn permitted<A: Act>() -> Result<(Console, Permit<A>), AppError> {
        permitted_in(Scope::Global).await
    }

    /// The service layer and the caller's permit for `A` in `scope`.
    pub(super) async fn permitted_in<A: Act>(scope: Scope) -> Result<(Console, Permit<A>), AppError> {
        let (console, actor) = caller()?;
        let permit = console.permit::<A>(&actor, scope).await?;
        Ok((console, permit))
    }
}
