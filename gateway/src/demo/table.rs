//! What the demo prints: a banner, then each record as it comes back from the broker.

use std::io::{self, Write};
use std::net::SocketAddr;

use jiff::Timestamp;

use crate::telemetry::summary;

/// Rows between two headers: a screen.
const HEADER_EVERY: u64 = 40;

/// The demo's output. Data goes to stdout; the banner goes to stderr where the data is JSON for machines.
pub(super) struct Table {
    json: bool,
    started: Timestamp,
    rows: u64,
}

impl Table {
    pub(super) fn new(json: bool, started: Timestamp) -> Self {
        Self { json, started, rows: 0 }
    }

    /// One event of the broker.
    pub(super) fn row(&mut self, payload: &[u8], now: Timestamp) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            out.write_all(payload)?;
            return out.write_all(b"\n");
        }
        if self.rows.is_multiple_of(HEADER_EVERY) {
            writeln!(out, "{:>9}  {}", "after", summary::header())?;
        }
        self.rows += 1;
        let after = now.duration_since(self.started).as_secs_f64();
        writeln!(out, "{after:>8.2}s  {}", summary::line(payload))
    }
}

/// What runs, where to look.
pub(super) fn banner(json: bool, page: SocketAddr, broker: SocketAddr) -> io::Result<()> {
    let text = format!(
        "tillgate {} demo: a broker, two lanes, a till and an EDI partner, all on this machine.\n\
         Status page  http://{page}/\n\
         Broker       mqtt://{broker}   (tillgate tail --broker mqtt://{broker})\n\
         Records as they come back from the broker; Ctrl-C ends the demo.\n",
        env!("CARGO_PKG_VERSION")
    );
    note(json, &text)
}

/// Words beside the records: on stderr where the records are JSON for machines.
pub(super) fn note(json: bool, text: &str) -> io::Result<()> {
    if json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") }
}
