//! What steps printed. Invariant: at most 4 KiB a line and 1 MiB a step are kept, then one line says so; numbers rise
//! within the operation and survive pruning. Redaction happened before (`quorate-operations`).

use crate::{Result, Store, StoreError, Tx, cells::Cells, tx::Db};
use quorate_domain::{OperationId, Timestamp, operation::OutputLine};
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// The most bytes of one line that are kept.
pub const LINE_MAX: usize = 4 * 1024;
/// The most bytes of one step's output that are kept.
pub const STEP_OUTPUT_MAX: usize = 1024 * 1024;
const LINE_CUT: &str = " … (line cut)";
const CAPPED: &str = "output capped at 1 MiB; the rest of this step's output was not kept";

/// A line as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOutput {
    /// The step.
    pub step: u32,
    /// Host name, or empty.
    pub host: String,
    /// The text, redacted.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// How much a step has printed.
#[derive(Clone, Copy, Default)]
struct Size {
    bytes: usize,
    capped: bool,
}

fn line(row: &SqliteRow) -> Result<OutputLine> {
    Ok(OutputLine {
        seq: row.cell("seq")?,
        at: row.at("at")?,
        step: row.count("step")?,
        host: row.cell("host")?,
        text: row.cell("text")?,
    })
}

impl Store {
    /// Lines after `after_seq` (0 for all), oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn output(&self, id: &OperationId, after_seq: i64, limit: u32) -> Result<Vec<OutputLine>> {
        let query = sqlx::query(
            "SELECT seq, at, step, host, text FROM operation_output WHERE operation = ? AND seq > ?
             ORDER BY seq LIMIT ?",
        )
        .bind(id.as_str())
        .bind(after_seq)
        .bind(limit);
        self.reader().all(query, "reading output").await?.iter().map(line).collect()
    }

    /// Keeps lines in a transaction of their own and answers what was kept of them, numbered.
    ///
    /// # Errors
    /// `NotFound`; the database failed. None was kept then.
    pub async fn append_output(&self, id: &OperationId, lines: &[NewOutput]) -> Result<Vec<OutputLine>> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let mut sizes = tx.output_sizes(id).await?;
        let kept = cap(lines, &mut sizes);
        let first = tx.take_output_numbers(id, kept.len()).await?;
        let numbered: Vec<OutputLine> = (first..)
            .zip(kept)
            .map(|(seq, new)| OutputLine { seq, at: new.at, step: new.step, host: new.host, text: new.text })
            .collect();
        for line in &numbered {
            tx.insert_output(id, line).await?;
        }
        for step in lines.iter().map(|line| line.step).collect::<std::collections::BTreeSet<_>>() {
            tx.set_output_size(id, step, sizes.get(&step).copied().unwrap_or_default()).await?;
        }
        tx.commit().await?;
        Ok(numbered)
    }
}

/// What is kept of `lines`, given how much each step has printed so far.
fn cap(lines: &[NewOutput], sizes: &mut BTreeMap<u32, Size>) -> Vec<NewOutput> {
    let mut kept = Vec::with_capacity(lines.len());
    for line in lines {
        let size = sizes.entry(line.step).or_default();
        if size.capped {
            continue;
        }
        let mut line = line.clone();
        if line.text.len() > LINE_MAX {
            line.text.truncate(line.text.floor_char_boundary(LINE_MAX - LINE_CUT.len()));
            line.text.push_str(LINE_CUT);
        }
        if size.bytes + line.text.len() > STEP_OUTPUT_MAX {
            size.capped = true;
            line.text = CAPPED.to_owned();
            line.host.clear();
        } else {
            size.bytes += line.text.len();
        }
        kept.push(line);
    }
    kept
}

impl Tx {
    async fn output_sizes(&mut self, id: &OperationId) -> Result<BTreeMap<u32, Size>> {
        let query = sqlx::query("SELECT step, bytes, capped FROM operation_output_sizes WHERE operation = ?");
        let rows = self.all(query.bind(id.as_str()), "reading output").await?;
        rows.iter()
            .map(|row| {
                Ok((row.count("step")?, Size { bytes: row.count("bytes")? as usize, capped: row.cell("capped")? }))
            })
            .collect()
    }

    async fn set_output_size(&mut self, id: &OperationId, step: u32, size: Size) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO operation_output_sizes (operation, step, bytes, capped) VALUES (?, ?, ?, ?)
             ON CONFLICT (operation, step) DO UPDATE SET bytes = excluded.bytes, capped = excluded.capped",
        )
        .bind(id.as_str())
        .bind(step)
        .bind(i64::try_from(size.bytes).unwrap_or(i64::MAX))
        .bind(size.capped);
        self.execute(query, "keeping output").await?;
        Ok(())
    }

    /// Takes `count` numbers; answers the first.
    async fn take_output_numbers(&mut self, id: &OperationId, count: usize) -> Result<i64> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let query = sqlx::query("UPDATE operations SET output_seq = output_seq + ? WHERE id = ? RETURNING output_seq");
        let row = self.optional(query.bind(count).bind(id.as_str()), "keeping output").await?;
        let last: i64 = row.ok_or_else(|| StoreError::not_found("operation", id))?.cell("output_seq")?;
        Ok(last - count + 1)
    }

    async fn insert_output(&mut self, id: &OperationId, line: &OutputLine) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO operation_output (operation, seq, at, step, host, text) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.as_str())
        .bind(line.seq)
        .bind(line.at.0)
        .bind(line.step)
        .bind(line.host.as_str())
        .bind(line.text.as_str());
        self.execute(query, "keeping output").await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(step: u32, text: String) -> NewOutput {
        NewOutput { step, host: "lab1".into(), text, at: Timestamp(1) }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let kept = cap(&[new(0, "ä".repeat(5000))], &mut BTreeMap::new());
        assert!(kept[0].text.len() <= LINE_MAX && kept[0].text.ends_with("(line cut)"));
        let short = new(0, "x".repeat(LINE_MAX));
        assert_eq!(cap(std::slice::from_ref(&short), &mut BTreeMap::new()), [short]);
    }

    #[test]
    fn a_step_is_capped_once_and_other_steps_are_not() {
        let mut sizes = BTreeMap::new();
        let lines: Vec<NewOutput> = (0..300).map(|_| new(1, "x".repeat(LINE_MAX))).collect();
        let kept = cap(&lines, &mut sizes);
        assert_eq!(kept.len(), STEP_OUTPUT_MAX / LINE_MAX + 1);
        assert_eq!(kept.last().map(|line| line.text.as_str()), Some(CAPPED));
        assert!(cap(&lines, &mut sizes).is_empty());
        assert_eq!(cap(&[new(2, "free".into())], &mut sizes).len(), 1);
    }
}
