//! Colours, on a terminal only, and never where `NO_COLOR` is set.

use std::fmt::Display;
use std::io::{self, IsTerminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Green,
    Yellow,
    Red,
}

/// Whether stdout shows colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style(bool);

impl Style {
    pub(super) fn of_stdout() -> Self {
        Self(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self(false)
    }

    pub(super) fn paint(self, colour: Colour, text: impl Display) -> String {
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
        };
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

/// A text from outside without the characters that would move the cursor or change the terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            control if control.is_control() => '\u{fffd}',
            plain => plain,
        })
        .collect()
}
