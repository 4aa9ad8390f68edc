//! Who sends during the crash test. Each repeats what was not answered, as terminals in the field do, and remembers
//! what was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tillgate_tests::edi;
use tillgate_tests::lane::Line;
use tillgate_tests::partner::Partner;
use tillgate_tests::sales;
use tillgate_tests::site::Site;
use tillgate_tests::stream::StreamTerminal;
use tillgate_tests::terminal::Terminal;

/// Before a sender tries again.
const RETRY_AFTER: Duration = Duration::from_millis(20);
/// Sales in one NDJSON body.
const BATCH: u64 = 50;
/// Sales under way on one stream.
const PIPELINE: u64 = 20;
/// Between two scans, and between two files: the rest of the load comes from the terminals.
const SCAN_EVERY: Duration = Duration::from_millis(30);
const FILE_EVERY: Duration = Duration::from_millis(100);

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Keys of sales that were answered "accepted" or "duplicate".
    pub(crate) sales: BTreeSet<String>,
    /// GTIN-13s that were scanned; nobody acknowledges a scan.
    pub(crate) scans: BTreeSet<String>,
    /// Control numbers of interchanges that were moved in, each with the order `PO-{control}`.
    pub(crate) orders: BTreeSet<u32>,
}

impl Sent {
    /// Adds what another sender has sent.
    pub(crate) fn extend(&mut self, other: Self) {
        self.sales.extend(other.sales);
        self.scans.extend(other.scans);
        self.orders.extend(other.orders);
    }

    /// In words.
    pub(crate) fn summary(&self) -> String {
        let Self { sales, scans, orders } = self;
        format!(
            "{} sales acknowledged, {} scans, {} orders sent",
            sales.len(),
            scans.len(),
            orders.len()
        )
    }
}

/// Starts all senders.
pub(crate) fn start(site: &Site, scanner: Line, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Sent>> {
    let (one, two, three) = (site.terminal(0), site.terminal(1), site.terminal(2));
    let (four, partner) = (site.stream_terminal(3), site.partner());
    vec![
        spawn(stop, move |stop| post_each(one, stop)),
        spawn(stop, move |stop| post_each(two, stop)),
        spawn(stop, move |stop| post_batches(three, stop)),
        spawn(stop, move |stop| stream(four, stop)),
        spawn(stop, move |stop| scan(scanner, stop)),
        spawn(stop, move |stop| deliver(&partner, stop)),
    ]
}

fn spawn(
    stop: &Arc<AtomicBool>,
    sender: impl FnOnce(&AtomicBool) -> Sent + Send + 'static,
) -> JoinHandle<Sent> {
    let stop = Arc::clone(stop);
    thread::spawn(move || sender(&stop))
}

/// One sale a request. Every tenth sale is posted once more although it was answered: a terminal whose own disk failed.
fn post_each(mut terminal: Terminal, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let sale = sales::sale(terminal.id, number);
        post_until_answered(&mut terminal, "application/json", &sale.to_string());
        sent.sales.insert(sales::key(&sale));
        if number.is_multiple_of(10) {
            let status = post_until_answered(&mut terminal, "application/json", &sale.to_string());
            assert_eq!(status, 200, "a sale that was answered must be known: {sale}");
        }
    }
    sent
}

fn post_batches(mut terminal: Terminal, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for first in (0..).map(|batch| 1 + batch * BATCH) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let batch = sales::sales(terminal.id, first..first + BATCH);
        post_until_answered(&mut terminal, "application/x-ndjson", &sales::lines(&batch));
        sent.sales.extend(batch.iter().map(sales::key));
        thread::sleep(RETRY_AFTER);
    }
    sent
}

/// Posts until a 200 or 201 comes back.
fn post_until_answered(terminal: &mut Terminal, content_type: &str, body: &str) -> u16 {
    loop {
        match terminal.try_post(content_type, body.as_bytes()) {
            Ok(answer) if matches!(answer.status, 200 | 201) => {
                assert!(!answer.text().contains("\"quarantined\""), "{}", answer.text());
                return answer.status;
            }
            // The daemon may be refusing while it starts or stops: anything else is a wrong answer to a good sale.
            Ok(answer) => {
                assert!(matches!(answer.status, 429 | 503), "{}: {}", answer.status, answer.text());
            }
            Err(_) => {}
        }
        thread::sleep(RETRY_AFTER);
    }
}

/// Many sales under way at once. After a cut all that were not answered are sent again.
fn stream(mut terminal: StreamTerminal, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for first in (0..).map(|batch| 1 + batch * PIPELINE) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut waiting = sales::sales(terminal.id, first..first + PIPELINE);
        sent.sales.extend(waiting.iter().map(sales::key));
        while !waiting.is_empty() {
            let answered = send_and_count(&mut terminal, &waiting);
            waiting.drain(..answered);
            if !waiting.is_empty() {
                thread::sleep(RETRY_AFTER);
            }
        }
    }
    sent
}

/// How many were answered before the connection ended or the gateway refused.
fn send_and_count(terminal: &mut StreamTerminal, sales: &[Value]) -> usize {
    if terminal.try_send(&sales::lines(sales)).is_err() {
        return 0;
    }
    let taken = |result: &Value| result["status"] == "accepted" || result["status"] == "duplicate";
    let mut answered = 0;
    while answered < sales.len() {
        match terminal.try_result() {
            Ok(Some(result)) if taken(&result) => answered += 1,
            Ok(Some(result)) => {
                assert_eq!(result["status"], "refused", "a wrong answer to a good sale: {result}");
                // The rest of the pipeline is refused, too, and sent again on a new connection.
                terminal.hang_up();
                break;
            }
            Ok(None) | Err(_) => break,
        }
    }
    answered
}

/// Each scan is another article, so that a reading that counts twice shows.
fn scan(mut scanner: Line, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let gtin = sales::gtin13(number);
        scanner.send(format!("]E0{gtin}\r"));
        sent.scans.insert(gtin);
        thread::sleep(SCAN_EVERY);
    }
    sent
}

fn deliver(partner: &Partner, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for control in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let interchange = edi::order_interchange(control, &format!("PO-{control}"));
        partner.deliver(&format!("order-{control}.edi"), interchange.as_bytes());
        sent.orders.insert(control);
        thread::sleep(FILE_EVERY);
    }
    sent
}
