//! `Console`: what every caller holds. Invariant: one per process; clones share everything. The parts that touch hosts
//! and clusters run only after `bring_up`, so that the command line can work beside a running `serve`.

use crate::{
    clock::Clock,
    config::Config,
    error::CoreError,
    hosts::HostTasks,
    inventory::{Broadcast, ConsoleInventory},
    keys::KeyParts,
    live::Live,
    snapshots::SnapshotParts,
    throwaways::ThrowawayParts,
    users::{Auth, random},
};
use quorate_operations::{Engine, Planner};
use quorate_remote::{ConsoleKey, HostPool};
use quorate_store::Store;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;

/// The service layer. Its methods stand in one file a noun.
#[derive(Clone)]
pub struct Console(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) auth: Auth,
    runtime: OnceLock<Runtime>,
}

/// The parts that reach out.
pub(crate) struct Runtime {
    pub(crate) key: ConsoleKey,
    pub(crate) pool: HostPool,
    pub(crate) engine: Engine,
    pub(crate) live: Live,
    pub(crate) tasks: HostTasks,
    pub(crate) keys: KeyParts,
    pub(crate) snapshots: SnapshotParts,
    pub(crate) throwaways: ThrowawayParts,
    /// Cancelled when the console stops.
    pub(crate) stop: CancellationToken,
}

/// The setting that holds the console's private SSH key, sealed.
const SSH_KEY: &str = "ssh_key";

impl Console {
    /// A console over a store, for commands that only read and write rows.
    pub fn new(store: Store, clock: Arc<dyn Clock>, config: Config) -> Self {
        Self(Arc::new(Inner { store, clock, config, auth: Auth::default(), runtime: OnceLock::new() }))
    }

    /// Brings up SSH, the pollers and the engine, and resumes what an ended console left. Once per process.
    ///
    /// # Errors
    /// The store cannot be read, the SSH agent cannot listen, or it was started before.
    pub async fn bring_up(&self) -> Result<(), CoreError> {
        let key = self.ssh_key().await?;
        let pool = HostPool::new(&self.runtime_dir(), &key)
            .await
            .map_err(|e| CoreError::caused("the SSH part could not start", e))?;
        let (clock, reach) = (self.0.clock.clone(), Arc::new(self.clone()));
        let live = Live::new(&self.0.config.version, clock, reach.clone(), reach);
        let inventory = Arc::new(ConsoleInventory::new(self.clone()));
        let planner = Planner { inventory, hosts: pool.clone() };
        let events = Arc::new(Broadcast::new(self.clone()));
        let engine = Engine::new(self.0.store.clone(), planner, events, self.0.config.abort_after_log_entries);
        let (tasks, keys) = (HostTasks::default(), KeyParts::new(&self.0.config));
        let (snapshots, throwaways, stop) =
            (SnapshotParts::default(), ThrowawayParts::default(), CancellationToken::new());
        let runtime = Runtime { key, pool, engine, live, tasks, keys, snapshots, throwaways, stop };
        self.0.runtime.set(runtime).map_err(|_| CoreError::internal("the console was started twice"))?;
        self.sweep_throwaways().await;
        self.end_left_drills().await?;
        self.have_a_vault().await?;
        self.tidy_snapshots().await?;
        self.watch_all_clusters().await?;
        self.spawn_housekeeping();
        self.show_unfinished().await?;
        let resumed = self.runtime()?.engine.recover().await?;
        if resumed > 0 {
            tracing::info!(resumed, "unfinished operations were taken up again");
        }
        Ok(())
    }

    /// Closes SSH connections and stops the pollers; running operations are taken up at the next start.
    pub async fn stop(&self) {
        if let Some(runtime) = self.0.runtime.get() {
            runtime.stop.cancel();
            runtime.keys.close();
            runtime.throwaways.opened.close();
            runtime.live.close().await;
            runtime.pool.close().await;
        }
    }

    /// Whether the console can work just now: its database can be written. Writes nothing.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ready(&self) -> Result<(), CoreError> {
        Ok(self.0.store.ready().await?)
    }

    pub(crate) fn runtime(&self) -> Result<&Runtime, CoreError> {
        self.0.runtime.get().ok_or_else(|| CoreError::internal("this needs a running console"))
    }

    async fn ssh_key(&self) -> Result<ConsoleKey, CoreError> {
        let broken = |e| CoreError::caused("the console's SSH key cannot be read", e);
        if let Some(pem) = self.0.store.sealed_setting(SSH_KEY).await? {
            return ConsoleKey::from_pem(&pem).map_err(broken);
        }
        let key = ConsoleKey::generate("quorate").map_err(broken)?;
        let pem = key.to_pem().map_err(broken)?;
        let mut tx = self.0.store.begin().await?;
        tx.set_sealed_setting(SSH_KEY, &pem).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Sockets have paths of at most 108 bytes, and ssh's configuration quotes nothing: a deep data directory, or one
    /// with blanks in its path, gets a short place of its own.
    fn runtime_dir(&self) -> PathBuf {
        const LONGEST: usize = 48;
        let inside = self.0.config.data_dir.join("run");
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-".contains(b);
        if inside.as_os_str().len() <= LONGEST && inside.as_os_str().as_encoded_bytes().iter().all(plain) {
            return inside;
        }
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(self.0.config.data_dir.as_os_str().as_encoded_bytes());
        std::env::temp_dir().join(format!("quorate-{}", hex::encode(&digest[..6])))
    }

    pub(crate) fn random(&self) -> [u8; 10] {
        random::bytes()
    }
}
