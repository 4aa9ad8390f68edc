//! Scanners that type: keyboards by `/dev/uinput`.

use std::thread::sleep;
use std::time::Duration;

use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, EventType, InputEvent, KeyCode};

/// Rows of the US layout, each with the key code of its first character (linux/input-event-codes.h).
const ROWS: [(&str, u16); 4] =
    [("1234567890-", 2), ("qwertyuiop", 16), ("asdfghjkl", 30), ("zxcvbnm", 44)];
/// Other keys of the US layout, and whether with shift: what stands in tracks.
const SIGNS: [(char, u16, bool); 6] = [
    ('=', 13, false),
    (';', 39, false),
    ('/', 53, false),
    ('?', 53, true),
    ('%', 6, true),
    ('^', 7, true),
];
const ENTER: u16 = 28;
const LEFT_SHIFT: u16 = 42;
const LAST_KEY: u16 = 127;

/// A scanner that types; unplugged when dropped.
pub(crate) struct Wedge(VirtualDevice);

impl Wedge {
    /// Plugs a scanner in under a name for udev.
    pub(crate) fn plug_in(name: &str) -> Self {
        let keys: AttributeSet<KeyCode> = (1..=LAST_KEY).map(KeyCode).collect();
        let builder = VirtualDevice::builder().expect("uinput").name(name);
        Self(builder.with_keys(&keys).and_then(|builder| builder.build()).expect("a keyboard"))
    }

    /// Types a code and Enter, a character after each pause; without one as fast as the kernel takes it.
    pub(crate) fn scan(&mut self, code: &str, pause: Duration) {
        for character in code.chars() {
            let (key, shift) = key_of(character);
            if shift {
                self.key(LEFT_SHIFT, 1);
            }
            self.stroke(key);
            if shift {
                self.key(LEFT_SHIFT, 0);
            }
            sleep(pause);
        }
        self.stroke(ENTER);
        sleep(pause);
    }

    fn stroke(&mut self, key: u16) {
        self.key(key, 1);
        self.key(key, 0);
    }

    fn key(&mut self, key: u16, value: i32) {
        let event = InputEvent::new(EventType::KEY.0, key, value);
        self.0.emit(&[event]).expect("uinput takes the key");
    }
}

fn key_of(character: char) -> (u16, bool) {
    if let Some((_, key, shift)) = SIGNS.iter().find(|(sign, ..)| *sign == character) {
        return (*key, *shift);
    }
    let small = character.to_ascii_lowercase();
    let found = ROWS.iter().find_map(|(row, first)| {
        let at = row.chars().position(|one| one == small)?;
        u16::try_from(at).ok().map(|at| first + at)
    });
    let key = found.unwrap_or_else(|| panic!("no key for {character}"));
    (key, character.is_ascii_uppercase())
}
