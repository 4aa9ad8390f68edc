//! `serial-magstripe`: a magnetic-stripe reader that sends the tracks of a card as lines.
//!
//! In: lines. Out: one reading a swipe. Readers send tracks 1, 2 and 3 in one line or in three, so lines are joined
//! until the tracks have come or the line is quiet. Never: two cards in one reading, or anything of a card but what
//! [`read_tracks`] lets through.

use std::sync::Arc;
use std::time::Duration;

use tillgate_parsers::card::{LoyaltyCard, TokenKey, read_tracks};
use zeroize::Zeroizing;

use crate::serial::{self, Decoder, Lines};
use crate::{Assignment, DeviceEvent, DeviceSettings, Driver, DriverKind, Reading, Running};

/// The driver's entry.
pub(crate) const DRIVER: Driver =
    Driver { kind: DriverKind::SerialMagstripe, name: "serial-magstripe", start };

fn start(assignment: Assignment) -> Running {
    let settings = &assignment.settings;
    let decoder = MagstripeDecoder::new(settings, &assignment.token_key);
    let lines = Lines::new(settings, decoder);
    Box::pin(serial::serve(assignment, Box::new(lines)))
}

/// A card has three tracks (ISO/IEC 7811-6).
const LAST_TRACK: usize = 3;

/// Joins the tracks of a swipe.
pub(crate) struct MagstripeDecoder {
    token_key: Arc<TokenKey>,
    loyalty_cards: Vec<LoyaltyCard>,
    gap: Duration,
    /// The lines of the swipe so far, each ended by CR. Holds three lines without growing, so that no copy of a
    /// track is left behind in the heap.
    swipe: Zeroizing<Vec<u8>>,
    /// The highest track in `swipe`; 0 while there is none.
    last_track: usize,
    damaged: bool,
}

impl MagstripeDecoder {
    /// For one reader.
    pub(crate) fn new(settings: &DeviceSettings, token_key: &Arc<TokenKey>) -> Self {
        let swipe_bytes_max = LAST_TRACK * (settings.framing.frame_bytes_max + 1);
        Self {
            token_key: Arc::clone(token_key),
            loyalty_cards: settings.loyalty_cards.clone(),
            gap: Duration::from_millis(settings.swipe_gap_ms),
            swipe: Zeroizing::new(Vec::with_capacity(swipe_bytes_max)),
            last_track: 0,
            damaged: false,
        }
    }
}

impl Decoder for MagstripeDecoder {
    fn line(&mut self, line: &[u8], damaged: bool, events: &mut Vec<DeviceEvent>) {
        let track = next_track(self.last_track, &self.swipe, line).unwrap_or_else(|| {
            self.quiet(events);
            last_track_of(line)
        });
        self.swipe.extend_from_slice(line);
        self.swipe.push(b'\r');
        self.last_track = track;
        self.damaged |= damaged;
        if track == LAST_TRACK {
            self.quiet(events);
        }
    }

    /// A swipe waits for its next track.
    fn gap(&self) -> Option<Duration> {
        (self.last_track > 0).then_some(self.gap)
    }

    fn quiet(&mut self, events: &mut Vec<DeviceEvent>) {
        if std::mem::take(&mut self.last_track) == 0 {
            return;
        }
        let bytes = self.swipe.len();
        let mut card = read_tracks(&mut self.swipe, &self.token_key, &self.loyalty_cards);
        self.swipe.clear();
        card.damaged |= std::mem::take(&mut self.damaged);
        let names_nobody = card.card_token.is_none() && card.loyalty.is_none();
        events.push(match (names_nobody, card.damaged) {
            (false, _) => DeviceEvent::Reading(Reading::Card(card)),
            (true, true) => DeviceEvent::Damaged { problem: UNREADABLE, bytes },
            (true, false) => DeviceEvent::Damaged { problem: NO_NUMBER, bytes },
        });
    }
}

const UNREADABLE: &str =
    "no track of the card could be read: swipe it again, evenly and to the end";
const NO_NUMBER: &str = "the card carries neither a payment nor a member number";

/// The highest track once `line` has joined the swipe, or none when it begins a swipe of its own. Time alone cannot
/// tell: after a stall of ours two customers' swipes come out of the port's buffer back to back.
fn next_track(last_track: usize, swipe: &[u8], line: &[u8]) -> Option<usize> {
    let goes_on = first_track_of(line) > last_track;
    // On many readers track 3 begins with `;` as track 2 does (ISO/IEC 4909).
    let third = last_track == 2 && first_track_of(swipe) == 1 && line.first() == Some(&b';');
    match (goes_on, third) {
        (true, _) => Some(last_track_of(line)),
        (false, true) => Some(LAST_TRACK),
        (false, false) => None,
    }
}

/// Which track a line begins with: by its start sentinel or, where the reader leaves sentinels out, by the format
/// code `B` that only track 1 has (ISO/IEC 7813).
fn first_track_of(line: &[u8]) -> usize {
    match line.first() {
        Some(b'%' | b'B' | b'b') => 1,
        Some(b';' | b'0'..=b'9') => 2,
        _ => LAST_TRACK,
    }
}

/// Some readers send all tracks in one line: each end sentinel with a start sentinel behind it, and a track behind
/// that, is one more. The check character of a track (LRC, ISO/IEC 7811-6) may look like a start sentinel, too: behind
/// it the line ends, or a start sentinel follows.
fn last_track_of(line: &[u8]) -> usize {
    let mut more = 0;
    let mut rest = line;
    while let Some(end) = rest.iter().position(|byte| *byte == b'?') {
        rest = rest.get(end + 1..).unwrap_or_default();
        rest = match rest {
            [_, behind @ ..] if !begins_track(rest) && begins_track(behind) => behind,
            other => other,
        };
        more += usize::from(begins_track(rest));
    }
    (first_track_of(line) + more).min(LAST_TRACK)
}

fn begins_track(bytes: &[u8]) -> bool {
    let is_start = |byte: &u8| matches!(byte, b'%' | b';' | b'+' | b'#');
    match bytes {
        [start, next, ..] => is_start(start) && !is_start(next),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use tillgate_parsers::card::NumberCheck;

    use super::*;

    const TRACK_1: &str = "%B4111111111111111^DOE/JANE^29121011234?";
    const TRACK_2: &str = ";4111111111111111=29121011234?";
    const OTHER_1: &str = "%B5555555555554444^ROE/RICHARD^29121011234?";
    const OTHER_2: &str = ";5555555555554444=29121011234?";
    const MEMBER: &str = ";9156001122334?";

    fn decoder() -> MagstripeDecoder {
        MagstripeDecoder {
            token_key: Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap()),
            loyalty_cards: Vec::new(),
            gap: Duration::from_millis(150),
            swipe: Zeroizing::new(Vec::with_capacity(2048)),
            last_track: 0,
            damaged: false,
        }
    }

    /// The masked or member numbers of the readings; `-` for a swipe without one.
    fn swipes(lines: &[&str]) -> Vec<String> {
        let mut decoder = decoder();
        let mut events = Vec::new();
        for line in lines {
            decoder.line(line.as_bytes(), false, &mut events);
        }
        decoder.quiet(&mut events);
        assert!(decoder.gap().is_none() && decoder.swipe.is_empty());
        events.into_iter().map(number_of).collect()
    }

    fn number_of(event: DeviceEvent) -> String {
        match event {
            DeviceEvent::Reading(Reading::Card(card)) => {
                card.masked_pan.or(card.loyalty).unwrap_or_default()
            }
            _ => "-".to_owned(),
        }
    }

    #[test]
    fn tracks_in_one_line_or_in_three_are_one_swipe() {
        let one_line = format!("{TRACK_1}{TRACK_2}");
        let third = ";014111111111111111=12345?";
        for lines in [
            vec![TRACK_1, TRACK_2],
            vec![TRACK_2],
            vec![one_line.as_str()],
            vec![TRACK_1, TRACK_2, third],
            vec!["%E?", TRACK_2],
            vec!["B4111111111111111^DOE/JANE^29121011234", "4111111111111111=29121011234"],
        ] {
            assert_eq!(swipes(&lines), ["411111******1111"], "{lines:?}");
        }
    }

    #[test]
    fn swipes_that_come_back_to_back_stay_apart() {
        let both = ["411111******1111", "555555******4444"];
        assert_eq!(swipes(&[TRACK_1, TRACK_2, OTHER_1, OTHER_2]), both);
        assert_eq!(swipes(&[TRACK_2, OTHER_2]), both);
        assert_eq!(swipes(&[TRACK_1, OTHER_1]), both);
        assert_eq!(swipes(&[&format!("{TRACK_1}{TRACK_2}"), &format!("{OTHER_1}{OTHER_2}")]), both);
        assert_eq!(swipes(&[TRACK_2, MEMBER]), ["411111******1111", "9156001122334"]);
    }

    /// A check character that counted as a track would make the next customer's track 2 a third one of this swipe.
    #[test]
    fn a_check_character_that_looks_like_a_sentinel_is_no_track() {
        for check in ["", "3", "?", ";", "%", "+", "="] {
            let [one, two] = [TRACK_1, TRACK_2].map(|track| format!("{track}{check}"));
            let both = ["411111******1111", "555555******4444"];
            assert_eq!(last_track_of(one.as_bytes()), 1, "{one}");
            assert_eq!(last_track_of(two.as_bytes()), 2, "{two}");
            assert_eq!(last_track_of(format!("{one}{two}").as_bytes()), 2, "{one}{two}");
            assert_eq!(last_track_of(format!("{one}{two}+01{check}?").as_bytes()), 3, "{check}");
            assert_eq!(swipes(&[&one, &two, OTHER_1, OTHER_2]), both, "{check}");
            assert_eq!(swipes(&[&format!("{one}{two}"), OTHER_1, OTHER_2]), both, "{check}");
        }
        assert_eq!(last_track_of(b"%?;?"), 2, "empty tracks");
    }

    #[test]
    fn a_card_of_the_stores_is_known_and_another_leaves_four_digits() {
        let club = LoyaltyCard::new("club", "9156", (13, 13), NumberCheck::None).unwrap();
        let mut events = Vec::new();
        for line in [MEMBER, ";7001122334455?"] {
            let mut decoder = decoder();
            decoder.loyalty_cards = vec![club.clone()];
            decoder.line(line.as_bytes(), false, &mut events);
            decoder.quiet(&mut events);
        }
        let numbers: Vec<String> = events.into_iter().map(number_of).collect();
        assert_eq!(numbers, ["9156001122334", "*********4455"]);
    }

    #[test]
    fn a_swipe_without_a_number_is_damaged_not_a_reading() {
        assert_eq!(swipes(&["%E?", ";E?"]), ["-"]);
        assert_eq!(swipes(&[]), Vec::<String>::new());
    }

    #[test]
    fn noise_on_the_line_marks_the_card_it_came_with_and_no_other() {
        let mut decoder = decoder();
        let mut events = Vec::new();
        decoder.line(TRACK_2.as_bytes(), true, &mut events);
        decoder.line(OTHER_2.as_bytes(), false, &mut events);
        decoder.quiet(&mut events);
        let damaged: Vec<bool> = events
            .iter()
            .filter_map(|event| match event {
                DeviceEvent::Reading(Reading::Card(card)) => Some(card.damaged),
                _ => None,
            })
            .collect();
        assert_eq!(damaged, [true, false]);
    }
}
