//! Files of keys while a step reads or writes them. Invariant: at most one part is in memory; a file that is being written is
//! nobody's until it is ended.

use crate::context::Inventory;
use quorate_domain::{KeyFileId, keys::Key};
use quorate_keys::{
    bulk::{self, PartWriter},
    files::Record,
};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::VecDeque, sync::Arc};

/// A file that is read from its beginning.
pub(super) struct Cursor {
    inventory: Arc<dyn Inventory>,
    id: KeyFileId,
    parts: u32,
    next: u32,
    keys: u64,
    records: VecDeque<Record>,
    batches: VecDeque<Vec<Record>>,
}

impl Cursor {
    /// Opens it; none when it is not kept.
    pub(super) async fn open(inventory: &Arc<dyn Inventory>, id: &KeyFileId) -> Result<Option<Self>, String> {
        let Some(kept) = inventory.key_file(id).await? else { return Ok(None) };
        Ok(Some(Self {
            inventory: inventory.clone(),
            id: id.clone(),
            parts: kept.parts,
            next: 0,
            keys: kept.file.keys.0,
            records: VecDeque::new(),
            batches: VecDeque::new(),
        }))
    }

    /// How many keys it has.
    pub(super) fn keys(&self) -> u64 {
        self.keys
    }

    /// The next records, as many as fit into one transaction.
    pub(super) async fn batch(&mut self) -> Result<Option<Vec<Record>>, String> {
        while self.batches.is_empty() {
            match self.part().await? {
                Some(records) => self.batches = bulk::batches(records).into(),
                None => return Ok(None),
            }
        }
        Ok(self.batches.pop_front())
    }

    /// The next record, if it is of this key.
    pub(super) async fn take(&mut self, key: &Key) -> Result<Option<Record>, String> {
        while self.records.is_empty() {
            match self.part().await? {
                Some(records) => self.records = records.into(),
                None => return Ok(None),
            }
        }
        Ok(self.records.pop_front_if(|record| record.key == *key))
    }

    async fn part(&mut self) -> Result<Option<Vec<Record>>, String> {
        if self.next >= self.parts {
            return Ok(None);
        }
        let part = self.inventory.key_file_part(&self.id, self.next).await?;
        self.next += 1;
        bulk::records_of(part.expose_secret()).map(Some).map_err(|error| format!("{} cannot be read: {error}", self.id))
    }
}

/// A file that is being written.
pub(super) struct NewFile {
    inventory: Arc<dyn Inventory>,
    id: KeyFileId,
    writer: PartWriter,
    parts: u32,
}

impl NewFile {
    pub(super) fn new(inventory: &Arc<dyn Inventory>, id: KeyFileId) -> Result<Self, String> {
        let writer = PartWriter::new().map_err(|error| error.to_string())?;
        Ok(Self { inventory: inventory.clone(), id, writer, parts: 0 })
    }

    pub(super) async fn record(&mut self, record: Record) -> Result<(), String> {
        match self.writer.record(&record).map_err(|error| error.to_string())? {
            Some(part) => self.part(part).await,
            None => Ok(()),
        }
    }

    /// Ends it: its id, and how many keys it has.
    pub(super) async fn end(mut self) -> Result<(KeyFileId, u64), String> {
        if let Some(part) = self.writer.rest() {
            self.part(part).await?;
        }
        let (bytes, keys) = (self.writer.bytes(), self.writer.keys());
        self.inventory.end_key_file(&self.id, self.parts, bytes, keys).await?;
        Ok((self.id, keys))
    }

    async fn part(&mut self, part: String) -> Result<(), String> {
        self.inventory.add_key_file_part(&self.id, self.parts, SecretString::from(part)).await?;
        self.parts += 1;
        Ok(())
    }
}
