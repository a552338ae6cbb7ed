//! Contact with a host outside operations: its public keys, a person's trust in them, its facts. Invariant: nothing is
//! sent to a host whose key no person trusted; another key than the pinned one is kept beside it until a person decides.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    HostId, Problem, ProblemKind,
    host::{Contact, HostFacts, HostKey, HostSummary, Trust, USUAL_DATA_DIR, USUAL_PORTS},
};
use quorate_remote::{Command, RemoteError, disk, facts, scan_keys};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Fetching host keys takes one TCP connection a key type.
const SCAN_DEADLINE: Duration = Duration::from_secs(8);
/// Hosts that are being looked at, so that two people pressing "check" cause one look.
#[derive(Default)]
pub(crate) struct HostTasks(Mutex<HashMap<HostId, Arc<tokio::sync::Mutex<()>>>>);

impl HostTasks {
    fn of(&self, host: &HostId) -> Arc<tokio::sync::Mutex<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(host.clone()).or_default().clone()
    }
}

impl Console {
    pub(super) fn fetch_in_background(&self, id: HostId) {
        let console = self.clone();
        tokio::spawn(async move {
            if let Err(error) = console.fetch_keys(&id).await {
                tracing::warn!(host = %id, error = crate::error::chain(&error), "host keys were not fetched");
            }
        });
    }

    /// Asks a host for its public keys again, without logging in.
    ///
    /// # Errors
    /// `NotFound`, or `Unreachable` with the reason.
    pub async fn fetch_host_keys(
        &self,
        permit: &Permit<act::ManageHosts>,
        id: &HostId,
    ) -> Result<HostSummary, CoreError> {
        let row = self.host_summary(id).await?;
        self.record(AuditDraft::by(permit.actor(), "host.fetch_keys", &row.name)).await?;
        let host = self.fetch_keys(id).await?;
        match &host.contact {
            Contact::Failed { reason, .. } => Err(Problem::new(ProblemKind::Unreachable, reason.clone()).into()),
            _ => Ok(host),
        }
    }

    async fn fetch_keys(&self, id: &HostId) -> Result<HostSummary, CoreError> {
        let row = self.host_summary(id).await?;
        let scanned = scan_keys(&row.address, row.port, SCAN_DEADLINE).await;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        match scanned {
            Ok(offered) => {
                let trust = offered_keys(&row.trust, &offered);
                tx.set_host_trust(id, &trust).await?;
                if !matches!(trust, Trust::Trusted { .. }) {
                    tx.set_host_contact(id, &Contact::Ok { at: now }).await?;
                }
            }
            Err(error) => tx.set_host_contact(id, &Contact::Failed { at: now, reason: error.to_string() }).await?,
        }
        tx.commit().await?;
        self.told(id).await
    }

    /// Pins the offered keys with these fingerprints; what was pinned before is replaced.
    ///
    /// # Errors
    /// `Invalid` when a fingerprint is not among the offered ones: the host must be asked again and compared again.
    pub async fn trust_host(
        &self,
        permit: &Permit<act::ManageHosts>,
        id: &HostId,
        fingerprints: Vec<String>,
    ) -> Result<HostSummary, CoreError> {
        let row = self.host_summary(id).await?;
        let offered = match &row.trust {
            Trust::Waiting { offered } | Trust::Changed { offered, .. } => offered,
            Trust::Trusted { keys } => keys,
        };
        let keys: Vec<HostKey> = offered.iter().filter(|k| fingerprints.contains(&k.fingerprint)).cloned().collect();
        if keys.is_empty() || keys.len() != fingerprints.len() {
            let message = "The host does not offer exactly these keys any more; fetch them again and compare again";
            return Err(Problem::field("fingerprints", message).into());
        }
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        tx.set_host_trust(id, &Trust::Trusted { keys }).await?;
        let draft = AuditDraft::by(permit.actor(), "host.trust", &row.name).detail(&fingerprints.join(", "));
        draft.write(&mut tx, now).await?;
        tx.commit().await?;
        self.runtime()?.pool.forget(id).await;
        self.look_again(id);
        self.told(id).await
    }

    /// Looks at a host in the background: it was just trusted, or somebody met another key than the pinned one there.
    pub(crate) fn look_again(&self, id: &HostId) {
        let (console, host) = (self.clone(), id.clone());
        tokio::spawn(async move {
            // What goes wrong is in the host's row; only a console that is going away has more to say.
            if let Err(error) = console.look_and_note(&host).await {
                tracing::info!(%host, error = crate::error::chain(&error), "a host was not looked at");
            }
        });
    }

    /// Gathers a host's facts anew, and measures its data disk unless etcd runs there.
    ///
    /// # Errors
    /// `NotFound`, or `Unreachable` with the reason (which the host's row keeps too).
    pub async fn check_host(&self, permit: &Permit<act::CheckHosts>, id: &HostId) -> Result<HostSummary, CoreError> {
        let row = self.host_summary(id).await?;
        self.record(AuditDraft::by(permit.actor(), "host.check", &row.name)).await?;
        self.look_and_note(id).await
    }

    async fn look_and_note(&self, id: &HostId) -> Result<HostSummary, CoreError> {
        let guard = self.runtime()?.tasks.of(id);
        let _one_at_a_time = guard.lock().await;
        let row = self.host_summary(id).await?;
        let looked = self.look_at(id).await;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        let failed = match looked {
            Ok(facts) => {
                tx.set_host_facts(id, Some(&facts)).await?;
                tx.set_host_contact(id, &Contact::Ok { at: now }).await?;
                None
            }
            Err(LookError { reason, offered }) => {
                tx.set_host_contact(id, &Contact::Failed { at: now, reason: reason.clone() }).await?;
                if let (Some(offered), Trust::Trusted { keys: pinned }) = (offered, row.trust) {
                    tx.set_host_trust(id, &Trust::Changed { pinned, offered }).await?;
                }
                Some(reason)
            }
        };
        tx.commit().await?;
        let host = self.told(id).await?;
        match failed {
            None => Ok(host),
            Some(reason) => Err(Problem::new(ProblemKind::Unreachable, reason).into()),
        }
    }

    async fn look_at(&self, id: &HostId) -> Result<HostFacts, LookError> {
        let target = self.target(id).await.map_err(LookError::because)?;
        let pool = &self.runtime().map_err(|e| LookError::because(e.to_string()))?.pool;
        let host = pool.host(&target).await?;
        // The probe goes on without root; asking for root alone tells why it is not to be had.
        host.run(Command::new(["true"]).root()).await?;
        let mut facts = facts::gather(&host, USUAL_DATA_DIR, &USUAL_PORTS, self.0.clock.now()).await?;
        // A disk that takes no write (full, read-only) is no reason to lose everything else that the host said.
        facts.disk = match disk::measure(&host, USUAL_DATA_DIR).await {
            Ok(disk) => disk,
            Err(error) => {
                tracing::info!(host = %id, %error, "the data disk was not measured");
                None
            }
        };
        Ok(facts)
    }
}

/// Why a host could not be looked at, and the keys it offered instead of the pinned ones.
struct LookError {
    reason: String,
    offered: Option<Vec<HostKey>>,
}

impl LookError {
    fn because(reason: String) -> Self {
        Self { reason, offered: None }
    }
}

impl From<RemoteError> for LookError {
    fn from(error: RemoteError) -> Self {
        let reason = error.to_string();
        match error {
            RemoteError::HostKeyChanged { offered, .. } => Self { reason, offered: Some(offered) },
            _ => Self { reason, offered: None },
        }
    }
}

/// What a fresh scan means for trust: a trusted host that still offers a pinned key stays trusted.
fn offered_keys(now: &Trust, offered: &[HostKey]) -> Trust {
    match now {
        Trust::Waiting { .. } => Trust::Waiting { offered: offered.to_vec() },
        Trust::Trusted { keys: pinned } | Trust::Changed { pinned, .. } => {
            if offered.iter().any(|k| pinned.contains(k)) {
                Trust::Trusted { keys: pinned.clone() }
            } else {
                Trust::Changed { pinned: pinned.clone(), offered: offered.to_vec() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: &str) -> HostKey {
        HostKey { algorithm: "ssh-ed25519".into(), fingerprint: format!("SHA256:{n}"), public_key: n.into() }
    }

    #[test]
    fn another_key_stops_everything_and_the_old_one_heals_it() {
        let trusted = Trust::Trusted { keys: vec![key("a")] };
        let changed = offered_keys(&trusted, &[key("b")]);
        assert_eq!(changed, Trust::Changed { pinned: vec![key("a")], offered: vec![key("b")] });
        assert_eq!(offered_keys(&changed, &[key("a"), key("c")]), trusted);
        assert_eq!(
            offered_keys(&Trust::Waiting { offered: vec![] }, &[key("b")]),
            Trust::Waiting { offered: vec![key("b")] }
        );
    }
}
