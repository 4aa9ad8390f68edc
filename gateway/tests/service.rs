//! What the service manager hears, over a socket like its own.

#![expect(clippy::expect_used, reason = "a test may panic, its helpers too")]

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tillgate::telemetry::pulse::Pulse;
use tillgate::telemetry::service::{self, Watch};
use tokio_util::sync::CancellationToken;

const CHILD: &str = "TILLGATE_TEST_SERVICE";

/// The environment names the socket, so that the service has to be a process of its own: this test once more.
#[test]
fn the_watchdog_is_fed_until_a_task_hangs() {
    if std::env::var_os(CHILD).is_some() {
        return hang_after_one_step();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_watchdog_is_fed_until_a_task_hangs"])
        .env(CHILD, "1")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000")
        .env_remove("WATCHDOG_PID")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    // Read at once, as a service manager does: the socket holds only a few messages.
    let mut heard: Vec<String> = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.last().is_some_and(|message| message.starts_with("STOPPING=1")) {
        let length = manager.recv(&mut buffer).unwrap();
        heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(heard.first().map(String::as_str), Some("READY=1\nSTATUS=tills may come\n"));
    assert_eq!(heard.last().map(String::as_str), Some("STOPPING=1\nSTATUS=draining\n"));
    let count = |text: &str| heard.iter().filter(|message| message.as_str() == text).count();
    assert_eq!(count("WATCHDOG=1\n"), 1, "fed for one step and no more: {heard:#?}");
    assert!(count("STATUS=3 records wait\n") > 2, "{heard:#?}");
}

fn hang_after_one_step() {
    let pulse = Arc::new(Pulse::default());
    pulse.beat();
    service::ready("tills may come");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let stop = CancellationToken::new();
    runtime.expect("a runtime").block_on(async {
        let watch = Watch::default().task("writer", pulse);
        let watching = service::watch(watch, || "3 records wait".to_owned(), stop);
        let _ended = tokio::time::timeout(Duration::from_millis(500), watching).await;
    });
    service::stopping("draining");
}
