//! Which archive each architecture gets and how its SHA-256 is known. Invariant: upstream's listed versions are held
//! against digests that ship with the console; anything else trusts the sums of the server named, and says so.

use super::survey::Survey;
use crate::steps::binaries::Release;
use quorate_domain::{
    install::{BinarySource, InstallParams},
    plan::{Check, Verdict},
    version::Arch,
};
use quorate_remote::{Command, releases, releases::DigestTrust};
use std::time::Duration;

/// What was found out about the release.
#[derive(Default)]
pub(crate) struct Resolved {
    releases: Vec<Release>,
    /// Failed when there is no archive to be had.
    pub checks: Vec<Check>,
    /// Whom the digests trust.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// One architecture's archive, as if its digest had been found.
    #[cfg(test)]
    pub(crate) fn of_archive(params: &InstallParams, arch: Arch, sha256: &str) -> Self {
        Self { releases: vec![release(params, arch, sha256)], ..Self::default() }
    }

    /// The release for an architecture; none when it could not be resolved (a failed check says so).
    pub(crate) fn of(&self, arch: Arch) -> Option<&Release> {
        self.releases.iter().find(|r| r.arch == arch)
    }
}

/// Finds the digests of all architectures among the hosts.
pub(crate) async fn resolve(params: &InstallParams, survey: &Survey) -> Resolved {
    let mut resolved = Resolved::default();
    if params.source == BinarySource::Installed {
        return resolved;
    }
    let mut archs: Vec<Arch> = survey.hosts.iter().filter_map(|s| s.facts.as_ref().ok()?.arch).collect();
    archs.sort_by_key(|a| a.release_name());
    archs.dedup();
    for arch in archs {
        let archive = format!("{}.tar.gz", params.version.archive_stem(arch));
        match digest(params, survey, arch, &archive).await {
            Ok((sha256, trust)) => {
                if trust == DigestTrust::Mirror {
                    resolved.warnings.push(trusts(params));
                }
                resolved
                    .checks
                    .push(offered(Verdict::Pass, format!("{archive}, SHA-256 {}…", &sha256[..12.min(sha256.len())])));
                resolved.releases.push(release(params, arch, &sha256));
            }
            Err(why) => resolved.checks.push(offered(Verdict::Fail, why)),
        }
    }
    resolved.warnings.dedup();
    resolved
}

fn trusts(params: &InstallParams) -> String {
    format!(
        "The binaries are held against the SHA256SUMS of {}: this trusts that server for what the binaries do.",
        params.download_url
    )
}

fn offered(verdict: Verdict, answer: String) -> Check {
    let advice = match verdict {
        Verdict::Pass => "",
        _ => {
            "Choose another version, or a download URL with upstream's layout that the hosts (or, to push, this console) reach"
        }
    };
    Check { name: "release".into(), subject: String::new(), verdict, answer, advice: advice.into() }
}

/// The archive's digest: shipped for upstream's listed versions, else read by whoever will download.
async fn digest(
    params: &InstallParams,
    survey: &Survey,
    arch: Arch,
    archive: &str,
) -> Result<(String, DigestTrust), String> {
    let (base, version) = (params.download_url.as_str(), params.version);
    if let Some(known) = releases::expected_digest(base, version, arch) {
        return Ok((known.to_owned(), DigestTrust::Shipped));
    }
    if params.source == BinarySource::Push {
        return releases::fetch_digest(base, version, arch).await.map_err(|e| e.to_string());
    }
    let text = sums_from_host(params, survey).await?;
    let found = releases::parse_sums(&text).into_iter().find(|(name, _)| name == archive);
    found
        .map(|(_, sha256)| (sha256, DigestTrust::Mirror))
        .ok_or_else(|| format!("the SHA256SUMS of {base} do not name {archive}"))
}

fn release(params: &InstallParams, arch: Arch, sha256: &str) -> Release {
    Release { version: params.version, arch, sha256: sha256.to_owned(), base_url: params.download_url.clone() }
}

/// The text of SHA256SUMS as the first host that answers reads it.
async fn sums_from_host(params: &InstallParams, survey: &Survey) -> Result<String, String> {
    let url = releases::sums_url(&params.download_url, params.version);
    let host = survey.hosts.iter().find_map(|s| s.connection.clone()).ok_or("no host answers, so none could look")?;
    let curl = Command::new([
        "curl",
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--max-time",
        "20",
        "--max-filesize",
        "1000000",
        &url,
    ])
    .deadline(Duration::from_secs(25));
    let output = host.run(curl).await.map_err(|e| e.to_string())?;
    match output.status {
        0 => Ok(output.text().into_owned()),
        22 => Err(format!("{url} is not there (the server answered with an error)")),
        _ => Err(format!("{url}: {}", output.error_text().trim())),
    }
}
