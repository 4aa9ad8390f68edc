//! Cuts one frame into tracks and finds the number of each.
//!
//! In: the characters of a swipe, with the sentinels of ISO/IEC 7813 (`%…?`, `;…?`) and of readers (`+…?`), with
//! some of them missing, or with none. Out: for each track its number, or that it could not be read. Never: names,
//! expiry dates and the rest of a track.
//!
//! The check character (LRC, ISO/IEC 7811-6) is left out, not checked. The head of the reader checks it; few readers
//! send it on, and others put a separator or suffix of their own into its place, which cannot be told from a wrong one.

use super::number::Number;

/// Fewest digits of a number: anything shorter is noise.
const MIN_NUMBER_DIGITS: usize = 4;

/// What a track said.
pub(super) enum Seen {
    /// Nothing that counts: an empty track, a name.
    Nothing,
    /// The reader or we could not read it.
    Unreadable,
    /// A number.
    Number(Track),
    /// What may be the number on track 3: all up to the separator, and what stands there behind the format code of
    /// two digits that banks' cards have (ISO/IEC 4909).
    Third([Option<Number>; 2]),
}

/// The number of a track, and how much of the track was there.
pub(super) struct Track {
    pub(super) number: Number,
    bounds: Bounds,
}

/// What stood around a track.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bounds {
    /// Both sentinels.
    Both,
    /// Only one of them: characters may be lost.
    One,
    /// The whole frame has none: the reader is set up to leave them out.
    None,
}

impl Track {
    pub(super) fn is_whole(&self) -> bool {
        self.bounds != Bounds::One
    }

    /// Whether a number that is no payment card's can be believed. Without sentinels nothing shows that digits are
    /// lost, so that a number which begins like a payment card's is then taken for the stump of one.
    pub(super) fn can_name_a_member(&self) -> bool {
        match self.bounds {
            Bounds::Both => true,
            Bounds::One => false,
            Bounds::None => !super::scheme::begins_like_payment_card(self.number.digits()),
        }
    }
}

/// The tracks of a frame, in order.
pub(super) fn tracks(frame: &[u8]) -> impl Iterator<Item = Seen> + '_ {
    let bare = !frame.iter().any(|byte| start_sentinel(*byte).is_some());
    let mut rest = frame;
    let mut second_seen = false;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if bare {
            let end = rest.iter().position(|byte| is_line_end(*byte)).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            return Some(bare_track(line));
        }
        let Some(start) = rest.iter().position(|byte| start_sentinel(*byte).is_some()) else {
            let leftover = rest;
            rest = &[];
            return Some(stray(leftover));
        };
        if start > 0 {
            let (before, behind) = rest.split_at(start);
            rest = behind;
            return Some(stray(before));
        }
        let (sentinel, content, bounds, behind) = framed(rest)?;
        rest = if bounds == Bounds::Both { without_check_character(behind) } else { behind };
        let repeated = sentinel == Sentinel::Two && std::mem::replace(&mut second_seen, true);
        Some(if repeated { third(content, bounds) } else { read(sentinel, content, bounds) })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sentinel {
    One,
    Two,
    Three,
}

fn start_sentinel(byte: u8) -> Option<Sentinel> {
    match byte {
        b'%' => Some(Sentinel::One),
        b';' => Some(Sentinel::Two),
        b'+' => Some(Sentinel::Three),
        _ => None,
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Splits the track at the front of `rest`, which begins with a start sentinel. `+` ends no track: it may stand in
/// the name on track 1.
fn framed(rest: &[u8]) -> Option<(Sentinel, &[u8], Bounds, &[u8])> {
    let (first, rest) = rest.split_first()?;
    let sentinel = start_sentinel(*first)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'?' | b'%' | b';') || is_line_end(*byte))
        .unwrap_or(rest.len());
    let (content, behind) = rest.split_at(end);
    match behind.split_first() {
        Some((b'?', behind)) => Some((sentinel, content, Bounds::Both, behind)),
        _ => Some((sentinel, content, Bounds::One, behind)),
    }
}

/// What stands behind an end sentinel, less a check character that looks like a start sentinel, as one in 16 does on
/// tracks 2 and 3. Behind a start sentinel comes a track; behind a check character its end or the next start sentinel.
fn without_check_character(behind: &[u8]) -> &[u8] {
    match behind {
        [first, rest @ ..] if start_sentinel(*first).is_some() => match rest.first() {
            None => rest,
            Some(next) if is_line_end(*next) || start_sentinel(*next).is_some() => rest,
            Some(_) => behind,
        },
        _ => behind,
    }
}

fn read(sentinel: Sentinel, content: &[u8], bounds: Bounds) -> Seen {
    match (sentinel, content) {
        (_, b"E") => Seen::Unreadable,
        (_, b"") if bounds == Bounds::Both => Seen::Nothing,
        (Sentinel::One, content) => first(content, bounds),
        (Sentinel::Two, content) => second(content, bounds),
        (Sentinel::Three, content) => third(content, bounds),
    }
}

/// Track 1: format code B and the number for bank cards; others often write the number alone. Text of another
/// format (a licence, a name) holds nothing for us.
fn first(content: &[u8], bounds: Bounds) -> Seen {
    let field = content.split(|byte| *byte == b'^').next().unwrap_or_default();
    match field.strip_prefix(b"B") {
        Some(field) => number(field, bounds),
        None if field.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ') => {
            number(field, bounds)
        }
        None => Seen::Nothing,
    }
}

/// Track 2: the number up to `=`, which chip cards and some readers write as `D`.
fn second(content: &[u8], bounds: Bounds) -> Seen {
    let field = content.split(|byte| matches!(byte, b'=' | b'D' | b'd')).next();
    number(field.unwrap_or_default(), bounds)
}

/// Track 3, also as a second `;…?` of a reader that has no sentinel of its own for it.
fn third(content: &[u8], bounds: Bounds) -> Seen {
    if content == b"E" {
        return Seen::Unreadable;
    }
    if bounds != Bounds::Both {
        return Seen::Nothing;
    }
    let field = content.split(|byte| *byte == b'=').next().unwrap_or_default();
    let number = |field: &[u8]| {
        let number = Number::from_field(field)?;
        (number.digits().len() >= MIN_NUMBER_DIGITS).then_some(number)
    };
    Seen::Third([number(field), field.get(2..).and_then(number)])
}

fn number(field: &[u8], bounds: Bounds) -> Seen {
    match Number::from_field(field) {
        Some(number) if number.digits().len() >= MIN_NUMBER_DIGITS => {
            Seen::Number(Track { number, bounds })
        }
        _ => Seen::Unreadable,
    }
}

/// A line of a frame without any start sentinel.
fn bare_track(line: &[u8]) -> Seen {
    let end = line.iter().position(|byte| *byte == b'?');
    let (content, bounds) = match end {
        Some(end) => (line.get(..end).unwrap_or_default(), Bounds::One),
        None => (line, Bounds::None),
    };
    let content = content.trim_ascii();
    if content.is_empty() {
        return stray(line);
    }
    if content.contains(&b'^') { first(content, bounds) } else { second(content, bounds) }
}

/// Characters outside all tracks: line ends and check characters (LRC) are no matter, several digits are a track
/// that lost its start, or was swiped the wrong way round.
fn stray(bytes: &[u8]) -> Seen {
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits >= MIN_NUMBER_DIGITS { Seen::Unreadable } else { Seen::Nothing }
}
