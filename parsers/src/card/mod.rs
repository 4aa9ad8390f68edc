//! Cards: ISO/IEC 7813 tracks, schemes, masking, keyed tokens.
//!
//! In: the bytes of one swipe, or the number of a chip card, and the key for tokens. Out: a [`CardReading`]: scheme,
//! first six and last four digits, a token; or the number of a card that is no payment card. Never: a payment card's
//! number, a name, an expiry date or anything else of a track. The frame is zeroized before the reading is returned,
//! and so is every buffer on the way.

mod number;
mod scheme;
mod token;
mod track;

use zeroize::Zeroize;

use crate::redact;
use number::Number;
pub(crate) use number::{SHOWN_FIRST, SHOWN_LAST};
pub use scheme::{MAX_DIGITS, MIN_DIGITS, Scheme, luhn};
pub use token::{TokenKey, TokenKeyError};
use track::{Seen, Track};

/// Longest frame that is looked at: three tracks (79 + 40 + 107 characters) and what readers put around them,
/// generously. The rest of a longer frame is zeroized unread.
const MAX_FRAME_BYTES: usize = 1024;

/// What is left of a swiped card. Nothing else leaves this module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardReading {
    /// Scheme of a payment card.
    pub scheme: Option<Scheme>,
    /// First six and last four digits of a payment card, stars between.
    pub masked_pan: Option<String>,
    /// Keyed token of a payment card's number: `k1_` and 32 hexadecimal digits.
    pub card_token: Option<String>,
    /// The number of a card that is no payment card.
    pub loyalty: Option<String>,
    /// Whether a track could not be read. What another track said stands all the same.
    pub damaged: bool,
}

/// Reads the tracks of one swipe and zeroizes `frame`.
///
/// A number counts as a payment card's when issuer range, length and check digit all fit. One that only fails the
/// check digit, or is one digit too long or too short, is a misread payment card: nothing of it leaves. A loyalty
/// number is only taken from a track that is whole, since the stump of a payment card's number looks like one.
#[must_use]
pub fn read_tracks(frame: &mut [u8], key: &TokenKey) -> CardReading {
    let seen = sort_tracks(frame);
    frame.zeroize();
    let mut reading = CardReading { damaged: seen.damaged, ..CardReading::default() };
    match (seen.payment, seen.loyalty) {
        (Some((number, scheme)), _) => {
            reading.scheme = Some(scheme);
            reading.masked_pan = Some(number.masked());
            reading.card_token = Some(key.token_of(&number));
        }
        (None, loyalty) => reading.loyalty = loyalty.map(|number| number.in_clear()),
    }
    reading
}

/// Reads the number that a chip card gives, and zeroizes it. The rules are those of a track: what could be a payment
/// card's number that was cut or altered does not leave.
#[must_use]
pub fn read_number(number: &mut [u8], key: &TokenKey) -> CardReading {
    let reading = reading_of(number, key);
    number.zeroize();
    reading
}

fn reading_of(number: &[u8], key: &TokenKey) -> CardReading {
    let misread = || CardReading { damaged: true, ..CardReading::default() };
    let Some(digits) = Number::from_field(number) else {
        let text = std::str::from_utf8(number).ok();
        return match text.filter(|_| redact::text(number).found.is_empty()) {
            Some(text) => CardReading { loyalty: Some(text.to_owned()), ..CardReading::default() },
            None => misread(),
        };
    };
    let doubtful = |number: &[u8]| Scheme::of(number).is_some() || Scheme::is_near_miss(number);
    match Scheme::of_payment_card(digits.digits()) {
        Some(scheme) => CardReading {
            scheme: Some(scheme),
            masked_pan: Some(digits.masked()),
            card_token: Some(key.token_of(&digits)),
            ..CardReading::default()
        },
        None if doubtful(digits.digits()) => misread(),
        None => CardReading { loyalty: Some(digits.in_clear()), ..CardReading::default() },
    }
}

/// What the tracks of a swipe said, taken together.
#[derive(Default)]
struct Sorted {
    payment: Option<(Number, Scheme)>,
    loyalty: Option<Number>,
    damaged: bool,
}

fn sort_tracks(frame: &[u8]) -> Sorted {
    let bounded = frame.get(..MAX_FRAME_BYTES).unwrap_or(frame);
    let mut sorted = Sorted { damaged: bounded.len() < frame.len(), ..Sorted::default() };
    let mut contradiction = false;
    for seen in track::tracks(bounded) {
        match seen {
            Seen::Nothing => {}
            Seen::Unreadable => sorted.damaged = true,
            Seen::Number(track) => contradiction |= !sorted.add(track),
        }
    }
    // Two cards in one frame, or a misread that happens to pass: neither number can be trusted.
    if contradiction {
        return Sorted { damaged: true, ..Sorted::default() };
    }
    sorted
}

impl Sorted {
    /// Takes a track's number. False when it contradicts another track of the same swipe.
    fn add(&mut self, track: Track) -> bool {
        self.damaged |= !track.is_whole();
        let digits = track.number.digits();
        if let Some(scheme) = Scheme::of_payment_card(digits) {
            let known = self.payment.get_or_insert_with(|| (track.number.clone(), scheme));
            return known.0 == track.number;
        }
        if track.number.is_driving_licence() {
            return true;
        }
        let misread = Scheme::of(digits).is_some() || Scheme::is_near_miss(digits);
        if misread || !track.can_name_a_member() {
            self.damaged = true;
        } else {
            self.loyalty.get_or_insert(track.number);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::from_hex(&"5a".repeat(32)).unwrap()
    }

    fn swipe(frame: &str) -> CardReading {
        let mut bytes = frame.as_bytes().to_vec();
        let reading = read_tracks(&mut bytes, &key());
        assert!(bytes.iter().all(|byte| *byte == 0), "the frame must be zeroized");
        reading
    }

    #[test]
    fn a_payment_card_leaves_as_scheme_mask_and_token() {
        let reading =
            swipe("%B4111111111111111^DOE/JANE^29121011234?;4111111111111111=29121011234?\r");
        assert_eq!(reading.scheme, Some(Scheme::Visa));
        assert_eq!(reading.masked_pan.as_deref(), Some("411111******1111"));
        assert!(reading.card_token.unwrap().starts_with("k1_"));
        assert_eq!(reading.loyalty, None);
        assert!(!reading.damaged);
    }

    #[test]
    fn every_track_alone_gives_the_same_token() {
        let token = swipe("%B378282246310005^DOE/J^2912101?").card_token;
        assert_eq!(swipe("%B3782 822463 10005^DOE/J^2912101?").card_token, token);
        assert_eq!(swipe(";378282246310005=2912101?").card_token, token);
        assert_eq!(swipe("378282246310005=2912101").card_token, token);
        assert_eq!(
            swipe("B378282246310005^DOE/J^2912101\r\n378282246310005D2912").card_token,
            token
        );
        assert!(token.is_some());
    }

    #[test]
    fn a_card_of_no_payment_range_is_a_loyalty_card() {
        for frame in
            [";9156001122334?", "%B9156001122334^MEMBER^?", "%9156001122334?", "9156001122334"]
        {
            let reading = swipe(frame);
            assert_eq!(reading.loyalty.as_deref(), Some("9156001122334"), "{frame}");
            assert!(!reading.damaged && reading.card_token.is_none(), "{frame}");
        }
    }

    #[test]
    fn a_misread_payment_card_leaves_nothing() {
        let misreads = [
            ";4111111111111112=2912101?",
            ";411111111111111=2912101?",
            ";41111111111111111=2912101?",
            ";4111111111",
            "4111111111=2912",
            "1111111111=2912101?",
            "?1012192=1111111111111114;",
            "%B411111111111",
            ";41111111111111112912101?",
            ";4111x11111111111=2912101?",
            ";E?",
        ];
        for frame in misreads {
            let expected = CardReading { damaged: true, ..CardReading::default() };
            assert_eq!(swipe(frame), expected, "{frame}");
        }
    }

    #[test]
    fn one_bad_track_does_not_lose_the_other() {
        for frame in ["%E?;5555555555554444=2912101?", "%B5555555555554444^DOE^2912?;E?+E?"] {
            let reading = swipe(frame);
            assert_eq!(reading.scheme, Some(Scheme::Mastercard), "{frame}");
            assert!(reading.damaged, "{frame}");
        }
        let reading = swipe(";5555555555554444=2912101");
        assert!(reading.damaged && reading.card_token.is_some(), "a missing end sentinel");
    }

    #[test]
    fn a_check_character_is_no_track_whatever_it_looks_like() {
        for check in ["", "3", "?", ";", "%", "+", "=", "B"] {
            for end in ["", "\r", "\r\n"] {
                let one = format!("%B5555555555554444^DOE/J^2912101?{check}");
                let two = format!(";5555555555554444=2912101?{check}");
                for frame in [format!("{one}{end}{two}{end}"), format!("{two}{end}")] {
                    let reading = swipe(&frame);
                    assert_eq!(reading.scheme, Some(Scheme::Mastercard), "{frame:?}");
                    assert!(!reading.damaged, "{frame:?}");
                }
            }
        }
        assert!(swipe("%B5555555555554444^DOE/J^2912101?;5").damaged, "a track that was cut");
        assert!(!swipe("%?;5555555555554444=2912101?+?").damaged, "empty tracks");
    }

    #[test]
    fn two_cards_in_one_frame_are_none() {
        let reading = swipe(";5555555555554444=2912?;4111111111111111=2912?");
        assert_eq!(reading.scheme, Some(Scheme::Mastercard), "a second `;` is track 3");
        let reading = swipe("%B5555555555554444^DOE^2912?;4111111111111111=2912?");
        assert_eq!(reading, CardReading { damaged: true, ..CardReading::default() });
    }

    #[test]
    fn a_driving_licence_names_nobody() {
        let frame = "%CASACRAMENTO^DOE$JANE^12 MAIN ST^?;636014012345678=291219800101?";
        assert_eq!(swipe(frame), CardReading::default());
    }

    #[test]
    fn an_endless_frame_is_wiped_and_marked() {
        let reading = swipe(&"9".repeat(MAX_FRAME_BYTES + 1));
        assert_eq!(reading, CardReading { damaged: true, ..CardReading::default() });
        assert_eq!(swipe(""), CardReading::default());
    }
}
