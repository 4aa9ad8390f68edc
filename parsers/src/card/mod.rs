//! Cards: ISO/IEC 7813 tracks, schemes, masking, keyed tokens.
//!
//! In: the bytes of one swipe, or the number of a chip card, the key for tokens, and the store's loyalty cards. Out: a
//! [`CardReading`]: scheme, first six and last four digits, a token; or the number of a loyalty card. Never: a payment
//! card's number, a name, an expiry date or anything else of a track; where the store says what its loyalty cards are,
//! the number of any other card. The frame is zeroized before the reading is returned, and so is every buffer on the
//! way.

mod loyalty;
mod number;
mod scheme;
mod token;
mod track;

use zeroize::Zeroize;

use crate::redact;
pub use loyalty::{LoyaltyCard, NumberCheck, Overlap, PrefixError};
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
    /// First six and last four digits of a payment card, stars between. Of a card that is neither a payment card nor
    /// one of the store's, no more than the last four.
    pub masked_pan: Option<String>,
    /// Keyed token of the number of a card that is none of the store's: `k1_` and 32 hexadecimal digits.
    pub card_token: Option<String>,
    /// The number of a loyalty card.
    pub loyalty: Option<String>,
    /// Whose card that is, where the store says what its loyalty cards are.
    pub loyalty_card: Option<String>,
    /// Whether a track could not be read. What another track said stands all the same.
    pub damaged: bool,
}

/// Reads the tracks of one swipe and zeroizes `frame`.
///
/// A number counts as a payment card's when issuer range, length and check digit all fit, whatever `cards` say. Next
/// it is a loyalty card's when it is one of `cards`. One that only fails the check digit of a payment card, or is one
/// digit too long or too short, is a misread payment card: nothing of it leaves. Of any other number a token leaves;
/// only where `cards` are empty does it leave in full, as that of a loyalty card. A number that is no payment card's is
/// only taken from a track that is whole, since the stump of a payment card's number looks like one.
#[must_use]
pub fn read_tracks(frame: &mut [u8], key: &TokenKey, cards: &[LoyaltyCard]) -> CardReading {
    let seen = sort_tracks(frame, cards);
    frame.zeroize();
    let reading = match (seen.payment, seen.loyalty, seen.unlisted) {
        (Some((number, scheme)), ..) => of_payment_card(&number, scheme, key),
        (None, Some((number, card)), _) => of_loyalty_card(number.in_clear(), card),
        (None, None, Some(number)) => of_unlisted(&number, key),
        (None, None, None) => CardReading::default(),
    };
    CardReading { damaged: seen.damaged, ..reading }
}

/// Reads the number that a chip card gives, and zeroizes it. The rules are those of a track: what could be a payment
/// card's number that was cut or altered does not leave, nor does a text that is none of `cards`.
#[must_use]
pub fn read_number(number: &mut [u8], key: &TokenKey, cards: &[LoyaltyCard]) -> CardReading {
    let reading = reading_of(number, key, cards);
    number.zeroize();
    reading
}

fn reading_of(number: &[u8], key: &TokenKey, cards: &[LoyaltyCard]) -> CardReading {
    let misread = || CardReading { damaged: true, ..CardReading::default() };
    let Some(digits) = Number::from_field(number) else {
        let text = std::str::from_utf8(number).ok();
        let Some(text) = text.filter(|_| redact::text(number).found.is_empty()) else {
            return misread();
        };
        return match cards.iter().find(|card| card.is_of(number)) {
            None if !cards.is_empty() => CardReading::default(),
            card => of_loyalty_card(text.to_owned(), card),
        };
    };
    match Verdict::of(digits.digits(), cards) {
        Verdict::Payment(scheme) => of_payment_card(&digits, scheme, key),
        Verdict::Loyalty(card) => of_loyalty_card(digits.in_clear(), card),
        Verdict::Misread => misread(),
        Verdict::Unlisted => of_unlisted(&digits, key),
    }
}

fn of_payment_card(number: &Number, scheme: Scheme, key: &TokenKey) -> CardReading {
    CardReading {
        scheme: Some(scheme),
        masked_pan: Some(number.masked()),
        card_token: Some(key.token_of(number)),
        ..CardReading::default()
    }
}

fn of_loyalty_card(number: String, card: Option<&LoyaltyCard>) -> CardReading {
    CardReading {
        loyalty: Some(number),
        loyalty_card: card.map(|card| card.name.clone()),
        ..CardReading::default()
    }
}

/// A card of neither kind may be one for fuel or meals, or of a scheme that we do not know: it is treated as a payment
/// card.
fn of_unlisted(number: &Number, key: &TokenKey) -> CardReading {
    CardReading {
        masked_pan: Some(number.last_four()),
        card_token: Some(key.token_of(number)),
        ..CardReading::default()
    }
}

/// Whose number it is.
enum Verdict<'c> {
    Payment(Scheme),
    /// A loyalty card's; of which, where the store says so.
    Loyalty(Option<&'c LoyaltyCard>),
    /// Most likely a payment card's that was cut or altered.
    Misread,
    /// None of the store's, and of no scheme.
    Unlisted,
}

impl<'c> Verdict<'c> {
    fn of(number: &[u8], cards: &'c [LoyaltyCard]) -> Self {
        if let Some(scheme) = Scheme::of_payment_card(number) {
            return Self::Payment(scheme);
        }
        match cards.iter().find(|card| card.is_of(number)) {
            Some(card) => Self::Loyalty(Some(card)),
            None if is_doubtful(number) => Self::Misread,
            None if cards.is_empty() => Self::Loyalty(None),
            None => Self::Unlisted,
        }
    }
}

fn is_doubtful(number: &[u8]) -> bool {
    Scheme::of(number).is_some() || Scheme::is_near_miss(number)
}

/// What the tracks of a swipe said, taken together.
#[derive(Default)]
struct Sorted<'c> {
    payment: Option<(Number, Scheme)>,
    loyalty: Option<(Number, Option<&'c LoyaltyCard>)>,
    unlisted: Option<Number>,
    damaged: bool,
}

fn sort_tracks<'c>(frame: &[u8], cards: &'c [LoyaltyCard]) -> Sorted<'c> {
    let bounded = frame.get(..MAX_FRAME_BYTES).unwrap_or(frame);
    let mut sorted = Sorted { damaged: bounded.len() < frame.len(), ..Sorted::default() };
    let mut contradiction = false;
    for seen in track::tracks(bounded) {
        match seen {
            Seen::Nothing => {}
            Seen::Unreadable => sorted.damaged = true,
            Seen::Number(track) => contradiction |= !sorted.add(track, cards),
            Seen::Third(numbers) => sorted.add_third(numbers, cards),
        }
    }
    // Two cards in one frame, or a misread that happens to pass: neither number can be trusted.
    if contradiction {
        return Sorted { damaged: true, ..Sorted::default() };
    }
    sorted
}

impl<'c> Sorted<'c> {
    /// Takes a track's number. False when it contradicts another track of the same swipe.
    fn add(&mut self, track: Track, cards: &'c [LoyaltyCard]) -> bool {
        self.damaged |= !track.is_whole();
        let verdict = Verdict::of(track.number.digits(), cards);
        if let Verdict::Payment(scheme) = verdict {
            let known = self.payment.get_or_insert_with(|| (track.number.clone(), scheme));
            return known.0 == track.number;
        }
        if track.number.is_driving_licence() {
            return true;
        }
        match verdict {
            Verdict::Loyalty(card) if track.can_name_a_member() => {
                self.loyalty.get_or_insert((track.number, card));
            }
            Verdict::Unlisted if track.can_name_a_member() => {
                self.unlisted.get_or_insert(track.number);
            }
            _ => self.damaged = true,
        }
        true
    }

    /// Track 3 names a member only by a number that the store lists. Where either reading of it could be a payment
    /// card's, it names nobody: banks repeat the number there.
    fn add_third(&mut self, numbers: [Option<Number>; 2], cards: &'c [LoyaltyCard]) {
        let mut numbers: Vec<Number> = numbers.into_iter().flatten().collect();
        if numbers.iter().any(|number| is_doubtful(number.digits())) {
            return;
        }
        let listed = |number: &Number| cards.iter().find(|card| card.is_of(number.digits()));
        let found = numbers.iter().enumerate().find_map(|(at, it)| Some((at, listed(it)?)));
        if let Some((at, card)) = found {
            self.loyalty.get_or_insert_with(|| (numbers.swap_remove(at), Some(card)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::from_hex(&"5a".repeat(32)).unwrap()
    }

    fn swipe(frame: &str) -> CardReading {
        swipe_in(&[], frame)
    }

    fn swipe_in(cards: &[LoyaltyCard], frame: &str) -> CardReading {
        let mut bytes = frame.as_bytes().to_vec();
        let reading = read_tracks(&mut bytes, &key(), cards);
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

    fn club() -> Vec<LoyaltyCard> {
        let card = |prefix, lengths, check| LoyaltyCard::new("club", prefix, lengths, check);
        vec![
            card("9156", (13, 13), NumberCheck::None).unwrap(),
            card("70010000-70019999", (16, 16), NumberCheck::Luhn).unwrap(),
            card("M", (6, 6), NumberCheck::None).unwrap(),
        ]
    }

    #[test]
    fn what_the_store_lists_is_a_loyalty_card_on_every_track() {
        for frame in [
            ";9156001122334?",
            "%B9156001122334^MEMBER^?",
            "%B7001000000000012^MEMBER^?;E?",
            "%B^?;7001000000000012=4912?",
            "+9156001122334?",
            "+019156001122334=1?",
            ";12345678?;019156001122334=1?",
        ] {
            let reading = swipe_in(&club(), frame);
            assert_eq!(reading.loyalty_card.as_deref(), Some("club"), "{frame}");
            assert!(reading.loyalty.is_some() && reading.card_token.is_none(), "{frame}");
        }
    }

    #[test]
    fn of_a_card_that_nobody_lists_a_token_leaves_and_four_digits() {
        for (frame, shown) in [
            (";7001000000000015=4912?", "************0015"),
            (";9157001122334?", "*********2334"),
            (";0123456789?", "**********"),
        ] {
            let reading = swipe_in(&club(), frame);
            assert_eq!(reading.masked_pan.as_deref(), Some(shown), "{frame}");
            assert!(reading.card_token.is_some() && reading.loyalty.is_none(), "{frame}");
        }
        let nobody = swipe_in(&club(), "+9157001122334?");
        assert_eq!(nobody, CardReading::default(), "track 3 alone");
        for text in ["X12345", "M1234567"] {
            let reading = read_number(&mut text.as_bytes().to_vec(), &key(), &club());
            assert_eq!(reading, CardReading::default(), "{text}");
        }
        let member = read_number(&mut b"M12345".to_vec(), &key(), &club());
        assert_eq!(member.loyalty.as_deref(), Some("M12345"));
    }

    #[test]
    fn a_stores_list_makes_no_payment_card_a_members() {
        let everything: Vec<LoyaltyCard> = ('0'..='9')
            .map(|digit| {
                let prefix = digit.to_string();
                LoyaltyCard::new("all", &prefix, (4, 19), NumberCheck::None).unwrap()
            })
            .collect();
        for (number, scheme) in scheme::tests::PUBLIC_TEST_NUMBERS {
            for frame in [
                format!("%B{number}^DOE^2912101?;{number}=2912101?"),
                format!(";{number}=2912101?+01{number}=1?"),
                format!("{number}\r"),
            ] {
                let reading = swipe_in(&everything, &frame);
                assert_eq!(reading.scheme, Some(*scheme), "{frame}");
                assert!(reading.loyalty.is_none() && !format!("{reading:?}").contains(number));
            }
            let third = swipe_in(&everything, &format!("+01{number}=1?"));
            assert_eq!(third, CardReading::default(), "{number}");
            let chip = read_number(&mut number.as_bytes().to_vec(), &key(), &everything);
            assert_eq!(chip.scheme, Some(*scheme), "{number}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_that_is_not_listed_never_leaves_in_full(
            number in "[0-9]{8,19}",
            frame in proptest::sample::select(vec![
                "%B#^DOE/J^2912101?", ";#=2912101?", ";#?", "#", "+#?", "+01#=1?", ";12345678?;01#=?", "%#?;E?",
            ]),
        ) {
            let cards = club();
            let is_listed = cards.iter().any(|card| card.is_of(number.as_bytes()));
            let reading = swipe_in(&cards, &frame.replace('#', &number));
            let chip = read_number(&mut number.as_bytes().to_vec(), &key(), &cards);
            for reading in [reading, chip] {
                let shown = [&reading.masked_pan, &reading.loyalty];
                let leaves = shown.into_iter().flatten().any(|shown| shown.contains(&number));
                proptest::prop_assert!(!leaves || is_listed, "{reading:?}");
                if let Some(loyalty) = &reading.loyalty {
                    proptest::prop_assert!(cards.iter().any(|card| card.is_of(loyalty.as_bytes())));
                }
            }
        }
    }
}
