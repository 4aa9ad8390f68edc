//! The sets of a group, without their envelopes: as much of each as its table asks for, and some of what it allows.

use tillgate_parsers::edi::Standard;

use super::Choices;
use super::dialect::Dialect;
use super::faults::Fault;

/// Longer than every element that [`Body`] makes too long.
const TOO_LONG: &str =
    "ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJABC";

/// What stands between header and trailer of a set.
pub(super) struct Body {
    /// ST01, S009 of UNH, MHD TYPE.
    pub(super) kind: String,
    pub(super) segments: Vec<Vec<u8>>,
    pub(super) is_wrong: bool,
}

/// The bodies of one group.
pub(super) struct Bodies {
    /// GS01, UNG 0038.
    pub(super) kind: &'static str,
    /// GS08, UNG S008.
    pub(super) release: &'static str,
    pub(super) sets: Vec<Body>,
}

impl Bodies {
    /// `fault` is what is wrong in one of them.
    pub(super) fn new(choices: &mut Choices<'_>, dialect: &Dialect, fault: Fault) -> Self {
        let count = 1 + choices.below(3);
        let wrong = if fault.is_of_set() { Some(choices.below(count)) } else { None };
        let fault_of = |at: usize| if wrong == Some(at) { fault } else { Fault::None };
        match dialect.standard {
            Standard::X12 => {
                let kind = choices.one_of(&["PO", "IN", "TX", "FA"]);
                let release = choices.one_of(&["004010", "005010"]);
                let mut set = |at| Body::of_x12(choices, dialect, kind, fault_of(at));
                Self { kind, release, sets: (0..count).map(&mut set).collect() }
            }
            Standard::Edifact => {
                let release = choices.one_of(&["96A", "01B"]);
                let mut set = |at| Body::of_edifact(choices, dialect, release, fault_of(at));
                Self { kind: "ORDERS", release, sets: (0..count).map(&mut set).collect() }
            }
            Standard::Tradacoms => {
                let orders =
                    (0..count).map(|at| Body::of_tradacoms(choices, dialect, fault_of(at)));
                let orders: Vec<Body> = orders.collect();
                let (header, trailer) = Body::around_tradacoms(dialect, orders.len());
                let sets = [header].into_iter().chain(orders).chain([trailer]).collect();
                Self { kind: "", release: "", sets }
            }
        }
    }
}

impl Body {
    fn of_x12(choices: &mut Choices<'_>, dialect: &Dialect, group: &str, fault: Fault) -> Self {
        let long = fault == Fault::ElementTooLong;
        let text = |choices: &mut Choices<'_>, longest| {
            String::from_utf8(dialect.text(choices, longest)).expect("ASCII")
        };
        let number = |choices: &mut Choices<'_>| 1 + choices.below(200);
        let mut lines = Vec::new();
        let own = if long { TOO_LONG.to_owned() } else { text(choices, 22) };
        let kind = match group {
            "PO" => {
                lines.push(format!("BEG+00+SA+{own}++20261121"));
                (0..choices.below(3))
                    .for_each(|_| lines.push(format!("REF+ZZ+{}", text(choices, 30))));
                lines.push(format!("N1+BY+{}", text(choices, 60)));
                let items = 1 + choices.below(3);
                for item in 1..=items {
                    let (quantity, price) = (number(choices), number(choices));
                    lines.push(format!("PO1+{item}+{quantity}+EA+{price}.5++UP+012345678905"));
                }
                lines.push(format!("CTT+{items}"));
                "850"
            }
            "IN" => {
                lines.push(format!("BIG+20261121+{own}"));
                let items = 1 + choices.below(3);
                for item in 1..=items {
                    lines.push(format!("IT1+{item}+{}+EA+2.5++UP+012345678905", number(choices)));
                }
                lines.push(format!("TDS+{}", number(choices)));
                lines.push(format!("CTT+{items}"));
                "810"
            }
            "TX" => {
                lines.push(format!("BMG+00+{own}"));
                lines.push(format!("MIT+{}", text(choices, 22)));
                (0..=choices.below(3))
                    .for_each(|_| lines.push(format!("MSG+{}", text(choices, 80))));
                "864"
            }
            _ => {
                let number =
                    if long { "12345678901".to_owned() } else { number(choices).to_string() };
                lines.push(format!("AK1+PO+{number}"));
                lines.push("AK9+A+1+1+1".to_owned());
                "997"
            }
        };
        let segments = lines.iter().map(|line| dialect.written(line)).collect();
        Self::new(kind.to_owned(), segments, fault)
    }

    fn of_edifact(
        choices: &mut Choices<'_>,
        dialect: &Dialect,
        release: &str,
        fault: Fault,
    ) -> Self {
        let own = if fault == Fault::ElementTooLong {
            TOO_LONG.as_bytes().to_vec()
        } else {
            dialect.text(choices, 35)
        };
        let mut segments = vec![
            dialect.segment("BGM", &[b"220".to_vec(), own, b"9".to_vec()]),
            dialect.written("DTM+137:20261121:102"),
        ];
        for _ in 0..choices.below(3) {
            let text = dialect.text(choices, 70);
            segments.push(dialect.segment("FTX", &[b"AAI".to_vec(), vec![], vec![], text]));
        }
        segments.push(dialect.written("NAD+BY+5412345000176::9"));
        let lines = 1 + choices.below(3);
        for line in 1..=lines {
            segments.push(dialect.written(&format!("LIN+{line}++4000862141404:EN")));
            segments.push(dialect.written(&format!("QTY+21:{}", 1 + choices.below(200))));
        }
        segments.push(dialect.written("UNS+S"));
        if choices.below(2) == 1 {
            segments.push(dialect.written(&format!("CNT+2:{lines}")));
        }
        Self::new(format!("ORDERS:D:{release}:UN"), segments, fault)
    }

    fn of_tradacoms(choices: &mut Choices<'_>, dialect: &Dialect, fault: Fault) -> Self {
        let own = if fault == Fault::ElementTooLong {
            TOO_LONG.as_bytes().to_vec()
        } else {
            dialect.text(choices, 17)
        };
        let mut segments = vec![
            dialect.written("CLO+5000000000283:89828"),
            dialect.segment("ORD", &[[&own, &b"::261121"[..]].concat()]),
        ];
        if choices.below(2) == 1 {
            segments.push(dialect.written("DIN+261127++0000"));
        }
        let lines = 1 + choices.below(3);
        for line in 1..=lines {
            let quantity = 1 + choices.below(200);
            let name = dialect.text(choices, 40);
            let elements = [line.to_string(), "5010210000000".to_owned(), String::new()];
            let mut elements: Vec<Vec<u8>> = elements.map(String::into_bytes).into();
            elements.extend(
                [b":00893592", &b"12"[..], quantity.to_string().as_bytes()].map(<[u8]>::to_vec),
            );
            elements.extend([&b""[..], b"", b"", &name].map(<[u8]>::to_vec));
            segments.push(dialect.segment("OLD", &elements));
        }
        segments.push(dialect.written(&format!("OTR+{lines}")));
        Self::new("ORDERS:9".to_owned(), segments, fault)
    }

    /// The messages before and after the orders of a file.
    fn around_tradacoms(dialect: &Dialect, orders: usize) -> (Self, Self) {
        let header =
            ["TYP+0430+NEW-ORDERS", "SDT+5010000000000", "CDT+5000000000000", "FIL+1630+1+261121"];
        let header = header.iter().map(|line| dialect.written(line)).collect();
        let trailer = vec![dialect.written(&format!("OFT+{orders}"))];
        (
            Self::new("ORDHDR:9".to_owned(), header, Fault::None),
            Self::new("ORDTLR:9".to_owned(), trailer, Fault::None),
        )
    }

    fn new(kind: String, mut segments: Vec<Vec<u8>>, fault: Fault) -> Self {
        if fault == Fault::SegmentMissing {
            segments.remove(0);
        }
        Self { kind, segments, is_wrong: fault != Fault::None }
    }
}
