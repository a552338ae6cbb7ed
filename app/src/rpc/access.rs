//! Coming in and going out: set-up, login, invite, re-authentication, own password.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::{error::AppError, session::SecretInput};
use leptos::prelude::*;
use quorate_domain::users::SessionInfo;

/// Whether the console waits for its first admin.
#[server(prefix = "/rpc", endpoint = "setup_needed", protocol = Wire)]
pub(crate) async fn setup_needed() -> Result<bool, AppError> {
    Ok(request()?.console.setup_needed().await?)
}

/// Who is logged in; none when the session ended.
#[server(prefix = "/rpc", endpoint = "session", protocol = Wire)]
pub(crate) async fn current_session() -> Result<Option<SessionInfo>, AppError> {
    Ok(request()?.actor.map(|actor| actor.session_info()))
}

/// Makes the first admin with the one-time code and logs it in.
#[server(prefix = "/rpc", endpoint = "setup", protocol = Wire)]
pub(crate) async fn redeem_setup(code: SecretInput, name: String, password: SecretInput) -> Result<(), AppError> {
    let context = request()?;
    let code = code.into_secret();
    let who = context.console.redeem_setup(&code, &name, password.into_secret(), &context.source).await?;
    context.session.log_in(who).await?;
    leave_form(crate::routes::ADD_HOSTS);
    Ok(())
}

/// Logs in.
#[server(prefix = "/rpc", endpoint = "login", protocol = Wire)]
pub(crate) async fn log_in(
    name: String,
    password: SecretInput,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    let context = request()?;
    let who = context.console.login(&name, password.into_secret(), &context.source).await?;
    context.session.log_in(who).await?;
    leave_form(crate::routes::safe_next(&next));
    Ok(())
}

/// Gives an invited user its password and logs it in.
#[server(prefix = "/rpc", endpoint = "invite", protocol = Wire)]
pub(crate) async fn redeem_invite(code: SecretInput, password: SecretInput) -> Result<(), AppError> {
    let context = request()?;
    let code = code.into_secret();
    let who = context.console.redeem_invite(&code, password.into_secret(), &context.source).await?;
    context.session.log_in(who).await?;
    leave_form(crate::routes::FLEET);
    Ok(())
}

/// Ends this session.
#[server(prefix = "/rpc", endpoint = "logout", protocol = Wire)]
pub(crate) async fn log_out() -> Result<(), AppError> {
    let context = request()?;
    if let Some(actor) = &context.actor {
        context.console.logout(actor).await?;
    }
    context.session.log_out().await?;
    leave_form(crate::routes::LOGIN);
    Ok(())
}

/// Checks the password again, so that dangerous operations may be started for five minutes.
#[server(prefix = "/rpc", endpoint = "reauthenticate", protocol = Wire)]
pub(crate) async fn reauthenticate(password: SecretInput) -> Result<(), AppError> {
    let (console, actor) = caller()?;
    let until = console.reauthenticate(&actor, password.into_secret()).await?;
    request()?.session.reauthenticated(until).await?;
    Ok(())
}

/// Changes the own password; all other sessions of the user end, this one goes on under a new id.
#[server(prefix = "/rpc", endpoint = "change_password", protocol = Wire)]
pub(crate) async fn change_password(current: SecretInput, new: SecretInput) -> Result<(), AppError> {
    let (console, actor) = caller()?;
    let who = console.change_password(&actor, current.into_secret(), new.into_secret()).await?;
    request()?.session.log_in(who).await?;
    Ok(())
}
