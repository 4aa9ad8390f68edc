//! Characters that are typed as numbers: Alt held, digits on the keypad.
//!
//! In: the digits. Out: the character. With a leading 0 the number is of Windows-1252, without one of the OEM code
//! page; below 32 it is that control character in both, since a scanner that sends 29 means GS.

use super::Layout;

/// More digits are no such number.
const DIGITS_MAX: u32 = 5;

/// Digits so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AltDigits {
    value: u32,
    digits: u32,
    leading_zero: bool,
}

impl AltDigits {
    pub(super) fn push(&mut self, digit: u32) {
        self.leading_zero |= self.digits == 0 && digit == 0;
        self.digits = self.digits.saturating_add(1);
        if self.digits <= DIGITS_MAX {
            self.value = self.value * 10 + digit;
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.digits == 0
    }

    /// The character; none for a number beyond a byte.
    pub(super) fn character(self, layout: Layout) -> Option<char> {
        let byte = u8::try_from(self.value).ok().filter(|_| self.digits <= DIGITS_MAX)?;
        match byte {
            ..=0x7F => Some(char::from(byte)),
            _ if self.leading_zero => windows_1252(byte),
            _ => oem(layout).chars().nth(usize::from(byte - 0x80)),
        }
    }
}

/// The code page beyond ASCII is Latin-1 but for 32 places.
fn windows_1252(byte: u8) -> Option<char> {
    const PLACES: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";
    match byte {
        0x80..=0x9F => PLACES.chars().nth(usize::from(byte - 0x80)).filter(|found| *found != ' '),
        _ => Some(char::from(byte)),
    }
}

/// The upper half of the code page that goes with a country.
fn oem(layout: Layout) -> &'static str {
    match layout {
        Layout::Us | Layout::Jp => CODE_PAGE_437,
        _ => CODE_PAGE_850,
    }
}

const CODE_PAGE_437: &str = concat!(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐",
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
);

const CODE_PAGE_850: &str = concat!(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐",
    "└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(digits: &str, layout: Layout) -> Option<char> {
        let mut typed = AltDigits::default();
        digits.bytes().for_each(|digit| typed.push(u32::from(digit - b'0')));
        typed.character(layout)
    }

    #[test]
    fn numbers_become_characters() {
        let cases = [
            ("029", Some('\u{1d}')),
            ("0029", Some('\u{1d}')),
            ("29", Some('\u{1d}')),
            ("65", Some('A')),
            ("0233", Some('é')),
            ("130", Some('é')),
            ("0128", Some('€')),
            ("0129", None),
            ("256", None),
            ("000000065", None),
        ];
        for (digits, wanted) in cases {
            assert_eq!(typed(digits, Layout::De), wanted, "{digits}");
        }
        assert_eq!(typed("155", Layout::Us), Some('¢'));
        assert_eq!(typed("155", Layout::De), Some('ø'));
        assert_eq!(typed(&"9".repeat(50), Layout::De), None);
    }

    #[test]
    fn code_pages_have_their_128_places() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        assert_eq!(CODE_PAGE_850.chars().count(), 128);
        assert_eq!((0x80..0x9F).filter(|byte| windows_1252(*byte).is_none()).count(), 5);
    }
}
