//! TA1: what became of one interchange.

use super::{codes_in, letter};
use crate::edi::report::Interchange;
use crate::edi::rules::{Code, Functional, Tables};
use crate::edi::writer::Writer;

/// What stands in the interchange is wrong, for example GS.
const BAD_GROUP_HEADER: &str = "024";

/// ISA14 asks for it; a refusal is told without being asked, since nothing else answers a refused interchange. One that
/// brings TA1s and no group gets none, whatever is wrong with it: two sides would go on answering each other.
pub(super) fn is_asked_for(interchange: &Interchange) -> bool {
    if interchange.groups.is_empty() && !interchange.answers.is_empty() {
        return false;
    }
    interchange.header.element(14) == b"1" || interchange.tally.rejected
}

/// TA105 has room for one code: the one that decides; where the interchange has none, 024 for a fault in GS or GE that
/// AK9 has no code for. It is noted and rejects nothing: what becomes of the group is for AK9 to say. `version`: ISA12
/// of the reply.
pub(super) fn write(
    writer: &mut Writer,
    interchange: &Interchange,
    (version, is_unnamed): (u32, bool),
) {
    let header = &interchange.header;
    let tally = &interchange.tally;
    let tables = Tables { functional: Functional::F997, interchange: version, group: 0 };
    let mut codes = codes_in(tally, Code::Interchange, &tables);
    if is_unnamed && codes.is_empty() && !tally.rejected {
        codes.push(BAD_GROUP_HEADER);
    }
    let unnamed = if tally.rejected { "022" } else { "000" };
    let note = codes.first().copied().unwrap_or(unnamed);
    let verdict = letter(tally, &codes);
    writer.segment(
        "TA1",
        &[header.element(13), header.element(9), header.element(10), verdict, note.as_bytes()],
    );
}
