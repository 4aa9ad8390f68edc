//! What a value looks like: `9999`, `PO-9+`, `AA9*`.
//!
//! `9` is a digit, `A` a capital letter, `X` a capital letter or digit, `?` any character; `+` after one of them or
//! after a character: once or more often; `*` is any number of any characters. Every other character is itself, and
//! any is after `\`. Never: a look back, so that no value takes long.

use std::fmt;

/// Bits of a state that are used: one an item, and the end.
const MOST_ITEMS: usize = 63;

/// What a value looks like, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    kind: Kind,
    often: Often,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    LetterOrDigit,
    Any,
    Exactly(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Often {
    Once,
    OnceOrMore,
    Any,
}

impl Kind {
    fn has(self, character: char) -> bool {
        match self {
            Self::Digit => character.is_ascii_digit(),
            Self::Letter => character.is_ascii_uppercase(),
            Self::LetterOrDigit => character.is_ascii_uppercase() || character.is_ascii_digit(),
            Self::Any => true,
            Self::Exactly(own) => own == character,
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut items: Vec<Item> = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let kind = match character {
                '+' => match items.last_mut() {
                    Some(last) if last.often == Often::Once => {
                        last.often = Often::OnceOrMore;
                        continue;
                    }
                    _ => {
                        return Err(
                            "`+` stands after what is repeated; write `\\+` for a plus".to_owned()
                        );
                    }
                },
                '*' => {
                    items.push(Item { kind: Kind::Any, often: Often::Any });
                    continue;
                }
                '9' => Kind::Digit,
                'A' => Kind::Letter,
                'X' => Kind::LetterOrDigit,
                '?' => Kind::Any,
                '\\' => match characters.next() {
                    Some(next) => Kind::Exactly(next),
                    None => return Err("a character follows `\\`".to_owned()),
                },
                other => Kind::Exactly(other),
            };
            items.push(Item { kind, often: Often::Once });
        }
        match items.len() {
            0 => Err("it is empty".to_owned()),
            1..=MOST_ITEMS => Ok(Self { text: text.to_owned(), items }),
            _ => Err(format!("it has more than {MOST_ITEMS} parts")),
        }
    }

    /// Whether a value looks so. What is no UTF-8 is read byte by byte.
    #[must_use]
    pub fn fits(&self, value: &[u8]) -> bool {
        let end = 1_u64 << self.items.len();
        let last = match std::str::from_utf8(value) {
            Ok(text) => text.chars().fold(self.skip(1), |states, next| self.step(states, next)),
            Err(_) => value
                .iter()
                .map(|byte| char::from(*byte))
                .fold(self.skip(1), |states, next| self.step(states, next)),
        };
        last & end != 0
    }

    /// One bit for each number of items that the characters so far may have used up.
    fn step(&self, states: u64, character: char) -> u64 {
        let mut after = 0;
        for (index, item) in self.items.iter().enumerate() {
            if !item.kind.has(character) {
                continue;
            }
            let (at, past) = (1_u64 << index, 2_u64 << index);
            match item.often {
                Often::Any => after |= states & at,
                Often::OnceOrMore if states & (at | past) != 0 => after |= past,
                Often::Once if states & at != 0 => after |= past,
                Often::OnceOrMore | Often::Once => {}
            }
        }
        self.skip(after)
    }

    /// `*` may be nothing.
    fn skip(&self, mut states: u64) -> u64 {
        for (index, item) in self.items.iter().enumerate() {
            if item.often == Often::Any && states & (1 << index) != 0 {
                states |= 2 << index;
            }
        }
        states
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_or_do_not() {
        for (pattern, good, bad) in [
            ("9999", &["0042"][..], &["", "042", "00421", "00A2"][..]),
            ("PO-9+", &["PO-1", "PO-7001"], &["PO-", "PO", "P0-1", "PO-1 ", "XPO-1"]),
            ("AA9*", &["DE1", "DE1-xyz"], &["DE", "de1", "D11"]),
            ("*-X+", &["-A", "a-b-C1"], &["-", "a-b", "A1"]),
            ("9+.99", &["1.00", "120.50"], &[".50", "1.5", "1"]),
            ("\\A\\9?", &["A9x", "A9é"], &["B9x", "A9", "A9xy"]),
            ("9+9+9", &["123", "1234"], &["12", "12a"]),
            ("*", &["", "x"], &[]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for value in good {
                assert!(pattern.fits(value.as_bytes()), "{pattern} {value}");
            }
            for value in bad {
                assert!(!pattern.fits(value.as_bytes()), "{pattern} {value}");
            }
        }
        assert!(Pattern::parse("A?").unwrap().fits(b"A\xFC"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "+", "9++", "*+", "9\\"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(Pattern::parse(&"9".repeat(MOST_ITEMS)).is_ok());
        assert!(Pattern::parse(&"9".repeat(MOST_ITEMS + 1)).is_err());
        assert!(Pattern::parse(&"9".repeat(MOST_ITEMS)).unwrap().fits(&[b'9'; MOST_ITEMS]));
    }
}
