//! Keyboard layouts as data: what each key gives, alone and with Shift, AltGr or both.
//!
//! In: a layout, a key by its evdev code, its modifiers. Out: a character, or a dead key. As Windows has the
//! layouts, since that is what scanners are made for.

/// A keyboard layout that scanners can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Belgium (point).
    Be,
    /// Switzerland, German.
    Ch,
    /// Germany.
    De,
    /// Spain.
    Es,
    /// France.
    Fr,
    /// Italy.
    It,
    /// Japan, 106 keys.
    Jp,
    /// Portugal.
    Pt,
    /// Sweden.
    Se,
    /// Turkey, Q.
    Tr,
    /// United Kingdom.
    Uk,
    /// United States.
    Us,
}

/// What a key gives at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// A character.
    Character(char),
    /// An accent for the next character, as a combining character of Unicode.
    Dead(char),
}

/// Keys in the order of the tables: the evdev codes (linux/input-event-codes.h) of the number row from `` ` `` on, of
/// the three rows of letters, `\` at the end of the third and the 102nd key at the start of the fourth; then the two
/// keys that only Japan has.
pub const KEYS: [u16; 50] = [
    41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, //
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, //
    30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43, //
    86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, //
    89, 124,
];

/// One layout. A blank is no character; what has no blank key at all in a level is left out at its end. Combining
/// characters are dead keys.
struct Table {
    plain: &'static str,
    shift: &'static str,
    /// The character of the key without modifiers, and what AltGr makes of it; with Shift, see `shift_alt_gr`.
    alt_gr: &'static str,
    shift_alt_gr: &'static str,
    /// Whether Caps Lock shifts the number row too.
    caps_shifts_numbers: bool,
}

impl Layout {
    /// All, with the name of each in a configuration.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Be, "be"),
        (Self::Ch, "ch"),
        (Self::De, "de"),
        (Self::Es, "es"),
        (Self::Fr, "fr"),
        (Self::It, "it"),
        (Self::Jp, "jp"),
        (Self::Pt, "pt"),
        (Self::Se, "se"),
        (Self::Tr, "tr"),
        (Self::Uk, "uk"),
        (Self::Us, "us"),
    ];

    /// All pairs of a layout that a device types and another one that a machine has. Devices are delivered for the
    /// United States, so that these come first.
    pub fn pairs() -> impl Iterator<Item = (Self, Self)> {
        let all = || Self::ALL.iter().map(|(layout, _)| *layout);
        let others = all().filter(|layout| *layout != Self::Us);
        [Self::Us].into_iter().chain(others).flat_map(move |device| {
            all().filter(move |machine| *machine != device).map(move |machine| (device, machine))
        })
    }

    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(layout, _)| *layout == self).map_or("", |(_, name)| name)
    }

    /// The layout of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(layout, _)| *layout)
    }

    /// What a key gives; nothing where the layout has nothing there.
    #[must_use]
    pub fn symbol(self, key: u16, shift: bool, alt_gr: bool) -> Option<Symbol> {
        let place = KEYS.iter().position(|known| *known == key)?;
        let table = self.table();
        let plain = table.plain.chars().nth(place)?;
        let character = match (shift, alt_gr) {
            (false, false) => plain,
            (true, false) => table.shift.chars().nth(place)?,
            (false, true) => paired(table.alt_gr, plain)?,
            (true, true) => paired(table.shift_alt_gr, plain)?,
        };
        match character {
            ' ' => None,
            accent @ '\u{300}'..='\u{36F}' => Some(Symbol::Dead(accent)),
            character => Some(Symbol::Character(character)),
        }
    }

    /// Whether Caps Lock turns Shift round at a key.
    #[must_use]
    pub fn caps_shifts(self, key: u16) -> bool {
        let is_number = (2..=11).contains(&key);
        let is_letter = |symbol| match symbol {
            Some(Symbol::Character(character)) => char::is_alphabetic(character),
            _ => false,
        };
        is_number && self.table().caps_shifts_numbers
            || is_letter(self.symbol(key, false, false)) && is_letter(self.symbol(key, true, false))
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Be => &BE,
            Self::Ch => &CH,
            Self::De => &DE,
            Self::Es => &ES,
            Self::Fr => &FR,
            Self::It => &IT,
            Self::Jp => &JP,
            Self::Pt => &PT,
            Self::Se => &SE,
            Self::Tr => &TR,
            Self::Uk => &UK,
            Self::Us => &US,
        }
    }
}

/// Characters in pairs: what follows `first`.
fn paired(pairs: &str, first: char) -> Option<char> {
    let mut characters = pairs.chars();
    while let (Some(key), Some(value)) = (characters.next(), characters.next()) {
        if key == first {
            return Some(value);
        }
    }
    None
}

/// An accent on a letter; none where the two do not go together.
#[must_use]
pub fn composed(accent: char, letter: char) -> Option<char> {
    let row = COMPOSED.iter().find(|(known, _, _)| *known == accent)?;
    if letter == ' ' {
        return Some(spacing(accent));
    }
    paired(row.2, letter)
}

/// The accent alone.
#[must_use]
pub fn spacing(accent: char) -> char {
    COMPOSED.iter().find(|(known, _, _)| *known == accent).map_or(accent, |(_, alone, _)| *alone)
}

/// Accents: combining, alone, and letters in pairs with and without.
const COMPOSED: [(char, char, &str); 5] = [
    ('\u{300}', '`', "aàeèiìoòuùAÀEÈIÌOÒUÙ"),
    ('\u{301}', '´', "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ"),
    ('\u{302}', '^', "aâeêiîoôuûAÂEÊIÎOÔUÛ"),
    ('\u{303}', '~', "aãnñoõAÃNÑOÕ"),
    ('\u{308}', '¨', "aäeëiïoöuüyÿAÄEËIÏOÖUÜ"),
];

const US: Table = Table {
    plain: r"`1234567890-=qwertyuiop[]asdfghjkl;'\\zxcvbnm,./",
    shift: "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"||ZXCVBNM<>?",
    alt_gr: "",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

const UK: Table = Table {
    plain: r"`1234567890-=qwertyuiop[]asdfghjkl;'#\zxcvbnm,./",
    shift: "¬!\"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?",
    alt_gr: "`¦4€eéuúiíoóaá",
    shift_alt_gr: "eÉuÚiÍoÓaÁ",
    caps_shifts_numbers: false,
};

const DE: Table = Table {
    plain: "\u{302}1234567890ß\u{301}qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
    shift: "°!\"§$%&/()=?\u{300}QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
    alt_gr: r"2²3³7{8[9]0}ß\q@e€+~<|mµ",
    shift_alt_gr: "ßẞ",
    caps_shifts_numbers: false,
};

const FR: Table = Table {
    plain: "²&é\"'(-è_çà)=azertyuiop\u{302}$qsdfghjklmù*<wxcvbn,;:!",
    shift: " 1234567890°+AZERTYUIOP\u{308}£QSDFGHJKLM%µ>WXCVBN?./§",
    alt_gr: "é\u{303}\"#'{([-|è\u{300}_\\ç^à@)]=}e€$¤",
    shift_alt_gr: "",
    caps_shifts_numbers: true,
};

const BE: Table = Table {
    plain: "²&é\"'(§è!çà)-azertyuiop\u{302}$qsdfghjklmùµ<wxcvbn,;:=",
    shift: "³1234567890°_AZERTYUIOP\u{308}*QSDFGHJKLM%£>WXCVBN?./+",
    alt_gr: "&|é@\"#'{([§^ç{à}e€\u{302}[$]ù\u{301}µ\u{300}<\\=\u{303}",
    shift_alt_gr: "",
    caps_shifts_numbers: true,
};

const ES: Table = Table {
    plain: "º1234567890'¡qwertyuiop\u{300}+asdfghjklñ\u{301}ç<zxcvbnm,.-",
    shift: "ª!\"·$%&/()=?¿QWERTYUIOP\u{302}*ASDFGHJKLÑ\u{308}Ç>ZXCVBNM;:_",
    alt_gr: "º\\1|2@3#4\u{303}6¬e€\u{300}[+]\u{301}{ç}",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

const IT: Table = Table {
    plain: "\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-",
    shift: "|!\"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_",
    alt_gr: "5€e€è[+]ò@à#",
    shift_alt_gr: "è{+}",
    caps_shifts_numbers: false,
};

const PT: Table = Table {
    plain: "\\1234567890'«qwertyuiop+\u{301}asdfghjklçº\u{303}<zxcvbnm,.-",
    shift: "|!\"#$%&/()=?»QWERTYUIOP*\u{300}ASDFGHJKLÇª\u{302}>ZXCVBNM;:_",
    alt_gr: "2@3£4§7{8[9]0}e€+\u{308}",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

const CH: Table = Table {
    plain: "§1234567890'\u{302}qwertzuiopü\u{308}asdfghjklöä$<yxcvbnm,.-",
    shift: "°+\"*ç%&/()=?\u{300}QWERTZUIOPè!ASDFGHJKLéà£>YXCVBNM;:_",
    alt_gr: "1¦2@3#6¬7|8¢'\u{301}\u{302}\u{303}e€ü[\u{308}]ä{$}<\\",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

const TR: Table = Table {
    plain: "\"1234567890*-qwertyuıopğüasdfghjklşi,<zxcvbnmöç.",
    shift: "é!'\u{302}+%&/()=?_QWERTYUIOPĞÜASDFGHJKLŞİ;>ZXCVBNMÖÇ:",
    alt_gr: "\"<1>2£3#4$5½7{8[9]0}*\\-|q@e€t₺aæsßğ\u{308}ü\u{303}ş\u{301},\u{300}<|",
    shift_alt_gr: "aÆ",
    caps_shifts_numbers: false,
};

const SE: Table = Table {
    plain: "§1234567890+\u{301}qwertyuiopå\u{308}asdfghjklöä'<zxcvbnm,.-",
    shift: "½!\"#¤%&/()=?\u{300}QWERTYUIOPÅ\u{302}ASDFGHJKLÖÄ*>ZXCVBNM;:_",
    alt_gr: "2@3£4$5€7{8[9]0}+\\e€\u{308}\u{303}<|mµ",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

const JP: Table = Table {
    plain: r" 1234567890-^qwertyuiop@[asdfghjkl;:] zxcvbnm,./\\",
    shift: " !\"#$%&'() =~QWERTYUIOP`{ASDFGHJKL+*} ZXCVBNM<>?_|",
    alt_gr: "",
    shift_alt_gr: "",
    caps_shifts_numbers: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_character_for_every_key() {
        for (layout, name) in Layout::ALL {
            let keys = if layout == Layout::Jp { KEYS.len() } else { KEYS.len() - 2 };
            let table = layout.table();
            assert_eq!(table.plain.chars().count(), keys, "{name}");
            assert_eq!(table.shift.chars().count(), keys, "{name}");
            for pairs in [table.alt_gr, table.shift_alt_gr] {
                assert_eq!(pairs.chars().count() % 2, 0, "{name}: pairs");
                let keys = pairs.chars().step_by(2);
                keys.for_each(|key| assert!(table.plain.contains(key), "{name}: no key {key}"));
            }
            assert_eq!(Layout::of_name(name), Some(layout));
            assert_eq!(layout.name(), name);
        }
        for (_, _, pairs) in COMPOSED {
            assert_eq!(pairs.chars().count() % 2, 0);
        }
    }

    #[test]
    fn letters_and_digits_can_be_typed_everywhere() {
        for (layout, name) in Layout::ALL {
            for wanted in ('a'..='z').chain('A'..='Z').chain('0'..='9') {
                let wanted = Some(Symbol::Character(wanted));
                let typed = KEYS.iter().any(|key| {
                    [false, true].iter().any(|shift| layout.symbol(*key, *shift, false) == wanted)
                });
                // The Turkish keyboard has both i and ı, of which I is the capital of the second.
                assert!(typed, "{name}: {wanted:?}");
            }
        }
    }

    #[test]
    fn keys_give_what_is_printed_on_them() {
        use Symbol::{Character, Dead};
        let cases = [
            (Layout::Us, 44, false, false, Some(Character('z'))),
            (Layout::De, 44, false, false, Some(Character('y'))),
            (Layout::De, 12, false, true, Some(Character('\\'))),
            (Layout::De, 16, false, true, Some(Character('@'))),
            (Layout::Fr, 2, true, false, Some(Character('1'))),
            (Layout::Fr, 30, false, false, Some(Character('q'))),
            (Layout::Fr, 26, false, false, Some(Dead('\u{302}'))),
            (Layout::Be, 13, false, false, Some(Character('-'))),
            (Layout::Es, 39, false, false, Some(Character('ñ'))),
            (Layout::It, 26, true, true, Some(Character('{'))),
            (Layout::Pt, 43, false, false, Some(Dead('\u{303}'))),
            (Layout::Ch, 21, false, false, Some(Character('z'))),
            (Layout::Tr, 39, false, false, Some(Character('ş'))),
            (Layout::Se, 8, true, false, Some(Character('/'))),
            (Layout::Jp, 89, false, false, Some(Character('\\'))),
            (Layout::Jp, 3, true, false, Some(Character('"'))),
            (Layout::Jp, 41, false, false, None),
            (Layout::Us, 16, false, true, None),
            (Layout::Us, 200, false, false, None),
        ];
        for (layout, key, shift, alt_gr, wanted) in cases {
            assert_eq!(layout.symbol(key, shift, alt_gr), wanted, "{layout:?} {key}");
        }
        assert!(Layout::Fr.caps_shifts(2) && !Layout::De.caps_shifts(2));
        assert!(Layout::De.caps_shifts(39) && !Layout::Us.caps_shifts(39));
    }

    #[test]
    fn accents_go_onto_letters() {
        assert_eq!(composed('\u{302}', 'e'), Some('ê'));
        assert_eq!(composed('\u{302}', ' '), Some('^'));
        assert_eq!(composed('\u{303}', 'x'), None);
        assert_eq!(spacing('\u{301}'), '´');
    }
}
