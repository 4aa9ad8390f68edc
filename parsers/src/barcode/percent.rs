//! Percent-encoding of URIs (RFC 3986 section 2.1).

/// What a `+` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    /// A plus: in a path.
    Itself,
    /// A blank: in a query.
    Blank,
}

/// Takes the encoding off. A `%` without two hexadecimal digits behind it stays.
pub(super) fn decoded(text: &[u8], plus: Plus) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, next) = match (first, behind) {
            (b'%', [high, low, next @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (16 * high + low, next),
                _ => (b'%', behind),
            },
            (b'+', _) if plus == Plus::Blank => (b' ', behind),
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = next;
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
