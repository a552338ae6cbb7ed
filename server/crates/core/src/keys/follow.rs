//! A tab that watches keys. Invariant: what is told is in order and whole up to its `revision`, or it says what is missing; a
//! slow tab is told more slowly and nobody's memory grows; it ends with the tab, and with the right to read. Values of
//! masked keys are not told. How a watch is taken up again is here, the watch itself is `etcd`'s.

use super::{
    edit::read::{ANSWER, Unread},
    history::change,
};
use crate::{
    console::Console,
    error::CoreError,
    live::LiveSubscription,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, Problem, Scope,
    keys::{Key, KeyChange, KeyNews, KeySettings},
    live::LiveMessage,
};
use quorate_etcd::{Heard, KeyWatch, News, Range, RangeEnd, WatchEnd, WatchRange};
use quorate_keys::Visible;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

/// How often a tab is told at most.
const EVERY: Duration = Duration::from_millis(200);
/// The most changes of a message.
const MOST: usize = 200;
/// How much of a value is told, in bytes.
const PREVIEW: usize = 512;
/// How soon a watch that broke is taken up again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is asked whether the tab may still read, and what.
const RECHECK: Duration = Duration::from_secs(10);
/// Messages that wait for a slow tab.
const WAITING: usize = 4;

impl Console {
    /// Tells the tab of `stream` what happens below the permit's prefix from now on, in place of what it read along with
    /// before. A cluster that does not answer is told in the news and asked again.
    ///
    /// # Errors
    /// `NotFound`; the permit is for no keys.
    pub async fn follow_keys(
        &self,
        permit: &Permit<act::ReadValues>,
        stream: &mut LiveSubscription,
    ) -> Result<(), CoreError> {
        let Scope::Keys(cluster, prefix) = permit.scope().clone() else {
            return Err(CoreError::internal("a permit for keys was asked for something else"));
        };
        if self.0.store.cluster(&cluster).await?.is_none() {
            return Err(CoreError::not_found("cluster", &cluster));
        }
        let (news, heard) = mpsc::channel(WAITING);
        let follower = Follower {
            console: self.clone(),
            permit: permit.clone(),
            batch: Batch::new(Key(prefix)),
            cluster,
            news,
            place: Place::default(),
        };
        tokio::spawn(follower.run());
        stream.read_along(heard);
        Ok(())
    }
}

struct Follower {
    console: Console,
    permit: Permit<act::ReadValues>,
    cluster: ClusterId,
    news: mpsc::Sender<LiveMessage>,
    place: Place,
    batch: Batch,
}

/// Why a follower stops.
enum End {
    /// The tab is gone, or may not read any more.
    Over,
    /// The watch broke.
    Broken(String),
}

impl Follower {
    async fn run(mut self) {
        loop {
            let why = match self.listen().await {
                End::Over => return,
                End::Broken(why) => why,
            };
            self.batch.problem(why);
            if self.tell().await.is_err() {
                return;
            }
            tokio::select! {
                () = self.news.closed() => return,
                () = sleep(AGAIN) => {}
            }
        }
    }

    /// Begins the watch where the last one ended and tells what it says, until it breaks.
    async fn listen(&mut self) -> End {
        let mut sight = match self.sight().await {
            Ok(sight) => sight,
            Err(end) => return end,
        };
        let mut watch = match self.begin().await {
            Ok(watch) => watch,
            Err(end) => return end,
        };
        self.batch.problem(String::new());
        loop {
            if Instant::now() >= sight.until {
                sight = match self.sight().await {
                    Ok(sight) => sight,
                    Err(end) => return end,
                };
            }
            let (due, recheck) = (self.batch.due, sight.until);
            tokio::select! {
                () = self.news.closed() => return End::Over,
                () = sleep_until(due), if self.batch.has_something() => {
                    if self.tell().await.is_err() {
                        return End::Over;
                    }
                }
                () = sleep_until(recheck) => {}
                news = watch.next() => match news {
                    Ok(news) => {
                        let fresh = self.place.take(news);
                        self.batch.add(fresh, &sight, self.place.told());
                    }
                    Err(end) => return self.ended(end),
                }
            }
        }
    }

    async fn begin(&mut self) -> Result<KeyWatch, End> {
        let broken = |error: CoreError| End::Broken(Problem::from(error).title);
        let from = self.batch.prefix.0.clone();
        if self.place.next == 0 {
            // Only with a first revision known is there none that a break could hide.
            let one = Range::of(if from.is_empty() { vec![0] } else { from.clone() });
            let now = self.console.read_range(&self.cluster, &Range { keys_only: true, ..one }).await;
            let now = now.map_err(|unread| broken(unread.into()))?.revision;
            self.place.next = now + 1;
            self.batch.reached(now);
        }
        let client = self.console.key_client(&self.cluster).await.map_err(broken)?;
        let end = RangeEnd::of_prefix(&from);
        let range = WatchRange { from, end, start: self.place.next, before: true };
        match client.member().watch(&range, ANSWER).await {
            Ok(watch) => {
                self.place.taken_up();
                Ok(watch)
            }
            Err(end) => {
                if matches!(&end, WatchEnd::Broken(error) if error.is_silence()) {
                    client.silent();
                }
                Err(self.ended(end))
            }
        }
    }

    fn ended(&mut self, end: WatchEnd) -> End {
        match end {
            WatchEnd::Compacted(at) => {
                let from = self.place.next;
                self.batch.missed(format!(
                    "etcd was compacted: what changed from revision {from} to {at} cannot be told any more."
                ));
                self.place = Place { next: at.max(from) + 1, ..Place::default() };
                End::Broken(String::new())
            }
            WatchEnd::Broken(error) => End::Broken(Problem::from(CoreError::from(Unread::Etcd(error))).title),
        }
    }

    /// Asks again what the tab may read.
    async fn sight(&self) -> Result<Sight, End> {
        let actor = self.permit.actor();
        if self.console.permit::<act::ReadValues>(actor, self.permit.scope().clone()).await.is_err() {
            return Err(End::Over);
        }
        let broken = |error: CoreError| End::Broken(Problem::from(error).title);
        let visible = self.console.visible(actor, &self.cluster, Action::ReadValues).await.map_err(broken)?;
        let settings = self.console.key_settings_of(&self.cluster).await.map_err(broken)?;
        Ok(Sight { visible, settings, until: Instant::now() + RECHECK })
    }

    async fn tell(&mut self) -> Result<(), mpsc::error::SendError<LiveMessage>> {
        match self.batch.empty() {
            Some(news) => self.news.send(LiveMessage::Keys { cluster: self.cluster.clone(), news }).await,
            None => Ok(()),
        }
    }
}

/// What a tab may see of the keys.
struct Sight {
    visible: Visible,
    settings: KeySettings,
    until: Instant,
}

/// How far a watch has come.
#[derive(Default)]
struct Place {
    /// Where it is taken up again; 0 before it has begun.
    next: i64,
    /// How many changes of that revision were heard of already: answers come in parts, and always in the same order. One
    /// deletion of a range can be a million of them.
    heard: usize,
    /// How many of those the watch that goes on there has told again.
    again: usize,
}

impl Place {
    /// A new watch begins there.
    fn taken_up(&mut self) {
        self.again = 0;
    }

    /// The changes that were not heard of before.
    fn take(&mut self, news: News) -> Vec<Heard> {
        let mut fresh = Vec::with_capacity(news.heard.len());
        let (told_all, up_to) = (news.heard.is_empty(), news.revision);
        for heard in news.heard {
            let revision = heard.pair.mod_revision;
            if revision > self.next {
                (self.next, self.heard, self.again) = (revision, 0, 0);
            }
            if revision < self.next {
                continue;
            }
            self.again += 1;
            if self.again > self.heard {
                self.heard = self.again;
                fresh.push(heard);
            }
        }
        if told_all && up_to >= self.next {
            (self.next, self.heard, self.again) = (up_to + 1, 0, 0);
        }
        fresh
    }

    /// The revision up to which all is told.
    fn told(&self) -> i64 {
        if self.heard == 0 { self.next - 1 } else { self.next }
    }
}

/// What is told next.
struct Batch {
    prefix: Key,
    changes: Vec<KeyChange>,
    left_out: u64,
    missed: String,
    problem: String,
    revision: i64,
    /// Something besides changes is to be told.
    changed: bool,
    /// Not before this.
    due: Instant,
}

impl Batch {
    fn new(prefix: Key) -> Self {
        let (changes, missed, problem) = (Vec::new(), String::new(), String::new());
        Self { prefix, changes, left_out: 0, missed, problem, revision: 0, changed: true, due: Instant::now() }
    }

    fn has_something(&self) -> bool {
        self.changed || self.left_out > 0 || !self.changes.is_empty()
    }

    fn add(&mut self, heard: Vec<Heard>, sight: &Sight, revision: i64) {
        for one in heard.into_iter().filter(|one| sight.visible.shows(&one.pair.key)) {
            if self.changes.len() == MOST {
                self.left_out += 1;
                continue;
            }
            let masked = sight.settings.masks(&one.pair.key);
            self.changes.push(change(&one.pair, one.deleted, one.before.as_ref(), masked, PREVIEW));
        }
        self.reached(revision);
    }

    fn reached(&mut self, revision: i64) {
        self.revision = self.revision.max(revision);
    }

    fn missed(&mut self, words: String) {
        self.missed = [std::mem::take(&mut self.missed), words].join(" ").trim().to_owned();
        self.changed = true;
    }

    fn problem(&mut self, words: String) {
        self.changed |= self.problem != words;
        self.problem = words;
    }

    /// The message; none when there is nothing to tell.
    fn empty(&mut self) -> Option<KeyNews> {
        if !self.has_something() {
            return None;
        }
        match std::mem::take(&mut self.left_out) {
            0 => {}
            1 => self.missed("1 more change came at the same time and is not shown.".to_owned()),
            n => self.missed(format!("{n} more changes came at the same time and are not shown.")),
        }
        self.changed = false;
        self.due = Instant::now() + EVERY;
        Some(KeyNews {
            prefix: self.prefix.clone(),
            changes: std::mem::take(&mut self.changes),
            revision: super::edit::read::wide(self.revision),
            missed: std::mem::take(&mut self.missed),
            problem: self.problem.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::Pair;

    fn heard(key: &str, mod_revision: i64) -> Heard {
        let pair = Pair { key: key.as_bytes().to_vec(), value: b"v".to_vec(), mod_revision, ..Pair::default() };
        Heard { pair, deleted: false, before: None }
    }

    fn news(of: &[(&str, i64)]) -> News {
        let heard: Vec<Heard> = of.iter().map(|(key, revision)| heard(key, *revision)).collect();
        News { revision: heard.last().map_or(0, |one| one.pair.mod_revision), heard }
    }

    fn sight() -> Sight {
        let settings = KeySettings { masked: vec![Key::raw("/s/")], ..KeySettings::default() };
        Sight { visible: Visible::all(), settings, until: Instant::now() }
    }

    #[test]
    fn a_watch_that_is_taken_up_again_tells_nothing_twice_and_leaves_nothing_out() {
        let mut place = Place { next: 5, ..Place::default() };
        assert_eq!(place.take(news(&[("a", 5), ("b", 6)])).len(), 2);
        assert_eq!((place.next, place.told()), (6, 6));
        // The rest of a revision comes in another part, and all of it again when a watch is taken up there.
        assert_eq!(place.take(news(&[("b2", 6)])), [heard("b2", 6)]);
        place.taken_up();
        let again = place.take(news(&[("b", 6), ("b2", 6), ("c", 6), ("a", 7)]));
        assert_eq!(again, [heard("c", 6), heard("a", 7)]);
        place.taken_up();
        assert_eq!(place.take(news(&[("a", 7)])), []);
        place.take(News { revision: 9, heard: Vec::new() });
        assert_eq!((place.next, place.told()), (10, 9), "all of it was told");
    }

    #[tokio::test]
    async fn what_does_not_fit_into_a_message_is_counted() {
        let mut batch = Batch::new(Key::default());
        assert!(batch.empty().is_some(), "that it listens is told first");
        assert!(batch.empty().is_none());
        batch.add((0..i64::try_from(MOST).expect("few") + 3).map(|n| heard("a", n)).collect(), &sight(), 202);
        let told = batch.empty().expect("news");
        assert_eq!((told.changes.len(), told.revision.0), (MOST, 202));
        assert!(told.missed.starts_with("3 more changes"), "{}", told.missed);
        assert!(batch.empty().is_none());
    }

    #[tokio::test]
    async fn a_masked_value_is_not_told() {
        let mut batch = Batch::new(Key::default());
        batch.add(vec![heard("/s/a", 5), heard("/t/a", 6)], &sight(), 6);
        let told = batch.empty().expect("news").changes;
        assert_eq!((told[0].text.as_str(), told[0].meta.size.map(|s| s.0)), ("", Some(1)));
        assert_eq!(told[1].text, "v");
    }
}
