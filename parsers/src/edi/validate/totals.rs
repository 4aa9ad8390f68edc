//! Control totals: CTT of X12, CNT of EDIFACT.
//!
//! In: segments. Out: the counts and sums so far, compared with what is stated. Never: floating point.

use super::{Sink, Spot};
use crate::edi::delimiters::Delimiters;
use crate::edi::finding::Remark;
use crate::edi::rules;
use crate::edi::schema::{Total, Transaction, packed, tag_code, tag_text};
use crate::edi::segment::Segment;
use crate::edi::standard::Standard;
use crate::edi::value;

/// Totals that a set may have; the build checks that none has more.
const MOST_TOTALS: usize = 8;

/// Decimals that are summed exactly.
const DECIMALS: usize = 6;

/// A hash total of X12 has room for ten digits; what does not fit is cut off on the left.
const HASH_ROOM: u128 = 10_000_000_000;

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Totals {
    transaction: &'static Transaction,
    running: [Running; MOST_TOTALS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    count: u64,
    /// The sum in millionths.
    sum: i128,
    /// The sum of the digits as they stand, without point and sign: a hash total of X12.
    hash: u128,
    /// A value could not be read, so that no sum can be compared.
    unknown: bool,
}

impl Totals {
    pub(super) fn new(transaction: &'static Transaction) -> Self {
        Self { transaction, running: [Running::default(); MOST_TOTALS] }
    }

    /// Whether a segment states one of the totals.
    #[inline]
    pub(super) fn are_stated_in(&self, tag: u32) -> bool {
        self.transaction.totals.iter().any(|total| total.tag == tag)
    }

    /// Counts and sums.
    #[inline]
    pub(super) fn add(&mut self, tag: u32, segment: &Segment<'_>) {
        for (total, running) in self.transaction.totals.iter().zip(&mut self.running) {
            if total.counted == tag {
                running.add(total, segment);
            }
        }
    }

    /// Compares what a segment states.
    pub(super) fn compare(
        &self,
        tag: u32,
        segment: &Segment<'_>,
        loop_id: Option<&'static str>,
        sink: &mut dyn Sink,
    ) {
        for (total, running) in self.transaction.totals.iter().zip(&self.running) {
            if total.tag == tag {
                compare(self.transaction, total, running, (segment, loop_id, sink));
            }
        }
    }
}

impl Running {
    fn add(&mut self, total: &Total, segment: &Segment<'_>) {
        self.count += 1;
        let (element, component) = total.source;
        if element == 0 {
            return;
        }
        let (_, value) = piece(segment, element, component);
        match parts(value) {
            _ if value.is_empty() => {}
            Some((millionths, digits)) => {
                self.sum += millionths;
                self.hash += digits;
            }
            None => self.unknown = true,
        }
    }

    fn agrees(&self, total: &Total, stated: &[u8], standard: Standard) -> Option<bool> {
        let (millionths, digits) = parts(stated)?;
        if total.source.0 == 0 {
            return value::is_whole_number(stated).then_some(digits == u128::from(self.count));
        }
        let hashed = standard == Standard::X12 && digits == self.hash % HASH_ROOM;
        (!self.unknown).then_some(hashed || millionths == self.sum)
    }
}

fn compare(
    transaction: &Transaction,
    total: &Total,
    running: &Running,
    at: (&Segment<'_>, Option<&'static str>, &mut dyn Sink),
) {
    let (segment, loop_id, sink) = at;
    let (element, component) = total.place;
    if total.qualifier != 0 && packed(piece(segment, element, 1).1) != Some(total.qualifier) {
        return;
    }
    let (offset, stated) = piece(segment, element, component);
    if running.agrees(total, stated, transaction.directory.standard()) != Some(false) {
        return;
    }
    let counted = tag_text(total.counted);
    let (tag, is_sum) = (tag_text(total.tag), total.source.0 > 0);
    let what = if is_sum { "the sum over" } else { "the number of" };
    let expected = if is_sum { written(running.sum) } else { running.count.to_string() };
    let message = format!("{tag}{element:02} is not {what} {counted} segments");
    let rule = match total.tag {
        _ if is_sum => &rules::HASH_TOTAL,
        // A shipment is counted in as many ways as it has levels, and what a set lacks may be counted by others.
        tag if tag == tag_code(b"CTT")
            && (running.count == 0 || total.counted == tag_code(b"HL")) =>
        {
            &rules::CTT01_OTHERWISE
        }
        tag if tag == tag_code(b"CTT") => &rules::CTT01_COUNT,
        _ => &rules::CONTROL_TOTAL,
    };
    let tables = transaction.tables();
    let usage = tables
        .shape(total.tag)
        .and_then(|shape| tables.elements(shape).get(usize::from(element).checked_sub(1)?));
    let number = usage.map(|usage| {
        let index = usize::from(component).wrapping_sub(1);
        tables.components(usage).get(index).unwrap_or(usage).number
    });
    let spot = Spot {
        offset,
        element: Some(u32::from(element)),
        component: Some(u32::from(component)).filter(|component| *component > 0),
        element_number: number.filter(|number| *number > 0),
        loop_id,
        ..Spot::default()
    };
    sink.remark(rule, Remark::new(message).expected(expected).found(stated), spot);
}

/// An element or one of its components, and where it stands.
fn piece<'s>(segment: &Segment<'s>, element: u8, component: u8) -> (usize, &'s [u8]) {
    let number = usize::from(element);
    if !(1..=segment.count()).contains(&number) {
        return (segment.offset, &[]);
    }
    let (offset, value) = (segment.offset_of(number), segment.element(number));
    if component == 0 {
        return (offset, value);
    }
    let Delimiters { component: separator, release, .. } = segment.delimiters;
    let (at, piece) = value::piece(value, component.into(), separator, release);
    (offset + at, piece)
}

/// A number in millionths, and its digits alone. None for what is no number, or too long or too fine to add up.
fn parts(value: &[u8]) -> Option<(i128, u128)> {
    let (negative, unsigned) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let (mut digits, mut decimals, mut count) = (0_u64, None, 0);
    for byte in unsigned {
        match byte {
            b'0'..=b'9' => {
                // Nineteen fit, and eighteen are taken.
                digits = digits * 10 + u64::from(byte - b'0');
                count += 1;
                decimals = decimals.map(|decimals| decimals + 1);
            }
            b'.' | b',' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
        if count > 18 {
            return None;
        }
    }
    let shift = DECIMALS.checked_sub(decimals.unwrap_or(0)).filter(|_| count > 0)?;
    let millionths = i128::from(digits) * i128::from(10_u32.pow(u32::try_from(shift).ok()?));
    Some((if negative { -millionths } else { millionths }, u128::from(digits)))
}

/// Millionths as people write them.
fn written(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) =
        (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    let text = format!("{sign}{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
