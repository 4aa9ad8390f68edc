//! A small load from every source on a gateway that is watched: two lives of it, each from its start to an orderly
//! stop.
//!
//! In: how much. Out: what the gateway asked of the kernel, and what was sent to it. The load is large enough for the
//! log of the journal to be folded into the file and to start over while sales come in, and the second life prunes.

use std::fs;
use std::path::PathBuf;
use std::thread;

use crate::broker::Broker;
use crate::config;
use crate::deadline::until;
use crate::edi::{self, Envelope};
use crate::http::Connection;
use crate::lane::Line;
use crate::partner::Partner;
use crate::sales;
use crate::site::{READER, SCANNER, Site};
use crate::trace::{Call, Traced};

/// How much is sent in each life.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Sales posted one by one.
    pub single: u64,
    /// Sales posted many at a time.
    pub batched: u64,
    /// Sales over the TCP stream.
    pub streamed: u64,
    /// Scans, and half as many swipes.
    pub scans: u32,
    /// Interchanges into the folder, beside one that is too large, and half as many over HTTP.
    pub files: u32,
}

/// What was recorded.
#[derive(Debug)]
pub struct Recording {
    /// The calls of both lives, in order.
    pub calls: Vec<Call>,
    /// The folder below which everything happened that is looked at.
    pub root: PathBuf,
    /// The gateway's data folder.
    pub data_dir: PathBuf,
    /// The partner's folder.
    pub partner: PathBuf,
    /// Files that the partner put into its folder: name and content.
    pub delivered: Vec<(String, Vec<u8>)>,
    _site: Site,
}

/// A test number of a card scheme, as it must not stay in a file.
const CARD: &str = "4111111111111111";
const BATCH: u64 = 20;
/// `[limits] edi_file`, and the lines of an order that is larger.
const LARGEST_FILE: &str = "16 KiB";
const LINES_TOO_MANY: usize = 1000;

/// Records both lives.
///
/// # Panics
///
/// When something goes wrong that no power cut is to blame for.
#[must_use]
pub fn record(load: Load) -> Recording {
    let broker = Broker::plain();
    let mut site = Site::with(&broker);
    let scanner = site.attach(SCANNER, "serial-scanner");
    let reader = site.attach(READER, "serial-magstripe");
    let partner = site.folder().join("partner");
    // The partner's own folder is there before the gateway is: what is in it is the partner's.
    fs::create_dir_all(partner.join("in")).expect("the partner's folder");
    site.config.set_in("partner", "folder", config::path(&partner));
    site.config.set("limits", "edi_file", LARGEST_FILE);
    let mut life =
        Life { site, partner: Partner::new(&partner), scanner, reader, delivered: vec![] };
    let witness = crate::witness::Witness::of(&broker);
    let mut calls = life.live(load, 0);
    life.site.config.set("retention", "record_days", 0).set("retention", "capture_days", 0);
    let later = life.live(load, 1);
    let events = calls.last().map_or(0, |call| call.begin + 1) + calls.len();
    calls.extend(later.into_iter().map(|call| shifted(call, events)));
    drop(witness);
    let root = life.site.folder().to_owned();
    let data_dir = life.site.data_dir();
    Recording { calls, root, data_dir, partner, delivered: life.delivered, _site: life.site }
}

fn shifted(call: Call, by: usize) -> Call {
    Call { begin: call.begin + by, end: call.end.saturating_add(by), ..call }
}

struct Life {
    site: Site,
    partner: Partner,
    scanner: Line,
    reader: Line,
    delivered: Vec<(String, Vec<u8>)>,
}

impl Life {
    /// From a start to an orderly stop. The number of the life keeps its sales apart from those of another.
    fn live(&mut self, load: Load, number: u32) -> Vec<Call> {
        let trace = self.site.folder().join(format!("trace-{number}"));
        let gateway = Traced::start(&self.site, &trace);
        self.site.wait_for_device(SCANNER);
        self.site.wait_for_device(READER);
        let first = 1 + u64::from(number) * 100_000;
        let senders = [
            self.post_single(first, load.single),
            self.post_batches(first, load.batched),
            self.stream(first, load.streamed),
            self.post_interchanges(number * 1000 + 500, load.files / 2),
        ];
        self.deliver(number * 1000, load.files);
        for scan in 0..load.scans {
            self.scanner.send(format!("]E0{}\r", sales::gtin13(number * 1000 + scan)));
            if scan % 2 == 0 {
                self.reader.send(format!(";{CARD}=29121011234?\r"));
            }
        }
        for sender in senders {
            sender.join().expect("a sender without an error");
        }
        self.wait_until_settled();
        gateway.terminate()
    }

    fn post_single(&self, first: u64, count: u64) -> thread::JoinHandle<()> {
        let mut terminal = self.site.terminal(0);
        thread::spawn(move || {
            for number in first..first + count {
                assert_eq!(terminal.sell(&sales::sale(terminal.id, number)).status, 201);
                if number % 20 == 0 {
                    assert_eq!(terminal.sell(&sales::sale(terminal.id, number)).status, 200);
                }
            }
        })
    }

    fn post_batches(&self, first: u64, count: u64) -> thread::JoinHandle<()> {
        let mut terminal = self.site.terminal(1);
        thread::spawn(move || {
            for first in (first..first + count).step_by(20) {
                let batch = sales::sales(terminal.id, first..first + BATCH);
                assert_eq!(terminal.sell_all(&batch).status, 201);
            }
        })
    }

    fn stream(&self, first: u64, count: u64) -> thread::JoinHandle<()> {
        let mut terminal = self.site.stream_terminal(2);
        thread::spawn(move || {
            for first in (first..first + count).step_by(20) {
                let batch = sales::sales(terminal.id, first..first + BATCH);
                for result in terminal.sell_all(&batch) {
                    assert_eq!(result["status"], "accepted", "{result}");
                }
            }
        })
    }

    fn post_interchanges(&self, first: u32, count: u32) -> thread::JoinHandle<()> {
        let address = self.site.http_address();
        let token = format!("Bearer {}", self.site.partner_token().as_str());
        thread::spawn(move || {
            let mut connection = Connection::open(&address).expect("the gateway listens");
            for control in first..first + count {
                let body = edi::order_interchange(control, &format!("PO-{control}"));
                let headers = [("authorization", token.as_str())];
                let answer = connection.request("POST", "/v1/edi", &headers, body.as_bytes());
                assert_eq!(answer.expect("an answer").status, 200);
            }
        })
    }

    /// Every fourth file has a card number in it, so that only a copy without it may stay; the last one is too large.
    fn deliver(&mut self, first: u32, count: u32) {
        for control in first + 1..=first + count {
            let mut text = edi::order_interchange(control, &format!("PO-{control}"));
            if control % 4 == 0 {
                text = text.replace("GREEN TEA 500ML", &format!("CARD {CARD}"));
            }
            self.put(format!("order-{control}.edi"), text);
        }
        let lines: Vec<_> = (1..=LINES_TOO_MANY).map(|line| format!("PO1*{line}*1*EA*1")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let control = first + count + 1;
        let text = Envelope::numbered(control).wrap("PO", &[edi::transaction("850", 1, &lines)]);
        // One a life: the number says how many there are by then.
        self.put(format!("huge-{}.edi", 1 + first / 1000), text);
    }

    fn put(&mut self, name: String, text: String) {
        self.partner.deliver(&name, text.as_bytes());
        self.delivered.push((name, text.into_bytes()));
    }

    fn wait_until_settled(&self) {
        until(120, "the partner's files are done", || self.partner.names("in").is_empty());
        until(120, "the broker has everything", || {
            let outbox = &self.site.status()["outbox"];
            outbox["acknowledged"] == outbox["assigned"]
        });
    }
}
