//! The forwarder and the CRM's receipts: a broker's acknowledgement is not the end, and what it lost goes out again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tillgate::config::Confirm;
use tillgate::forward::{Outbox, Settings, Version};
use tokio::time::sleep;

use crate::broker::{Act, Broker, Connack, Publish, Script, Suback};
use crate::gateway::{Gateway, MemoryOutbox, settings, until};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

fn awaiting(version: Version, broker: &Broker) -> Settings {
    Settings { confirm: Confirm::Receipt, ..settings(version, broker.port) }
}

fn through(number: u64) -> String {
    format!("{{\"incarnation\":1,\"through\":{number}}}")
}

/// A CRM that confirms every record before the broker acknowledges it.
fn eager(publish: &Publish) -> Vec<Act> {
    let receipt = publish.sequence().map(|sequence| Act::Say(through(sequence)));
    receipt.into_iter().chain([Act::Ack(publish.id)]).collect()
}

/// The codes of what needs attention.
fn warned(gateway: &Gateway) -> Vec<String> {
    gateway.board.broker().warnings.into_iter().map(|warning| warning.code).collect()
}

/// What the gateway said that it no longer has: first and last.
fn lost(broker: &Broker) -> Vec<(u64, u64)> {
    let seen = broker.seen();
    let events = seen
        .publishes
        .iter()
        .filter_map(|publish| serde_json::from_slice::<serde_json::Value>(&publish.payload).ok());
    events
        .filter(|event| event["type"] == "tillgate.lost.v1")
        .map(|event| {
            assert_eq!(event["source"], "/acme/0042/gw-1");
            let first = event["sequence"].as_str().unwrap().parse().unwrap();
            (first, event["data"]["through"].as_u64().unwrap())
        })
        .collect()
}

/// How often each number from 1 on arrived.
fn arrivals(broker: &Broker, count: u64) -> Vec<usize> {
    let sequences = broker.seen().sequences();
    (1..=count).map(|number| sequences.iter().filter(|seen| **seen == number).count()).collect()
}

#[tokio::test]
async fn receipts_are_heard_although_they_come_before_the_acknowledgement() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::answer(eager)).await;
        let outbox = MemoryOutbox::with_records(300, 20);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        until("receipts", || outbox.confirmed() == 300).await;
        until("our acknowledgements", || broker.seen().acknowledged == 300).await;
        let seen = broker.seen();
        assert_eq!(
            seen.subscriptions,
            [("tillgate/v1/acme/0042/gw-1/receipts".to_owned(), 0)],
            "subscribed before the first publish"
        );
        assert_eq!((seen.repeats(), seen.connects.len()), (0, 1));
        drop(seen);
        assert!(warned(&gateway).is_empty());
    }
}

#[tokio::test]
async fn a_retained_receipt_counts_when_acknowledgements_have_caught_up() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::good().with_suback(Suback::Granted(Some(through(30))))
        })
        .await;
        let outbox = MemoryOutbox::with_records(30, 20);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        gateway.delivered(30).await;
        until("the receipt", || outbox.confirmed() == 30).await;
        assert_eq!(broker.seen().repeats(), 0);
    }
}

#[tokio::test]
async fn without_receipts_nobody_is_asked() {
    let broker = Broker::start(Version::V5, |_| Script::answer(eager)).await;
    let outbox = MemoryOutbox::with_records(30, 20);
    let gateway = Gateway::start(settings(Version::V5, broker.port), &outbox);
    gateway.delivered(30).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!((outbox.confirmed(), broker.seen().repeats()), (0, 0));
    assert!(broker.seen().subscriptions.is_empty());
}

#[tokio::test]
async fn a_subscription_that_is_refused_or_not_answered_is_told_and_stops_nothing() {
    for version in BOTH {
        for suback in [Suback::Refused, Suback::Never] {
            let script = move |_| Script::good().with_suback(suback.clone());
            let broker = Broker::start(version, script).await;
            let outbox = MemoryOutbox::with_records(30, 20);
            let gateway = Gateway::start(awaiting(version, &broker), &outbox);
            gateway.delivered(30).await;
            assert_eq!(warned(&gateway), ["receipts-subscription"]);
            assert_eq!(broker.seen().connects.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_retained_message_that_is_too_large_for_our_client_stops_no_records() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::good().with_suback(Suback::Granted(Some("x".repeat(2 << 20))))
        })
        .await;
        let outbox = MemoryOutbox::with_records(30, 20);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        gateway.delivered(30).await;
        assert_eq!(warned(&gateway), ["receipts-subscription"]);
    }
}

#[tokio::test]
async fn nonsense_on_the_receipts_topic_is_told_and_changes_nothing() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(30, 20);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        gateway.delivered(30).await;
        for nonsense in ["", "\u{0}", "[]", "{\"incarnation\":1,\"resend\":[9,3]}"] {
            broker.say(version, nonsense);
        }
        until("a warning", || warned(&gateway) == ["receipt-malformed"]).await;
        broker.say(version, &through(31));
        broker.say(version, "{\"incarnation\":7,\"through\":3}");
        broker.say(version, "{\"incarnation\":1,\"resend\":[1,31]}");
        until("a warning", || warned(&gateway).contains(&"receipt-unknown".to_owned())).await;
        assert_eq!(outbox.confirmed(), 0);
        broker.say(version, &through(30));
        until("a receipt", || outbox.confirmed() == 30).await;
        until("no warning", || warned(&gateway).is_empty()).await;
        let seen = broker.seen();
        assert_eq!((seen.repeats(), seen.connects.len()), (0, 1));
    }
}

#[tokio::test]
async fn records_that_the_crm_asks_for_go_out_again_in_order_beside_new_ones() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::answer(|publish| vec![Act::AckLater(publish.id, Duration::from_millis(2))])
        })
        .await;
        let outbox = MemoryOutbox::with_records(600, 20);
        let mut settings = awaiting(version, &broker);
        settings.window_records = 8;
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(600).await;
        for resend in ["[301,320]", "[100,119]", "[110,600]"] {
            broker.say(version, &format!("{{\"incarnation\":1,\"resend\":{resend}}}"));
        }
        until("some again", || broker.seen().repeats() > 20).await;
        outbox.add_many(200);
        gateway.delivered(800).await;
        assert!(broker.seen().repeats() < 400, "new records wait for old ones");
        until("all again", || broker.seen().repeats() == 501).await;
        let expected = |number: usize| if (100..=600).contains(&number) { 2 } else { 1 };
        assert!(arrivals(&broker, 800).into_iter().eq((1..=800).map(expected)));
        let sequences = broker.seen().sequences();
        let again: Vec<u64> =
            sequences[600..].iter().copied().filter(|seen| *seen <= 600).collect();
        let outs_of_order = again.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(outs_of_order <= 1, "one request came when another was under way: {again:?}");
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test]
async fn records_that_go_out_again_are_not_forgotten_with_a_connection() {
    for version in BOTH {
        let broker = Broker::start(version, |connection| {
            let mut records = 0;
            Script::answer(move |publish| {
                records += usize::from(publish.sequence().is_some());
                let breaks =
                    (connection == 0 && records > 130) || (connection == 1 && records > 10);
                vec![if breaks { Act::Reset } else { Act::Ack(publish.id) }]
            })
        })
        .await;
        let outbox = MemoryOutbox::with_records(100, 20);
        let mut settings = awaiting(version, &broker);
        settings.window_records = 10;
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(100).await;
        broker.say(version, "{\"incarnation\":1,\"resend\":[1,100]}");
        until("all again", || {
            let connections = broker.seen().connects.len();
            connections == 3 && arrivals(&broker, 100).iter().all(|count| *count > 1)
        })
        .await;
    }
}

#[tokio::test]
async fn a_refusal_of_what_goes_out_again_holds_it_and_nothing_is_forgotten() {
    let broker = Broker::start(Version::V5, |_| {
        let mut records = 0;
        Script::answer(move |publish| {
            records += usize::from(publish.sequence().is_some());
            vec![Act::AckWith(publish.id, if (55..60).contains(&records) { 0x97 } else { 0 })]
        })
    })
    .await;
    let outbox = MemoryOutbox::with_records(50, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(50).await;
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[1,50]}");
    until("all again", || arrivals(&broker, 50).iter().all(|count| *count > 1)).await;
    outbox.add(20);
    gateway.delivered(51).await;
    assert_eq!(broker.seen().connects.len(), 1);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_and_the_rest_is_sent() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(50, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(50).await;
    outbox.pruned.store(20, Ordering::SeqCst);
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[11,25]}");
    until("the rest", || broker.seen().repeats() == 5).await;
    assert_eq!(warned(&gateway), ["resend-unavailable"]);
    until("a word about the others", || !lost(&broker).is_empty()).await;
    assert_eq!(lost(&broker), [(11, 20)]);
    outbox.add(20);
    gateway.delivered(51).await;
    assert_eq!(broker.seen().repeats(), 5);
    assert_eq!(broker.seen().connects.len(), 1);
    broker.say(Version::V5, &through(51));
    until("no warning", || warned(&gateway).is_empty()).await;
}

#[tokio::test]
async fn a_tail_that_the_broker_lost_goes_out_again_until_it_is_confirmed() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            Script::good().with_suback(Suback::Granted(Some(through(40))))
        })
        .await;
        let outbox = MemoryOutbox::with_records(50, 20);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        gateway.delivered(50).await;
        until("twice more", || broker.seen().repeats() >= 10).await;
        let expected = |number: usize| if number > 40 { 3 } else { 1 };
        until("the tail", || arrivals(&broker, 50).into_iter().eq((1..=50).map(expected))).await;
        broker.say(version, &through(50));
        until("the receipt", || outbox.confirmed() == 50).await;
        let repeats = broker.seen().repeats();
        sleep(Duration::from_millis(1000)).await;
        assert_eq!(broker.seen().repeats(), repeats, "confirmed, and sent again");
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test]
async fn a_gateway_that_never_had_a_receipt_sends_nothing_again() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(50, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(50).await;
    sleep(Duration::from_millis(700)).await;
    assert_eq!(broker.seen().repeats(), 0);
}

#[tokio::test]
async fn birth_and_farewell_say_how_far_the_gateway_is() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(7, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(7).await;
    gateway.stop().await;
    until("DISCONNECT", || broker.seen().goodbyes == 1).await;
    let seen = broker.seen();
    let states = seen.publishes.iter().filter(|publish| publish.topic.ends_with("/status"));
    let said: Vec<(u64, u64)> = states
        .map(|publish| serde_json::from_slice::<serde_json::Value>(&publish.payload).unwrap())
        .map(|state| {
            (state["incarnation"].as_u64().unwrap(), state["acknowledged"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(said, [(1, 0), (1, 7)]);
}

#[tokio::test]
async fn the_number_of_a_parked_record_is_not_missing_for_receipts() {
    let broker = Broker::start(Version::V5, |_| {
        Script::answer(|publish| {
            let reason = if publish.sequence() == Some(3) { 0x99 } else { 0 };
            vec![Act::AckWith(publish.id, reason)]
        })
    })
    .await;
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(10).await;
    until("something in its place", || broker.seen().parked() == [3]).await;
    // Asked for once more, it is still that.
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[2,4]}");
    until("again", || broker.seen().parked() == [3, 3]).await;
    assert_eq!(arrivals(&broker, 4), [1, 2, 1, 2]);
}

#[tokio::test]
async fn a_reading_that_fails_costs_a_repeat_nothing_but_time_and_a_damaged_record_costs_itself() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(50, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(50).await;
    outbox.failures.store(3, Ordering::SeqCst);
    outbox.damaged.lock().unwrap().extend([12, 13, 20]);
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[10,30]}");
    until("the rest", || broker.seen().repeats() == 18).await;
    let again: Vec<usize> = arrivals(&broker, 30).split_off(9);
    let expected = |number: usize| if [12, 13, 20].contains(&number) { 1 } else { 2 };
    assert!(again.into_iter().eq((10..=30).map(expected)));
    until("words about the others", || lost(&broker).len() == 3).await;
    assert_eq!(lost(&broker), [(12, 12), (13, 13), (20, 20)]);
    assert_eq!(warned(&gateway), ["resend-unavailable"]);
    assert_eq!(broker.seen().connects.len(), 1);
}

#[tokio::test]
async fn a_repeat_that_the_main_broker_refuses_is_parked() {
    let broker = Broker::start(Version::V5, |_| {
        let mut records = 0;
        Script::answer(move |publish| {
            records += usize::from(publish.sequence() == Some(3));
            let refuses = publish.sequence() == Some(3) && records > 1;
            vec![Act::AckWith(publish.id, if refuses { 0x99 } else { 0 })]
        })
    })
    .await;
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(10).await;
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[2,4]}");
    until("something in its place", || broker.seen().parked() == [3]).await;
    until("the rest", || arrivals(&broker, 4) == [1, 2, 2, 2]).await;
    assert!(outbox.parked.lock().unwrap().contains_key(&3));
}

#[tokio::test]
async fn a_repeat_that_a_fallback_does_not_take_waits_for_the_main_broker() {
    for too_large in [true, false] {
        let connack = Connack { packet_max: too_large.then_some(300), ..Connack::default() };
        let fallback = Broker::start(Version::V5, move |_| {
            Script::answer(move |publish| {
                let refuses = publish.sequence() == Some(3) && !too_large;
                vec![Act::AckWith(publish.id, if refuses { 0x99 } else { 0 })]
            })
            .with_connack(connack)
        })
        .await;
        let main = Broker::start(Version::V5, |_| Script::good()).await;
        let outbox = MemoryOutbox::with_records(2, 20);
        outbox.add(1000);
        outbox.add_many(7);
        let mut settings = awaiting(Version::V5, &main);
        settings.fallbacks = vec![format!("mqtt://127.0.0.1:{}", fallback.port).parse().unwrap()];
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(10).await;
        let port = main.port;
        drop(main);
        until("the fallback", || !fallback.seen().subscriptions.is_empty()).await;
        fallback.say(Version::V5, "{\"incarnation\":1,\"resend\":[2,4]}");
        until("its neighbours", || arrivals(&fallback, 4)[3] > 0).await;
        let main = Broker::start_at(port, Version::V5, |_| Script::good()).await;
        until("the main broker", || arrivals(&main, 3)[2] > 0).await;
        assert!(outbox.parked.lock().unwrap().is_empty(), "{too_large}");
        drop(gateway);
    }
}

/// The CRM had more of incarnation 1 than the backup that was restored: its retained receipt confirms all that is left.
#[tokio::test]
async fn a_receipt_beyond_the_end_of_what_is_over_confirms_all_of_it() {
    for version in BOTH {
        let broker = Broker::start(version, |_| {
            let retained = "{\"incarnation\":1,\"through\":20}".to_owned();
            Script::good().with_suback(Suback::Granted(Some(retained)))
        })
        .await;
        let outbox = MemoryOutbox::with_records(15, 20);
        outbox.first_incarnation.store(10, Ordering::SeqCst);
        let gateway = Gateway::start(awaiting(version, &broker), &outbox);
        until("incarnation 1", || outbox.confirmed() == 10).await;
        gateway.delivered(15).await;
        broker.say(version, "{\"incarnation\":2,\"through\":4}");
        until("incarnation 2", || outbox.confirmed() == 14).await;
        assert!(warned(&gateway).is_empty(), "{:?}", warned(&gateway));
        // More of the present incarnation than there is comes of something else.
        broker.say(version, "{\"incarnation\":2,\"through\":9}");
        until("a complaint", || warned(&gateway) == ["receipt-unknown"]).await;
        assert_eq!(outbox.confirmed(), 14);
    }
}

#[tokio::test]
async fn what_went_with_the_journal_before_a_restore_is_told_to_whom_asks_for_it() {
    let broker = Broker::start(Version::V5, |_| Script::good()).await;
    let outbox = MemoryOutbox::with_records(15, 20);
    outbox.first_incarnation.store(10, Ordering::SeqCst);
    let gateway = Gateway::start(awaiting(Version::V5, &broker), &outbox);
    gateway.delivered(15).await;
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[9,12]}");
    until("a word", || lost(&broker) == [(11, 12)]).await;
    until("the others", || arrivals(&broker, 15).iter().sum::<usize>() == 17).await;
    assert_eq!(arrivals(&broker, 15)[7..11], [1, 2, 2, 1]);
    broker.say(Version::V5, "{\"incarnation\":1,\"resend\":[14,16]}");
    until("another word", || lost(&broker) == [(11, 12), (14, 16)]).await;
    assert!(warned(&gateway).is_empty(), "{:?}", warned(&gateway));
}
