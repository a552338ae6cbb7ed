//! The wires between peers. Invariant: every member advertises a port of this proxy, so its connections to and from
//! the others can be cut without privileges. etcd names itself in each raft request (`X-Server-From`): that is how a
//! connection's origin is known.

use quorate_domain::MemberId;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

const ORIGIN: &[u8] = b"X-Server-From: ";

/// All wires of one cluster; they end with it.
pub(super) struct Wire {
    /// Peer URLs of the members that are cut off.
    cut: Arc<watch::Sender<BTreeSet<String>>>,
    names: Arc<Mutex<BTreeMap<MemberId, String>>>,
    listeners: Mutex<JoinSet<()>>,
}

impl Wire {
    pub fn new() -> Self {
        Self { cut: Arc::new(watch::Sender::new(BTreeSet::new())), names: Arc::default(), listeners: Mutex::default() }
    }

    /// Tells which member advertises `peer_url`.
    pub fn name(&self, id: MemberId, peer_url: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(id, peer_url.to_owned());
    }

    pub fn cut(&self, peer_url: &str) {
        self.cut.send_modify(|cut| _ = cut.insert(peer_url.to_owned()));
    }

    pub fn mend(&self, peer_url: &str) {
        self.cut.send_modify(|cut| _ = cut.remove(peer_url));
    }

    /// Opens `port` in front of `upstream` and returns the peer URL to advertise.
    pub async fn listen(&self, port: SocketAddr, upstream: SocketAddr) -> String {
        let listener = TcpListener::bind(port).await.expect("a loopback port");
        let url = format!("http://{port}");
        let (cut, names, to) = (self.cut.clone(), self.names.clone(), url.clone());
        let serve = async move {
            let mut open = JoinSet::new();
            while let Ok((inbound, _)) = listener.accept().await {
                let line = Line { to: to.clone(), from: None, names: names.clone() };
                open.spawn(line.carry(inbound, upstream, cut.subscribe()));
                while open.try_join_next().is_some() {}
            }
        };
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).spawn(serve);
        url
    }
}

/// One connection from a peer to another.
struct Line {
    to: String,
    from: Option<String>,
    names: Arc<Mutex<BTreeMap<MemberId, String>>>,
}

impl Line {
    /// Carries bytes both ways until either end closes or the wire is cut.
    async fn carry(mut self, mut inbound: TcpStream, upstream: SocketAddr, mut cut: watch::Receiver<BTreeSet<String>>) {
        if self.is_in(&cut.borrow()) {
            return;
        }
        let Ok(mut outbound) = TcpStream::connect(upstream).await else { return };
        let (mut ask, mut reply) = (vec![0; 32 << 10], vec![0; 32 << 10]);
        loop {
            tokio::select! {
                read = inbound.read(&mut ask) => {
                    let Ok(n @ 1..) = read else { return };
                    self.learn(&ask[..n]);
                    if self.is_in(&cut.borrow()) || outbound.write_all(&ask[..n]).await.is_err() {
                        return;
                    }
                }
                read = outbound.read(&mut reply) => {
                    let Ok(n @ 1..) = read else { return };
                    if inbound.write_all(&reply[..n]).await.is_err() {
                        return;
                    }
                }
                changed = cut.changed() => {
                    if changed.is_err() || self.is_in(&cut.borrow()) {
                        return;
                    }
                }
            }
        }
    }

    fn is_in(&self, cut: &BTreeSet<String>) -> bool {
        cut.contains(&self.to) || self.from.as_ref().is_some_and(|from| cut.contains(from))
    }

    fn learn(&mut self, bytes: &[u8]) {
        let Some(at) = bytes.windows(ORIGIN.len()).position(|w| w == ORIGIN) else { return };
        let id: String =
            bytes[at + ORIGIN.len()..].iter().take_while(|b| b.is_ascii_hexdigit()).map(|&b| char::from(b)).collect();
        if let Ok(id) = id.parse::<MemberId>() {
            self.from = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        }
    }
}
