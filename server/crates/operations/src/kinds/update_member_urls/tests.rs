//! Plans of members that move, as their scenes ask for them.

use super::*;
use crate::membership::sample;
use quorate_domain::MemberId;

/// The scene with files as an install leaves them.
fn configured(mut scene: Scene) -> Scene {
    let peers = membership::initial_cluster(&scene, &[], &[]);
    for (n, seat) in (1..).zip(&mut scene.seats) {
        let url = |port: u16| format!("http://10.77.0.1{n}:{port}");
        let conf = format!(
            "name: 'lab{n}'\ninitial-cluster-state: 'existing'\ninitial-cluster: '{peers}'\n\
             initial-advertise-peer-urls: '{peer}'\nadvertise-client-urls: '{client}'\n\
             listen-peer-urls: '{peer}'\nlisten-client-urls: '{client},http://localhost:2379'\n",
            peer = url(2380),
            client = url(2379),
        );
        seat.conf = seat.conf.take().map(|_| conf);
    }
    scene
}

/// The plan by which the member `n` gets these ports; 0 leaves one out.
fn plan_of(scene: Scene, n: u8, peer: u16, client: u16) -> Result<Plan, PlanError> {
    let scene = configured(scene);
    let url = |port| if port == 0 { String::new() } else { format!("http://10.77.0.1{n}:{port}") };
    let mut params = UpdateUrlsParams {
        cluster: scene.record.id.clone(),
        member: MemberId(n.into()),
        peer_url: url(peer),
        client_url: url(client),
        token: "20261125-ab12cd34".into(),
    };
    complete(&scene, &mut params)?;
    UpdateMemberUrls.compose(&scene, &params, Ways::default())
}

/// The second of three gets both ports anew.
pub(crate) fn sample_plan() -> Plan {
    plan_of(sample::scene(3, &[]), 2, 2390, 2389).expect("a plan")
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|s| s.key.as_str()).collect()
}

fn failed(plan: &Plan) -> Vec<&str> {
    plan.checks.iter().filter(|c| c.verdict == Verdict::Fail).map(|c| c.name.as_str()).collect()
}

fn json(actions: &[Action]) -> String {
    serde_json::to_string(actions).expect("json")
}

#[test]
fn etcd_is_told_before_the_file_and_the_others_learn_of_it_last() {
    let plan = sample_plan();
    assert!(plan.startable() && plan.confirm.is_none(), "{:?}", plan.checks);
    let whole = ["update_peer_url", "write_urls", "restart_lab2", "record", "other_configurations", "verify"];
    assert_eq!(keys(&plan), whole);
    let leader = plan_of(sample::scene(3, &[]), 1, 2390, 0).expect("a plan");
    assert_eq!(keys(&leader)[..2], ["step_aside", "update_peer_url"]);
    let client = plan_of(sample::scene(3, &[]), 2, 0, 2389).expect("a plan");
    assert_eq!(keys(&client), ["write_urls", "restart_lab2", "record", "verify"], "peers need not know");
    let said = client.warnings.join("\n");
    assert!(said.contains("http://10.77.0.11:2379,http://10.77.0.13:2379,http://10.77.0.12:2389"), "{said}");
}

#[test]
fn the_files_have_the_new_addresses_in_the_old_order() {
    let plan = sample_plan();
    let own = json(&plan.steps[1].lanes[0].actions);
    let peers = "lab1=http://10.77.0.11:2380,lab2=http://10.77.0.12:2390,lab3=http://10.77.0.13:2380";
    for line in [
        format!("initial-cluster: '{peers}'"),
        "initial-advertise-peer-urls: 'http://10.77.0.12:2390'".into(),
        "listen-peer-urls: 'http://10.77.0.12:2390'".into(),
        "advertise-client-urls: 'http://10.77.0.12:2389'".into(),
        "listen-client-urls: 'http://10.77.0.12:2389,http://localhost:2389'".into(),
    ] {
        assert!(own.contains(&line), "{line} in {own}");
    }
    let others = &plan.steps[4].lanes;
    assert_eq!(others.len(), 2, "its own file is written already");
    assert!(others.iter().all(|lane| json(&lane.actions).contains(peers)));
}

#[test]
fn it_is_looked_for_where_it_is_at_each_moment() {
    let plan = sample_plan();
    let done = |step: usize| json(&plan.steps[step].lanes[0].actions);
    let asked = |step: usize| {
        let text = done(step);
        (text.contains("\"client_url\":\"http://10.77.0.12:2379\",\"peer_url\""), text.contains("10.77.0.12:2389"))
    };
    assert_eq!(asked(0), (true, false), "it is where it was when etcd is told");
    assert_eq!(asked(2), (true, true), "a restart can be repeated");
    assert_eq!(asked(5), (false, true));
    assert!(done(3).contains("http://10.77.0.12:2389"));
    assert!(!json(&plan.steps[3].lanes[0].undo).contains("2389"), "the record comes back as it was");
}

#[test]
fn undo_takes_back_the_list_then_the_file_then_the_restart_if_there_was_one() {
    let plan = sample_plan();
    let undo = &plan.steps[1].lanes[0].undo;
    let at = |words: &str| {
        let found = undo.iter().position(|action| json(std::slice::from_ref(action)).contains(words));
        found.unwrap_or_else(|| panic!("{words} in {undo:?}"))
    };
    let order = [at("update_peer"), at("etc%etcd%etcd.conf"), at("can_stop"), at("systemctl"), at("members_agree")];
    assert!(order.is_sorted(), "{order:?}");
    assert!(at("members_agree") < at("begun-write_urls"), "the note goes last");
    assert!(json(&undo[at("can_stop")..=at("members_agree")]).matches("begun-restart_urls").count() == 3);
    let restart = &plan.steps[2].lanes[0].actions;
    let noted = restart.iter().position(|action| json(std::slice::from_ref(action)).contains("begun-restart_urls"));
    assert_eq!(noted, Some(restart.len() - 3), "noted right before the restart, once it is allowed");
}

#[test]
fn what_cannot_go_well_is_not_started() {
    let nothing = plan_of(sample::scene(3, &[]), 2, 2380, 0).expect("a plan");
    assert_eq!((failed(&nothing), keys(&nothing).len()), (vec!["urls"], 0));
    let unreached = plan_of(sample::scene(3, &[2]), 2, 2390, 0).expect("a plan");
    assert_eq!(failed(&unreached), ["etcd_conf"], "a URL is nothing without its file");
    let needed = plan_of(sample::scene(3, &[3]), 2, 2390, 0).expect("a plan");
    assert_eq!(failed(&needed), ["quorum"]);
    let mut several = sample::scene(3, &[]);
    several.seats[1].listed.peer_urls.push("http://10.77.0.12:5000".into());
    assert_eq!(failed(&plan_of(several, 2, 2390, 0).expect("a plan")), ["urls"]);
    let refused = plan_of(sample::scene(3, &[]), 2, 2379, 0).expect_err("refused");
    let PlanError::Invalid(fields) = refused else { panic!("{refused}") };
    assert_eq!(fields[0].field, "peer_url");
}

#[test]
fn a_learner_of_an_old_etcd_keeps_its_peer_url() {
    let old = plan_of(sample::learner(3, "3.5.16"), 3, 2390, 0).expect("a plan");
    assert_eq!(failed(&old), ["learner"]);
    assert!(plan_of(sample::learner(3, "3.5.31"), 3, 2390, 0).expect("a plan").startable());
    assert!(plan_of(sample::learner(3, "3.5.16"), 3, 0, 2389).expect("a plan").startable());
}

#[test]
fn without_a_spare_voter_the_outage_is_declared_by_typing_the_name() {
    for size in [1, 2] {
        let plan = plan_of(sample::scene(size, &[]), 1, 2390, 2389).expect("a plan");
        assert!(plan.startable() && plan.confirm.as_deref() == Some("demo"), "{:?}", plan.checks);
        assert!(
            json(&plan.steps.iter().flat_map(|s| s.lanes[0].actions.clone()).collect::<Vec<_>>())
                .contains("\"outage\":true")
        );
    }
    let alone = plan_of(sample::scene(1, &[]), 1, 2390, 0).expect("a plan");
    assert_eq!(keys(&alone), ["update_peer_url", "write_urls", "restart_lab1", "record", "verify"]);
}
