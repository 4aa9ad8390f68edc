//! SSI packets: length, opcode, source, status, data, checksum.
//!
//! In: bytes of the line in chunks of any size, and word of when the line was quiet. Out: packets whose checksum fits,
//! and reports of what was damaged. Never: a packet that was cut or altered; a guess where the next one begins, since
//! a barcode may hold anything: after damage everything is dropped until the line is quiet.

use zeroize::{Zeroize, Zeroizing};

/// Length, opcode, source and status.
const HEADER_BYTES: usize = 4;

const CHECKSUM_BYTES: usize = 2;

/// The length byte counts everything but the checksum.
const PACKET_BYTES_MAX: usize = 0xFF + CHECKSUM_BYTES;

/// Most data that one packet carries.
pub const DATA_BYTES_MAX: usize = 0xFF - HEADER_BYTES;

/// The host, as a packet's source. Scanners are 0.
const HOST: u8 = 4;

/// Status: the packet was sent before and not acknowledged.
pub const RETRANSMISSION: u8 = 0x01;

/// Status: the message goes on in the next packet.
pub const CONTINUED: u8 = 0x02;

/// Status: parameters of this packet survive a loss of power.
pub const PERMANENT: u8 = 0x08;

/// One packet. No `Debug`: its data may be a card number that someone printed as a barcode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it says.
    pub opcode: u8,
    /// [`RETRANSMISSION`], [`CONTINUED`], [`PERMANENT`]; other bits have meanings of single makes.
    pub status: u8,
    /// At most [`DATA_BYTES_MAX`] bytes.
    pub data: &'a [u8],
}

impl Packet<'_> {
    /// The bytes of a packet from the host. Data beyond [`DATA_BYTES_MAX`] has no packet: `None`.
    #[must_use]
    pub fn from_host(&self) -> Option<Vec<u8>> {
        self.encoded(HOST)
    }

    /// The bytes of a packet from a scanner, for simulated ones.
    #[must_use]
    pub fn from_scanner(&self) -> Option<Vec<u8>> {
        self.encoded(0)
    }

    fn encoded(&self, source: u8) -> Option<Vec<u8>> {
        let length = u8::try_from(HEADER_BYTES + self.data.len()).ok()?;
        let mut bytes = Vec::with_capacity(PACKET_BYTES_MAX);
        bytes.extend([length, self.opcode, source, self.status]);
        bytes.extend(self.data);
        bytes.extend(checksum(&bytes).to_be_bytes());
        Some(bytes)
    }

    /// Whether it was sent before.
    #[must_use]
    pub fn is_retransmission(&self) -> bool {
        self.status & RETRANSMISSION != 0
    }
}

/// The two's complement of the sum of all bytes before it.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).wrapping_neg()
}

/// Cuts a line into packets. No `Debug`, as with [`Packet`].
pub struct PacketReader {
    /// The packet so far. Its capacity never grows, so that no copy of its content is left behind in the heap.
    pending: Zeroizing<Vec<u8>>,
    /// Bytes since the line was damaged.
    dropped: usize,
}

impl Default for PacketReader {
    fn default() -> Self {
        Self { pending: Zeroizing::new(Vec::with_capacity(PACKET_BYTES_MAX)), dropped: 0 }
    }
}

impl PacketReader {
    /// Takes the next bytes of the line and hands over each packet that ends in them.
    pub fn feed(&mut self, bytes: &[u8], deliver: &mut impl FnMut(Packet<'_>)) {
        for &byte in bytes {
            self.take(byte, deliver);
        }
    }

    /// Whether something waits for the line to be quiet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.dropped > 0 || !self.pending.is_empty()
    }

    /// The line was quiet, or closed: what is pending is not going to be a packet. Says how many bytes were dropped.
    pub fn quiet(&mut self) -> usize {
        let dropped = self.pending.len().saturating_add(std::mem::take(&mut self.dropped));
        self.wipe();
        dropped
    }

    fn take(&mut self, byte: u8, deliver: &mut impl FnMut(Packet<'_>)) {
        if self.dropped > 0 {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        match (self.pending.is_empty(), usize::from(byte)) {
            // Sent to wake the other side; no part of a packet.
            (true, 0) => return,
            (true, 1..HEADER_BYTES) => return self.dropped = 1,
            _ => self.pending.push(byte),
        }
        let length = usize::from(self.pending.first().copied().unwrap_or_default());
        if self.pending.len() < length + CHECKSUM_BYTES {
            return;
        }
        match whole(&self.pending) {
            Some(packet) => deliver(packet),
            None => self.dropped = self.pending.len(),
        }
        self.wipe();
    }

    fn wipe(&mut self) {
        self.pending.as_mut_slice().zeroize();
        self.pending.clear();
    }
}

/// The packet that `bytes` are, if its checksum fits.
fn whole(bytes: &[u8]) -> Option<Packet<'_>> {
    let (body, stated) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (&[_, opcode, _, status], data) = body.split_first_chunk::<HEADER_BYTES>()?;
    (checksum(body) == u16::from_be_bytes(*stated)).then_some(Packet { opcode, status, data })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packets as hex, and what was dropped after the last of them.
    fn read(chunks: &[&[u8]]) -> (Vec<String>, usize) {
        let mut reader = PacketReader::default();
        let mut packets = Vec::new();
        for chunk in chunks {
            reader.feed(chunk, &mut |Packet { opcode, status, data }| {
                packets.push(format!("{opcode:02x} {status:02x} {}", hex::encode(data)));
            });
        }
        assert_eq!(reader.is_pending(), reader.pending.len() + reader.dropped > 0);
        (packets, reader.quiet())
    }

    #[test]
    fn packets_are_told_by_their_length_and_checksum() {
        let line = hex::decode("000004d00000ff2c07f300000b4142fe78").unwrap();
        assert_eq!(read(&[&line]), (vec!["d0 00 ".to_owned(), "f3 00 0b4142".to_owned()], 0));
    }

    #[test]
    fn after_damage_everything_is_dropped_until_the_line_is_quiet() {
        let good = hex::decode("04d00000ff2c").unwrap();
        let bad = hex::decode("04d00000ff2d").unwrap();
        assert_eq!(read(&[&bad, &good]), (vec![], 12));
        assert_eq!(read(&[&good, &[3], &good]).1, 7, "no packet is so short");
        assert_eq!(read(&[&good, &good[..5]]), (vec!["d0 00 ".to_owned()], 5));
        let mut reader = PacketReader::default();
        reader.feed(&bad, &mut |_| panic!("a damaged packet was delivered"));
        assert_eq!(reader.quiet(), 6);
        let mut packets = 0;
        reader.feed(&good, &mut |_| packets += 1);
        assert_eq!(packets, 1);
    }

    #[test]
    fn what_does_not_fit_into_a_packet_has_none() {
        let full = Packet { opcode: 0xC6, status: 0, data: &[7; DATA_BYTES_MAX] };
        assert_eq!(full.from_host().map(|bytes| bytes.len()), Some(PACKET_BYTES_MAX));
        assert_eq!(Packet { data: &[7; DATA_BYTES_MAX + 1], ..full }.from_host(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_chunks_of_any_size(
            opcode: u8,
            status: u8,
            data in prop::collection::vec(any::<u8>(), 0..=DATA_BYTES_MAX),
            chunk in 1_usize..40,
        ) {
            let bytes = Packet { opcode, status, data: &data }.from_scanner().unwrap();
            let chunks: Vec<&[u8]> = bytes.chunks(chunk).collect();
            let expected = format!("{opcode:02x} {status:02x} {}", hex::encode(&data));
            prop_assert_eq!(read(&chunks), (vec![expected], 0));
        }

        #[test]
        fn one_altered_byte_is_never_delivered(
            data in prop::collection::vec(any::<u8>(), 1..60),
            at: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let mut bytes = Packet { opcode: 0xF3, status: 0, data: &data }.from_scanner().unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            // A length of 0 is taken for a wake-up; what follows is read as another packet, which is not this one.
            let whole = hex::encode(&data);
            prop_assert!(read(&[&bytes]).0.iter().all(|packet| !packet.ends_with(&whole)));
        }
    }
}
