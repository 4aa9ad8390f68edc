//! The ISA segment: the delimiters of an interchange and its header elements.
//!
//! In: the input and the offset of ISA. Out: a [`Header`], or why it cannot be read. Each ISA is read anew, since
//! every interchange may bring its own delimiters.

use crate::edi::delimiters::{Delimiters, digits};
use crate::edi::segment::{KeptSegment, Segment, Traits};
use crate::edi::text::CharacterSet;

/// Length of ISA with its terminator.
const ISA_BYTES: usize = 106;

/// Where the element separator stands in ISA, and nowhere else.
const SEPARATOR_POSITIONS: [usize; 16] =
    [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];

/// ISA11.
const REPETITION_POSITION: usize = 82;

/// An ISA that is longer than this is no ISA: with every element twice as long as allowed it has 180 bytes.
const LONGEST_ISA: usize = 200;

/// ISA, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edi) struct Header<'a> {
    /// The bytes with a meaning in this interchange.
    pub(in crate::edi) delimiters: Delimiters,
    /// ISA01 to ISA16 as they stand, padding included.
    pub(in crate::edi) elements: [&'a [u8]; 16],
    /// ISA as it stands, without its terminator.
    pub(in crate::edi) bytes: &'a [u8],
    /// Offset of ISA in the input.
    pub(in crate::edi) offset: usize,
    /// Offset of each element in the input.
    pub(in crate::edi) offsets: [usize; 16],
    /// Bytes up to and including the terminator.
    pub(in crate::edi) width: usize,
    /// Whether it is 106 bytes long with every separator in its place.
    pub(in crate::edi) fixed: bool,
    /// Whether a blank stood before the terminator.
    pub(in crate::edi) blank_before_terminator: bool,
}

impl<'a> Header<'a> {
    /// An element from 1, without padding.
    #[must_use]
    pub(in crate::edi) fn element(&self, number: usize) -> &'a [u8] {
        number
            .checked_sub(1)
            .and_then(|index| self.elements.get(index))
            .map_or(&[][..], |element| element.trim_ascii())
    }

    /// What the segments that follow are read with. A byte that means something else already separates no components
    /// and no repetitions, and a letter, digit or blank is data.
    #[must_use]
    pub(in crate::edi) fn usable(&self) -> Delimiters {
        let Delimiters { element, component, segment, repetition, .. } = self.delimiters;
        let is_data = component.is_ascii_alphanumeric() || component == b' ';
        let taken = [element, component, segment];
        Delimiters {
            // The separator of elements never stands within one.
            component: if is_data || component == segment { element } else { component },
            repetition: repetition.filter(|byte| !taken.contains(byte)),
            ..self.delimiters
        }
    }

    /// As a segment that outlives the block.
    #[must_use]
    pub(in crate::edi) fn keep(&self) -> KeptSegment {
        let mut marks = [0_u32; 15];
        for (mark, offset) in marks.iter_mut().zip(self.offsets.iter().skip(1)) {
            *mark = u32::try_from(offset - self.offset - 1).unwrap_or(u32::MAX);
        }
        Segment {
            bytes: self.bytes,
            offset: self.offset,
            end: self.offset + self.width,
            delimiters: self.delimiters,
            character_set: CharacterSet::default(),
            traits: Traits { terminated: true, ..Traits::default() },
            tag_end: 3,
            marks: &marks,
            marks_base: 0,
        }
        .keep()
    }
}

/// Why ISA cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edi) enum Unreadable {
    /// The input ends within it.
    CutOff,
    /// Line breaks stand within it at a constant distance, as when a program wrapped the file.
    Wrapped {
        /// Bytes a line.
        columns: usize,
    },
    /// As mail cuts long lines: an equals sign and a line break.
    QuotedPrintable,
    /// Sixteen element separators are not where they could be.
    Separators {
        /// Separators found.
        found: usize,
    },
    /// Its last element is missing, so that the terminator stands in its place.
    Sixteenth,
    /// The terminator is a letter, digit or blank.
    Terminator {
        /// The byte in its place.
        found: u8,
    },
    /// The terminator is a character of several bytes.
    WideTerminator,
}

/// Reads the ISA that begins here. `offset`: where in the input that is.
///
/// # Errors
///
/// Why it cannot be read without doubt.
pub(in crate::edi) fn read_header(isa: &[u8], offset: usize) -> Result<Header<'_>, Unreadable> {
    let (positions, fixed) = places(isa)?;
    let terminator_at = positions[15] + 2;
    if lacks_sixteenth(isa, terminator_at) {
        return Err(Unreadable::Sixteenth);
    }
    let (segment, skipped) = terminator(isa, terminator_at)?;
    let mut header = with_terminator(isa, offset, &positions, segment)?;
    header.width += skipped;
    header.fixed = fixed && skipped == 0;
    header.blank_before_terminator = skipped > 0;
    Ok(header)
}

/// The header whose terminator is no terminator, where the rest of it stands in its fixed places.
pub(in crate::edi) fn but_for_the_terminator(
    isa: &[u8],
    offset: usize,
    fault: Unreadable,
) -> Option<Header<'_>> {
    if !matches!(
        fault,
        Unreadable::Sixteenth | Unreadable::Terminator { .. } | Unreadable::WideTerminator
    ) {
        return None;
    }
    let (positions, true) = places(isa).ok()? else {
        return None;
    };
    let at = if fault == Unreadable::Sixteenth { ISA_BYTES - 2 } else { ISA_BYTES - 1 };
    with_terminator(isa, offset, &positions, *isa.get(at)?).ok()
}

/// Where the separators stand, and whether that is where they have to.
fn places(isa: &[u8]) -> Result<([usize; 16], bool), Unreadable> {
    let Some(&separator) = isa.get(3) else {
        return Err(Unreadable::CutOff);
    };
    match fixed_positions(isa, separator) {
        Some(positions) => Ok((positions, true)),
        None => Ok((loose_positions(isa, separator)?, false)),
    }
}

fn with_terminator<'a>(
    isa: &'a [u8],
    offset: usize,
    positions: &[usize; 16],
    segment: u8,
) -> Result<Header<'a>, Unreadable> {
    let mut elements = [&[][..]; 16];
    let mut offsets = [0; 16];
    for (index, position) in positions.iter().enumerate() {
        let from = position + 1;
        let to = positions.get(index + 1).copied().unwrap_or(from + 1);
        if let (Some(element), Some(place)) = (elements.get_mut(index), offsets.get_mut(index)) {
            *element = isa.get(from..to).ok_or(Unreadable::CutOff)?;
            *place = offset + from;
        }
    }
    let terminator_at = positions[15] + 2;
    Ok(Header {
        delimiters: Delimiters {
            element: *isa.get(3).ok_or(Unreadable::CutOff)?,
            component: *isa.get(positions[15] + 1).ok_or(Unreadable::CutOff)?,
            segment,
            repetition: repetition(elements[10], elements[11]),
            release: None,
        },
        elements,
        bytes: isa.get(..terminator_at).ok_or(Unreadable::CutOff)?,
        offset,
        offsets,
        width: terminator_at + 1,
        fixed: true,
        blank_before_terminator: false,
    })
}

/// Both halves of the rule: the separator stands in its sixteen places, and nowhere else.
fn fixed_positions(isa: &[u8], separator: u8) -> Option<[usize; 16]> {
    let fixed = isa.get(..ISA_BYTES)?;
    let in_place = SEPARATOR_POSITIONS.iter().all(|&at| fixed.get(at) == Some(&separator));
    // ISA16 and the terminator are judged as delimiters, with a clearer word if one of them clashes.
    let values = fixed.get(..ISA_BYTES - 2)?;
    // ISA11 may name the separator once more, as that of repetitions.
    let again = usize::from(fixed.get(REPETITION_POSITION) == Some(&separator));
    let count = values.iter().filter(|byte| **byte == separator).count() - again;
    (in_place && count == SEPARATOR_POSITIONS.len()).then_some(SEPARATOR_POSITIONS)
}

/// Whether what stands as ISA16 ends the next segment, too, and what should end ISA ends none: `*P*~GS*…~ST*`, also
/// with line ends after terminators.
fn lacks_sixteenth(isa: &[u8], after: usize) -> bool {
    let Some((&[separator], &terminator)) = isa.get(3..4).zip(isa.get(after - 1)) else {
        return false;
    };
    let begins = |text: &[u8], tags: [&[u8]; 4]| {
        tags.iter().any(|tag| text.starts_with(tag)) && text.iter().take(4).any(|b| *b == separator)
    };
    let rest = isa.get(after..).unwrap_or_default();
    let next = rest.trim_ascii_start();
    // Anything else is a terminator, whatever ISA16 is.
    if !rest.first().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'\r' | b'\n')) {
        return false;
    }
    let Some(end) = memchr::memchr(terminator, next).filter(|_| begins(next, NEXT_TO_ISA)) else {
        return false;
    };
    let (segment, rest) = next.split_at(end);
    let behind = rest.get(1..).unwrap_or_default().trim_ascii_start();
    memchr::memchr2(b'\r', b'\n', segment).is_none() && begins(behind, NEXT_TO_GS)
}

fn is_no_data(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b' '
}

/// The segments that may follow ISA, and those that may follow GS or TA1.
const NEXT_TO_ISA: [&[u8]; 4] = [b"GS", b"TA1", b"ISB", b"ISX"];
const NEXT_TO_GS: [&[u8]; 4] = [b"ST", b"GS", b"TA1", b"IEA"];

fn loose_positions(isa: &[u8], separator: u8) -> Result<[usize; 16], Unreadable> {
    let head = isa.get(..LONGEST_ISA).unwrap_or(isa);
    if let Some(columns) = wrapped_columns(isa) {
        return Err(Unreadable::Wrapped { columns });
    }
    let near = head.get(..ISA_BYTES).unwrap_or(head);
    if [&b"=\r\n"[..], b"=\n"].iter().any(|cut| memchr::memmem::find(near, cut).is_some()) {
        return Err(Unreadable::QuotedPrintable);
    }
    let mut positions = [0; 16];
    let mut found = 0;
    for at in memchr::memchr_iter(separator, head).take(16) {
        if let Some(position) = positions.get_mut(found) {
            *position = at;
        }
        found += 1;
    }
    // A segment tag inside the last elements means that ISA ended before its sixteenth element.
    let runs_into_gs = head.windows(3).any(|window| {
        window.starts_with(b"GS") && window.get(2) == Some(&separator)
    } && positions.get(15).is_some_and(|&last| {
        head.windows(3).position(|w| w.starts_with(b"GS") && w.get(2) == Some(&separator))
            .is_some_and(|gs| gs < last)
    }));
    // P, T or I, and then the terminator.
    let ends_with_usage = positions
        .get(14)
        .and_then(|at| head.get(at + 1..at + 3))
        .is_some_and(|end| matches!(end, [b'P' | b'T' | b'I', byte] if is_no_data(*byte)));
    match (found, head.len() < LONGEST_ISA) {
        (16, _) if !runs_into_gs => Ok(positions),
        (16, _) if ends_with_usage => Err(Unreadable::Sixteenth),
        (16, _) | (_, false) => Err(Unreadable::Separators { found: found.min(15) }),
        (_, true) => Err(Unreadable::CutOff),
    }
}

/// A wrapped file has a line break after every 80th (72nd, 132nd) byte, the first of them within ISA.
pub(in crate::edi) fn wrapped_columns(isa: &[u8]) -> Option<usize> {
    let lengths: Vec<usize> = isa
        .split(|byte| *byte == b'\n')
        .take(4)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).len())
        .collect();
    match lengths.as_slice() {
        [first, second, third, ..] if (40..104).contains(first) => {
            (first == second && first == third).then_some(*first)
        }
        _ => None,
    }
}

fn terminator(isa: &[u8], at: usize) -> Result<(u8, usize), Unreadable> {
    let byte = *isa.get(at).ok_or(Unreadable::CutOff)?;
    match byte {
        b' ' => match isa.get(at + 1) {
            Some(&next) if !next.is_ascii_alphanumeric() && next != b' ' && next < 0x80 => {
                Ok((next, 1))
            }
            _ => Err(Unreadable::Terminator { found: byte }),
        },
        0xC2..=0xF4 if isa.get(at + 1).is_some_and(|next| (0x80..0xC0).contains(next)) => {
            Err(Unreadable::WideTerminator)
        }
        _ if byte.is_ascii_alphanumeric() => Err(Unreadable::Terminator { found: byte }),
        _ => Ok((byte, 0)),
    }
}

/// Byte 82 separates repetitions only from version 00402 on, and only if it is no letter, digit, blank or part of a
/// number: many senders write `U` under 00501 as well, and with `-` every order number would be a list.
fn repetition(isa11: &[u8], isa12: &[u8]) -> Option<u8> {
    let &[byte] = isa11 else {
        return None;
    };
    let counts = digits(isa12.trim_ascii()).is_some_and(|version| version >= 402);
    (counts && is_no_data(byte) && !matches!(byte, b'-' | b'.')).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISA: &[u8] = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1200*U*00501*000000001*0*P*>~\n";

    #[test]
    fn the_fixed_header_is_read() {
        let header = read_header(ISA, 0).unwrap();
        assert!(header.fixed);
        assert_eq!(header.element(6), b"SENDER");
        assert_eq!(header.width, 106);
        let expected =
            Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() };
        assert_eq!(header.delimiters, expected);
    }

    #[test]
    fn a_trimmed_header_is_read_and_marked() {
        let text = b"ISA*00* *00* *ZZ*A*ZZ*B*261121*1200*^*00501*000000001*0*P*:~GS*PO";
        let header = read_header(text, 0).unwrap();
        assert!(!header.fixed);
        assert_eq!(header.delimiters.segment, b'~');
        assert_eq!(header.delimiters.repetition, Some(b'^'));
        assert_eq!(header.element(8), b"B");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(read_header(b"ISA", 0), Err(Unreadable::CutOff));
        let letter = [&ISA[..105], b"G"].concat();
        assert_eq!(read_header(&letter, 0), Err(Unreadable::Terminator { found: b'G' }));
        let after = |end: &[u8]| [&ISA[..103], end].concat();
        for missing in
            [&b"*~GS*PO*A~ST*850"[..], b"*~\r\nGS*PO*A~\r\nST*850", b"*~TA1*1~\nIEA*0*1~"]
        {
            assert_eq!(read_header(&after(missing), 0), Err(Unreadable::Sixteenth));
        }
        for there in [
            &b"*>~GS*PO*A~ST*1~X*A>ST*B~"[..],
            b"*>\nGS*PO*A\nST*1\nX*A>ST*B\n",
            b"*~~GS*PO*A~ST*1~",
        ] {
            assert!(read_header(&after(there), 0).is_ok(), "{}", there.escape_ascii());
        }
        let wide = [&ISA[..105], "…".as_bytes()].concat();
        assert_eq!(read_header(&wide, 0), Err(Unreadable::WideTerminator));
        let lost = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER~GS*PO*A*B*20261121*1200*1*X*004010~ST*850*0001~BEG*00*SA*1**20261121~PO1*1*1*EA*1**UP*012345678905~CTT*1~SE*5*0001~GE*1*1~IEA*1*000000001~";
        assert!(matches!(read_header(lost, 0), Err(Unreadable::Separators { .. })));
    }
}
