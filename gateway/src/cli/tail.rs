//! What `tillgate tail` and the demo print: one record a line, as they arrive at the broker.

use std::io::{self, Write};
use std::ops::ControlFlow;

use clap::Args;
use serde_json::Value;
use tillgate_record::{Event, EventType};

use super::ConfigFile;
use super::style::harmless;

/// Prints records from the broker as they arrive.
///
/// Connects as the configuration says, or to the broker given with --broker, and changes nothing there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate tail --broker mqtt://localhost:1883
  tillgate tail --limit 10 --json | jq .data.totals")]
pub struct TailArgs {
    /// The configuration with broker, user and certificates.
    #[command(flatten)]
    pub config: ConfigFile,
    /// This broker, without user and certificates, instead of the configured one.
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// End after so many records.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print the whole events, one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Prints messages until it has printed enough.
pub struct Printer<'o> {
    out: &'o mut dyn Write,
    json: bool,
    left: Option<u64>,
}

impl<'o> Printer<'o> {
    /// A printer as the arguments ask for.
    pub fn new(args: &TailArgs, out: &'o mut dyn Write) -> Self {
        Self { out, json: args.json, left: args.limit }
    }

    /// Prints one message and flushes it, since people watch. `Break` when it was the last.
    ///
    /// # Errors
    ///
    /// The output is closed.
    pub fn print(&mut self, message: &[u8]) -> io::Result<ControlFlow<()>> {
        if self.json {
            // What comes over the network need not be one line: what is no JSON is shown as text.
            let line = serde_json::from_slice::<Value>(message)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(message)));
            writeln!(self.out, "{line}")?;
        } else {
            writeln!(self.out, "{}", line(message).replace(['\n', '\t'], " "))?;
        }
        self.out.flush()?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(if self.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

fn line(message: &[u8]) -> String {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(message) else {
        return harmless(&format!("no record: {}", String::from_utf8_lossy(message)));
    };
    let data = serde_json::from_str(event.data.get()).unwrap_or(Value::Null);
    let Event { sequence, time, subject, .. } = &event;
    let kind = event.r#type.as_str();
    harmless(&format!("{sequence:>8}  {time}  {kind}  {subject}  {}", summary(event.r#type, &data)))
}

/// What people look for in a record.
fn summary(kind: EventType, data: &Value) -> String {
    let what = match kind {
        EventType::Sale => joined(data, &["/totals/gross", "/currency"]),
        EventType::Reading => {
            joined(data, &["/kind", "/data", "/description", "/masked_pan", "/loyalty"])
        }
        EventType::Order | EventType::Invoice => {
            joined(data, &["/kind", "/number", "/total", "/currency"])
        }
    };
    let link = joined(data, &["/link/decision", "/link/customer_id"]);
    format!("{what}  {link}")
}

fn joined(data: &Value, pointers: &[&str]) -> String {
    let texts = pointers.iter().filter_map(|pointer| data.pointer(pointer)?.as_str());
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: TailArgs,
    }

    const SALE: &str = r#"{"specversion":"1.0","id":"6d1b0c9e-3f7a-5d52-9c04-7a1e8b602f11",
        "source":"/acme/1/gw","type":"tillgate.sale.v1","time":"2026-11-21T10:03:11Z",
        "subject":"acme/1/03/2026-11-21/7/sale","dataschema":"s","datacontenttype":"application/json",
        "sequence":"12","incarnation":1,"data":{"currency":"CNY","totals":{"gross":"24.00"},
        "link":{"decision":"linked","customer_id":"c-1\u001b[2J"}}}"#;

    fn printed(arguments: &[&str], messages: &[&str]) -> String {
        let cli = Cli::parse_from([&["tail"], arguments].concat());
        let mut out = Vec::new();
        let mut printer = Printer::new(&cli.args, &mut out);
        for message in messages {
            if printer.print(message.as_bytes()).unwrap().is_break() {
                break;
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn records_are_printed_until_the_limit() {
        assert_eq!(
            printed(&["--limit", "2"], &[SALE, "what\u{1b}\nelse", SALE]),
            "      12  2026-11-21T10:03:11Z  tillgate.sale.v1  acme/1/03/2026-11-21/7/sale  \
             24.00 CNY  linked c-1\u{fffd}[2J\nno record: what\u{fffd} else\n"
        );
    }

    #[test]
    fn json_is_one_line_a_message() {
        let lines = printed(&["--json"], &[SALE, "no json\n"]);
        let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["data"]["totals"]["gross"], "24.00");
        assert_eq!(lines[1], "no json\n");
    }
}
