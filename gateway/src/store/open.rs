//! Opening the journal: folder, lock, file, schema, then proof. What is damaged is recovered, what is behind its
//! high-water mark is told, and only then does anything go on.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};

use super::counters::{Counters, NEW};
use super::doubt::{may_lack_room, restart_log};
use super::incarnation::Incarnations;
use super::lock::{Lock, LockError};
use super::log::{self, Log};
use super::loss::{self, Loss};
use super::mark::{Mark, MarkFile};
use super::options::journal_path;
use super::owner::{remove, sync_folder};
use super::reconcile::{Story, next_number, reconcile};
use super::recover::recover;
use super::{check, header, swap};
use crate::telemetry::service;
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
/// Journals of this schema and later have a high-water mark beside them.
const MARKED_SINCE: i64 = 3;

/// What a running gateway has met, in words.
const SUSPECTED: &str = "journal.suspected";
/// So often the service manager hears that a recovery goes on.
const RECOVERY_STEP: Duration = Duration::from_secs(10);

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
    #[error("{} is damaged ({problem}) and cannot be recovered: keep the file, restore a backup with \
        `tillgate restore`", path.display())]
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

impl OpenError {
    /// Whether more room on the disk may help.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Folder { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Database { source, .. } => may_lack_room(source),
            Self::Locked { .. } | Self::Newer { .. } | Self::Damaged { .. } => false,
        }
    }
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
    pub(super) incarnations: Incarnations,
    pub(super) losses: Vec<(Timestamp, Loss)>,
    pub(super) marks: MarkFile,
    pub(super) readers: SqlitePool,
}

/// A data folder that is ours alone.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) lock: Lock,
    pub(super) marks: MarkFile,
    /// How far the journal had come when it was last seen.
    pub(super) mark: Option<Mark>,
}

/// A journal that proved itself.
#[derive(Debug)]
struct Sound {
    connection: SqliteConnection,
    counters: Counters,
    incarnations: Incarnations,
}

/// Opens the journal of a data folder; makes both where they are missing, and recovers a damaged one: one that its
/// start finds damaged, or one of which a `known` problem was found before.
pub(super) async fn open(
    data_dir: &Path,
    known: Option<String>,
    now_us: i64,
) -> Result<Opened, OpenError> {
    let Entered { lock, mut marks, mark } = enter(data_dir)?;
    let path = journal_path(data_dir);
    let suspected = data_dir.join(SUSPECTED);
    let known = known.or_else(|| fs::read_to_string(&suspected).ok());
    let set_right = header::set_right(&path);
    let header_was_damaged = set_right.map_err(|source| folder("write", &path, source))?;
    let mended = log::mend(data_dir, mark.as_ref(), now_us).await;
    let log = mended.map_err(|source| folder("mend the log in", data_dir, source))?;
    let (log_was_damaged, in_doubt) = match log {
        Log::Whole => (false, None),
        Log::Mended => (true, None),
        Log::InDoubt(kept) => (false, Some(kept)),
    };
    // What else was damaged nobody knows: every row is looked at.
    let problem = known
        .or_else(|| header_was_damaged.then(|| "its header was damaged".to_owned()))
        .or_else(|| log_was_damaged.then(|| "its log was damaged".to_owned()));
    let checked = match problem {
        Some(problem) => Err(OpenError::Damaged { path: path.clone(), problem }),
        None => sound(data_dir, mark.as_ref(), in_doubt.as_deref(), false, now_us).await,
    };
    let sound = match checked {
        Err(OpenError::Damaged { problem, .. }) => {
            tracing::error!(problem, "the journal is damaged: recovering what can be read");
            patiently(recover(data_dir, &problem, mark.as_ref(), now_us)).await?;
            sound(data_dir, mark.as_ref(), in_doubt.as_deref(), true, now_us).await?
        }
        opened => opened?,
    };
    remove(&suspected).map_err(|source| folder("remove", &suspected, source))?;
    let Sound { mut connection, counters, incarnations } = sound;
    let losses = loss::all(&mut connection).await.map_err(|error| database(&path, error))?;
    // Before anything is given out: what the mark has seen is never given out again.
    let (_, base) = incarnations.current();
    let written = marks.write(&Mark::of(&counters, base, now_us));
    written.map_err(|source| folder("write the high-water mark in", data_dir, source))?;
    fail_point::reached("journal-opened");
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(reading(&path));
    Ok(Opened { lock, path, connection, counters, incarnations, losses, marks, readers })
}

/// Tells the next start what a running gateway has met: it recovers, also where its own look would be too short to see.
pub fn suspect(data_dir: &Path, problem: &str) -> io::Result<()> {
    fs::write(data_dir.join(SUSPECTED), problem)?;
    sync_folder(data_dir)
}

/// A recovery may take minutes: the service manager would take the start for one that hangs.
async fn patiently<T>(recovery: impl Future<Output = T>) -> T {
    let mut recovery = std::pin::pin!(recovery);
    loop {
        service::more_time(RECOVERY_STEP * 3);
        tokio::select! {
            recovered = &mut recovery => return recovered,
            () = tokio::time::sleep(RECOVERY_STEP) => {}
        }
    }
}

/// Makes the folder, takes its lock, and finishes a replacement of the journal that was interrupted.
pub(super) fn enter(data_dir: &Path) -> Result<Entered, OpenError> {
    make_folder(data_dir)?;
    let lock = Lock::take(data_dir).map_err(|error| match error {
        LockError::Held(pid) => OpenError::Locked { path: data_dir.to_owned(), pid },
        LockError::Io(source) => folder("lock", data_dir, source),
    })?;
    let finished = swap::finish(data_dir);
    finished.map_err(|source| folder("put the recovered journal into", data_dir, source))?;
    let opened = MarkFile::open(data_dir);
    let (marks, mark) =
        opened.map_err(|source| folder("open the high-water mark in", data_dir, source))?;
    Ok(Entered { lock, marks, mark })
}

/// Opens the journal and checks it, as far as every start can afford.
async fn sound(
    data_dir: &Path,
    mark: Option<&Mark>,
    in_doubt: Option<&str>,
    is_recovered: bool,
    now_us: i64,
) -> Result<Sound, OpenError> {
    let path = journal_path(data_dir);
    let found = make_file(&path, data_dir, now_us)?;
    let mut connection = connect(&path).await.map_err(|error| database(&path, error))?;
    if mark.is_none_or(|mark| !mark.closed)
        && let Err(error) = restart_log(&mut connection).await
    {
        tracing::warn!(%error, "the log of the last run could not be folded into the journal");
    }
    let since_version = schema_version(&mut connection).await;
    // Nobody knows whether a fresh folder is the gateway's first: an earlier one may be lost, with the numbers it gave.
    let first = mark.map_or_else(|| next_number(0, None, now_us), |_| NEW.incarnation);
    migrate(&mut connection, first, &path).await?;
    let mut counters = check::trusted_counters(&mut connection, &path).await?;
    let begun = Incarnations::begin(&mut connection, &counters, now_us).await;
    begun.map_err(|error| database(&path, error))?;
    check::waiting(&mut connection, &counters, &path).await?;
    if mark.is_some_and(|mark| !mark.closed) {
        check::structure(&mut connection, &path).await?;
    }
    // Recovered, it has said so, and goes on under a name that was never used.
    let unmarked = mark.is_none() && since_version >= MARKED_SINCE && !is_recovered;
    let story = Story { found, unmarked, in_doubt, now_us };
    let reconciled = reconcile(&mut connection, &mut counters, mark, story).await;
    reconciled.map_err(|error| database(&path, error))?;
    let incarnations = check::trusted_incarnations(&mut connection, &counters, &path).await?;
    Ok(Sound { connection, counters, incarnations })
}

/// The system's answer about a folder or file.
pub(super) fn folder(attempt: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Folder { attempt, path: path.to_owned(), source }
}

/// The database's answer: damage, or another reason.
pub(super) fn database(path: &Path, source: sqlx::Error) -> OpenError {
    if is_damage(&source) {
        return OpenError::Damaged { path: path.to_owned(), problem: source.to_string() };
    }
    OpenError::Database { path: path.to_owned(), source }
}

/// Whether an answer of the database shows that the file itself is damaged. A flipped bit may also show as a table, a
/// column or a value that is not what we wrote.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            // The low byte is the primary code: SQLITE_ERROR, SQLITE_CORRUPT, SQLITE_FORMAT, SQLITE_NOTADB.
            code.is_some_and(|code| matches!(code & 0xff, 1 | 11 | 24 | 26))
        }
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::RowNotFound => true,
        _ => false,
    }
}

/// Whether the database says that the file is broken: `SQLITE_CORRUPT`, `SQLITE_NOTADB`.
pub(super) fn is_corruption(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

fn make_folder(data_dir: &Path) -> Result<(), OpenError> {
    durable_folder::make(data_dir).map_err(|error| folder("make", data_dir, error))?;
    // The folder holds customers' data: nobody else reads it, whoever made it.
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(data_dir, private).map_err(|error| folder("protect", data_dir, error))
}

/// Makes the file where it is missing or empty, and says whether it was there.
fn make_file(path: &Path, data_dir: &Path, now_us: i64) -> Result<bool, OpenError> {
    let found = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if !found {
        // SQLite would delete the log of a file that is not there.
        let kept = swap::set_aside(data_dir, now_us);
        kept.map_err(|source| folder("set files aside in", data_dir, source))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|error| folder("write", path, error))?;
    // A new file survives a power cut only when its folder is synced, too.
    sync_folder(data_dir).map_err(|error| folder("sync", data_dir, error))?;
    Ok(found)
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

/// The newest migration that a journal has had; 0 where it has had none, or does not say.
pub(super) async fn schema_version(connection: &mut SqliteConnection) -> i64 {
    const SQL: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
    sqlx::query_scalar(SQL).fetch_one(connection).await.unwrap_or(0)
}

/// Brings the schema up to date, and the rows that every journal has. One that was empty begins with this incarnation.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    first_incarnation: i64,
    path: &Path,
) -> Result<(), OpenError> {
    let damaged = |problem: String| Err(OpenError::Damaged { path: path.to_owned(), problem });
    match MIGRATIONS.run_direct(None, &mut *connection, false).await {
        Ok(()) => {}
        Err(MigrateError::VersionMissing(version)) if is_newer(connection, version).await => {
            return Err(OpenError::Newer { path: path.to_owned(), version });
        }
        Err(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) => {
            return Err(database(path, source));
        }
        Err(other) => return damaged(other.to_string()),
    }
    Counters::begin(connection, first_incarnation).await.map_err(|error| database(path, error))
}

/// A newer tillgate has had all our migrations and more; a list that lacks one of them is damaged.
async fn is_newer(connection: &mut SqliteConnection, version: i64) -> bool {
    const SQL: &str = "SELECT count(*) FROM _sqlx_migrations WHERE version <= ?";
    let ours = MIGRATIONS.iter().map(|migration| migration.version);
    let newest = ours.clone().max().unwrap_or(0);
    let there = sqlx::query_scalar::<_, i64>(SQL).bind(newest).fetch_one(connection).await;
    version > newest && there.is_ok_and(|there| usize::try_from(there) == Ok(ours.count()))
}
