//! What the demo prints: a banner, then each record as it comes back from the broker.

use std::io::{self, Write};
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::Value;
use tillgate_record::Event;

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

    /// What runs, where to look.
    pub(super) fn banner(&self, page: SocketAddr, broker: SocketAddr) -> io::Result<()> {
        let text = format!(
            "tillgate {} demo: a broker, two lanes, a till and an EDI partner, all on this machine.\n\
             Status page  http://{page}/\n\
             Broker       mqtt://{broker}   (tillgate tail --broker mqtt://{broker})\n\
             Records as they come back from the broker; Ctrl-C ends the demo.\n",
            env!("CARGO_PKG_VERSION")
        );
        if self.json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") }
    }

    /// One event of the broker.
    pub(super) fn row(&mut self, payload: &[u8], now: Timestamp) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            out.write_all(payload)?;
            return out.write_all(b"\n");
        }
        if self.rows.is_multiple_of(40) {
            writeln!(out, "{:>8}  {:>5}  {:<8} {:<9} {:<22} what", "after", "seq", "record", "from", "customer")?;
        }
        self.rows += 1;
        let after = now.duration_since(self.started).as_secs_f64();
        match serde_json::from_slice::<Event<'_>>(payload) {
            Ok(event) => {
                let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
                writeln!(out, "{after:>7.2}s  {}", describe(&event, &data))
            }
            Err(error) => writeln!(out, "{after:>7.2}s  not an event of tillgate: {error}"),
        }
    }
}

fn describe(event: &Event<'_>, data: &Value) -> String {
    let kind = data["kind"].as_str().unwrap_or("?");
    let from = data["lane"].as_str().map_or_else(|| text(&data["provenance"]["source"]), |lane| format!("lane {lane}"));
    format!("{:>5}  {kind:<8} {from:<9} {} {}", event.sequence, padded(&customer(data), 22), content(data))
}

/// Who it was, as far as a screen may show it, and how that is known.
fn customer(data: &Value) -> String {
    let link = &data["link"];
    match (link["decision"].as_str(), link["customer_id"].as_str()) {
        (Some("linked"), Some(id)) => format!("{id} by {}", text(&link["method"])),
        (Some(decision), _) => decision.to_owned(),
        (None, _) => String::new(),
    }
}

fn content(data: &Value) -> String {
    match data["kind"].as_str() {
        Some("barcode") => match data["description"].as_str() {
            Some(description) => format!("{}  {description}", text(&data["data"])),
            None => text(&data["data"]),
        },
        Some("card") => match data["masked_pan"].as_str() {
            Some(masked) => format!("{} {masked}", text(&data["scheme"])),
            None => "loyalty card".to_owned(),
        },
        Some("order" | "invoice" | "credit_note") => {
            format!("{} of {}, {} lines", text(&data["number"]), text(&data["sender"]["id"]), count(&data["lines"]))
        }
        _ => format!("{} {}, {} lines", text(&data["totals"]["gross"]), text(&data["currency"]), count(&data["lines"])),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}
