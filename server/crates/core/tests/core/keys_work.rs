//! Operations on many keys by a whole console over real etcd processes: what is kept, what is changed, what is taken back, what
//! is left alone because somebody was faster.

use crate::bulk_stage::Stage;
use quorate_core::{Actor, act};
use quorate_domain::{
    OperationId, Problem, ProblemKind, Role, Scope,
    keys::{KeyFile, KeyRule},
    operation::{Choice, Counted, OperationDetail, OperationState, StepState},
    plan::{PlanRequest, PlanView, StartOutcome, StartRequest},
};
use quorate_testkit::{etcd::PATIENCE, until::until_some};
use serde_json::{Value, json};

async fn plan(stage: &Stage, actor: &Actor, kind: &str, params: Value) -> Result<PlanView, Problem> {
    let permit = stage.console.permit_run(actor, kind).await.map_err(Problem::from)?;
    stage.console.plan(&permit, PlanRequest { kind: kind.into(), params }).await.map_err(Problem::from)
}

async fn start(stage: &Stage, plan: &PlanView) -> OperationId {
    let permit = stage.console.permit_run(&Actor::cli(), &plan.kind).await.expect("a permit");
    let request = StartRequest {
        kind: plan.kind.clone(),
        params: plan.params.clone(),
        digest: plan.digest.clone(),
        confirm: plan.confirm.clone(),
    };
    match stage.console.start(&permit, request).await.expect("started") {
        StartOutcome::Started { operation } => operation,
        StartOutcome::PlanChanged { .. } => panic!("the plan is the same"),
    }
}

async fn ended(stage: &Stage, id: &OperationId) -> OperationDetail {
    let permit = stage.permit::<act::ViewOperations>(&Actor::cli(), Scope::Global).await;
    let detail = until_some(PATIENCE, "the operation rests", async || {
        let detail = stage.console.operation(&permit, id).await.expect("the operation");
        (!detail.summary.state.active()).then_some(detail)
    });
    detail.await
}

async fn done(stage: &Stage, plan: &PlanView) -> OperationDetail {
    assert!(plan.startable(), "{:?}", plan.checks);
    let detail = ended(stage, &start(stage, plan).await).await;
    assert_eq!(detail.summary.state, OperationState::Done, "{}", detail.summary.reason);
    detail
}

async fn files(stage: &Stage) -> Vec<KeyFile> {
    let permit = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    stage.console.key_files(&permit).await.expect("files")
}

#[tokio::test]
async fn a_prefix_goes_but_for_what_was_written_after_the_review_and_comes_back_from_the_kept_file() {
    let stage = Stage::raise().await;
    for n in 0..250 {
        stage.put(&format!("/app/{n:03}"), &format!("value of {n}")).await;
    }
    stage.put("/apple", "stays").await;
    let params = json!({"cluster": stage.id(), "prefix": "/app/"});
    let plan = plan(&stage, &Actor::cli(), "delete_keys", params).await.expect("a plan");
    assert!(plan.checks.iter().any(|check| check.answer.contains("/app/000")), "{:?}", plan.checks);
    let told = serde_json::to_string(&plan).expect("json");
    assert!(!told.contains("value of"), "a plan holds no value");
    stage.put("/app/007", "somebody was faster").await;
    let detail = done(&stage, &plan).await;
    assert_eq!(stage.value("/app/006").await, None);
    assert_eq!(stage.value("/app/007").await.as_deref(), Some("somebody was faster"));
    assert_eq!(stage.value("/apple").await.as_deref(), Some("stays"));
    assert!(detail.output.iter().any(|line| line.text.contains("1 were changed since")), "{:?}", detail.output);
    assert!(!detail.output.iter().any(|line| line.text.contains("value of")), "nor does its output");

    let kept = files(&stage).await.remove(0);
    assert_eq!((kept.keys.0, kept.why), (250, format!("before delete_keys {}", detail.summary.id)));
    let params = json!({"cluster": stage.id(), "file": kept.id, "mode": "skip"});
    let back = self::plan(&stage, &Actor::cli(), "import_keys", params).await.expect("a plan");
    done(&stage, &back).await;
    assert_eq!(stage.value("/app/249").await.as_deref(), Some("value of 249"));
    assert_eq!(stage.value("/app/007").await.as_deref(), Some("somebody was faster"), "what is there stays");
}

#[tokio::test]
async fn an_import_stops_between_two_batches_and_its_undo_takes_back_what_it_wrote() {
    const KEYS: usize = 20_000;
    let stage = Stage::raise().await;
    stage.put("/in/00000", "was there").await;
    let write = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let lines: String = (0..KEYS).map(|n| format!("{{\"key\":\"/in/{n:05}\",\"value\":\"new\"}}\n")).collect();
    let body = futures::stream::iter([Ok::<_, std::io::Error>(lines)]);
    let file = stage.console.keep_key_file(&write, "f", None, body).await.expect("kept");
    let params = json!({"cluster": stage.id(), "file": file.id, "mode": "overwrite"});
    let plan = plan(&stage, &Actor::cli(), "import_keys", params).await.expect("a plan");
    let id = start(&stage, &plan).await;

    // It is in the second step once that says how far it is; two hundred batches take much longer than a press.
    let view = stage.permit::<act::ViewOperations>(&Actor::cli(), Scope::Global).await;
    until_some(PATIENCE, "the keys are being written", async || {
        let lines = stage.console.output(&view, &id, 0).await.expect("output");
        lines.iter().any(|line| line.step == 1 && Counted::read(&line.text).is_some()).then_some(())
    })
    .await;
    stage.console.steer(&Actor::cli(), &id, Choice::Cancel).await.expect("cancelled");
    let detail = ended(&stage, &id).await;
    assert_eq!((detail.summary.state, detail.steps[1]), (OperationState::Stuck, StepState::Stopped));
    assert!(detail.choices.contains(&Choice::Undo) && detail.choices.contains(&Choice::Retry), "{:?}", detail.choices);
    assert_eq!(stage.value("/in/00000").await.as_deref(), Some("new"));
    assert_eq!(stage.value(&format!("/in/{:05}", KEYS - 1)).await, None, "it did not come so far");

    stage.console.steer(&Actor::cli(), &id, Choice::Undo).await.expect("undone");
    assert_eq!(ended(&stage, &id).await.summary.state, OperationState::Unwound);
    assert_eq!(stage.value("/in/00000").await.as_deref(), Some("was there"));
    assert_eq!(stage.value("/in/00001").await, None);
}

#[tokio::test]
async fn clusters_to_copy_to_are_those_with_keys_that_may_be_written() {
    let stage = Stage::raise().await;
    let targets = async |actor: &Actor| {
        let permit = stage.permit::<act::ViewClusters>(actor, Scope::Global).await;
        let all = stage.console.clusters_to_write(&permit).await.expect("clusters");
        all.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let rule =
        |write| KeyRule { cluster: None, prefix: "/a/".parse().expect("a key"), read: true, write, delete: false };
    assert_eq!(targets(&Stage::somebody(Role::Operator, vec![])).await, [stage.id().clone()]);
    assert_eq!(targets(&Stage::somebody(Role::Operator, vec![rule(true)])).await, [stage.id().clone()]);
    assert!(targets(&Stage::somebody(Role::Operator, vec![rule(false)])).await.is_empty());
    assert!(targets(&Stage::somebody(Role::Viewer, vec![])).await.is_empty());
}

#[tokio::test]
async fn keys_are_copied_to_another_prefix_and_what_was_there_is_kept() {
    let stage = Stage::raise().await;
    for n in 0..120 {
        stage.put(&format!("/a/{n:03}"), &n.to_string()).await;
    }
    stage.put("/b/000", "was there").await;
    let params = json!({
        "cluster": stage.id(), "from": stage.id(), "prefix": "/a/", "to_prefix": "/b/", "mode": "overwrite",
    });
    let plan = plan(&stage, &Actor::cli(), "copy_keys", params).await.expect("a plan");
    done(&stage, &plan).await;
    assert_eq!(stage.value("/b/000").await.as_deref(), Some("0"));
    assert_eq!(stage.value("/b/119").await.as_deref(), Some("119"));
    assert_eq!(stage.value("/a/119").await.as_deref(), Some("119"));
    let whys: Vec<(String, u64)> = files(&stage)
        .await
        .into_iter()
        .map(|file| (file.why.split(' ').take(2).collect::<Vec<_>>().join(" "), file.keys.0))
        .collect();
    assert!(whys.contains(&("before copy_keys".into(), 1)) && whys.contains(&("taken by".into(), 120)), "{whys:?}");
}

#[tokio::test]
async fn whoever_may_not_do_it_with_every_key_gets_no_plan() {
    let stage = Stage::raise().await;
    stage.put("/app/a", "x").await;
    stage.put("/other/hidden", "x").await;
    let rule =
        KeyRule { cluster: None, prefix: "/app/".parse().expect("a key"), read: true, write: true, delete: true };
    let anna = Stage::somebody(Role::Operator, vec![rule]);
    let refused = async |kind: &str, params: Value| match plan(&stage, &anna, kind, params).await {
        Err(problem) => problem.kind == ProblemKind::Forbidden && !format!("{problem:?}").contains("hidden"),
        Ok(_) => false,
    };
    let id = stage.id();
    assert!(refused("delete_keys", json!({"cluster": id, "prefix": "/"})).await);
    let copy = |to: &str| json!({"cluster": id, "from": id, "prefix": "/app/", "to_prefix": to, "mode": "skip"});
    assert!(refused("copy_keys", copy("/other/")).await);
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let text = "{\"key\":\"/other/hidden\",\"value\":\"y\"}\n";
    let body = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
    let file = stage.console.keep_key_file(&all, "f", None, body).await.expect("kept");
    assert!(refused("import_keys", json!({"cluster": id, "file": file.id, "mode": "skip"})).await);
    assert!(plan(&stage, &anna, "copy_keys", copy("/app/copy/")).await.is_ok());
    assert!(plan(&stage, &anna, "delete_keys", json!({"cluster": id, "prefix": "/app/"})).await.is_ok());
}
