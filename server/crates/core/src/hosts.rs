//! Registered hosts: listing, adding, editing, forgetting. Invariant: forgetting touches the console only; a sudo
//! password goes in and never comes out. Keys, trust and facts are in `contact`.

mod contact;

pub(crate) use contact::HostTasks;

use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    HostId, Problem, SecretId, Timestamp,
    host::{ConsoleKey, Contact, Elevation, HostSummary, NewHost, Trust},
    live::LiveMessage,
    names::{SshTarget, check_name},
    plan::Check,
    preflight,
    problem::FieldError,
};
use quorate_store::{HostAddress, StoreError, Tx};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashSet;

/// How many hosts one request may add.
const ADD_MAX: usize = 100;

/// What can be changed about a host.
#[derive(Clone)]
pub struct HostEdit {
    /// New name.
    pub name: String,
    /// New `user@address:port`.
    pub target: String,
    /// How root is reached.
    pub elevation: Elevation,
    /// A new sudo password; none leaves the one that is kept.
    pub sudo_password: Option<SecretString>,
}

impl Console {
    /// All hosts by name, with the cluster each carries and the operation that claims it.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn hosts(&self, _permit: &Permit<act::ViewHosts>) -> Result<Vec<HostSummary>, CoreError> {
        Ok(self.0.store.hosts().await?)
    }

    /// One host.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn host(&self, _permit: &Permit<act::ViewHosts>, id: &HostId) -> Result<HostSummary, CoreError> {
        self.host_summary(id).await
    }

    /// The verdict on a host's last facts; empty before the first check.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn host_checks(&self, _permit: &Permit<act::ViewHosts>, id: &HostId) -> Result<Vec<Check>, CoreError> {
        let host = self.host_summary(id).await?;
        Ok(host.facts.as_ref().map_or_else(Vec::new, |facts| preflight::host_checks(&host, facts)))
    }

    /// The console's public key with a line to paste on hosts.
    ///
    /// # Errors
    /// The console is not running.
    pub async fn console_key(&self, _permit: &Permit<act::ViewHosts>) -> Result<ConsoleKey, CoreError> {
        Ok(self.runtime()?.key.describe())
    }

    /// Registers hosts; all or none. `sudo_password` is kept for those that ask for one. Their keys are fetched in the
    /// background.
    ///
    /// # Errors
    /// `Invalid` at `hosts.<n>.target` or `.name`, for each line that is wrong, doubled or registered already.
    pub async fn add_hosts(
        &self,
        permit: &Permit<act::ManageHosts>,
        hosts: Vec<NewHost>,
        sudo_password: Option<SecretString>,
    ) -> Result<Vec<HostSummary>, CoreError> {
        check_password(sudo_password.as_ref())?;
        let now = self.0.clock.now();
        let mut rows = self.new_rows(&hosts, now).await?;
        let mut tx = self.0.store.begin().await?;
        for (i, row) in rows.iter_mut().enumerate() {
            tx.insert_host(row).await.map_err(|error| taken(error, &format!("hosts.{i}.")))?;
            let draft = AuditDraft::by(permit.actor(), "host.add", &row.name);
            draft.detail(&format!("{}@{}:{}", row.user, row.address, row.port)).write(&mut tx, now).await?;
            if row.elevation == Elevation::SudoPassword && sudo_password.is_some() {
                self.keep_password(permit, &mut tx, &row.id, &row.name, sudo_password.as_ref()).await?;
                row.has_password = true;
            }
        }
        tx.commit().await?;
        for row in &rows {
            self.fetch_in_background(row.id.clone());
        }
        Ok(rows)
    }

    async fn new_rows(&self, hosts: &[NewHost], now: Timestamp) -> Result<Vec<HostSummary>, CoreError> {
        if hosts.is_empty() || hosts.len() > ADD_MAX {
            return Err(Problem::field("hosts", format!("Give 1 to {ADD_MAX} hosts, one a line")).into());
        }
        let known = self.0.store.hosts().await?;
        let mut places: HashSet<(String, u16)> = known.iter().map(|h| (h.address.clone(), h.port)).collect();
        let mut names: HashSet<String> = known.iter().map(|h| h.name.to_ascii_lowercase()).collect();
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for (i, host) in hosts.iter().enumerate() {
            let mut wrong = |field: &str, message: String| {
                errors.push(FieldError { field: format!("hosts.{i}.{field}"), message });
            };
            let target = match SshTarget::parse(&host.target) {
                Ok(target) => target,
                Err(message) => {
                    wrong("target", message);
                    continue;
                }
            };
            if !places.insert((target.address.clone(), target.port)) {
                wrong(
                    "target",
                    format!("{} port {} is registered already or stands here twice", target.address, target.port),
                );
                continue;
            }
            let name = if host.name.is_empty() { target.address.replace(':', "-") } else { host.name.clone() };
            if let Err(message) = check_name(&name) {
                wrong("name", message);
            } else if !names.insert(name.to_ascii_lowercase()) {
                wrong("name", format!("A host named {name} is registered already or stands here twice"));
            } else {
                rows.push(self.new_row(target, name, host.elevation, now));
            }
        }
        if errors.is_empty() { Ok(rows) } else { Err(Problem::invalid(errors).into()) }
    }

    fn new_row(&self, target: SshTarget, name: String, elevation: Option<Elevation>, now: Timestamp) -> HostSummary {
        let by_login = if target.user == "root" { Elevation::Root } else { Elevation::Sudo };
        HostSummary {
            id: HostId::from_random(self.random()),
            name,
            address: target.address,
            port: target.port,
            user: target.user,
            elevation: elevation.unwrap_or(by_login),
            has_password: false,
            trust: Trust::Waiting { offered: Vec::new() },
            contact: Contact::Never,
            facts: None,
            cluster: None,
            operation: None,
            created_at: now,
        }
    }

    /// Changes name, address or elevation. Another address or port means another machine: trust starts anew.
    ///
    /// # Errors
    /// `Invalid` at a field, `Conflict` while an operation or a cluster uses the host and its address would change.
    pub async fn edit_host(
        &self,
        permit: &Permit<act::ManageHosts>,
        id: &HostId,
        edit: HostEdit,
    ) -> Result<HostSummary, CoreError> {
        check_password(edit.sudo_password.as_ref())?;
        check_name(&edit.name).map_err(|why| Problem::field("name", why))?;
        let target = SshTarget::parse(&edit.target).map_err(|why| Problem::field("target", why))?;
        let row = self.host_summary(id).await?;
        let moved = target.address != row.address || target.port != row.port;
        if let Some(by) = &row.operation {
            return Err(CoreError::conflict(format!("Operation {by} works on this host; edit it when that has ended")));
        }
        if moved && row.cluster.is_some() {
            let title = format!("{} carries a member of a cluster, which is known by its address", row.name);
            return Err(CoreError::conflict(title));
        }
        let now = self.0.clock.now();
        let (address, port) = (target.address, target.port);
        let changed = HostAddress { name: edit.name, address, port, user: target.user, elevation: edit.elevation };
        let mut tx = self.0.store.begin().await?;
        tx.edit_host(id, &changed).await.map_err(|error| taken(error, ""))?;
        if moved {
            tx.set_host_trust(id, &Trust::Waiting { offered: Vec::new() }).await?;
            tx.set_host_contact(id, &Contact::Never).await?;
            tx.set_host_facts(id, None).await?;
        }
        AuditDraft::by(permit.actor(), "host.edit", &changed.name).detail(&edit.target).write(&mut tx, now).await?;
        if edit.sudo_password.is_some() {
            self.keep_password(permit, &mut tx, id, &changed.name, edit.sudo_password.as_ref()).await?;
        }
        tx.commit().await?;
        self.runtime()?.pool.forget(id).await;
        if moved {
            self.fetch_in_background(id.clone());
        }
        self.told(id).await
    }

    /// Keeps a sudo password sealed, or drops it.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` for an empty one.
    pub async fn set_sudo_password(
        &self,
        permit: &Permit<act::ManageHosts>,
        id: &HostId,
        password: Option<SecretString>,
    ) -> Result<HostSummary, CoreError> {
        check_password(password.as_ref())?;
        let row = self.host_summary(id).await?;
        let mut tx = self.0.store.begin().await?;
        self.keep_password(permit, &mut tx, id, &row.name, password.as_ref()).await?;
        tx.commit().await?;
        self.runtime()?.pool.forget(id).await;
        self.told(id).await
    }

    async fn keep_password(
        &self,
        permit: &Permit<act::ManageHosts>,
        tx: &mut Tx,
        id: &HostId,
        name: &str,
        password: Option<&SecretString>,
    ) -> Result<(), CoreError> {
        let now = self.0.clock.now();
        let sealed = password.map(|p| (SecretId::from_random(self.random()), p));
        tx.set_host_password(id, sealed, now).await?;
        let detail = if password.is_some() { "set" } else { "dropped" };
        AuditDraft::by(permit.actor(), "host.sudo_password", name).detail(detail).write(tx, now).await
    }

    /// Takes a host out of the console. The host itself is not touched.
    ///
    /// # Errors
    /// `Conflict` while an operation claims it or a cluster has a member on it.
    pub async fn forget_host(&self, permit: &Permit<act::ManageHosts>, id: &HostId) -> Result<(), CoreError> {
        let host = self.host_summary(id).await?;
        if let Some(by) = &host.operation {
            return Err(CoreError::conflict(format!("Operation {by} works on {}; wait until it has ended", host.name)));
        }
        if host.cluster.is_some() {
            let title = format!("{} carries a member of a cluster; forget or shrink the cluster first", host.name);
            return Err(CoreError::conflict(title));
        }
        let mut tx = self.0.store.begin().await?;
        tx.delete_host(id).await?;
        AuditDraft::by(permit.actor(), "host.forget", &host.name).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        self.runtime()?.pool.forget(id).await;
        self.tell(LiveMessage::HostChanged { host: id.clone() });
        Ok(())
    }

    pub(crate) async fn host_summary(&self, id: &HostId) -> Result<HostSummary, CoreError> {
        self.0.store.host(id).await?.ok_or_else(|| CoreError::not_found("host", id))
    }

    async fn told(&self, id: &HostId) -> Result<HostSummary, CoreError> {
        self.tell(LiveMessage::HostChanged { host: id.clone() });
        self.host_summary(id).await
    }
}

fn check_password(password: Option<&SecretString>) -> Result<(), CoreError> {
    match password {
        Some(password) if password.expose_secret().is_empty() => {
            Err(Problem::field("sudo_password", "An empty password cannot be kept").into())
        }
        _ => Ok(()),
    }
}

/// A clash belongs at its field; `prefix` says in which line of a form.
fn taken(error: StoreError, prefix: &str) -> CoreError {
    match error {
        StoreError::Conflict { field, what } => Problem::field(format!("{prefix}{field}"), what).into(),
        other => other.into(),
    }
}
