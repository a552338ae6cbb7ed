//! Membership in a runbook: etcdctl on the first host. Invariant: like the console's own way it looks first, so that a
//! script that was stopped can be run again; ids that etcd gives only when a member is added are looked up by peer URL.

use super::remote_words;
use crate::{
    effect::{ClusterTarget, MemberCall, MemberRef, MemberTarget},
    observe::LOOPBACK,
    plan::Login,
    shell::word,
};
use quorate_domain::{names::split_url, snapshots::Content};

/// Members that are not open to clients answer on their own hosts only: there the one of that host is asked, which answers
/// with a majority behind it and not otherwise.
fn endpoints(cluster: &ClusterTarget) -> String {
    let closed = cluster.members.iter().find(|m| m.loopback);
    let url = |m: &MemberTarget| {
        let (scheme, _) = m.client_url.split_once("://")?;
        let (_, port) = split_url(&m.client_url).ok()?;
        Some(format!("{scheme}://{LOOPBACK}:{port}"))
    };
    closed.and_then(url).unwrap_or_else(|| cluster.endpoints())
}

fn etcdctl(login: &Login, cluster: &ClusterTarget, words: &[&str]) -> String {
    let endpoints = endpoints(cluster);
    let mut argv = vec!["etcdctl", "--endpoints", &endpoints, "--command-timeout=5s"];
    argv.extend(words);
    format!("{} </dev/null", remote_words(login, &argv))
}

/// Exits 0 when the chosen members answer and are healthy.
pub fn healthy(login: &Login, cluster: &ClusterTarget, wanted: impl Fn(&MemberTarget) -> bool) -> String {
    let some =
        ClusterTarget { members: cluster.members.iter().filter(|m| wanted(m)).cloned().collect(), ..cluster.clone() };
    format!("{} >/dev/null 2>&1", etcdctl(login, &some, &["endpoint", "health"]))
}

/// Exits 0 when a member has as many live keys as the snapshot; which ones they are only the console knows.
pub fn content(login: &Login, cluster: &ClusterTarget, member: &str, content: &Content) -> String {
    let one = cluster.members.iter().filter(|m| m.name == member).cloned().collect();
    let one = ClusterTarget { members: one, ..cluster.clone() };
    let count = ["get", "", "--from-key", "--count-only", "--write-out=fields", "--consistency=s"];
    let wanted = format!("\"Count\" : {}", content.keys);
    format!("{} | grep -xF {} >/dev/null", etcdctl(login, &one, &count), word(&wanted))
}

/// Exits 0 when the learner has nearly all of the leader's log. `endpoint status` prints, by comma and space: endpoint, id,
/// version, size, is leader, is learner, term, index, applied index.
pub fn caught_up(login: &Login, cluster: &ClusterTarget, member: &MemberRef, entries: u64) -> String {
    let status = etcdctl(login, cluster, &["endpoint", "status"]);
    let awk = "$1 == url { own = $9 } $5 == \"true\" { lead = $8 } \
               END { exit !(own != \"\" && lead != \"\" && lead - own <= max && lead - own <= lead / 10) }";
    format!("{status} 2>/dev/null | awk -F', ' -v url={} -v max={entries} {}", word(&member.client_url), word(awk))
}

/// The change, unless it is so already.
pub fn call(login: &Login, cluster: &ClusterTarget, call: &MemberCall, seconds: u32) -> String {
    let list = |filter: &str| format!("{} | {filter}", etcdctl(login, cluster, &["member", "list"]));
    let grep = |member: &MemberRef| match member.id {
        Some(id) => format!("grep {}", word(&format!("^{id},"))),
        None => format!("grep -F {}", word(&format!(", {},", member.peer_url))),
    };
    // The member's line of the list, its id the first field.
    let id_of = |member: &MemberRef| list(&format!("{} | cut -d, -f1", grep(member)));
    // The command is one quoted word; the id is put behind it when the script runs.
    let with_id = |verb: &[&str]| {
        let words: Vec<&str> = verb.iter().copied().chain(["QUORATE_ID"]).collect();
        etcdctl(login, cluster, &words).replace("QUORATE_ID'", "'\"$id\"")
    };
    let retried =
        |command: String| format!("SECONDS=0; until {command}; do [ $SECONDS -lt {seconds} ] || exit 1; sleep 1; done");
    match call {
        MemberCall::AddLearner(m) => {
            let peer_urls = format!("--peer-urls={}", m.peer_url);
            let add = etcdctl(login, cluster, &["member", "add", &m.name, "--learner", &peer_urls]);
            format!("{} >/dev/null || {}", list(&grep(m)), retried(add))
        }
        MemberCall::Promote(m) => format!(
            "id=$({})\n{} >/dev/null || {}",
            id_of(m),
            list(&format!("{} | grep -v ', true$'", grep(m))),
            retried(with_id(&["member", "promote"]))
        ),
        MemberCall::Remove(m) => format!(
            "id=$({} || true)\nif [ -n \"$id\" ]; then {}; fi",
            id_of(m),
            retried(with_id(&["member", "remove"]))
        ),
        MemberCall::MoveLeader(m) => format!("id=$({})\n{}", id_of(m), with_id(&["move-leader"])),
        MemberCall::StepAside(m) => {
            // A member that is down makes etcdctl fail after it has told of the others.
            let status = format!("{{ {} || true; }}", etcdctl(login, cluster, &["endpoint", "status"]));
            let own = word(&format!("{},", m.client_url));
            format!(
                "if {status} | grep -F {own} | grep -q ', true, false, '; then\n\
                 id=$({status} | grep -vF {own} | grep ', false, false, ' | head -n 1 | cut -d, -f2 | tr -d ' ')\n\
                 {}\nfi",
                with_id(&["move-leader"])
            )
        }
        MemberCall::UpdatePeer { member: m, to, .. } => format!(
            "id=$({})\n{} >/dev/null || {}",
            id_of(m),
            list(&format!("{} | grep -F {}", grep(m), word(&format!(", {to}, ")))),
            retried(with_id(&["member", "update", &format!("--peer-urls={to}")]))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{HostId, MemberId, cluster::Reach};

    #[test]
    fn every_change_is_valid_shell_that_looks_first() {
        let login = Login { destination: "ops@10.77.0.11".into(), port: 22, sudo: true };
        let url = |port: u16| format!("http://10.77.0.11:{port}");
        let target = MemberTarget {
            name: "lab1".into(),
            host: Some(HostId::from_random([1; 10])),
            client_url: url(2379),
            peer_url: url(2380),
            loopback: false,
        };
        let cluster = ClusterTarget { name: "demo".into(), reach: Reach::Direct, access: None, members: vec![target] };
        let member = |id| MemberRef { name: "lab1".into(), id, peer_url: url(2380), client_url: url(2379) };
        let (old, new) = (member(Some(MemberId(0xab))), member(None));
        for change in [
            MemberCall::AddLearner(new.clone()),
            MemberCall::Promote(new.clone()),
            MemberCall::Remove(old.clone()),
            MemberCall::Remove(new.clone()),
            MemberCall::MoveLeader(old.clone()),
            MemberCall::StepAside(old.clone()),
            MemberCall::UpdatePeer { member: old, to: url(2390), outage: false },
        ] {
            let script = call(&login, &cluster, &change, 15);
            let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
            assert!(check.success(), "{script}");
            assert!(script.contains("member list") || script.contains("endpoint status"), "{script}");
            assert!(!script.contains("QUORATE_ID"), "{script}");
        }
        for script in [caught_up(&login, &cluster, &new, 100), healthy(&login, &cluster, |_| true)] {
            let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
            assert!(check.success(), "{script}");
        }
    }
}
