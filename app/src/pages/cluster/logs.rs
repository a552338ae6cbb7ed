//! What the members of a cluster log, as it is written. Invariant: lines come over the tab's one stream and are kept by their
//! time, newest first; a line is text from a host, shown as text; nothing is read while the page is rendered.

use super::below_head;
use crate::{
    components::{
        badge::{Tone, badge},
        button::{Button, Look},
        field::{Field, Select},
        icon::Icon,
        keyed::keyed,
        time,
    },
    data::{Boxed, memo},
    format,
    live::{ClusterSignal, Link, Live, Watched},
    routes,
};
use leptos::prelude::*;
use quorate_domain::{
    HostId,
    cluster::ClusterView,
    journal::{Explanation, JournalLine, LineLevel, MemberJournal, Remedy},
    live::LiveMessage,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Lines kept; older ones are in the file that can be downloaded.
const KEPT: usize = 2000;
/// Lines on the screen at once.
const SHOWN: usize = 300;

/// A line with who wrote it.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    member: Arc<str>,
    host: Option<HostId>,
    line: JournalLine,
    /// Tells equal lines apart.
    number: u64,
}

/// All that was heard.
#[derive(Clone, Debug, Default, PartialEq)]
struct Heard {
    /// Newest first.
    lines: Vec<Written>,
    /// Members whose journal cannot be read, with the reason.
    problems: BTreeMap<String, String>,
    /// How many lines came since the page was opened.
    count: u64,
    /// The stream was opened anew, and these have not been heard since: lines may be missing.
    reopened: BTreeSet<Arc<str>>,
}

impl Heard {
    /// Puts lines in their place; after a break some come again and are left out.
    fn take(&mut self, journal: MemberJournal) {
        match journal.problem {
            Some(problem) => _ = self.problems.insert(journal.member.clone(), problem),
            None => _ = self.problems.remove(&journal.member),
        }
        let member: Arc<str> = journal.member.into();
        if !journal.lines.is_empty() && self.reopened.remove(&member) {
            let known = |w: &Written| w.member == member && journal.lines.contains(&w.line);
            // What came since does not reach back to what is known: a hole that nobody would see is worse than less.
            if !self.lines.iter().any(known) {
                self.lines.retain(|w| w.member != member);
            }
        }
        for line in journal.lines {
            let at = self.lines.partition_point(|known| known.line.at > line.at);
            let same_moment = self.lines[at..].iter().take_while(|known| known.line.at == line.at);
            if same_moment.into_iter().any(|known| known.member == member && known.line == line) {
                continue;
            }
            self.count += 1;
            self.lines
                .insert(at, Written { member: member.clone(), host: journal.host.clone(), line, number: self.count });
        }
        self.lines.truncate(KEPT);
    }

    /// The stream was opened anew.
    fn reopen(&mut self) {
        self.reopened = self.lines.iter().map(|w| w.member.clone()).collect();
    }
}

/// What is to be seen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    member: String,
    least: Option<LineLevel>,
    text: String,
}

impl Wanted {
    fn lets_through(&self, written: &Written) -> bool {
        let Written { member, line, .. } = written;
        let text = self.text.trim().to_lowercase();
        (self.member.is_empty() || self.member == **member)
            && self.least.is_none_or(|least| line.level >= least)
            && (text.is_empty() || [&line.text, &line.fields].iter().any(|t| t.to_lowercase().contains(&text)))
    }
}

/// The page.
#[component]
pub(crate) fn Logs() -> AnyView {
    below_head(logs)
}

fn logs(view: ClusterSignal) -> AnyView {
    let (id, members) = view.with_untracked(|v| (v.id.clone(), v.members.iter().map(|m| m.name.clone()).collect()));
    let live = Live::get();
    let heard = RwSignal::new(Heard::default());
    let frozen = RwSignal::new(None::<Heard>);
    let cluster = id.clone();
    live.listen(Callback::new(move |message| match message {
        LiveMessage::Journal { cluster: of, journal } if of == cluster => heard.update(|heard| heard.take(journal)),
        LiveMessage::Hello { .. } => heard.update(Heard::reopen),
        _ => {}
    }));
    live.watch(Watched::Journals(id.clone()));
    let (member, least, text) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let wanted = memo(move || Wanted {
        member: member.get(),
        least: LineLevel::ALL.into_iter().find(|level| level.as_str() == least.get()),
        text: text.get(),
    });
    let matching = memo(move || {
        let through = |heard: &Heard| -> Vec<Written> {
            wanted.with(|wanted| heard.lines.iter().filter(|line| wanted.lets_through(line)).cloned().collect())
        };
        frozen.with(|frozen| frozen.as_ref().map(through)).unwrap_or_else(|| heard.with(through))
    });
    let status = memo(move || {
        let waiting = frozen.with(|f| f.as_ref().map(|f| heard.with(|h| h.count) - f.count));
        status_words(live.link(), heard.with(|h| h.lines.len()), matching.with(Vec::len), waiting)
    });
    let paused = Signal::derive(move || frozen.with(Option::is_some));
    let pause = Callback::new(move |()| {
        frozen.set(if frozen.with_untracked(Option::is_some) { None } else { Some(heard.get_untracked()) });
    });
    let file = routes::cluster_logs_file(&id);
    let problems = move || heard.with(|h| h.problems.iter().map(|(member, why)| problem(member, why)).collect_view());
    view! {
        <section class="panel" aria-label="Logs">
            <div class="log-tools">
                {filters(members, member, least, text)}
                <div class="form-actions">
                    <Button label=Signal::derive(move || if paused.get() { "Continue" } else { "Pause" }.to_owned()) on_press=pause/>
                    <a class=Look::Plain.class() href=file download="">"Download"</a>
                </div>
            </div>
            <p class="muted" role="status">{move || status.get()}</p>
            {problems}
            <ol class="log" tabindex="0" aria-label="Log lines, newest first">
                {keyed(
                    move || matching.with(|all| all.iter().take(SHOWN).cloned().collect()),
                    |written: &Written| written.number.to_string(),
                    move |written| line_view(written, &view),
                )}
            </ol>
        </section>
    }
    .boxed()
}

fn filters(names: Vec<String>, member: RwSignal<String>, least: RwSignal<String>, text: RwSignal<String>) -> AnyView {
    let all = std::iter::once((String::new(), "All members".to_owned()));
    let names = all.chain(names.into_iter().filter(|n| !n.is_empty()).map(|n| (n.clone(), n))).collect();
    let levels =
        [("", "Everything"), ("info", "Info and graver"), ("warn", "Warnings and errors"), ("error", "Errors")];
    let levels = levels.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
    view! {
        <Select label="Member" name="log_member" value=member options=names/>
        <Select label="Level" name="log_level" value=least options=levels/>
        <Field label="Containing" name="log_text" value=text/>
    }
    .boxed()
}

/// How many lines there are, how many are seen, and whether they come by themselves.
fn status_words(link: Link, all: usize, matching: usize, waiting: Option<u64>) -> String {
    let lines = format::plural(all, "line");
    let lines = match matching {
        n if n == all => lines,
        n => format!("{n} of {lines}"),
    };
    let cut = if matching > SHOWN { format!(", the newest {SHOWN} shown") } else { String::new() };
    let follows = match (waiting, link) {
        (Some(0), _) => "paused".to_owned(),
        (Some(n), _) => {
            format!("paused, {} came since", format::plural(usize::try_from(n).unwrap_or(usize::MAX), "line"))
        }
        (None, Link::Live | Link::Outdated) if all == 0 => "reading the journals…".to_owned(),
        (None, Link::Live | Link::Outdated) => "new ones come by themselves".to_owned(),
        (None, Link::Off) => "new ones come by themselves once the page is live; “Download” works without".to_owned(),
        (None, _) => "no connection to the console now".to_owned(),
    };
    format!("{lines}{cut}: {follows}")
}

fn problem(member: &str, why: &str) -> AnyView {
    view! {
        <div class="note tone-risk">
            {Icon::Risk.view()}
            <p>{format!("{member}: {why}")}</p>
        </div>
    }
    .boxed()
}

fn line_view(written: &Written, view: &ClusterSignal) -> AnyView {
    let Written { member, line, .. } = written;
    let level = match line.level {
        LineLevel::Error => badge(Tone::Bad, "error".into()),
        LineLevel::Warn => badge(Tone::Risk, "warn".into()),
        quiet => view! { <span class="muted">{quiet.as_str()}</span> }.boxed(),
    };
    let fields = (!line.fields.is_empty()).then(|| view! { " "<code>{line.fields.clone()}</code> }.boxed());
    let why = line.explanation.as_ref().map(|explanation| meaning(explanation, written, view));
    view! {
        <li class="log-line">
            {time::clock_time(line.at)}
            <span class="log-member">{member.to_string()}</span>
            <span>{level}</span>
            <div class="log-text"><span>{line.text.clone()}</span>{fields}{why}</div>
        </li>
    }
    .boxed()
}

/// What a known line means, and the way to the button that helps.
fn meaning(explanation: &Explanation, written: &Written, view: &ClusterSignal) -> AnyView {
    let (href, words) = view.with_untracked(|v| way(explanation.remedy, written, v));
    view! {
        <details>
            <summary>"What this means"</summary>
            <p>{explanation.cause.clone()}</p>
            <p>{explanation.advice.clone()}" "<a href=href>{words}</a></p>
        </details>
    }
    .boxed()
}

fn way(remedy: Option<Remedy>, written: &Written, view: &ClusterView) -> (String, &'static str) {
    let own = view.members.iter().find(|m| m.name == *written.member);
    match (remedy, own) {
        (Some(Remedy::ReplaceMember), Some(own)) => {
            (routes::change(&view.id, "replace_member", Some(own.id)), "Replace this member")
        }
        (Some(Remedy::Configuration), _) => (routes::cluster_config(&view.id), "To the configuration"),
        (Some(Remedy::Host), _) if written.host.is_some() => {
            (written.host.as_ref().map_or_else(String::new, routes::host), "To the host")
        }
        _ => (routes::cluster(&view.id), "To the members"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn shown(heard: &Heard) -> Vec<i64> {
        heard.lines.iter().map(|w| w.line.at.0).collect()
    }

    #[test]
    fn lines_are_merged_by_time_and_those_that_come_again_are_left_out() {
        let mut heard = Heard::default();
        heard.take(sample::journal("lab1", &[10, 30]));
        heard.take(sample::journal("lab2", &[20, 30]));
        heard.take(sample::journal("lab1", &[10, 30, 40]));
        assert_eq!(shown(&heard), [40, 30, 30, 20, 10]);
        assert_eq!(heard.count, 5);
        heard.take(sample::journal("lab3", &(1000..4000).collect::<Vec<_>>()));
        assert_eq!((heard.lines.len(), shown(&heard)[0]), (KEPT, 3999), "the oldest go");
    }

    #[test]
    fn a_member_that_cannot_be_read_is_named_until_it_can() {
        let mut heard = Heard::default();
        heard.take(MemberJournal { problem: Some("no route".into()), ..sample::journal("lab1", &[]) });
        assert_eq!(heard.problems.get("lab1").map(String::as_str), Some("no route"));
        heard.take(sample::journal("lab1", &[1]));
        assert!(heard.problems.is_empty());
    }

    #[test]
    fn lines_are_filtered_by_member_level_and_words() {
        let mut heard = Heard::default();
        heard.take(sample::journal("lab1", &[1]));
        let line = &heard.lines[0];
        let all = Wanted::default();
        assert!(all.lets_through(line));
        assert!(!Wanted { member: "lab2".into(), ..all.clone() }.lets_through(line));
        assert!(!Wanted { least: Some(LineLevel::Error), ..all.clone() }.lets_through(line));
        assert!(Wanted { text: "TOOK=".into(), least: Some(LineLevel::Warn), ..all.clone() }.lets_through(line));
        assert!(!Wanted { text: "fsync".into(), ..all }.lets_through(line));
    }

    #[test]
    fn a_hole_after_a_break_is_not_hidden() {
        let mut heard = Heard::default();
        heard.take(sample::journal("lab1", &[10, 20]));
        heard.take(sample::journal("lab2", &[15]));
        heard.reopen();
        heard.take(sample::journal("lab1", &[20, 30]));
        assert_eq!(shown(&heard), [30, 20, 15, 10], "both ends meet");
        heard.reopen();
        heard.take(sample::journal("lab1", &[80, 90]));
        assert_eq!(shown(&heard), [90, 80, 15], "what came between is not known");
        heard.take(sample::journal("lab1", &[95]));
        assert_eq!(shown(&heard), [95, 90, 80, 15]);
    }

    #[test]
    fn a_known_line_leads_to_the_button_that_helps() {
        let mut heard = Heard::default();
        heard.take(sample::journal("lab2", &[1]));
        let view = sample::view("demo", 3, 3);
        let to = |remedy| way(remedy, &heard.lines[0], &view).0;
        assert!(to(Some(Remedy::ReplaceMember)).contains("/replace/"));
        assert!(to(Some(Remedy::Configuration)).ends_with("/config"));
        assert!(to(Some(Remedy::Host)).starts_with("/hosts/"));
        assert_eq!(to(None), routes::cluster(&view.id));
    }

    #[test]
    fn the_status_tells_what_is_hidden_and_what_waits() {
        assert_eq!(status_words(Link::Live, 0, 0, None), "0 lines: reading the journals…");
        assert_eq!(
            status_words(Link::Live, 500, 400, None),
            "400 of 500 lines, the newest 300 shown: new ones come by themselves"
        );
        assert_eq!(status_words(Link::Live, 5, 5, Some(1)), "5 lines: paused, 1 line came since");
        assert!(status_words(Link::Lost, 5, 5, None).contains("no connection"));
    }
}
