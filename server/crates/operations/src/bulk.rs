//! Looking at many keys before a plan: how many there are, some of their names, what an import would do. Invariant: looks only,
//! for a bounded time and a bounded number of bytes, and says where it stopped; no value goes into a plan.

use crate::{
    context::Planner,
    effect::{ClusterTarget, Effect, KeysCall, below},
    kinds::Kind,
    plan::{Lane, Plan, Step},
    steps::Part,
};
use quorate_domain::{
    KeyFileId,
    cluster::ClusterRecord,
    keys::{ImportMode, ImportWhat, Key},
    operation::thousands,
    plan::{Check, Verdict},
    wide::Wide,
};
use quorate_etcd::MemberClient;
use quorate_keys::{
    Reader,
    bulk::{self, decide, unfit},
    files::{Record, at_record},
};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

const ANSWER: Duration = Duration::from_secs(20);
const PROBE: Duration = Duration::from_secs(2);
/// How long it is looked for one plan.
const LOOK: Duration = Duration::from_secs(20);
/// Bytes of keys and values that are read for one plan.
const BYTES: u64 = 128 << 20;
/// How many names a plan tells.
const SAMPLE: usize = 20;

/// What lies below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Below {
    /// The revision.
    pub revision: u64,
    /// How many keys there are.
    pub keys: u64,
    /// How many were looked at.
    pub looked: u64,
    /// Bytes of keys and values that were looked at.
    pub bytes: u64,
    /// Leases of those.
    pub leases: usize,
    /// The first names.
    pub sample: Vec<Key>,
}

/// What a put would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How many records there are.
    pub records: u64,
    /// How many were looked at.
    pub looked: u64,
    pub adds: u64,
    pub changes: u64,
    pub same: u64,
    pub stay: u64,
    /// The first that cannot be written: its line in a file that was uploaded, or else its number, and why.
    pub unfit: Option<String>,
    /// The first that would be made or replaced.
    pub sample: Vec<Key>,
}

/// Where the records of a forecast come from.
pub(crate) enum Origin {
    /// A kept file.
    File(KeyFileId),
    /// Another place: its cluster, prefix and revision, and what the prefix becomes.
    Range(ClusterTarget, Key, u64, Key),
}

impl Planner {
    /// A member that answers now.
    ///
    /// # Errors
    /// In words: none does.
    pub async fn any_member(&self, cluster: &ClusterTarget, probe: Duration) -> Result<MemberClient, String> {
        let mut problems = Vec::new();
        for member in &cluster.members {
            let problem = match self.client(cluster, member).await {
                Ok(client) => match client.status(probe).await {
                    Err(error) if error.is_silence() => error.to_string(),
                    Ok(status) if status.is_learner => "it is a learner".into(),
                    _ => return Ok(client),
                },
                Err(why) => why,
            };
            problems.push(format!("{}: {problem}", member.name));
        }
        Err(format!("no member of {} answers ({})", cluster.name, problems.join("; ")))
    }

    /// What lies below `prefix` at `revision`, or now.
    pub(crate) async fn look_below(
        &self,
        cluster: &ClusterTarget,
        prefix: &Key,
        revision: Option<u64>,
    ) -> Result<Below, String> {
        let client = self.any_member(cluster, PROBE).await?;
        let mut reader = Reader::new(vec![(prefix.0.clone(), prefix.end().map(|end| end.0))], revision, false);
        let (mut found, mut leases) = (Below::default(), BTreeSet::new());
        let until = Instant::now() + LOOK;
        while !reader.is_done() && found.bytes < BYTES && Instant::now() < until {
            let page = reader.ask(&client, ANSWER).await.map_err(|error| error.to_string())?;
            reader.took(&page);
            // The first answer counts them all.
            found.keys = found.keys.max(page.count);
            for pair in page.pairs {
                found.looked += 1;
                found.bytes += (pair.key.len() + pair.value.len()) as u64;
                if pair.lease != 0 {
                    leases.insert(pair.lease);
                }
                if found.sample.len() < SAMPLE {
                    found.sample.push(Key(pair.key));
                }
            }
        }
        (found.revision, found.leases) = (reader.revision(), leases.len());
        Ok(found)
    }

    /// The revision that a cluster is at.
    pub(crate) async fn revision(&self, cluster: &ClusterTarget) -> Result<u64, String> {
        let client = self.any_member(cluster, PROBE).await?;
        let status = client.status(PROBE).await.map_err(|error| error.to_string())?;
        Ok(status.status.revision.0)
    }

    /// What a put of these records would do to `cluster`.
    pub(crate) async fn forecast(
        &self,
        cluster: &ClusterTarget,
        from: &Origin,
        mode: ImportMode,
        revision: Option<u64>,
    ) -> Result<Forecast, String> {
        let client = self.any_member(cluster, PROBE).await?;
        let mut records = Records::open(self, from).await?;
        let mut told = Forecast { records: records.count, ..Forecast::default() };
        let until = Instant::now() + LOOK;
        let mut bytes = 0;
        while Instant::now() < until
            && bytes < BYTES
            && let Some(batch) = records.next().await?
        {
            told.records = told.records.max(records.count);
            let there = bulk::found(&client, &batch, ANSWER).await.map_err(|error| error.to_string())?;
            for record in &batch {
                bytes += (record.key.0.len() + record.value.len()) as u64;
                told.note(record, decide(mode, record, there.get(record.key.as_bytes()), revision));
            }
        }
        Ok(told)
    }
}

impl Forecast {
    fn note(&mut self, record: &Record, what: ImportWhat) {
        self.looked += 1;
        if self.unfit.is_none() {
            self.unfit = unfit(record).map(|why| unfit_words(record, self.looked, &why));
        }
        let counted = match what {
            ImportWhat::Add => &mut self.adds,
            ImportWhat::Change => &mut self.changes,
            ImportWhat::Same => &mut self.same,
            ImportWhat::Skip => &mut self.stay,
        };
        *counted += 1;
        let moves = matches!(what, ImportWhat::Add | ImportWhat::Change);
        if moves && self.sample.len() < SAMPLE {
            self.sample.push(record.key.clone());
        }
    }

    /// What a reviewer has to know.
    pub fn checks(&self) -> Vec<Check> {
        let part = of_the_first(self.looked, self.records);
        let counts = [
            (self.adds, "are made"),
            (self.changes, "are replaced"),
            (self.same, "have their value already"),
            (self.stay, "stay as they are"),
        ];
        let words: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{} {words}", thousands(count)))
            .collect();
        let idle = self.adds + self.changes == 0 && self.looked >= self.records;
        let verdict = if idle { Verdict::Fail } else { Verdict::Pass };
        let answer = if words.is_empty() { "there are none".to_owned() } else { format!("{part}{}", words.join(", ")) };
        let mut checks = vec![Check::new("keys", "", verdict, answer, "There is nothing to do")];
        if let Some(words) = &self.unfit {
            let advice = "Take it out of what is written, or raise etcd's limits, then plan again";
            checks.push(Check::new("fit", "", Verdict::Fail, words.clone(), advice));
        }
        checks.extend(sample(&self.sample, self.adds + self.changes, "are made or replaced"));
        checks
    }
}

impl Below {
    /// What a reviewer has to know.
    pub fn checks(&self) -> Vec<Check> {
        let answer = format!("{} at revision {}; {}", thousands(self.keys), self.revision, self.weight());
        let verdict = if self.keys == 0 { Verdict::Fail } else { Verdict::Pass };
        let mut checks = vec![Check::new("keys", "", verdict, answer, "There is nothing to do")];
        checks.extend(sample(&self.sample, self.keys, "are there"));
        checks
    }

    /// `of the first 9 000: 20 MiB of keys and values, 1 lease attached`.
    pub fn weight(&self) -> String {
        let part = of_the_first(self.looked, self.keys);
        let leases = match self.leases {
            0 => "no lease".to_owned(),
            1 => "1 lease".to_owned(),
            many => format!("{} leases", thousands(many as u64)),
        };
        format!("{part}{} of keys and values, {leases} attached", size(self.bytes))
    }
}

fn unfit_words(record: &Record, number: u64, why: &str) -> String {
    match record.line {
        Some(Wide(line)) => format!("line {line}: {}", at_record(number, line, why)),
        None => format!("record {number}: {why}"),
    }
}

/// The first names, a line each: a name may hold any sign but the end of a line, which is written as an escape.
fn sample(names: &[Key], all: u64, words: &str) -> Option<Check> {
    let lines: Vec<String> = names.iter().map(|name| format!("\n{name}")).collect();
    let head = format!("{} of the {} that {words}:", lines.len(), thousands(all));
    (!names.is_empty()).then(|| Check::new("sample", "", Verdict::Pass, head + &lines.concat(), ""))
}

fn of_the_first(looked: u64, all: u64) -> String {
    if looked < all { format!("of the first {}: ", thousands(looked)) } else { String::new() }
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{} bytes", thousands(bytes)),
        10_000..=9_999_999 => format!("{} KiB", thousands(bytes >> 10)),
        _ => format!("{} MiB", thousands(bytes >> 20)),
    }
}

/// Records of a forecast, batch by batch.
struct Records<'a> {
    planner: &'a Planner,
    source: Source<'a>,
    count: u64,
    batches: VecDeque<Vec<Record>>,
}

enum Source<'a> {
    File { id: &'a KeyFileId, next: u32, parts: u32 },
    Range { client: MemberClient, reader: Reader, prefix: &'a Key, to: &'a Key },
}

impl<'a> Records<'a> {
    async fn open(planner: &'a Planner, from: &'a Origin) -> Result<Self, String> {
        let (source, count) = match from {
            Origin::File(id) => {
                let kept = planner.inventory.key_file(id).await?;
                let kept = kept.ok_or_else(|| format!("the file {id} is not kept any more"))?;
                (Source::File { id, next: 0, parts: kept.parts }, kept.file.keys.0)
            }
            Origin::Range(cluster, prefix, revision, to) => {
                let client = planner.any_member(cluster, PROBE).await?;
                let range = (prefix.0.clone(), prefix.end().map(|end| end.0));
                (Source::Range { client, reader: Reader::new(vec![range], Some(*revision), false), prefix, to }, 0)
            }
        };
        Ok(Self { planner, source, count, batches: VecDeque::new() })
    }

    async fn next(&mut self) -> Result<Option<Vec<Record>>, String> {
        while self.batches.is_empty() {
            let records = match &mut self.source {
                Source::File { next, parts, .. } if *next >= *parts => return Ok(None),
                Source::File { id, next, .. } => {
                    let part = self.planner.inventory.key_file_part(id, *next).await?;
                    *next += 1;
                    bulk::records_of(part.expose_secret()).map_err(|error| error.to_string())?
                }
                Source::Range { reader, .. } if reader.is_done() => return Ok(None),
                Source::Range { client, reader, prefix, to } => {
                    let page = reader.ask(client, ANSWER).await.map_err(|error| error.to_string())?;
                    reader.took(&page);
                    self.count = self.count.max(page.count);
                    page.pairs.into_iter().map(|pair| bulk::renamed(pair, prefix, Some(*to))).collect()
                }
            };
            self.batches = bulk::batches(records).into();
        }
        Ok(self.batches.pop_front())
    }
}

/// A plan about keys of a cluster, with the completed parameters; it touches no host.
pub(crate) fn plan(kind: &dyn Kind, record: &ClusterRecord, title: String, params: Value) -> Plan {
    Plan {
        kind: kind.name().into(),
        kind_version: kind.version(),
        title,
        params,
        cluster: Some(record.id.clone()),
        cluster_name: record.name.clone(),
        hosts: Vec::new(),
        steps: Vec::new(),
        checks: Vec::new(),
        warnings: Vec::new(),
        point_of_no_return: None,
        expected_seconds: 2,
        class: kind.class(),
        confirm: None,
        logins: Vec::new(),
    }
}

/// One step of work on the keys of a cluster.
pub(crate) fn step(key: &str, title: &str, cluster: &ClusterTarget, call: KeysCall, undo: Option<KeysCall>) -> Step {
    let effect = |call| Effect::Keys { cluster: cluster.clone(), call }.into();
    let part = Part { actions: vec![effect(call)], undo: undo.into_iter().map(effect).collect() };
    Step::of(key, title, vec![Lane::at(cluster.place(), part)])
}

/// That it could not be looked.
pub(crate) fn not_seen(why: &str) -> Check {
    Check::new(
        "keys",
        "",
        Verdict::Fail,
        why,
        "Bring a member back, or choose a revision that is not compacted; plan again",
    )
}

/// About how long so many keys take: some thousand a second.
pub(crate) fn seconds(keys: u64) -> u32 {
    u32::try_from(keys / 5000).unwrap_or(u32::MAX).saturating_add(2)
}

/// The keys that a plan is about, in words.
pub(crate) fn what(keys: u64, prefix: &Key) -> String {
    format!("{} of {}", thousands(keys), below(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_that_changes_nothing_cannot_be_started() {
        let verdict = |told: &Forecast| told.checks()[0].verdict;
        let same = Forecast { records: 5, looked: 5, same: 5, ..Forecast::default() };
        assert_eq!(verdict(&same), Verdict::Fail);
        assert_eq!(verdict(&Forecast { adds: 1, ..same.clone() }), Verdict::Pass);
        let cut = Forecast { records: 9, ..same };
        assert_eq!(verdict(&cut), Verdict::Pass, "nobody looked at the rest");
        assert!(cut.checks()[0].answer.starts_with("of the first 5: "), "{:?}", cut.checks());
    }

    #[test]
    fn what_lies_below_a_prefix_is_told_with_count_size_leases_and_names() {
        let found = Below {
            revision: 7,
            keys: 2,
            looked: 2,
            bytes: 20 << 20,
            leases: 1,
            sample: vec![Key::raw("/a"), Key(vec![0xff])],
        };
        let answers: Vec<String> = found.checks().into_iter().map(|check| check.answer).collect();
        let keys = "2 at revision 7; 20 MiB of keys and values, 1 lease attached";
        assert_eq!(answers, [keys, "2 of the 2 that are there:\n/a\n\\xff"]);
        assert_eq!(Below::default().checks()[0].verdict, Verdict::Fail);
    }
}
