use proptest::prelude::*;

use super::*;

/// A boot keyboard (HID 1.11, appendix E.6).
const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01,
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06,
    0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xC0,
];

#[test]
fn a_keyboard_has_its_eight_modifiers_and_six_keys() {
    let keyboard = ReportDescriptor::read(KEYBOARD);
    assert_eq!(keyboard.flaw, None);
    assert_eq!(keyboard.applications, [Usage::new(1, 6)]);
    assert!(!keyboard.numbered);
    assert_eq!(keyboard.report_bytes(ReportKind::Input, 0), 8);
    assert_eq!(keyboard.report_bytes(ReportKind::Output, 0), 1);
    let right_alt = keyboard.find(ReportKind::Input, Usage::new(7, 0xE6)).unwrap();
    assert_eq!((right_alt.bit_offset, right_alt.element_bits, right_alt.count), (6, 1, 1));
    let keys = keyboard.fields.iter().find(|field| field.count == 6).unwrap();
    assert_eq!((keys.bit_offset, keys.element_bits), (16, 8));
    assert_eq!(right_alt.element(&[0x40], 0), Some(1));
    assert_eq!(right_alt.element(&[0xBF], 0), Some(0));
    assert_eq!(keys.element(&[0; 4], 2), None, "the report ends before");
}

#[test]
fn pages_come_with_usages_and_globals_come_back_from_the_stack() {
    let bytes = [
        0x06, 0x00, 0xFF, 0xA1, 0x01, 0x85, 0x07, 0x75, 0x08, 0x95, 0x02, 0xA4, 0x75, 0x04, 0xB4,
        0x0B, 0xFE, 0x00, 0x8C, 0x00, 0x81, 0x02, 0xC0,
    ];
    let read = ReportDescriptor::read(&bytes);
    assert_eq!(read.flaw, None);
    let field = read.find(ReportKind::Input, Usage::new(0x8C, 0xFE)).unwrap();
    assert_eq!((field.element_bits, field.count, field.report_id), (8, 2, 7));
    assert_eq!(read.split(&[7, 1, 2]), Some((7, &[1, 2][..])));
    assert_eq!(read.split(&[]), None);
}

#[test]
fn a_broken_descriptor_gives_what_stands_before_the_flaw() {
    let cut = ReportDescriptor::read(&KEYBOARD[..23]);
    assert_eq!(cut.flaw, Some(Flaw::CutShort));
    assert_eq!(cut.fields.len(), 8);
    assert_eq!(ReportDescriptor::read(&[0xC0]).flaw, Some(Flaw::Unbalanced));
    assert_eq!(ReportDescriptor::read(&[0xA1, 1]).flaw, Some(Flaw::Unbalanced));
    assert_eq!(ReportDescriptor::read(&[0xB4]).flaw, Some(Flaw::Unbalanced));
    assert_eq!(ReportDescriptor::read(&[0xA4; 40]).flaw, Some(Flaw::TooMuch));
    let endless = [0x77, 0xFF, 0xFF, 0xFF, 0xFF, 0x97, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 2];
    assert_eq!(ReportDescriptor::read(&endless).flaw, Some(Flaw::TooMuch));
    assert_eq!(ReportDescriptor::read(&[0; DESCRIPTOR_BYTES_MAX + 1]).flaw, Some(Flaw::TooMuch));
}

proptest! {
    #[test]
    fn fields_lie_within_their_reports_whatever_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let read = ReportDescriptor::read(&bytes);
        prop_assert!(read.fields.len() <= FIELDS_MAX);
        for field in &read.fields {
            prop_assert!(field.end() <= 8 * REPORT_BYTES_MAX as u64);
            prop_assert!(read.report_bytes(field.kind, field.report_id) <= REPORT_BYTES_MAX + 1);
            prop_assert!(field.bytes(&bytes).count() <= bytes.len());
        }
    }

    #[test]
    fn an_element_is_what_was_put_there(offset in 0_u32..40, bits in 1_u32..=32, value: u32) {
        let value = if bits == 32 { value } else { value & ((1 << bits) - 1) };
        let mut payload = [0_u8; 10];
        for bit in (0..bits).filter(|bit| value >> bit & 1 == 1) {
            payload[((offset + bit) / 8) as usize] |= 1 << ((offset + bit) % 8);
        }
        let field = Field {
            kind: ReportKind::Input, report_id: 0, usage: Usage::default(), application: Usage::default(),
            bit_offset: offset, element_bits: bits, count: 1, constant: false,
        };
        prop_assert_eq!(field.element(&payload, 0), Some(value));
    }
}
