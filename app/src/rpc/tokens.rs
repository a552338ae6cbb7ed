//! API tokens of the caller.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use quorate_domain::{Role, TokenId, users::TokenSummary};
use serde::{Deserialize, Serialize};

/// A fresh token: the only answer that ever holds one. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NewToken {
    /// Its row.
    pub(crate) summary: TokenSummary,
    /// What scripts send; shown once.
    pub(crate) token: String,
}

/// The caller's tokens.
#[server(prefix = "/rpc", endpoint = "tokens", protocol = Wire)]
pub(crate) async fn tokens() -> Result<Vec<TokenSummary>, AppError> {
    let (console, permit) = permitted::<act::ManageOwnTokens>().await?;
    Ok(console.tokens(&permit).await?)
}

/// Makes a token.
#[server(prefix = "/rpc", endpoint = "create_token", protocol = Wire)]
pub(crate) async fn create_token(name: String, role: Role, destructive: bool) -> Result<NewToken, AppError> {
    use secrecy::ExposeSecret;
    let (console, permit) = permitted::<act::ManageOwnTokens>().await?;
    let (summary, token) = console.create_token(&permit, &name, role, destructive).await?;
    Ok(NewToken { summary, token: token.expose_secret().to_owned() })
}

/// Ends a token.
#[server(prefix = "/rpc", endpoint = "revoke_token", protocol = Wire)]
pub(crate) async fn revoke_token(token: TokenId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageOwnTokens>().await?;
    console.revoke_token(&permit, &token).await?;
    Ok(())
}
