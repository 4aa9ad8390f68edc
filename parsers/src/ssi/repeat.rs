//! Tells a packet that was sent again because its acknowledgement was lost from a second scan of the same code.
//!
//! In: packets and when they came. Out: new, the same, or in doubt. Never: the content of a packet: a digest is kept.
//!
//! SSI numbers nothing. The retransmission bit says that a packet was sent before, not that it arrived before: its
//! first copy may be the one that was lost. What tells them apart is time. A scanner that hears no acknowledgement
//! sends again after its response time-out, so that the copy of a packet that did arrive comes that long after it,
//! whereas a person needs a moment for the next scan, and its copy comes a moment later than that. Where this does not
//! decide, the code is refused: a beep that asks to look costs less than an item that is paid twice or not at all.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::packet::Packet;

/// Nobody scans two items within it, and no scanner is later with its copies.
const TOLERANCE: Duration = Duration::from_millis(250);

/// Whether a packet was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    New,
    Same,
    /// The same, sent before the answer to it can have arrived. A second answer would be taken for one to the next
    /// code.
    Answered,
    Doubtful,
}

/// The last packet that was taken, and what came since.
#[derive(Default)]
pub(super) struct Repeats {
    last: Option<Last>,
    /// Something came that no checksum fits: it may have been the first copy of a second scan.
    damaged_since: bool,
}

struct Last {
    digest: [u8; 32],
    at: Duration,
}

impl Repeats {
    /// Judges a packet, and remembers it.
    pub(super) fn judge(
        &mut self,
        packet: &Packet<'_>,
        now: Duration,
        response_timeout: Duration,
    ) -> Repeat {
        let digest = digest(packet);
        let since = match &self.last {
            Some(last) if last.digest == digest && packet.is_retransmission() => {
                Some(now.saturating_sub(last.at))
            }
            _ => None,
        };
        let damaged = std::mem::take(&mut self.damaged_since);
        self.last = Some(Last { digest, at: now });
        match since {
            None => Repeat::New,
            Some(since) if since <= response_timeout + TOLERANCE => match since < TOLERANCE {
                _ if damaged => Repeat::Doubtful,
                true => Repeat::Answered,
                false => Repeat::Same,
            },
            // The first copy of a lost acknowledgement was lost, too, or this is the copy of a scan that was made in
            // the meantime.
            Some(since) if since.abs_diff(2 * response_timeout) <= TOLERANCE => Repeat::Doubtful,
            Some(_) => Repeat::New,
        }
    }

    /// The last packet is acknowledged only now.
    pub(super) fn acknowledged(&mut self, now: Duration) {
        if let Some(last) = &mut self.last {
            last.at = now;
        }
    }

    /// Something came that was no packet.
    pub(super) fn damaged(&mut self) {
        self.damaged_since = true;
    }
}

fn digest(packet: &Packet<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([packet.opcode]);
    hash.update(packet.data);
    hash.finalize().into()
}
