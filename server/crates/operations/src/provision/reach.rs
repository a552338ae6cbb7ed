//! Whether the members of an install reach each other, and the console them in the way that was chosen. Invariant:
//! connections are opened and closed, nothing is sent; whether something listens already changes no verdict, so that a
//! look at the review and one at the start say the same.

use crate::context::Planner;
use futures::future::join_all;
use quorate_domain::{
    cluster::Reach,
    host::{HostSummary, PortReach},
    install::InstallParams,
    plan::Check,
    preflight,
};
use quorate_remote::{Host, ports};
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

/// What was found between the hosts, and from the console.
#[derive(Default)]
pub(crate) struct Ways {
    peers: Vec<(usize, usize, u16, PortReach)>,
    console: Vec<(usize, FromConsole)>,
}

/// The console's way to one member's client port.
enum FromConsole {
    Direct { address: String, port: u16, reach: PortReach },
    Ssh { port: u16, refusal: Option<String> },
}

/// As long as `remote::ports` gives a host for the same.
const CONNECT: Duration = Duration::from_secs(2);
/// How long ssh may take to set up the tunnel; a host that falls silent is given up by ssh itself before.
const OPENED: Duration = Duration::from_secs(20);
/// How long a refusal may take through SSH; one that has not come by then will not, because something listens.
const REFUSAL: Duration = Duration::from_secs(5);
/// ssh's reason is noted while the connection is closed: not before this (what stands there is of an earlier one), and
/// soon after.
const NOTED: Duration = Duration::from_millis(100);
const NOTED_LOOKS: u32 = 20;

/// Tries every pair on the peer port, and the console on every client port. `hosts` are the connections of the members
/// at `addresses`; a host without one says nothing, its failed contact is a check of its own.
pub(crate) async fn probe(
    planner: &Planner,
    params: &InstallParams,
    hosts: &[Option<Arc<Host>>],
    addresses: &[String],
) -> Ways {
    let connected: Vec<(usize, Arc<Host>)> =
        hosts.iter().enumerate().filter_map(|(index, host)| Some((index, host.clone()?))).collect();
    let peers = join_all(connected.iter().map(|(from, host)| from_host(host, *from, addresses, params.peer_port)));
    let console =
        join_all(connected.iter().map(|(index, host)| from_console(params, *index, host, &addresses[*index])));
    let (peers, console) = tokio::join!(peers, console);
    for (index, way) in &console {
        if let Some(host) = &hosts[*index] {
            way.forget_refused(planner, host).await;
        }
    }
    Ways { peers: peers.into_iter().flatten().collect(), console }
}

impl Ways {
    /// All verdicts.
    pub(crate) fn checks(&self, hosts: &[HostSummary]) -> Vec<Check> {
        let between = self
            .peers
            .iter()
            .map(|(from, to, port, reach)| preflight::port_check(&hosts[*from].name, &hosts[*to].name, *port, *reach));
        between.chain(self.console.iter().map(|(index, way)| way.check(&hosts[*index].name))).collect()
    }
}

impl FromConsole {
    /// sshd reads its configuration anew for each connection only: the next review must see a mended one.
    async fn forget_refused(&self, planner: &Planner, host: &Host) {
        if let Self::Ssh { refusal: Some(_), .. } = self {
            planner.hosts.forget(host.id()).await;
        }
    }

    fn check(&self, host: &str) -> Check {
        match self {
            Self::Direct { address, port, reach } => preflight::client_port_check(host, address, *port, *reach),
            Self::Ssh { port, refusal } => preflight::forwarding_check(host, *port, refusal.as_deref()),
        }
    }
}

/// The verdict on the console's way to the client port of one member on `host`.
pub(crate) async fn client_way(
    planner: &Planner,
    reach: Reach,
    host: &HostSummary,
    connection: &Arc<Host>,
    (address, port): (&str, u16),
) -> Check {
    let way = way_to(reach, connection, address, port).await;
    way.forget_refused(planner, connection).await;
    way.check(&host.name)
}

async fn from_host(host: &Host, from: usize, addresses: &[String], port: u16) -> Vec<(usize, usize, u16, PortReach)> {
    let others: Vec<usize> = (0..addresses.len()).filter(|to| *to != from).collect();
    let targets: Vec<(String, u16)> = others.iter().map(|&to| (addresses[to].clone(), port)).collect();
    // A probe that cannot run says nothing about the network: it counts as no answer.
    let found = ports::probe(host, &targets).await.unwrap_or_else(|_| vec![PortReach::Filtered; targets.len()]);
    others.into_iter().zip(found).map(|(to, reach)| (from, to, port, reach)).collect()
}

async fn from_console(params: &InstallParams, index: usize, host: &Arc<Host>, address: &str) -> (usize, FromConsole) {
    (index, way_to(params.reach, host, address, params.client_port).await)
}

async fn way_to(reach: Reach, host: &Arc<Host>, address: &str, port: u16) -> FromConsole {
    match reach {
        Reach::Direct => FromConsole::Direct { address: address.to_owned(), port, reach: connect(address, port).await },
        Reach::Ssh => FromConsole::Ssh { port, refusal: through_ssh(host, address, port).await },
    }
}

async fn connect(address: &str, port: u16) -> PortReach {
    match timeout(CONNECT, TcpStream::connect((address, port))).await {
        Ok(Ok(_)) => PortReach::Open,
        Ok(Err(error)) => reach_of(error.kind()),
        Err(_) => PortReach::Filtered,
    }
}

fn reach_of(error: io::ErrorKind) -> PortReach {
    match error {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => PortReach::Refused,
        io::ErrorKind::TimedOut => PortReach::Filtered,
        _ => PortReach::NoRoute,
    }
}

/// Why sshd would not carry a connection to the member's client port; none when it would, whether or not something
/// listens there by now.
async fn through_ssh(host: &Arc<Host>, address: &str, port: u16) -> Option<String> {
    let path = match timeout(OPENED, host.tunnel(address, port)).await {
        Ok(Ok(path)) => path,
        Ok(Err(error)) => return Some(error.to_string()),
        Err(_) => return Some(format!("no answer in {} s", OPENED.as_secs())),
    };
    match timeout(REFUSAL, closed(&path)).await {
        // Nothing closed it: it leads somewhere.
        Err(_) => None,
        Ok(Err(error)) => Some(format!("no connection to the tunnel's near end: {error}")),
        Ok(Ok(())) => refusal(&noted(host, address, port).await),
    }
}

/// What was said of the connection that was just closed; empty if nothing was.
async fn noted(host: &Host, address: &str, port: u16) -> String {
    for _ in 0..NOTED_LOOKS {
        sleep(NOTED).await;
        if let Some(said) = host.tunnel_problem(address, port) {
            return said;
        }
    }
    String::new()
}

/// Connects to the tunnel and returns once the far side has closed the connection, or has said something.
async fn closed(tunnel: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(tunnel).await?;
    match stream.read(&mut [0; 1]).await {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(()),
    }
}

/// What ssh said of a connection that was closed (`channel 2: open failed: administratively prohibited: open failed`):
/// a refusal of the port behind sshd is none of sshd's own.
fn refusal(said: &str) -> Option<String> {
    let own = said.contains("open failed") && !said.contains("Connection refused");
    own.then(|| {
        said.split_once("open failed: ").map_or(said, |(_, why)| why).trim_end_matches(": open failed").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn only_what_sshd_itself_refuses_is_a_refusal() {
        let prohibited = "lab1: 10.0.0.1:2379: channel 2: open failed: administratively prohibited: open failed";
        assert_eq!(refusal(prohibited).as_deref(), Some("administratively prohibited"));
        let beyond = "lab1: 10.0.0.1:2379: channel 2: open failed: connect failed: Connection refused";
        assert_eq!(refusal(beyond), None);
        let nowhere = "lab1: 10.0.0.1:2379: channel 2: open failed: connect failed: No route to host";
        assert_eq!(refusal(nowhere).as_deref(), Some("connect failed: No route to host"));
        assert_eq!((refusal("lab1: 10.0.0.1:2379: closed without an answer"), refusal("")), (None, None));
    }

    #[tokio::test]
    async fn an_open_port_and_a_refused_one_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        assert_eq!(connect("127.0.0.1", port).await, PortReach::Open);
        drop(listener);
        assert_eq!(connect("127.0.0.1", port).await, PortReach::Refused);
        assert_eq!(reach_of(io::ErrorKind::HostUnreachable), PortReach::NoRoute);
    }
}
