//! Changes as they come. Invariant: they come over the tab's one stream; what was missed is said and never filled in.

use super::{browser::folder_of, detail::Opened, history::first_words};
use crate::{
    components::{
        badge::{Tone, badge},
        button::Button,
        field::{CheckBox, Field},
        icon::Icon,
        keyed::keyed,
    },
    data::{Boxed, memo},
    format,
    live::{Link, Live, Watched},
};
use leptos::prelude::*;
use quorate_domain::{
    keys::{Key, KeyChange, KeyNews},
    live::LiveMessage,
    wide::Wide,
};

/// Changes kept; older ones are in the history of their key.
const KEPT: usize = 1000;
/// Changes on the screen at once.
const SHOWN: usize = 200;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Change(KeyChange),
    /// Changes that nobody will tell.
    Missed(String),
}

/// All that was heard.
#[derive(Clone, Debug, Default, PartialEq)]
struct Heard {
    /// Newest first, each with its number.
    entries: Vec<(u64, Entry)>,
    count: u64,
    revision: Wide,
    problem: String,
}

impl Heard {
    fn push(&mut self, entry: Entry) {
        self.count += 1;
        self.entries.insert(0, (self.count, entry));
    }

    /// Takes news in; what comes again after a break is left out.
    fn take(&mut self, news: KeyNews) {
        if !news.missed.is_empty() {
            self.push(Entry::Missed(news.missed));
        }
        for change in news.changes {
            if change.revision > self.revision {
                self.push(Entry::Change(change));
            }
        }
        self.entries.truncate(KEPT);
        self.revision = self.revision.max(news.revision);
        self.problem = news.problem;
    }

    /// The stream was opened anew.
    fn reopen(&mut self) {
        if self.revision != Wide(0) {
            let words = format!("The connection was away after rev {}", format::count(self.revision.0));
            self.push(Entry::Missed(words));
        }
    }
}

/// Whether a filter lets an entry through.
fn lets_through(entry: &Entry, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    match entry {
        Entry::Missed(_) => true,
        Entry::Change(change) => {
            text.is_empty()
                || [change.key.to_string(), change.text.clone()].iter().any(|t| t.to_lowercase().contains(&text))
        }
    }
}

/// The tab.
pub(super) fn tab(opened: Opened) -> AnyView {
    let folder = RwSignal::new(false);
    let key = opened.name();
    let separator = opened.browser.place.with_untracked(|place| place.separator.clone());
    let around = folder_of(&key, &separator);
    let words = if around.is_empty() { "All keys of the cluster".to_owned() } else { format!("All keys of {around}") };
    let list = move || followed(opened, if folder.get() { around.clone() } else { key.clone() }, folder.get());
    view! {
        <CheckBox label=words name="whole_folder" value=folder/>
        {move || list()}
    }
    .into_any()
}

/// What happens below `prefix`; only to that key itself unless `all`.
fn followed(opened: Opened, prefix: Key, all: bool) -> AnyView {
    let (live, cluster) = (Live::get(), opened.browser.cluster());
    let heard = RwSignal::new(Heard::default());
    let frozen = RwSignal::new(None::<Heard>);
    let (of, below) = (cluster.clone(), prefix.clone());
    live.listen(Callback::new(move |message| match message {
        LiveMessage::Keys { cluster, mut news } if cluster == of && news.prefix == below => {
            if !all {
                news.changes.retain(|change| change.key == below);
            }
            heard.update(|heard| heard.take(news));
        }
        LiveMessage::Hello { .. } => heard.update(Heard::reopen),
        _ => {}
    }));
    live.watch(Watched::Keys(cluster, prefix));
    let text = RwSignal::new(String::new());
    let shown = memo(move || {
        let through = |heard: &Heard| -> Vec<(u64, Entry)> {
            let wanted = text.read();
            heard.entries.iter().filter(|(_, entry)| lets_through(entry, &wanted)).take(SHOWN).cloned().collect()
        };
        frozen.with(|frozen| frozen.as_ref().map(through)).unwrap_or_else(|| heard.with(through))
    });
    let status = memo(move || {
        let waiting = frozen.with(|f| f.as_ref().map(|f| heard.with(|h| h.count) - f.count));
        heard.with(|heard| status_words(live.link(), heard, waiting))
    });
    let paused = Signal::derive(move || frozen.with(Option::is_some));
    let pause = Callback::new(move |()| {
        frozen.set(if frozen.with_untracked(Option::is_some) { None } else { Some(heard.get_untracked()) });
    });
    view! {
        <div class="watch-tools">
            <Field label="Containing" name="watch_text" value=text/>
            <Button label=Signal::derive(move || if paused.get() { "Continue" } else { "Pause" }.to_owned()) on_press=pause/>
        </div>
        <p class="muted" role="status">{move || status.get()}</p>
        <ol class="watch" tabindex="0" aria-label="Changes, newest first">
            {keyed(move || shown.get(), |(number, _)| number.to_string(), move |(_, entry)| entry_view(entry, all))}
        </ol>
    }
    .into_any()
}

fn status_words(link: Link, heard: &Heard, waiting: Option<u64>) -> String {
    let number = |n: u64| format::plural(usize::try_from(n).unwrap_or(usize::MAX), "change");
    match (waiting, link) {
        (Some(0), _) => "Paused".to_owned(),
        (Some(n), _) => format!("Paused, {} came since", number(n)),
        (None, _) if !heard.problem.is_empty() => format!("Nothing comes at the moment: {}", heard.problem),
        (None, Link::Live | Link::Outdated) if heard.revision == Wide(0) => "Beginning to watch…".to_owned(),
        (None, Link::Live | Link::Outdated) => {
            format!("Watching; all is told up to rev {}", format::count(heard.revision.0))
        }
        (None, _) => "No connection to the console now".to_owned(),
    }
}

fn entry_view(entry: &Entry, named: bool) -> AnyView {
    match entry {
        Entry::Missed(words) => {
            view! { <li class="watch-missed tone-risk">{Icon::Risk.view()}<span>{words.clone()}</span></li> }.boxed()
        }
        Entry::Change(change) => change_view(change, named),
    }
}

fn change_view(change: &KeyChange, named: bool) -> AnyView {
    let what = match change.deleted {
        true => badge(Tone::Risk, "deleted".into()),
        false => badge(Tone::Info, if change.meta.version.0 == 1 { "created" } else { "changed" }.into()),
    };
    let name = named.then(|| view! { <bdi><code>{change.key.to_string()}</code></bdi> }.boxed());
    let before = change
        .before
        .as_ref()
        .filter(|text| !text.is_empty())
        .map(|text| view! { <span class="muted">"was "<code>{first_words(text)}</code></span> }.boxed());
    let now = (!change.deleted && !change.text.is_empty())
        .then(|| view! { <code>{first_words(&change.text)}</code> }.boxed());
    view! {
        <li class="watch-line">
            <span class="muted">{format!("rev {}", format::count(change.revision.0))}</span>
            <span>{what}</span>
            <div>{name}{now}{before}</div>
        </li>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn news(revisions: &[u64], missed: &str) -> KeyNews {
        KeyNews {
            prefix: Key::raw("/a"),
            changes: revisions.iter().map(|revision| sample::key_change("/a", *revision)).collect(),
            revision: Wide(revisions.last().copied().unwrap_or(1)),
            missed: missed.into(),
            problem: String::new(),
        }
    }

    #[test]
    fn changes_come_newest_first_and_never_twice() {
        let mut heard = Heard::default();
        heard.take(news(&[5, 6], ""));
        heard.take(news(&[6, 7], ""));
        let revisions: Vec<u64> = heard
            .entries
            .iter()
            .map(|(_, entry)| match entry {
                Entry::Change(change) => change.revision.0,
                Entry::Missed(_) => 0,
            })
            .collect();
        assert_eq!(revisions, [7, 6, 5]);
    }

    #[test]
    fn what_was_missed_stands_where_it_is_missing_and_no_filter_hides_it() {
        let mut heard = Heard::default();
        heard.take(news(&[5], ""));
        heard.take(news(&[9], "rev 6 to 8 were compacted"));
        assert_eq!(heard.entries[1].1, Entry::Missed("rev 6 to 8 were compacted".into()));
        assert!(lets_through(&heard.entries[1].1, "nothing like it"));
        assert!(!lets_through(&heard.entries[0].1, "nothing like it"));
        assert!(lets_through(&heard.entries[0].1, "VALUE 9"));
    }

    #[test]
    fn the_status_says_whether_changes_come() {
        let mut heard = Heard::default();
        heard.reopen();
        assert!(heard.entries.is_empty(), "nothing was heard, so nothing was missed");
        assert_eq!(status_words(Link::Live, &heard, None), "Beginning to watch…");
        heard.take(news(&[5], ""));
        assert_eq!(status_words(Link::Live, &heard, None), "Watching; all is told up to rev 5");
        assert_eq!(status_words(Link::Live, &heard, Some(1)), "Paused, 1 change came since");
        heard.problem = "no leader".into();
        assert!(status_words(Link::Live, &heard, None).ends_with("no leader"));
        heard.reopen();
        assert!(matches!(&heard.entries[0].1, Entry::Missed(_)));
    }
}
