//! All connections of a console. Invariants: one connection a host; the runtime directory is 0700 and belongs to one
//! console (`serve` holds the lock of its data directory); what an earlier console left there is closed first.

use crate::{
    agent::Agent,
    connection::{Places, write_private},
    error::RemoteError,
    host::Host,
    key::ConsoleKey,
    ssh_config,
    target::Target,
};
use openssh::Session;
use quorate_domain::HostId;
use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// A Unix socket's path ends at 107 bytes, and ssh appends 17 while it binds.
const LONGEST_RUNTIME_DIR: usize = 64;

/// The connections of one console; cheap to clone.
#[derive(Clone)]
pub struct HostPool(Arc<Inner>);

struct Inner {
    places: Places,
    hosts: Mutex<HashMap<HostId, Arc<Host>>>,
    _agent: Agent,
}

impl HostPool {
    /// Makes `runtime_dir` (0700; at most 64 bytes of letters, digits and `/ . _ -`), closes what an earlier console
    /// left there, and starts the agent with `key`. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// `Invalid` for an unusable path, `Local` when it cannot be made or written.
    pub async fn new(runtime_dir: &Path, key: &ConsoleKey) -> Result<Self, RemoteError> {
        let text = ssh_config::path(runtime_dir)?;
        if text.len() > LONGEST_RUNTIME_DIR {
            return Err(RemoteError::Invalid {
                what: format!(
                    "{text} is too long for Unix sockets: choose a runtime directory of at most 64 characters"
                ),
            });
        }
        let places = Places {
            control: runtime_dir.join("ctl"),
            tunnels: runtime_dir.join("tun"),
            agent: runtime_dir.join("agent"),
            public_key: runtime_dir.join("key.pub"),
        };
        for directory in [runtime_dir, &places.control, &places.tunnels] {
            make_private(directory)?;
        }
        close_leftovers(&places.control).await;
        for old in entries(&places.tunnels) {
            let _ = fs::remove_file(old);
        }
        write_private(&places.public_key, &format!("{}\n", key.public_line()))?;
        let agent = Agent::start(&places.agent, key.clone())?;
        Ok(Self(Arc::new(Inner { places, hosts: Mutex::default(), _agent: agent })))
    }

    /// The host of `target`, connected. A target that differs from the last one for its id replaces it.
    ///
    /// # Errors
    /// Why it cannot be logged in to; the failure is not remembered, the next call tries again.
    pub async fn host(&self, target: &Target) -> Result<Arc<Host>, RemoteError> {
        let (host, replaced) = {
            let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            match hosts.get(&target.id) {
                Some(host) if host.target().same_as(target) => (host.clone(), None),
                _ => {
                    let host = Arc::new(Host::new(self.0.places.clone(), target.clone()));
                    let replaced = hosts.insert(target.id.clone(), host.clone());
                    (host, replaced)
                }
            }
        };
        if let Some(old) = replaced {
            old.close().await;
        }
        host.connect().await?;
        Ok(host)
    }

    /// Closes the connection and the tunnels of `id`; unknown ids are fine.
    pub async fn forget(&self, id: &HostId) {
        let removed = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(host) = removed {
            host.close().await;
        }
    }

    /// Closes everything, as at the end of `serve`.
    pub async fn close(&self) {
        let hosts = std::mem::take(&mut *self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(hosts.values().map(|host| host.close())).await;
    }
}

/// Makes `directory` for this user alone. One that stood there already must be this user's own and no link: below /tmp
/// anybody could have put it there.
fn make_private(directory: &Path) -> Result<(), RemoteError> {
    let make = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let (found, own) = (fs::symlink_metadata(directory)?, fs::metadata("/proc/self")?);
        if !found.is_dir() || found.uid() != own.uid() {
            return Err(std::io::Error::other("it belongs to somebody else"));
        }
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
    };
    make().map_err(RemoteError::local(format!("cannot make {}", directory.display())))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).map(|found| found.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// Asks every ssh that an earlier console left behind to end, and removes its directory.
async fn close_leftovers(control: &Path) {
    for directory in entries(control) {
        let master = directory.join("master");
        if master.exists() {
            let session = Session::resume_mux(master.into_boxed_path(), None);
            let _ = timeout(Duration::from_secs(2), session.close()).await;
        }
        let _ = fs::remove_dir_all(directory);
    }
}
