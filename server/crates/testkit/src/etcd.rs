//! Real etcd clusters on loopback. Invariant: each cluster has a loopback address of its own, so that tests never meet
//! on a port; its processes end with it, and its peers talk through a cuttable wire (`wire`). Installed clusters on
//! real hosts are `lab`'s business.

mod binary;
mod process;
mod secured;
mod wire;

pub use binary::{etcd_binary, programs_for_console};
pub use process::EtcdProcess;
pub use secured::SecuredEtcd;

use crate::until::{until, until_some};
use futures::future::join_all;
use process::Shape;
use quorate_domain::MemberId;
use quorate_etcd::{EtcdError, MemberClient, MemberEndpoint, StatusReply, bootstrap_member_id, etcd_client};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use wire::Wire;

/// The version that tests run unless they are about another (the guide's).
pub const VERSION: &str = "3.5.16";
/// How long a cluster may take to agree on something; generous, because a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// Deadline of a single call in tests that are not about deadlines.
pub const CALL: Duration = Duration::from_secs(5);

/// A cluster of real processes. Members are named by their index, in the order they came.
pub struct EtcdCluster {
    members: Vec<EtcdProcess>,
    wire: Wire,
    binary: PathBuf,
    token: String,
    ip: Ipv4Addr,
}

impl EtcdCluster {
    /// Starts `size` members of [`VERSION`] and waits until all follow one leader.
    ///
    /// # Panics
    /// Without binaries (the message says where they are looked for) and when the cluster does not form.
    pub async fn start(size: usize) -> Self {
        Self::start_version(VERSION, size).await
    }

    /// The same with another version.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_version(version: &str, size: usize) -> Self {
        let ip = own_address();
        let token = format!("test-{ip}");
        let wire = Wire::new();
        let mut shapes = Vec::new();
        for i in 0..size {
            shapes.push(shape(i, ip, &wire).await);
        }
        let initial: Vec<String> = shapes.iter().map(|s| format!("{}={}", s.name, s.peer_url)).collect();
        let binary = etcd_binary(version);
        let members: Vec<EtcdProcess> = shapes
            .into_iter()
            .map(|shape| {
                wire.name(bootstrap_member_id(std::slice::from_ref(&shape.peer_url), &token), &shape.peer_url);
                EtcdProcess::start(&binary, shape, &initial.join(","), &token, "new", &[])
            })
            .collect();
        let cluster = Self { members, wire, binary, token, ip };
        let all: Vec<usize> = (0..size).collect();
        cluster.leader_among(&all).await;
        cluster
    }

    /// How many processes it has, running or not.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// `initial-cluster-token`.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// One process.
    pub fn member(&self, i: usize) -> &EtcdProcess {
        &self.members[i]
    }

    /// One process, to kill, pause or start it.
    pub fn member_mut(&mut self, i: usize) -> &mut EtcdProcess {
        &mut self.members[i]
    }

    /// Its client port.
    pub fn endpoint(&self, i: usize) -> MemberEndpoint {
        MemberEndpoint::direct(self.members[i].client_url())
    }

    /// A fresh client of one member.
    pub fn client(&self, i: usize) -> MemberClient {
        MemberClient::connect(&self.endpoint(i)).expect("a client URL")
    }

    /// Its status.
    ///
    /// # Errors
    /// As the client answers.
    pub async fn status(&self, i: usize) -> Result<StatusReply, EtcdError> {
        self.client(i).status(CALL).await
    }

    /// Its id, from itself.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn id(&self, i: usize) -> MemberId {
        self.status(i).await.expect("status").member_id
    }

    /// Waits until all of `members` follow the same leader, and returns the leader's index.
    ///
    /// # Panics
    /// When they do not agree in time.
    pub async fn leader_among(&self, members: &[usize]) -> usize {
        until_some(PATIENCE, "one leader", async || {
            let answers = join_all(members.iter().map(|&i| self.status(i))).await;
            let answers: Vec<StatusReply> = answers.into_iter().collect::<Result<_, _>>().ok()?;
            let leader = answers.first()?.status.leader?;
            let agreed = answers.iter().all(|a| a.status.leader == Some(leader));
            agreed.then(|| answers.iter().position(|a| a.member_id == leader).map(|at| members[at]))?
        })
        .await
    }

    /// Cuts one member off from its peers; its client port still answers.
    ///
    /// # Panics
    /// When it does not answer before (its id must be known).
    pub async fn isolate(&self, i: usize) {
        self.wire.name(self.id(i).await, self.members[i].peer_url());
        self.wire.cut(self.members[i].peer_url());
    }

    /// Puts a member's wires back.
    pub fn heal(&self, i: usize) {
        self.wire.mend(self.members[i].peer_url());
    }

    /// Adds a learner through member `through`, starts it, and returns its index once it answers.
    ///
    /// # Panics
    /// When it does not come to life.
    pub async fn add_learner(&mut self, through: usize) -> usize {
        let i = self.members.len();
        let shape = shape(i, self.ip, &self.wire).await;
        let urls = vec![shape.peer_url.clone()];
        let add = async |etcd: etcd_client::Client| {
            let options = etcd_client::MemberAddOptions::new().with_is_learner();
            Ok(etcd.cluster_client().member_add(urls.clone(), Some(options)).await?)
        };
        // etcd refuses ("unhealthy cluster") until all voters have been connected for five seconds.
        until(PATIENCE, "the member is added", async || self.client(through).call(CALL, &add).await.is_ok()).await;
        let known = self.members.iter().map(|m| format!("{}={}", m.name(), m.peer_url()));
        let initial: Vec<String> = known.chain([format!("{}={}", shape.name, shape.peer_url)]).collect();
        self.members.push(EtcdProcess::start(&self.binary, shape, &initial.join(","), &self.token, "existing", &[]));
        until(PATIENCE, "the learner answers", async || self.status(i).await.is_ok()).await;
        i
    }
}

/// The address is the cluster's own, so each port of it is what it says. Below the range that the kernel hands out.
async fn shape(i: usize, ip: Ipv4Addr, wire: &Wire) -> Shape {
    let port = |first: u16| SocketAddr::from((ip, first + u16::try_from(i).expect("few members")));
    let listen = port(22_000);
    let advertised = wire.listen(port(23_000), listen).await;
    Shape {
        name: format!("m{i}"),
        client_url: format!("http://{}", port(21_000)),
        listen_peer_url: format!("http://{listen}"),
        peer_url: advertised,
    }
}

/// A loopback address that no other cluster of this or another test process uses.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes()[3];
    Ipv4Addr::new(127, 64 + count % 128, high, low)
}
