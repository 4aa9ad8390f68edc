//! The window: what was given to the client and is not settled yet, oldest first. Pure.
//!
//! In: items in the order in which they are published, the packet ids that the client chose for them, the
//! broker's answers in any order. Out: items in the order in which they were published, once everything before
//! them is settled. The window counts from the oldest unsettled item, so that a packet id is never used again
//! while it is open. Never: an answer booked on a guess; what does not fit is a [`Doubt`], and the session ends.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A record of the outbox.
    Record {
        /// Its number in the outbox.
        sequence: u64,
        /// When its input was received, microseconds since 1970.
        received_us: i64,
    },
    /// A record that was acknowledged before and goes out once more, by its number in the outbox.
    Again(u64),
    /// What goes out in the place of one of these two that the broker never takes, by the same number.
    InPlace(u64),
    /// A notice, by its id.
    Notice(String),
    /// A word about records that are gone.
    Lost,
    /// Birth or offline message.
    Status,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// With the client; not on the wire as far as we know.
    Queued,
    /// On the wire.
    Flying { since: Instant },
    /// The broker took it, or it was parked.
    Settled,
    /// The broker did not take it: it stays in front until the window is cleared.
    Refused,
    /// The broker never takes it: it keeps its place until the broker took what went out instead.
    Replaced,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    bytes: usize,
    state: State,
}

/// An answer that does not fit what was sent: only a fresh connection brings certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Doubt {
    /// An answer for an id that is not open: unknown, zero, or answered before.
    #[error("the broker answered packet {0}, which is not open")]
    NotOpen(u16),
    /// The client sent something that nobody gave to it, or chose an id that cannot be.
    #[error("the client sent packet {0} out of turn")]
    OutOfTurn(u16),
}

/// The window.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// Where the entry of each open packet id is, counted from the first entry that ever was.
    open: HashMap<u16, usize>,
    /// Entries that were popped.
    popped: usize,
    /// All entries before this one are bound or settled.
    first_unbound: usize,
    unanswered: usize,
    bytes: usize,
}

impl Window {
    /// Items from the oldest unsettled one on, settled ones among them included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Items without an answer.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Bytes of all items that count.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An item went to the client.
    pub(super) fn push(&mut self, item: Item, bytes: usize) {
        self.entries.push_back(Entry { item, bytes, state: State::Queued });
        self.unanswered += 1;
        self.bytes += bytes;
    }

    /// An item that the client never sees takes its place in the order.
    pub(super) fn push_settled(&mut self, item: Item) {
        self.entries.push_back(Entry { item, bytes: 0, state: State::Settled });
    }

    /// The client put its next publish on the wire. The client keeps the order in which it was given publishes,
    /// so this is the oldest queued item.
    pub(super) fn bind(&mut self, id: u16, now: Instant) -> Result<(), Doubt> {
        if id == 0 || self.open.contains_key(&id) {
            return Err(Doubt::OutOfTurn(id));
        }
        let mut unbound = self.entries.range_mut(self.first_unbound..).zip(self.first_unbound..);
        let (entry, index) =
            unbound.find(|(entry, _)| entry.state == State::Queued).ok_or(Doubt::OutOfTurn(id))?;
        entry.state = State::Flying { since: now };
        self.first_unbound = index + 1;
        self.open.insert(id, self.popped + index);
        Ok(())
    }

    /// What flies under an id, and since when.
    pub(super) fn flying(&self, id: u16) -> Result<(&Item, Instant), Doubt> {
        let index = self.open.get(&id).map(|place| place - self.popped);
        match index.and_then(|index| self.entries.get(index)) {
            Some(Entry { item, state: State::Flying { since }, .. }) => Ok((item, *since)),
            _ => Err(Doubt::NotOpen(id)),
        }
    }

    /// The broker took what flies under an id, or we parked it.
    pub(super) fn settle(&mut self, id: u16) -> Result<(), Doubt> {
        self.answer(id, State::Settled)
    }

    /// The broker did not take what flies under an id.
    pub(super) fn refuse(&mut self, id: u16) -> Result<(), Doubt> {
        self.answer(id, State::Refused)
    }

    /// The broker never takes what flies under an id: an [`Item::InPlace`] of the same number follows.
    pub(super) fn replace(&mut self, id: u16) -> Result<(), Doubt> {
        self.answer(id, State::Replaced)
    }

    /// The broker took what went out in the place of a record.
    pub(super) fn settle_replaced(&mut self, sequence: u64) {
        let is_it = |entry: &&mut Entry| match entry.item {
            Item::Record { sequence: number, .. } | Item::Again(number) => {
                entry.state == State::Replaced && number == sequence
            }
            _ => false,
        };
        if let Some(entry) = self.entries.iter_mut().find(is_it) {
            entry.state = State::Settled;
        }
    }

    /// The oldest item, if it is settled.
    pub(super) fn pop_settled(&mut self) -> Option<Item> {
        if self.entries.front()?.state != State::Settled {
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.popped += 1;
        self.first_unbound = self.first_unbound.saturating_sub(1);
        self.bytes -= entry.bytes;
        Some(entry.item)
    }

    /// Forgets everything: it will be read from the outbox again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn answer(&mut self, id: u16, state: State) -> Result<(), Doubt> {
        let place = self.open.remove(&id).ok_or(Doubt::NotOpen(id))?;
        let entry = self.entries.get_mut(place - self.popped).ok_or(Doubt::NotOpen(id))?;
        entry.state = state;
        self.unanswered -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn record(sequence: u64) -> Item {
        Item::Record { sequence, received_us: 0 }
    }

    fn popped(window: &mut Window) -> Vec<u64> {
        std::iter::from_fn(|| window.pop_settled())
            .map(|item| match item {
                Item::Record { sequence, .. } => sequence,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn progress_is_the_unbroken_front() {
        let mut window = Window::default();
        for sequence in 1..=4 {
            window.push(record(sequence), 10);
        }
        for id in 1..=4 {
            window.bind(id, Instant::now()).unwrap();
        }
        window.settle(2).unwrap();
        window.settle(3).unwrap();
        assert!(popped(&mut window).is_empty());
        assert_eq!((window.len(), window.unanswered(), window.bytes()), (4, 2, 40));
        window.settle(1).unwrap();
        assert_eq!(popped(&mut window), [1, 2, 3]);
        assert_eq!((window.len(), window.unanswered(), window.bytes()), (1, 1, 10));
    }

    #[test]
    fn what_does_not_fit_is_a_doubt() {
        let mut window = Window::default();
        assert_eq!(window.bind(1, Instant::now()), Err(Doubt::OutOfTurn(1)));
        window.push(record(1), 1);
        window.push(record(2), 1);
        assert_eq!(window.bind(0, Instant::now()), Err(Doubt::OutOfTurn(0)));
        window.bind(7, Instant::now()).unwrap();
        assert_eq!(window.bind(7, Instant::now()), Err(Doubt::OutOfTurn(7)));
        for id in [0, 1, 8] {
            assert_eq!(window.settle(id), Err(Doubt::NotOpen(id)));
            assert_eq!(window.flying(id).unwrap_err(), Doubt::NotOpen(id));
        }
        window.settle(7).unwrap();
        assert_eq!(window.settle(7), Err(Doubt::NotOpen(7)), "answered twice");
    }

    #[test]
    fn a_refused_record_blocks_the_front_until_it_is_cleared() {
        let mut window = Window::default();
        for sequence in 1..=3 {
            window.push(record(sequence), 1);
            window.bind(u16::try_from(sequence).unwrap(), Instant::now()).unwrap();
        }
        window.settle(1).unwrap();
        window.refuse(2).unwrap();
        window.settle(3).unwrap();
        assert_eq!(popped(&mut window), [1]);
        assert_eq!((window.len(), window.unanswered()), (2, 0));
        window.clear();
        assert_eq!((window.len(), window.bytes()), (0, 0));
    }

    #[test]
    fn a_parked_record_keeps_its_place() {
        let mut window = Window::default();
        window.push(record(1), 1);
        window.push_settled(record(2));
        window.push(record(3), 1);
        window.bind(1, Instant::now()).unwrap();
        window.bind(2, Instant::now()).unwrap();
        window.settle(2).unwrap();
        assert!(popped(&mut window).is_empty());
        window.settle(1).unwrap();
        assert_eq!(popped(&mut window), [1, 2, 3]);
    }

    #[test]
    fn a_record_counts_when_the_broker_took_what_went_out_in_its_place() {
        let mut window = Window::default();
        for sequence in 1..=3 {
            window.push(record(sequence), 1);
            window.bind(u16::try_from(sequence).unwrap(), Instant::now()).unwrap();
            window.settle(1).ok();
        }
        window.replace(2).unwrap();
        window.settle(3).unwrap();
        window.push(Item::InPlace(2), 1);
        assert_eq!(popped(&mut window), [1]);
        window.bind(4, Instant::now()).unwrap();
        window.settle(4).unwrap();
        window.settle_replaced(3);
        assert!(popped(&mut window).is_empty(), "another record's");
        window.settle_replaced(2);
        assert_eq!(window.pop_settled(), Some(record(2)));
        assert_eq!((window.len(), window.unanswered(), window.bytes()), (2, 0, 2));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push,
        Park,
        Bind,
        Settle(prop::sample::Index),
        Pop,
        Wrong(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Push),
            1 => Just(Step::Park),
            4 => Just(Step::Bind),
            4 => any::<prop::sample::Index>().prop_map(Step::Settle),
            2 => Just(Step::Pop),
            1 => any::<u16>().prop_map(Step::Wrong),
        ]
    }

    /// A plain model: what was given, what each id means, what is settled.
    #[derive(Default)]
    struct Model {
        given: u64,
        queued: VecDeque<u64>,
        open: BTreeMap<u16, u64>,
        settled: Vec<u64>,
        popped: u64,
        next_id: u16,
    }

    impl Model {
        /// The longest run of settled numbers behind what was popped.
        fn pop(&mut self) -> Vec<u64> {
            let run: Vec<u64> =
                (self.popped + 1..).take_while(|next| self.settled.contains(next)).collect();
            self.popped += run.len() as u64;
            run
        }

        fn push(&mut self) -> Item {
            self.given += 1;
            record(self.given)
        }
    }

    fn take(step: &Step, model: &mut Model, window: &mut Window) -> Result<(), TestCaseError> {
        match step {
            Step::Push => {
                window.push(model.push(), 1);
                model.queued.push_back(model.given);
            }
            Step::Park => {
                window.push_settled(model.push());
                model.settled.push(model.given);
            }
            Step::Bind => {
                let id = model.next_id % 7 + 1;
                let expected = !model.open.contains_key(&id) && !model.queued.is_empty();
                prop_assert_eq!(window.bind(id, Instant::now()).is_ok(), expected);
                if expected {
                    model.open.insert(id, model.queued.pop_front().unwrap());
                }
                model.next_id += 1;
            }
            Step::Settle(index) if !model.open.is_empty() => {
                let id = *index.get(&model.open.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(window.flying(id).unwrap().0, &record(model.open[&id]));
                window.settle(id).unwrap();
                model.settled.push(model.open.remove(&id).unwrap());
            }
            Step::Settle(_) => {}
            Step::Pop => prop_assert_eq!(popped(window), model.pop()),
            Step::Wrong(id) if model.open.contains_key(id) => {}
            Step::Wrong(id) => prop_assert_eq!(window.settle(*id), Err(Doubt::NotOpen(*id))),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_its_model(steps in prop::collection::vec(step(), 1..200)) {
            let (mut model, mut window) = (Model::default(), Window::default());
            for step in &steps {
                take(step, &mut model, &mut window)?;
                prop_assert_eq!(window.unanswered(), model.queued.len() + model.open.len());
                prop_assert_eq!(window.len() as u64, model.given - model.popped);
            }
            prop_assert_eq!(popped(&mut window), model.pop());
        }
    }
}
