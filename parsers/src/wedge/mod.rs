//! Keyboard wedges: scanners that type.
//!
//! In: the events of one input device (evdev: type, code, value, time) and its keyboard layout. Out: reads, ended by
//! Enter, Tab or a pause. Each device has a decoder of its own: two that share one mix their codes. Never: what a
//! person typed, and a read as whole of which the kernel dropped events.

mod alt;
mod foreign;
mod layout;
mod retype;
mod text;

use zeroize::{Zeroize, Zeroizing};

use alt::AltDigits;
use foreign::Foreign;
pub use layout::{KEYS, Layout, Symbol, composed, spacing};
pub use retype::retyped;
pub use text::CALIBRATION;

/// Keys of one read: the longest barcode is a QR code of 7,089 digits (ISO/IEC 18004, table 7).
const STROKES_MAX: usize = 8192;
/// Fewer keys than these that end in a pause are a person's.
const STROKES_WITHOUT_END_MIN: usize = 4;
/// After so many scans that ended by a pause a device has no key at the end any more.
const PAUSES_TO_UNLEARN: u32 = 3;
/// The rest of a code that a pause cut in two comes within so many gaps.
const TAIL_GAPS: u64 = 10;

/// Event types and codes of linux/input-event-codes.h.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_REPORT: u16 = 0;
const SYN_DROPPED: u16 = 3;
const GROUP_SEPARATOR: char = '\u{1D}';

/// One event of an input device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEvent {
    /// Its type.
    pub kind: u16,
    /// The key, or what kind of mark it is.
    pub code: u16,
    /// 0 released, 1 pressed, 2 repeated.
    pub value: i32,
    /// When, in microseconds. Only differences count.
    pub time_us: u64,
}

/// How a device types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WedgeSettings {
    /// The layout that the scanner is set to.
    pub layout: Layout,
    /// A pause that ends a read, in microseconds.
    pub gap_us: u64,
    /// What ends a read.
    pub end: ReadEnd,
}

/// What ends a read. Enter and Tab do in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadEnd {
    /// Enter or Tab: a pause only cuts a read in two.
    Key,
    /// The same once a scan has ended so, until several in a row end by a pause.
    Learnt,
    /// A pause too.
    Pause,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum WedgeRead<'a> {
    /// A scanner typed a code.
    Scan {
        /// The content, in UTF-8.
        data: &'a [u8],
        /// Whether keys of it are lost or without meaning in the layout. Nothing may be left of it then.
        damaged: bool,
    },
    /// The calibration code came, typed in this layout.
    Calibration {
        /// The layout that the scanner is set to.
        layout: Layout,
    },
    /// The keys are a card in another layout than the configured one, or what is left of one. Nothing of it leaves.
    Card {
        /// The layout that the reader is set to; none where too much is lost to know it.
        layout: Option<Layout>,
        /// How many keys.
        keys: usize,
    },
    /// A person typed.
    Typed {
        /// How many keys.
        keys: usize,
    },
    /// So much came without an end that it was dropped.
    Overflow {
        /// How many keys.
        keys: usize,
    },
}

/// A key that gives a character, with what else was held; or a character that does not depend on the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Zeroize)]
enum Stroke {
    Key { code: u16, shift: bool, caps: bool, alt_gr: bool },
    Character(char),
}

/// Keys that are down.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    shift: [bool; 2],
    ctrl: [bool; 2],
    alt: bool,
    alt_gr: bool,
}

impl Held {
    fn set(&mut self, code: u16, down: bool) -> bool {
        let [left_shift, right_shift] = &mut self.shift;
        let [left_ctrl, right_ctrl] = &mut self.ctrl;
        let key = match code {
            42 => left_shift,
            54 => right_shift,
            29 => left_ctrl,
            97 => right_ctrl,
            56 => &mut self.alt,
            100 => &mut self.alt_gr,
            _ => return false,
        };
        *key = down;
        true
    }

    fn shift(self) -> bool {
        self.shift.contains(&true)
    }

    fn ctrl(self) -> bool {
        self.ctrl.contains(&true)
    }

    /// Windows takes Ctrl and Alt for AltGr, and some scanners send it so.
    fn alt_gr(self) -> bool {
        self.alt_gr || self.ctrl() && self.alt
    }
}

/// Turns the events of one device into reads.
pub struct WedgeDecoder {
    settings: WedgeSettings,
    held: Held,
    caps: bool,
    /// Caps Lock after the last whole read: a scanner that turns it on for a code turns it off again.
    caps_between: bool,
    alt_digits: AltDigits,
    /// Has its room from the start: a vector that grows leaves its content behind.
    strokes: Zeroizing<Vec<Stroke>>,
    lost: usize,
    /// The kernel dropped events of this read.
    damaged: bool,
    /// That was told already, though no end was seen since.
    told: bool,
    /// The device was opened in the middle of this read, as far as anybody knows.
    midway: bool,
    /// Events up to the next mark are worth nothing.
    dropping: bool,
    wants_keys_down: bool,
    /// A key without meaning came within this read.
    strange: bool,
    /// A key came that only a person presses.
    by_hand: bool,
    /// A pause ended the read before, though a key should have: what comes now may be its rest.
    is_tail: bool,
    /// A scan ended by a key.
    key_learnt: bool,
    /// Scans since then that looked whole and ended by a pause.
    pauses: u32,
    first_us: u64,
    last_us: u64,
}

impl WedgeDecoder {
    /// A decoder for a device that was just opened.
    #[must_use]
    pub fn new(settings: WedgeSettings) -> Self {
        Self {
            settings,
            held: Held::default(),
            caps: false,
            caps_between: false,
            alt_digits: AltDigits::default(),
            strokes: Zeroizing::new(Vec::with_capacity(STROKES_MAX)),
            lost: 0,
            damaged: false,
            told: false,
            midway: false,
            dropping: false,
            wants_keys_down: false,
            strange: false,
            by_hand: false,
            is_tail: false,
            key_learnt: false,
            pauses: 0,
            first_us: 0,
            last_us: 0,
        }
    }

    /// What comes now, up to an end or a pause, may be the rest of a read.
    pub fn begin_midway(&mut self) {
        self.midway = true;
        // Nobody knows how long ago the key before was.
        self.last_us = u64::MAX;
    }

    /// Another layout, from the next read on.
    pub fn set_layout(&mut self, layout: Layout) {
        self.settings.layout = layout;
    }

    /// Takes an event.
    pub fn take(&mut self, event: KeyEvent, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        match (event.kind, event.code) {
            (EV_SYN, SYN_DROPPED) => {
                self.dropping = true;
                self.damaged = true;
                self.told = false;
            }
            (EV_SYN, SYN_REPORT) if self.dropping => {
                self.dropping = false;
                self.wants_keys_down = true;
                // The time that dropped events took is no pause.
                self.last_us = u64::MAX;
                self.alt_digits = AltDigits::default();
            }
            (EV_KEY, code) if !self.dropping => self.key(code, event.value, event.time_us, sink),
            _ => {}
        }
    }

    /// After dropped events nobody knows which keys are down: true until [`Self::set_keys_down`] says so.
    #[must_use]
    pub fn wants_keys_down(&self) -> bool {
        self.wants_keys_down
    }

    /// The keys that are down now.
    pub fn set_keys_down(&mut self, keys: impl Iterator<Item = u16>) {
        self.held = Held::default();
        self.wants_keys_down = false;
        for key in keys {
            self.held.set(key, true);
        }
    }

    /// Whether something waits for its end, or a loss of keys to be told: nothing may come behind it.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.keys() > 0 || self.damaged && !self.told
    }

    /// Nothing came for the length of the gap.
    pub fn quiet(&mut self, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        if self.is_waiting() {
            self.end(false, sink);
        }
    }

    /// The device is gone. Gives the keys of a read that was under way and is dropped.
    pub fn close(&mut self) -> usize {
        let keys = self.keys();
        self.begin_again();
        self.damaged = false;
        self.midway = false;
        self.is_tail = false;
        // What comes back may be another device, or set up anew.
        self.key_learnt = false;
        self.pauses = 0;
        self.held = Held::default();
        keys
    }

    fn keys(&self) -> usize {
        self.strokes.len() + self.lost
    }

    fn key(&mut self, code: u16, value: i32, time_us: u64, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        let pause_us = time_us.saturating_sub(self.last_us);
        if pause_us > self.settings.gap_us {
            self.quiet(sink);
            self.strange = false;
            self.by_hand = false;
            self.midway = false;
            self.is_tail &= pause_us <= TAIL_GAPS * self.settings.gap_us;
        }
        self.last_us = time_us;
        match value {
            1 => self.press(code, sink),
            0 => self.release(code, sink),
            // A key that is held repeats itself; a scanner does not hold keys.
            _ => {}
        }
    }

    fn release(&mut self, code: u16, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        let alt_was_down = self.held.alt;
        self.held.set(code, false);
        if !alt_was_down || self.held.alt || self.alt_digits.is_empty() {
            return;
        }
        match std::mem::take(&mut self.alt_digits).character(self.settings.layout) {
            Some('\r' | '\n' | '\t') => self.end(true, sink),
            Some(character) => self.push(Stroke::Character(character)),
            None => self.strange = true,
        }
    }

    fn press(&mut self, code: u16, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        const CAPS_LOCK: u16 = 58;
        const LOCKS: [u16; 2] = [69, 70];
        if self.held.set(code, true) || LOCKS.contains(&code) {
            return;
        }
        match code {
            CAPS_LOCK => self.caps = !self.caps,
            _ if self.held.alt && !self.held.ctrl() => match keypad_digit(code) {
                Some(digit) => self.alt_digits.push(digit),
                None => self.strange = true,
            },
            _ if self.held.ctrl() && !self.held.alt_gr() => self.control(code, sink),
            // Enter, Enter of the keypad, Tab.
            28 | 96 | 15 => self.end(true, sink),
            code => self.character_key(code),
        }
    }

    fn character_key(&mut self, code: u16) {
        const F8: u16 = 66;
        if KEYS.contains(&code) {
            let (shift, alt_gr) = (self.held.shift(), self.held.alt_gr());
            return self.push(Stroke::Key { code, shift, caps: self.caps, alt_gr });
        }
        match code {
            F8 => self.push(Stroke::Character(GROUP_SEPARATOR)),
            // Escape, Backspace, Home to Delete without keypad.
            1 | 14 | 102..=111 => self.by_hand = true,
            code => match same_everywhere(code) {
                Some(character) => self.push(Stroke::Character(character)),
                None => self.strange = true,
            },
        }
    }

    /// Ctrl with a key gives the control character of its letter; `[ \ ]` count by their place on the US keyboard.
    fn control(&mut self, code: u16, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        let character = match code {
            26 => Some('['),
            43 => Some('\\'),
            27 => Some(']'),
            code => match self.settings.layout.symbol(code, false, false) {
                Some(Symbol::Character(letter @ 'a'..='z')) => Some(letter.to_ascii_uppercase()),
                _ => None,
            },
        };
        match character.and_then(|letter| char::from_u32(u32::from(letter) & 0x1F)) {
            Some('\r' | '\n' | '\t') => self.end(true, sink),
            Some(control) => self.push(Stroke::Character(control)),
            None => self.strange = true,
        }
    }

    fn push(&mut self, stroke: Stroke) {
        if self.keys() == 0 {
            self.first_us = self.last_us;
        }
        if self.strokes.len() < STROKES_MAX { self.strokes.push(stroke) } else { self.lost += 1 }
    }

    /// The read is over, by a key or by a pause.
    fn end(&mut self, by_key: bool, sink: &mut dyn FnMut(WedgeRead<'_>)) {
        let keys = self.keys();
        let keys_lost = self.damaged;
        let typed = self.by_hand || !keys_lost && self.is_typed(by_key);
        let spoilt = keys_lost || std::mem::take(&mut self.midway) || self.strange || self.is_tail;
        if !(by_key || typed || spoilt) {
            self.unlearn();
        }
        let cut = !by_key && self.wants_key();
        let damaged = spoilt || cut;
        // Only when the end is seen is it sure that what was lost is behind.
        self.damaged &= cut;
        self.told = keys_lost;
        self.is_tail = cut && keys > 0;
        if keys == 0 && !keys_lost {
            return self.begin_again();
        }
        if self.lost > 0 {
            sink(WedgeRead::Overflow { keys });
        } else if typed {
            sink(WedgeRead::Typed { keys });
        } else if self.scan(damaged, sink) && by_key {
            self.key_learnt = true;
            self.pauses = 0;
        }
        if damaged {
            self.caps = self.caps_between;
        }
        self.begin_again();
    }

    /// Whether a read that a pause ends is cut.
    fn wants_key(&self) -> bool {
        match self.settings.end {
            ReadEnd::Key => true,
            ReadEnd::Learnt => self.key_learnt,
            ReadEnd::Pause => false,
        }
    }

    /// A scan that looks whole ended by a pause.
    fn unlearn(&mut self) {
        self.pauses += u32::from(self.key_learnt);
        if self.pauses >= PAUSES_TO_UNLEARN {
            self.key_learnt = false;
            self.pauses = 0;
        }
    }

    /// Tells of a scan. True when it is a whole code.
    fn scan(&self, damaged: bool, sink: &mut dyn FnMut(WedgeRead<'_>)) -> bool {
        if let Some(layout) = text::calibrated(&self.strokes) {
            sink(WedgeRead::Calibration { layout });
            return false;
        }
        let layout = self.settings.layout;
        let (data, clean) = text::written(&self.strokes, layout);
        let damaged = damaged || !clean;
        let card = foreign::card(&self.strokes, layout, &data, damaged);
        sink(match card {
            None => WedgeRead::Scan { data: &data, damaged },
            Some(Foreign::Card(layout)) => {
                WedgeRead::Card { layout: Some(layout), keys: self.keys() }
            }
            Some(Foreign::Stump) => WedgeRead::Card { layout: None, keys: self.keys() },
        });
        !damaged && card.is_none()
    }

    /// A person needs longer from key to key than a scanner, and ends by pausing.
    fn is_typed(&self, by_key: bool) -> bool {
        let strokes = self.strokes.len();
        if !by_key && strokes < STROKES_WITHOUT_END_MIN {
            return true;
        }
        let pauses = u64::try_from(strokes).unwrap_or(u64::MAX).saturating_sub(u64::from(!by_key));
        let lasted_us = self.last_us.saturating_sub(self.first_us);
        lasted_us > pauses.saturating_mul(self.settings.gap_us / 4 * 3)
    }

    fn begin_again(&mut self) {
        self.strokes.zeroize();
        self.lost = 0;
        self.strange = false;
        self.by_hand = false;
        self.alt_digits = AltDigits::default();
        self.caps_between = self.caps;
    }
}

fn keypad_digit(code: u16) -> Option<u32> {
    const DIGITS: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];
    (0..).zip(DIGITS).find(|(_, key)| *key == code).map(|(digit, _)| digit)
}

/// The space bar and the keypad.
fn same_everywhere(code: u16) -> Option<char> {
    match code {
        57 => Some(' '),
        83 => Some('.'),
        74 => Some('-'),
        78 => Some('+'),
        55 => Some('*'),
        98 => Some('/'),
        117 => Some('='),
        121 => Some(','),
        code => keypad_digit(code).and_then(|digit| char::from_digit(digit, 10)),
    }
}

#[cfg(test)]
mod tests;
