//! What an import of a kept file would do. Invariant: it asks the same rules as the import itself and changes nothing; it tells nobody
//! of keys that they may not write, and no value that is masked. What is wrong is told with its line in the file that was brought.

use super::{
    edit::about,
    rules::may,
    unhurried,
    values::{masked_problem, missing},
};
use crate::{
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, KeyFileId,
    keys::{ImportChange, ImportMode, ImportPreview, ImportWhat, Key, ValueDiff},
    wide::Wide,
};
use quorate_keys::{
    bulk, diff,
    files::{Record, at_record},
};
use std::{collections::VecDeque, time::Duration};

/// How long etcd may take to say what is there under a batch of keys.
const ANSWER: Duration = Duration::from_secs(10);
/// The most problems, and keys, that a preview names.
const NAMED: usize = 100;

impl Console {
    /// What an import of a kept file would do now. Without `from` all of it is counted; with it, only so many records from that one
    /// on (the first has number 1) as it takes to name the next keys.
    ///
    /// # Errors
    /// `NotFound` for a file of another cluster or one that is not kept any more; `Unreachable`.
    pub async fn preview_import(
        &self,
        permit: &Permit<act::WriteKeys>,
        id: &KeyFileId,
        mode: ImportMode,
        from: Option<Wide>,
    ) -> Result<ImportPreview, CoreError> {
        let cluster = permit.cluster()?;
        let kept = self.key_file_of(cluster, id).await?;
        let mut preview = Preview { whole: from.is_none(), ..Preview::default() };
        let mut number = 0;
        for part in 0..kept.parts {
            let (mut fit, mut numbers) = (Vec::new(), VecDeque::new());
            for record in self.records(id, part).await? {
                number += 1;
                if from.is_some_and(|from| number < from.0) {
                    continue;
                }
                let mine = may(permit.actor(), Action::WriteKeys, cluster, record.key.as_bytes());
                let rights = (!mine).then(|| "you may not write its key".to_owned());
                match rights.or_else(|| bulk::unfit(&record)) {
                    Some(why) => preview.problem(number, &record, &why),
                    None => {
                        fit.push(record);
                        numbers.push_back(number);
                    }
                }
            }
            for batch in bulk::batches(fit) {
                let ask = async |client| bulk::found(&client, &batch, ANSWER).await;
                let there = self.ask_for_keys(cluster, ask).await?;
                for record in batch {
                    let what = bulk::decide(mode, &record, there.get(record.key.as_bytes()), None);
                    preview.note(numbers.pop_front().unwrap_or(number), record, what);
                }
                if preview.ended() {
                    return Ok(preview.told);
                }
            }
        }
        Ok(preview.told)
    }

    /// How the value of the permit's key in a kept file differs from what is there now; where it is not there, it counts as empty.
    ///
    /// # Errors
    /// `NotFound` for a file or a key that is not kept for this cluster; `Forbidden` for a masked one; `Unreachable`.
    pub async fn import_diff(
        &self,
        permit: &Permit<act::ReadValues>,
        id: &KeyFileId,
        key: &Key,
    ) -> Result<ValueDiff, CoreError> {
        let (cluster, key) = about(permit, key)?;
        let kept = self.key_file_of(cluster, id).await?;
        if self.masked(permit, cluster, key, false).await? {
            return Err(masked_problem());
        }
        for part in 0..kept.parts {
            let records = self.records(id, part).await?;
            if let Some(record) = records.into_iter().find(|record| record.key == *key) {
                let there = self.pair_at(cluster, key, None).await?.0;
                let value = there.map(|pair| pair.value).unwrap_or_default();
                return unhurried(move || diff(&value, &record.value)).await;
            }
        }
        Err(missing(key, None))
    }
}

/// A preview that is being made.
#[derive(Default)]
struct Preview {
    told: ImportPreview,
    whole: bool,
}

/// The line where a record stands: what operations keep has one record a line.
fn line_of(number: u64, record: &Record) -> u64 {
    record.line.map_or(number, |line| line.0)
}

impl Preview {
    fn problem(&mut self, number: u64, record: &Record, why: &str) {
        if self.told.problems.len() < NAMED {
            let line = line_of(number, record);
            self.told.problems.push((Wide(line), at_record(number, line, why)));
        }
    }

    fn note(&mut self, number: u64, record: Record, what: ImportWhat) {
        if self.ended() {
            return;
        }
        let counted = match what {
            ImportWhat::Add => &mut self.told.adds,
            ImportWhat::Change => &mut self.told.changes,
            ImportWhat::Same => &mut self.told.same,
            ImportWhat::Skip => &mut self.told.skipped,
        };
        counted.0 += 1;
        if what == ImportWhat::Same {
            return;
        }
        if self.told.sample.len() < NAMED {
            let line = Wide(line_of(number, &record));
            self.told.sample.push(ImportChange { key: record.key, what, line });
        } else if self.told.next.is_none() {
            self.told.next = Some(Wide(number));
        }
    }

    /// Whether all was looked at that was asked for.
    fn ended(&self) -> bool {
        !self.whole && self.told.next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: Option<u64>) -> Record {
        Record { key: Key::raw("/a"), line: line.map(Wide), ..Record::default() }
    }

    #[test]
    fn a_problem_is_told_with_the_line_of_the_file_that_was_brought() {
        let mut preview = Preview::default();
        preview.problem(17, &record(Some(17)), "no");
        preview.problem(3, &record(Some(1)), "no");
        preview.problem(9, &record(None), "no");
        let told = [(Wide(17), "no".to_owned()), (Wide(1), "record 3: no".to_owned()), (Wide(9), "no".to_owned())];
        assert_eq!(preview.told.problems, told);
    }

    #[test]
    fn a_page_ends_where_the_next_one_begins_and_the_first_counts_all() {
        for whole in [true, false] {
            let mut preview = Preview { whole, ..Preview::default() };
            preview.note(1, record(None), ImportWhat::Same);
            (2..=150).for_each(|number| preview.note(number, record(None), ImportWhat::Add));
            assert_eq!((preview.told.sample.len(), preview.told.next), (NAMED, Some(Wide(102))));
            assert_eq!(preview.told.sample[0].line, Wide(2), "what is the same is no difference");
            assert_eq!(preview.told.adds, Wide(if whole { 149 } else { 101 }));
        }
    }
}
