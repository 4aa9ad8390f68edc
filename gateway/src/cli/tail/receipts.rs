//! `tillgate tail --receipts`: the receiver of the CRM in small. What it printed it notes in its state file, and
//! only then it is confirmed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::FileType;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::super::exit;
use super::super::style::harmless;
use super::{TailArgs, print_record};
use crate::forward::ledger::Odd;
use crate::forward::{Consumer, Ledger, TailSettings, consume};

pub(super) fn run(
    args: &TailArgs,
    settings: TailSettings,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let settings = TailSettings { clean: false, ..settings };
    let state = args.state.as_deref().context("--receipts needs --state")?;
    let ledger = read_state(state)?;
    let left = args.limit.unwrap_or(u64::MAX);
    let mut printer = Printer { left, json: args.json, state, out };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut ends = [SignalKind::interrupt(), SignalKind::terminate()].map(signal).into_iter();
        let (Some(interrupt), Some(terminate)) = (ends.next(), ends.next()) else { return Ok(()) };
        let (mut interrupt, mut terminate) = (interrupt?, terminate?);
        let consuming = consume(settings, ledger, &mut printer, stop.clone());
        tokio::pin!(consuming);
        tokio::select! {
            done = &mut consuming => return done,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // What is printed is confirmed before the end.
        stop.cancel();
        consuming.await
    })?;
    Ok(exit::FINE)
}

fn read_state(file: &Path) -> anyhow::Result<Ledger> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ledger::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is not what this command wrote: correct it, or remove it: all that the gateways still keep is asked for and printed once more",
            file.display()
        )
    })
}

/// Whole or not at all: written beside, synced, and put into its place.
fn write_state(file: &Path, ledger: &Ledger) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let beside = Path::new(&name);
    let mut written = File::create(beside)?;
    written.write_all(&serde_json::to_vec(ledger)?)?;
    written.sync_all()?;
    fs::rename(beside, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Where the output is a file, what stands in it has to outlive a power cut before the gateway hears of it.
fn sync_output() -> io::Result<()> {
    let output = io::stdout();
    let mode = rustix::fs::fstat(&output)?.st_mode;
    if FileType::from_raw_mode(mode) == FileType::RegularFile {
        rustix::fs::fsync(&output)?;
    }
    Ok(())
}

struct Printer<'a> {
    left: u64,
    json: bool,
    state: &'a Path,
    out: &'a mut dyn Write,
}

impl Consumer for Printer<'_> {
    type Error = io::Error;

    fn record(&mut self, payload: &[u8]) -> io::Result<bool> {
        print_record(payload, self.json, self.out)?;
        self.left = self.left.saturating_sub(1);
        Ok(self.left > 0)
    }

    fn keep(&mut self, ledger: &Ledger) -> io::Result<()> {
        self.out.flush()?;
        sync_output()?;
        write_state(self.state, ledger)
    }

    fn odd(&mut self, odd: &Odd) {
        let mut words = odd.to_string();
        if let Some(cause) = std::error::Error::source(odd) {
            words = format!("{words}: {cause}");
        }
        say(&harmless(&words));
    }

    fn lost_records(&mut self, records: u64) {
        say(&format!("{records} records are lost: their gateway no longer has them"));
    }

    fn connected(&mut self) {
        say("waiting for records");
    }

    fn lost(&mut self, problem: &str, retry_in: Duration) {
        let seconds = retry_in.as_secs_f64().ceil();
        say(&format!("{}; next attempt in {seconds} s", harmless(problem)));
    }
}

/// Words for people. Where nobody reads them, there is nobody to tell.
fn say(words: &str) {
    let _told = writeln!(io::stderr(), "{words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_kept_and_a_strange_one_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        write_state(&file, &read_state(&file).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
        read_state(&file).unwrap();
        fs::write(&file, "something else").unwrap();
        let error = read_state(&file).unwrap_err().to_string();
        assert!(error.contains("state.json is not what this command wrote"), "{error}");
    }
}
