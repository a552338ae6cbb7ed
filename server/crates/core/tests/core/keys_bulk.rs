//! Keys as files, files as keys, and two clusters side by side, by a whole console over real etcd processes.

use crate::bulk_stage::{Stage, records};
use futures::StreamExt;
use quorate_core::{
    Actor, act,
    keys::{ExportQuery, FileFormat},
};
use quorate_domain::{
    Problem, ProblemKind, Role, Scope,
    keys::{CompareQuery, DifferenceKind, ImportMode, ImportWhat, Key, KeyRule},
    wide::Wide,
};
use quorate_testkit::etcd::CALL;

async fn exported(stage: &Stage, prefix: &str, format: FileFormat, reveal: bool) -> (Vec<u8>, u64, u64) {
    let permit = stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys(prefix)).await;
    let query = ExportQuery { prefix: Key::raw(prefix), exact: false, revision: None, format, reveal };
    let export = stage.console.export_keys(&permit, &query).await.expect("an export");
    let parts: Vec<Vec<u8>> = export.parts.map(|part| part.expect("whole")).collect().await;
    (parts.concat(), export.keys.0, export.left_out.0)
}

#[tokio::test]
async fn an_export_has_every_byte_of_one_revision_and_no_masked_value() {
    let stage = Stage::raise().await;
    let odd: &[(&[u8], &[u8])] = &[(b"/a\0\xff\n", b"\0\xff"), (b"/a/<script>", b""), (b"/registry/secrets/x", b"s")];
    for (key, value) in odd {
        stage.etcd.client(0).canary_put(key, value, CALL).await.expect("put");
    }
    for n in 0..300 {
        stage.put(&format!("/many/{n:03}"), "x").await;
    }
    for format in [FileFormat::Ndjson, FileFormat::Json, FileFormat::Yaml, FileFormat::Etcdctl] {
        let (file, keys, left_out) = exported(&stage, "", format, false).await;
        let read = records(&file, format);
        assert_eq!((read.len() as u64, keys, left_out), (302, 302, 1), "{}", format.as_str());
        assert!(read.iter().any(|record| record.key.as_bytes() == odd[0].0 && record.value == odd[0].1));
        assert!(!read.iter().any(|record| record.key == Key::raw("/registry/secrets/x")));
    }
    let (file, _, left_out) = exported(&stage, "/registry/", FileFormat::Ndjson, true).await;
    assert_eq!((records(&file, FileFormat::Ndjson).len(), left_out), (1, 0));
    let trail = stage.audit("key.export").await;
    assert!(trail.iter().any(|row| row.contains("with masked values")), "{trail:?}");
    assert!(trail.iter().all(|row| row.contains("keys at revision")), "{trail:?}");
}

#[tokio::test]
async fn a_file_is_kept_looked_through_and_one_with_a_broken_line_is_not() {
    let stage = Stage::raise().await;
    stage.put("/there", "old").await;
    stage.put("/same", "same").await;
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let keep = async |text: &str| {
        let body = futures::stream::iter(text.as_bytes().chunks(7).map(Ok::<_, std::io::Error>));
        stage.console.keep_key_file(&all, "keys.ndjson", None, body).await
    };
    let line = |key: &str, value: &str| format!("{{\"key\":\"{key}\",\"value\":\"{value}\"}}\n");
    let good = [line("/new", "1"), line("/same", "same"), line("/there", "2"), line("", "x")].concat();
    let file = keep(&good).await.expect("kept");
    assert_eq!((file.keys, file.why.as_str()), (Wide(4), "uploaded"));
    let preview = async |mode| stage.console.preview_import(&all, &file.id, mode).await.expect("a preview");
    let told = preview(ImportMode::Overwrite).await;
    assert_eq!((told.adds.0, told.changes.0, told.same.0, told.skipped.0), (1, 1, 1, 0));
    assert!(told.problems.len() == 1 && told.problems[0].0 == Wide(4), "{:?}", told.problems);
    let skipped = preview(ImportMode::Skip).await;
    assert_eq!((skipped.changes.0, skipped.skipped.0, skipped.sample[2].what), (0, 1, ImportWhat::Skip));

    let lines: String = (1..=20).map(|n| line(&format!("/{n}"), "secret")).collect();
    let broken = lines.replace("{\"key\":\"/17\"", "{\"key\"");
    let refused = Problem::from(keep(&broken).await.expect_err("refused"));
    let said = refused.message_for("file").unwrap_or_default();
    assert!(said.starts_with("Line 17: ") && !said.contains("secret"), "{said}");
    let twice = Problem::from(keep(&[line("/a", "1"), line("/a", "2")].concat()).await.expect_err("refused"));
    assert!(twice.message_for("file").is_some_and(|said| said.contains("Record 2")));
    assert!(keep("").await.is_err());
    assert_eq!(stage.console.key_files(&all).await.expect("files"), [file], "nothing of a refused file stays");
}

#[tokio::test]
async fn a_preview_says_nothing_of_keys_that_its_reader_may_not_write() {
    let stage = Stage::raise().await;
    stage.put("/other/secret-name", "x").await;
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let text = "{\"key\":\"/other/secret-name\",\"value\":\"y\"}\n{\"key\":\"/app/a\",\"value\":\"y\"}\n";
    let body = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
    let file = stage.console.keep_key_file(&all, "f", Some(FileFormat::Ndjson), body).await.expect("kept");
    let rule = KeyRule { cluster: None, prefix: Key::raw("/app/"), read: true, write: true, delete: false };
    let anna = Stage::somebody(Role::Operator, vec![rule]);
    let mine = stage.permit::<act::WriteKeys>(&anna, stage.cluster()).await;
    let told = stage.console.preview_import(&mine, &file.id, ImportMode::Overwrite).await.expect("a preview");
    assert_eq!((told.adds.0, told.changes.0, told.problems.len()), (1, 0, 1));
    assert!(!format!("{told:?}").contains("secret-name"), "{told:?}");
    let refused = stage.console.permit::<act::ReadValues>(&anna, stage.keys("")).await.err().map(Problem::from);
    assert!(refused.is_some_and(|problem| problem.kind == ProblemKind::Forbidden), "an export of all takes all");
}

#[tokio::test]
async fn two_revisions_and_two_prefixes_are_compared_key_by_key() {
    let stage = Stage::raise().await;
    for n in 0..1200 {
        stage.put(&format!("/one/{n:04}"), "x").await;
    }
    stage.put("/two/0000", "y").await;
    let then = stage.revision().await;
    stage.put("/one/0000", "changed").await;
    stage.put("/one/new", "z").await;
    let compare = async |query: &CompareQuery| {
        let here = stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys("/one/")).await;
        let (_, prefix) = query.there(stage.id());
        let scope = Scope::Keys(stage.id().clone(), prefix.0.clone());
        let there = stage.permit::<act::ReadValues>(&Actor::cli(), scope).await;
        stage.console.compare_keys(&here, &there, query).await.expect("compared")
    };
    let prefix = Key::raw("/one/");
    let past = CompareQuery { prefix: prefix.clone(), other_revision: Some(Wide(then)), ..CompareQuery::default() };
    let page = compare(&past).await;
    let found: Vec<(String, DifferenceKind)> =
        page.differences.iter().map(|found| (found.key.to_string(), found.kind)).collect();
    assert_eq!(found, [("0000".into(), DifferenceKind::Differs), ("new".into(), DifferenceKind::OnlyHere)]);
    assert_eq!((page.same, page.next, page.other_revision), (Wide(1199), None, Wide(then)));

    let mut query = CompareQuery { prefix, other_prefix: Some(Key::raw("/two/")), ..CompareQuery::default() };
    let mut kinds = Vec::new();
    let mut pages = 0;
    loop {
        let page = compare(&query).await;
        kinds.extend(page.differences.into_iter().map(|found| found.kind));
        pages += 1;
        (query.revision, query.other_revision) = (Some(page.revision), Some(page.other_revision));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert!(pages > 1, "a slice at a time");
    assert_eq!((kinds.len(), kinds[0]), (1201, DifferenceKind::Differs));
    assert!(kinds[1..].iter().all(|kind| *kind == DifferenceKind::OnlyHere));
}
