//! Users, as admins manage them.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use quorate_domain::{
    Role, UserId,
    users::{OneTimeCode, UserSummary},
};

/// All users.
#[server(prefix = "/rpc", endpoint = "users", protocol = Wire)]
pub(crate) async fn users() -> Result<Vec<UserSummary>, AppError> {
    let (console, permit) = permitted::<act::ViewUsers>().await?;
    Ok(console.users(&permit).await?)
}

/// Makes a user who sets the password with a one-time code.
#[server(prefix = "/rpc", endpoint = "invite_user", protocol = Wire)]
pub(crate) async fn invite_user(name: String, role: Role) -> Result<OneTimeCode, AppError> {
    let (console, permit) = permitted::<act::ManageUsers>().await?;
    Ok(console.invite_user(&permit, &name, role).await?)
}

/// Gives a user another role; its sessions end.
#[server(prefix = "/rpc", endpoint = "set_role", protocol = Wire)]
pub(crate) async fn set_role(user: UserId, role: Role) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageUsers>().await?;
    console.set_role(&permit, &user, role).await?;
    Ok(())
}

/// Disables or enables a user.
#[server(prefix = "/rpc", endpoint = "set_disabled", protocol = Wire)]
pub(crate) async fn set_disabled(user: UserId, disabled: bool) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageUsers>().await?;
    console.set_disabled(&permit, &user, disabled).await?;
    Ok(())
}

/// Ends a user's password; a new one is set with the code.
#[server(prefix = "/rpc", endpoint = "reset_password", protocol = Wire)]
pub(crate) async fn reset_password(user: UserId) -> Result<OneTimeCode, AppError> {
    let (console, permit) = permitted::<act::ManageUsers>().await?;
    Ok(console.reset_password(&permit, &user).await?)
}
