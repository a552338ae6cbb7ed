//! Tunnels to ports that only a host can reach. Invariants: the near end is a 0600 Unix socket (a TCP port would
//! open etcd to every local user) whose path stays the same; each connection through it uses the host's present ssh
//! connection, so a tunnel outlives a break without anybody noticing.

use crate::{connection::Shared, error::RemoteError, host::Host};
use openssh::{ForwardType, Socket};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::timeout,
};

type Key = (String, u16);
const FORWARD_DEADLINE: Duration = Duration::from_secs(20);

/// The tunnels of one host.
pub(crate) struct Tunnels {
    directory: PathBuf,
    open: Mutex<HashMap<Key, Tunnel>>,
}

struct Tunnel {
    path: PathBuf,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// What the connections of one tunnel share.
#[derive(Default)]
struct State {
    /// The socket that ssh forwards, and the connection that it belongs to.
    forward: tokio::sync::Mutex<Option<(Shared, PathBuf)>>,
    problem: Mutex<Option<String>>,
}

impl State {
    fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl Tunnels {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, open: Mutex::default() }
    }

    pub fn close(&self) {
        for (_, tunnel) in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            tunnel.task.abort();
            let _ = fs::remove_file(&tunnel.path);
        }
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.close();
    }
}

impl Host {
    /// A Unix socket through which `remote_host:remote_port` is reached as the host reaches it. Asking again for the
    /// same gives the same path. It lives until the host is forgotten or the pool is closed.
    ///
    /// # Errors
    /// Why the host cannot be logged in to; `Forward` or `Local` if the tunnel cannot be made. Whether something
    /// listens beyond shows only when it is used: see `tunnel_problem`.
    pub async fn tunnel(self: &Arc<Self>, remote_host: &str, remote_port: u16) -> Result<PathBuf, RemoteError> {
        let key: Key = (remote_host.to_owned(), remote_port);
        if let Some(tunnel) = self.tunnels.open.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(tunnel.path.clone());
        }
        let state = Arc::new(State::default());
        self.forwarded(&state, &key).await?;
        let mut open = self.tunnels.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tunnel) = open.get(&key) {
            return Ok(tunnel.path.clone());
        }
        // The id keeps the path short and unique; names may be long.
        let path = self.tunnels.directory.join(format!("{}-{}", self.id(), open.len()));
        let listener = listen(&path).map_err(RemoteError::local(format!("cannot listen on {}", path.display())))?;
        let host = Arc::downgrade(self);
        let (near, to) = (state.clone(), key.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(host) = host.upgrade() else { return };
                let (state, to) = (near.clone(), to.clone());
                tokio::spawn(async move { host.carry(stream, &state, &to).await });
            }
        });
        open.insert(key, Tunnel { path: path.clone(), state, task });
        Ok(path)
    }

    /// Why the last connection through a tunnel failed; none if it went well or there is no such tunnel.
    pub fn tunnel_problem(&self, remote_host: &str, remote_port: u16) -> Option<String> {
        let open = self.tunnels.open.lock().unwrap_or_else(PoisonError::into_inner);
        let tunnel = open.get(&(remote_host.to_owned(), remote_port))?;
        tunnel.state.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn carry(&self, mut near: UnixStream, state: &State, to: &Key) {
        let far = match timeout(FORWARD_DEADLINE, self.dial(state, to)).await {
            Ok(Ok(far)) => far,
            Ok(Err(error)) => return state.set_problem(Some(error.to_string())),
            Err(_) => return state.set_problem(Some(format!("{}: no answer through ssh", self.name()))),
        };
        let (connection, mut far) = far;
        match copy_bidirectional(&mut near, &mut far).await {
            Ok((_, 0)) => {
                let said = connection.0.logged("open failed").unwrap_or_else(|| "closed without an answer".into());
                state.set_problem(Some(format!("{}: {}:{}: {said}", self.name(), to.0, to.1)));
            }
            _ => state.set_problem(None),
        }
    }

    /// Connects to the forwarded socket, forwarding again when the ssh connection is another one by now.
    async fn dial(&self, state: &State, to: &Key) -> Result<(Shared, UnixStream), RemoteError> {
        let mut second = false;
        loop {
            let (connection, path) = self.forwarded(state, to).await?;
            match UnixStream::connect(&path).await {
                Ok(stream) => return Ok((connection, stream)),
                Err(error) => {
                    *state.forward.lock().await = None;
                    if second {
                        return Err(self.no_forward(to, error));
                    }
                    self.discard(&connection).await;
                    second = true;
                }
            }
        }
    }

    async fn forwarded(&self, state: &State, to: &Key) -> Result<(Shared, PathBuf), RemoteError> {
        let mut forward = state.forward.lock().await;
        let mut second = false;
        loop {
            let connection = self.connection().await?;
            if let Some((present, path)) = forward.as_ref().filter(|(c, _)| Arc::ptr_eq(&c.0, &connection.0)) {
                return Ok((present.clone(), path.clone()));
            }
            let path = connection.0.forward_path();
            let (near, far) = (Socket::from(path.as_path()), Socket::new(to.0.as_str(), to.1));
            match connection.request_port_forward(ForwardType::Local, near, far).await {
                Ok(()) => {
                    *forward = Some((connection.clone(), path.clone()));
                    return Ok((connection, path));
                }
                Err(error) if second => return Err(self.no_forward(to, error)),
                Err(_) => {
                    self.discard(&connection).await;
                    second = true;
                }
            }
        }
    }

    fn no_forward(&self, to: &Key, detail: impl std::fmt::Display) -> RemoteError {
        let (host, to) = (self.name().to_owned(), format!("{}:{}", to.0, to.1));
        RemoteError::Forward { host, to, detail: detail.to_string() }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
