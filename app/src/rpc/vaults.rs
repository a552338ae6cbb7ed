//! Vaults: where snapshots are kept. Secrets go in and never come out.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::{error::AppError, session::SecretInput};
use leptos::prelude::*;
// The types keep their module's name: a server function makes a type that is called as it is.
use quorate_domain::{VaultId, snapshots};

/// All vaults, oldest first.
#[server(prefix = "/rpc", endpoint = "vaults", protocol = Wire)]
pub(crate) async fn vaults() -> Result<Vec<snapshots::Vault>, AppError> {
    let (console, permit) = permitted::<act::ViewSnapshots>().await?;
    Ok(console.vaults(&permit).await?)
}

/// Makes a vault, after its place was tried.
#[server(prefix = "/rpc", endpoint = "create_vault", protocol = Wire)]
pub(crate) async fn create_vault(
    vault: snapshots::NewVault,
    secret_access_key: Option<SecretInput>,
    identity: Option<SecretInput>,
) -> Result<snapshots::Vault, AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    let (secret_access_key, identity) =
        (secret_access_key.map(SecretInput::into_secret), identity.map(SecretInput::into_secret));
    let secrets = quorate_core::vaults::NewVaultSecrets { secret_access_key, identity };
    Ok(console.create_vault(&permit, vault, secrets).await?)
}

/// Changes a vault, after its place was tried; secrets that are none stay.
#[server(prefix = "/rpc", endpoint = "edit_vault", protocol = Wire)]
pub(crate) async fn edit_vault(
    id: VaultId,
    vault: snapshots::NewVault,
    secret_access_key: Option<SecretInput>,
    identity: Option<SecretInput>,
) -> Result<snapshots::Vault, AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    let (secret_access_key, identity) =
        (secret_access_key.map(SecretInput::into_secret), identity.map(SecretInput::into_secret));
    let secrets = quorate_core::vaults::NewVaultSecrets { secret_access_key, identity };
    Ok(console.edit_vault(&permit, &id, vault, secrets).await?)
}

/// Forgets a vault; what lies in it stays there.
#[server(prefix = "/rpc", endpoint = "delete_vault", protocol = Wire)]
pub(crate) async fn delete_vault(id: VaultId) -> Result<(), AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    console.delete_vault(&permit, &id).await?;
    Ok(())
}

/// Writes, reads and deletes a probe; what is wrong stands in `problem`.
#[server(prefix = "/rpc", endpoint = "try_vault", protocol = Wire)]
pub(crate) async fn try_vault(id: VaultId) -> Result<snapshots::Vault, AppError> {
    let (console, permit) = permitted::<act::ManageSnapshots>().await?;
    Ok(console.try_vault(&permit, &id).await?)
}
