//! Who sends during the crash test. Each repeats what was not answered, as terminals in the field do, and remembers
//! what was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tillgate_tests::edi::{self, Envelope};
use tillgate_tests::http::{Answer, Connection};
use tillgate_tests::lane::Line;
use tillgate_tests::partner::Partner;
use tillgate_tests::sales;
use tillgate_tests::site::Site;
use tillgate_tests::stream::StreamTerminal;
use tillgate_tests::terminal::Terminal;
use tillgate_tests::token::Token;

use crate::Lines;

/// Before a sender tries again.
const RETRY_AFTER: Duration = Duration::from_millis(20);
/// Sales in one NDJSON body.
const BATCH: u64 = 50;
/// Sales under way on one stream.
const PIPELINE: u64 = 20;
/// Between two sales, bodies and pipelines of a terminal: some hundred sales a second in all, so that a thousand rounds
/// still fit into the memory of the witness.
const SALE_EVERY: Duration = Duration::from_millis(20);
const BATCH_EVERY: Duration = Duration::from_millis(400);
const PIPELINE_EVERY: Duration = Duration::from_millis(300);
/// Between two scans, and between two files: the rest of the load comes from the terminals.
const SCAN_EVERY: Duration = Duration::from_millis(30);
const SWIPE_EVERY: Duration = Duration::from_millis(200);
const FILE_EVERY: Duration = Duration::from_millis(100);
const INTERCHANGE_EVERY: Duration = Duration::from_millis(150);

/// Files in the partner's folder.
const FILES_WAITING_MAX: usize = 300;

/// `[limits] edi_file`.
pub(crate) const LARGEST_FILE: &str = "32 KiB";
/// Lines of an order of some 12 KiB, and of one of more than is allowed.
const LINES_OF_A_LARGE_FILE: usize = 300;
const LINES_TOO_MANY: usize = 1000;
/// Interchanges over HTTP have control numbers of their own.
const FIRST_POSTED: u32 = 500_000;
/// A test number of a card scheme: a file in which it stands stays only without it.
pub(crate) const CARD: &str = "4111111111111111";

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Keys of sales that were answered "accepted" or "duplicate".
    pub(crate) sales: BTreeSet<String>,
    /// GTIN-13s that were scanned; nobody acknowledges a scan.
    pub(crate) scans: BTreeSet<String>,
    /// Cards that were swiped.
    pub(crate) swipes: usize,
    /// Control numbers of interchanges that were moved in, each with the order `PO-{control}`, and the file's name.
    pub(crate) files: BTreeMap<u32, String>,
    /// Likewise, of files that are too large.
    pub(crate) too_large: BTreeMap<u32, String>,
    /// Control numbers of interchanges that were posted, and answered.
    pub(crate) posted: BTreeSet<u32>,
}

impl Sent {
    /// Adds what another sender has sent.
    pub(crate) fn extend(&mut self, other: Self) {
        self.sales.extend(other.sales);
        self.scans.extend(other.scans);
        self.swipes += other.swipes;
        self.files.extend(other.files);
        self.too_large.extend(other.too_large);
        self.posted.extend(other.posted);
    }

    /// In words.
    pub(crate) fn summary(&self) -> String {
        let Self { sales, scans, swipes, files, too_large, posted } = self;
        format!(
            "{} sales acknowledged, {} scans, {swipes} swipes, {} files, {} of them too large, {} interchanges posted",
            sales.len(),
            scans.len(),
            files.len() + too_large.len(),
            too_large.len(),
            posted.len()
        )
    }
}

/// Starts all senders.
pub(crate) fn start(
    site: &Site,
    lines: &Lines,
    (scanner, reader): (Line, Line),
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<Sent>> {
    let [one, two, three] = [0, 1, 2].map(|index| site.terminal_by(&lines.http.address(), index));
    let four = site.stream_terminal_by(&lines.stream.address(), 3);
    let (partner, token) = (site.partner(), site.partner_token().clone());
    let by_http = lines.http.address();
    vec![
        spawn(stop, move |stop| post_each(one, stop)),
        spawn(stop, move |stop| post_each(two, stop)),
        spawn(stop, move |stop| post_batches(three, stop)),
        spawn(stop, move |stop| stream(four, stop)),
        spawn(stop, move |stop| scan(scanner, stop)),
        spawn(stop, move |stop| swipe(reader, stop)),
        spawn(stop, move |stop| deliver(&partner, stop)),
        spawn(stop, move |stop| post_interchanges(&by_http, &token, stop)),
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
        thread::sleep(SALE_EVERY);
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
        thread::sleep(BATCH_EVERY);
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
        thread::sleep(PIPELINE_EVERY);
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

fn swipe(mut reader: Line, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    while !stop.load(Ordering::Relaxed) {
        reader.send(format!(";{CARD}=29121011234?\r"));
        sent.swipes += 1;
        thread::sleep(SWIPE_EVERY);
    }
    sent
}

/// Files of every kind: plain ones, large ones, ones with a card number, ones that are too large, and ones of a name
/// that was there before.
fn deliver(partner: &Partner, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    for control in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // A partner whose files nobody fetches sends no more: the daemon's lives are short.
        while partner.names("in").len() > FILES_WAITING_MAX && !stop.load(Ordering::Relaxed) {
            thread::sleep(FILE_EVERY);
        }
        let (kind, interchange) = interchange(control);
        let again = "again.edi".to_owned();
        let name = if control % 4 == 3 && !partner.names("in").contains(&again) {
            again
        } else {
            format!("{kind}-{control}.edi")
        };
        partner.deliver(&name, interchange.as_bytes());
        let files = if kind == "huge" { &mut sent.too_large } else { &mut sent.files };
        files.insert(control, name);
        thread::sleep(FILE_EVERY);
    }
    sent
}

fn interchange(control: u32) -> (&'static str, String) {
    let number = format!("PO-{control}");
    let with_lines = |lines| Envelope::numbered(control).wrap("PO", &[large_order(&number, lines)]);
    match control % 16 {
        5 | 13 => {
            let order = edi::order_interchange(control, &number);
            ("card", order.replace("GREEN TEA 500ML", &format!("CARD {CARD}")))
        }
        8 => ("large", with_lines(LINES_OF_A_LARGE_FILE)),
        10 => ("huge", with_lines(LINES_TOO_MANY)),
        _ => ("order", edi::order_interchange(control, &number)),
    }
}

fn large_order(number: &str, lines: usize) -> String {
    let mut segments = vec![format!("BEG*00*SA*{number}**20261121"), "REF*DP*038".to_owned()];
    segments.extend((1..=lines).map(|line| format!("PO1*{line}*10*EA*12.50**UP*012345678905")));
    segments.push(format!("CTT*{lines}"));
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    edi::transaction("850", 1, &segments)
}

fn post_interchanges(address: &str, token: &Token, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    let authorization = format!("Bearer {}", token.as_str());
    for control in FIRST_POSTED.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = edi::order_interchange(control, &format!("PO-{control}"));
        let headers = [("authorization", authorization.as_str())];
        let post =
            || Connection::open(address)?.request("POST", "/v1/edi", &headers, body.as_bytes());
        while !post().is_ok_and(|answer| is_acknowledged(&answer, control)) {
            thread::sleep(RETRY_AFTER);
        }
        sent.posted.insert(control);
        thread::sleep(INTERCHANGE_EVERY);
    }
    sent
}

fn is_acknowledged(answer: &Answer, control: u32) -> bool {
    if answer.status != 200 {
        let text = answer.text();
        assert!(matches!(answer.status, 429 | 503), "{}: {text}", answer.status);
        return false;
    }
    let acknowledged = edi::segment(&answer.text(), "AK1")[2].clone();
    assert_eq!(acknowledged, control.to_string(), "the 997 of another interchange");
    true
}
