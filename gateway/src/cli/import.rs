//! Importing a CSV file into the daemon: read whole and checked first, then sent in batches.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use super::ask::{ask, unexpected};
use super::csv_file::CsvFile;
use super::{ConfigFile, exit};
use crate::control::{BatchEnd, Request, Response};

/// Rows in one request to the daemon.
const BATCH: usize = 1000;

/// A kind of import.
pub(super) struct Import<const N: usize, T> {
    /// The columns that a file may have.
    pub(super) columns: [&'static str; N],
    /// Those that it must have.
    pub(super) required: &'static [&'static str],
    /// What the rows are called.
    pub(super) noun: &'static str,
    /// A row's fields, in the order of `columns`.
    pub(super) row: fn([Option<String>; N]) -> anyhow::Result<T>,
    /// The request that carries a batch.
    pub(super) request: fn(Vec<T>, BatchEnd) -> Request,
}

impl<const N: usize, T> Import<N, T> {
    /// Imports a file.
    pub(super) fn run(
        &self,
        config: &ConfigFile,
        path: &Path,
        out: &mut dyn Write,
    ) -> anyhow::Result<u8> {
        let total = match self.checked(path) {
            Ok(total) => total,
            Err(error) => {
                writeln!(std::io::stderr(), "tillgate: {error:#}")?;
                return Ok(exit::INPUT);
            }
        };
        let version = self.send(config, path, total)?;
        writeln!(out, "{total} {} imported, as version {version}", self.noun)?;
        Ok(exit::FINE)
    }

    /// Reads the whole file, so that a mistake in its last line does not leave half of it imported.
    fn checked(&self, path: &Path) -> anyhow::Result<usize> {
        let mut file = self.open(path)?;
        let mut total = 0;
        while let Some((place, fields)) = file.next_row()? {
            (self.row)(fields).context(place)?;
            total += 1;
        }
        if total == 0 {
            bail!("{} has no {}", path.display(), self.noun);
        }
        Ok(total)
    }

    fn send(&self, config: &ConfigFile, path: &Path, total: usize) -> anyhow::Result<u64> {
        let mut file = self.open(path)?;
        let mut sent = 0;
        loop {
            let rows = self.batch(&mut file)?;
            sent += rows.len();
            if rows.is_empty() {
                bail!("{} changed while it was imported: import it again", path.display());
            }
            let end = if sent >= total { BatchEnd::Last } else { BatchEnd::More };
            match ask(config, &(self.request)(rows, end))? {
                Response::Imported { version: Some(version) } if end == BatchEnd::Last => {
                    return Ok(version);
                }
                Response::Imported { .. } if end == BatchEnd::More => {}
                other => return Err(unexpected(&other)),
            }
        }
    }

    fn batch(&self, file: &mut CsvFile<N>) -> anyhow::Result<Vec<T>> {
        let mut rows = Vec::with_capacity(BATCH);
        while rows.len() < BATCH
            && let Some((_, fields)) = file.next_row()?
        {
            rows.push((self.row)(fields)?);
        }
        Ok(rows)
    }

    fn open(&self, path: &Path) -> anyhow::Result<CsvFile<N>> {
        CsvFile::open(path, self.columns, self.required)
    }
}
