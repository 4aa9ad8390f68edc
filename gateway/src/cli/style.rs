//! Colours, on a terminal only, and never where `NO_COLOR` is set to anything.

use std::fmt::Display;
use std::io::{self, IsTerminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Green,
    Yellow,
    Red,
}

/// Whether an output shows colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style(bool);

impl Style {
    pub(super) fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    pub(super) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// An empty `NO_COLOR` asks for nothing (<https://no-color.org>).
    fn of(output: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(output.is_terminal() && !refused)
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
