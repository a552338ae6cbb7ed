//! A plan as a person reads it. Invariant: made from the same data that the executor runs, nothing is added or hidden.

use crate::{
    effect::{Action, Condition, Effect, Place, SnapshotWork},
    plan::{Lane, Plan, Step},
    runbook, shell,
};
use quorate_domain::plan::{DiffChange, DiffLine, EffectView, PlanStep, PlanView};
use similar::{ChangeTag, TextDiff};

/// The view of a whole plan.
pub fn view(plan: &Plan) -> PlanView {
    PlanView {
        kind: plan.kind.clone(),
        title: plan.title.clone(),
        digest: plan.digest(),
        params: plan.params.clone(),
        steps: plan.steps.iter().zip(0u32..).map(|(step, index)| step_view(step, index)).collect(),
        checks: plan.checks.clone(),
        warnings: plan.warnings.clone(),
        point_of_no_return: plan.point_of_no_return,
        expected_seconds: plan.expected_seconds,
        runbook: runbook::render(plan),
        class: plan.class,
        confirm: plan.confirm.clone(),
    }
}

fn step_view(step: &Step, index: u32) -> PlanStep {
    let of = |pick: fn(&Lane) -> &Vec<Action>, forward: bool| {
        let lanes = step.lanes.iter();
        let views = |lane| pick(lane).iter().map(move |action| effect_view(action, lane, forward));
        lanes.flat_map(views).collect::<Vec<_>>()
    };
    PlanStep {
        index,
        key: step.key.clone(),
        title: step.title.clone(),
        targets: step.lanes.iter().map(|l| l.place.name().to_owned()).collect(),
        effects: of(|lane| &lane.actions, true),
        undo: of(|lane| &lane.undo, false),
        skippable: step.skippable,
        waits: step.waits.clone(),
    }
}

fn effect_view(action: &Action, lane: &Lane, forward: bool) -> EffectView {
    let host = lane.place.name().to_owned();
    let of_lane = if forward { lane.unless.as_ref() } else { lane.undo_unless.as_ref() };
    let unless = action.unless.as_ref().or(of_lane).map_or_else(String::new, condition_words);
    match &action.effect {
        Effect::Run(run) => {
            let command = shell::line(&run.argv);
            let command = match &run.stdin {
                Some(text) => format!("printf %s {} | {command}", shell::word(text)),
                None => command,
            };
            EffectView::Run { host, command, unless }
        }
        Effect::PutFile { path, owner, group, mode, content, before } => EffectView::PutFile {
            host,
            path: path.clone(),
            ownership: format!("{owner}:{group} {mode:04o}"),
            diff: diff(before.as_deref().unwrap_or(""), content),
        },
        Effect::PushArchive { version, arch, sha256, path, .. } => EffectView::Run {
            host,
            command: format!(
                "# the console pushes {}.tar.gz (SHA-256 {sha256}) to {path}",
                version.archive_stem(*arch)
            ),
            unless,
        },
        Effect::Guard { condition, otherwise } => EffectView::Record {
            what: format!("goes on only if {}; otherwise: {otherwise}", condition_words(condition)),
        },
        Effect::ForgetCluster { name } => {
            EffectView::Record { what: format!("the console takes {name} out of its inventory") }
        }
        Effect::Wait { condition, deadline_seconds } => {
            EffectView::Wait { condition: condition_words(condition), deadline_seconds: *deadline_seconds }
        }
        Effect::Canary { cluster, key } => EffectView::Etcd {
            call: format!(
                "put {key}, get it linearizably through each of {}, del {key}",
                cluster.members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        },
        Effect::Keys { call, .. } => EffectView::Etcd { call: call.words() },
        Effect::Member { call, .. } => EffectView::Etcd { call: call.words() },
        Effect::Snapshot(work) => snapshot_view(work, host),
        Effect::RecordToken { token } => EffectView::Record { what: format!("the console knows the token {token}") },
        Effect::RecordMembers { members } => {
            let names: Vec<&str> = members.iter().map(|m| m.name.as_str()).collect();
            EffectView::Record { what: format!("the console expects the members {}", names.join(", ")) }
        }
        Effect::RecordQuota { quota } => {
            EffectView::Record { what: format!("the console knows the quota of {} bytes", quota.0) }
        }
        Effect::LeaveHostTask(part) => EffectView::Record {
            what: format!(
                "once {} is back, the console stops and disables etcd there and sets {}/member aside",
                part.host_name, part.data_dir
            ),
        },
        Effect::CloseHostTask(part) => {
            EffectView::Record { what: format!("nothing of {} is left to be done on {}", part.member, part.host_name) }
        }
        Effect::RegisterCluster(new) => {
            EffectView::Record { what: format!("the console takes {} under management and watches it", new.name) }
        }
    }
}

fn snapshot_view(work: &SnapshotWork, host: String) -> EffectView {
    match work {
        SnapshotWork::Save { member, .. } => {
            EffectView::Etcd { call: format!("snapshot save of {member} into the console's default vault") }
        }
        SnapshotWork::Fetch(snapshot) => {
            EffectView::Record { what: format!("the console reads {} out of its vault", snapshot.name) }
        }
        SnapshotWork::Bring { snapshot, path } => EffectView::Run {
            host,
            command: format!("# the console pushes {} (SHA-256 {}) to {path}", snapshot.name, snapshot.sha256),
            unless: String::new(),
        },
        SnapshotWork::Carry { from_name, source, path, .. } => EffectView::Run {
            host,
            command: format!("# the console carries {source} from {from_name} to {path}"),
            unless: String::new(),
        },
        SnapshotWork::Release(snapshot) => {
            EffectView::Record { what: format!("the console removes its own copy of {}", snapshot.name) }
        }
    }
}

/// A condition in words.
pub fn condition_words(condition: &Condition) -> String {
    match condition {
        Condition::Succeeds { argv } => format!("{} succeeds", shell::line(argv)),
        Condition::Prints { argv, text } => format!("{} prints “{}”", shell::line(argv), text.trim()),
        Condition::MembersAgree { cluster, down } if down.is_empty() => {
            format!("all {} members of {} answer and agree on one leader", cluster.members.len(), cluster.name)
        }
        Condition::MembersAgree { cluster, down } => format!(
            "the {} members of {} are as planned, and all but {} answer and agree on one leader",
            cluster.members.len(),
            cluster.name,
            down.join(", ")
        ),
        Condition::CaughtUp { member, entries, .. } => {
            format!("{} has nine tenths of the leader's log and is at most {entries} entries behind", member.name)
        }
        Condition::ContentIs { member, content, .. } => {
            format!(
                "{member} has exactly the {} live keys of the snapshot (digest {:.12}…)",
                content.keys, content.digest
            )
        }
        Condition::CanStop { member, .. } => format!("the others keep quorum while {} is down", member.name),
    }
}

/// A line-by-line difference.
pub fn diff(before: &str, after: &str) -> Vec<DiffLine> {
    TextDiff::from_lines(before, after)
        .iter_all_changes()
        .map(|change| DiffLine {
            change: match change.tag() {
                ChangeTag::Equal => DiffChange::Same,
                ChangeTag::Insert => DiffChange::Added,
                ChangeTag::Delete => DiffChange::Removed,
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        })
        .collect()
}

/// What a place is called in output lines: the host's name, or nothing for the cluster.
pub fn output_host(place: &Place) -> String {
    match place {
        Place::Host { name, .. } => name.clone(),
        Place::Cluster { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shows_every_effect_of_the_plan() {
        let plan = crate::plan::tests::sample();
        let view = view(&plan);
        assert_eq!(view.steps.iter().map(|s| s.effects.len()).sum::<usize>(), plan.effects().count());
        assert_eq!(view.digest, plan.digest());
        assert!(view.runbook.contains("true"));
    }

    #[test]
    fn a_diff_has_added_removed_and_same_lines() {
        let lines = diff("a\nb\n", "a\nc\n");
        let changes: Vec<DiffChange> = lines.iter().map(|l| l.change).collect();
        assert_eq!(changes, [DiffChange::Same, DiffChange::Removed, DiffChange::Added]);
    }
}
