//! TA1 as it comes in: the answer of a partner to an interchange of ours.
//!
//! In: a TA1 between ISA and the first group. Out: it is told as it stands, with findings where it is not what the
//! standard has. Never: an answer to it, nor a look at whether its interchange was ours; that is for whoever sent it.

use crate::edi::assembler::Visit;
use crate::edi::delimiters::digits;
use crate::edi::rules;
use crate::edi::segment::Segment;
use crate::edi::value;

/// The last note of table I18.
const LAST_NOTE: u32 = 38;

impl Visit<'_, '_> {
    pub(super) fn answer_to_us(&mut self, segment: &Segment<'_>) {
        self.state.interchange.segments += 1;
        self.events.answer(segment);
        let [number, date, time, verdict, note] =
            [1, 2, 3, 4, 5].map(|number| segment.element(number).trim_ascii());
        let right = number.len() == 9 && digits(number).is_some();
        let date = date.len() == 6 && value::date(date).is_some();
        let time = time.len() == 4 && value::is_time(time);
        let note = note.len() == 3 && digits(note).is_some_and(|note| note <= LAST_NOTE);
        for (number, right, expected) in [
            (1, right, "the nine digits of ISA13"),
            (2, date, "YYMMDD, as in ISA09"),
            (3, time, "HHMM, as in ISA10"),
            (4, matches!(verdict, b"A" | b"E" | b"R"), "A, E or R"),
            (5, note, "a note from 000 to 038"),
        ] {
            self.check(&rules::TA1_INVALID, (segment, number), right, expected);
        }
        self.too_many_elements(segment, 5, &rules::TA1_INVALID);
    }
}
