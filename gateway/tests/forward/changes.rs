//! The forwarder and what changes while it runs: brokers that go and come back, files that are renewed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tillgate::forward::{Settings, Version};
use tokio::time::sleep;

use crate::broker::{Act, Broker, Script};
use crate::gateway::{Gateway, MemoryOutbox, settings, until};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

fn with_fallback(version: Version, main: u16, fallback: &Broker) -> Settings {
    let mut settings = settings(version, main);
    settings.fallbacks = vec![format!("mqtt://127.0.0.1:{}", fallback.port).parse().unwrap()];
    settings
}

#[tokio::test]
async fn a_fallback_serves_until_the_main_broker_is_back() {
    for version in BOTH {
        let main = Broker::start(version, |_| Script::good()).await;
        let fallback = Broker::start(version, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(10, 20);
        let gateway = Gateway::start(with_fallback(version, main.port, &fallback), &outbox);
        gateway.delivered(10).await;
        assert!(fallback.seen().connects.is_empty(), "the main broker works");

        let port = main.port;
        drop(main);
        outbox.add_many(10);
        gateway.delivered(20).await;
        let state = gateway.board.broker();
        assert_eq!(state.url, format!("mqtt://127.0.0.1:{}", fallback.port));
        assert_eq!(state.fallback_for, Some(format!("mqtt://127.0.0.1:{port}")));
        assert!(fallback.seen().first_arrivals().into_iter().eq(11..=20));

        let main = Broker::start_at(port, version, |_| Script::good()).await;
        until("the main broker", || !main.seen().connects.is_empty()).await;
        outbox.add_many(10);
        gateway.delivered(30).await;
        assert!(main.seen().first_arrivals().into_iter().eq(21..=30));
        assert_eq!(gateway.board.broker().fallback_for, None);
        until("an orderly end", || fallback.seen().goodbyes == 1).await;
    }
}

#[tokio::test]
async fn a_main_broker_that_answers_and_does_not_hold_costs_one_attempt_a_time() {
    let main = Broker::start(Version::V5, |_| Script::answer(|_| vec![Act::Close])).await;
    let fallback = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(with_fallback(Version::V5, main.port, &fallback), &outbox);
    gateway.delivered(10).await;
    until("the second stay", || fallback.seen().connects.len() == 2).await;
    assert_eq!(main.seen().connects.len(), 4, "three attempts first, then one");
    outbox.add(20);
    gateway.delivered(11).await;
}

fn write_password(file: &Path, text: &str) {
    // In one step, as tools for secrets do: a gateway that looks meanwhile sees the old one or the new one.
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, file).unwrap();
}

fn sent_passwords(broker: &Broker) -> Vec<bool> {
    let packets = broker.seen().connect_packets.clone();
    packets.iter().map(|packet| packet.ends_with(b"second")).collect()
}

#[tokio::test]
async fn renewed_files_are_taken_without_loss_and_broken_ones_are_told() {
    for version in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        write_password(&file, "first");
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| vec![Act::AckLater(publish.id, Duration::from_millis(1))])
        })
        .await;
        let mut settings = settings(version, broker.port);
        settings.connection.username = Some("gw-1".to_owned());
        settings.connection.password_file = Some(file.clone());
        settings.window_records = 4;
        let outbox = MemoryOutbox::with_records(500, 20);
        let gateway = Gateway::start(settings, &outbox);
        until("some records", || outbox.through() > 20).await;

        write_password(&file, "");
        until("a warning", || !gateway.board.broker().warnings.is_empty()).await;
        let warning = gateway.board.broker().warnings[0].clone();
        assert_eq!(warning.code, "broker-files");
        assert!(warning.message.contains("is empty: expected a secret"), "{}", warning.message);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(sent_passwords(&broker), [false], "the connection stays as it is");

        write_password(&file, "second");
        until("a new connection", || sent_passwords(&broker) == [false, true]).await;
        gateway.delivered(500).await;
        assert!(gateway.board.broker().warnings.is_empty());
        let seen = broker.seen();
        assert_eq!((seen.repeats(), seen.goodbyes), (0, 1), "the window was empty at the change");
        assert!(seen.first_arrivals().into_iter().eq(1..=500));
    }
}

#[tokio::test]
async fn a_warning_of_broken_files_ends_with_the_connection_that_it_speaks_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    write_password(&file, "first");
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let mut settings = settings(Version::V5, broker.port);
    settings.connection.username = Some("gw-1".to_owned());
    settings.connection.password_file = Some(file.clone());
    let outbox = MemoryOutbox::with_records(1, 20);
    let gateway = Gateway::start(settings, &outbox);
    gateway.delivered(1).await;
    write_password(&file, "");
    until("a warning", || !gateway.board.broker().warnings.is_empty()).await;
    let port = broker.port;
    drop(broker);
    gateway.problem("expected a secret").await;
    write_password(&file, "second");
    let broker = Broker::start_at(port, Version::V5, |_| Script::good()).await;
    outbox.add(20);
    gateway.delivered(2).await;
    assert_eq!(sent_passwords(&broker), [true]);
    assert!(gateway.board.broker().warnings.is_empty());
}
