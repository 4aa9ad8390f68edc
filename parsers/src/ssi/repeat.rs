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

#[derive(Clone)]
struct Last {
    digest: [u8; 32],
    sent_since: Duration,
    /// Later than it was heard, where the verdict took its time.
    answered_at: Duration,
}

impl Repeats {
    /// Judges a packet that was sent at `sent_since` or later, and remembers it.
    pub(super) fn judge(
        &mut self,
        packet: &Packet<'_>,
        sent_since: Duration,
        now: Duration,
        response_timeout: Duration,
    ) -> Repeat {
        let last = Last { digest: digest(packet), sent_since, answered_at: now };
        let damaged = std::mem::take(&mut self.damaged_since);
        match self.last.replace(last.clone()) {
            Some(before) if before.digest == last.digest && packet.is_retransmission() => {
                before.judge_copy(now, damaged, response_timeout)
            }
            _ => Repeat::New,
        }
    }

    /// The last packet is acknowledged only now.
    pub(super) fn acknowledged(&mut self, now: Duration) {
        if let Some(last) = &mut self.last {
            last.answered_at = now;
        }
    }

    /// Something came that was no packet.
    pub(super) fn damaged(&mut self) {
        self.damaged_since = true;
    }
}

impl Last {
    fn judge_copy(&self, now: Duration, damaged: bool, response_timeout: Duration) -> Repeat {
        let since_sent = now.saturating_sub(self.sent_since);
        let since_answered = now.saturating_sub(self.answered_at);
        if since_answered > 2 * response_timeout + TOLERANCE {
            return Repeat::New;
        }
        // What was damaged was asked for again, which may have been this at any moment.
        if damaged {
            return Repeat::Doubtful;
        }
        if since_answered < TOLERANCE {
            return Repeat::Answered;
        }
        if since_answered <= response_timeout + TOLERANCE {
            return Repeat::Same;
        }
        // The copy in between was lost, too, or this is the copy of a scan that was made in the meantime.
        let may_be_second_copy = since_sent + TOLERANCE >= 2 * response_timeout;
        if may_be_second_copy { Repeat::Doubtful } else { Repeat::New }
    }
}

fn digest(packet: &Packet<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([packet.opcode]);
    hash.update(packet.data);
    hash.finalize().into()
}
