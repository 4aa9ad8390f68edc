//! Importing a CSV file: rows are read one by one and handed over in batches. A row with a mistake is told and
//! left out, the others are taken: one bad telephone number must not keep a whole directory away from the tills.

use std::io::{self, Write};

use super::ask::{ask, unexpected};
use super::{ConfigFile, exit};
use crate::control::{Request, Response};
use crate::customer::import::RowProblem;

/// Rows in one request.
const BATCH: usize = 1000;
/// Problems that are told one by one.
const TOLD: u64 = 100;

/// Imports all rows. Exit code 2 says that some were left out.
pub(super) fn import<T>(
    config: &ConfigFile,
    noun: &str,
    rows: impl Iterator<Item = Result<T, RowProblem>>,
    request: impl Fn(Vec<T>) -> Request,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut total = Total::default();
    let mut batch = Vec::new();
    for row in rows {
        match row {
            Ok(row) => batch.push(row),
            Err(problem) => total.leave_out(&problem)?,
        }
        if batch.len() == BATCH {
            total.take(config, request(std::mem::take(&mut batch)), BATCH)?;
        }
    }
    if !batch.is_empty() {
        let rows = batch.len();
        total.take(config, request(batch), rows)?;
    }
    total.tell(noun, out)
}

#[derive(Default)]
struct Total {
    taken: usize,
    left_out: u64,
    version: Option<u64>,
}

impl Total {
    fn take(&mut self, config: &ConfigFile, request: Request, rows: usize) -> anyhow::Result<()> {
        match ask(config, request)? {
            Response::Imported { version } => self.version = Some(version),
            other => return Err(unexpected(&other)),
        }
        self.taken += rows;
        Ok(())
    }

    fn leave_out(&mut self, problem: &RowProblem) -> io::Result<()> {
        self.left_out += 1;
        if self.left_out <= TOLD {
            writeln!(io::stderr(), "tillgate: {problem}; the row was left out")?;
        }
        Ok(())
    }

    fn tell(&self, noun: &str, out: &mut dyn Write) -> anyhow::Result<u8> {
        match self.version {
            Some(version) => {
                let noun = if self.taken == 1 { noun.to_owned() } else { format!("{noun}s") };
                writeln!(out, "{} {noun} imported, as version {version}", self.taken)?;
            }
            None => writeln!(out, "no {noun}s imported")?,
        }
        if self.left_out == 0 {
            return Ok(exit::FINE);
        }
        writeln!(
            io::stderr(),
            "tillgate: rows left out: {}; correct them and import the file again",
            self.left_out
        )?;
        Ok(exit::INPUT)
    }
}
