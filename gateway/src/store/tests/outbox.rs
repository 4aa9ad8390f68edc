//! What the forwarder gets.

use super::*;
use crate::forward::Outbox;
use tillgate_record::Event;

#[tokio::test]
async fn records_leave_as_events() {
    let folder = folder();
    let store = open(folder.path()).await;
    let mut newest = store.newest();
    commit(&store, vec![record("acme/1", "first"), record("acme/2", "second")]).await;
    newest.changed().await.unwrap();
    assert_eq!(*newest.borrow_and_update(), 2);
    let outgoing = store.after(1, 10).await.unwrap();
    assert_eq!(outgoing.len(), 1);
    assert_eq!((outgoing[0].sequence, outgoing[0].received_us), (2, NOW_US));
    let event: Event<'_> = serde_json::from_slice(&outgoing[0].payload).unwrap();
    assert_eq!(event.specversion, "1.0");
    assert_eq!(event.id, IdempotencyKey::from_stored("acme/2".to_owned()).event_id(1));
    assert_eq!(event.source, "/acme/0042/gw-1");
    assert_eq!(event.r#type, EventType::Sale);
    assert_eq!(event.time, "2026-11-21T18:03:11+08:00");
    assert_eq!(event.subject, "acme/2");
    assert_eq!(event.dataschema, "tillgate:schema/sale.v1.json");
    assert_eq!(event.datacontenttype, "application/json");
    assert_eq!((event.sequence.as_ref(), event.incarnation), ("2", FIRST));
    assert_eq!(event.data.get(), r#"{"content":"second"}"#);
    assert!(store.after(2, 10).await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_is_shown_to_people() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1"), record("b", "1")]).await;
    store.park(1, "larger than the broker takes").await.unwrap();
    store.park(1, "again after a restart").await.unwrap();
    let entries = store.quarantine_list(10, false).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].parked, entries[0].findings[0].rule.as_str()),
        (Some(1), "refused-by-broker")
    );
    let recent = store.recent_records(10).await.unwrap();
    assert_eq!(recent[1].parked.as_deref(), Some("larger than the broker takes"));
    assert_eq!((recent[0].sequence, recent[0].acknowledged), (2, false));
    // What leaves in its place says so under its number and id.
    let outgoing = store.after(0, 1).await.unwrap();
    let event: Event<'_> = serde_json::from_slice(&outgoing[0].payload).unwrap();
    assert_eq!((event.r#type, event.sequence.as_ref()), (EventType::Parked, "1"));
    assert_eq!(event.id, IdempotencyKey::from_stored("a".to_owned()).event_id(1));
    assert_eq!(
        event.data.get(),
        r#"{"kind":"parked","type":"tillgate.sale.v1","reason":"larger than the broker takes"}"#
    );
    assert_whole(folder.path()).await;
    // Replayed, it goes out again under a new number and id, though its content is the same.
    let outcome = replay(&store, &entries[0].id, record("a", "1"), false).await.unwrap();
    assert_eq!(outcome, accepted(3));
    // Refused once more, and replayed once more.
    store.park(3, "still larger").await.unwrap();
    let entries = store.quarantine_list(10, false).await.unwrap();
    assert_eq!((entries.len(), entries[0].parked), (1, Some(3)));
    let outcome = replay(&store, &entries[0].id, record("a", "1"), false).await.unwrap();
    assert_eq!(outcome, accepted(4));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn notices_name_codes_and_no_content() {
    let folder = folder();
    let store = open(folder.path()).await;
    let mut newest = store.newest();
    newest.borrow_and_update();
    let odd = capture(vec![NewItem::Quarantine(vec![finding("total"), finding("total")])]);
    let id = format!("{}-0", odd.id);
    store.commit(odd).await.unwrap();
    newest.changed().await.unwrap();
    let notices = store.notices(10).await.unwrap();
    assert_eq!(notices.len(), 1);
    let payload: serde_json::Value = serde_json::from_slice(&notices[0].payload).unwrap();
    assert_eq!(payload["entry"], id.as_str());
    assert_eq!(payload["findings"], serde_json::json!({ "total": 2 }));
    assert!(!payload.to_string().contains("expected a total"));
    store.notice_acknowledged(&id).await.unwrap();
    assert!(store.notices(10).await.unwrap().is_empty());
    store.close().await;
    assert_whole(folder.path()).await;
}
