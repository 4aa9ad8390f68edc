//! Magnetic-stripe readers over HID: what arrives is masked, and the number is nowhere.

use crate::hid;
use crate::store::{CARD_READER, STRIPE_READER, Store, assert_on_lane};
use crate::uhid::HidDevice;

/// The card schemes' own test numbers, and what may be seen of them.
const VISA: (&str, &str) = ("4111111111111111", "411111******1111");
const MASTERCARD: (&str, &str) = ("5555555555554444", "555555******4444");
const MEMBER: &str = "9156001122334";

pub(crate) fn play(store: &mut Store) -> String {
    let (mut reader, _) = store.plug(&CARD_READER, || HidDevice::plug_in(hid::CARD_READER));
    let first = format!("%B{}^DOE/JANE^29121011234?", VISA.0);
    reader.send(&hid::swipe([&first, &format!(";{}=29121011234?", VISA.0), ""]));
    reader.send(&hid::swipe(["", &format!(";{MEMBER}?"), ""]));
    let swipes = store.events(2);
    assert_eq!(swipes.len(), 2, "{swipes:?}");
    swipes.iter().for_each(|swipe| assert_on_lane(swipe, &CARD_READER));
    assert_eq!(swipes[0]["data"]["masked_pan"], VISA.1);
    assert_eq!(swipes[1]["data"]["loyalty"], MEMBER);

    let (mut reader, _) = store.plug(&STRIPE_READER, || HidDevice::plug_in(hid::STRIPE_READER));
    let first = format!("B{}^ROE/RICHARD^29121011234", MASTERCARD.0);
    reader.send(&hid::stripe(&first, &format!("{}=29121011234", MASTERCARD.0)));
    let swipes = store.events(1);
    assert_eq!(swipes.len(), 1, "{swipes:?}");
    assert_on_lane(&swipes[0], &STRIPE_READER);
    assert_eq!(swipes[0]["data"]["masked_pan"], MASTERCARD.1);

    let traces = store.traces();
    for (place, content) in &traces {
        for secret in [VISA.0, MASTERCARD.0, "DOE/JANE", "ROE/RICHARD", "29121011234"] {
            let found = memchr::memmem::find(content, secret.as_bytes());
            assert!(found.is_none(), "{secret} is in {place}");
        }
    }
    format!("3 swipes, masked; nothing else in {} places", traces.len())
}
