//! Opening the database and reading from it. Invariant: readers cannot write (`query_only`), one connection writes,
//! and the master key was proved right before anything else is done. Writing lives in `tx`.

use crate::{
    MasterKey, Result, StoreError, Tx, data_dir,
    seal::{Place, Sealed, Sealer},
    tx::{Db, Query},
};
use secrecy::SecretString;
use sqlx::{
    ConnectOptions, Executor, Row, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

static MIGRATOR: Migrator = sqlx::migrate!("../../../migrations");

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for the one writer (or for a reader).
const ACQUIRE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// The WAL file shrinks to this after a burst.
const WAL_BYTES: &str = "33554432";
const CHECK: Place<'static> = Place { table: "master_key_check", row: "1", purpose: "check" };
const CHECK_WORDS: &str = "quorate";

/// The open database. Clones share one set of connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    sealer: Arc<Sealer>,
    readers: SqlitePool,
    writer: SqlitePool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database of `data_dir`, makes or migrates it, and proves that `key` is its key.
    ///
    /// # Errors
    /// `KeyWrong` or `NewerSchema` (nothing was written then); `Busy`, `ReadOnly`, `DiskFull`, `Corrupt`, `Io`, `Driver`.
    pub async fn open(data_dir: &Path, key: MasterKey) -> Result<Self> {
        data_dir::prepare(data_dir)?;
        let dir = data_dir.to_owned();
        let lock = tokio::task::spawn_blocking(move || data_dir::lock_for_open(&dir))
            .await
            .map_err(|error| StoreError::io("locking", data_dir)(std::io::Error::other(error)))??;
        let path = data_dir::prepare_database(data_dir)?;
        let sealer = Sealer::new(&key);
        let writer = one_writer(writing(&path)?);
        let opened = async {
            check_key_before_migrating(&writer, &sealer).await?;
            migrate(&writer, &path).await?;
            prove_key(&writer, &sealer).await
        };
        if let Err(error) = opened.await {
            writer.close().await;
            return Err(error);
        }
        drop(lock);

        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE)
            .max_lifetime(None)
            .connect_lazy_with(reading(&path).pragma("query_only", "ON"));
        Ok(Self(Arc::new(Inner { path, sealer: Arc::new(sealer), readers, writer })))
    }

    /// Begins a change. Waits for its turn: one writer at a time, and never two in one task.
    ///
    /// # Errors
    /// `Busy` when the turn does not come within 10 s; `Driver`.
    pub async fn begin(&self) -> Result<Tx> {
        let conn = self.0.writer.acquire().await.map_err(|error| StoreError::driver("beginning a change", error))?;
        Tx::begin(conn, Arc::clone(&self.0.sealer)).await
    }

    /// Whether the database can be written right now, for readiness checks. Writes nothing.
    ///
    /// # Errors
    /// Why it cannot be.
    pub async fn ready(&self) -> Result<()> {
        self.begin().await?.rollback().await
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Writes a consistent copy to `target`, which must not exist. The copy opens with the same master key, which is
    /// not part of it. Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// `Conflict` when `target` exists; `DiskFull`, `ReadOnly`, `Io`, `Driver`. What was begun is removed then.
    pub async fn backup_to(&self, target: &Path) -> Result<()> {
        const DOING: &str = "copying the database";
        use std::os::unix::fs::OpenOptionsExt;
        let Some(name) = target.to_str() else {
            return Err(StoreError::Conflict { field: "target", what: "the path of the copy is not UTF-8".into() });
        };
        // VACUUM INTO accepts an empty file, and this one is private from its first moment.
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(target) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Conflict { field: "target", what: format!("{name} is there already") });
            }
            Err(error) => return Err(StoreError::io("making", target)(error)),
        }
        let copied = async {
            // A connection of its own: it takes long, and nobody who writes waits for it.
            let own = one_writer(reading(&self.0.path));
            let query = sqlx::query("VACUUM INTO ?").bind(name);
            let copied = query.execute(&own).await.map_err(|error| StoreError::driver(DOING, error));
            own.close().await;
            copied.map(drop)
        };
        let result = copied.await;
        if result.is_err() {
            std::fs::remove_file(target).map_err(StoreError::io("removing", target))?;
        }
        result
    }

    /// Waits for running statements and closes all connections. Later calls fail.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    pub(crate) fn unseal(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString> {
        self.0.sealer.unseal(place, sealed)
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader(self)
    }

    /// The writing connection outside of any transaction, for housekeeping.
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.0.writer
    }
}

/// Reads outside of any transaction.
pub(crate) struct Reader<'a>(&'a Store);

impl Db for Reader<'_> {
    async fn all(&mut self, query: Query, doing: &'static str) -> Result<Vec<SqliteRow>> {
        query.fetch_all(&self.0.0.readers).await.map_err(|error| StoreError::driver(doing, error))
    }

    async fn optional(&mut self, query: Query, doing: &'static str) -> Result<Option<SqliteRow>> {
        query.fetch_optional(&self.0.0.readers).await.map_err(|error| StoreError::driver(doing, error))
    }
}

/// What every connection has. Nothing in it writes: a reader that opens while a change is being made would wait for it.
fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

fn writing(path: &Path) -> Result<SqliteConnectOptions> {
    let options = reading(path).journal_mode(SqliteJournalMode::Wal).pragma("journal_size_limit", WAL_BYTES);
    // Only an empty file can be told to give space back; telling another one again is a write.
    let empty = std::fs::metadata(path).map_err(StoreError::io("reading", path))?.len() == 0;
    Ok(if empty { options.auto_vacuum(SqliteAutoVacuum::Incremental) } else { options })
}

fn one_writer(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        // A transaction that was dropped, or that SQLite has ended by itself, must not leak into the next one.
        .after_release(|conn, _| Box::pin(async move { Ok(rolled_back(conn).await) }))
        .connect_lazy_with(options)
}

async fn rolled_back(conn: &mut SqliteConnection) -> bool {
    match conn.execute("ROLLBACK").await {
        Ok(_) => true,
        // "No transaction is active" is a plain SQLITE_ERROR; any other fault makes the connection worthless.
        Err(sqlx::Error::Database(error)) => error.code().as_deref() == Some("1"),
        Err(_) => false,
    }
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<()> {
    const DOING: &str = "migrating the database";
    MIGRATOR.run(writer).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
            StoreError::NewerSchema { path: path.to_owned() }
        }
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => StoreError::driver(DOING, source),
        other => StoreError::driver(DOING, sqlx::Error::Migrate(Box::new(other))),
    })
}

/// An old database is not migrated with a wrong key: nothing may be written then.
async fn check_key_before_migrating(writer: &SqlitePool, sealer: &Sealer) -> Result<()> {
    let known = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'master_key_check'")
        .fetch_optional(writer)
        .await
        .map_err(|error| StoreError::driver("reading the database", error))?;
    if known.is_some() && !opens(writer, sealer).await?.unwrap_or(true) {
        return Err(StoreError::KeyWrong { path: sealer.key_path().to_owned() });
    }
    Ok(())
}

/// Whether the key opens the check; none when there is no check yet.
async fn opens(writer: &SqlitePool, sealer: &Sealer) -> Result<Option<bool>> {
    const DOING: &str = "checking the master key";
    let row = sqlx::query("SELECT key_id, sealed FROM master_key_check WHERE id = 1")
        .fetch_optional(writer)
        .await
        .map_err(|error| StoreError::driver(DOING, error))?;
    let Some(row) = row else { return Ok(None) };
    let cell = |error| StoreError::driver(DOING, error);
    let sealed = Sealed { key_id: row.try_get(0).map_err(cell)?, bytes: row.try_get(1).map_err(cell)? };
    Ok(Some(sealer.unseal(CHECK, &sealed).is_ok()))
}

async fn prove_key(writer: &SqlitePool, sealer: &Sealer) -> Result<()> {
    if opens(writer, sealer).await?.is_some() {
        return Ok(());
    }
    let sealed = sealer.seal(CHECK, &SecretString::from(CHECK_WORDS))?;
    sqlx::query("INSERT INTO master_key_check (id, key_id, sealed) VALUES (1, ?, ?)")
        .bind(sealed.key_id)
        .bind(sealed.bytes)
        .execute(writer)
        .await
        .map_err(|error| StoreError::driver("writing the master key's check", error))?;
    Ok(())
}
