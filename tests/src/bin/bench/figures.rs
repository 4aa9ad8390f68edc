//! Figures, and what they are worth: quantiles, the table, the machine.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use tillgate_tests::gateway;
use tillgate_tests::process::run;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 3]>);

impl Table {
    /// Adds a figure and how it was found.
    pub(crate) fn row(&mut self, what: &str, value: String, how: &str) {
        println!("   {what}: {value}");
        self.0.push([what.to_owned(), value, how.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| what | measured | how |\n|---|---|---|")?;
        for [what, value, how] in &self.0 {
            writeln!(f, "| {what} | {value} | {how} |")?;
        }
        Ok(())
    }
}

/// The smallest value at or above each share of all values. Zero when there are none.
pub(crate) fn quantiles<const N: usize>(
    values: &mut [Duration],
    shares: [f64; N],
) -> [Duration; N] {
    values.sort_unstable();
    shares.map(|share| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index below the number of values"
        )]
        let rank = (values.len() as f64 * share).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    })
}

/// `1.23 ms`
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// `123 a second`
pub(crate) fn rate(count: u64, time: Duration) -> String {
    format!("{:.0} a second", as_float(count) / time.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}

/// Where and with what this runs.
pub(crate) fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    format!(
        "command    tests/bench {}\ngateway    {}\nbroker     {}\nprocessor  {} × {}\nsystem     {}\n\
         broker and load generator share the processors with the gateway\n",
        arguments.join(" "),
        said(&gateway::program().to_string_lossy(), "--version"),
        said("mosquitto", "-h"),
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        said("uname", "-srm"),
    )
}

/// The first line of what a program says.
fn said(program: &str, argument: &str) -> String {
    let mut command = Command::new(program);
    command.arg(argument);
    run(command).stdout.lines().next().unwrap_or_default().to_owned()
}
