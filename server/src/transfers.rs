//! `/transfers`: files for the browser, behind its cookie. Invariant: what is sent is text or bytes to be saved, never
//! something that the browser would show as a page of this site.

pub mod files;
pub mod keys;
pub mod snapshots;

use crate::{
    api::{caller::Id, problem::ApiProblem},
    session::SessionActor,
    state::AppState,
};
use axum::{
    Extension, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing,
};
use http::header;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, Scope,
    journal::{JournalLine, MemberJournal},
};

/// The most lines of each member in one file.
const LINES: u32 = 5000;

/// All of `/transfers`.
pub fn router(state: &AppState) -> Router {
    Router::new()
        .route("/transfers/clusters/{id}/journals", routing::get(journals))
        .route("/transfers/clusters/{id}/value", routing::get(keys::value))
        .route("/transfers/clusters/{id}/export", routing::get(files::export))
        .route("/transfers/clusters/{id}/keys/files", routing::post(files::upload))
        .route("/transfers/snapshots", routing::post(snapshots::upload))
        .route("/transfers/snapshots/{id}", routing::get(snapshots::download))
        .with_state(state.clone())
}

/// Whether a request brings a file, which takes as long as its bytes keep coming.
pub fn brings_a_file(path: &str) -> bool {
    files::brings_a_file(path) || snapshots::brings_a_snapshot(path)
}

/// The last lines of the journals, merged by time.
async fn journals(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Id(id): Id<ClusterId>,
) -> Result<Response, ApiProblem> {
    let permit = state.console.permit::<act::CheckHosts>(&actor.known()?, Scope::Cluster(id)).await?;
    let journals = state.console.journals(&permit, None, None, LINES).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"etcd-journal.log\""),
    ];
    Ok((headers, merged(&journals)).into_response())
}

/// One line each: time, member, level, text; those that cannot be read say so first.
fn merged(journals: &[MemberJournal]) -> String {
    let problems = journals.iter().filter_map(|j| Some(format!("# {}: {}\n", j.member, j.problem.as_ref()?)));
    let mut text: String = problems.collect();
    let mut lines: Vec<(&str, &JournalLine)> =
        journals.iter().flat_map(|j| j.lines.iter().map(|line| (j.member.as_str(), line))).collect();
    lines.sort_by_key(|(_, line)| line.at);
    for (member, line) in lines {
        let JournalLine { at, level, text: said, fields, .. } = line;
        let words = [&at.to_utc_text(), member, level.as_str(), said, fields];
        text.push_str(words.join(" ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{HostId, Timestamp, journal::LineLevel};

    #[test]
    fn lines_of_all_members_are_merged_by_time_and_silent_ones_named() {
        let line = |at, text: &str| JournalLine {
            at: Timestamp(at),
            level: LineLevel::Warn,
            text: text.into(),
            fields: String::new(),
            explanation: None,
        };
        let of = |member: &str, lines, problem: Option<&str>| MemberJournal {
            member: member.into(),
            host: Some(HostId::from_random([1; 10])),
            lines,
            cursor: None,
            problem: problem.map(str::to_owned),
        };
        let all = [
            of("lab1", vec![line(1000, "first"), line(3000, "third")], None),
            of("lab2", vec![line(2000, "second")], None),
            of("lab3", vec![], Some("no route")),
        ];
        let text = merged(&all);
        let words: Vec<&str> = text.lines().map(|line| line.rsplit(' ').next().unwrap_or_default()).collect();
        assert_eq!(words, ["route", "first", "second", "third"]);
        assert!(text.contains(" lab2 warn second\n"), "{text}");
    }
}
