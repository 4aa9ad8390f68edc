//! What a consumer of records has, and what it says to the gateways. Pure: time comes in by argument.
//!
//! In: records as they arrive. Out: whether one is new, receipts through the highest record without a gap, requests
//! for what is missing. Never: a receipt for a record that was not taken, or for a number that two events have; a book
//! without a limit.
//!
//! Numbers run from 1 without gaps within an incarnation of a gateway, and so does a book of it: what was there before
//! the consumer is asked for, too. What the gateway says that it no longer has is written off, and remembered as such:
//! a record that comes all the same is new.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tillgate_record::{Event, EventType, LostRecords};
use tokio::time::Instant;
use uuid::Uuid;

use super::ranges::{Ranges, Span};
use super::settings::TOPIC_ROOT;

/// Gateways and incarnations in the book. Beyond that new ones are complained of and get no receipts.
const BOOKS_MAX: usize = 20_000;

/// Gaps of a gateway that are kept apart. What comes behind more of them is asked for once more.
const GAPS_MAX: usize = 1000;

/// Gaps of a gateway that are asked for at once.
const REQUESTS_AT_ONCE: usize = 10;

/// A gap that is not filled is asked for again.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Records whose ids are remembered, to notice a number that comes back with another event.
const IDS_MAX: usize = 10_000;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was not here before.
    New,
    /// It was here before.
    Repeat,
    /// It says that so many records that are missing here will never come.
    Lost(u64),
}

/// Why a message is no record that can be counted.
#[derive(Debug, thiserror::Error)]
pub enum Odd {
    /// It is no event.
    #[error("a message on {topic} is not an event of tillgate")]
    NoEvent {
        /// Where it came.
        topic: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Its number is none.
    #[error("an event of {0} has the sequence {1:?}: expected a number from 1 on")]
    NoNumber(String, String),
    /// It speaks for another gateway than its topic.
    #[error("an event of {0} came on {1}: does one gateway speak for another?")]
    WrongTopic(String, String),
    /// One number, two events.
    #[error(
        "record {sequence} of {gateway} came with id {second}, and before with {first}: do two gateways share org, \
         store and id? from this record on nothing is confirmed; when each gateway has a name of its own, take \
         \"disputed\" out of the receiver's state"
    )]
    TwoEvents {
        /// The gateway.
        gateway: String,
        /// The number.
        sequence: u64,
        /// The id that it had first.
        first: Uuid,
        /// The id that it has now.
        second: Uuid,
    },
    /// Too many gateways.
    #[error("{0} is one gateway too many for this consumer: it keeps {BOOKS_MAX}")]
    TooMany(String),
}

/// A word to a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its receipts topic.
    pub topic: String,
    /// JSON.
    pub payload: String,
    /// Whether the broker keeps it: receipts, so that a gateway that comes back hears them at once.
    pub retain: bool,
}

/// What is known of one incarnation of a gateway.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    /// What is accounted for.
    seen: Ranges,
    /// What of that never came, and never will, as the gateway says.
    #[serde(default, skip_serializing_if = "Ranges::is_empty")]
    lost: Ranges,
    /// Numbers that came with two events: only one of them was taken, so no receipt may ever cover them.
    #[serde(default, skip_serializing_if = "Ranges::is_empty")]
    disputed: Ranges,
    /// The last receipt that was sent.
    #[serde(skip)]
    told: Option<u64>,
    #[serde(skip)]
    asked: Option<(Instant, u64)>,
}

/// The books of all gateways.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger {
    /// By the events' source, then by incarnation.
    books: BTreeMap<String, BTreeMap<u32, Book>>,
    /// The gateway that was served last.
    #[serde(skip)]
    served: String,
    #[serde(skip)]
    ids: HashMap<(String, u32, u64), Uuid>,
    #[serde(skip)]
    ids_in_order: VecDeque<(String, u32, u64)>,
}

impl Ledger {
    /// Takes a message.
    pub fn take(&mut self, topic: &str, payload: &[u8]) -> Result<Taken, Odd> {
        let event: Event<'_> = serde_json::from_slice(payload)
            .map_err(|source| Odd::NoEvent { topic: topic.to_owned(), source })?;
        let source = event.source.as_ref();
        if topic != format!("{TOPIC_ROOT}{source}/records") {
            return Err(Odd::WrongTopic(source.to_owned(), topic.to_owned()));
        }
        let sequence = event.sequence.parse().ok().filter(|sequence| *sequence > 0);
        let Some(sequence) = sequence else {
            return Err(Odd::NoNumber(source.to_owned(), event.sequence.into_owned()));
        };
        if event.r#type == EventType::Lost {
            let lost: LostRecords = serde_json::from_str(event.data.get())
                .map_err(|source| Odd::NoEvent { topic: topic.to_owned(), source })?;
            let book = self.book(source, event.incarnation)?;
            return Ok(book.write_off((sequence, lost.through)));
        }
        if let Err(odd) = self.check_id(source, event.incarnation, sequence, event.id) {
            self.book(source, event.incarnation)?.dispute(sequence);
            return Err(odd);
        }
        Ok(self.book(source, event.incarnation)?.enter(sequence))
    }

    fn check_id(
        &mut self,
        source: &str,
        incarnation: u32,
        sequence: u64,
        id: Uuid,
    ) -> Result<(), Odd> {
        let name = (source.to_owned(), incarnation, sequence);
        match self.ids.get(&name) {
            Some(first) if *first == id => return Ok(()),
            Some(first) => {
                let (first, second) = (*first, id);
                return Err(Odd::TwoEvents { gateway: name.0, sequence, first, second });
            }
            None => {}
        }
        self.ids.insert(name.clone(), id);
        self.ids_in_order.push_back(name);
        if self.ids_in_order.len() > IDS_MAX
            && let Some(oldest) = self.ids_in_order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        Ok(())
    }

    fn book(&mut self, source: &str, incarnation: u32) -> Result<&mut Book, Odd> {
        let is_there = self.books.get(source).is_some_and(|books| books.contains_key(&incarnation));
        if !is_there && self.books.values().map(BTreeMap::len).sum::<usize>() >= BOOKS_MAX {
            return Err(Odd::TooMany(source.to_owned()));
        }
        Ok(self.books.entry(source.to_owned()).or_default().entry(incarnation).or_default())
    }

    /// A connection is new: the broker may have lost what was said before.
    pub fn say_anew(&mut self) {
        for book in self.books.values_mut().flat_map(BTreeMap::values_mut) {
            (book.told, book.asked) = (None, None);
        }
    }

    /// What is to be said to the gateways now, at most `limit` words and the requests of one gateway. It counts as
    /// said. Each time the gateway behind the one that was served last comes first.
    pub fn due(&mut self, limit: usize, now: Instant) -> Vec<Word> {
        let mut words = Vec::new();
        let served = std::mem::take(&mut self.served);
        let (before, behind): (Vec<_>, Vec<_>) =
            self.books.iter_mut().partition(|(source, _)| **source <= served);
        for (source, books) in behind.into_iter().chain(before) {
            if words.len() >= limit {
                break;
            }
            self.served.clone_from(source);
            let topic = format!("{TOPIC_ROOT}{source}/receipts");
            for (incarnation, book) in books {
                if words.len() >= limit {
                    return words;
                }
                let receipt = book.receipt().map(|through| {
                    (json!({ "incarnation": incarnation, "through": through }), true)
                });
                let requests = book
                    .requests(now)
                    .into_iter()
                    .map(|span| (json!({ "incarnation": incarnation, "resend": span }), false));
                words.extend(receipt.into_iter().chain(requests).map(|(payload, retain)| Word {
                    topic: topic.clone(),
                    payload: payload.to_string(),
                    retain,
                }));
                // A receipt for a later incarnation would confirm the gaps of this one.
                if !book.is_whole() {
                    break;
                }
            }
        }
        words
    }

    /// Records that are known to be missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let books = self.books.values().flat_map(BTreeMap::values);
        books.flat_map(Book::gaps).map(|(first, last)| last - first + 1).sum()
    }
}

impl Book {
    fn enter(&mut self, sequence: u64) -> Taken {
        if self.seen.contains(sequence) && !self.lost.contains(sequence) {
            return Taken::Repeat;
        }
        self.lost.remove((sequence, sequence));
        self.seen.add((sequence, sequence));
        self.seen.forget_to(GAPS_MAX);
        Taken::New
    }

    /// Only what is missing can be lost: what is behind all that came may still come.
    fn write_off(&mut self, (first, last): Span) -> Taken {
        let gaps: Vec<Span> = self
            .gaps()
            .map(|gap| (gap.0.max(first), gap.1.min(last)))
            .filter(|gap| gap.0 <= gap.1)
            .collect();
        for gap in &gaps {
            self.seen.add(*gap);
            self.lost.add(*gap);
        }
        self.lost.forget_to(GAPS_MAX);
        match gaps.iter().map(|(first, last)| last - first + 1).sum() {
            0 => Taken::Repeat,
            records => Taken::Lost(records),
        }
    }

    /// The lowest ones count, where there are too many.
    fn dispute(&mut self, sequence: u64) {
        self.disputed.add((sequence, sequence));
        self.disputed.forget_to(GAPS_MAX);
    }

    /// The highest number without a gap, or a disputed one, before it.
    fn through(&self) -> u64 {
        let through = self.seen.spans().first().filter(|span| span.0 <= 1).map_or(0, |span| span.1);
        let disputed = self.disputed.spans().first().map_or(u64::MAX, |span| span.0);
        through.min(disputed.saturating_sub(1))
    }

    fn is_whole(&self) -> bool {
        self.disputed.is_empty()
            && self.seen.spans().len() <= 1
            && self.seen.spans().iter().all(|span| span.0 <= 1)
    }

    fn gaps(&self) -> impl Iterator<Item = Span> {
        let spans = self.seen.spans();
        let ends = std::iter::once(0).chain(spans.iter().map(|span| span.1));
        ends.zip(spans).map(|(end, span)| (end + 1, span.0 - 1)).filter(|gap| gap.0 <= gap.1)
    }

    /// The receipt, if there is a new one to send.
    fn receipt(&mut self) -> Option<u64> {
        let through = self.through();
        let is_new = self.told != Some(through);
        self.told = Some(through);
        is_new.then_some(through)
    }

    /// Gaps to ask for: at once when there is one behind all that were asked for, again after a while.
    fn requests(&mut self, now: Instant) -> Vec<(u64, u64)> {
        let gaps: Vec<_> = self.gaps().take(REQUESTS_AT_ONCE).collect();
        let Some((_, last)) = gaps.last().copied() else { return gaps };
        let is_due = self
            .asked
            .is_none_or(|(at, through)| through < last || now.duration_since(at) >= ASK_EVERY);
        if !is_due {
            return Vec::new();
        }
        self.asked = Some((now, last));
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "tillgate/v1/acme/1/gw/records";

    fn event(incarnation: u32, sequence: u64) -> String {
        let id = Uuid::from_u128((u128::from(incarnation) << 64) | u128::from(sequence));
        json!({
            "specversion": "1.0", "id": id, "source": "/acme/1/gw", "type": "tillgate.sale.v1",
            "time": "2026-11-21T18:03:11+08:00", "subject": "k", "dataschema": "s",
            "datacontenttype": "application/json", "sequence": sequence.to_string(),
            "incarnation": incarnation, "data": {},
        })
        .to_string()
    }

    fn take(ledger: &mut Ledger, incarnation: u32, sequence: u64) -> Taken {
        ledger.take(TOPIC, event(incarnation, sequence).as_bytes()).unwrap()
    }

    fn said(ledger: &mut Ledger, now: Instant) -> Vec<String> {
        ledger.due(100, now).into_iter().map(|word| word.payload).collect()
    }

    #[test]
    fn receipts_go_through_the_highest_record_without_a_gap() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        (1..5).for_each(|sequence| assert_eq!(take(&mut ledger, 1, sequence), Taken::New));
        assert_eq!(take(&mut ledger, 1, 5), Taken::New);
        assert_eq!(take(&mut ledger, 1, 5), Taken::Repeat);
        assert_eq!(said(&mut ledger, now), [r#"{"incarnation":1,"through":5}"#]);
        assert!(said(&mut ledger, now).is_empty());
        ledger.say_anew();
        assert_eq!(said(&mut ledger, now), [r#"{"incarnation":1,"through":5}"#]);
        take(&mut ledger, 1, 6);
        take(&mut ledger, 1, 9);
        let gap = r#"{"incarnation":1,"resend":[7,8]}"#;
        assert_eq!(said(&mut ledger, now), [r#"{"incarnation":1,"through":6}"#, gap]);
        assert!(said(&mut ledger, now).is_empty());
        assert_eq!(said(&mut ledger, now + ASK_EVERY), [gap]);
        assert_eq!(ledger.missing(), 2);
        take(&mut ledger, 1, 8);
        take(&mut ledger, 1, 7);
        assert_eq!(said(&mut ledger, now + ASK_EVERY), [r#"{"incarnation":1,"through":9}"#]);
    }

    #[test]
    fn a_kept_book_knows_what_was_lost_meanwhile() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        (1..=4).for_each(|sequence| assert_eq!(take(&mut ledger, 1, sequence), Taken::New));
        let kept = serde_json::to_string(&ledger).unwrap();
        assert_eq!(kept, r#"{"/acme/1/gw":{"1":{"seen":[[1,4]]}}}"#);
        let mut ledger: Ledger = serde_json::from_str(&kept).unwrap();
        assert_eq!(take(&mut ledger, 1, 4), Taken::Repeat);
        take(&mut ledger, 1, 8);
        let expected = [r#"{"incarnation":1,"through":4}"#, r#"{"incarnation":1,"resend":[5,7]}"#];
        assert_eq!(said(&mut ledger, now), expected);
    }

    #[test]
    fn what_was_there_before_the_consumer_is_asked_for() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        take(&mut ledger, 3, 5);
        let expected = [r#"{"incarnation":3,"through":0}"#, r#"{"incarnation":3,"resend":[1,4]}"#];
        assert_eq!(said(&mut ledger, now), expected);
    }

    #[test]
    fn what_the_gateway_no_longer_has_is_written_off_and_taken_when_it_comes_all_the_same() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        take(&mut ledger, 1, 3);
        take(&mut ledger, 1, 6);
        let lost = |first: u64, through: u64| {
            let data = format!(r#"{{"kind":"lost","through":{through},"reason":"r"}}"#);
            event(1, first).replace("sale", "lost").replace("{}", &data)
        };
        let mut take_lost = |text: String| ledger.take(TOPIC, text.as_bytes()).unwrap();
        assert_eq!(take_lost(lost(1, 4)), Taken::Lost(3));
        assert_eq!(take_lost(lost(1, 4)), Taken::Repeat);
        assert_eq!(take_lost(lost(7, 900)), Taken::Repeat, "what is to come is not missing");
        let kept = serde_json::to_string(&ledger).unwrap();
        assert_eq!(kept, r#"{"/acme/1/gw":{"1":{"seen":[[1,4],[6,6]],"lost":[[1,2],[4,4]]}}}"#);
        let mut ledger: Ledger = serde_json::from_str(&kept).unwrap();
        let expected = [r#"{"incarnation":1,"through":4}"#, r#"{"incarnation":1,"resend":[5,5]}"#];
        assert_eq!(said(&mut ledger, now), expected);
        assert_eq!(take(&mut ledger, 1, 2), Taken::New);
        assert_eq!(take(&mut ledger, 1, 2), Taken::Repeat);
        assert_eq!(take(&mut ledger, 1, 3), Taken::Repeat);
    }

    #[test]
    fn each_gateway_is_served_in_its_turn() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let mut served = Vec::new();
        for round in 1..=3 {
            for gateway in 1..=5 {
                let event = event(1, round).replace("/gw", &format!("/g{gateway}"));
                ledger
                    .take(&TOPIC.replace("/gw", &format!("/g{gateway}")), event.as_bytes())
                    .unwrap();
            }
            served.extend(ledger.due(2, now).into_iter().map(|word| word.topic));
        }
        let turns = ["g1", "g2", "g3", "g4", "g5", "g1"];
        assert_eq!(served, turns.map(|name| format!("tillgate/v1/acme/1/{name}/receipts")));
    }

    #[test]
    fn a_new_incarnation_begins_with_one_and_waits_for_the_gaps_of_the_old() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        take(&mut ledger, 1, 1);
        take(&mut ledger, 1, 3);
        take(&mut ledger, 2, 2);
        let expected = [r#"{"incarnation":1,"through":1}"#, r#"{"incarnation":1,"resend":[2,2]}"#];
        assert_eq!(said(&mut ledger, now), expected);
        take(&mut ledger, 1, 2);
        let expected = [
            r#"{"incarnation":1,"through":3}"#,
            r#"{"incarnation":2,"through":0}"#,
            r#"{"incarnation":2,"resend":[1,1]}"#,
        ];
        assert_eq!(said(&mut ledger, now), expected);
    }

    #[test]
    fn what_is_odd_is_not_counted() {
        let mut ledger = Ledger::default();
        take(&mut ledger, 1, 1);
        let other = event(1, 1).replace("0001-0000", "0002-0000");
        for (topic, payload, words) in [
            (TOPIC, "{}".to_owned(), "not an event"),
            (TOPIC, event(1, 0), "expected a number"),
            ("tillgate/v1/acme/2/gw/records", event(1, 2), "another"),
            (TOPIC, other, "share org, store and id"),
        ] {
            let odd = ledger.take(topic, payload.as_bytes()).unwrap_err().to_string();
            assert!(odd.contains(words), "{odd}");
        }
        assert_eq!(ledger.missing(), 0);
    }

    #[test]
    fn no_receipt_ever_covers_a_number_with_two_events() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        (1..=5).for_each(|sequence| assert_eq!(take(&mut ledger, 1, sequence), Taken::New));
        let other = event(1, 4).replace("0001-0000", "0002-0000");
        let odd = ledger.take(TOPIC, other.as_bytes()).unwrap_err().to_string();
        assert!(odd.contains("from this record on nothing is confirmed"), "{odd}");
        assert_eq!(said(&mut ledger, now), [r#"{"incarnation":1,"through":3}"#]);
        // What follows is taken and not confirmed, a later incarnation neither; also where the book was kept.
        assert_eq!(take(&mut ledger, 1, 6), Taken::New);
        assert_eq!(take(&mut ledger, 1, 4), Taken::Repeat);
        assert_eq!(take(&mut ledger, 2, 1), Taken::New);
        assert!(said(&mut ledger, now).is_empty());
        let kept = serde_json::to_string(&ledger).unwrap();
        assert!(kept.contains(r#""disputed":[[4,4]]"#), "{kept}");
        let mut ledger: Ledger = serde_json::from_str(&kept).unwrap();
        assert_eq!(said(&mut ledger, now), [r#"{"incarnation":1,"through":3}"#]);
    }

    #[test]
    fn books_are_bounded() {
        let mut ledger = Ledger::default();
        for number in 0..3 * GAPS_MAX as u64 {
            take(&mut ledger, 1, number * 2 + 1);
        }
        assert_eq!(ledger.books["/acme/1/gw"][&1].seen.spans().len(), GAPS_MAX);
        assert!(ledger.ids.len() <= IDS_MAX);
    }
}
