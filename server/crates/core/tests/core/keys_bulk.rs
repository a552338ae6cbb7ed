//! Keys as files, files as keys, and two clusters side by side, by a whole console over real etcd processes.

use crate::bulk_stage::{Stage, records};
use futures::StreamExt;
use quorate_core::{
    Actor, act,
    keys::{ExportQuery, FileFormat},
};
use quorate_domain::{
    Problem, ProblemKind, Role, Scope,
    keys::{CompareQuery, CompareValueQuery, DifferenceKind, ImportMode, ImportWhat, Key, KeyFile, KeyRule, ValueDiff},
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

/// What a difference shows, without its notes about ends of lines.
fn lines_of(diff: &ValueDiff) -> Vec<&str> {
    diff.lines.iter().map(|line| line.text.as_str()).filter(|text| !text.starts_with('\\')).collect()
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
    let preview = async |mode| stage.console.preview_import(&all, &file.id, mode, None).await.expect("a preview");
    let told = preview(ImportMode::Overwrite).await;
    assert_eq!((told.adds.0, told.changes.0, told.same.0, told.skipped.0), (1, 1, 1, 0));
    assert!(told.problems.len() == 1 && told.problems[0].0 == Wide(4), "{:?}", told.problems);
    let skipped = preview(ImportMode::Skip).await;
    assert_eq!((skipped.changes.0, skipped.skipped.0, skipped.sample[1].what), (0, 1, ImportWhat::Skip));
    let key = async |key: &str| stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys(key)).await;
    let diff = stage.console.import_diff(&key("/there").await, &file.id, &Key::raw("/there")).await.expect("a diff");
    assert_eq!(lines_of(&diff), ["old", "2"]);
    let missing = stage.console.import_diff(&key("/nowhere").await, &file.id, &Key::raw("/nowhere")).await;
    assert_eq!(missing.err().map(|error| Problem::from(error).kind), Some(ProblemKind::NotFound));

    let lines: String = (1..=20).map(|n| line(&format!("/{n}"), "secret")).collect();
    let broken = lines.replace("{\"key\":\"/17\"", "{\"key\"");
    let refused = Problem::from(keep(&broken).await.expect_err("refused"));
    let said = refused.message_for("file").unwrap_or_default();
    assert!(said.starts_with("Line 17: ") && !said.contains("secret"), "{said}");
    let twice = Problem::from(keep(&[line("/a", "1"), line("/a", "2")].concat()).await.expect_err("refused"));
    assert!(twice.message_for("file").is_some_and(|said| said.starts_with("Line 2: the key /a ")));
    assert!(keep("").await.is_err());
    assert_eq!(stage.console.key_files(&all).await.expect("files"), [file], "nothing of a refused file stays");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_line_of_the_file_that_was_brought() {
    let stage = Stage::raise().await;
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let keep = async |text: String| {
        let body = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
        stage.console.keep_key_file(&all, "f", None, body).await.expect("kept")
    };
    let problems = async |file: &KeyFile| {
        let told = stage.console.preview_import(&all, &file.id, ImportMode::Skip, None).await.expect("a preview");
        told.problems.into_iter().map(|(line, why)| (line.0, why)).collect::<Vec<_>>()
    };
    // Empty lines and a document of several lines a record: the record's number is another one than its line's.
    let lines: String = (1..=15).map(|n| format!("{{\"key\":\"/{n}\",\"value\":\"x\"}}\n")).collect();
    let lines = keep(format!("{lines}\n{{\"key\":\"\",\"value\":\"x\"}}\n")).await;
    let why = "the key is empty; etcd knows no empty one";
    assert_eq!(problems(&lines).await, [(17, format!("record 16: {why}"))]);
    let yaml: String = (1..=5).map(|n| format!("- key: /{n}\n  value: |\n    x\n")).collect();
    let yaml = keep(format!("{yaml}\n- key: \"\"\n  value: y\n")).await;
    assert_eq!(problems(&yaml).await, [(17, format!("record 6: {why}"))]);
    let json = keep("[{\"key\":\"/a\",\"value\":\"x\"},{\"key\":\"\",\"value\":\"x\"}]".into()).await;
    assert_eq!(problems(&json).await, [(1, format!("record 2: {why}"))]);
}

#[tokio::test]
async fn a_kept_file_is_taken_away_without_what_is_masked_and_dropped() {
    let stage = Stage::raise().await;
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let text = "[{\"key\":\"/registry/secrets/x\",\"value\":\"s\"},{\"key\":\"/app/a\",\"value\":\"y\"},\
                {\"key\":\"/other/b\",\"value\":\"z\"}]";
    let body = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
    let file = stage.console.keep_key_file(&all, "f.json", None, body).await.expect("kept");
    let taken = async |actor: &Actor, reveal| {
        let permit = stage.permit::<act::ReadValues>(actor, stage.cluster()).await;
        let download = stage.console.download_key_file(&permit, &file.id, reveal).await.expect("a file");
        let (keys, left_out) = (download.keys.0, download.left_out.0);
        let parts: Vec<Vec<u8>> = download.parts.map(|part| part.expect("whole")).collect().await;
        let names: Vec<String> = records(&parts.concat(), FileFormat::Ndjson)
            .into_iter()
            .inspect(|record| assert_eq!(record.line, None, "lines are of the file that was brought"))
            .map(|record| record.key.to_string())
            .collect();
        (names, keys, left_out)
    };
    assert_eq!(taken(&Actor::cli(), false).await, (vec!["/app/a".into(), "/other/b".into()], 2, 1));
    assert_eq!(taken(&Actor::cli(), true).await.0.len(), 3);
    let rule = KeyRule { cluster: None, prefix: Key::raw("/app/"), read: true, write: true, delete: false };
    let anna = Stage::somebody(Role::Operator, vec![rule]);
    assert_eq!(taken(&anna, true).await, (vec!["/app/a".into()], 1, 2), "rules count although it is revealed");
    let trail = stage.audit("key.download").await;
    assert_eq!(trail.iter().filter(|row| row.ends_with("with masked values")).count(), 1, "{trail:?}");

    let secret = Key::raw("/registry/secrets/x");
    let permit = stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys("/registry/secrets/x")).await;
    let refused = stage.console.import_diff(&permit, &file.id, &secret).await.err().map(Problem::from);
    assert_eq!(refused.map(|problem| problem.kind), Some(ProblemKind::Forbidden), "what is masked is not compared");

    let hers = stage.permit::<act::WriteKeys>(&anna, stage.cluster()).await;
    let refused = stage.console.drop_key_file(&hers, &file.id).await.err().map(|error| Problem::from(error).kind);
    assert_eq!(refused, Some(ProblemKind::Forbidden), "it has keys that she may not write");
    stage.console.drop_key_file(&all, &file.id).await.expect("dropped");
    assert!(stage.console.key_files(&all).await.expect("files").is_empty());
    assert_eq!(stage.audit("key.drop_file").await.len(), 1);
}

#[tokio::test]
async fn uploaded_files_make_room_for_others_and_what_never_fits_is_refused() {
    let stage = Stage::raise_with(|config| config.key_files_bytes = 100).await;
    let all = stage.permit::<act::WriteKeys>(&Actor::cli(), stage.cluster()).await;
    let keep = async |length: usize| {
        let text = format!("{{\"key\":\"/a\",\"value\":\"{}\"}}", "x".repeat(length));
        let body = futures::stream::iter([Ok::<_, std::io::Error>(text)]);
        stage.console.keep_key_file(&all, "f", None, body).await
    };
    let first = keep(30).await.expect("kept");
    assert_eq!(stage.console.key_files(&all).await.expect("files"), [first]);
    let second = keep(30).await.expect("kept");
    assert_eq!(
        stage.console.key_files(&all).await.expect("files"),
        std::slice::from_ref(&second),
        "the first made room"
    );
    let refused = Problem::from(keep(100).await.expect_err("refused"));
    assert_eq!(refused.kind, ProblemKind::Conflict, "{refused:?}");
    assert_eq!(stage.console.key_files(&all).await.expect("files"), [second], "and none goes in vain");
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
    let told = stage.console.preview_import(&mine, &file.id, ImportMode::Overwrite, None).await.expect("a preview");
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

    let value = CompareValueQuery {
        key: Key::raw("/one/0000"),
        other_revision: Some(Wide(then)),
        ..CompareValueQuery::default()
    };
    let permit = stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys("/one/0000")).await;
    let diff = stage.console.compare_values(&permit, &permit, &value).await.expect("a diff");
    assert_eq!(lines_of(&diff), ["x", "changed"]);

    let masked = CompareValueQuery { key: Key::raw("/registry/secrets/x"), ..CompareValueQuery::default() };
    let permit = stage.permit::<act::ReadValues>(&Actor::cli(), stage.keys("/registry/secrets/x")).await;
    let refused = stage.console.compare_values(&permit, &permit, &masked).await.err().map(Problem::from);
    assert_eq!(refused.map(|problem| problem.kind), Some(ProblemKind::Forbidden), "what is masked is not compared");

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
