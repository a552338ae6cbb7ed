//! A plan as a plain shell script that a person runs without the console. Invariant: the same effects in the same
//! order; it is executed in the lab by a test and must reach the same end state.

use crate::{
    effect::{Action, ClusterTarget, Condition, Effect, HostPart, KeysCall, Place, Run},
    plan::{Lane, Login, Plan},
    shell::{line, word},
    steps::service,
};
use quorate_domain::HostId;
use std::fmt::Write as _;

mod members;
mod snapshots;

/// The script.
pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "#!/bin/bash\n\
         # {}\n\
         # Written by Quorate as a runbook of plan {}. It needs ssh to every host as the login named below;\n\
         # extra options for ssh go into SSH_OPTIONS (for example SSH_OPTIONS='-i key -F config').\n\
         set -euo pipefail\n\
         on() {{ local to=$1 port=$2; shift 2; ssh ${{SSH_OPTIONS:-}} -o BatchMode=yes -p \"$port\" \"$to\" \"$@\"; }}\n\
         step() {{ printf '\\n== %s\\n' \"$*\" >&2; }}\n",
        plan.title.replace('\n', " "),
        &plan.digest()[..12],
    );
    for (step, number) in plan.steps.iter().zip(1..) {
        let _ = writeln!(out, "\nstep {}", word(&format!("{number} of {}: {}", plan.steps.len(), step.title)));
        if let Some(question) = &step.waits {
            let text = format!("{} Press Enter: {}", question.sentence, question.label);
            let _ = writeln!(out, "echo {} >&2; read -r _ </dev/tty", word(&text));
        }
        let lanes: Vec<String> = step.lanes.iter().map(|lane| lane_script(plan, lane)).collect();
        out.push_str(&in_parallel(&lanes));
    }
    out.push_str("\nstep done\n");
    out
}

/// Lanes of a step run side by side, as they do in the console: members of a new cluster wait for each other to start.
fn in_parallel(lanes: &[String]) -> String {
    match lanes {
        [only] => only.clone(),
        _ => {
            let jobs: String = lanes.iter().map(|lane| format!("(\n{lane}) & pids+=($!)\n")).collect();
            format!("pids=()\n{jobs}for pid in \"${{pids[@]}}\"; do wait \"$pid\"; done\n")
        }
    }
}

fn lane_script(plan: &Plan, lane: &Lane) -> String {
    let login = match &lane.place {
        Place::Host { id, .. } => plan.logins.iter().find(|(host, _)| host == id),
        // Cluster calls run as etcdctl on the first host: it is there and reaches the members.
        Place::Cluster { .. } => plan.logins.first(),
    };
    let Some((_, login)) = login else {
        // Work on keys needs no host.
        let keys = lane.actions.iter().filter_map(|action| match &action.effect {
            Effect::Keys { cluster, call } => Some(format!("{}\n", by_hand(cluster, call))),
            _ => None,
        });
        return keys.collect();
    };
    let mut body = String::new();
    for action in &lane.actions {
        body.push_str(&action_script(&plan.logins, login, action));
    }
    match &lane.unless {
        Some(condition) if !body.is_empty() => {
            let indented: String = body.lines().map(|l| format!("{l}\n")).collect();
            format!("if ! {{ {}; }}; then\n{indented}fi\n", condition_script(login, condition))
        }
        // A subshell must not be empty.
        _ if body.is_empty() => ":\n".to_owned(),
        _ => body,
    }
}

fn remote(login: &Login, argv: &[String]) -> String {
    let command = if login.sudo { format!("sudo -n -- {}", line(argv)) } else { line(argv) };
    format!("on {} {} {}", word(&login.destination), login.port, word(&command))
}

fn remote_words(login: &Login, words: &[&str]) -> String {
    remote(login, &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
}

fn run_script(login: &Login, run: &Run) -> String {
    let command = match &run.stdin {
        Some(text) => format!("printf %s {} | {}", word(text), remote(login, &run.argv)),
        None => format!("{} </dev/null", remote(login, &run.argv)),
    };
    match run.also_ok.as_slice() {
        [] => command,
        statuses => {
            let tests: Vec<String> = statuses.iter().map(|s| format!("[ $rc = {s} ]")).collect();
            format!("{command} || {{ rc=$?; {}; }}", tests.join(" || "))
        }
    }
}

fn action_script(logins: &[(HostId, Login)], login: &Login, action: &Action) -> String {
    let command = match &action.effect {
        Effect::Run(run) => run_script(login, run),
        Effect::PutFile { path, owner, group, mode, content, .. } => {
            let mode = format!("{mode:04o}");
            let dir = path.rsplit_once('/').map_or("/", |(dir, _)| dir);
            let put = remote_words(login, &["install", "-o", owner, "-g", group, "-m", &mode, "/dev/stdin", path]);
            format!(
                "{} </dev/null\n{put} <<'QUORATE_FILE'\n{}QUORATE_FILE",
                remote_words(login, &["mkdir", "-p", dir]),
                ending_in_newline(content)
            )
        }
        Effect::PushArchive { version, arch, sha256, base_url, path } => {
            let archive = format!("{}.tar.gz", version.archive_stem(*arch));
            // A file of its own for each host: lanes run side by side.
            format!(
                "archive=$(mktemp)\n\
                 curl -fsSLo \"$archive\" {}\n\
                 echo {}\"  $archive\" | sha256sum --check --strict -\n\
                 {} <\"$archive\"\n\
                 rm -f \"$archive\"",
                word(&format!("{base_url}/v{version}/{archive}")),
                word(sha256),
                remote_words(login, &["install", "-D", "-m", "0600", "/dev/stdin", path]),
            )
        }
        Effect::Guard { condition, otherwise } => {
            format!("{{ {}; }} || {{ echo {} >&2; exit 1; }}", condition_script(login, condition), word(otherwise))
        }
        Effect::ForgetCluster { name } => {
            format!("# in Quorate: forget the cluster {}", name.replace('\n', " "))
        }
        Effect::Wait { condition, deadline_seconds } => format!(
            "SECONDS=0; until {{ {}; }}; do [ $SECONDS -lt {deadline_seconds} ] || {{ echo 'waited too long' >&2; exit 1; }}; sleep 1; done",
            condition_script(login, condition)
        ),
        Effect::Canary { cluster, key } => canary_script(login, cluster, key),
        Effect::Member { cluster, call, deadline_seconds } => members::call(login, cluster, call, *deadline_seconds),
        Effect::Keys { cluster, call } => by_hand(cluster, call),
        Effect::Snapshot(work) => snapshots::work(logins, login, work),
        // A command, because a lane of nothing else must not be empty.
        Effect::RecordToken { .. } => ": # in Quorate: nothing; a configuration that differs is shown".to_owned(),
        Effect::RecordQuota { .. } => "# in Quorate: the quota is noted when it changes the cluster".to_owned(),
        Effect::RecordMembers { .. } => {
            "# in Quorate: look at the cluster's page; it follows the member list".to_owned()
        }
        Effect::LeaveHostTask(part) => once_it_is_back(part),
        Effect::CloseHostTask(_) => "# in Quorate: forget the task on the host's page".to_owned(),
        Effect::RegisterCluster(new) => {
            format!("# in Quorate: adopt the cluster {} once a console is there again", new.name.replace('\n', " "))
        }
    };
    match &action.unless {
        Some(condition) => format!("if ! {{ {}; }}; then\n{command}\nfi\n", condition_script(login, condition)),
        None => format!("{command}\n"),
    }
}

/// Tells whoever runs the script what is to be done with many keys: etcdctl has no command that guards a batch by what was
/// seen, and what the console keeps is sealed.
fn by_hand(cluster: &ClusterTarget, call: &KeysCall) -> String {
    let text = format!("By hand, with etcdctl --endpoints={}: {}", cluster.endpoints(), call.words());
    format!("echo {} >&2", word(&text))
}

/// Tells whoever runs the script what is left to be done on a host that is not reached.
fn once_it_is_back(part: &HostPart) -> String {
    let actions = service::lay_to_rest(&part.layout.unit, &part.data_dir, &part.token).actions;
    let commands: Vec<String> = actions
        .iter()
        .filter_map(|action| match &action.effect {
            Effect::Run(run) => Some(line(&run.argv)),
            _ => None,
        })
        .collect();
    let text = format!("Once {} is back, run there as root: {}", part.host_name, commands.join("; "));
    format!("echo {} >&2", word(&text))
}

fn ending_in_newline(content: &str) -> String {
    if content.ends_with('\n') { content.to_owned() } else { format!("{content}\n") }
}

fn condition_script(login: &Login, condition: &Condition) -> String {
    match condition {
        Condition::Succeeds { argv } => format!("{} </dev/null >/dev/null 2>&1", remote(login, argv)),
        Condition::Prints { argv, text } => {
            format!("{} </dev/null 2>/dev/null | grep -xF {} >/dev/null", remote(login, argv), word(text.trim()))
        }
        Condition::MembersAgree { cluster, down } => members::healthy(login, cluster, |m| !down.contains(&m.name)),
        Condition::ContentIs { cluster, member, content } => members::content(login, cluster, member, content),
        Condition::CanStop { cluster, member } => members::healthy(login, cluster, |m| m.name != member.name),
        Condition::CaughtUp { cluster, member, entries } => members::caught_up(login, cluster, member, *entries),
    }
}

fn canary_script(login: &Login, cluster: &ClusterTarget, key: &str) -> String {
    let etcdctl = |endpoint: &str, words: &[&str]| {
        let mut argv = vec!["etcdctl", "--endpoints", endpoint];
        argv.extend(words);
        format!("{} </dev/null", remote_words(login, &argv))
    };
    let endpoints = cluster.endpoints();
    let mut lines = vec![etcdctl(&endpoints, &["put", key, "canary"])];
    for member in &cluster.members {
        lines.push(format!("{} | grep -qx canary", etcdctl(&member.client_url, &["get", "--print-value-only", key])));
    }
    lines.push(etcdctl(&endpoints, &["del", key]));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_be_done_is_printed_and_not_run() {
        let part = HostPart {
            host: quorate_domain::HostId::from_random([3; 10]),
            host_name: "lab3".into(),
            cluster_name: "demo".into(),
            member: "lab3".into(),
            peer_url: "http://10.77.0.13:2380".into(),
            data_dir: "/var/lib/etcd".into(),
            layout: Default::default(),
            cluster_token: String::new(),
            token: "tok".into(),
        };
        let mut plan = crate::plan::tests::sample();
        plan.steps[0].lanes[0].actions =
            vec![Effect::LeaveHostTask(part.clone()).into(), Effect::CloseHostTask(part).into()];
        let script = render(&plan);
        let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
        assert!(check.success(), "{script}");
        let said = script.lines().find(|line| line.starts_with("echo ")).expect("a line for a person");
        assert!(said.contains("systemctl disable --now etcd.service") && said.contains("aside-tok"), "{said}");
        assert!(!script.lines().any(|line| line.starts_with("on ")), "{script}");
    }

    #[test]
    fn the_script_is_valid_shell_and_quotes_for_both_shells() {
        let mut plan = crate::plan::tests::sample();
        plan.steps[0].lanes[0].actions = vec![
            Action::from(Run::new(["printf", "it's", "$(x)"]).also_ok(5)).unless(Condition::exists("/a b")),
            Effect::PutFile {
                path: "/etc/etcd/etcd.conf".into(),
                owner: "etcd".into(),
                group: "etcd".into(),
                mode: 0o644,
                content: "name: 'x'".into(),
                before: None,
            }
            .into(),
        ];
        let script = render(&plan);
        let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
        assert!(check.success(), "{script}");
        assert!(script.contains("sudo -n -- printf"), "{script}");
    }
}
