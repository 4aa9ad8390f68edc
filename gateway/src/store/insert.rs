//! Many rows in few statements. Each statement is a hop to the thread of the connection, so rows go in chunks of fixed
//! sizes: few hops, and few different statements, which stay prepared.

use std::sync::Arc;

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// A statement with some of its values.
pub(super) type Bound = Query<'static, Sqlite, SqliteArguments>;

const INSERT_ROWS: [usize; 3] = [100, 10, 1];
const LOOKUP_KEYS: [usize; 4] = [1000, 100, 10, 1];

/// The insert statements of a table.
#[derive(Debug)]
pub(super) struct Inserts([Arc<str>; 3]);

impl Inserts {
    /// Statements that begin with `head` (`INSERT INTO … VALUES`) and end with `tail` (`ON CONFLICT …` or nothing).
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        Self(
            INSERT_ROWS
                .map(|rows| format!("{head} {} {tail}", vec![row.as_str(); rows].join(",")).into()),
        )
    }

    /// Inserts all rows.
    pub(super) async fn run<R>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[R],
        bind: impl Fn(Bound, &R) -> Bound,
    ) -> Result<(), sqlx::Error> {
        let mut rest = rows;
        for (size, sql) in INSERT_ROWS.into_iter().zip(&self.0) {
            while rest.len() >= size {
                let (chunk, tail) = rest.split_at(size);
                let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
                chunk.iter().fold(query, &bind).execute(&mut *connection).await?;
                rest = tail;
            }
        }
        Ok(())
    }
}

/// The look-up statements of a table, for many keys at once.
#[derive(Debug)]
pub(super) struct Lookups([Arc<str>; 4]);

impl Lookups {
    /// Statements in which `{}` of `sql` stands for as many placeholder groups as there are keys.
    pub(super) fn new(sql: &str, placeholder: &str) -> Self {
        Self(LOOKUP_KEYS.map(|keys| sql.replace("{}", &vec![placeholder; keys].join(",")).into()))
    }

    /// The rows of all keys. A chunk that is not full is filled with its last key.
    pub(super) async fn run<K>(
        &self,
        connection: &mut SqliteConnection,
        keys: &[K],
        bind: impl Fn(Bound, &K) -> Bound,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut found = Vec::new();
        for chunk in keys.chunks(LOOKUP_KEYS[0]) {
            let Some((size, sql)) =
                LOOKUP_KEYS.into_iter().zip(&self.0).rfind(|(size, _)| *size >= chunk.len())
            else {
                continue;
            };
            let filler = chunk.last().into_iter().cycle().take(size - chunk.len());
            let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
            let query = chunk.iter().chain(filler).fold(query, &bind);
            found.extend(query.fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }
}
