//! `tillgate tail`: records from the broker as they arrive.

mod receipts;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;

use super::style::harmless;
use super::{ConfigFile, exit};
use crate::config::{BrokerUrl, Config, NoSubscriber};
use crate::control::{self, Request, Response};
use crate::forward::{self, Connection, Settings, TailEvent, TailSettings, Version};
use crate::telemetry::summary;

/// Prints records from the broker as they arrive: what the CRM gets, with people masked in the table.
///
/// With `--json` each record is printed whole, as it is on the broker. Waits for the broker where it does not answer.
/// Who tails receives: while the gateway holds its records because nobody else receives them, tail would be given
/// them in the CRM's place, and refuses.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate tail
  tillgate tail --broker mqtt://127.0.0.1:1883 --limit 10 --json
  tillgate tail --receipts --state /var/lib/crm/received.json --json >> records.ndjson

Exit codes: 0 --limit was reached or the output was closed, 1 it failed or records are held.")]
pub(super) struct TailArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// The broker, instead of the one in the configuration: mqtt://HOST:PORT or mqtts://HOST:PORT.
    #[arg(long, value_name = "URL")]
    broker: Option<BrokerUrl>,
    /// With --broker: the authority that signed its certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "broker")]
    ca_file: Option<PathBuf>,
    /// Listen even where the gateway holds records for the CRM: they count as delivered then.
    #[arg(long)]
    anyway: bool,
    /// End after so many records.
    #[arg(long)]
    limit: Option<u64>,
    /// Only this topic or filter.
    #[arg(long, default_value = forward::tail::ALL_RECORDS)]
    topic: String,
    /// Print the events as JSON, one a line.
    #[arg(long)]
    json: bool,
    /// Be the CRM's receiver: print each record once, and confirm it to its gateway.
    ///
    /// Takes the records of a session that the broker keeps while it is away, prints each new one, and only then
    /// confirms it on the gateway's receipts topic; asks for what is missing. A gateway with `confirm = "receipt"`
    /// keeps its records until then. One receiver of this kind a broker.
    #[arg(long, requires = "state")]
    receipts: bool,
    /// With --receipts: remembers in this file what was received. What the gateways gave out before is asked for.
    #[arg(long, value_name = "FILE", requires = "receipts")]
    state: Option<PathBuf>,
    /// With --receipts: the name of the session at the broker.
    #[arg(long, value_name = "ID", requires = "receipts", default_value = "tillgate-receiver")]
    client_id: String,
}

pub(super) fn run(args: &TailArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let settings = TailSettings {
        topic_filter: args.topic.clone(),
        ..TailSettings::all_records(connection(args)?)
    };
    if args.receipts {
        return receipts::run(args, settings, out);
    }
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut failed = None;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(forward::tail(settings, |event| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= u64::from(matches!(event, TailEvent::Message(_)));
        match print(&event, args.json, out) {
            Ok(()) if left > 0 => ControlFlow::Continue(()),
            ended => {
                failed = ended.err();
                ControlFlow::Break(())
            }
        }
    }));
    failed.map_or(Ok(exit::FINE), |error| Err(error.into()))
}

/// A client of its own: with the gateway's client id the broker would throw the gateway out.
fn connection(args: &TailArgs) -> anyhow::Result<Connection> {
    let client_id = if args.receipts {
        args.client_id.clone()
    } else {
        format!("tillgate-tail-{:08x}", rand::random::<u32>())
    };
    if let Some(url) = &args.broker {
        let connection = Connection::plain(url.clone(), Version::V5, &client_id);
        return Ok(Connection { ca_file: args.ca_file.clone(), ..connection });
    }
    let loaded = args.config.load()?;
    if !args.anyway && !args.receipts {
        anyhow::ensure!(!holds(&loaded.config), "{ONLY_RECEIVER}");
    }
    let settings = Settings::from_config(&loaded.config)?;
    Ok(Connection { client_id, ..settings.connection })
}

/// Whether the running daemon keeps its records because nobody receives them.
fn holds(config: &Config) -> bool {
    if config.mqtt.no_subscriber == NoSubscriber::Deliver {
        return false;
    }
    // Where no daemon answers, none delivers either.
    let Ok(Response::Status(status)) = control::call(&config.gateway.data_dir, &Request::Status)
    else {
        return false;
    };
    status.broker.problem.is_some_and(|problem| problem.starts_with(forward::NO_RECEIVER))
}

const ONLY_RECEIVER: &str = "nobody receives the records at the broker yet: tail would be the only receiver, and the waiting records would count as delivered; start the CRM's subscriber first, or use --anyway";

fn print(event: &TailEvent<'_>, json: bool, out: &mut dyn Write) -> io::Result<()> {
    match event {
        TailEvent::Subscribed => writeln!(io::stderr(), "waiting for records"),
        TailEvent::Lost { problem, retry_in } => {
            writeln!(
                io::stderr(),
                "{}; next attempt in {} s",
                harmless(problem),
                retry_in.as_secs_f64().ceil()
            )
        }
        TailEvent::Message(payload) => {
            print_record(payload, json, out)?;
            out.flush()
        }
    }
}

fn print_record(payload: &[u8], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if !json {
        return writeln!(out, "{}", harmless(&summary::line(payload)));
    }
    out.write_all(payload)?;
    out.write_all(b"\n")
}
