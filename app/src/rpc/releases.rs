//! Releases of etcd.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use quorate_domain::version::Version;

/// Which of the offered versions a source holds.
#[server(prefix = "/rpc", endpoint = "versions_held", protocol = Wire)]
pub(crate) async fn versions_held(download_url: String) -> Result<Vec<Version>, AppError> {
    let (console, permit) = permitted::<act::RunDangerous>().await?;
    let offers = console.offered_versions(&permit, &download_url).await?;
    Ok(offers.into_iter().filter(|offer| offer.held).map(|offer| offer.version).collect())
}
