//! The status page as people see it: in a real browser, with the words that matter, and a picture for whoever
//! reviews it.
#![expect(clippy::expect_used, reason = "what the tests share fails as loudly as they do")]

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use browser::Browser;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi;
use tillgate_tests::gateway::Gateway;
use tillgate_tests::lane::Line;
use tillgate_tests::process;
use tillgate_tests::sales;
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::Witness;

const TEST_SECONDS: u64 = 120;
const WAIT_SECONDS: u64 = 30;

/// Where pictures go, for people.
fn picture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&folder).expect("a folder for pictures");
    folder.join(name)
}

/// Writes what is in base64 as bytes.
fn write_decoded(file: &Path, base64: &str) {
    let encoded = file.with_extension("base64");
    fs::write(&encoded, base64).expect("a picture");
    let decoded = fs::File::create(file).expect("a picture");
    let mut decoder = process::command("base64");
    decoder.arg("-d").arg(&encoded).stdout(Stdio::from(decoded));
    assert!(decoder.status().expect("base64 of coreutils").success());
    fs::remove_file(encoded).expect("the picture's encoding");
}

/// A store with something to show: sales, scans, an order, something in quarantine, a device that is missing.
fn busy_store(site: &mut Site, broker: &Broker) -> (Gateway, Witness, Line) {
    let witness = Witness::of(broker);
    let mut scanner = site.attach(SCANNER, "serial-scanner");
    let _missing = site.attach("scanner-4", "serial-scanner").unplug();
    let gateway = site.start();
    site.wait_for_device(SCANNER);
    let mut terminal = site.terminal(2);
    assert_eq!(terminal.sell_all(&sales::sales("03", 1..8)).status, 201);
    assert_eq!(terminal.post("application/json", b"no sale").status, 422);
    site.partner().deliver("order.edi", edi::order_interchange(1, "PO-1").as_bytes());
    scanner.send("]E09506000134352\r");
    witness.wait_for_events(9, WAIT_SECONDS);
    until(WAIT_SECONDS, "the status shows the delivery", || {
        site.status()["outbox"]["acknowledged"] == 9
    });
    (gateway, witness, scanner)
}

#[test]
fn a_browser_shows_the_store() {
    let Some(program) = browser::program() else {
        println!("skipped: no chromium on this machine");
        return;
    };
    within(TEST_SECONDS, move || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let (_gateway, _witness, scanner) = busy_store(&mut site, &broker);
        let _gone = scanner.unplug();

        let token = site.viewer_token().as_str();
        let url = format!("http://auditor:{token}@{}/", site.http_address());
        let mut browser = Browser::open(&program, &url);
        let mut page = String::new();
        until(WAIT_SECONDS, "the page shows the sales and the unplugged scanner", || {
            page = browser.text();
            page.contains("24.50") && page.contains("unplugged: 1")
        });
        let small = page.to_lowercase();
        for word in ["acme", "0042", "gw-1", SCANNER, "scanner-4", "bigbox", "quarantine"] {
            assert!(small.contains(word), "{word} is not on the page:\n{page}");
        }
        assert!(
            !page.contains(sales::LOYALTY),
            "a loyalty number is on the page in clear:\n{page}"
        );
        for (name, width) in [("status.png", 1280), ("status-phone.png", 400)] {
            let picture = picture(name);
            write_decoded(&picture, &browser.screenshot(width));
            assert!(fs::read(&picture).expect("a picture").starts_with(b"\x89PNG"));
            println!("see {}", picture.display());
        }
    });
}
