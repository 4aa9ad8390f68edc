//! Files that partners put into their folders, and the acknowledgements that wait to be put into them.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::StoreError;
use super::digest::Digest;
use super::insert::Bound;
use crate::source::{FileStamp, FileState};

/// A clock that is wrong by decades leaves some numbers.
const CONTROL_FLOOR_MOST: i64 = 900_000_000;

/// An acknowledgement that waits to be written into its partner's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReply {
    /// For [`super::Store::reply_written`].
    pub id: i64,
    /// The capture that earned it.
    pub capture: String,
    /// The name that the file is to have.
    pub file_name: String,
    /// `application/EDI-X12` or `application/EDIFACT`.
    pub content_type: String,
    /// The acknowledgement.
    pub content: Vec<u8>,
}

/// Most replies that one look hands out.
const REPLIES: i64 = 100;

/// Binds the five parts of a stamp.
pub(super) fn bind_stamp(query: Bound, stamp: &FileStamp) -> Bound {
    // Inode numbers use all 64 bits on some file systems: the bits are kept, not the value.
    query
        .bind(stamp.partner.as_str())
        .bind(stamp.name.as_str())
        .bind(stamp.inode.cast_signed())
        .bind(stamp.modified_ns)
        .bind(stamp.bytes.cast_signed())
}

/// What became of a file, if it was taken.
pub(super) async fn state(
    connection: &mut SqliteConnection,
    stamp: &FileStamp,
) -> Result<Option<FileState>, StoreError> {
    const SQL: &str = "SELECT finished, EXISTS (SELECT 1 FROM capture \
            WHERE capture.id = edi_file.capture AND capture.quarantined > 0) FROM edi_file \
        WHERE partner = ? AND name = ? AND inode = ? AND modified_ns = ? AND bytes = ?";
    let failed = StoreError::failed("look a file up");
    let row = bind_stamp(sqlx::query(SQL), stamp).fetch_optional(connection).await;
    match row.and_then(|row| row.as_ref().map(state_of).transpose()) {
        Ok(state) => Ok(state),
        Err(error) => Err(failed(error)),
    }
}

fn state_of(row: &SqliteRow) -> Result<FileState, sqlx::Error> {
    let (finished, refused): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if finished { FileState::Finished } else { FileState::Committed { refused } })
}

/// A file has left its folder.
pub(super) async fn finish(
    connection: &mut SqliteConnection,
    stamp: &FileStamp,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE edi_file SET finished = 1 WHERE partner = ? AND name = ? \
        AND inode = ? AND modified_ns = ? AND bytes = ?";
    bind_stamp(sqlx::query(SQL), stamp).execute(connection).await.map(drop)
}

/// The replies that wait for a partner, oldest first.
pub(super) async fn pending_replies(
    connection: &mut SqliteConnection,
    partner: &str,
) -> Result<Vec<PendingReply>, sqlx::Error> {
    const SQL: &str = "SELECT id, capture, file_name, content_type, content, checksum FROM reply \
        WHERE partner = ? AND written_us IS NULL ORDER BY id LIMIT ?";
    let rows = sqlx::query(SQL).bind(partner).bind(REPLIES).fetch_all(connection).await?;
    let mut replies = Vec::with_capacity(rows.len());
    for row in rows {
        let reply = PendingReply {
            id: row.try_get(0)?,
            capture: row.try_get(1)?,
            file_name: row.try_get(2)?,
            content_type: row.try_get(3)?,
            content: row.try_get(4)?,
        };
        let named = [&reply.capture, partner, &reply.file_name, &reply.content_type];
        let checksum = reply_digest(named, &reply.content);
        if row.try_get::<Option<i64>, _>(5)?.is_none_or(|kept| kept == checksum) {
            replies.push(reply);
        } else {
            let capture = reply.capture;
            tracing::error!(
                capture,
                partner,
                "an acknowledgement in the journal is damaged and is not handed out: make it again with `tillgate edi ack`"
            );
        }
    }
    Ok(replies)
}

/// The checksum of a row of `reply`: capture, partner, file name, content type; content.
pub(super) fn reply_digest(named: [&str; 4], content: &[u8]) -> i64 {
    named.into_iter().fold(Digest::of("reply"), Digest::text).bytes(content).finish()
}

/// A reply is in the partner's folder.
pub(super) async fn reply_written(
    connection: &mut SqliteConnection,
    id: i64,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE reply SET written_us = ? WHERE id = ? AND written_us IS NULL";
    sqlx::query(SQL).bind(now_us).bind(id).execute(connection).await.map(drop)
}

/// The next control number of a partner. Committed before it is used, so that none is used twice. One that is not known
/// begins with what [`control_floor`] gives when the incarnation began: its numbers may be lost. Journals of earlier
/// versions had an incarnation 1, in which all began with 1.
pub(super) async fn next_control_number(
    connection: &mut SqliteConnection,
    partner: &str,
) -> Result<i64, sqlx::Error> {
    const SQL: &str = "INSERT INTO control_number (partner, last) VALUES (?, ?) \
        ON CONFLICT (partner) DO UPDATE SET last = last + 1 RETURNING last";
    const BEGAN: &str =
        "SELECT began_us FROM incarnation WHERE number > 1 ORDER BY number DESC LIMIT 1";
    let began = sqlx::query_scalar(BEGAN).fetch_optional(&mut *connection).await?;
    let first = began.map_or(0, control_floor) + 1;
    sqlx::query(SQL).bind(partner).bind(first).fetch_one(connection).await?.try_get(0)
}

/// After a loss at this time control numbers go on above this one: the seconds since 2026, of which no partner
/// gets more than one acknowledgement each in the long run. Nine digits last until 2057 (X12, I12: a control
/// number has nine).
pub(super) fn control_floor(lost_us: i64) -> i64 {
    const BEGIN_SECONDS: i64 = 1_767_225_600;
    (lost_us / 1_000_000 - BEGIN_SECONDS).clamp(0, CONTROL_FLOOR_MOST)
}
