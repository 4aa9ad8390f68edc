//! Every mistake that a newcomer makes: the daemon says what it expected, what it found, where, and what to do.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what the tests share fails as loudly as they do"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use tillgate_tests::broker::Broker;
use tillgate_tests::certificates::Certificates;
use tillgate_tests::config;
use tillgate_tests::deadline::{eventually, until, within};
use tillgate_tests::gateway;
use tillgate_tests::process::{self, NOBODY, Said};
use tillgate_tests::site::{SCANNER, Site};

const TEST_SECONDS: u64 = 60;
const WAIT_SECONDS: u64 = 30;

/// Exit codes of the contract.
const FAILURE: i32 = 1;
const USAGE: i32 = 64;
const CONFIGURATION: i32 = 78;

/// A store whose daemon will not get as far as its broker.
fn site() -> Site {
    Site::at("mqtt://127.0.0.1:1")
}

/// Runs the daemon, which has to give up at once.
fn run(site: &Site) -> Said {
    let said = site.run(&["run"]);
    assert!(said.stdout.is_empty(), "words for people go to stderr: {}", said.stdout);
    said
}

/// Runs a command without a store.
fn bare(arguments: &[&str]) -> Said {
    let mut command = Command::new(gateway::program());
    command.args(arguments);
    process::run(command)
}

#[track_caller]
fn assert_says(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, code, "exit code; it said:\n{}", said.stderr);
    for word in words {
        assert!(said.stderr.contains(word), "{word:?} is not in:\n{}", said.stderr);
    }
    for noise in ["panicked", "RUST_BACKTRACE", "Os {", "Error {"] {
        assert!(!said.stderr.contains(noise), "that is no message for people:\n{}", said.stderr);
    }
}

/// The daemon as `nobody`, with the program where `nobody` can reach it and the store's folder given to `nobody`.
fn daemon_of_nobody(site: &Site) -> Command {
    let program = site.folder().join("tillgate");
    if fs::hard_link(gateway::program(), &program).is_err() {
        fs::copy(gateway::program(), &program).expect("a copy of the program");
    }
    let config = site.write_config();
    fs::set_permissions(site.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(site.folder(), Some(NOBODY), Some(NOBODY)).expect("root gives folders away");
    let mut command = process::command_as_nobody(program);
    command.arg("run").arg("--config").arg(config);
    command
}

#[test]
fn no_command_and_unknown_commands_are_usage() {
    assert_says(&bare(&[]), USAGE, &["Usage", "run", "check", "demo"]);
    assert_says(&bare(&["statsu"]), USAGE, &["statsu", "status"]);
    assert_says(&bare(&["run", "--confg", "x"]), USAGE, &["--confg", "--config"]);
    assert_eq!(bare(&["--help"]).code, 0);
    assert!(bare(&["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_missing_configuration_file_is_named() {
    let said = bare(&["run", "--config", "/no/such/tillgate.toml"]);
    assert_says(&said, CONFIGURATION, &["/no/such/tillgate.toml"]);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let mut site = site();
    site.config.set("mqtt", "pasword_file", "/x");
    let said = run(&site);
    assert_says(&said, CONFIGURATION, &["tillgate.toml:", "pasword_file", "password_file"]);
    let check = site.run(&["check"]);
    assert_eq!(check.code, CONFIGURATION, "{}", check.stderr);
}

#[test]
fn every_flaw_is_told_at_once() {
    let mut site = site();
    site.config
        .set("gateway", "timezone", "Asia/Shanghay")
        .set("gateway", "currency", "RMB!")
        .set("mqtt", "url", "http://broker")
        .set("mqtt", "version", 4);
    let words = ["Asia/Shanghay", "RMB!", "http://broker", "version"];
    assert_says(&run(&site), CONFIGURATION, &words);
}

#[test]
fn a_size_without_its_unit_is_refused_with_an_example() {
    let mut site = site();
    site.config.set("disk", "budget", "2 GB");
    assert_says(&run(&site), CONFIGURATION, &["tillgate.toml:", "budget", "2 GB", "GiB"]);
}

#[test]
fn what_is_no_toml_is_shown_with_its_place() {
    let site = site();
    let file = site.folder().join("broken.toml");
    fs::write(&file, "[gateway]\norg = \"acme\nstore = \"0042\"\n").unwrap();
    let said = bare(&["check", "--config", file.to_str().unwrap()]);
    assert_says(&said, CONFIGURATION, &["broken.toml:2:"]);
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let mut site = site();
    let _scanner = site.attach(SCANNER, "serial-scanner");
    let _other = site.attach(SCANNER, "serial-scanner");
    assert_says(&run(&site), CONFIGURATION, &[SCANNER]);
}

#[test]
fn a_device_without_its_lane_is_refused() {
    let mut site = site();
    let _scanner = site.attach(SCANNER, "serial-scanner");
    site.config.remove("lane").remove("terminal");
    assert_says(&run(&site), CONFIGURATION, &[SCANNER, "lane"]);
}

#[test]
fn a_token_in_clear_is_refused() {
    let mut site = site();
    let keys = [("id", "09".into()), ("token_sha256", "secret".into())];
    site.config.add("terminal", keys);
    assert_says(&run(&site), CONFIGURATION, &["token_sha256", "tillgate token"]);
}

#[test]
fn a_port_in_use_is_named() {
    let site = site();
    let _other = TcpListener::bind(site.http_address()).unwrap();
    let said = run(&site);
    assert_says(&said, FAILURE, &[&site.http_address(), "in use"]);
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let gateway = site.start();
        let (http, stream) = (tillgate_tests::ports::free(), tillgate_tests::ports::free());
        site.config.set("http", "listen", format!("127.0.0.1:{http}")).set(
            "terminals",
            "listen",
            format!("127.0.0.1:{stream}"),
        );
        let said = run(&site);
        let data = site.data_dir();
        assert_says(&said, FAILURE, &[data.to_str().unwrap(), &gateway.id().to_string()]);
    });
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let mut site = site();
    let file = site.folder().join("mqtt.password");
    fs::write(&file, "open sesame").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    site.config.set("mqtt", "username", "gw-1").set("mqtt", "password_file", config::path(&file));
    let said = run(&site);
    assert_says(&said, CONFIGURATION, &[file.to_str().unwrap(), "chmod"]);
    assert!(!said.stderr.contains("sesame"), "the secret is shown");
}

#[test]
fn a_missing_secret_is_named() {
    let mut site = site();
    site.config.set("mqtt", "username", "gw-1").set("mqtt", "password_file", "/no/such/password");
    assert_says(&run(&site), CONFIGURATION, &["/no/such/password", "password_file"]);
}

#[test]
fn a_certificate_that_is_none_is_named() {
    let mut site = site();
    let certificates = Certificates::make(&site.folder().join("certificates"));
    let wrong = site.folder().join("wrong.pem");
    fs::write(&wrong, "this is no certificate").unwrap();
    site.config.set("http", "tls_cert_file", config::path(&wrong)).set(
        "http",
        "tls_key_file",
        config::path(&certificates.server_key),
    );
    assert_says(&run(&site), CONFIGURATION, &[wrong.to_str().unwrap(), "[http]", "expected PEM"]);
}

#[test]
fn a_key_of_another_certificate_is_named() {
    let mut site = site();
    let certificates = Certificates::make(&site.folder().join("certificates"));
    site.config.set("http", "tls_cert_file", config::path(&certificates.server)).set(
        "http",
        "tls_key_file",
        config::path(&certificates.client_key),
    );
    assert_says(&run(&site), CONFIGURATION, &["client.key", "[http]"]);
}

#[test]
fn listening_for_other_machines_in_clear_wants_a_word() {
    let mut site = site();
    site.config.set("http", "listen", format!("0.0.0.0:{}", tillgate_tests::ports::free()));
    assert_says(&run(&site), CONFIGURATION, &["tls_cert_file", "allow_plaintext"]);
}

#[test]
fn a_missing_device_is_named_while_the_rest_works() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let link = site.attach(SCANNER, "serial-scanner").unplug();
        let _gateway = site.start();
        wait_for_trouble(&site, link.to_str().unwrap());
    });
}

/// Waits until the status says that the scanner is not there, and names its port.
#[track_caller]
fn wait_for_trouble(site: &Site, port: &str) {
    until(WAIT_SECONDS, "the status says what is wrong with the scanner", || {
        let status = site.status();
        let sources = status["sources"].as_array().cloned().unwrap_or_default();
        sources.iter().any(|source| {
            let detail = source["detail"].as_str().unwrap_or_default();
            source["id"] == SCANNER && source["connected"] == false && detail.contains(port)
        })
    });
}

#[test]
fn a_port_that_is_no_serial_port_is_named() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let link = site.attach(SCANNER, "serial-scanner").unplug();
        fs::write(&link, "a file").unwrap();
        let _gateway = site.start();
        wait_for_trouble(&site, link.to_str().unwrap());
    });
}

#[test]
fn a_data_folder_without_rights_is_named() {
    if !process::is_root() {
        println!("skipped: only root can become nobody");
        return;
    }
    let mut site = site();
    site.config.set("gateway", "data_dir", "/var/lib/private-to-root-by-tillgate-tests/data");
    let said = process::run(daemon_of_nobody(&site));
    assert_says(&said, FAILURE, &["/var/lib/private-to-root-by-tillgate-tests", "data_dir"]);
}

#[test]
fn a_read_only_disk_is_named() {
    // Nothing can be written below /proc, not even by root.
    let mut site = site();
    site.config.set("gateway", "data_dir", "/proc/tillgate");
    assert_says(&run(&site), FAILURE, &["/proc/tillgate", "data_dir"]);
}

#[test]
fn a_data_folder_that_is_a_file_is_named() {
    let mut site = site();
    let file = site.folder().join("file");
    fs::write(&file, "a file").unwrap();
    site.config.set("gateway", "data_dir", config::path(&file));
    assert_says(&run(&site), FAILURE, &[file.to_str().unwrap()]);
}

#[test]
fn a_device_without_rights_is_named_with_its_group() {
    if !process::is_root() {
        println!("skipped: only root can become nobody");
        return;
    }
    within(TEST_SECONDS, || {
        let mut site = site();
        let scanner = site.attach(SCANNER, "serial-scanner");
        let port = fs::canonicalize(scanner.path()).unwrap();
        fs::set_permissions(&port, fs::Permissions::from_mode(0o000)).unwrap();
        let said = nobodys_log(&site);
        let link = scanner.path().to_str().unwrap().to_owned();
        assert!(said.contains(&link), "{link} is not in:\n{said}");
        assert!(said.to_lowercase().contains("permission"), "{said}");
    });
}

/// What a daemon of `nobody` logs about its devices.
fn nobodys_log(site: &Site) -> String {
    let daemon = process::Process::start(daemon_of_nobody(site), &site.gateway_log());
    eventually(WAIT_SECONDS, "a line about the scanner", || {
        let log = daemon.log();
        log.lines()
            .find(|line| line.contains(SCANNER) && line.contains("level=warn"))
            .map(str::to_owned)
    })
}

#[test]
fn check_is_pure() {
    let mut site = site();
    let link = site.attach(SCANNER, "serial-scanner").unplug();
    let said = site.run(&["check"]);
    assert_eq!(said.code, 0, "no device and no broker are needed: {}", said.stderr);
    assert!(!site.data_dir().exists(), "check has made the data folder");
    assert!(!Path::new(&link).exists());
}
