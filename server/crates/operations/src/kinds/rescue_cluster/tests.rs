use super::*;
use crate::{
    effect::{Action, Effect, Place},
    kinds::{install_cluster::tests::host, restore_in_place::tests::found},
    membership::sample,
    plan::{Lane, Step},
};
use quorate_domain::{
    Timestamp,
    snapshots::{Bump, LogEnd, LogPosition},
    version::{Arch, Version},
    wide::Wide,
};

fn remains(term: u64, index: u64) -> Remains {
    Remains {
        last: Some(LogPosition { term: Wide(term), index: Wide(index) }),
        commit: Some(Wide(index)),
        log_end: LogEnd::Whole,
        log_problem: String::new(),
        consistent_index: Some(Wide(index - 5)),
        revision: Some(Wide(700)),
        db_problem: String::new(),
        db_bytes: Wide(20 << 20),
        bytes: Wide(90 << 20),
    }
}

/// `lab1` … `labN` of which the first `up` are left, each with a longer log than the one before.
fn left(size: u8, up: u8) -> (ClusterRecord, Left) {
    let record = sample::scene(size, &[]).record;
    let reached = |n: u8| n <= up;
    let site = |(n, m): (u8, &ClusterMemberRecord)| {
        let found = if reached(n) { Ok(found(n)) } else { Err("no route to the host".into()) };
        Site { member: m.clone(), host: host(n), found }
    };
    let survivor = |(n, m): (u8, &ClusterMemberRecord)| Survivor {
        member: m.name.clone(),
        host: Some(host(n).id),
        host_name: host(n).name,
        presence: if reached(n) { Presence::Runs } else { Presence::Silent },
        remains: reached(n).then(|| remains(4, 100 + u64::from(n))),
        problem: if reached(n) { String::new() } else { "no route to the host".into() },
    };
    let sites = (1..=size).zip(&record.members).map(site).collect();
    let mut survivors: Vec<Survivor> = (1..=size).zip(&record.members).map(survivor).collect();
    quorate_domain::snapshots::rank(&mut survivors);
    let archs = (1..=up).map(|n| (host(n).id, Arch::Amd64)).collect();
    let snapshot = Some(restoring::tests::sample());
    let left = Left { sites, survivors, archs, quorum: false, snapshot, marks: Vec::new(), now: Timestamp(0) };
    (record, left)
}

struct Asked {
    way: Option<RescueWay>,
    unfenced: Vec<HostId>,
}

fn plan_of(record: &ClusterRecord, left: &Left, asked: Asked) -> Plan {
    let way = asked.way.map_or_else(|| best_way(left), Ok).expect("a way");
    let release = matches!(way, RescueWay::Survivor { .. }).then(|| Release {
        version: Version::new(3, 5, 33),
        arch: Arch::Amd64,
        sha256: "ab".into(),
        base_url: "http://m".into(),
    });
    let snapshot = matches!(way, RescueWay::Snapshot { .. }).then(restoring::tests::sample);
    let params = RescueParams {
        cluster: record.id.clone(),
        way: Some(way.clone()),
        unfenced: asked.unfenced,
        bump: Bump::Revisions { number: Wide(1_000_000) },
        token: "20261125-ab12cd34".into(),
    };
    RescueCluster.compose(record, &params, &way, left, &Chosen { snapshot, release }).expect("a plan")
}

fn gone(from: u8, to: u8) -> Vec<HostId> {
    (from..=to).map(|n| host(n).id).collect()
}

/// One of three is left.
pub(crate) fn sample_plan() -> Plan {
    let (record, left) = left(3, 1);
    plan_of(&record, &left, Asked { way: None, unfenced: gone(2, 3) })
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.key.as_str()).collect()
}

fn step<'p>(plan: &'p Plan, key: &str) -> &'p Step {
    plan.steps.iter().find(|step| step.key == key).expect(key)
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("json")
}

#[test]
fn from_one_of_three_everything_is_copied_before_anything_is_opened_and_a_person_lets_clients_in() {
    let plan = sample_plan();
    let wanted = [
        "fence",
        "hold",
        "stop",
        "copy",
        "take",
        "prepare",
        "set_aside",
        "place",
        "close",
        "start",
        "agree",
        "open_lab1",
        "note",
        "verify",
    ];
    assert_eq!(keys(&plan), wanted);
    assert!(plan.startable(), "{:?}", plan.checks);
    assert_eq!((plan.confirm.as_deref(), plan.hosts.as_slice()), (Some("demo"), [host(1).id].as_slice()));
    assert_eq!(plan.point_of_no_return, Some(11));
    assert!(step(&plan, "open_lab1").waits.is_some());
    let fence = text(&step(&plan, "fence").lanes);
    assert!(fence.contains("record_members") && fence.matches("leave_host_task").count() == 2, "{fence}");
    assert!(fence.contains("close_host_task"), "undo takes it back");
    let begun = text(&step(&plan, "prepare").lanes);
    assert!(begun.contains("--initial-cluster\",\"lab1=http://10.77.0.11:2380\""), "{begun}");
    assert!(begun.contains(".rescue-20261125-ab12cd34/saved.db"), "{begun}");
}

/// Where a new cluster is forced, in all of a plan: path and content.
fn forced(plan: &Plan) -> Vec<(String, String)> {
    let undo = plan.steps.iter().flat_map(|step| &step.lanes).flat_map(|lane| &lane.undo);
    let actions = plan.steps.iter().flat_map(|step| &step.lanes).flat_map(|lane| &lane.actions);
    let mut found = Vec::new();
    for action in actions.chain(undo) {
        if !text(action).contains("force-new-cluster") && !text(action).contains("force_new_cluster") {
            continue;
        }
        let Action { effect: Effect::PutFile { path, content, .. }, .. } = action else {
            panic!("never by a command: {action:?}")
        };
        found.push((path.clone(), content.clone()));
    }
    found
}

#[test]
fn no_live_data_directory_and_no_members_etcd_conf_ever_sees_the_flag() {
    for (size, up) in [(3, 1), (5, 2)] {
        let (record, left) = left(size, up);
        let room = "/var/lib/etcd/.rescue-20261125-ab12cd34";
        let plan = plan_of(&record, &left, Asked { way: None, unfenced: gone(up + 1, size) });
        let [(path, content)] = forced(&plan).try_into().expect("one file");
        assert_eq!(path, format!("{room}/etcd.conf"));
        assert!(content.contains(&format!("data-dir: '{room}/data'")), "{content}");
        // Nobody else is told to read that file, or to begin with its directory.
        for lane in plan.steps.iter().filter(|step| step.key != "take" && step.key != "note").flat_map(|s| &s.lanes) {
            assert!(!text(&lane.actions).contains(".rescue-20261125-ab12cd34/etcd.conf"), "{lane:?}");
            assert!(!text(&lane.actions).contains(".rescue-20261125-ab12cd34/data"), "{lane:?}");
        }
        for way in [
            RescueWay::Database { host: host(1).id },
            RescueWay::Snapshot { snapshot: left.snapshot.clone().expect("one").id },
        ] {
            let plan = plan_of(&record, &left, Asked { way: Some(way), unfenced: gone(up + 1, size) });
            assert_eq!(forced(&plan), []);
        }
    }
}

#[test]
fn two_of_five_both_go_on_and_the_second_gets_what_the_best_one_gave() {
    let (record, left) = left(5, 2);
    let plan = plan_of(&record, &left, Asked { way: None, unfenced: gone(3, 5) });
    assert!(plan.startable(), "{:?}", plan.checks);
    assert!(plan.title.contains("lab2"), "{}", plan.title);
    assert_eq!(step(&plan, "take").lanes.len(), 1);
    let lanes: Vec<(&str, bool)> =
        step(&plan, "prepare").lanes.iter().map(|lane| (lane.place.name(), text(lane).contains("\"carry\""))).collect();
    assert_eq!(lanes, [("lab1", true), ("lab2", false)]);
    assert_eq!(step(&plan, "copy").lanes.len(), 2);
}

#[test]
fn the_other_ways_need_no_etcd_of_their_own() {
    let (record, left) = left(3, 1);
    let way = |way| plan_of(&record, &left, Asked { way: Some(way), unfenced: gone(2, 3) });
    let database = way(RescueWay::Database { host: host(1).id });
    assert!(!keys(&database).contains(&"take"));
    let begun = text(&step(&database, "prepare").lanes);
    assert!(begun.contains("copy-20261125-ab12cd34/member/snap/db") && begun.contains("--skip-hash-check"), "{begun}");
    let snapshot = way(RescueWay::Snapshot { snapshot: left.snapshot.clone().expect("one").id });
    assert!(keys(&snapshot).starts_with(&["fence", "fetch", "hold", "stop", "copy", "prepare"]));
    assert!(keys(&snapshot).contains(&"content"));
    assert!(snapshot.startable(), "{:?}", snapshot.checks);
}

#[test]
fn what_forbids_a_rescue_is_a_failed_check() {
    let failed = |change: fn(&mut Left), unfenced: Vec<HostId>| -> Vec<String> {
        let (record, mut left) = left(3, 1);
        change(&mut left);
        let plan = plan_of(&record, &left, Asked { way: Some(RescueWay::Survivor { host: host(1).id }), unfenced });
        plan.checks.iter().filter(|c| c.verdict == Verdict::Fail).map(|c| c.name.clone()).collect()
    };
    assert_eq!(failed(|_| {}, gone(2, 3)), [] as [&str; 0]);
    assert_eq!(failed(|_| {}, gone(2, 2)), ["fenced"], "until a person says so of each");
    assert_eq!(failed(|_| {}, gone(1, 3)), ["fenced"], "one that is reached is not off");
    assert_eq!(failed(|left| left.quorum = true, gone(2, 3)), ["no_quorum"]);
    let damaged = |left: &mut Left| {
        let remains = left.survivors[0].remains.as_mut().expect("read");
        (remains.log_end, remains.log_problem) = (LogEnd::Damaged, "a wrong checksum".into());
    };
    assert_eq!(failed(damaged, gone(2, 3)), ["way"]);
    assert_eq!(failed(|left| left.sites[0].found.as_mut().expect("found").free = 1 << 20, gone(2, 3)), ["disk"]);
}

#[test]
fn while_a_majority_only_has_to_be_started_that_is_the_advice() {
    let (record, mut left) = left(3, 2);
    let second = left.survivors.iter_mut().find(|s| s.member == "lab2").expect("there");
    second.presence = Presence::Stopped;
    let plan = plan_of(&record, &left, Asked { way: None, unfenced: gone(3, 3) });
    let refused = plan.checks.iter().find(|check| check.name == "no_quorum").expect("there");
    assert_eq!(refused.verdict, Verdict::Fail);
    assert!(refused.advice.starts_with("Start etcd on lab2"), "{}", refused.advice);
}

#[test]
fn a_host_that_is_reached_and_cannot_take_part_is_stopped_and_kept() {
    let (record, mut left) = left(5, 2);
    left.sites[0].found.as_mut().expect("found").etcdutl_version = None;
    let plan = plan_of(&record, &left, Asked { way: None, unfenced: gone(3, 5) });
    assert!(plan.startable(), "{:?}", plan.checks);
    let of = |key: &str| -> Vec<&Lane> {
        step(&plan, key).lanes.iter().filter(|lane| lane.place == Place::of(&host(1))).collect()
    };
    assert_eq!((of("hold").len(), of("stop").len(), of("copy").len(), of("prepare").len()), (1, 1, 1, 0));
    let rest = text(&of("note"));
    assert!(rest.contains("disable") && rest.contains("aside-20261125-ab12cd34"), "{rest}");
    assert_eq!(plan.hosts.len(), 2);
}

#[test]
fn the_runbook_is_valid_shell_also_where_a_file_is_carried() {
    let (record, left) = left(5, 2);
    let script = crate::runbook::render(&plan_of(&record, &left, Asked { way: None, unfenced: gone(3, 5) }));
    let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
    assert!(check.success(), "{script}");
    assert!(script.contains("carried=$(mktemp)") && script.contains("Open to clients"), "{script}");
}
