//! Copies of the journal: `backup` while the daemon works, `restore` while it does not.
//!
//! A copy counts only once it is proved whole, and the journal that a restore replaces is set aside, never deleted.
//! Never: a copy of the files as they are, which beside a running daemon would be torn.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::counters::{Counters, NEW};
use super::incarnation::{Incarnation, Incarnations, raise};
use super::mark::Mark;
use super::open::{Entered, OpenError, begin, connect, database, enter, folder, migrate, reading};
use super::options::journal_path;
use super::reconcile::{lost, next_number, skip_control_numbers};
use super::row::moment;
use super::swap::Building;
use super::verify::{VerifyReport, verify_file};
use super::{Loss, owner};

/// Why there is no copy, or why it was not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The copy's folder or file.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The database refused.
    #[error("cannot {attempt} {}", path.display())]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The database's answer.
        #[source]
        source: sqlx::Error,
    },
    /// What would be copied does not hold.
    #[error("{} is not whole, so {consequence}: {}", path.display(), problems(report))]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// What was not done, and what to do.
        consequence: &'static str,
        /// What is wrong.
        report: Box<VerifyReport>,
    },
    /// The data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
}

fn problems(report: &VerifyReport) -> String {
    let left_out = report.problems_left_out;
    let more = if left_out > 0 { format!("; and {left_out} more") } else { String::new() };
    report.problems.join("; ") + &more
}

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// Where it is.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Captures in it.
    pub captures: u64,
    /// Records in it.
    pub records: u64,
    /// The incarnation of its newest records.
    pub incarnation: u32,
    /// The highest number in its outbox.
    pub sequence_assigned: u64,
}

/// A copy that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// Captures in it.
    pub captures: u64,
    /// Records in it.
    pub records: u64,
    /// New records are of this incarnation.
    pub incarnation: u32,
    /// Where the journal that was there before is kept.
    pub set_aside: Option<String>,
    /// What that one had and this one has not, as far as the high-water mark tells.
    pub missing: Loss,
}

/// Copies the journal of a data folder into a file, beside a running daemon or without one. A file that is there is
/// replaced, once the new copy is proved whole.
pub async fn backup(data_dir: &Path, to: &Path) -> Result<BackupReport, BackupError> {
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = |attempt, source| BackupError::File { attempt, path: to.to_owned(), source };
    let journal = journal_path(data_dir);
    // Readable by its owner alone, from the first byte on.
    let copy = tempfile::Builder::new().prefix(".tillgate-backup-").tempfile_in(folder);
    let copy = copy.map_err(|source| file("make a file beside", source))?;
    copy_into(&journal, copy.path()).await.map_err(|source| BackupError::Database {
        attempt: "copy",
        path: journal.clone(),
        source,
    })?;
    let report = proved(
        copy.path(),
        &journal,
        "no backup was made of it: stop the gateway, recover what can be read with `tillgate verify --recover`, and start it",
    );
    let report = report.await?;
    let synced = copy.as_file().sync_all().and_then(|()| copy.as_file().metadata());
    let bytes = synced.map_err(|source| file("sync", source))?.len();
    copy.persist(to).map_err(|error| file("write", error.error))?;
    owner::sync_folder(folder).map_err(|source| file("sync the folder of", source))?;
    Ok(BackupReport {
        file: to.to_owned(),
        bytes,
        captures: report.captures,
        records: report.records,
        incarnation: report.incarnation,
        sequence_assigned: report.sequence_assigned,
    })
}

/// One consistent moment of the journal, packed.
async fn copy_into(journal: &Path, copy: &Path) -> Result<(), sqlx::Error> {
    let mut connection = reading(journal).connect().await?;
    let query = sqlx::query("VACUUM INTO ?").bind(copy.to_string_lossy().into_owned());
    query.execute(&mut connection).await?;
    connection.close().await
}

async fn proved(
    file: &Path,
    named: &Path,
    consequence: &'static str,
) -> Result<VerifyReport, BackupError> {
    let path = named.to_owned();
    match verify_file(file).await {
        Ok(report) if report.whole => Ok(report),
        Ok(report) => Err(BackupError::NotWhole { path, consequence, report: Box::new(report) }),
        Err(source) => Err(BackupError::Database { attempt: "read", path, source }),
    }
}

/// Puts a copy into the place of the journal of a stopped daemon. Its incarnation is raised above all that were ever in
/// use here, so that no number is given out twice.
pub async fn restore(
    data_dir: &Path,
    from: &Path,
    now_us: i64,
) -> Result<RestoreReport, BackupError> {
    let consequence = "nothing was changed: take an earlier backup";
    let proof = proved(from, from, consequence).await?;
    let Entered { lock, mut marks, mark } = enter(data_dir)?;
    let failed = |source| folder("restore the journal in", data_dir, source);
    let building = Building::begin(data_dir, now_us).map_err(failed)?;
    let path = building.path();
    let copied = copy_file(from, &path);
    copied.map_err(|source| BackupError::File {
        attempt: "copy",
        path: from.to_owned(),
        source,
    })?;
    // Not the file that was proved, but the copy of it, is what will be used.
    proved(&path, from, consequence).await?;
    let replaced = journal_path(data_dir).exists();
    let witness = witness(data_dir, mark.as_ref()).await;
    let (mut missing, after) = match renewed(&path, mark.as_ref(), witness, now_us).await {
        Ok(done) => done,
        Err(error) => {
            building.remove().map_err(failed)?;
            return Err(error.into());
        }
    };
    missing.set_aside = replaced.then(|| building.aside());
    building.commit().map_err(failed)?;
    marks.write(&Mark::of(&after, after.newest(), now_us)).map_err(failed)?;
    drop(lock);
    Ok(RestoreReport {
        captures: proof.captures,
        records: proof.records,
        incarnation: missing.incarnation,
        set_aside: missing.set_aside.clone(),
        missing,
    })
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = fs::OpenOptions::new().write(true).truncate(true).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// The highest incarnation that was in use in this folder, as far as its files tell.
async fn witness(data_dir: &Path, mark: Option<&Mark>) -> Option<i64> {
    let of_mark = mark.map(|mark| mark.incarnation);
    let read = async {
        let mut connection = reading(&journal_path(data_dir)).connect().await.ok()?;
        let (counters, whole) = Counters::read(&mut connection).await.ok()?;
        whole.then_some(counters.incarnation)
    };
    of_mark.max(read.await)
}

/// What a folder without a mark cannot say more exactly.
async fn what_came_later(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    const NEWEST: &str = "SELECT received_us FROM capture ORDER BY number DESC LIMIT 1";
    let newest: Option<i64> = sqlx::query_scalar(NEWEST).fetch_optional(connection).await?;
    let since = newest.map_or_else(
        || "the backup was made".to_owned(),
        |received_us| moment(received_us).to_string(),
    );
    Ok(format!("whatever the gateway took after {since}"))
}

/// Brings the copy up to date and begins its new incarnation.
async fn renewed(
    path: &Path,
    mark: Option<&Mark>,
    witness: Option<i64>,
    now_us: i64,
) -> Result<(Loss, Counters), OpenError> {
    let failed = |source| database(path, source);
    let mut connection = connect(path).await.map_err(failed)?;
    migrate(&mut connection, NEW.incarnation, path).await?;
    let renew = async {
        let (mut counters, _) = Counters::read(&mut connection).await?;
        Incarnations::begin(&mut connection, &counters, now_us).await?;
        let number = next_number(counters.incarnation, witness, now_us);
        let mut loss = Loss {
            noticed_at: moment(now_us).to_string(),
            reason: "a backup was restored".to_owned(),
            incarnation: u32::try_from(number).unwrap_or(u32::MAX),
            ..Loss::default()
        };
        match mark {
            Some(mark) => lost(&mut loss, &mut connection, &counters, mark).await?,
            None => loss.push_other(what_came_later(&mut connection).await?),
        }
        let mut transaction = begin(&mut connection).await?;
        loss.insert(&mut transaction, now_us).await?;
        skip_control_numbers(&mut transaction, now_us).await?;
        let (base, reason) = (counters.newest(), loss.reason.clone());
        let next = Incarnation { number, base, began_us: now_us, reason };
        raise(&mut transaction, &mut counters, next).await?;
        transaction.commit().await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
        Ok((loss, counters))
    };
    let renewed = renew.await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(renewed)
}
