//! Starting and stopping. Invariant: the data directory is locked before anything in it is touched; after the signal
//! no new request is taken, open streams end, and the process is gone within five seconds whatever clients do.

use crate::{
    http::peer::Site,
    router,
    settings::{Settings, SettingsError},
    setup_link,
    state::AppState,
};
use quorate_core::{
    Console,
    clock::{Clock, SystemClock},
    config::Config,
    error::{CoreError, chain},
};
use quorate_store::{DataDirLock, MasterKey, Store, StoreError};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long open requests get after the signal.
const GRACE: Duration = Duration::from_secs(3);
/// How long the console gets to close its connections after that.
const CLOSE: Duration = Duration::from_millis(1500);

/// Why the console does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data directory.
    #[error("the data directory {} cannot be used", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Key, lock or database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The port belongs to somebody else.
    #[error("{0} is in use by another program; choose another address with --listen (or QUORATE_LISTEN)")]
    PortBusy(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; choose another address with --listen (or QUORATE_LISTEN)")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The service layer.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Something of the operating system's.
    #[error("{what}")]
    System {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Makes the data directory if it is not there, for its owner only.
///
/// # Errors
/// It cannot be made or is no directory.
pub fn prepare(data_dir: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let failed = |source| StartError::DataDir { path: data_dir.to_owned(), source };
    if !data_dir.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    }
    Ok(())
}

/// Opens the database of a data directory; `serve` and the other commands share this.
///
/// # Errors
/// Missing or wrong master key, a database that is locked, read-only or broken.
pub async fn open(data_dir: &Path) -> Result<Store, StartError> {
    prepare(data_dir)?;
    let key = MasterKey::load_or_create(data_dir, credential().as_deref())?;
    Ok(Store::open(data_dir, key).await?)
}

/// The master key as a systemd credential (`LoadCredential=quorate-master-key:…`), if there is one.
fn credential() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join("quorate-master-key");
    path.is_file().then_some(path)
}

/// A console over an opened store.
pub fn console(store: Store, settings: &Settings, clock: Arc<dyn Clock>) -> Console {
    let mut config = Config::new(settings.data_dir.clone());
    config.etcd_download_url.clone_from(&settings.etcd_download_url);
    config.abort_after_log_entries = crash_point();
    Console::new(store, clock, config)
}

/// Only debug builds can be told to die.
fn crash_point() -> Option<u32> {
    let given = std::env::var("QUORATE_TEST_ABORT_AFTER_LOG_ENTRIES").ok()?;
    cfg!(debug_assertions).then(|| given.parse().ok()).flatten()
}

/// Takes a data directory for one `serve`.
///
/// # Errors
/// Another one has it, or it cannot be made.
pub fn lock(data_dir: &Path) -> Result<DataDirLock, StartError> {
    prepare(data_dir)?;
    Ok(DataDirLock::acquire(data_dir)?)
}

/// Runs the console until it is told to stop; the caller holds the data directory's lock.
///
/// # Errors
/// See [`StartError`]; nothing was overwritten then.
pub async fn serve(settings: Settings) -> Result<(), StartError> {
    let store = open(&settings.data_dir).await?;
    let listener = listen(settings.listen).await?;
    let console = console(store, &settings, Arc::new(SystemClock));
    console.bring_up().await?;
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.wait().await;
        tracing::info!("stopping");
        on_signal.cancel();
        // A second signal is an order.
        signals.wait().await;
        std::process::exit(130);
    });
    let url = settings.public_url();
    tracing::info!(listen = %settings.listen, %url, data_dir = %settings.data_dir.display(), "the console is there");
    tokio::spawn(setup_link::keep_shown(console.clone(), url, settings.data_dir.clone(), stop.clone()));
    run(listener, console, &settings, stop).await
}

/// Serves on a bound listener until `stop` is cancelled, then ends within five seconds.
///
/// # Errors
/// The listener broke.
pub async fn run(
    listener: TcpListener,
    console: Console,
    settings: &Settings,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let _ = crate::health::recorder();
    let site = Site { public_url: settings.public_url(), trusted: settings.trusted_proxy.clone().into() };
    let state = AppState::new(console.clone(), site, stop.clone());
    let app = router::build(&state).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = server => ended,
        () = deadline => {
            tracing::warn!("some requests did not end in time and are cut off");
            Ok(())
        }
    };
    if tokio::time::timeout(CLOSE, console.stop()).await.is_err() {
        tracing::warn!("some connections to hosts did not close in time");
    }
    ended.map_err(|source| StartError::System { what: "the listener broke", source })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortBusy(address),
        _ => StartError::Listen { address, source },
    })
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, StartError> {
        let failed = |source| StartError::System { what: "signals cannot be received", source };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// An error for the terminal: all its causes, and what to do where that is known.
pub fn told(error: &StartError) -> String {
    match error {
        StartError::Core(CoreError::Problem(problem)) if !problem.detail.is_empty() => {
            format!("{}. {}", problem.title, problem.detail)
        }
        StartError::Core(CoreError::Store(error)) => chain(error),
        error => chain(error),
    }
}
