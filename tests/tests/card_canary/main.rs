//! Card data stays out: public test numbers of every scheme are sent through every way in and every field, and then
//! searched for everywhere that the gateway writes, sends or shows. Masks (first six, last four) may be found.
//!
//! The numbers are those of `canary/cards.rs`, which says whose they are. Nothing here is a real card. Where that is
//! allowed, the daemon's memory is searched as well. Devices that need more are in `tests/cards` and in the guest of
//! `tests/rig`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test's tool that fails stops the test; figures, and the reason why something was not searched"
)]

mod devices;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};
use tillgate_parsers::card::Scheme;
use tillgate_tests::broker::Broker;
use tillgate_tests::canary::{CARDS, Needles, Place, assert_absent, files, memory, numbers};
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::{self, Envelope};
use tillgate_tests::gateway::{self, Gateway};
use tillgate_tests::process::{Process, command};
use tillgate_tests::sales::sale;
use tillgate_tests::site::{ORG, READER, Site};
use tillgate_tests::witness::Witness;

const TEST_SECONDS: u64 = 240;
const WAIT_SECONDS: u64 = 30;

#[test]
fn there_is_a_number_of_each_scheme() {
    for (scheme, number) in CARDS {
        let found = Scheme::of_payment_card(number.as_bytes()).map(Scheme::as_str);
        assert_eq!(found, Some(scheme), "{number}");
    }
    let known = [
        Scheme::Visa,
        Scheme::Mastercard,
        Scheme::Amex,
        Scheme::Discover,
        Scheme::Diners,
        Scheme::Jcb,
        Scheme::Unionpay,
        Scheme::Maestro,
        Scheme::Mir,
        Scheme::Rupay,
        Scheme::Elo,
        Scheme::Hipercard,
        Scheme::Verve,
        Scheme::Troy,
        Scheme::Uzcard,
        Scheme::Humo,
        Scheme::Napas,
        Scheme::Borica,
    ];
    for scheme in known {
        assert!(CARDS.iter().any(|(name, _)| *name == scheme.as_str()), "{scheme:?}");
    }
}

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
    for id in ids(&list.stdout) {
        let shown = site.run(&["quarantine", "show", &id]);
        places.push(Place::text("quarantine show", shown.stdout + &shown.stderr));
    }
    places.push(Place::text("quarantine list", list.stdout + &list.stderr));
    places.extend(files(&site.data_dir()));
    places
}

/// The ids in what `quarantine list --json` printed, as one array or one object a line.
fn ids(printed: &str) -> Vec<String> {
    let values =
        serde_json::Deserializer::from_str(printed).into_iter::<Value>().map_while(Result::ok);
    values
        .flat_map(|value| match value {
            Value::Array(entries) => entries,
            other => vec![other],
        })
        .filter_map(|entry| entry["id"].as_str().map(str::to_owned))
        .collect()
}

/// Looks while the daemon runs, also into its memory, and at what is left after it stopped.
fn assert_nowhere(site: &Site, gateway: &mut Gateway, witness: &Witness) {
    let found = left_in_memory(gateway, &Needles::of(&numbers()));
    assert!(found.is_empty(), "in memory {} times:\n{}", found.len(), found.join("\n"));
    assert_in_no_trace(site, gateway, witness);
}

/// The same without its memory.
fn assert_in_no_trace(site: &Site, gateway: &mut Gateway, witness: &Witness) {
    let needles = Needles::of(&numbers());
    let seen = places(site, gateway, witness);
    assert!(seen.len() > 8, "too few places were searched: {}", seen.len());
    assert_absent(&seen, &needles);
    gateway.terminate();
    assert_absent(&files(&site.data_dir()), &needles);
    assert_absent(&[Place::text("the log", gateway.log())], &needles);
}

/// What is in the daemon's memory. Nothing, and a word why, where that cannot be read.
fn left_in_memory(gateway: &Gateway, needles: &Needles) -> Vec<String> {
    match memory(gateway.id()) {
        Ok(places) => {
            // What surely is in memory is found there.
            assert!(!Needles::of(&[ORG]).found_in(&places).is_empty());
            needles.found_in(&places)
        }
        Err(error) => {
            println!("the daemon's memory was not searched: {error}");
            Vec::new()
        }
    }
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
        for card in numbers() {
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
        assert_absent(&answers, &Needles::of(&numbers()));
        until(WAIT_SECONDS, "records have arrived", || witness.event_count() > 100);
        // The library that speaks HTTP reads into buffers that nobody zeroizes before others use them.
        let found = left_in_memory(&gateway, &Needles::of(&numbers()));
        println!("{} times in memory after {number} kinds of sales", found.len());
        assert_in_no_trace(&site, &mut gateway, &witness);
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
        let needles = Needles::of(&numbers());
        for card in numbers() {
            let mut terminal = site.stream_terminal(0);
            let sales = sales_with(card, &mut number);
            let results = terminal.sell_all(&sales);
            assert_absent(&[Place::text("results", json!(results).to_string())], &needles);
            let lines: String =
                broken_bodies(card).iter().map(|body| body.replace('\n', " ") + "\n").collect();
            let _ = terminal.try_send(&lines);
            let _ = terminal.try_send(&format!("{{\"cut\":\"{card}"));
            terminal.finish();
            while let Ok(Some(result)) = terminal.try_result() {
                assert_absent(&[Place::text("a result", result.to_string())], &needles);
            }
        }
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
        for (card, control) in numbers().into_iter().zip(1..) {
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

/// A program in a folder of its own, allowed to leave a core there.
fn with_core(folder: &Path, program: &[&OsStr]) -> Process {
    let mut shell = command("sh");
    shell
        .current_dir(folder)
        .args(["-c", "ulimit -c unlimited && exec \"$@\"", "sh"])
        .args(program);
    Process::start(shell, &folder.join("log"))
}

/// What a program that ends by this signal leaves in its folder.
fn left_by(mut crashing: Process, signal: Signal, folder: &Path) -> Vec<PathBuf> {
    until(WAIT_SECONDS, "it ends", || {
        // Rust's runtime takes the first SIGSEGV for a stack that overflowed, finds that it did not, and waits for the
        // instruction to fail again.
        crashing.ended().is_some() || {
            crashing.signal(signal);
            false
        }
    });
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name() != Some(OsStr::new("log"))).collect()
}

/// Whether this machine writes cores where a program stands when it crashes: `core_pattern` may name another place, or
/// a program that takes them.
fn cores_are_written_here() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let sleeper = with_core(folder.path(), &["sleep".as_ref(), "1000".as_ref()]);
    until(WAIT_SECONDS, "the shell has become another program", || {
        fs::read_to_string(format!("/proc/{}/comm", sleeper.id()))
            .is_ok_and(|name| name == "sleep\n")
    });
    !left_by(sleeper, Signal::SEGV, folder.path()).is_empty()
}

#[test]
fn a_crash_writes_no_core() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        for signal in [Signal::SEGV, Signal::ABORT] {
            let mut site = Site::with(&broker);
            let mut reader = site.attach(READER, "serial-magstripe");
            let folder = tempfile::tempdir().unwrap();
            let (program, config) = (gateway::program(), site.write_config());
            let run: [&OsStr; 4] =
                [program.as_ref(), "run".as_ref(), "--config".as_ref(), config.as_ref()];
            let daemon = with_core(folder.path(), &run);
            until(WAIT_SECONDS, "the daemon answers", || gateway::answers(&site.http_address()));
            site.wait_for_device(READER);
            reader.send(";4111111111111111=29121019876543210");
            let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.id())).unwrap();
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
            assert_eq!(left_by(daemon, signal, folder.path()), Vec::<PathBuf>::new());
        }
        if !cores_are_written_here() {
            println!("nothing writes a core here: only the limit was looked at");
        }
    });
}
