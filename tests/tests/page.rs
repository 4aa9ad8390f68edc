//! The status page as people see it: in a real browser, with the words that matter, and a picture for whoever
//! reviews it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi;
use tillgate_tests::process::{self, Said};
use tillgate_tests::sales;
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::Witness;

const TEST_SECONDS: u64 = 150;
const WAIT_SECONDS: u64 = 30;

fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

/// Opens a page without a window; user and password stand in the address, as a kiosk would have them.
fn open(browser: &Path, site: &Site, width: u32, arguments: &[&str]) -> Said {
    let mut command = Command::new("timeout");
    let profile = site.folder().join("browser");
    command
        .args(["--kill-after=5", "50"])
        .arg(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=4000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--window-size={width},1200"))
        .args(arguments)
        .arg(format!("http://auditor:{}@{}/", site.viewer_token().as_str(), site.http_address()));
    process::run(command)
}

fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    fs::create_dir_all(&folder).unwrap_or_default();
    folder
}

/// A store with something to show: sales, scans, an order, something in quarantine, a device that is missing.
fn busy_store(site: &mut Site, broker: &Broker) -> (tillgate_tests::gateway::Gateway, Witness) {
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
    (gateway, witness)
}

#[test]
fn a_browser_shows_the_store() {
    let Some(browser) = browser() else {
        println!("skipped: no chromium on this machine");
        return;
    };
    within(TEST_SECONDS, move || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let _running = busy_store(&mut site, &broker);

        let said = open(&browser, &site, 1280, &["--dump-dom"]);
        let page = said.stdout.to_lowercase();
        for word in [
            "tillgate",
            "acme",
            "0042",
            "gw-1",
            SCANNER,
            "scanner-4",
            "bigbox",
            "quarantine",
            "connected",
        ] {
            assert!(
                page.contains(word),
                "{word} is not on the page:\n{}\n{}",
                said.stdout,
                said.stderr
            );
        }
        assert!(!page.contains("9156001122334"), "a loyalty number is on the page in clear");
        for (name, width) in [("status.png", 1280), ("status-phone.png", 400)] {
            let picture = screenshots().join(name);
            let said =
                open(&browser, &site, width, &[&format!("--screenshot={}", picture.display())]);
            let bytes = fs::metadata(&picture).map(|file| file.len()).unwrap_or_default();
            assert!(bytes > 5_000, "an empty picture: {}", said.stderr);
            println!("see {}", picture.display());
        }
    });
}
