//! Control numbers that were seen, for uniqueness within a group, an interchange, a file.
//!
//! Senders count: what follows on from the last is kept as one run, so that a million sets in a row take the room of
//! one. Never: more than [`MOST_RUNS`] runs; what does not fit any more is not remembered, and that is told.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Runs that are kept: 400 kB.
const MOST_RUNS: usize = 16_384;

/// What became of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edi) enum Entry {
    /// It is new.
    New,
    /// It was there before.
    Repeated,
    /// It is new as far as is known, and there is no room to remember it.
    Forgotten,
}

/// Numbers of one spelling that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    /// What stands before the digits, and how many digits there are.
    family: u64,
    first: u64,
    last: u64,
}

/// Control numbers that were seen.
#[derive(Debug, Default)]
pub(in crate::edi) struct Numbers {
    /// In order; never two that touch.
    runs: Vec<Run>,
}

impl Numbers {
    pub(in crate::edi) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Remembers a number. `scope` tells apart what may repeat: the parties of an interchange.
    pub(in crate::edi) fn enter(&mut self, scope: u64, text: &[u8]) -> Entry {
        let (family, number) = spelling(scope, text);
        let key = (family, number);
        let at = self.runs.partition_point(|run| (run.family, run.first) <= key);
        let before = at.checked_sub(1);
        let earlier = before.and_then(|before| self.runs.get_mut(before));
        if let Some(run) = earlier.filter(|run| run.family == family) {
            if number <= run.last {
                return Entry::Repeated;
            }
            if number == run.last + 1 {
                run.last = number;
                self.join(at);
                return Entry::New;
            }
        }
        let later = self.runs.get_mut(at).filter(|run| run.family == family);
        if let Some(run) = later.filter(|run| run.first == number + 1) {
            run.first = number;
            return Entry::New;
        }
        if self.runs.len() >= MOST_RUNS {
            return Entry::Forgotten;
        }
        self.runs.insert(at, Run { family, first: number, last: number });
        Entry::New
    }

    /// Whether a number was entered.
    pub(in crate::edi) fn has(&self, scope: u64, text: &[u8]) -> bool {
        let (family, number) = spelling(scope, text);
        let at = self.runs.partition_point(|run| (run.family, run.first) <= (family, number));
        let run = at.checked_sub(1).and_then(|before| self.runs.get(before));
        run.is_some_and(|run| run.family == family && number <= run.last)
    }

    /// Joins the run at a place with the one before it, where they touch now.
    fn join(&mut self, at: usize) {
        let touching =
            match (at.checked_sub(1).and_then(|before| self.runs.get(before)), self.runs.get(at)) {
                (Some(one), Some(other)) => {
                    one.family == other.family && one.last + 1 == other.first
                }
                _ => false,
            };
        if touching {
            let joined = self.runs.remove(at);
            if let Some(run) = self.runs.get_mut(at - 1) {
                run.last = joined.last;
            }
        }
    }
}

/// Up to eighteen digits at the end count on; all before them is a family.
fn spelling(scope: u64, text: &[u8]) -> (u64, u64) {
    let digits = text.iter().rev().take(18).take_while(|byte| byte.is_ascii_digit()).count();
    let (head, tail) = text.split_at(text.len() - digits);
    let mut hasher = DefaultHasher::new();
    (scope, head, digits).hash(&mut hasher);
    let number = tail.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    (hasher.finish(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_take_the_room_of_one() {
        let mut numbers = Numbers::default();
        for number in 1..100_000_u32 {
            assert_eq!(numbers.enter(0, format!("{number:09}").as_bytes()), Entry::New);
        }
        assert_eq!(numbers.runs.len(), 1);
        assert_eq!(numbers.enter(0, b"000000777"), Entry::Repeated);
        assert_eq!(numbers.enter(0, b"777"), Entry::New, "another spelling is another number");
        assert_eq!(numbers.enter(1, b"000000777"), Entry::New, "another scope");
    }

    #[test]
    fn gaps_are_filled_from_both_sides() {
        let mut numbers = Numbers::default();
        for text in ["A1", "A3", "A5", "A4", "A2", "A0"] {
            assert_eq!(numbers.enter(0, text.as_bytes()), Entry::New, "{text}");
        }
        assert_eq!(numbers.runs.len(), 1);
        for text in ["A0", "A1", "A2", "A3", "A4", "A5"] {
            assert!(numbers.has(0, text.as_bytes()) && !numbers.has(1, text.as_bytes()), "{text}");
            assert_eq!(numbers.enter(0, text.as_bytes()), Entry::Repeated, "{text}");
        }
        assert!(!numbers.has(0, b"A6") && !numbers.has(0, b""));
        assert_eq!(numbers.enter(0, b""), Entry::New);
        assert_eq!(numbers.enter(0, b""), Entry::Repeated);
    }

    #[test]
    fn the_room_has_a_bound() {
        let mut numbers = Numbers::default();
        let spread = |index: usize| format!("{:09}", index * 2);
        for index in 0..MOST_RUNS {
            assert_eq!(numbers.enter(0, spread(index).as_bytes()), Entry::New);
        }
        assert_eq!(numbers.enter(0, spread(MOST_RUNS).as_bytes()), Entry::Forgotten);
        assert_eq!(numbers.enter(0, spread(7).as_bytes()), Entry::Repeated);
    }
}
