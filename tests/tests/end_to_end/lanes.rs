//! Scanners and card readers on a serial line.

use serde_json::json;
use tillgate_tests::broker::Broker;
use tillgate_tests::canary::{Needles, Place, assert_absent, files};
use tillgate_tests::deadline::{until, within};
use tillgate_tests::lane::Line;
use tillgate_tests::site::{READER, SCANNER, Site};
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

#[test]
fn scans_arrive_in_order_with_their_gtin() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let _gateway = site.start();
        site.wait_for_device(SCANNER);

        scanner.send("]E09506000134352\r");
        scanner.send("]C1010950600013435217");
        scanner.send("261231\u{1d}10AB-1\r\n9506000134352\r");
        let events = witness.wait_for_events(3, WAIT_SECONDS);
        for event in &events {
            assert_eq!(event["type"], "tillgate.reading.v1");
            assert_eq!(event["data"]["kind"], "barcode");
            assert_eq!(event["data"]["gtin"], "09506000134352", "{event}");
            assert_eq!(event["data"]["lane"], "3");
            assert_eq!(event["data"]["device"], SCANNER);
        }
        assert_eq!(
            events[1]["data"]["elements"],
            json!([["01", "09506000134352"], ["17", "261231"], ["10", "AB-1"]])
        );
    });
}

#[test]
fn equal_scans_are_two_readings() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let _gateway = site.start();
        site.wait_for_device(SCANNER);
        scanner.send("9506000134352\r9506000134352\r");
        let events = witness.wait_for_events(2, WAIT_SECONDS);
        assert_ne!(events[0]["id"], events[1]["id"]);
    });
}

#[test]
fn a_swipe_arrives_without_the_card_number() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut reader = site.attach(READER, "serial-magstripe");
        let _gateway = site.start();
        site.wait_for_device(READER);

        reader.send("%B4111111111111111^DOE/JANE^29121010000000000000?;4111111111111111=29121010000000000000?\r");
        let event = witness.wait_for_events(1, WAIT_SECONDS).remove(0);
        assert_eq!(event["data"]["kind"], "card", "{event}");
        assert_eq!(event["data"]["scheme"], "visa");
        assert_eq!(event["data"]["masked_pan"], "411111******1111");
        assert!(event["data"]["card_token"].is_string(), "{event}");
        for forbidden in ["4111111111111111", "DOE", "2912"] {
            assert!(!event.to_string().contains(forbidden), "{forbidden} is in {event}");
        }
    });
}

#[test]
fn the_stores_list_says_whose_number_arrives_whole() {
    const UNLISTED: &str = "7001122334455";
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut reader = site.attach(READER, "serial-magstripe");
        let club = [
            ("id", "club".into()),
            ("prefix", "91560000-91569999".into()),
            ("length_min", 13.into()),
            ("length_max", 13.into()),
            ("check", "luhn".into()),
        ];
        site.config.add("loyalty_card", club);
        let gateway = site.start();
        site.wait_for_device(READER);

        let mut swiped = 0;
        let mut swipe = |number: &str| {
            swiped += 1;
            reader.send(format!(";{number}=29121010000000000000?\r"));
            witness.wait_for_events(swiped, WAIT_SECONDS).remove(swiped - 1)["data"].clone()
        };
        let member = swipe("9156001122333");
        assert_eq!(
            (&member["loyalty"], &member["loyalty_card"]),
            (&json!("9156001122333"), &json!("club"))
        );
        for (number, scheme, shown) in [
            ("4111111111111111", json!("visa"), "411111******1111"),
            (UNLISTED, json!(null), "*********4455"),
            // Of the club's range, but for its check digit.
            ("9156001122334", json!(null), "*********2334"),
        ] {
            let card = swipe(number);
            assert_eq!((&card["scheme"], &card["masked_pan"]), (&scheme, &json!(shown)), "{card}");
            assert!(card["card_token"].is_string() && card["loyalty"].is_null(), "{card}");
        }
        let needles = Needles::of(&["4111111111111111", UNLISTED]);
        let mut places = files(&site.data_dir());
        places.push(Place::text("the log", gateway.log()));
        places.extend(witness.messages().into_iter().map(|it| Place::new(&it.topic, it.payload)));
        assert_absent(&places, &needles);
    });
}

#[test]
fn a_scanner_that_was_unplugged_works_again() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let _gateway = site.start();
        site.wait_for_device(SCANNER);
        scanner.send("9506000134352\r");
        witness.wait_for_events(1, WAIT_SECONDS);

        let link = scanner.unplug();
        until(WAIT_SECONDS, "the status says that it is gone", || {
            !site.source_is_connected(SCANNER)
        });
        let mut scanner = Line::open(&link);
        site.wait_for_device(SCANNER);
        scanner.send("9506000134352\r");
        witness.wait_for_events(2, WAIT_SECONDS);
    });
}

#[test]
fn a_weight_goes_with_one_scan_of_an_item_sold_by_weight() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let mut scale = site.attach("scale-3", "serial-scale");
        let settings = "speaks = 'nci'\nask_ms = 0\nitems = ['4011']";
        let settings: toml::Table = settings.parse().expect("a table");
        site.config.set_in("device", "scale", settings);
        let _gateway = site.start();
        site.wait_for_device(SCANNER);
        site.wait_for_device("scale-3");
        scale.send("\n  1.255kg\r\n0p4\r\x03");
        // Nothing says when the weight has come: it goes with the first scan after that, and with no other.
        let scans = (1..).find(|count| {
            scanner.send("4011\r");
            let events = witness.wait_for_events(*count, WAIT_SECONDS);
            events.iter().any(|event| event["data"]["weight"].is_object())
        });
        scanner.send("4011\r9506000134352\r");
        let events = witness.wait_for_events(scans.expect("a scan") + 2, WAIT_SECONDS);
        let weighed: Vec<_> =
            events.iter().filter(|event| event["data"]["weight"].is_object()).collect();
        assert_eq!(weighed.len(), 1, "{events:?}");
        assert_eq!(
            weighed[0]["data"]["weight"],
            json!({"value": "1.255", "unit": "kg", "net": true})
        );
        let last_two = &events[events.len() - 2..];
        assert_eq!(last_two[0]["data"]["quality"][0]["rule"], "weight-missing", "{events:?}");
        assert_eq!(last_two[0]["data"]["quality"][0]["found"], "taken");
        assert_eq!(last_two[1]["data"]["quality"], json!([]), "not sold by weight");
    });
}
