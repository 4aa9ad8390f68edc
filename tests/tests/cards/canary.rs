//! Payment cards' numbers on chip cards, in each place where the gateway looks: masked in events, and nowhere else.

use tillgate_tests::canary::{
    Needles, Place, assert_absent, files, masked, memory, one_of_each_scheme,
};
use tillgate_tests::deadline::within;
use tillgate_tests::site::{ORG, READER};

use super::{APPLICATION, TEST_SECONDS, Till};
use tillgate_tests::chip_card::Content;

/// 19 digits, two a byte.
const NUMBER_BYTES: u8 = 10;

/// A card with this number in a file of the store's, a link, or a text.
fn card_with(number: &str, turn: usize) -> Content {
    match turn % 3 {
        0 => {
            let digits = format!("0001{number}").into_bytes();
            let padded = format!("{:F<24}", String::from_utf8_lossy(&digits));
            let packed = hex::decode(padded).expect("digits");
            Content::with_file(APPLICATION, 1, &packed)
        }
        1 => Content::link(&format!("loyalty.example/m/{number}")),
        _ => Content::sticker(&format!("https://loyalty.example/m/{number}")),
    }
}

#[test]
fn card_numbers_on_chips_are_nowhere() {
    within(2 * TEST_SECONDS, || {
        let till = Till::with_number_of(true, NUMBER_BYTES);
        till.site.wait_for_device(READER);
        let cards = one_of_each_scheme();
        for (turn, number) in cards.iter().enumerate() {
            drop(till.put_on_and_wait(card_with(number, turn), turn + 1));
            let event = till.event(turn + 1);
            assert_eq!(event["data"]["masked_pan"], masked(number), "{event}");
        }
        let needles = Needles::of(&cards);
        let mut places = files(&till.site.data_dir());
        places.push(Place::text("the log", till.gateway.log()));
        for path in ["/metrics", "/v1/status", "/"] {
            places.push(Place::text(path, till.site.look(path).text()));
        }
        for message in till.witness.messages() {
            places.push(Place::new(&message.topic, message.payload));
        }
        assert_absent(&places, &needles);
        match memory(till.gateway.id()) {
            Ok(places) => {
                assert!(!Needles::of(&[ORG]).found_in(&places).is_empty(), "what surely is there");
                assert_absent(&places, &needles);
            }
            Err(error) => println!("the daemon's memory was not searched: {error}"),
        }
    });
}
