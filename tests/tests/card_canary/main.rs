//! Card data stays out: public test numbers of every scheme are sent through every way in and every field, and then
//! searched for everywhere that the gateway writes, sends or shows. Masks (first six, last four) may be found.
//!
//! The numbers are those that the schemes publish for tests. Nothing here is a real card.

mod search;

use std::fs;

use serde_json::{Value, json};
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::{self, Envelope};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::sales::sale;
use tillgate_tests::site::{READER, SCANNER, Site};
use tillgate_tests::witness::Witness;

use search::{Place, assert_absent};

const TEST_SECONDS: u64 = 120;
const WAIT_SECONDS: u64 = 30;

/// Visa, Mastercard (both ranges), American Express, Discover, JCB, Diners Club, `UnionPay`, Maestro, Mir.
const CARDS: [&str; 14] = [
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
    "6200000000000005",
    "6759649826438453",
    "2200000000000004",
];

/// A number as people and programs write it.
fn spellings(card: &str) -> Vec<String> {
    let grouped = |separator: &str| {
        let groups: Vec<_> = card.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        groups.join(separator)
    };
    vec![
        card.to_owned(),
        grouped(" "),
        grouped("-"),
        format!("card {card}."),
        format!("x{}y", grouped(" ")),
    ]
}

/// Everything that the gateway has written, sent or shown so far.
fn places(site: &Site, gateway: &Gateway, witness: &Witness) -> Vec<Place> {
    let mut places = vec![Place::text("the log", gateway.log())];
    for path in ["/metrics", "/v1/status", "/"] {
        places.push(Place::text(path, site.look(path).text()));
    }
    for message in witness.messages() {
        places.push(Place::new(&format!("a message on {}", message.topic), message.payload));
    }
    let list = site.run(&["quarantine", "list", "--json"]);
    for id in search::ids(&list.stdout) {
        let shown = site.run(&["quarantine", "show", &id]);
        places.push(Place::text("quarantine show", shown.stdout + &shown.stderr));
    }
    places.push(Place::text("quarantine list", list.stdout + &list.stderr));
    places.extend(search::files(&site.data_dir()));
    places
}

/// Looks while the daemon runs, and at what is left after it stopped.
fn assert_nowhere(site: &Site, gateway: &mut Gateway, witness: &Witness) {
    let seen = places(site, gateway, witness);
    assert!(seen.len() > 8, "too few places were searched: {}", seen.len());
    assert_absent(&seen, &CARDS);
    gateway.terminate();
    assert_absent(&search::files(&site.data_dir()), &CARDS);
    assert_absent(&[Place::text("the log", gateway.log())], &CARDS);
}

/// Sales with a text in every place where a terminal could put it.
fn sales_with(text: &str, number: &mut u64) -> Vec<Value> {
    let mut sales = Vec::new();
    let mut with = |change: &dyn Fn(&mut Value)| {
        *number += 1;
        let mut sale = sale("01", *number);
        change(&mut sale);
        sales.push(sale);
    };
    with(&|sale| sale["operator"] = json!(text));
    with(&|sale| sale["salesperson"] = json!(text));
    with(&|sale| sale["customer"] = json!({ "name": text }));
    with(&|sale| sale["customer"] = json!({ "loyalty": text }));
    with(&|sale| sale["customer"] = json!({ "phone": text, "email": text }));
    with(&|sale| sale["customer"] = json!({ "card_token": text }));
    with(&|sale| sale["lines"][0]["description"] = json!(text));
    with(&|sale| sale["lines"][0]["sku"] = json!(text));
    with(&|sale| sale["lines"][0]["entry"] = json!(text));
    with(&|sale| sale["lines"][0]["discounts"][0]["reason"] = json!(text));
    with(&|sale| sale["tenders"][0]["masked_pan"] = json!(text));
    with(&|sale| sale["tenders"][0]["card_token"] = json!(text));
    with(&|sale| sale["tenders"][0]["scheme"] = json!(text));
    with(&|sale| sale["tenders"][0]["kind"] = json!(text));
    with(&|sale| sale["references"] = json!({ "original_sale": text, "invoice": text }));
    with(&|sale| sale["store"] = json!(text));
    with(&|sale| sale["currency"] = json!(text));
    with(&|sale| sale["business_date"] = json!(text));
    with(&|sale| sale[text] = json!("as a key"));
    with(&|sale| sale["note"] = json!({ "deep": [[{ "deeper": [text] }]] }));
    if let Ok(digits) = text.parse::<u64>() {
        with(&|sale| sale["receipt"] = json!(digits));
        with(&|sale| sale["sequence"] = json!(digits));
        with(&|sale| sale["lines"][0]["number"] = json!(digits));
        with(&|sale| sale["totals"]["gross"] = json!(text));
        // A GTIN has at most 14 digits: with 14 and a right check digit it is what its field says.
        if text.len() > 14 {
            with(&|sale| sale["lines"][0]["gtin"] = json!(text));
        }
    }
    sales
}

/// A text in JSON as no decent program writes it, and as a hostile one may: every character escaped.
fn escaped(text: &str) -> String {
    text.chars().map(|character| format!("\\u{:04x}", u32::from(character))).collect()
}

#[test]
fn sales_over_http() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        let mut terminal = site.terminal(0);
        let mut answers = Vec::new();
        let mut number = 0;
        for card in CARDS {
            for text in spellings(card) {
                let sales = sales_with(&text, &mut number);
                answers.push(Place::text("an answer", terminal.sell_all(&sales).text()));
                for sale in &sales[..4] {
                    answers.push(Place::text("an answer", terminal.sell(sale).text()));
                }
            }
            for body in broken_bodies(card) {
                let answer = terminal.post("application/json", body.as_bytes());
                answers.push(Place::text("an answer", answer.text()));
            }
        }
        assert_absent(&answers, &CARDS);
        until(WAIT_SECONDS, "records have arrived", || witness.event_count() > 100);
        assert_nowhere(&site, &mut gateway, &witness);
    });
}

/// Bodies that are no sale, or no JSON at all.
fn broken_bodies(card: &str) -> Vec<String> {
    let whole = sale("01", 999_999).to_string();
    let escaped = escaped(card);
    vec![
        card.to_owned(),
        format!("\"{card}\""),
        format!("[{card}]"),
        format!("{{\"pan\":{card}"),
        format!("{{\"track2\":\";{card}=29121010000000000000?\"}}"),
        format!("%B{card}^DOE/JANE^29121010000000000000?"),
        whole.replace("\"operator\":\"7\"", &format!("\"operator\":\"{escaped}\"")),
        whole.replace("\"operator\":\"7\"", &format!("\"operator\":\"{card}")),
        whole.replace("\"operator\":\"7\"", &format!("\"oper\\u0061tor\":\"{card}\"")),
        whole.replace("\"operator\":\"7\"", &format!("\"operator\":{card}e0")),
        whole.replace("\"operator\":\"7\"", &format!("\"operator\":{card}.00")),
        format!("{{\"a\":\"\\\"{card}\\\"\"}}"),
        format!("pan={card}&amount=1"),
        format!("\u{feff}{{\"pan\":\"{card}\"}}"),
    ]
}

#[test]
fn sales_over_the_stream() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        let mut number = 0;
        for card in CARDS {
            let mut terminal = site.stream_terminal(0);
            let sales = sales_with(card, &mut number);
            let results = terminal.sell_all(&sales);
            assert_absent(&[Place::text("results", json!(results).to_string())], &CARDS);
            let lines: String =
                broken_bodies(card).iter().map(|body| body.replace('\n', " ") + "\n").collect();
            let _ = terminal.try_send(&lines);
            let _ = terminal.try_send(&format!("{{\"cut\":\"{card}"));
            terminal.finish();
            while let Ok(Some(result)) = terminal.try_result() {
                assert_absent(&[Place::text("a result", result.to_string())], &CARDS);
            }
        }
        assert_nowhere(&site, &mut gateway, &witness);
    });
}

#[test]
fn swipes_and_scans() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut reader = site.attach(READER, "serial-magstripe");
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let mut gateway = site.start();
        site.wait_for_device(READER);
        site.wait_for_device(SCANNER);
        for card in CARDS {
            reader.send(format!(
                "%B{card}^DOE/JANE^29121010000000000000?;{card}=29121010000000000000?\r"
            ));
            reader.send(format!(";{card}=2912101\r"));
            reader.send(format!("%B{card}^DOE\r"));
            reader.send(format!("{card}\r"));
            scanner.send(format!("]Q1{card}\r"));
            scanner.send(format!("]Q1https://pay.example/?pan={card}&x=1\r"));
            scanner.send(format!("{card}\r"));
            scanner.send(format!("]C0{card}\r"));
        }
        until(WAIT_SECONDS, "a card of each kind has arrived", || {
            witness.event_count() >= CARDS.len()
        });
        scanner.send("9506000134352\r");
        until(WAIT_SECONDS, "the last scan has arrived", || {
            witness.events().iter().any(|event| event["data"]["gtin"] == "09506000134352")
        });
        assert_nowhere(&site, &mut gateway, &witness);
    });
}

#[test]
fn documents_of_partners() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        let partner = site.partner();
        for (card, control) in CARDS.iter().zip(1..) {
            let order = edi::transaction(
                "850",
                1,
                &[
                    &format!("BEG*00*SA*PO-{control}**20261121"),
                    &format!("REF*CR*{card}"),
                    &format!("N1*ST*{card}*92*0042"),
                    &format!("N3*PAID BY {card}"),
                    &format!("PO1*1*10*EA*12.50**UP*012345678905*VN*{card}"),
                    &format!("PID*F****CARD {} VISA", spellings(card)[1]),
                    &format!("MSG*{card}"),
                    "CTT*1",
                ],
            );
            let whole = Envelope::numbered(control).wrap("PO", &[order]);
            partner.deliver(&format!("order-{control}.edi"), whole.as_bytes());
            partner
                .deliver(&format!("stump-{control}.edi"), whole.replace("GE*", "XX*").as_bytes());
            partner.deliver(&format!("noise-{control}.edi"), format!("no EDI {card}").as_bytes());
        }
        until(WAIT_SECONDS * 2, "all files were taken", || partner.names("in").is_empty());
        assert_nowhere(&site, &mut gateway, &witness);
    });
}

#[test]
fn a_crash_writes_no_core() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let gateway = site.start();
        let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    });
}
