//! Sessions as rows. Invariant: times are the console's clock's; saving never brings back a session that was ended
//! meanwhile. That the database holds a hash of the id only, so that reading it logs nobody in, is the store's doing.

use super::{ABSOLUTE_MILLIS, IDLE_MILLIS, KEY, Login};
use async_trait::async_trait;
use quorate_core::{Console, error::chain};
use quorate_domain::Timestamp;
use quorate_store::SessionRow;
use std::{collections::HashMap, fmt};
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// The console's sessions.
#[derive(Clone)]
pub struct Sessions(Console);

impl Sessions {
    /// Over a console.
    pub fn new(console: Console) -> Self {
        Self(console)
    }

    fn row(&self, record: &Record) -> Result<SessionRow> {
        let now = self.0.now();
        let login = record.data.get(KEY).and_then(|value| serde_json::from_value::<Login>(value.clone()).ok());
        let absolute = login.as_ref().map_or(now, |login| login.born).plus_millis(ABSOLUTE_MILLIS);
        Ok(SessionRow {
            id: row_id(&record.id),
            user: login.map(|login| login.user),
            data: serde_json::to_vec(&record.data).map_err(|error| Error::Encode(error.to_string()))?,
            created_at: now,
            expires_at: now.plus_millis(IDLE_MILLIS).min(absolute),
        })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

/// A session's id as the store takes it.
pub fn row_id(id: &Id) -> String {
    id.to_string()
}

/// The login in a row's data.
pub fn login_in(data: &[u8]) -> Option<Login> {
    let mut data: HashMap<String, serde_json::Value> = serde_json::from_slice(data).ok()?;
    serde_json::from_value(data.remove(KEY)?).ok()
}

/// Writes that a session was used now.
///
/// # Errors
/// The storage failed.
pub async fn note_seen(console: &Console, id: &Id, login: Login) -> Result<()> {
    let data = serde_json::to_value(login).map_err(|error| Error::Encode(error.to_string()))?;
    let data = HashMap::from([(KEY.to_owned(), data)]);
    let sessions = Sessions::new(console.clone());
    sessions.save(&Record { id: *id, data, expiry_date: OffsetDateTime::UNIX_EPOCH }).await
}

/// Why the storage failed, if it did.
pub fn out_of_reach(error: &tower_sessions::session::Error) -> Option<String> {
    match error {
        tower_sessions::session::Error::Store(Error::Backend(reason)) => Some(reason.clone()),
        _ => None,
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Backend(chain(error))
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits do not collide; a row that is there all the same makes the insert fail.
        self.0.create_session(&self.row(record)?).await.map_err(|error| failed(&error))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.0.update_session(&self.row(record)?).await.map_err(|error| failed(&error))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(row) = self.0.session(&row_id(id)).await.map_err(|error| failed(&error))? else { return Ok(None) };
        let data = serde_json::from_slice(&row.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: moment(row.expires_at) }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_session(&row_id(id)).await.map_err(|error| failed(&error))
    }
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
