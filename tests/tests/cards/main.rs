//! Chip cards, from a real pcscd with virtual cards to the broker.
#![expect(clippy::expect_used, reason = "what the tests share fails as loudly as they do")]

#[path = "../../rig/card/mod.rs"]
mod card;

mod canary;

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::chip_card::Content;
use tillgate_tests::config;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::site::{READER, Site};
use tillgate_tests::witness::Witness;

use card::{Pcscd, VirtualCard};

/// Longest test here, on a machine that builds something else at the same time.
const TEST_SECONDS: u64 = 120;
const WAIT_SECONDS: u64 = 30;

const LINK: &str = "loyalty.example/m/9876543210";
const APPLICATION: &str = "f074696c6c67617465";

/// A store with a reader of chip cards on lane 3.
struct Till {
    pcscd: Pcscd,
    witness: Witness,
    site: Site,
    gateway: Gateway,
    _broker: Broker,
}

impl Till {
    fn start(readers: bool) -> Self {
        Self::with_number_of(readers, 7)
    }

    /// The number in the store's own file takes so many bytes.
    fn with_number_of(readers: bool, bytes: u8) -> Self {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let pcscd = Pcscd::start(site.folder(), readers);
        let card = format!(
            "reader = '00 00'\nnumber_prefix = 'https://loyalty.example/m/'\n\
             files = [{{ application = '{APPLICATION}', file = '0001', offset = 2, length = {bytes}, form = 'bcd' }}]"
        );
        let device = [
            ("id", READER.into()),
            ("lane", "3".into()),
            ("driver", "pcsc".into()),
            ("port", config::path(&pcscd.socket())),
            ("card", card.parse::<toml::Table>().expect("a table").into()),
        ];
        site.config.add("device", device);
        let gateway = site.start();
        Self { pcscd, witness, site, gateway, _broker: broker }
    }

    fn put_on(&self, content: Content) -> VirtualCard {
        VirtualCard::put_on(self.pcscd.reader_port(), content)
    }

    /// The last of so many events.
    fn event(&self, count: usize) -> Value {
        let mut events = self.witness.wait_for_events(count, WAIT_SECONDS);
        assert_eq!(events.len(), count, "{events:?}");
        events.pop().expect("an event")
    }

    fn wait_for_log(&self, words: &str) {
        until(WAIT_SECONDS, words, || self.gateway.log().contains(words));
    }
}

#[test]
fn a_card_is_known_by_its_link_its_file_or_its_text() {
    within(TEST_SECONDS, || {
        let till = Till::start(true);
        till.site.wait_for_device(READER);
        let card = till.put_on(Content::link(LINK));
        let event = till.event(1);
        assert_eq!(event["type"], "tillgate.reading.v1");
        assert_eq!(event["data"]["kind"], "card", "{event}");
        assert_eq!(event["data"]["loyalty"], "9876543210");
        assert_eq!(event["data"]["lane"], "3");
        let asked = card.asked();
        assert!(
            asked.iter().all(|command| !command.starts_with("ff")),
            "no serial number: {asked:?}"
        );
        drop(card);
        // The same card again is another tap.
        drop(till.put_on_and_wait(Content::link(LINK), 2));
        let number = b"\x00\x01\x91\x56\x00\x11\x22\x33\x4F";
        let card = till.put_on_and_wait(Content::with_file(APPLICATION, 1, number), 3);
        assert_eq!(till.event(3)["data"]["loyalty"], "9156001122334");
        assert_eq!(card.asked().len(), 3, "nothing else is asked: {:?}", card.asked());
    });
}

#[test]
fn a_telephone_and_a_bank_card_are_nobody_and_are_asked_for_no_payment() {
    within(TEST_SECONDS, || {
        let till = Till::start(true);
        till.site.wait_for_device(READER);
        let phone = till.put_on(Content::telephone());
        till.wait_for_log("no number where the configuration looks for it");
        let asked = phone.asked();
        let names: Vec<&String> = asked.iter().filter(|it| it.starts_with("00a404")).collect();
        assert_eq!(names.len(), 2, "the store's and the NFC Forum's application: {asked:?}");
        assert!(!asked.concat().contains("a000000003"), "{asked:?}");
        assert!(!asked.concat().contains(&hex::encode("PAY.SYS")), "{asked:?}");
        drop(phone);
        // A sticker whose text is a payment card's number leaves masked; this one is a link of somebody else.
        let _other = till.put_on(Content::sticker("https://elsewhere.example/9876543210"));
        till.wait_for_log("no number as the configuration describes it");
        assert_eq!(till.witness.event_count(), 0);
        assert!(!till.gateway.log().contains("4111111111111111"));
    });
}

#[test]
fn a_restart_of_pcscd_loses_no_tap_and_doubles_none() {
    within(TEST_SECONDS, || {
        let mut till = Till::start(false);
        till.wait_for_log("pcscd knows no card reader");
        till.pcscd.restart();
        till.site.wait_for_device(READER);
        let card = till.put_on_and_wait(Content::link(LINK), 1);

        till.pcscd.kill();
        until(WAIT_SECONDS, "the status says that it is gone", || {
            !till.site.source_is_connected(READER)
        });
        drop(card);
        till.pcscd.restart();
        till.site.wait_for_device(READER);
        let card = till.put_on_and_wait(Content::link("loyalty.example/m/5550000001"), 2);
        // pcscd begins anew and sees no card.
        till.pcscd.restart();
        drop(card);
        till.site.wait_for_device(READER);
        let sticker =
            till.put_on_and_wait(Content::sticker("https://loyalty.example/m/1234567890"), 3);
        assert_eq!(till.event(3)["data"]["loyalty"], "1234567890");
        assert!(sticker.asked().iter().all(|command| command.starts_with("ffb0")));
    });
}

impl Till {
    fn put_on_and_wait(&self, content: Content, count: usize) -> VirtualCard {
        let card = self.put_on(content);
        self.event(count);
        card
    }
}
