//! What pcscd and its clients say to each other on pcscd's socket.
//!
//! In: bytes of messages. Out: the same in values. Never: I/O.
//!
//! pcscd is spoken to directly, as its library does it: the library would have to be there when tillgate is built,
//! and it blocks its caller where a socket can be left. A message is its length and command, then a structure of the
//! machine's own integers. It has been the same since pcsc-lite 1.8.24 (2018): 4:4, and 4:5 from 2.3.0, which adds
//! nothing that is used here (`winscard_msg.h` and `eventhandler.h` of pcsc-lite).

/// Commands.
pub(super) const ESTABLISH_CONTEXT: u32 = 0x01;
pub(super) const CONNECT: u32 = 0x04;
pub(super) const DISCONNECT: u32 = 0x06;
pub(super) const BEGIN_TRANSACTION: u32 = 0x07;
pub(super) const TRANSMIT: u32 = 0x09;
pub(super) const VERSION: u32 = 0x11;
pub(super) const WAIT_FOR_CHANGE: u32 = 0x13;
pub(super) const STOP_WAITING: u32 = 0x14;

/// The versions of the protocol that are spoken.
pub(super) const MAJOR: u32 = 4;
pub(super) const MINORS: std::ops::RangeInclusive<u32> = 4..=5;

/// Scope of a context, sharing of a card, T=0 and T=1, and what is done with the card at the end: nothing.
pub(super) const SCOPE_SYSTEM: u32 = 2;
const SHARED: u32 = 2;
pub(super) const T0: u32 = 1;
const T0_OR_T1: u32 = 3;
pub(super) const LEAVE_CARD: u32 = 0;

/// Results.
pub(super) const SUCCESS: u32 = 0;
pub(super) const MUTE_CARD: u32 = 0x8010_0066;

/// A reader's state: a card is there.
const PRESENT: u32 = 0x04;

const READER_NAME_BYTES: usize = 128;
const ATR_BYTES_MAX: usize = 33;
/// Name, counter of events, state, sharing, answer to reset and three bytes of padding, its length, protocol.
const READER_BYTES: usize = READER_NAME_BYTES + 3 * 4 + ATR_BYTES_MAX + 3 + 2 * 4;
const READERS: usize = 16;
/// The states of all readers.
pub(super) const READERS_BYTES: usize = READERS * READER_BYTES;

/// A context, a name, four numbers and the result.
pub(super) const CONNECT_BYTES: usize = 4 + READER_NAME_BYTES + 5 * 4;
pub(super) const TRANSMIT_BYTES: usize = 8 * 4;

/// Most bytes of an answer: 256 and a status word.
pub(super) const ANSWER_BYTES_MAX: u32 = 258;

/// The length of the protocol's own header, as the library says it on machines of 64 bits.
const PROTOCOL_HEADER_BYTES: u32 = 16;

/// A reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) name: String,
    /// Counts insertions and removals.
    pub(super) events: u32,
    /// The answer to reset of the card that is there.
    pub(super) answer_to_reset: Option<Vec<u8>>,
}

/// A message.
pub(super) fn message(command: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or_default();
    [&length.to_ne_bytes()[..], &command.to_ne_bytes(), body].concat()
}

/// A structure of numbers.
pub(super) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// The number at a place of a structure of numbers.
pub(super) fn number(structure: &[u8], place: usize) -> u32 {
    let bytes = structure.get(4 * place..).and_then(|rest| rest.first_chunk());
    bytes.map_or(u32::MAX, |bytes| u32::from_ne_bytes(*bytes))
}

/// Asks for the card in a reader.
pub(super) fn connect(context: u32, reader: &str) -> Vec<u8> {
    let mut body = context.to_ne_bytes().to_vec();
    let name = reader.as_bytes();
    // The last byte is the end of the text.
    body.extend(name.get(..READER_NAME_BYTES - 1).unwrap_or(name));
    body.resize(4 + READER_NAME_BYTES, 0);
    body.extend(numbers(&[SHARED, T0_OR_T1, 0, 0, 0]));
    body
}

/// Handle, protocol and result of a card that was asked for.
pub(super) fn connected(answer: &[u8]) -> (u32, u32, u32) {
    let rest = answer.get(4 + READER_NAME_BYTES..).unwrap_or_default();
    (number(rest, 2), number(rest, 3), number(rest, 4))
}

/// Sends a command of so many bytes to a card; they follow.
pub(super) fn transmit(card: u32, protocol: u32, bytes: usize) -> Vec<u8> {
    let bytes = u32::try_from(bytes).unwrap_or_default();
    let header = PROTOCOL_HEADER_BYTES;
    numbers(&[card, protocol, header, bytes, protocol, header, ANSWER_BYTES_MAX, 0])
}

/// Length and result of an answer of a card; its bytes follow where the result is a success.
pub(super) fn transmitted(answer: &[u8]) -> (u32, u32) {
    (number(answer, 6), number(answer, 7))
}

/// The readers that there are.
pub(super) fn readers(states: &[u8]) -> Vec<Reader> {
    states.chunks_exact(READER_BYTES).filter_map(reader).collect()
}

fn reader(state: &[u8]) -> Option<Reader> {
    let (name, rest) = state.split_at_checked(READER_NAME_BYTES)?;
    let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
    // What a terminal would take for a command is left out.
    let name = String::from_utf8_lossy(name).chars().filter(|one| !one.is_control()).collect();
    let length = usize::try_from(number(rest.get(12 + ATR_BYTES_MAX + 3..)?, 0)).ok()?;
    let present = number(rest, 1) & PRESENT != 0;
    // A card that was not powered yet has no answer, or one that is longer than any.
    let answer_to_reset = rest.get(12..12 + ATR_BYTES_MAX)?.get(..length);
    let answer_to_reset = answer_to_reset.filter(|answer| present && !answer.is_empty());
    Some(Reader {
        name,
        events: number(rest, 0),
        answer_to_reset: answer_to_reset.map(<[u8]>::to_vec),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, state: u32, answer_to_reset: &[u8], length: u32) -> Vec<u8> {
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(READER_NAME_BYTES, 0);
        bytes.extend(numbers(&[7, state, 0]));
        bytes.extend(answer_to_reset);
        bytes.resize(READER_NAME_BYTES + 12 + ATR_BYTES_MAX + 3, 0);
        bytes.extend(numbers(&[length, 0]));
        assert_eq!(bytes.len(), READER_BYTES);
        bytes
    }

    #[test]
    fn readers_and_the_cards_in_them_are_told_apart() {
        let states = [
            state("ACS ACR122U 00 00", 0x34, &[0x3B, 0x80, 0x80, 0x01, 0x01], 5),
            state("", 0x34, &[0x3B], 1),
            state("Empty\u{1b} 01 00", 0x02, &[0x3B], 1),
            // Not powered yet, and what no pcscd says.
            state("New 02 00", 0x04, &[0x3B], 34),
            state("Odd 03 00", 0x04, &[0x3B], u32::MAX),
        ];
        let found = readers(&states.concat());
        let names: Vec<&str> = found.iter().map(|reader| reader.name.as_str()).collect();
        assert_eq!(names, ["ACS ACR122U 00 00", "Empty 01 00", "New 02 00", "Odd 03 00"]);
        let answers = found.iter().filter_map(|reader| reader.answer_to_reset.as_deref());
        assert_eq!(answers.collect::<Vec<_>>(), [[0x3B, 0x80, 0x80, 0x01, 0x01]]);
    }

    #[test]
    fn a_name_longer_than_any_ends_all_the_same() {
        let asked = connect(9, &"x".repeat(200));
        assert_eq!((asked.len(), asked[4 + READER_NAME_BYTES - 1]), (CONNECT_BYTES, 0));
        assert_eq!(connected(&asked), (0, 0, 0));
        assert_eq!(number(&[1, 2, 3], 0), u32::MAX);
    }
}
