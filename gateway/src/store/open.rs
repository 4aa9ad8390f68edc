//! Opening the journal: folder, lock, file, schema, and the few checks that are cheap enough for every start.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, Sqlite, SqliteConnection, Transaction};

use super::counters::Counters;
use super::lock::{Lock, LockError};
use super::options::journal_path;
use crate::{durable_folder, fail_point};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Pages that a connection keeps, in KiB (negative, SQLite's own way to say so). What is read again and again is a
/// few inner pages; the system's page cache holds the rest.
const CACHE_KIBIBYTES: &str = "-768";
/// A checkpoint of so many pages stays within a few milliseconds.
const AUTOCHECKPOINT_PAGES: &str = "2000";
/// The log is cut back to this size when it starts over.
const WAL_KEPT_BYTES: &str = "16777216";
/// Connections for reading.
const READERS: u32 = 2;

/// Why the journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon works on the folder.
    #[error("{} is in use by {}: stop it first, or give this gateway a data_dir of its own",
        path.display(), holder(*pid))]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// The other process, if it says.
        pid: Option<u32>,
    },
    /// The folder or file cannot be made or written.
    #[error("cannot {attempt} {}: {}", path.display(), advice(source))]
    Folder {
        /// What was attempted.
        attempt: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A newer tillgate wrote the file.
    #[error("{} has schema version {version}, which this tillgate does not know: install the \
        version that wrote it, or a newer one", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        version: i64,
    },
    /// The file is no journal, or is damaged.
    #[error("{} is damaged ({problem}): keep the file, run `tillgate verify`, restore a backup",
        path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What does not hold.
        problem: String,
    },
    /// The database refused for another reason.
    #[error("cannot open {}", path.display())]
    Database {
        /// The journal.
        path: PathBuf,
        /// The database's answer.
        #[source]
        source: sqlx::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "make it belong to the user that runs tillgate",
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only, look at the system log for disk errors"
        }
        io::ErrorKind::StorageFull => "the disk is full",
        io::ErrorKind::NotADirectory => "a part of the path is no folder",
        _ => "look at [gateway] data_dir",
    }
}

/// An open journal, before its writer runs.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) lock: Lock,
    pub(super) path: PathBuf,
    pub(super) connection: SqliteConnection,
    pub(super) counters: Counters,
    pub(super) readers: SqlitePool,
}

/// Opens the journal of a data folder; makes both where they are missing.
pub(super) async fn open(data_dir: &Path) -> Result<Opened, OpenError> {
    make_folder(data_dir)?;
    let lock = Lock::take(data_dir).map_err(|error| match error {
        LockError::Held(pid) => OpenError::Locked { path: data_dir.to_owned(), pid },
        LockError::Io(source) => folder("lock", data_dir, source),
    })?;
    let path = journal_path(data_dir);
    make_file(&path, data_dir)?;
    let mut connection = connect(&path).await.map_err(|error| database(&path, error))?;
    migrate(&mut connection, &path).await?;
    let counters = trusted_counters(&mut connection, &path).await?;
    fail_point::reached("journal-opened");
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(reading(&path));
    Ok(Opened { lock, path, connection, counters, readers })
}

fn folder(attempt: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Folder { attempt, path: path.to_owned(), source }
}

fn database(path: &Path, source: sqlx::Error) -> OpenError {
    let code = source.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        // SQLITE_CORRUPT and SQLITE_NOTADB
        Some("11" | "26") => {
            OpenError::Damaged { path: path.to_owned(), problem: source.to_string() }
        }
        _ => OpenError::Database { path: path.to_owned(), source },
    }
}

fn make_folder(data_dir: &Path) -> Result<(), OpenError> {
    durable_folder::make(data_dir).map_err(|error| folder("make", data_dir, error))?;
    // The folder holds customers' data: nobody else reads it, whoever made it.
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(data_dir, private).map_err(|error| folder("protect", data_dir, error))
}

fn make_file(path: &Path, data_dir: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|error| folder("write", path, error))?;
    // A new file survives a power cut only when its folder is synced, too.
    File::open(data_dir)
        .and_then(|file| file.sync_all())
        .map_err(|error| folder("sync", data_dir, error))
}

/// The connection of the writer.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .pragma("wal_autocheckpoint", AUTOCHECKPOINT_PAGES)
        .pragma("journal_size_limit", WAL_KEPT_BYTES)
        .pragma("cache_size", CACHE_KIBIBYTES)
        .disable_statement_logging()
        .connect()
        .await
}

/// How readers connect.
pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", CACHE_KIBIBYTES)
        .disable_statement_logging()
}

/// Begins a transaction that takes the write lock at once.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
) -> Result<Transaction<'_, Sqlite>, sqlx::Error> {
    connection.begin_with("BEGIN IMMEDIATE").await
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    match MIGRATIONS.run_direct(None, &mut *connection, false).await {
        Ok(()) => {}
        Err(MigrateError::VersionMissing(version)) => {
            return Err(OpenError::Newer { path: path.to_owned(), version });
        }
        Err(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) => {
            return Err(database(path, source));
        }
        Err(other) => {
            return Err(OpenError::Damaged { path: path.to_owned(), problem: other.to_string() });
        }
    }
    Counters::begin(connection).await.map_err(|error| database(path, error))
}

/// The counters, if they go with the newest rows: a number that was given out must never be given out again.
async fn trusted_counters(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Counters, OpenError> {
    const NEWEST: &str = "SELECT \
        (SELECT checksum FROM record WHERE sequence = ?), (SELECT max(sequence) FROM record), \
        (SELECT checksum FROM capture WHERE number = ?), (SELECT max(number) FROM capture)";
    let read = async {
        let (counters, whole) = Counters::read(connection).await?;
        let query = sqlx::query(NEWEST).bind(counters.newest()).bind(counters.next_capture - 1);
        let row = query.fetch_one(connection).await?;
        let record = (row.try_get(0)?, row.try_get(1)?);
        let capture = (row.try_get(2)?, row.try_get(3)?);
        Ok((counters, whole, record, capture))
    };
    let (counters, whole, record, capture) = read.await.map_err(|error| database(path, error))?;
    let record_fits =
        fits(record, counters.newest(), counters.record_chain, counters.pruned_sequence);
    let capture_fits =
        fits(capture, counters.next_capture - 1, counters.capture_chain, counters.pruned_capture);
    let problem = match (whole, record_fits, capture_fits) {
        (true, true, true) => return Ok(counters),
        (false, _, _) => "the counters do not match their checksum",
        (_, false, _) => "the counters do not go with the newest record",
        (_, _, false) => "the counters do not go with the newest capture",
    };
    Err(OpenError::Damaged { path: path.to_owned(), problem: problem.to_owned() })
}

/// Whether the newest row is the one that the counters name, or all rows were pruned.
fn fits(row: (Option<i64>, Option<i64>), newest: i64, chain: i64, pruned: i64) -> bool {
    match row {
        (Some(checksum), Some(highest)) => checksum == chain && highest == newest,
        (None, None) => pruned == newest,
        _ => false,
    }
}
