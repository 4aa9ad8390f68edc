//! Scales and chip cards: what must hold for any bytes on their lines.

use std::sync::LazyLock;

use tillgate_parsers::card::TokenKey;
use tillgate_parsers::chip::{CardFile, Form, Plan, Session};
use tillgate_parsers::scale::{OnScale, ScaleAnswer, ScaleProtocol, ScaleReader, WeightUnit};

/// A chunked line says what a whole one says, each weight is a decimal above zero, and every byte is accounted for at
/// most once. The first byte chooses the protocol and the chunks.
pub fn scale(data: &[u8]) {
    let Some((&choice, line)) = data.split_first() else { return };
    let protocol = [ScaleProtocol::Toledo8217, ScaleProtocol::Nci, ScaleProtocol::MtSics]
        [usize::from(choice % 3)];
    let unit = if choice & 0x80 == 0 { WeightUnit::Kilogram } else { WeightUnit::Gram };
    let whole = weighed(protocol, unit, line, line.len().max(1));
    assert_eq!(weighed(protocol, unit, line, 1), whole);
    assert_eq!(weighed(protocol, unit, line, usize::from(choice / 3 % 16) + 1), whole);
    let malformed = whole.0.iter().map(|answer| match answer {
        ScaleAnswer::Malformed { bytes } => *bytes,
        ScaleAnswer::Weighed(_) => 1,
    });
    assert!(malformed.sum::<usize>() + whole.1 <= line.len(), "more bytes than came");
}

fn weighed(
    protocol: ScaleProtocol,
    unit: WeightUnit,
    line: &[u8],
    chunk: usize,
) -> (Vec<ScaleAnswer>, usize) {
    let mut reader = ScaleReader::new(protocol, unit);
    let mut answers = Vec::new();
    for part in line.chunks(chunk) {
        reader.feed(part, &mut |answer| answers.push(answer));
    }
    for answer in &answers {
        if let ScaleAnswer::Weighed(OnScale::Stable(weight)) = answer {
            let value: f64 = weight.value.parse().expect("a decimal");
            assert!(value > 0.0 && value.is_finite(), "{weight:?}");
            assert!(weight.value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        }
    }
    let pending = reader.close();
    (answers, pending)
}

/// A card that answers anything is asked a bounded number of commands, none of which selects a payment application,
/// and no payment card's number leaves in clear. The first byte chooses the kind of card and the length of an answer.
pub fn chip(data: &[u8]) {
    static KEY: LazyLock<TokenKey> =
        LazyLock::new(|| TokenKey::from_hex(&"5a".repeat(32)).expect("64 hexadecimal digits"));
    let Some((&choice, said)) = data.split_first() else { return };
    let application = "F074696C6C67617465".parse().expect("a name");
    let file = CardFile { application, file: Some(1), offset: 0, length: 16, form: Form::Text };
    let plan = Plan { files: vec![file], number_prefix: String::new(), serial_number: true };
    let resets: [&[u8]; 3] = [
        b"\x3B\x80\x80\x01\x01",
        b"\x3B\x8F\x80\x01\x80\x4F\x0C\xA0\x00\x00\x03\x06\x03\x00\x03",
        b"\x3B\x00",
    ];
    let mut session = Session::new(&plan, resets[usize::from(choice % 3)], choice & 0x80 != 0);
    let mut answers = said.chunks(usize::from(choice / 3 % 24) + 1);
    let mut commands = 0;
    while let Some(command) = session.command() {
        commands += 1;
        assert!(commands <= 96, "it never ends");
        if command.starts_with(&[0x00, 0xA4, 0x04]) {
            let own =
                command[5..].starts_with(&[0xF0, 0x74]) || command[5..].starts_with(&[0xD2, 0x76]);
            assert!(own, "selects {command:02X?}");
        }
        // Most answers of a card end well.
        let answer = answers.next().unwrap_or_default();
        session.answer(&[answer, &[0x90, 0x00][..usize::from(choice & 0x40 == 0) * 2]].concat());
    }
    if let Ok(card) = session.finish(&KEY, &[]) {
        let shown = card.loyalty.or(card.masked_pan).unwrap_or_default();
        assert!(tillgate_parsers::redact::text(shown.as_bytes()).found.is_empty(), "{shown}");
    }
}
