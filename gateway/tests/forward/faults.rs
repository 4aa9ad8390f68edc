//! The forwarder against a broker that misbehaves: nothing is lost, first arrivals are in order, nothing hangs,
//! and a fault costs at most a window of repeats. Each test runs for both MQTT versions.

use std::time::{Duration, Instant};

use crate::broker::{Act, Broker, Connack, Publish, Script, Suback};
use crate::gateway::{Gateway, MemoryOutbox, settings, until};
use tillgate::config::Confirm;
use tillgate::forward::Version;

const BOTH: [Version; 2] = [Version::V3, Version::V5];

/// Runs a forwarder with `count` records against a script, and checks what must always hold.
async fn forwarded(
    version: Version,
    count: u64,
    window: u16,
    script: impl Fn(usize) -> Script + Send + Sync + 'static,
) -> Broker {
    let broker = Broker::start(version, script).await;
    let mut settings = settings(version, broker.port);
    settings.window_records = window;
    let outbox = MemoryOutbox::with_records(count, 20);
    let gateway = Gateway::start(settings, &outbox);
    gateway.delivered(count).await;
    check(&broker, count, usize::from(window));
    broker
}

fn check(broker: &Broker, count: u64, window: usize) {
    let seen = broker.seen();
    let all: Vec<u64> = (1..=count).collect();
    assert_eq!(seen.first_arrivals(), all, "first arrivals in order");
    assert!(seen.taken.iter().copied().eq(all), "acknowledged, but the broker did not take it");
    let faults = seen.connects.len() - 1;
    assert!(seen.repeats() <= faults * window, "{} repeats, {faults} faults", seen.repeats());
}

fn is_record(publish: &Publish) -> bool {
    publish.sequence().is_some()
}

#[tokio::test]
async fn without_faults_nothing_is_repeated() {
    for version in BOTH {
        let broker = forwarded(version, 1000, 200, |_| Script::good()).await;
        assert_eq!(broker.seen().repeats(), 0);
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test]
async fn t1_the_link_drops_with_records_in_flight_and_queued() {
    for version in BOTH {
        forwarded(version, 40, 15, |connection| {
            let mut records = 0;
            Script::answer(move |publish| {
                records += usize::from(is_record(publish));
                match (connection, records) {
                    (0, 0) => vec![Act::Ack(publish.id)],
                    (0, 1..=4) => vec![],
                    (0, _) => vec![Act::Reset],
                    _ => vec![Act::Ack(publish.id)],
                }
            })
        })
        .await;
    }
}

#[tokio::test]
async fn t2_the_broker_is_slow_after_a_lost_link() {
    for version in BOTH {
        forwarded(version, 40, 10, |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(7..)) => vec![Act::Close],
                _ => vec![Act::AckLater(publish.id, Duration::from_millis(20))],
            })
        })
        .await;
    }
}

#[tokio::test]
async fn a_line_that_is_cut_before_a_full_window_is_answered_carries_records_all_the_same() {
    for version in BOTH {
        // The answers take their time, and no connection lives to see a sixth record under way.
        forwarded(version, 30, 20, |_| {
            let mut records = 0;
            Script::answer(move |publish| {
                records += usize::from(is_record(publish));
                match records {
                    0..=5 => vec![Act::AckLater(publish.id, Duration::from_millis(20))],
                    _ => vec![Act::Reset],
                }
            })
        })
        .await;
    }
}

#[tokio::test]
async fn t3_answers_out_of_order_then_the_link_is_lost() {
    for version in BOTH {
        forwarded(version, 40, 10, |connection| {
            let mut held = Vec::new();
            Script::answer(move |publish| {
                if connection > 0 || !is_record(publish) {
                    return vec![Act::Ack(publish.id)];
                }
                held.push(publish.id);
                if held.len() < 8 {
                    return vec![];
                }
                // All but the first, last one first.
                let mut acts: Vec<Act> = held.drain(..).skip(1).rev().map(Act::Ack).collect();
                acts.push(Act::Close);
                acts
            })
        })
        .await;
    }
}

#[tokio::test]
async fn t4_a_broker_that_stops_reading_is_dropped_by_the_watchdog() {
    for version in BOTH {
        let broker = Broker::start(version, |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(3..)) => vec![Act::StopReading],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        let outbox = MemoryOutbox::with_records(40, 64 << 10);
        let gateway = Gateway::start(settings(version, broker.port), &outbox);
        let begun = Instant::now();
        gateway.delivered(40).await;
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        check(&broker, 40, 200);
    }
}

#[tokio::test]
async fn t5_an_answer_that_comes_with_the_end_of_the_link_counts() {
    for version in BOTH {
        // Each connection brings one record forward: if the answer were lost, none ever would.
        let broker = forwarded(version, 10, 4, |_| {
            Script::answer(|publish| match publish.sequence() {
                Some(_) => vec![Act::Ack(publish.id), Act::Close],
                None => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        assert_eq!(broker.seen().connects.len(), 10);
    }
}

#[tokio::test]
async fn t6_the_receive_maximum_shrinks() {
    for version in BOTH {
        let broker = forwarded(version, 400, 200, |connection| {
            let mut records = 0;
            let mut held = Vec::new();
            let receive_maximum = Some([100, 20, 1].get(connection).copied().unwrap_or(5));
            Script::answer(move |publish| {
                records += usize::from(is_record(publish));
                if connection < 3 && records == 150 {
                    return vec![Act::Close];
                }
                // Answers in pairs, so that the limit is felt.
                held.push(publish.id);
                if held.len() < 2
                    && receive_maximum > Some(1)
                    && records < 140
                    && is_record(publish)
                {
                    return vec![];
                }
                held.drain(..).map(Act::Ack).collect()
            })
            .with_connack(Connack { receive_maximum, ..Connack::default() })
        })
        .await;
        if version == Version::V5 {
            let most_open = broker.seen().most_open.clone();
            for (open, limit) in most_open.iter().zip([100, 20, 1, 5]) {
                assert!(*open <= limit, "{most_open:?}");
            }
        }
    }
}

#[tokio::test]
async fn t7_the_order_holds_when_ids_have_wrapped() {
    for version in BOTH {
        // Ids go from 1 to 15.
        forwarded(version, 100, 3, |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(46..)) => vec![],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
    }
}

#[tokio::test]
async fn t9_each_answer_comes_twice() {
    for version in BOTH {
        forwarded(version, 20, 4, |connection| {
            Script::answer(move |publish| match connection {
                0..5 => vec![Act::Ack(publish.id), Act::AckStray(publish.id)],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
    }
}

#[tokio::test]
async fn t10_a_record_over_the_limit_is_parked_and_the_rest_goes_on() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(4, 20);
        outbox.add(5000);
        outbox.add(20);
        outbox.add(5000);
        let mut settings = settings(version, broker.port);
        settings.message_max = 4096;
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(7).await;
        assert_eq!(broker.seen().first_arrivals(), [1, 2, 3, 4, 6]);
        assert_eq!(broker.seen().connects.len(), 1);
        let parked = outbox.parked.lock().unwrap().clone();
        assert_eq!(parked.keys().copied().collect::<Vec<_>>(), [5, 7]);
        assert_eq!(broker.seen().parked(), [5, 7], "their numbers are not missing");
        assert!(parked[&5].contains("mqtt.message_max"), "{parked:?}");
    }
}

#[tokio::test]
async fn an_answer_to_nothing_ends_the_connection() {
    for version in BOTH {
        for stray in [0, 999, 65_535] {
            let broker = forwarded(version, 20, 4, move |connection| {
                Script::answer(move |publish| match (connection, publish.sequence()) {
                    (0, Some(9)) => vec![Act::AckStray(stray)],
                    _ => vec![Act::Ack(publish.id)],
                })
            })
            .await;
            assert_eq!(broker.seen().connects.len(), 2);
        }
    }
}

#[tokio::test]
async fn one_answer_that_never_comes_does_not_stop_the_rest_for_good() {
    for version in BOTH {
        forwarded(version, 100, 10, |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(5)) => vec![],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
    }
}

#[tokio::test]
async fn answers_in_reverse_order_and_late_ones_need_no_new_connection() {
    for version in BOTH {
        let broker = forwarded(version, 200, 10, |_| {
            let mut held = Vec::new();
            Script::answer(move |publish| {
                held.push(publish.id);
                if held.len() < 5 && publish.sequence() != Some(200) && is_record(publish) {
                    return vec![];
                }
                held.drain(..).rev().map(|id| Act::AckLater(id, Duration::from_millis(3))).collect()
            })
        })
        .await;
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test]
async fn packet_ids_wrap() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::good()).await;
        let mut settings = settings(version, broker.port);
        settings.window_records = 200;
        let outbox = MemoryOutbox::with_records(70_000, 10);
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(70_000).await;
        let seen = broker.seen();
        assert_eq!((seen.connects.len(), seen.repeats()), (1, 0));
        assert_eq!(seen.first_arrivals().len(), 70_000);
    }
}

/// Every byte of the first packets of a session, in both directions: CONNECT, SUBSCRIBE, birth, records; CONNACK,
/// SUBACK, a receipt, PUBACK.
#[tokio::test]
async fn a_cut_at_any_byte_costs_nothing_but_repeats() {
    const READ: usize = 800;
    const WRITTEN: usize = 200;
    for (version, confirm) in BOTH
        .into_iter()
        .flat_map(|version| [(version, Confirm::Puback), (version, Confirm::Receipt)])
    {
        let broker = Broker::start(version, |connection| {
            let receipt = "{\"incarnation\":1,\"through\":0}".to_owned();
            let mut script = Script::good().with_suback(Suback::Granted(Some(receipt)));
            if connection < READ {
                script.cut_reading_at = Some(connection);
            } else if connection < READ + WRITTEN {
                script.cut_writing_at = Some(connection - READ);
            }
            script
        })
        .await;
        let mut settings = settings(version, broker.port);
        settings.confirm = confirm;
        settings.window_records = 3;
        settings.timing.connect_floor = Duration::ZERO;
        settings.timing.backoff_cap = Duration::from_millis(1);
        let outbox = MemoryOutbox::with_records(1000, 20);
        let gateway = Gateway::start(settings, &outbox);
        until("the cuts", || broker.seen().connects.len() > 500).await;
        gateway.delivered(1000).await;
        let seen = broker.seen();
        assert!(seen.first_arrivals().into_iter().eq(1..=1000));
        assert!(seen.taken.iter().copied().eq(1..=1000));
        assert!(outbox.parked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn connack_that_is_late_is_waited_for_and_one_that_never_comes_is_not() {
    for version in BOTH {
        let late = Connack { delay: Duration::from_millis(300), ..Connack::default() };
        let broker = forwarded(version, 5, 5, move |_| Script::good().with_connack(late)).await;
        assert_eq!(broker.seen().connects.len(), 1);

        let never = Broker::start(version, |_| Script::good().without_connack()).await;
        let outbox = MemoryOutbox::with_records(1, 20);
        let gateway = Gateway::start(settings(version, never.port), &outbox);
        gateway.problem("did not answer CONNECT within 1 s").await;
        until("another attempt", || never.seen().connects.len() > 1).await;
        assert!(never.seen().publishes.is_empty());
    }
}

#[tokio::test]
async fn a_refused_connect_says_what_to_do() {
    let refusals = [
        (Version::V3, 1, "set mqtt.version"),
        (Version::V3, 2, "gateway.id"),
        (Version::V3, 3, "not in service"),
        (Version::V3, 4, "mqtt.password_file"),
        (Version::V3, 5, "access rules"),
        (Version::V5, 0x84, "set mqtt.version"),
        (Version::V5, 0x85, "gateway.id"),
        (Version::V5, 0x86, "mqtt.password_file"),
        (Version::V5, 0x87, "access rules"),
        (Version::V5, 0x88, "not in service"),
        (Version::V5, 0x8A, "access rules"),
    ];
    for (version, code, words) in refusals {
        let connack = Connack { code, ..Connack::default() };
        let broker = Broker::start(version, move |_| Script::good().with_connack(connack)).await;
        let gateway =
            Gateway::start(settings(version, broker.port), &MemoryOutbox::with_records(1, 20));
        gateway.problem(words).await;
        assert!(!gateway.board.broker().connected);
        assert!(broker.seen().publishes.is_empty());
    }
}

#[tokio::test]
async fn a_refused_connect_of_any_code_is_tried_again() {
    let v3 = (1..=6).map(|code| (Version::V3, code));
    // MQTT 5, 3.2.2.2: and one that does not exist.
    let codes =
        [0x80..=0x8A, 0x8C..=0x8C, 0x90..=0x90, 0x95..=0x95, 0x97..=0x97, 0x99..=0x9D, 0x9F..=0x9F];
    let v5 = codes.into_iter().flatten().chain([0xFE]).map(|code| (Version::V5, code));
    for (version, code) in v3.chain(v5) {
        let broker = forwarded(version, 5, 5, move |connection| {
            let code = if connection == 0 { code } else { 0 };
            Script::good().with_connack(Connack { code, ..Connack::default() })
        })
        .await;
        assert_eq!(broker.seen().connects.len(), 2, "{version:?} {code:#x}");
    }
}

#[tokio::test]
async fn a_broker_that_ends_the_connection_with_any_reason_gets_the_rest_later() {
    // MQTT 5, 3.14.2.1: what a server may send, and one that does not exist.
    let reasons = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90]
        .into_iter()
        .chain(0x93..=0x9E)
        .chain(0xA0..=0xA2)
        .chain([0xFE]);
    for reason in reasons {
        let broker = forwarded(Version::V5, 20, 4, move |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(7)) => vec![Act::Disconnect(reason)],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        assert_eq!(broker.seen().connects.len(), 2, "{reason:#x}");
    }
}

/// MQTT 3.1.1 has no other way to refuse a message, and some brokers of MQTT 5 use no other.
#[tokio::test]
async fn a_record_at_which_the_broker_ends_every_connection_is_parked_alone() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| match publish.sequence() {
                Some(5 | 12) => vec![Act::Close],
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        let mut settings = settings(version, broker.port);
        settings.timing.poison_patience = Duration::ZERO;
        let outbox = MemoryOutbox::with_records(20, 20);
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(20).await;
        let parked = outbox.parked.lock().unwrap().clone();
        assert_eq!(parked.keys().copied().collect::<Vec<_>>(), [5, 12]);
        assert!(parked[&5].contains("published alone"), "{parked:?}");
        let seen = broker.seen();
        assert_eq!(seen.parked(), [5, 12], "their numbers are not missing");
        assert!(seen.first_arrivals().into_iter().eq(1..=20));
        assert!(seen.taken.iter().copied().eq((1..=20).filter(|number| ![5, 12].contains(number))));
        assert!(seen.connects.len() <= 1 + 2 * 8, "{} connections", seen.connects.len());
    }
}

#[tokio::test]
async fn a_broker_that_ends_the_connection_at_every_record_gets_no_more_than_one_of_them_parked() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| match publish.sequence() {
                Some(_) => vec![Act::Close],
                None => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        let mut settings = settings(version, broker.port);
        settings.timing.poison_patience = Duration::ZERO;
        let outbox = MemoryOutbox::with_records(20, 20);
        let gateway = Gateway::start(settings, &outbox);
        gateway.problem("times when record 2 was sent").await;
        until("many attempts", || broker.seen().connects.len() > 40).await;
        assert_eq!(outbox.parked.lock().unwrap().len(), 1, "the rest waits");
    }
}

#[tokio::test]
async fn a_session_that_we_did_not_ask_for_is_not_trusted() {
    for version in BOTH {
        forwarded(version, 5, 5, |connection| {
            let session_present = connection == 0;
            Script::good().with_connack(Connack { session_present, ..Connack::default() })
        })
        .await;
    }
}

#[tokio::test]
async fn two_gateways_with_one_id_do_not_fight_at_full_speed() {
    let broker =
        Broker::start(Version::V5, |_| Script::answer(|_| vec![Act::Disconnect(0x8E)])).await;
    let mut settings = settings(Version::V5, broker.port);
    settings.timing.connect_floor = Duration::from_millis(100);
    let gateway = Gateway::start(settings, &MemoryOutbox::with_records(1, 20));
    gateway.problem("two gateways share org, store and id").await;
    until("five attempts", || broker.seen().connects.len() >= 5).await;
    let connects = broker.seen().connects.clone();
    // Four pauses of 100 ms at least. A busy machine sees one attempt late and the next in time.
    let took = connects[4] - connects[0];
    assert!(took > Duration::from_millis(300), "{took:?}");
    assert!(gateway.board.broker().reconnects >= 4);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gateway = Gateway::start(settings(Version::V5, port), &MemoryOutbox::with_records(1, 20));
    let problem = gateway.problem("nothing listens there").await;
    assert!(problem.contains(&format!("mqtt://127.0.0.1:{port}")), "{problem}");
    assert!(gateway.board.broker().next_attempt.is_some());
    let mut unknown = settings(Version::V5, port);
    unknown.connection.address.host = "broker.invalid".to_owned();
    let gateway = Gateway::start(unknown, &MemoryOutbox::with_records(1, 20));
    gateway.problem("broker.invalid cannot be resolved").await;
    let begun = Instant::now();
    gateway.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_record_that_the_broker_never_answers_is_parked_alone() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| match publish.sequence() {
                Some(5) => Vec::new(),
                _ => vec![Act::Ack(publish.id)],
            })
        })
        .await;
        let mut settings = settings(version, broker.port);
        settings.timing.poison_patience = Duration::ZERO;
        settings.timing.unanswered = Duration::from_millis(300);
        let outbox = MemoryOutbox::with_records(20, 20);
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(20).await;
        assert!(outbox.parked.lock().unwrap().keys().copied().eq([5]));
        assert_eq!(broker.seen().parked(), [5]);
    }
}
