//! What is true in a simulated world, apart from the gateway: what was committed, what the broker answered, what the
//! consumer has. Every step is held against it; the first thing that must not be is the world's failure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use rand::Rng;
use tillgate::config::Confirm;
use tillgate::forward::Version;
use tokio::sync::watch;

use super::seeds::generator;

/// Why a broker will never take a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// Above its limit.
    TooLarge,
    /// Refused by reason code (MQTT 5).
    Refused,
    /// It closes the connection at it.
    Closes,
}

/// What a seed decides once.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) version: Version,
    pub(crate) confirm: Confirm,
    pub(crate) records: u64,
    pub(crate) window: u16,
    pub(crate) receive_maximum: u16,
    /// Records through this one belong to the first incarnation, the others to the second.
    pub(crate) first_incarnation: u64,
    /// How hostile the network and the broker are, in hundredths.
    pub(crate) hostility: u32,
    pub(crate) hostile_seconds: u64,
    /// At most one of these: the gateway never parks a second one before another record was taken.
    pub(crate) closes_at: Option<u64>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = generator(seed, 1);
        let version = if random.random_bool(0.6) { Version::V5 } else { Version::V3 };
        let confirm = if random.random_bool(0.5) { Confirm::Receipt } else { Confirm::Puback };
        let records = random.random_range(1..120);
        let window = [1, 2, 7, 30, 200][random.random_range(0..5)];
        let receive_maximum = if version == Version::V3 {
            u16::MAX
        } else {
            [1, 2, 5, 20, u16::MAX][random.random_range(0..5)]
        };
        Self {
            seed,
            version,
            confirm,
            records,
            window,
            receive_maximum,
            first_incarnation: random.random_range(0..=records),
            hostility: random.random_range(0..=100),
            hostile_seconds: random.random_range(10..200),
            closes_at: random.random_bool(0.15).then(|| random.random_range(1..=records)),
        }
    }

    /// Why the broker will never take this record, if it will not.
    pub(crate) fn unwanted(&self, sequence: u64) -> Option<Unwanted> {
        if self.closes_at == Some(sequence) {
            return Some(Unwanted::Closes);
        }
        match generator(self.seed, 1000 + sequence).random_range(0..60) {
            0 => Some(Unwanted::TooLarge),
            1 if self.version == Version::V5 => Some(Unwanted::Refused),
            _ => None,
        }
    }
}

/// What happened, to see that the simulation reaches what it should.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) parked: u64,
    pub(crate) connections: u64,
    pub(crate) cuts: u64,
    pub(crate) refusals: u64,
    pub(crate) repeats: u64,
    pub(crate) gateway_crashes: u64,
    pub(crate) broker_crashes: u64,
    pub(crate) forgotten: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) receipts: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.parked += other.parked;
        self.connections += other.connections;
        self.cuts += other.cuts;
        self.refusals += other.refusals;
        self.repeats += other.repeats;
        self.gateway_crashes += other.gateway_crashes;
        self.broker_crashes += other.broker_crashes;
        self.forgotten += other.forgotten;
        self.clock_jumps += other.clock_jumps;
        self.receipts += other.receipts;
    }
}

/// A number that the running gateway knows, and what of it a crash leaves.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) now: u64,
    pub(crate) stored: u64,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) is_hostile: bool,
    /// The payload of record n at n - 1.
    pub(crate) committed: Vec<Bytes>,
    pub(crate) newest: watch::Sender<u64>,
    pub(crate) acknowledged: Cursor,
    pub(crate) confirmed: Cursor,
    pub(crate) pruned: u64,
    pub(crate) parked: BTreeSet<u64>,
    /// Notices, and whether the gateway has booked their acknowledgement.
    pub(crate) notices: BTreeMap<String, bool>,
    pub(crate) notices_answered: BTreeSet<String>,
    /// The highest record that arrived at the broker.
    pub(crate) arrived_through: u64,
    /// Records whose PUBLISH the broker answered with success.
    pub(crate) answered: BTreeSet<u64>,
    /// What the broker took and has not delivered yet.
    pub(crate) kept: VecDeque<u64>,
    /// What the consumer has.
    pub(crate) consumed: BTreeSet<u64>,
    /// The highest record that the consumer has confirmed.
    pub(crate) said_through: u64,
    pub(crate) failure: Option<String>,
    pub(crate) tally: Tally,
}

/// The world as its inhabitants hold it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        Self(Arc::new(Mutex::new(World {
            plan,
            is_hostile: true,
            committed: Vec::new(),
            newest: watch::Sender::new(0),
            acknowledged: Cursor::default(),
            confirmed: Cursor::default(),
            pruned: 0,
            parked: BTreeSet::new(),
            notices: BTreeMap::new(),
            notices_answered: BTreeSet::new(),
            arrived_through: 0,
            answered: BTreeSet::new(),
            kept: VecDeque::new(),
            consumed: BTreeSet::new(),
            said_through: 0,
            failure: None,
            tally: Tally::default(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl World {
    /// Panics would only end the gateway's own tasks, which it survives.
    pub(crate) fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds && self.failure.is_none() {
            self.failure = Some(otherwise());
        }
    }

    pub(crate) fn newest(&self) -> u64 {
        self.committed.len() as u64
    }

    pub(crate) fn commit(&mut self, random: &mut impl Rng) {
        let sequence = self.newest() + 1;
        let bytes = match self.plan.unwanted(sequence) {
            Some(Unwanted::TooLarge) => super::broker::PACKET_MAX,
            _ => random.random_range(1..600),
        };
        let payload = format!("{sequence} {}", ".".repeat(bytes));
        self.committed.push(Bytes::from(payload));
        self.newest.send_replace(sequence);
    }

    /// What the outbox gives for a record.
    pub(crate) fn payload(&self, sequence: u64) -> Bytes {
        if self.parked.contains(&sequence) {
            return Bytes::from(format!("{sequence} parked"));
        }
        self.committed[usize::try_from(sequence - 1).unwrap()].clone()
    }

    /// What the CRM calls a record.
    pub(crate) fn name_of(&self, number: u64) -> (u32, u64) {
        let first = self.plan.first_incarnation;
        if number <= first { (1, number) } else { (2, number - first) }
    }

    /// The record that the CRM calls so.
    pub(crate) fn number_of(&self, incarnation: u32, sequence: u64) -> Option<u64> {
        let first = self.plan.first_incarnation;
        let number = match incarnation {
            1 if sequence <= first => sequence,
            2 => first + sequence,
            _ => return None,
        };
        (sequence > 0 && number <= self.newest()).then_some(number)
    }

    /// The gateway has booked acknowledgements through this record.
    pub(crate) fn acknowledge(&mut self, through: u64) {
        let before = self.acknowledged.now;
        self.expect(before < through, || format!("acknowledged {through} after {before}"));
        let early = (before + 1..=through)
            .find(|record| !self.answered.contains(record) && !self.parked.contains(record));
        self.expect(early.is_none(), || {
            format!("record {early:?} counts as acknowledged, which the broker did not acknowledge")
        });
        self.acknowledged.now = through;
    }

    /// The gateway has booked the consumer's receipt.
    pub(crate) fn confirm(&mut self, through: u64) {
        let (before, said, acknowledged) =
            (self.confirmed.now, self.said_through, self.acknowledged.now);
        self.expect(before < through && through <= said && through <= acknowledged, || {
            format!("confirmed {through} after {before}: said {said}, acknowledged {acknowledged}")
        });
        self.confirmed.now = through;
    }

    pub(crate) fn park(&mut self, sequence: u64, reason: &str) {
        let unwanted = self.plan.unwanted(sequence);
        self.expect(unwanted.is_some(), || format!("record {sequence} was parked: {reason}"));
        self.parked.insert(sequence);
    }

    /// A record arrived at the broker: it is what was committed, and came in its turn.
    pub(crate) fn arrived(&mut self, payload: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(payload).ok();
        let sequence = text.and_then(|text| text.split(' ').next()?.parse().ok());
        let known = sequence.filter(|sequence| (1..=self.newest()).contains(sequence));
        self.expect(known.is_some(), || format!("record {sequence:?} was never committed"));
        let sequence = known?;
        // What is parked by now may have been under way before.
        let is_whole = self.payload(sequence) == payload
            || self.committed[usize::try_from(sequence - 1).unwrap()] == payload;
        self.expect(is_whole, || format!("record {sequence} arrived with another content"));
        let through = self.arrived_through;
        let skipped = (through + 1..sequence).find(|record| !self.parked.contains(record));
        self.expect(skipped.is_none(), || {
            format!("record {sequence} arrived after {through}: {skipped:?} was overtaken")
        });
        self.tally.repeats += u64::from(sequence <= through);
        self.arrived_through = through.max(sequence);
        Some(sequence)
    }

    /// Through this record the consumer has everything.
    pub(crate) fn consumed_through(&self) -> u64 {
        (1..).find(|record| !self.consumed.contains(record)).map_or(0, |missing| missing - 1)
    }

    /// What is still to be done, if anything.
    pub(crate) fn unsettled(&self) -> Option<String> {
        let newest = self.newest();
        let awaits_receipts = self.plan.confirm == Confirm::Receipt;
        let missing = (1..=newest).find(|record| {
            let is_excused = self.parked.contains(record) && !awaits_receipts;
            !self.consumed.contains(record) && !is_excused
        });
        if self.acknowledged.now < newest {
            return Some(format!("acknowledged {} of {newest}", self.acknowledged.now));
        }
        if let Some(missing) = missing {
            return Some(format!("record {missing} did not reach the consumer"));
        }
        if awaits_receipts && self.confirmed.now < newest {
            return Some(format!("confirmed {} of {newest}", self.confirmed.now));
        }
        let notice = self.notices.iter().find(|(_, done)| !**done);
        notice.map(|(id, _)| format!("notice {id} was not delivered"))
    }
}
