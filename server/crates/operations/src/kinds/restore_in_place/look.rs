//! What a restore finds: who answers, and what lies on each member's host. Invariant: looks only, and asks nothing that needs
//! quorum to be answered; a host that is not reached is a failed check.

use crate::{
    context::Planner,
    effect::{ClusterTarget, MemberTarget},
    error::PlanError,
    membership,
    observe::Observed,
    steps::files::Ownership,
};
use futures::future::join_all;
use quorate_domain::{
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::HostSummary,
    version::Version,
    wide::Wide,
};
use quorate_remote::{Command, Host};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);
/// For the way to a member and its answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A member and its host.
pub(in crate::kinds) struct Site {
    pub member: ClusterMemberRecord,
    pub host: HostSummary,
    pub found: Result<Found, String>,
}

/// What lies on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kinds) struct Found {
    /// Its etcd runs, or tries to.
    pub ran: bool,
    /// Its etcd's version.
    pub etcd: Option<Version>,
    /// Path of etcdutl; empty where there is none.
    pub etcdutl: String,
    /// Its version.
    pub etcdutl_version: Option<Version>,
    /// Bytes free where the data lies.
    pub free: u64,
    /// `owner:group` of the data.
    pub owner: String,
    /// An operation with this token was here.
    pub used: bool,
    /// It set a member's data aside, which still lies there.
    pub kept: bool,
    /// etcd.conf and who owns it.
    pub conf: String,
    pub conf_ownership: Ownership,
}

/// The cluster as it answers.
pub(in crate::kinds) struct Live {
    /// Names of the members that answer.
    pub answering: Vec<String>,
    /// The newest revision among them.
    pub revision: Option<Wide>,
    /// The members that are confirmed, or why none are.
    pub confirmed: Result<Observed, String>,
}

/// Asks each member by itself, and all of them who is in the cluster.
pub(in crate::kinds) async fn live(planner: &Planner, record: &ClusterRecord) -> Live {
    let target = ClusterTarget::from(record);
    let ask = async |member: &MemberTarget| {
        let ask = async {
            let client = planner.client(&target, member).await.ok()?;
            client.status(ANSWER).await.ok()
        };
        timeout(ANSWER, ask).await.ok().flatten()
    };
    let (answers, confirmed) = tokio::join!(join_all(target.members.iter().map(ask)), planner.observe(&target));
    let answered = || target.members.iter().zip(&answers).filter_map(|(m, a)| Some((m, a.as_ref()?)));
    Live {
        answering: answered().map(|(member, _)| member.name.clone()).collect(),
        revision: answered().map(|(_, answer)| answer.status.revision).max(),
        confirmed,
    }
}

/// Looks at the hosts of all members; names of members whose hosts the console does not know.
///
/// # Errors
/// The store failed.
pub(in crate::kinds) async fn sites(
    planner: &Planner,
    record: &ClusterRecord,
    token: &str,
) -> Result<(Vec<Site>, Vec<String>), PlanError> {
    let (mut known, mut elsewhere) = (Vec::new(), Vec::new());
    for member in &record.members {
        match planner.host_of(member).await? {
            Some(host) => known.push((member.clone(), host)),
            None => elsewhere.push(member.name.clone()),
        }
    }
    let sites = join_all(known.into_iter().map(async |(member, host)| {
        let found = look_at(planner, &member, &host, token).await;
        Site { member, host, found }
    }));
    Ok((sites.await, elsewhere))
}

/// $1 unit, $2 data directory, $3 token.
const LOOK: &str = r#"say() { printf '%s\t%s\n' "$1" "$2"; }
pid=$(systemctl show --property=MainPID --value "$1")
etcd=etcd; [ "${pid:-0}" = 0 ] || etcd=/proc/$pid/exe
say state "$(systemctl show --property=ActiveState --value "$1")"
say etcd "$("$etcd" --version 2>/dev/null | sed -n 's/^etcd Version: //p')"
utl=$(command -v etcdutl)
say etcdutl "$utl"
[ -z "$utl" ] || say etcdutl_version "$("$utl" version 2>/dev/null | sed -n 's/^etcdutl version: //p')"
say free "$(df --output=avail --block-size=1 -- "$2" 2>/dev/null | tail -n 1 | tr -d ' ')"
say owner "$(stat -c %U:%G -- "$2/member" 2>/dev/null || stat -c %U:%G -- "$2" 2>/dev/null)"
[ ! -e "$2/aside-$3" ] || say used yes
[ ! -e "$2/aside-$3/member" ] || say kept yes
"#;

async fn look_at(
    planner: &Planner,
    member: &ClusterMemberRecord,
    host: &HostSummary,
    token: &str,
) -> Result<Found, String> {
    let connection = planner.connect(&host.id, &host.name).await.map_err(|e| e.to_string())?;
    member.layout.steerable()?;
    member.layout.editable()?;
    if member.data_dir.is_empty() {
        return Err("the console does not know its data directory".into());
    }
    let conf = membership::conf_of(&connection, &member.layout.conf).await?;
    let (conf, conf_ownership) = conf.ok_or_else(|| format!("there is no {} there", member.layout.conf))?;
    let said = asked(&connection, member, token).await?;
    let (seen, ran) = parse(&said);
    let word = |name: &str| seen.get(name).copied().unwrap_or_default();
    Ok(Found {
        ran,
        etcd: word("etcd").parse().ok(),
        etcdutl: word("etcdutl").to_owned(),
        etcdutl_version: word("etcdutl_version").parse().ok(),
        free: word("free").parse().unwrap_or_default(),
        owner: word("owner").to_owned(),
        used: seen.contains_key("used"),
        kept: seen.contains_key("kept"),
        conf,
        conf_ownership,
    })
}

async fn asked(host: &Host, member: &ClusterMemberRecord, token: &str) -> Result<String, String> {
    let look = Command::script(LOOK, &[&member.layout.unit, &member.data_dir, token]).root().deadline(DEADLINE);
    let output = host.run(look).await.map_err(|error| error.to_string())?;
    Ok(output.text().into_owned())
}

/// Reads `name<tab>answer` lines; and whether the unit runs or tries to.
fn parse(text: &str) -> (BTreeMap<&str, &str>, bool) {
    let seen: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let state = seen.get("state").copied().unwrap_or_default();
    let ran = !matches!(state, "inactive" | "failed" | "");
    (seen, ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_read_line_by_line() {
        let (seen, ran) = parse("state\tactivating\netcd\t3.5.16\nfree\t5\n");
        assert!(ran && seen.get("etcd") == Some(&"3.5.16"));
        assert!(!parse("state\tfailed\n").1 && !parse("").1);
        let check = std::process::Command::new("sh").args(["-n", "-c", LOOK]).status().expect("sh runs");
        assert!(check.success());
    }
}
