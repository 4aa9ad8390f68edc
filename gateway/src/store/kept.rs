//! Which rows of a damaged table hold, and the numbers that they get, so that no hole is left.

/// Rows that stand beside one another before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: i64,
    through: i64,
    /// The new number of `from`.
    becomes: i64,
}

/// The rows that hold, in their old order.
#[derive(Debug, Default)]
pub(super) struct Kept {
    spans: Vec<Span>,
}

impl Kept {
    /// The next row that holds. Numbers rise; one that does not is no row of ours.
    pub(super) fn push(&mut self, number: i64) {
        match self.spans.last_mut() {
            Some(last) if number <= last.through => {}
            Some(last) if number == last.through + 1 => last.through = number,
            _ => self.spans.push(Span { from: number, through: number, becomes: number }),
        }
    }

    /// The highest number that holds.
    pub(super) fn last(&self) -> Option<i64> {
        self.spans.last().map(|span| span.through)
    }

    /// The spans between `low` and `high` that do not hold.
    pub(super) fn gaps(&self, low: i64, high: i64) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        let mut next = low;
        for span in &self.spans {
            if span.from > next {
                gaps.push((next, (span.from - 1).min(high)));
            }
            next = next.max(span.through + 1);
        }
        if next <= high {
            gaps.push((next, high));
        }
        gaps
    }

    /// Forgets the rows through a number.
    pub(super) fn drop_through(&mut self, number: i64) {
        self.spans.retain(|span| span.through > number);
        if let Some(first) = self.spans.first_mut() {
            first.from = first.from.max(number + 1);
        }
    }

    /// Gives the rows from `start` on new numbers without holes. Those below keep theirs; they have no holes.
    pub(super) fn close_gaps(&mut self, start: i64) {
        let mut next = start;
        for span in &mut self.spans {
            // What stands below `start` and reaches over it has no hole either.
            span.becomes = if span.from < start { span.from } else { next };
            next = next.max(span.becomes + (span.through - span.from) + 1);
        }
    }

    /// The new number of a row; none when it does not hold.
    pub(super) fn place(&self, number: i64) -> Option<i64> {
        let at = self.spans.partition_point(|span| span.through < number);
        let span = self.spans.get(at).filter(|span| span.from <= number)?;
        Some(span.becomes + (number - span.from))
    }

    /// The new number of the first row from `number` on that holds; `end` when none does.
    pub(super) fn place_from(&self, number: i64, end: i64) -> i64 {
        let at = self.spans.partition_point(|span| span.through < number);
        self.spans.get(at).map_or(end, |span| span.becomes + (number - span.from).max(0))
    }

    /// How many rows hold from a number on.
    pub(super) fn count_from(&self, number: i64) -> i64 {
        let of = |span: &Span| (span.through + 1 - span.from.max(number)).max(0);
        self.spans.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_closed() {
        let mut kept = Kept::default();
        for number in [3, 4, 5, 8, 9, 9, 2, 12] {
            kept.push(number);
        }
        assert_eq!(kept.gaps(1, 14), [(1, 2), (6, 7), (10, 11), (13, 14)]);
        assert_eq!((kept.last(), kept.count_from(5)), (Some(12), 4));
        kept.drop_through(3);
        kept.close_gaps(6);
        let places: Vec<_> = (1..14).map(|number| kept.place(number)).collect();
        let expected: [Option<i64>; 13] = [
            None,
            None,
            None,
            Some(4),
            Some(5),
            None,
            None,
            Some(6),
            Some(7),
            None,
            None,
            Some(8),
            None,
        ];
        assert_eq!(places, expected);
        assert_eq!(
            (kept.place_from(6, 99), kept.place_from(9, 99), kept.place_from(13, 9)),
            (6, 7, 9)
        );
    }
}
