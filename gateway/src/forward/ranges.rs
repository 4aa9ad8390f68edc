//! Numbers of records as a short list of ranges. Pure.
//!
//! Ranges are in order, and merged where they touch, so that the list is short however many numbers it holds. Who
//! keeps one for long also bounds it, in the direction that loses nothing: [`Ranges::join_to`] for what is to be
//! sent (some more are sent), [`Ranges::forget_to`] for what was seen (some are asked for again).

use serde::{Deserialize, Serialize};

/// First and last of a range, both included.
pub(super) type Span = (u64, u64);

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ranges(Vec<Span>);

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, in order.
    pub(super) fn spans(&self) -> &[Span] {
        &self.0
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// Adds all numbers of a range; nothing where it ends before it begins.
    pub(super) fn add(&mut self, (first, last): Span) {
        if first > last {
            return;
        }
        let touches =
            |span: &Span| span.0 <= last.saturating_add(1) && first <= span.1.saturating_add(1);
        let touched = self.0.iter().copied().filter(touches);
        let merged =
            touched.fold((first, last), |all, span| (all.0.min(span.0), all.1.max(span.1)));
        self.0.retain(|span| !touches(span));
        let place = self.0.partition_point(|span| span.0 < merged.0);
        self.0.insert(place, merged);
    }

    /// Takes all numbers of a range out.
    pub(super) fn remove(&mut self, (first, last): Span) {
        let left = |span: Span| (span.0 < first).then(|| (span.0, span.1.min(first - 1)));
        let right =
            |span: Span| (span.1 > last).then(|| (span.0.max(last.saturating_add(1)), span.1));
        let kept = |span: Span| left(span).into_iter().chain(right(span));
        if first <= last {
            self.0 = self.0.drain(..).flat_map(kept).collect();
        }
    }

    /// The first range, or the rest of one, that begins at a number or behind it.
    pub(super) fn first_from(&self, number: u64) -> Option<Span> {
        let span = self.0.iter().find(|span| span.1 >= number)?;
        Some((span.0.max(number), span.1))
    }

    /// Joins the closest neighbours until there are no more than `limit` ranges: numbers between them come in.
    pub(super) fn join_to(&mut self, limit: usize) {
        while self.0.len() > limit.max(1) {
            let gaps = self.0.windows(2).map(|pair| match pair {
                [before, after] => after.0 - before.1,
                _ => u64::MAX,
            });
            let Some((place, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
            let after = self.0.remove(place + 1);
            if let Some(before) = self.0.get_mut(place) {
                before.1 = after.1;
            }
        }
    }

    /// Forgets the last ranges until there are no more than `limit`.
    pub(super) fn forget_to(&mut self, limit: usize) {
        self.0.truncate(limit);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(spans: &[Span]) -> Ranges {
        let mut ranges = Ranges::default();
        spans.iter().for_each(|span| ranges.add(*span));
        ranges
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(of(&[(5, 6), (1, 2), (3, 4)]).spans(), [(1, 6)]);
        assert_eq!(of(&[(1, 2), (4, 5), (9, 3)]).spans(), [(1, 2), (4, 5)]);
        assert_eq!(of(&[(u64::MAX, u64::MAX), (1, u64::MAX)]).spans(), [(1, u64::MAX)]);
    }

    #[test]
    fn the_list_is_bounded_in_either_direction() {
        let mut ranges = of(&[(1, 1), (10, 10), (12, 12), (30, 30)]);
        ranges.forget_to(3);
        assert_eq!(ranges.spans(), [(1, 1), (10, 10), (12, 12)]);
        ranges.join_to(2);
        assert_eq!(ranges.spans(), [(1, 1), (10, 12)]);
    }

    proptest! {
        #[test]
        fn ranges_agree_with_a_plain_set(
            steps in prop::collection::vec((any::<bool>(), 0_u64..60, 0_u64..10), 1..60),
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (adds, first, length) in steps {
                let span = (first, first + length);
                if adds {
                    ranges.add(span);
                    model.extend(span.0..=span.1);
                } else {
                    ranges.remove(span);
                    model.retain(|number| !(span.0..=span.1).contains(number));
                }
                let numbers: Vec<u64> = ranges.spans().iter().flat_map(|span| span.0..=span.1).collect();
                prop_assert!(numbers.into_iter().eq(model.iter().copied()));
                prop_assert!(ranges.spans().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
                prop_assert_eq!(ranges.contains(30), model.contains(&30));
                prop_assert_eq!(
                    ranges.first_from(30).map(|span| span.0),
                    model.range(30..).next().copied()
                );
            }
        }
    }
}
