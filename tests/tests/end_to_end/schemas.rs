//! Every record fits the schema that the repository hands out.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::within;
use tillgate_tests::edi;
use tillgate_tests::sales::{return_of, sale};
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::{Witness, text};

use crate::{TEST_SECONDS, WAIT_SECONDS};

fn schema(event_type: &str) -> jsonschema::Validator {
    let name = event_type.strip_prefix("tillgate.").expect("a type of ours");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/schema");
    let file = folder.join(format!("{name}.json"));
    let content =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let schema: Value = serde_json::from_str(&content).expect("a schema");
    jsonschema::validator_for(&schema).expect("a valid schema")
}

#[test]
fn records_fit_their_schemas() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let _gateway = site.start();
        let answer = site.terminal(0).sell_all(&[sale("01", 1), return_of("01", 2, 1)]);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let partner = site.partner();
        partner.deliver("o.edi", edi::order_interchange(1, "PO-1").as_bytes());
        partner.deliver("i.edi", edi::invoice_interchange(2, "INV-1", "PO-1").as_bytes());
        partner.wait_for("done", 2, WAIT_SECONDS);
        scanner.send("]E09506000134352\r");

        let events = witness.wait_for_events(5, WAIT_SECONDS);
        let mut types: Vec<_> = events.iter().map(|event| text(&event["type"])).collect();
        for event in &events {
            let errors: Vec<_> = schema(text(&event["type"]))
                .iter_errors(&event["data"])
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{event}\n{errors:#?}");
        }
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), 4, "each type of event was seen: {types:?}");
    });
}
