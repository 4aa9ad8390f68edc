//! The GS1 application identifiers: what a value is made of, and what must and must not stand beside it.
//!
//! In: the table `dictionary.txt`, which says where it is from. Out: its rows, found by the digits that an element
//! begins with. Never: a rule that the table does not have.

use std::sync::LazyLock;

use super::lint::Lint;

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows: Vec<Row> = lines().filter_map(Row::parse).collect();
    rows.sort_by_key(Row::order);
    rows
});

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("dictionary.txt").lines().filter(|line| !line.starts_with('#'))
}

/// One identifier, or a range of them that differ in their last digit.
#[derive(Debug)]
pub(super) struct Row {
    /// How many digits the identifier has.
    pub(super) digits: usize,
    low: u16,
    high: u16,
    /// Ends by its length: all others end with FNC1 or with the message, even when their length is fixed (GS1
    /// General Specifications 7.8.5).
    pub(super) is_sized: bool,
    /// May stand in the query of a Digital Link URI.
    pub(super) is_attribute: bool,
    /// For an identifier that begins the path of a Digital Link URI: the qualifiers that may follow, in order, and
    /// other such lists instead.
    pub(super) qualifiers: Option<Vec<Vec<&'static str>>>,
    /// What a value is made of, in order.
    pub(super) components: Vec<Component>,
    /// All of these demands must be met; of a demand, one alternative; of an alternative, all patterns.
    pub(super) needs: Vec<Vec<Vec<&'static str>>>,
    /// Patterns of what must not stand beside it.
    pub(super) excludes: Vec<&'static str>,
    /// Data title of the GS1 General Specifications.
    pub(super) title: &'static str,
}

/// A part of a value.
#[derive(Debug)]
pub(super) struct Component {
    /// It and what follows may be missing.
    pub(super) is_optional: bool,
    pub(super) shortest: usize,
    pub(super) longest: usize,
    /// The character set, then rules of content.
    pub(super) lints: Vec<Lint>,
}

impl Row {
    /// The identifier at the front of an element.
    pub(super) fn at(front: &[u8]) -> Option<&'static Self> {
        (2..=4).find_map(|digits| Self::of(front.get(..digits)?))
    }

    /// The identifier that is written so.
    pub(super) fn of(identifier: &[u8]) -> Option<&'static Self> {
        if identifier.len() > 4 || !identifier.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = identifier.iter().fold(0, |sum, digit| 10 * sum + u16::from(digit - b'0'));
        let wanted = (identifier.len(), number);
        let behind = ROWS.partition_point(|row| row.order() <= wanted);
        ROWS.get(behind.checked_sub(1)?)
            .filter(|row| row.digits == identifier.len() && number <= row.high)
    }

    fn order(&self) -> (usize, u16) {
        (self.digits, self.low)
    }

    /// Length of the value, shortest and longest.
    pub(super) fn lengths(&self) -> (usize, usize) {
        let needed = self.components.iter().filter(|component| !component.is_optional);
        (
            needed.map(|component| component.shortest).sum(),
            self.components.iter().map(|component| component.longest).sum(),
        )
    }

    /// `identifiers|place|value|needs|excludes|title`. None for a line that is not written so.
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('|');
        let [identifiers, place, value, needs, excludes, title] =
            std::array::from_fn(|_| columns.next());
        let identifiers = identifiers?;
        let (low, high) = identifiers.split_once('-').unwrap_or((identifiers, identifiers));
        let lists = |list: &'static str| list.split('/').map(|list| words(list, ',')).collect();
        let qualifiers = place?.split(' ').find_map(|word| word.strip_prefix("key"));
        let alternatives =
            |demand: &'static str| demand.split(',').map(|all| words(all, '+')).collect();
        Some(Self {
            digits: low.len(),
            low: low.parse().ok()?,
            high: high.parse().ok()?,
            is_sized: place?.contains("sized"),
            is_attribute: place?.contains("attribute"),
            qualifiers: qualifiers.map(|list| lists(list.trim_start_matches('='))),
            components: value?.split(' ').map(Component::parse).collect::<Option<_>>()?,
            needs: words(needs?, '&')
                .into_iter()
                .map(|demand| alternatives(demand.trim()))
                .collect(),
            excludes: words(excludes?, ','),
            title: title?,
        })
    }
}

impl Component {
    /// Text of which no rule says what it is.
    pub(super) fn is_free(&self) -> bool {
        let tells = [Lint::Digits, Lint::CheckPair, Lint::Coupon, Lint::CouponPosOffer, Lint::Iban];
        !self.lints.iter().any(|lint| tells.contains(lint))
    }

    /// `?n1-8:rule+rule`.
    fn parse(text: &'static str) -> Option<Self> {
        let (form, rules) = text.split_once(':').unwrap_or((text, ""));
        let (is_optional, form) = (form.starts_with('?'), form.trim_start_matches('?'));
        let (set, lengths) = form.split_at_checked(1)?;
        let (shortest, longest) = lengths.split_once('-').unwrap_or((lengths, lengths));
        let set = match set {
            "n" => Lint::Digits,
            "x" => Lint::Set82,
            "y" => Lint::Set39,
            "z" => Lint::Set64,
            _ => return None,
        };
        let mut lints = vec![set];
        for rule in words(rules, '+') {
            lints.push(Lint::named(rule)?);
        }
        Some(Self {
            is_optional,
            shortest: shortest.parse().ok()?,
            longest: longest.parse().ok()?,
            lints,
        })
    }
}

fn words(text: &'static str, separator: char) -> Vec<&'static str> {
    text.split(separator).filter(|word| !word.is_empty()).collect()
}

/// Whether an identifier is one that a pattern such as `31nn` means.
pub(super) fn is_meant(pattern: &str, identifier: &str) -> bool {
    pattern.len() == identifier.len()
        && pattern
            .bytes()
            .zip(identifier.bytes())
            .all(|(meant, digit)| meant == b'n' || meant == digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        assert_eq!(ROWS.len(), lines().count());
        assert_eq!(ROWS.len(), 224);
        for row in ROWS.iter() {
            let patterns = row.needs.iter().flatten().flatten().chain(&row.excludes);
            for pattern in patterns.filter(|pattern| !pattern.contains('n')) {
                assert!(Row::of(pattern.as_bytes()).is_some(), "{pattern}");
            }
            assert!(row.components.iter().all(|part| part.shortest <= part.longest), "{row:?}");
        }
    }

    #[test]
    fn no_identifier_has_two_meanings() {
        for number in 0..10_000_u16 {
            let text = format!("{number:04}");
            let found = (2..=4).filter(|digits| Row::of(&text.as_bytes()[..*digits]).is_some());
            assert!(found.count() <= 1, "{text}");
        }
    }

    #[test]
    fn identifiers_are_found_by_their_own_length() {
        let found = |front: &[u8]| Row::at(front).map(|row| (row.lengths(), row.digits));
        assert_eq!(found(b"0104006381333931"), Some(((14, 14), 2)));
        assert_eq!(found(b"2401"), Some(((1, 30), 3)));
        assert_eq!(found(b"3103001500"), Some(((6, 6), 4)));
        assert_eq!(found(b"9912"), Some(((1, 90), 2)));
        assert_eq!(found(b"7007211225"), Some(((6, 12), 4)));
        assert_eq!(found(b"18"), None);
        assert_eq!(found(b"3106"), None);
        assert_eq!(found(b"x1"), None);
    }

    /// Only the first two digits decide, so that readers of another release find the same ends (GS1 General
    /// Specifications 7.8.5).
    #[test]
    fn predefined_lengths_are_those_of_the_specification() {
        for row in ROWS.iter() {
            let front = format!("{:0digits$}", row.low, digits = row.digits);
            let expected = matches!(&front[..2], "00" | "01" | "02" | "03" | "04" | "20" | "41")
                || ("11".."20").contains(&&front[..2])
                || ("31".."37").contains(&&front[..2]);
            assert_eq!(row.is_sized, expected, "{front}");
        }
    }

    #[test]
    fn patterns_mean_any_digit() {
        assert!(is_meant("31nn", "3105") && is_meant("01", "01"));
        assert!(!is_meant("31nn", "310") && !is_meant("01", "02"));
    }
}
