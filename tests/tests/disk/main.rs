//! Disks that are full, slow or broken, and clocks that are wrong, under the real daemon: each sender hears what the
//! contract names, what was accepted arrives once and in order, and when the trouble ends the gateway goes on alone.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests share fails as loudly as they do"
)]

mod broken;
mod clock;
mod full;
mod slow;

use std::collections::BTreeSet;

use serde_json::Value;
use tillgate_tests::deadline::until;
use tillgate_tests::http::{Answer, Connection};
use tillgate_tests::sales;
use tillgate_tests::site::Site;
use tillgate_tests::terminal::Terminal;
use tillgate_tests::witness::{Witness, text};

/// Longest wait for one thing.
const WAIT_SECONDS: u64 = 60;

/// A till that keeps what it was not told "accepted" for, and knows what it was.
struct Till {
    terminal: Terminal,
    next: u64,
    accepted: BTreeSet<String>,
}

impl Till {
    fn new(site: &Site, index: usize) -> Self {
        Self { terminal: site.terminal(index), next: 1, accepted: BTreeSet::new() }
    }

    /// Posts the next sales as one body; the same again next time when they are refused.
    fn sell(&mut self, count: u64) -> Answer {
        let sales = sales::sales(self.terminal.id, self.next..self.next + count);
        let (content_type, body) = match sales.as_slice() {
            [one] => ("application/json", one.to_string()),
            many => ("application/x-ndjson", sales::lines(many)),
        };
        let mut post = || self.terminal.try_post(content_type, body.as_bytes());
        // The gateway may have been restarted: then the first attempt finds the end of the old connection.
        let answer = post().or_else(|_| post()).unwrap();
        if matches!(answer.status, 200 | 201) {
            self.next += count;
            self.accepted.extend(sales.iter().map(sales::key));
        }
        answer
    }
}

/// Posts an interchange as the partner.
fn post_edi(site: &Site, interchange: &str) -> Answer {
    let authorization = format!("Bearer {}", site.partner_token().as_str());
    let headers =
        [("authorization", authorization.as_str()), ("content-type", "application/EDI-X12")];
    let mut connection = Connection::open(&site.http_address()).unwrap();
    connection.request("POST", "/v1/edi", &headers, interchange.as_bytes()).unwrap()
}

/// The code of a refusal, which must say when to come again.
#[track_caller]
fn refusal(answer: &Answer) -> String {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{}: {}", answer.status, answer.text());
    text(&answer.json()["error"]["code"]).to_owned()
}

/// Reasons why the gateway is not ready.
fn reasons(site: &Site) -> Vec<String> {
    let answer = site.get("/readyz", &[]);
    let reasons = answer.json()["reasons"].as_array().cloned().unwrap_or_default();
    reasons.iter().map(|reason| text(&reason["code"]).to_owned()).collect()
}

/// A metric without labels; 0 while it is not there yet.
fn metric(site: &Site, name: &str) -> f64 {
    let page = site.look("/metrics").text();
    let line = page.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or_default()
}

/// Everything that was accepted is at the broker once, in order, and the journal is whole. Gives the sales' events.
fn assert_arrived(site: &Site, witness: &Witness, accepted: &BTreeSet<String>) -> Vec<Value> {
    until(WAIT_SECONDS, "the broker has everything", || {
        let outbox = &site.status()["outbox"];
        // The status is of the last second: what was accepted may be more.
        let records = outbox["assigned"].as_u64().unwrap().max(accepted.len() as u64);
        outbox["acknowledged"] == records && witness.event_count() as u64 >= records
    });
    let events = witness.whole_events();
    let sales: Vec<_> =
        events.into_iter().filter(|event| event["type"] == "tillgate.sale.v1").collect();
    let subjects: Vec<_> = sales.iter().map(|sale| text(&sale["subject"]).to_owned()).collect();
    let arrived: BTreeSet<_> = subjects.iter().cloned().collect();
    assert_eq!(arrived.len(), subjects.len(), "a sale counts twice");
    let lost: Vec<_> = accepted.difference(&arrived).collect();
    assert!(lost.is_empty(), "{} accepted sales are lost, such as {:?}", lost.len(), lost.first());
    let verify = site.run(&["verify"]);
    assert_eq!(verify.code, 0, "{}{}", verify.stdout, verify.stderr);
    sales
}
