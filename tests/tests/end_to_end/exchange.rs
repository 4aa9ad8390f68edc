//! EDI partners: the folder and `POST /v1/edi`.

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::{self, Envelope, segment};
use tillgate_tests::http::{Answer, Connection};
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

fn post(site: &Site, interchange: &str) -> Answer {
    let authorization = format!("Bearer {}", site.partner_token().as_str());
    let headers =
        [("authorization", authorization.as_str()), ("content-type", "application/EDI-X12")];
    let mut connection = Connection::open(&site.http_address()).unwrap();
    connection.request("POST", "/v1/edi", &headers, interchange.as_bytes()).unwrap()
}

#[test]
fn order_and_invoice_become_records_and_earn_acknowledgements() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let partner = site.partner();

        partner.deliver("order.edi", edi::order_interchange(1, "PO-1001").as_bytes());
        witness.wait_for_events(1, WAIT_SECONDS);
        partner.deliver("invoice.edi", edi::invoice_interchange(2, "INV-1", "PO-1001").as_bytes());
        let events = witness.wait_for_events(2, WAIT_SECONDS);

        assert_eq!(events[0]["type"], "tillgate.order.v1");
        assert_eq!(events[0]["data"]["number"], "PO-1001");
        assert_eq!(events[0]["data"]["lines"][0]["gtin"], "00012345678905");
        assert_eq!(events[0]["data"]["lines"][1]["quantity"], "4");
        assert_eq!(events[1]["type"], "tillgate.invoice.v1");
        assert_eq!(events[1]["data"]["purchase_order"], "PO-1001");
        assert_eq!(events[1]["data"]["total"], "125.00");

        let acknowledgements = partner.wait_for("out", 2, WAIT_SECONDS);
        let accepted: Vec<_> = acknowledgements
            .iter()
            .map(|name| {
                let text = partner.read("out", name);
                assert_eq!(segment(&text, "ISA")[8].trim(), "BIGBOX", "goes back to the sender");
                assert_eq!(segment(&text, "AK9")[1], "A", "{text}");
                segment(&text, "AK1")[1].clone()
            })
            .collect();
        assert!(
            accepted.contains(&"PO".to_owned()) && accepted.contains(&"IN".to_owned()),
            "{accepted:?}"
        );
        until(WAIT_SECONDS, "the files are done", || partner.names("done").len() == 2);
        assert!(partner.names("in").is_empty());
        assert!(partner.names("rejected").is_empty());
    });
}

#[test]
fn a_document_that_is_sent_again_counts_once() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let partner = site.partner();
        partner.deliver("a.edi", edi::order_interchange(1, "PO-1001").as_bytes());
        partner.wait_for("done", 1, WAIT_SECONDS);
        partner.deliver("b.edi", edi::order_interchange(2, "PO-1001").as_bytes());
        partner.deliver("a.edi", edi::order_interchange(1, "PO-1001").as_bytes());
        partner.wait_for("out", 3, WAIT_SECONDS);
        partner.deliver("c.edi", edi::order_interchange(3, "PO-1002").as_bytes());
        let events = witness.wait_for_events(2, WAIT_SECONDS);
        assert_eq!(events[1]["data"]["number"], "PO-1002");
    });
}

#[test]
fn a_bad_document_is_rejected_and_a_good_one_beside_it_taken() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let partner = site.partner();
        let bad = edi::order(2, "PO-2").replace("PO1*1*10*", "PO1*1*TEN*");
        let file =
            Envelope::numbered(1).wrap("PO", &[edi::order(1, "PO-1"), bad, edi::order(3, "PO-3")]);
        partner.deliver("mixed.edi", file.as_bytes());
        let events = witness.wait_for_events(2, WAIT_SECONDS);
        assert_eq!(events[1]["data"]["number"], "PO-3");
        let names = partner.wait_for("out", 1, WAIT_SECONDS);
        let text = partner.read("out", &names[0]);
        assert_eq!(segment(&text, "AK9")[1], "P", "partly accepted:\n{text}");
        witness.wait_for_message("/findings", WAIT_SECONDS, |_| true);
    });
}

#[test]
fn what_is_no_interchange_is_rejected() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        let partner = site.partner();
        partner.deliver("photo.edi", b"\xff\xd8\xff\xe0 no interchange at all");
        partner.wait_for("rejected", 1, WAIT_SECONDS);
        assert!(partner.names("done").is_empty());
        let list = site.run(&["quarantine", "list"]);
        assert_eq!(list.code, 0, "{}", list.stderr);
        assert!(list.stdout.contains("bigbox"), "{}", list.stdout);
    });
}

#[test]
fn uploads_under_way_are_left_alone() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let partner = site.partner();
        let whole = edi::order_interchange(1, "PO-1");
        for name in [".hidden.edi", "a.edi.tmp", "b.edi.part", "c.edi.filepart"] {
            partner.drop_in_place(name, whole.as_bytes());
        }
        let (stump, _) = whole.split_at(whole.len() / 2);
        partner.drop_in_place("stump.edi", stump.as_bytes());
        partner.deliver("d.edi", edi::order_interchange(2, "PO-2").as_bytes());
        witness.wait_for_events(1, WAIT_SECONDS);
        // Longer than `settle_seconds`, so that the stump was looked at.
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert_eq!(partner.names("in"), ["a.edi.tmp", "b.edi.part", "c.edi.filepart", "stump.edi"]);

        partner.drop_in_place("stump.edi", whole.as_bytes());
        let events = witness.wait_for_events(2, WAIT_SECONDS);
        assert_eq!(events[1]["data"]["number"], "PO-1", "the rest has come, the file is taken");
    });
}

#[test]
fn interchanges_may_be_posted() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let answer = post(&site, &edi::order_interchange(1, "PO-1"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let media = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
        assert!(media.starts_with("application/edi-x12"), "{media}");
        assert!(answer.header("tillgate-capture").is_some(), "{:?}", answer.headers);
        assert_eq!(segment(&answer.text(), "AK9")[1], "A");
        let event = witness.wait_for_events(1, WAIT_SECONDS).remove(0);
        assert_eq!(event["data"]["provenance"]["channel"], "edi-http");
    });
}
