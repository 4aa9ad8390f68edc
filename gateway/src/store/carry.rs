//! The small tables of a damaged journal, carried over as they are: keys, files, replies, directory, catalog.
//!
//! In: tables without a number to look rows up by. Out: their rows, read from the beginning, and where that stops at
//! damage from the end. What could not be carried is told by the table's name.

use sqlx::SqliteConnection;

use super::files::reply_digest;
use super::group::known_digest;
use super::loss::Loss;
use super::salvage::{Damaged, Value};

/// SQLite's primary code for a row that a table does not take.
const SQLITE_CONSTRAINT: u32 = 19;

/// A table.
struct Table {
    name: &'static str,
    /// For people.
    called: &'static str,
    key: &'static [&'static str],
}

const TABLES: [Table; 8] = [
    Table { name: "known", called: "keys of delivered records", key: &["key"] },
    Table {
        name: "edi_file",
        called: "files that partners sent",
        key: &["partner", "name", "inode", "modified_ns", "bytes"],
    },
    Table { name: "reply", called: "acknowledgements to partners", key: &["id"] },
    Table { name: "control_number", called: "control numbers", key: &["partner"] },
    Table { name: "customer", called: "customers", key: &["number"] },
    Table { name: "customer_key", called: "customers' keys", key: &["kind", "hash", "customer"] },
    Table { name: "product", called: "products", key: &["gtin"] },
    Table { name: "loss", called: "earlier losses", key: &["number"] },
];

/// What is to be done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Take,
    Leave,
    Damaged,
}

/// Carries all tables over. Keys of records above `pruned` are written with their records: one of a lost record must
/// not stand in the way of its repeat.
pub(super) async fn carry(
    damaged: &mut Damaged,
    new: &mut SqliteConnection,
    loss: &mut Loss,
    pruned: i64,
) -> Result<(), sqlx::Error> {
    for table in &TABLES {
        // Journals of earlier versions have no losses.
        let is_optional = table.name == "loss" && damaged.incarnations.is_some();
        match damaged.columns(table.name).await {
            Some(columns) => {
                if !table_of(damaged, new, (table, &columns), pruned).await? {
                    loss.push_other(format!("some {}", table.called));
                }
            }
            None if is_optional => {}
            None => loss.push_other(format!("all {}", table.called)),
        }
    }
    Ok(())
}

/// Carries one table over, and says whether it was whole.
async fn table_of(
    damaged: &mut Damaged,
    new: &mut SqliteConnection,
    (table, columns): (&Table, &[String]),
    pruned: i64,
) -> Result<bool, sqlx::Error> {
    let (name, list) = (table.name, columns.join(", "));
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {name} ({list}) VALUES ({marks})");
    let mut whole = true;
    for order in ["ASC", "DESC"] {
        let key: Vec<_> = table.key.iter().map(|column| format!("{column} {order}")).collect();
        let sql = format!("SELECT {list} FROM {name} ORDER BY {}", key.join(", "));
        let ended = damaged.each(&sql, async |values: Vec<Value>| {
            let verdict = match name {
                "known" => of_key(&values, pruned),
                "reply" => of_reply(&values),
                _ => Verdict::Take,
            };
            whole &= verdict != Verdict::Damaged;
            if verdict == Verdict::Take {
                whole &= put(&mut *new, &insert, values).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
        if ended.await? {
            return Ok(whole && order == "ASC");
        }
    }
    Ok(false)
}

fn of_key(values: &[Value], pruned: i64) -> Verdict {
    use Value::{Blob, Integer, Text};
    let [Text(key), Blob(content), Integer(sequence), Integer(version), _, rest @ ..] = values
    else {
        return Verdict::Damaged;
    };
    let digest = known_digest(key, content, *sequence, *version);
    match rest {
        [Integer(checksum)] if *checksum != digest => Verdict::Damaged,
        _ if *sequence <= pruned => Verdict::Take,
        _ => Verdict::Leave,
    }
}

fn of_reply(values: &[Value]) -> Verdict {
    use Value::{Blob, Integer, Text};
    let [_, Text(capture), Text(partner), Text(file_name), Text(kind), Blob(content), _, rest @ ..] =
        values
    else {
        return Verdict::Damaged;
    };
    let digest = reply_digest([capture, partner, file_name, kind], content);
    match rest {
        [Integer(checksum)] if *checksum != digest => Verdict::Damaged,
        _ => Verdict::Take,
    }
}

/// Inserts a row, and says whether the table took it: one that it does not take was damaged.
async fn put(
    new: &mut SqliteConnection,
    insert: &str,
    values: Vec<Value>,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(sqlx::AssertSqlSafe(insert));
    let query = values.into_iter().fold(query, |query, value| match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Blob(bytes) => query.bind(bytes),
    });
    match query.execute(new).await {
        Ok(_) => Ok(true),
        Err(error) if is_constraint(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_constraint(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == SQLITE_CONSTRAINT)
}
