//! What can be learned of a cluster that nobody here installed. Invariant: looks only; what is not reached becomes a check
//! with its reason, and only what keeps everything from being learned is an error, at its field.

use crate::{
    context::Planner,
    discover::{self, Process},
    effect::{ClusterTarget, MemberTarget},
    error::PlanError,
    observe::stranger,
};
use futures::future::join_all;
use quorate_domain::{
    MemberId,
    adopt::AdoptParams,
    cluster::{ClusterRecord, Layout},
    host::HostSummary,
    names::split_url,
};
use quorate_etcd::{Consistency, EtcdError, ListedMember, MemberClient, MemberList, StatusReply};
use quorate_remote::Host;
use std::{sync::Arc, time::Duration};

const DEADLINE: Duration = Duration::from_secs(5);
/// A key that a login without the right to it may not read; nothing is written there by looking.
const PROBED: &[u8] = b"quorate/canary/adopt";

/// A cluster as it is found.
pub(super) struct Found {
    /// What the member that was asked first says of itself.
    pub status: StatusReply,
    /// All members.
    pub members: Vec<Member>,
    /// Whether a majority confirms who they are, or why not.
    pub confirmed: Result<(), String>,
    /// The name under which it is managed already.
    pub managed_as: Option<String>,
    /// Why the login cannot do what operations need.
    pub no_rights: Option<String>,
}

/// One member as it is found.
pub(super) struct Member {
    /// As listed.
    pub listed: ListedMember,
    /// Why it does not answer; none when it does.
    pub silent: Option<String>,
    /// The registered host of that address.
    pub host: Option<HostSummary>,
    /// The name of another cluster that has a member there.
    pub taken: Option<String>,
    /// Its etcd as it runs there; none when none listens at its port.
    pub process: Result<Option<Process>, String>,
    /// Who else looks after it.
    pub others: Vec<&'static str>,
}

impl Member {
    /// Its name; its id while it has none.
    pub fn name(&self) -> String {
        if self.listed.name.is_empty() { self.listed.id.to_string() } else { self.listed.name.clone() }
    }

    /// Its etcd, where it was seen.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref().ok()?.as_ref()
    }

    /// Where clients reach it, in words.
    pub fn client_urls(&self) -> String {
        match self.listed.client_urls.as_slice() {
            [] => "it has not started yet".to_owned(),
            urls => urls.join(", "),
        }
    }

    /// Of a member whose etcd was not seen.
    pub fn unknown_layout(&self) -> Layout {
        let not_here = match (&self.host, &self.process) {
            (None, _) => "its host is not registered here".to_owned(),
            (_, Err(why)) => format!("its host did not tell how it is started ({why})"),
            (_, Ok(_)) => "no etcd listens at its port on that host, so how it is started was not seen".to_owned(),
        };
        Layout { unit: String::new(), conf: String::new(), not_here }
    }
}

/// Looks; fills in the endpoint where a host was chosen.
///
/// # Errors
/// No way in: at `endpoint`, `host` or `access`.
pub(super) async fn look(planner: &Planner, params: &mut AdoptParams) -> Result<Found, PlanError> {
    let hosts = planner.inventory.all_hosts().await?;
    let clusters = planner.inventory.all_clusters().await?;
    // A secret never goes to another place than the one it was given for.
    if params.access.is_some()
        && let Some(holder) = clusters.iter().find(|c| c.access == params.access)
    {
        let message = format!("These certificates and this login were given for {}; give them anew", holder.name);
        return Err(PlanError::field("access", message));
    }
    if let Some(id) = &params.host
        && params.endpoint.is_empty()
    {
        let host =
            hosts.iter().find(|h| h.id == *id).ok_or_else(|| PlanError::field("host", "There is no such host"))?;
        params.endpoint = endpoint_on(planner, host).await.map_err(|why| PlanError::field("host", why))?;
    }
    let at = |why: String| PlanError::field("endpoint", why);
    let seed = MemberTarget {
        name: params.endpoint.clone(),
        host: host_of(&hosts, std::slice::from_ref(&params.endpoint)).map(|h| h.id.clone()),
        client_url: params.endpoint.clone(),
        peer_url: String::new(),
        loopback: false,
    };
    let mut target = ClusterTarget {
        name: params.name.clone(),
        reach: params.reach,
        access: params.access.clone(),
        members: vec![seed.clone()],
    };
    let client = planner.client(&target, &seed).await.map_err(&at)?;
    let status = client.status(DEADLINE).await.map_err(|e| at(e.to_string()))?;
    let list = listed(&client).await.map_err(|e| at(e.to_string()))?;
    target.members = list.members.iter().map(|listed| member_target(&hosts, listed)).collect();
    let seen = planner.observe(&target).await;
    let answers = match &seen {
        Ok(seen) => seen.list.members.iter().map(|m| (m.id, seen.silent.get(&m.id).cloned())).collect(),
        Err(_) => ask_all(planner, &target, &list).await,
    };
    let list = seen.as_ref().map_or(list, |seen| seen.list.clone());
    let members = join_all(list.members.iter().map(async |listed| {
        let silent = answers.iter().find(|(id, _)| *id == listed.id).and_then(|(_, why)| why.clone());
        member(planner, &hosts, &clusters, listed.clone(), silent).await
    }));
    Ok(Found {
        no_rights: rights(&client).await,
        status,
        members: members.await.into_iter().collect::<Result<_, PlanError>>()?,
        confirmed: seen.map(drop),
        managed_as: managed_as(&clusters, &list),
    })
}

/// The client URL of the etcd on a host.
async fn endpoint_on(planner: &Planner, host: &HostSummary) -> Result<String, String> {
    let connection = planner.connect(&host.id, &host.name).await.map_err(|e| e.to_string())?;
    let found = discover::processes(&connection).await?;
    match found.as_slice() {
        [] => Err(format!("No etcd listens on {}: choose another host, or give an endpoint", host.name)),
        [one] => {
            let url = one.client_urls.iter().find(|url| !is_loopback(url)).or(one.client_urls.first());
            url.cloned()
                .ok_or_else(|| format!("The etcd on {} does not tell its client URL: give the endpoint", host.name))
        }
        many => {
            let urls: Vec<String> = many.iter().flat_map(|p| p.client_urls.clone()).collect();
            Err(format!("{} runs several: give one of {} as the endpoint", host.name, urls.join(", ")))
        }
    }
}

fn is_loopback(url: &str) -> bool {
    split_url(url).is_ok_and(|(host, _)| host == "localhost" || host == "::1" || host.starts_with("127."))
}

/// Confirmed by a majority where there is one.
async fn listed(client: &MemberClient) -> Result<MemberList, EtcdError> {
    match client.members(Consistency::Linearizable, DEADLINE).await {
        Ok(list) => Ok(list),
        Err(_) => client.members(Consistency::Serializable, DEADLINE).await,
    }
}

fn member_target(hosts: &[HostSummary], listed: &ListedMember) -> MemberTarget {
    MemberTarget { host: host_of(hosts, &urls(listed)).map(|host| host.id.clone()), ..stranger(listed) }
}

fn urls(listed: &ListedMember) -> Vec<String> {
    listed.client_urls.iter().chain(&listed.peer_urls).cloned().collect()
}

/// The registered host that has the address of one of `urls`.
fn host_of<'h>(hosts: &'h [HostSummary], urls: &[String]) -> Option<&'h HostSummary> {
    let addresses: Vec<String> =
        urls.iter().filter(|u| !is_loopback(u)).filter_map(|u| Some(split_url(u).ok()?.0)).collect();
    let own = |host: &HostSummary, address: &String| {
        host.address == *address || host.facts.as_ref().is_some_and(|facts| facts.addresses.contains(address))
    };
    hosts.iter().find(|host| addresses.iter().any(|address| own(host, address)))
}

/// Who answers, where no list is confirmed.
async fn ask_all(planner: &Planner, target: &ClusterTarget, list: &MemberList) -> Vec<(MemberId, Option<String>)> {
    join_all(list.members.iter().zip(&target.members).map(async |(listed, member)| {
        let asked = match planner.client(target, member).await {
            Ok(client) => client.status(DEADLINE).await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        (listed.id, asked.err())
    }))
    .await
}

async fn member(
    planner: &Planner,
    hosts: &[HostSummary],
    clusters: &[ClusterRecord],
    listed: ListedMember,
    silent: Option<String>,
) -> Result<Member, PlanError> {
    let mut new = Member {
        host: host_of(hosts, &urls(&listed)).cloned(),
        silent,
        taken: None,
        process: Ok(None),
        others: vec![],
        listed,
    };
    let Some(host) = new.host.clone() else { return Ok(new) };
    let there = |c: &&ClusterRecord| c.members.iter().any(|m| m.host.as_ref() == Some(&host.id));
    new.taken = clusters.iter().find(there).map(|c| c.name.clone());
    let own = planner.inventory.worked_on(&host.id).await?;
    let seen = async {
        let connection: Arc<Host> = planner.connect(&host.id, &host.name).await.map_err(|e| e.to_string())?;
        let ports: Vec<u16> = urls(&new.listed).iter().filter_map(|url| Some(split_url(url).ok()?.1)).collect();
        let found = discover::processes(&connection).await?;
        let process = found.into_iter().find(|p| ports.iter().any(|port| p.ports.contains(port)));
        let others = discover::others(&connection, process.as_ref(), own).await?;
        Ok::<_, String>((process, others))
    };
    match seen.await {
        Ok((process, others)) => (new.process, new.others) = (Ok(process), others),
        Err(why) => new.process = Err(why),
    }
    Ok(new)
}

/// A cluster that has one of these members already.
fn managed_as(clusters: &[ClusterRecord], list: &MemberList) -> Option<String> {
    let here = |c: &&ClusterRecord| {
        c.members.iter().any(|m| list.members.iter().any(|listed| listed.peer_urls.contains(&m.peer_url)))
    };
    clusters.iter().find(here).map(|c| c.name.clone())
}

/// Why this login cannot do what operations need; none when it can, or nobody says.
async fn rights(client: &MemberClient) -> Option<String> {
    match client.canary_get(PROBED, DEADLINE).await {
        Err(error @ EtcdError::Refused { .. }) => Some(format!("reading a key: {error}")),
        _ => None,
    }
}
