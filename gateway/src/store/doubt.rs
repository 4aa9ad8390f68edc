//! What an error of the database says about the disk, and what has to be done before the journal is trusted again.

use sqlx::{Row, SqliteConnection};

/// Extended result codes of SQLite: a full disk, and a full disk when the index of the log has to grow.
const FULL: [&str; 2] = ["13", "4874"];
/// A write that failed otherwise, and a file that cannot be made: so a spent quota is reported.
const MAYBE_FULL: [&str; 2] = ["778", "14"];

/// Whether the disk is full. Such a commit certainly did not hold.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| FULL.contains(&code.as_str()))
}

/// Whether more room may help.
pub(super) fn may_lack_room(error: &sqlx::Error) -> bool {
    is_full(error) || code(error).is_some_and(|code| MAYBE_FULL.contains(&code.as_str()))
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Writes everything that is in the log into the file, and begins a new log. After a sync that failed Linux takes the
/// pages for clean, so that a second sync says yes to what never reached the disk, and a log that goes on behind such
/// a hole would end there after a power cut. What is written anew is synced in earnest.
pub(super) async fn fold_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await
}

/// Writes everything that is in the log into the file, so that the next commit begins the log anew, in its old room:
/// what an interrupted write left there must not stand behind commits that come later.
pub(super) async fn restart_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)").await
}

async fn checkpoint(
    connection: &mut SqliteConnection,
    pragma: &'static str,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(pragma).fetch_one(connection).await?;
    if row.try_get::<i64, _>(0)? == 0 {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("the log is in use and cannot be folded in".to_owned()))
}
