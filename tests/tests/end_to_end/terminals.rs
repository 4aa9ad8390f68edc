//! Terminals over HTTP: every answer of the contract.

use serde_json::{Value, json};
use tillgate::clock::{Clock, SystemClock};
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::within;
use tillgate_tests::http::{Answer, Connection};
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::Site;
use tillgate_tests::witness::{Witness, text};

use crate::{TEST_SECONDS, WAIT_SECONDS};

fn statuses(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let results = answer["results"].as_array().expect("results");
    results.iter().map(|result| text(&result["status"]).to_owned()).collect()
}

#[test]
fn a_sale_arrives_as_an_event() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();

        let sold = sale("03", 18231);
        let answer = site.terminal(2).sell(&sold);
        assert_eq!(answer.status, 201, "{}", answer.text());

        let event = witness.wait_for_events(1, WAIT_SECONDS).remove(0);
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "tillgate.sale.v1");
        assert_eq!(event["source"], "/acme/0042/gw-1");
        assert_eq!(event["subject"], sales::key(&sold));
        assert_eq!(
            event["id"],
            answer.json()["results"][0]["id"],
            "the terminal hears the event's id"
        );
        assert_eq!(event["sequence"], "1");
        let made = SystemClock.now().as_second().unsigned_abs();
        let incarnation = event["incarnation"].as_u64().unwrap();
        assert!(
            (made - 120..=made).contains(&incarnation),
            "when the journal was made: {incarnation}"
        );
        assert_eq!(event["time"], sold["ended_at"]);
        for field in ["store", "terminal", "sequence", "business_date", "currency", "totals"] {
            assert_eq!(event["data"][field], sold[field], "{field}");
        }
        assert_eq!(event["data"]["provenance"]["source"], "03");
        assert_eq!(event["data"]["provenance"]["channel"], "terminal-http");
        assert_eq!(event["data"]["quality"], json!([]), "a sample without a flaw");
        let message = &witness.messages_on("/records")[0];
        assert_eq!(message.topic, "tillgate/v1/acme/0042/gw-1/records");
    });
}

#[test]
fn the_same_again_is_known_and_other_content_is_a_conflict() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.terminal(0);
        let sold = sale("01", 1);

        let first = terminal.sell(&sold);
        assert_eq!((first.status, statuses(&first)), (201, vec!["accepted".to_owned()]));
        let again = terminal.sell(&sold);
        assert_eq!((again.status, statuses(&again)), (200, vec!["duplicate".to_owned()]));
        assert_eq!(again.json()["results"][0]["id"], first.json()["results"][0]["id"]);

        let mut other = sold.clone();
        other["operator"] = json!("8");
        let conflict = terminal.sell(&other);
        assert_eq!((conflict.status, statuses(&conflict)), (409, vec!["quarantined".to_owned()]));

        let next = terminal.sell(&sale("01", 2));
        assert_eq!(next.status, 201);
        let events = witness.wait_for_events(2, WAIT_SECONDS);
        assert_eq!(events[1]["subject"], sales::key(&sale("01", 2)), "the conflict took no number");
        let notice = witness.wait_for_message("/findings", WAIT_SECONDS, |_| true);
        assert!(notice.to_string().contains("conflict"), "{notice}");
    });
}

#[test]
fn a_batch_is_answered_in_its_order() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.terminal(0);
        assert_eq!(terminal.sell(&sale("01", 3)).status, 201);

        let mut batch: Vec<Value> = sales::sales("01", 1..301);
        batch[99] = json!({ "store": "0042" });
        batch[199]["totals"]["gross"] = json!(24.5);
        let answer = terminal.sell_all(&batch);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let results = statuses(&answer);
        assert_eq!(results.len(), 300);
        for (index, result) in results.iter().enumerate() {
            let expected = match index {
                2 => "duplicate",
                99 | 199 => "quarantined",
                _ => "accepted",
            };
            assert_eq!(result, expected, "line {}", index + 1);
        }
        let findings = &answer.json()["results"][199]["findings"][0];
        assert_eq!(findings["path"], "/totals/gross", "{findings}");

        let events = witness.wait_for_events(298, WAIT_SECONDS);
        let expected = (4..301).filter(|number| ![100, 200].contains(number));
        let numbers: Vec<u64> = [3, 1, 2].into_iter().chain(expected).collect();
        let arrived = events.iter().map(|event| event["data"]["sequence"].as_u64());
        assert!(arrived.eq(numbers.into_iter().map(Some)), "in the order in which they were sent");
    });
}

#[test]
fn nothing_is_read_from_a_stranger() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let gateway = site.start();
        let body = sale("01", 1).to_string();
        let json = ("content-type", "application/json");
        let viewer = format!("Bearer {}", site.viewer_token().as_str());
        let strangers: [&[(&str, &str)]; 4] = [
            &[json],
            &[json, ("authorization", "Bearer 0123456789abcdef")],
            &[json, ("authorization", "Basic MDE6")],
            &[json, ("authorization", &viewer)],
        ];
        for headers in strangers {
            let mut connection = Connection::open(&site.http_address()).unwrap();
            let answer = connection.request("POST", "/v1/sales", headers, body.as_bytes()).unwrap();
            assert!([401, 403].contains(&answer.status), "{headers:?}: {}", answer.status);
        }
        let mut connection = Connection::open(&site.http_address()).unwrap();
        let answer = connection.request("POST", "/v1/sales", &[json], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 401);
        assert!(!gateway.log().contains("0123456789abcdef"), "a token is in the log");
    });
}

#[test]
fn what_cannot_be_taken_is_refused_with_the_reason() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        site.config.set("limits", "sale", "64 KiB").set("limits", "body", "128 KiB");
        let _gateway = site.start();
        let mut terminal = site.terminal(0);

        let unread = terminal.post("application/json", b"{\"store\":\"0042\",");
        assert_eq!((unread.status, statuses(&unread)), (422, vec!["quarantined".to_owned()]));
        let missing = terminal.post("application/json", b"{\"store\":\"0042\"}");
        assert_eq!(missing.status, 422);
        assert!(missing.text().contains("/terminal"), "names what is missing: {}", missing.text());

        let unknown_type = terminal.post("text/csv", b"a,b");
        assert_eq!(unknown_type.status, 415, "{}", unknown_type.text());
        assert!(unknown_type.text().contains("application/json"), "{}", unknown_type.text());

        let mut large = sale("01", 1);
        large["lines"][0]["description"] = json!("x".repeat(70_000));
        let too_large = site.terminal(0).sell(&large);
        assert_eq!(too_large.status, 413, "{}", too_large.text());
        let too_many = site.terminal(0).sell_all(&sales::sales("01", 1..1000));
        assert_eq!(too_many.status, 413, "{}", too_many.text());
        assert!(too_many.text().contains("[limits]"), "names the limit: {}", too_many.text());
    });
}

#[test]
fn another_terminals_sale_is_not_taken_as_ones_own() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        let answer = site.terminal(0).sell(&sale("02", 1));
        assert_eq!(answer.status, 422, "{}", answer.text());
    });
}

#[test]
fn terminals_may_speak_tls() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let certificates =
            tillgate_tests::certificates::Certificates::make(&site.folder().join("http"));
        site.config
            .set("http", "tls_cert_file", tillgate_tests::config::path(&certificates.server))
            .set("http", "tls_key_file", tillgate_tests::config::path(&certificates.server_key));
        let log = site.gateway_log();
        let _daemon = tillgate_tests::gateway::Gateway::launch(&site.write_config(), &log);
        let answer =
            tillgate_tests::deadline::eventually(WAIT_SECONDS, "an answer over TLS", || {
                let mut connection =
                    Connection::open_tls(&site.http_address(), &certificates.ca).ok()?;
                connection.request("GET", "/livez", &[], b"").ok()
            });
        assert_eq!(answer.status, 200);
        let clear = Connection::open(&site.http_address())
            .and_then(|mut connection| connection.request("GET", "/livez", &[], b""));
        assert!(clear.is_err(), "a listener with a certificate answered in clear: {clear:?}");
    });
}
