//! The forwarder and what a broker says to its messages: reasons of MQTT 5, birth and farewell, notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::broker::{Act, Broker, Connack, Script};
use crate::gateway::{Gateway, MemoryOutbox, settings, until};
use bytes::Bytes;
use tillgate::config::NoSubscriber;
use tillgate::forward::{Notice, Version};
use tokio::time::sleep;

const BOTH: [Version; 2] = [Version::V3, Version::V5];

/// A broker that gives one reason for records until told otherwise, and the gateway at it.
async fn refusing(
    reason: u8,
    no_subscriber: NoSubscriber,
) -> (Broker, Gateway, MemoryOutbox, Arc<AtomicBool>) {
    let is_cured = Arc::new(AtomicBool::new(false));
    let cure = Arc::clone(&is_cured);
    let broker = Broker::start(Version::V5, move |_| {
        let cure = Arc::clone(&cure);
        Script::answer(move |publish| {
            let refuses = publish.sequence().is_some() && !cure.load(Ordering::SeqCst);
            vec![Act::AckWith(publish.id, if refuses { reason } else { 0 })]
        })
    })
    .await;
    let mut settings = settings(Version::V5, broker.port);
    settings.no_subscriber = no_subscriber;
    let outbox = MemoryOutbox::with_records(30, 20);
    let gateway = Gateway::start(settings, &outbox);
    (broker, gateway, outbox, is_cured)
}

#[tokio::test]
async fn records_are_held_while_nobody_receives_them_and_flow_when_somebody_does() {
    let (broker, gateway, outbox, cure) = refusing(0x10, NoSubscriber::Hold).await;
    gateway.problem("knows no receiver for our records").await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(outbox.through(), 0);
    assert!(gateway.board.broker().connected);
    let tries = broker.seen().sequences();
    assert!(tries[30..].iter().all(|sequence| *sequence == 1), "one record tries: {tries:?}");
    cure.store(true, Ordering::SeqCst);
    gateway.delivered(30).await;
    assert_eq!(gateway.board.broker().problem, None);
    assert_eq!(broker.seen().connects.len(), 1);
    outbox.add(20);
    gateway.delivered(31).await;
}

#[tokio::test]
async fn records_that_nobody_receives_can_count_as_delivered() {
    let (broker, gateway, outbox, cure) = refusing(0x10, NoSubscriber::Deliver).await;
    gateway.delivered(30).await;
    assert_eq!(broker.seen().repeats(), 0);
    assert_eq!(gateway.board.broker().problem, None);
    let unheard = gateway.board.broker().unheard.expect("a word about it");
    assert_eq!(unheard.records, 30);
    cure.store(true, Ordering::SeqCst);
    outbox.add(20);
    gateway.delivered(31).await;
    assert_eq!(gateway.board.broker().unheard, None, "somebody receives");
}

#[tokio::test]
async fn a_broker_that_has_trouble_gets_the_same_records_again() {
    for (reason, words) in
        [(0x97, "quota"), (0x80, "no reason"), (0x83, "trouble of its own"), (0x87, "access rules")]
    {
        let (_broker, gateway, outbox, cure) = refusing(reason, NoSubscriber::Deliver).await;
        gateway.problem(words).await;
        assert_eq!(outbox.through(), 0);
        cure.store(true, Ordering::SeqCst);
        gateway.delivered(30).await;
    }
}

#[tokio::test]
async fn t8_one_refusal_in_the_middle_costs_repeats_only() {
    for reason in [0x10, 0x80, 0x97] {
        let was_refused = Arc::new(AtomicBool::new(false));
        let broker = Broker::start(Version::V5, move |_| {
            let was_refused = Arc::clone(&was_refused);
            Script::answer(move |publish| {
                let refuses =
                    publish.sequence() == Some(5) && !was_refused.swap(true, Ordering::SeqCst);
                vec![Act::AckWith(publish.id, if refuses { reason } else { 0 })]
            })
        })
        .await;
        let mut settings = settings(Version::V5, broker.port);
        settings.window_records = 4;
        let outbox = MemoryOutbox::with_records(50, 20);
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(50).await;
        let seen = broker.seen();
        assert!(seen.taken.iter().copied().eq(1..=50));
        assert!(seen.repeats() <= 4, "{} repeats", seen.repeats());
        assert_eq!(seen.connects.len(), 1);
    }
}

#[tokio::test]
async fn a_record_that_the_broker_never_takes_is_parked() {
    for reason in [0x90, 0x99] {
        let broker = Broker::start(Version::V5, move |_| {
            Script::answer(move |publish| {
                let refuses = matches!(publish.sequence(), Some(3 | 10));
                vec![Act::AckWith(publish.id, if refuses { reason } else { 0 })]
            })
        })
        .await;
        let outbox = MemoryOutbox::with_records(10, 20);
        let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
        gateway.delivered(10).await;
        let parked: Vec<u64> = outbox.parked.lock().unwrap().keys().copied().collect();
        assert_eq!(parked, [3, 10]);
        // Without receipts, too: a number that is missing would explain itself to nobody.
        let seen = broker.seen();
        assert_eq!(seen.parked(), [3, 10]);
        assert_eq!((seen.repeats(), seen.connects.len()), (0, 1));
    }
}

#[tokio::test]
async fn a_packet_id_that_the_broker_thinks_in_use_ends_the_connection() {
    let broker = Broker::start(Version::V5, |connection| {
        Script::answer(move |publish| {
            let refuses = connection == 0 && publish.sequence() == Some(3);
            vec![Act::AckWith(publish.id, if refuses { 0x91 } else { 0 })]
        })
    })
    .await;
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
    gateway.delivered(10).await;
    assert_eq!(broker.seen().connects.len(), 2);
}

#[tokio::test]
async fn the_told_packet_size_decides_to_the_byte() {
    // Fixed header 2, topic 2 + 34, id 2, properties 1 + 31, payload "1 " and dots.
    let overhead = 2 + 2 + 34 + 2 + 1 + 31 + 2;
    for (extra, is_parked) in [(0, false), (1, true)] {
        let connack = Connack { packet_max: Some(120), ..Connack::default() };
        let broker =
            Broker::start(Version::V5, move |_| Script::good().with_connack(connack)).await;
        let outbox = MemoryOutbox::with_records(1, 120 - overhead + extra);
        let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
        gateway.delivered(1).await;
        assert_eq!(outbox.parked.lock().unwrap().contains_key(&1), is_parked);
        assert_eq!(broker.seen().sequences().len(), usize::from(!is_parked));
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test]
async fn birth_will_and_farewell_are_retained_on_one_topic() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(3, 20);
        let gateway = Gateway::start(settings(version, broker.port), &outbox);
        gateway.delivered(3).await;
        gateway.stop().await;
        until("DISCONNECT", || broker.seen().goodbyes == 1).await;
        let seen = broker.seen();
        let states: Vec<(usize, serde_json::Value)> = seen
            .publishes
            .iter()
            .enumerate()
            .filter(|(_, publish)| publish.topic == "tillgate/v1/acme/0042/gw-1/status")
            .map(|(index, publish)| {
                assert!(publish.retain);
                (index, serde_json::from_slice(&publish.payload).unwrap())
            })
            .collect();
        assert_eq!(
            (states[0].0, &states[0].1["state"]),
            (0, &"online".into()),
            "birth comes first"
        );
        assert_eq!(
            (states[1].0, &states[1].1["state"]),
            (4, &"offline".into()),
            "offline comes last"
        );
        assert!(
            states
                .iter()
                .all(|(_, state)| state["version"].is_string() && state["since"].is_string())
        );
        let connect = String::from_utf8_lossy(&seen.connect_packets[0]).into_owned();
        assert!(connect.contains("gw-1/status") && connect.contains("\"offline\""), "{connect:?}");
    }
}

#[tokio::test]
async fn a_broker_without_retained_messages_is_no_obstacle() {
    let connack = Connack { retain_unavailable: true, ..Connack::default() };
    let broker = Broker::start(Version::V5, move |_| Script::good().with_connack(connack)).await;
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
    gateway.delivered(10).await;
    assert_eq!(broker.seen().repeats(), 0);
    assert!(broker.seen().publishes.iter().all(|publish| !publish.retain));
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| vec![Act::AckLater(publish.id, Duration::from_millis(200))])
        })
        .await;
        let outbox = MemoryOutbox::with_records(20, 20);
        let gateway = Gateway::start(settings(version, broker.port), &outbox);
        until("records under way", || broker.seen().sequences().len() == 20).await;
        gateway.stop().await;
        assert_eq!(outbox.through(), 20);
        until("DISCONNECT", || broker.seen().goodbyes == 1).await;
    }
}

#[tokio::test]
async fn a_stop_at_a_silent_broker_leaves_the_will_to_the_broker() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::answer(|_| vec![])).await;
        let outbox = MemoryOutbox::with_records(20, 20);
        let mut settings = settings(version, broker.port);
        settings.timing.stop = Duration::from_millis(100);
        let gateway = Gateway::start(settings, &outbox);
        until("records under way", || broker.seen().sequences().len() == 20).await;
        gateway.stop().await;
        assert_eq!((outbox.through(), broker.seen().goodbyes), (0, 0));
    }
}

#[tokio::test]
async fn notices_are_sent_until_they_are_acknowledged() {
    for reason in [0x00, 0x10] {
        let broker = Broker::start(Version::V5, move |connection| {
            Script::answer(move |publish| {
                let is_notice = publish.topic.ends_with("/findings");
                match (connection, is_notice) {
                    (0, true) => vec![Act::Close],
                    (_, true) => vec![Act::AckWith(publish.id, reason)],
                    _ => vec![Act::Ack(publish.id)],
                }
            })
        })
        .await;
        let outbox = MemoryOutbox::with_records(3, 20);
        for number in 0..25 {
            let payload = Bytes::from_static(b"{}");
            outbox.notices.lock().unwrap().push(Notice { id: format!("q{number}"), payload });
        }
        let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
        until("notices", || outbox.notices.lock().unwrap().is_empty()).await;
        gateway.delivered(3).await;
    }
}

#[tokio::test]
async fn records_carry_their_content_type() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(1, 20);
    let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
    gateway.delivered(1).await;
    let seen = broker.seen();
    let record = seen.publishes.iter().find(|publish| publish.sequence().is_some()).unwrap();
    assert_eq!(record.content_type.as_deref(), Some("application/cloudevents+json"));
    assert!(!record.retain);
}

#[tokio::test]
async fn an_idle_forwarder_rests_and_wakes_for_a_new_record() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(3, 20);
        let gateway = Gateway::start(settings(version, broker.port), &outbox);
        gateway.delivered(3).await;
        until("rest", || !gateway.pulse.read().1).await;
        let readings = outbox.readings.load(Ordering::SeqCst);
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(outbox.readings.load(Ordering::SeqCst), readings, "nothing new, nothing read");
        assert_eq!(broker.seen().connects.len(), 1, "silence of an idle connection is no fault");
        outbox.add(20);
        gateway.delivered(4).await;
    }
}

#[tokio::test]
async fn large_records_do_not_pile_up_in_memory() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::answer(|_| vec![])).await;
        let outbox = MemoryOutbox::with_records(200, 512 << 10);
        let mut settings = settings(version, broker.port);
        settings.timing.unanswered = Duration::from_secs(60);
        let _gateway = Gateway::start(settings, &outbox);
        until("a full window", || broker.seen().sequences().len() >= 16).await;
        sleep(Duration::from_millis(300)).await;
        // Eight MiB under way, four ready, and the first reading before the size was known.
        let read = outbox.read_through.load(Ordering::SeqCst);
        assert!(read <= 16 + 8 + 16, "{read} records of half a MiB");
        assert!(broker.seen().sequences().len() <= 17);
    }
}
