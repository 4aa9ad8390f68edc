use std::collections::BTreeMap;

use super::*;
use crate::card::TokenKey;

/// A card that answers as listed, and 6A82 (no such file) to all else.
#[derive(Default)]
struct Card {
    answers: BTreeMap<String, String>,
    asked: Vec<String>,
}

impl Card {
    fn new(answers: &[(&str, &str)]) -> Self {
        let answers = answers.iter().map(|(ask, say)| ((*ask).to_owned(), (*say).to_owned()));
        Self { answers: answers.collect(), asked: Vec::new() }
    }

    fn read(&mut self, plan: &Plan, answer_to_reset: &str) -> Result<String, NoNumber> {
        let one_way = answer_to_reset == T0;
        let mut session = Session::new(plan, &hex::decode(answer_to_reset).unwrap(), one_way);
        while let Some(command) = session.command() {
            let command = hex::encode_upper(command);
            let answer = self.answers.get(&command).map_or("6A82", String::as_str);
            session.answer(&hex::decode(answer).unwrap());
            self.asked.push(command);
            assert!(self.asked.len() <= 96, "it never ends");
        }
        let key = TokenKey::from_hex(&"5a".repeat(32)).unwrap();
        let card = session.finish(&key, &[])?;
        Ok(card.loyalty.or(card.masked_pan).unwrap_or_else(|| "-".to_owned()))
    }
}

/// A contactless card with files, one that is memory, one with contacts that speaks T=1, and T=0.
const FILES: &str = "3B80800101";
const MEMORY: &str = "3B8F8001804F0CA0000003060300030000000068";
const T1: &str = "3BF41300008131FE4552464944";
const T0: &str = "3B00";

const SELECT_NDEF: &str = "00A4040007D276000085010100";

fn store() -> Plan {
    Plan { number_prefix: "https://loyalty.example/m/".to_owned(), ..Plan::default() }
}

fn type_4(message: &str) -> Card {
    let bytes = message.len() / 2;
    let first = (bytes + 2).min(0xF0);
    Card::new(&[
        (SELECT_NDEF, "9000"),
        ("00A4000C02E103", "9000"),
        ("00B000000F", "000F2000F000F00406E104040000009000"),
        ("00A4000C02E104", "9000"),
        ("00B0000002", &format!("{bytes:04X}9000")),
        (
            &format!("00B00002{:02X}", bytes.min(0xF0)),
            &format!("{}9000", &message[..2 * first.min(bytes)]),
        ),
    ])
}

/// `https://loyalty.example/m/9876543210` as a link.
const LINK: &str = "D101\
    1D55046C6F79616C74792E6578616D706C652F6D2F39383736353433323130";

#[test]
fn a_link_of_the_store_gives_its_number() {
    assert_eq!(type_4(LINK).read(&store(), FILES).as_deref(), Ok("9876543210"));
    let mut other = type_4(LINK);
    let plan = Plan { number_prefix: "https://other.example/".to_owned(), ..Plan::default() };
    assert_eq!(other.read(&plan, FILES), Err(NoNumber::Foreign));
    assert_eq!(other.asked.len(), 6, "{:?}", other.asked);
    assert!(
        !other.asked.iter().any(|asked| asked.starts_with("FFCA")),
        "not asked for by the plan"
    );
}

#[test]
fn a_text_is_the_number_and_a_poster_holds_one() {
    let text = "D10110540265 6E39313536303031313232333334".replace(' ', "");
    assert_eq!(type_4(&text).read(&Plan::default(), FILES).as_deref(), Ok("9156001122334"));
    let poster = format!("D102{:02X}5370{LINK}", LINK.len() / 2);
    assert_eq!(type_4(&poster).read(&store(), FILES).as_deref(), Ok("9876543210"));
    let utf_16 = text.replacen("5402", "5482", 1);
    assert_eq!(type_4(&utf_16).read(&Plan::default(), FILES), Err(NoNumber::Foreign));
}

#[test]
fn a_memory_is_read_page_by_page_until_the_message_is_whole() {
    let area = format!("0103A00C34{:02X}{LINK}FE", LINK.len() / 2).replacen("34", "3403", 1);
    let memory = format!("E1101200{area:0<88}");
    let pages: Vec<String> =
        (0..3).map(|read| format!("{}9000", &memory[32 * read..][..32])).collect();
    let mut card = Card::new(&[
        ("FFB0000310", &pages[0]),
        ("FFB0000710", &pages[1]),
        ("FFB0000B10", &pages[2]),
    ]);
    assert_eq!(card.read(&store(), MEMORY).as_deref(), Ok("9876543210"));
    assert_eq!(card.asked.len(), 3, "nothing is selected on a memory: {:?}", card.asked);
}

fn club_file(form: Form, length: u8) -> Plan {
    let application = "F074696C6C67617465".parse().unwrap();
    let file = CardFile { application, file: Some(1), offset: 4, length, form };
    Plan { files: vec![file], ..Plan::default() }
}

#[test]
fn a_file_of_the_stores_own_application_comes_first() {
    let cases = [
        (Form::Text, 16, "39313536303031313232333334202020", Ok("9156001122334")),
        (Form::Bcd, 7, "9156001122334F", Ok("9156001122334")),
        (Form::Hex, 4, "9A56001F", Ok("9A56001F")),
        (Form::Bcd, 7, "9156F01122334F", Err(NoNumber::Foreign)),
        (Form::Text, 4, "FFFFFFFF", Err(NoNumber::Foreign)),
        // Shorter than the plan says.
        (Form::Text, 16, "39313536", Err(NoNumber::Foreign)),
    ];
    for (form, length, content, expected) in cases {
        let mut card = Card::new(&[
            ("00A4040009F074696C6C6761746500", "9000"),
            ("00A4000C020001", "9000"),
            (&format!("00B00004{length:02X}"), &format!("{content}9000")),
        ]);
        let found = card.read(&club_file(form, length), T1);
        assert_eq!(found.as_deref(), expected.as_deref(), "{form:?} {content}");
    }
}

#[test]
fn a_card_of_the_old_protocol_is_asked_for_its_answers() {
    let mut card = Card::new(&[
        ("00A4040009F074696C6C67617465", "6112"),
        ("00C0000012", "6F108409F074696C6C67617465A5038801019000"),
        ("00A4000C020001", "9000"),
        ("00B0000410", "6C0D"),
        ("00B000040D", "393135363030313132323333349000"),
    ]);
    assert_eq!(
        card.read(&club_file(Form::Text, 16), T0),
        Err(NoNumber::Foreign),
        "13 bytes are not 16"
    );
    card.asked.clear();
    card.answers.insert("00B000040D".to_owned(), "6C0D".to_owned());
    assert!(card.read(&club_file(Form::Text, 13), T0).is_err(), "a card that never answers");
}

#[test]
fn a_payment_card_is_asked_nothing_that_leads_to_its_number() {
    let directory = hex::encode_upper("2PAY.SYS.DDF01");
    for answer_to_reset in [FILES, T1, T0, MEMORY] {
        let mut card = Card::default();
        let plan = Plan { serial_number: true, ..club_file(Form::Text, 13) };
        assert!(card.read(&plan, answer_to_reset).is_err());
        assert!(!card.asked.iter().any(|asked| asked.contains(&directory)), "{:?}", card.asked);
        let names = card.asked.iter().filter(|asked| asked.starts_with("00A404"));
        assert!(
            names.clone().all(|asked| asked.contains("D2760000850101") || asked.contains("F07469"))
        );
    }
}

#[test]
fn only_a_serial_number_that_stays_can_be_an_identity() {
    let plan = Plan { serial_number: true, ..Plan::default() };
    let cases = [
        ("04A1B2C3D4E580", Ok("UID-04A1B2C3D4E580")),
        ("04A1B2C3D4E580112233", Ok("UID-04A1B2C3D4E580112233")),
        ("08A1B2C3", Err(NoNumber::ChangingSerial)),
        ("A1B2C3D4", Err(NoNumber::ChangingSerial)),
    ];
    for (serial, expected) in cases {
        let mut card = Card::new(&[("FFCA000000", &format!("{serial}9000"))]);
        assert_eq!(card.read(&plan, FILES).as_deref(), expected.as_deref());
        let mut card = Card::new(&[("FFCA000000", &format!("{serial}9000"))]);
        assert_eq!(card.read(&Plan::default(), FILES), Err(NoNumber::Silent));
    }
}

#[test]
fn a_payment_number_on_a_chip_leaves_masked_or_not_at_all() {
    for (digits, left) in [
        ("4111111111111111", "411111******1111"),
        ("4111111111111112", "-"),
        ("4111-1111-1111-1111", "-"),
        ("9156001122334", "9156001122334"),
    ] {
        let payload = format!("02656E{}", hex::encode_upper(digits));
        let text = format!("D101{:02X}54{payload}", payload.len() / 2);
        assert_eq!(type_4(&text).read(&Plan::default(), FILES).as_deref(), Ok(left), "{digits}");
    }
}

#[test]
fn no_answer_makes_a_session_endless() {
    for answer in ["9000", "6100", "6CFF", "", "90", "000F2000F000F00406E104040000009000"] {
        for answer_to_reset in [FILES, T1, T0, MEMORY, ""] {
            let plan = Plan { serial_number: true, ..club_file(Form::Text, 13) };
            let mut session = Session::new(&plan, &hex::decode(answer_to_reset).unwrap(), false);
            let mut commands = 0;
            while session.command().is_some() {
                session.answer(&hex::decode(answer).unwrap());
                commands += 1;
                assert!(commands <= 96, "{answer} for ever");
            }
        }
    }
}
