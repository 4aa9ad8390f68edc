//! Terminals over the TCP stream.

use serde_json::{Value, json};
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::within;
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::Site;
use tillgate_tests::stream::StreamTerminal;
use tillgate_tests::token::Token;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

#[test]
fn pipelined_sales_are_answered_in_their_order() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.stream_terminal(1);

        let mut batch = sales::sales("02", 1..201);
        batch[50] = json!({ "no": "sale" });
        let results = terminal.sell_all(&batch);
        for (index, result) in results.iter().enumerate() {
            let expected = if index == 50 { "quarantined" } else { "accepted" };
            assert_eq!(result["status"], expected, "line {}: {result}", index + 1);
        }
        let again = terminal.sell_all(&batch[..10]);
        assert!(again.iter().all(|result| result["status"] == "duplicate"), "{again:?}");

        let events = witness.wait_for_events(199, WAIT_SECONDS);
        assert!(
            events.iter().all(|event| event["data"]["provenance"]["channel"] == "terminal-tcp")
        );
        let ids =
            |values: &[Value]| values.iter().map(|value| value["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&events[..50]), ids(&results[..50]));
    });
}

#[test]
fn a_line_that_is_no_json_costs_only_itself() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.stream_terminal(0);
        let lines = format!("{}\nthis is no sale\n\n{}\n", sale("01", 1), sale("01", 2));
        terminal.try_send(&lines).unwrap();
        terminal.finish();
        let mut results = Vec::new();
        while let Ok(Some(result)) = terminal.try_result() {
            results.push(result["status"].clone());
        }
        assert_eq!(results.first(), Some(&json!("accepted")));
        assert_eq!(results.get(1), Some(&json!("quarantined")));
        assert_eq!(
            results.last(),
            Some(&json!("accepted")),
            "the sale behind it is taken: {results:?}"
        );
    });
}

#[test]
fn a_cut_line_is_not_taken() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.stream_terminal(0);
        terminal.try_send(&format!("{}\n", sale("01", 1))).unwrap();
        assert_eq!(terminal.result()["status"], "accepted");
        let line = sale("01", 2).to_string();
        terminal.try_send(&line[..line.len() / 2]).unwrap();
        terminal.finish();
        if let Ok(Some(result)) = terminal.try_result() {
            assert_eq!(result["status"], "refused", "{result}");
        }

        let results = site.stream_terminal(0).sell_all(&[sale("01", 2)]);
        assert_eq!(results[0]["status"], "accepted", "the stump has left no trace");
        witness.wait_for_events(2, WAIT_SECONDS);
    });
}

#[test]
fn a_stranger_is_shown_the_door() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut stranger = StreamTerminal::new(&site.stream_address(), "01", &Token::random());
        let _ = stranger.try_send(&format!("{}\n", sale("01", 1)));
        while let Ok(Some(result)) = stranger.try_result() {
            assert_ne!(result["status"], "accepted", "{result}");
        }
        let answer = site.terminal(0).sell(&sale("01", 1));
        assert_eq!(answer.status, 201, "nothing was taken from the stranger");
    });
}
