//! From the last byte of a scan on the serial line to the CRM's side of the broker, and between the scans what the disk
//! and the broker take of it: one sync and one round trip.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tillgate_tests::broker::Broker;
use tillgate_tests::lane::Line;
use tillgate_tests::process::{Process, command};
use tillgate_tests::sales;
use tillgate_tests::site::{SCANNER, Site};

use super::figures::{Table, milliseconds, quantiles};
use super::limits::Step;

/// Twice this between two scans: ten a second, and not in step with any timer.
const HALF: Duration = Duration::from_millis(49);
/// Of the event of a scan, about.
const EVENT_BYTES: usize = 700;
const WAIT: Duration = Duration::from_secs(10);

/// Sends scans one by one on an otherwise idle gateway.
pub(crate) fn measure(
    site: &Site,
    broker: &Broker,
    mut scanner: Line,
    scans: u32,
    table: &mut Table,
) {
    site.wait_for_device(SCANNER);
    let (arrivals, _subscriber) = arrivals(broker);
    let mut step = Step::with(broker);
    let mut least: Vec<[Duration; 2]> = Vec::new();
    let mut sent = HashMap::new();
    // The subscriber may need a moment; the first scans are its warm-up.
    const WARM_UP: u32 = 10;
    for number in 0..scans + WARM_UP {
        thread::sleep(HALF);
        let gtin = sales::gtin13(number);
        sent.insert(gtin.clone(), (number, Instant::now()));
        scanner.send(format!("{gtin}\r"));
        thread::sleep(HALF);
        least.push(step.take(vec![b'.'; EVENT_BYTES]));
    }
    least.drain(..WARM_UP as usize);
    let mut times = Vec::new();
    while let Ok((gtin, at)) = arrivals.recv_timeout(WAIT) {
        match sent.remove(&gtin) {
            Some((number, began)) if number >= WARM_UP => times.push(at - began),
            _ => {}
        }
        if sent.values().all(|(number, _)| *number < WARM_UP) {
            break;
        }
    }
    let [median, high, worst] = quantiles(&mut times, [0.5, 0.99, 1.0]);
    let value = [median, high, worst].map(milliseconds).join(" / ");
    let how = format!(
        "p50 / p99 / worst of {} scans, 10 a second, serial line to a subscriber, gateway idle otherwise",
        times.len()
    );
    table.row("scan", value, &how);
    against_the_least(&least, high, table);
}

/// The bar: 99 of 100 scans within twice one sync and one round trip.
fn against_the_least(least: &[[Duration; 2]], scan: Duration, table: &mut Table) {
    let [sync, trip]: [Vec<_>; 2] =
        [0, 1].map(|part| least.iter().map(|step: &[Duration; 2]| step[part]).collect());
    let both = least.iter().map(|step| step[0] + step[1]).collect();
    let mut highs = Vec::new();
    for (what, mut times, how) in [
        ("limit: one sync", sync, "one row committed, between the scans"),
        ("limit: one round trip", trip, "then one publish to its PUBACK"),
        ("limit: both", both, "the two in a row"),
    ] {
        let [median, high, worst] = quantiles(&mut times, [0.5, 0.99, 1.0]);
        let value = [median, high, worst].map(milliseconds).join(" / ");
        table.row(what, value, &format!("p50 / p99 / worst, {how}"));
        highs.push(high);
    }
    let bar = 2 * highs[2];
    let verdict = if scan <= bar { "within" } else { "beyond" };
    table.row(
        "scan against its limit",
        format!("{verdict}: {} of {}", milliseconds(scan), milliseconds(bar)),
        "p99 of the scans, of twice the p99 of a sync and a round trip",
    );
}

/// The GTIN of each reading that arrives, and when.
fn arrivals(broker: &Broker) -> (mpsc::Receiver<(String, Instant)>, Process) {
    let mut subscriber = command("mosquitto_sub");
    subscriber
        .args(["-V", "5", "-q", "1", "-t", "tillgate/+/+/+/+/records", "-h", "127.0.0.1", "-p"])
        .arg(broker.port().to_string())
        .stdout(Stdio::piped());
    let mut process = Process::start(subscriber, std::path::Path::new("/dev/null"));
    let lines = BufReader::new(process.stdout().expect("a piped output")).lines();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let at = Instant::now();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let Some(gtin) = event["data"]["gtin"].as_str() else { continue };
            if send.send((gtin[1..].to_owned(), at)).is_err() {
                return;
            }
        }
    });
    (receive, process)
}
