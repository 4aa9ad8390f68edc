//! The same trouble for a peer and for us: the centre is away, 20,000 inputs are acknowledged, the program in the store
//! is killed and started again, the centre comes back. What arrives?
//!
//! In: nothing. Out: rows of the table. The peer is mosquitto as a bridge, as Debian installs it; each of its settings
//! is one that its users choose. Never: a peer that is set up to lose.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::until;
use tillgate_tests::ports;
use tillgate_tests::process::{Process, command};
use tillgate_tests::sales;
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;
use tokio::sync::mpsc;

use super::figures::Table;
use super::limits;

const INPUTS: u64 = 20_000;
/// When nothing has arrived for so long, nothing more will.
const SILENCE: Duration = Duration::from_secs(5);

/// Ours and the peer's losses.
pub(crate) fn measure(table: &mut Table) {
    gateway(table);
    bridge("mosquitto bridge, defaults", "", table);
    bridge("mosquitto bridge, no queue limit", "max_queued_messages 0\n", table);
    let saving = "max_queued_messages 0\nautosave_on_changes true\nautosave_interval 100\n";
    bridge("mosquitto bridge, saves after each 100 changes", saving, table);
}

fn gateway(table: &mut Table) {
    let mut centre = Broker::plain();
    let witness = Witness::of(&centre);
    let mut site = Site::with(&centre);
    site.config.set("limits", "requests_per_second", 1_000_000).set("log", "level", "error");
    let mut gateway = site.start();
    centre.stop();
    for batch in 0..INPUTS / 1_000 {
        let sales = sales::sales("01", 1 + batch * 1_000..1 + (batch + 1) * 1_000);
        let answer = site.terminal(0).post("application/x-ndjson", sales::lines(&sales).as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    gateway.kill();
    gateway.resume();
    centre.resume();
    let arrived = settled(|| witness.event_count() as u64);
    row("tillgate", arrived, table);
}

fn bridge(name: &str, settings: &str, table: &mut Table) {
    let mut centre = Broker::plain();
    let witness = Witness::of(&centre);
    let mut edge = Edge::start(&centre, settings);
    until(20, "the bridge is connected", || centre.log().contains("tillgate-edge"));
    centre.stop();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (inputs, queue) = mpsc::channel(200);
        tokio::spawn(async move {
            for number in 0..INPUTS {
                if inputs.send(format!("{number:0>500}").into_bytes()).await.is_err() {
                    return;
                }
            }
        });
        limits::publish(edge.port, INPUTS, queue).await
    });
    edge.process.kill();
    edge.resume();
    centre.resume();
    let arrived = settled(|| {
        let mut payloads: Vec<_> =
            witness.messages_on("/records").into_iter().map(|message| message.payload).collect();
        payloads.sort_unstable();
        payloads.dedup();
        payloads.len() as u64
    });
    row(name, arrived, table);
}

fn row(name: &str, arrived: u64, table: &mut Table) {
    let how =
        format!("{INPUTS} acknowledged while the centre was away, SIGKILL, start, centre back");
    table.row(
        &format!("lost: {name}"),
        format!("{} of {INPUTS}", INPUTS.saturating_sub(arrived)),
        &how,
    );
}

/// The count once it stands still.
fn settled(count: impl Fn() -> u64) -> u64 {
    let mut last = count();
    loop {
        thread::sleep(SILENCE);
        let now = count();
        if now == last && now > 0 || now >= INPUTS {
            return now;
        }
        if now == last {
            // Nothing came at all: a bridge waits up to half a minute before it tries again.
            thread::sleep(6 * SILENCE);
            if count() == last {
                return last;
            }
        }
        last = now;
    }
}

/// A mosquitto in the store that hands everything on to the centre.
struct Edge {
    port: u16,
    folder: TempDir,
    process: Process,
}

impl Edge {
    fn start(centre: &Broker, settings: &str) -> Self {
        let folder = TempDir::with_prefix("tillgate-edge-").expect("a temporary folder");
        let port = ports::free();
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\npersistence true\n\
             persistence_location {}/\n{settings}connection centre\naddress 127.0.0.1:{}\n\
             remote_clientid tillgate-edge\nrestart_timeout 1\ncleansession false\nbridge_protocol_version mqttv311\ntopic tillgate/# out 1\n",
            folder.path().display(),
            centre.port()
        );
        fs::write(folder.path().join("mosquitto.conf"), text)
            .expect("the bridge's configuration is written");
        let process = Self::run(&folder, port);
        Self { port, folder, process }
    }

    fn run(folder: &TempDir, port: u16) -> Process {
        let mut mosquitto = command("/usr/sbin/mosquitto");
        mosquitto.arg("-c").arg(folder.path().join("mosquitto.conf"));
        let process = Process::start(mosquitto, &folder.path().join("log"));
        until(10, "the bridge listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        process
    }

    fn resume(&mut self) {
        self.process = Self::run(&self.folder, self.port);
    }
}
