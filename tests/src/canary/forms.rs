//! The forms in which a program may keep a text: what must be looked for.

/// A form of a secret: bytes that stand somewhere, and half bytes before and behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) before: Option<Nibble>,
    pub(super) behind: Option<Nibble>,
}

impl Form {
    /// Not mostly zeros: the memory of every process is full of small numbers, which `6200000000000005` is one of when
    /// it is packed.
    fn is_telling(&self) -> bool {
        self.bytes.iter().filter(|byte| **byte != 0).count() > self.bytes.len() / 2
    }
}

/// Half a byte that must be as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nibble {
    mask: u8,
    value: u8,
}

impl Nibble {
    pub(super) fn fits(self, byte: u8) -> bool {
        byte & self.mask == self.value
    }
}

/// All forms but the plain text, which is looked for with whatever stands between its digits.
pub(super) fn forms(secret: &str) -> Vec<Form> {
    let text = secret.as_bytes();
    let mut forms = vec![
        form("UTF-16", text.iter().flat_map(|byte| [*byte, 0]).collect()),
        form("hex", hex::encode(text).into_bytes()),
        form("hex", hex::encode_upper(text).into_bytes()),
        form("bytes as numbers", listed(text, |byte| byte.to_string(), ", ")),
        form("bytes as numbers", listed(text, |byte| byte.to_string(), ",")),
    ];
    for separator in [" ", ":", "\\x", "%", ", 0x", ",0x"] {
        forms.push(form("hex", listed(text, |byte| format!("{byte:02x}"), separator)));
        forms.push(form("hex", listed(text, |byte| format!("{byte:02X}"), separator)));
    }
    forms.extend((0..3).map(|offset| form("base64", base64(text, offset))));
    let is_number = text.iter().all(u8::is_ascii_digit);
    if !is_number {
        forms.push(form("clear", text.to_vec()));
    } else if !is_monotonous(text) {
        let ways = [(true, false), (true, true), (false, false), (false, true)];
        let packed = ways.map(|(first_high, shifted)| packed(text, first_high, shifted));
        forms.extend(packed.into_iter().filter(|form| form.is_telling()));
    }
    forms
}

/// Two digits by turns make one byte over and over, as searches for that byte keep it in memory sixteen times.
fn is_monotonous(digits: &[u8]) -> bool {
    digits.windows(3).all(|three| three[0] == three[2])
}

fn form(name: &'static str, bytes: Vec<u8>) -> Form {
    Form { name, bytes, before: None, behind: None }
}

fn listed(text: &[u8], one: impl Fn(u8) -> String, separator: &str) -> Vec<u8> {
    text.iter().map(|byte| one(*byte)).collect::<Vec<_>>().join(separator).into_bytes()
}

/// Two digits a byte; the first in the high half, as cards have them, or in the low one, as telephones do. Shifted, the
/// first digit shares its byte with something else, and an odd digit at the end does anyway.
fn packed(digits: &[u8], first_high: bool, shifted: bool) -> Form {
    let both = |first: u8, second: u8| {
        let (first, second) = (first & 0x0F, second & 0x0F);
        if first_high { first << 4 | second } else { second << 4 | first }
    };
    let high = |digit: u8| Nibble { mask: 0xF0, value: digit << 4 };
    let low = |digit: u8| Nibble { mask: 0x0F, value: digit & 0x0F };
    let (alone, rest) = digits.split_at(usize::from(shifted));
    let pairs = rest.chunks_exact(2);
    let odd = pairs.remainder().first();
    let bytes = pairs.map(|pair| both(pair[0], pair[1])).collect();
    Form {
        name: if first_high { "packed BCD" } else { "packed BCD, low half first" },
        bytes,
        before: alone.first().map(|digit| if first_high { low(*digit) } else { high(*digit) }),
        behind: odd.map(|digit| if first_high { high(*digit) } else { low(*digit) }),
    }
}

/// The characters of base64 (RFC 4648, 4) that only the text decides, when so many bytes stand before it in its group
/// of three. The alphabets differ in two characters that no letter or digit makes.
fn base64(text: &[u8], offset: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(text.iter().copied()).collect();
    let bit = |index: usize| padded[index / 8] >> (7 - index % 8) & 1;
    let sextets = (offset * 8).div_ceil(6)..padded.len() * 8 / 6;
    sextets
        .map(|sextet| {
            let bits = (sextet * 6..sextet * 6 + 6).map(bit);
            ALPHABET[usize::from(bits.fold(0, |value, bit| value << 1 | bit))]
        })
        .collect()
}
