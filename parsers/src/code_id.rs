//! Makers' own code identifiers: a letter or three in front of the data that say the symbology.
//!
//! In: a frame, and which maker's table the scanner is set to. Out: the AIM symbology identifier that says the same,
//! and the data. Never: a guess of the table: the same letter means something else at each maker.
//!
//! Tables as delivered: Zebra SP72 reference guide, "Symbol Code Identifiers"; Honeywell 3820 and Xenon user guides,
//! appendix A; Datalogic PowerScan D8330 manual, "Code Identifier Table". Scanners can be set to other letters.

/// Whose table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Maker {
    /// Datalogic, its standard table.
    Datalogic,
    /// Honeywell, formerly Metrologic and Hand Held Products.
    Honeywell,
    /// Zebra, formerly Symbol and Motorola.
    Zebra,
}

/// An identifier and what it means. `]E` stands for the whole EAN/UPC family.
type Row = (&'static [u8], &'static str);

const EAN_UPC: &str = "]E";

const DATALOGIC: &[Row] = &[
    (b"A", EAN_UPC),
    (b"B", EAN_UPC),
    (b"C", EAN_UPC),
    (b"D", EAN_UPC),
    (b"F", EAN_UPC),
    (b"G", EAN_UPC),
    (b"H", EAN_UPC),
    (b"I", EAN_UPC),
    (b"J", EAN_UPC),
    (b"K", EAN_UPC),
    (b"L", EAN_UPC),
    (b"M", EAN_UPC),
    (b"N", "]I0"),
    (b"O", "]S0"),
    (b"P", "]X0"),
    (b"Q", "]X0"),
    (b"R", "]F0"),
    (b"S", "]X0"),
    (b"T", "]C0"),
    (b"U", "]G0"),
    (b"V", "]A0"),
    (b"W", "]A4"),
    (b"X", "]X0"),
    (b"Y", "]X0"),
    (b"Z", "]M0"),
    (b"b", "]H0"),
    (b"e", "]X0"),
    (b"f", "]C4"),
    (b"k", "]C1"),
    (b"p", "]K0"),
    (b"q", "]T0"),
    (b"t", "]e0"),
    (b"u", "]e0"),
    (b"v", "]e0"),
];

/// DataBar and composites share a letter, and so do Code 128 and ISBT 128.
const HONEYWELL: &[Row] = &[
    (b"c", EAN_UPC),
    (b"d", EAN_UPC),
    (b"D", EAN_UPC),
    (b"E", EAN_UPC),
    (b"<", "]X0"),
    (b"H", "]h0"),
    (b"I", "]C1"),
    (b"R", "]L0"),
    (b"a", "]F0"),
    (b"b", "]A0"),
    (b"e", "]I0"),
    (b"f", "]S0"),
    (b"g", "]M0"),
    (b"h", "]H0"),
    (b"i", "]G0"),
    (b"j", "]C0"),
    (b"l", "]T0"),
    (b"n", "]P0"),
    (b"r", "]L0"),
    (b"s", "]Q1"),
    (b"t", "]B0"),
    (b"w", "]d1"),
    (b"x", "]U0"),
    (b"y", "]e0"),
    (b"z", "]z0"),
    (b"{", "]e0"),
    (b"}", "]e0"),
];

/// `P` and two more characters stand for what came after the alphabet was used up.
const ZEBRA: &[Row] = &[
    (b"P00", "]d1"),
    (b"P01", "]Q1"),
    (b"P02", "]U0"),
    (b"P0G", "]d2"),
    (b"P0H", "]h0"),
    (b"P0Q", "]Q3"),
    (b"A", EAN_UPC),
    (b"B", "]A0"),
    (b"C", "]F0"),
    (b"D", "]C0"),
    (b"E", "]G0"),
    (b"F", "]I0"),
    (b"G", "]S0"),
    (b"H", "]H0"),
    (b"J", "]M0"),
    (b"K", "]C1"),
    (b"L", "]X0"),
    (b"M", "]X0"),
    (b"N", "]X0"),
    (b"R", "]e0"),
    (b"S", "]X0"),
    (b"T", "]e0"),
    (b"U", "]X0"),
    (b"X", "]L0"),
    (b"z", "]z0"),
];

impl Maker {
    /// Splits the identifier off: its AIM equivalent and the data. `None` for a frame that begins with none.
    #[must_use]
    pub fn split(self, frame: &[u8]) -> Option<(&'static str, &[u8])> {
        let table = match self {
            Self::Datalogic => DATALOGIC,
            Self::Honeywell => HONEYWELL,
            Self::Zebra => ZEBRA,
        };
        let found = |(identifier, aim): &Row| Some((*aim, frame.strip_prefix(*identifier)?));
        let (aim, data) = table.iter().find_map(found)?;
        Some((if aim == EAN_UPC { ean_upc(data) } else { aim }, data))
    }
}

/// GTIN-8, -12 and -13 alone, else with an add-on beside them. AIM has an identifier of its own for EAN-8, but these
/// eight digits may be a UPC-E as well.
fn ean_upc(data: &[u8]) -> &'static str {
    if matches!(data.len(), 8 | 12 | 13) { "]E0" } else { "]E3" }
}

/// Scan data without the one line end or Tab that a scanner is set to add. An interface that frames codes itself needs
/// none, and to a code it would be a character too many.
#[must_use]
pub fn without_suffix(data: &[u8]) -> &[u8] {
    match data {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\r' | b'\n' | b'\t'] => content,
        content => content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barcode;

    #[test]
    fn makers_call_the_same_barcode_by_other_names() {
        let cases: &[(Maker, &[u8], &str)] = &[
            (Maker::Datalogic, b"B4006381333931", "ean-13"),
            (Maker::Datalogic, b"L400638133393112", "ean-13"),
            (Maker::Datalogic, b"k0104006381333931", "gs1-128"),
            (Maker::Honeywell, b"d4006381333931", "ean-13"),
            (Maker::Honeywell, b"D96385074", "ean-8"),
            (Maker::Honeywell, b"c036000291452", "upc-a"),
            (Maker::Honeywell, b"E04252614", "upc-e"),
            (Maker::Honeywell, b"I0104006381333931", "gs1-128"),
            (Maker::Honeywell, b"splain text", "qr"),
            (Maker::Zebra, b"A4006381333931", "ean-13"),
            (Maker::Zebra, b"P0G0104006381333931", "gs1-datamatrix"),
            (Maker::Zebra, b"P01text", "qr"),
            (Maker::Zebra, b"K0104006381333931", "gs1-128"),
        ];
        for (maker, frame, symbology) in cases {
            let (aim, data) = maker.split(frame).unwrap();
            let read = barcode::read(Some(aim), data);
            assert_eq!(read.symbology, Some(*symbology), "{maker:?} {}", frame.escape_ascii());
            assert_eq!(read.findings, [], "{maker:?} {}", frame.escape_ascii());
        }
    }

    #[test]
    fn what_begins_with_no_identifier_is_left_alone() {
        for maker in [Maker::Datalogic, Maker::Honeywell, Maker::Zebra] {
            assert_eq!(maker.split(b"4006381333931"), None);
            assert_eq!(maker.split(b""), None);
        }
        assert_eq!(Maker::Zebra.split(b"P9"), None);
    }

    #[test]
    fn no_identifier_stands_twice_in_a_table_or_hides_another() {
        for table in [DATALOGIC, HONEYWELL, ZEBRA] {
            for (index, (identifier, _)) in table.iter().enumerate() {
                let hidden =
                    table[..index].iter().any(|(before, _)| identifier.starts_with(before));
                assert!(!hidden, "{}", identifier.escape_ascii());
            }
        }
    }

    #[test]
    fn one_suffix_comes_off() {
        for (data, content) in [
            (&b"96385074\r"[..], &b"96385074"[..]),
            (b"96385074\n", b"96385074"),
            (b"96385074\r\n", b"96385074"),
            (b"96385074\t", b"96385074"),
            (b"96385074\t\r", b"96385074\t"),
            (b"96385074\n\r", b"96385074\n"),
            (b"96385074", b"96385074"),
            (b"\r96385074", b"\r96385074"),
            (b"", b""),
        ] {
            assert_eq!(without_suffix(data), content, "{data:?}");
        }
    }
}
