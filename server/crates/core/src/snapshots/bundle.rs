//! What lies on members' hosts beside the data, for the bundle: the guide asks to back up each node's configuration too. Invariant:
//! best effort within a deadline; what could not be read is said in words, and a snapshot is good without it.

use crate::console::Console;
use futures::future::join_all;
use quorate_domain::{
    cluster::{ClusterMemberRecord, ClusterRecord},
    snapshots::MemberFiles,
};
use quorate_remote::{Command, Host};
use std::time::Duration;
use tokio::time::timeout;

/// For all files of one host.
const DEADLINE: Duration = Duration::from_secs(15);
/// A configuration is a page; what is longer is not one.
const CAP: usize = 64 << 10;

impl Console {
    /// The files of all members, as far as their hosts gave them.
    pub(super) async fn member_files(&self, record: &ClusterRecord) -> Vec<MemberFiles> {
        join_all(record.members.iter().map(|member| async move {
            let read = timeout(DEADLINE, self.files_of(member)).await;
            read.unwrap_or_else(|_| unread(member, "its host did not answer in time".into()))
        }))
        .await
    }

    async fn files_of(&self, member: &ClusterMemberRecord) -> MemberFiles {
        let Some(id) = &member.host else { return unread(member, "the console knows no host of it".into()) };
        let host = match self.connected(id).await {
            Ok(host) => host,
            Err(why) => return unread(member, why),
        };
        let mut found = MemberFiles { member: member.name.clone(), files: Vec::new(), problem: String::new() };
        let mut problems = Vec::new();
        if member.layout.conf.is_empty() {
            problems.push("the console knows no configuration file of it".to_owned());
        } else {
            match host.read_file(&member.layout.conf, CAP, true).await {
                Ok(Some(file)) if !file.truncated => {
                    found.files.push((member.layout.conf.clone(), String::from_utf8_lossy(&file.bytes).into_owned()));
                }
                Ok(Some(_)) => problems.push(format!("{} is too long", member.layout.conf)),
                Ok(None) => problems.push(format!("there is no {}", member.layout.conf)),
                Err(error) => problems.push(format!("{}: {error}", member.layout.conf)),
            }
        }
        match unit_text(&host, &member.layout.unit).await {
            Ok(Some(text)) => found.files.push((member.layout.unit.clone(), text)),
            Ok(None) => problems.push("the console knows no unit of it".to_owned()),
            Err(why) => problems.push(format!("{}: {why}", member.layout.unit)),
        }
        found.problem = problems.join("; ");
        found
    }
}

fn unread(member: &ClusterMemberRecord, problem: String) -> MemberFiles {
    MemberFiles { member: member.name.clone(), files: Vec::new(), problem }
}

/// A unit with its drop-ins, as systemd reads them.
async fn unit_text(host: &Host, unit: &str) -> Result<Option<String>, String> {
    if unit.is_empty() {
        return Ok(None);
    }
    let command = Command::new(["systemctl", "cat", "--no-pager", "--", unit]).cap(CAP).deadline(DEADLINE);
    let output = host.run_ok(command).await.map_err(|error| error.to_string())?;
    Ok(Some(output.text().into_owned()))
}
