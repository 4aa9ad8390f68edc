//! What many files come to: verdicts, the most frequent findings, time.
//!
//! In: one checked file after the other. Out: a few lines. Never: more than one entry a rule.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::progress::{rate, size};
use super::report::{Checked, Verdict, counted};

/// Findings that are listed.
const LISTED_MOST: usize = 10;

/// A count of files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    verdicts: [u64; 4],
    unreadable: u64,
    /// By code: findings, and files that have one.
    codes: BTreeMap<&'static str, (u64, u64)>,
    /// Findings that were counted and not kept.
    unlisted: u64,
}

impl Tally {
    pub(super) fn add(&mut self, checked: &Checked) {
        self.verdicts[checked.verdict() as usize] += 1;
        self.unlisted += checked.dropped();
        let mut of_file = BTreeMap::<_, u64>::new();
        for finding in &checked.findings {
            *of_file.entry(finding.finding.code).or_default() += 1;
        }
        for (code, count) in of_file {
            let (findings, files) = self.codes.entry(code).or_default();
            *findings += count;
            *files += 1;
        }
    }

    pub(super) fn add_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Writes the summary.
    pub(super) fn write(&self, out: &mut impl Write, bytes: u64, time: Duration) -> io::Result<()> {
        let of = |verdict: Verdict| self.verdicts[verdict as usize];
        let files = self.verdicts.iter().sum::<u64>() + self.unreadable;
        write!(
            out,
            "{}: {} valid, {} with warnings, {} invalid, {} not EDI",
            counted(files, "file"),
            of(Verdict::Valid),
            of(Verdict::Warnings),
            of(Verdict::Invalid),
            of(Verdict::NotEdi),
        )?;
        if self.unreadable > 0 {
            write!(out, ", {} could not be read", self.unreadable)?;
        }
        writeln!(out)?;
        self.write_codes(out)?;
        writeln!(out, "{} in {:.2} s: {}", size(bytes), time.as_secs_f64(), rate(bytes, time))
    }

    fn write_codes(&self, out: &mut impl Write) -> io::Result<()> {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by_key(|(_, (findings, _))| Reverse(*findings));
        if !codes.is_empty() {
            writeln!(out, "most frequent findings:")?;
        }
        for (code, (findings, files)) in codes.iter().take(LISTED_MOST) {
            writeln!(out, "{findings:>9}  {code}, in {}", counted(*files, "file"))?;
        }
        if codes.len() > LISTED_MOST {
            let rest: u64 = codes.iter().skip(LISTED_MOST).map(|(_, (findings, _))| findings).sum();
            writeln!(out, "{rest:>9}  of {} other kinds", codes.len() - LISTED_MOST)?;
        }
        if self.unlisted > 0 {
            writeln!(out, "{:>9}  beyond the first of each file, which are listed", self.unlisted)?;
        }
        Ok(())
    }
}
