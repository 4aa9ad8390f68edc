//! Data elements: type and length, by their number in the standard's directory.

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any characters.
    Text,
    /// A code. Its list is carried only where the gateway acts on it.
    Code(&'static [&'static str]),
    /// A whole number with so many implied decimals.
    Whole(u8),
    /// A decimal number.
    Decimal,
    /// A date.
    Date,
    /// A time of day.
    Time,
}

/// A data element.
#[derive(Debug)]
pub struct Element {
    /// Its number in the directory.
    pub number: u16,
    /// Its type.
    pub kind: Kind,
    /// Shortest and longest value.
    pub length: (usize, usize),
    /// Longest value from 005010, where that is longer.
    pub longest_later: usize,
}

/// Whether an element must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Mandatory,
    /// It may, or a syntax note decides.
    Optional,
}

/// What stands at a position of a segment.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// One value.
    Simple(&'static Element),
    /// A composite of several.
    Composite(&'static [ElementUse]),
}

/// One position of a segment or composite.
#[derive(Debug, Clone, Copy)]
pub struct ElementUse {
    /// Whether it must be there.
    pub need: Need,
    /// What it is.
    pub content: Content,
}

/// A mandatory element.
pub(super) const fn m(element: &'static Element) -> ElementUse {
    ElementUse { need: Need::Mandatory, content: Content::Simple(element) }
}

/// An optional element, or one that a syntax note may ask for.
pub(super) const fn o(element: &'static Element) -> ElementUse {
    ElementUse { need: Need::Optional, content: Content::Simple(element) }
}

macro_rules! elements {
    ($(
        $name:ident = $number:literal $kind:expr, $shortest:literal..=$longest:literal
        $(, later $later:literal)?;
    )*) => {
        $(
            #[doc = concat!("Data element ", stringify!($number), ".")]
            pub(super) static $name: Element = Element {
                number: $number,
                kind: $kind,
                length: ($shortest, $longest),
                longest_later: {
                    let longest = $longest;
                    $(let longest = if $later > longest { $later } else { longest };)?
                    longest
                },
            };
        )*
    };
}

const ID: Kind = Kind::Code(&[]);
const AN: Kind = Kind::Text;
const N0: Kind = Kind::Whole(0);
const N2: Kind = Kind::Whole(2);
const R: Kind = Kind::Decimal;

elements! {
    E2 = 2 N0, 1..=6;
    E19 = 19 AN, 2..=30;
    E26 = 26 ID, 2..=3;
    E28 = 28 N0, 1..=9;
    E54 = 54 ID, 2..=2;
    E61 = 61 AN, 1..=30;
    E65 = 65 R, 1..=8;
    E66 = 66 ID, 1..=2;
    E67 = 67 AN, 2..=80;
    E76 = 76 AN, 1..=22;
    E81 = 81 R, 1..=10;
    E82 = 82 R, 1..=8;
    E87 = 87 AN, 1..=48;
    E88 = 88 ID, 1..=2;
    E91 = 91 ID, 1..=2;
    E92 = 92 ID, 2..=2;
    E93 = 93 AN, 1..=60;
    E96 = 96 N0, 1..=10;
    E97 = 97 N0, 1..=6;
    E98 = 98 ID, 2..=3;
    E100 = 100 ID, 3..=3;
    E103 = 103 AN, 3..=25;
    E107 = 107 ID, 1..=2;
    E116 = 116 ID, 3..=15;
    E118 = 118 R, 1..=9;
    E123 = 123 N0, 1..=6;
    E127 = 127 AN, 1..=30, later 50;
    E128 = 128 ID, 2..=3;
    E133 = 133 ID, 1..=2;
    E140 = 140 ID, 2..=4;
    E143 = 143 ID, 3..=3;
    E146 = 146 ID, 2..=2;
    E156 = 156 ID, 2..=2;
    E166 = 166 AN, 1..=55;
    E183 = 183 R, 1..=8;
    E187 = 187 ID, 1..=2;
    E189 = 189 R, 1..=8;
    E206 = 206 AN, 1..=4;
    E207 = 207 AN, 1..=10, later 15;
    E212 = 212 R, 1..=17;
    E234 = 234 AN, 1..=48, later 80;
    E235 = 235 ID, 2..=2;
    E236 = 236 ID, 3..=3;
    E248 = 248 Kind::Code(&["A", "C", "N", "P", "Q", "R", "S"]), 1..=1;
    E280 = 280 R, 4..=10;
    E284 = 284 ID, 2..=2;
    E289 = 289 N0, 1..=2;
    E306 = 306 ID, 1..=2;
    E309 = 309 ID, 1..=2;
    E310 = 310 AN, 1..=30;
    E324 = 324 AN, 1..=22;
    E325 = 325 AN, 1..=20;
    E327 = 327 AN, 1..=8;
    E328 = 328 AN, 1..=30;
    E329 = 329 AN, 4..=9;
    E330 = 330 R, 1..=15;
    E331 = 331 ID, 2..=2;
    E332 = 332 R, 1..=6;
    E333 = 333 ID, 1..=2;
    E334 = 334 ID, 2..=2;
    E335 = 335 ID, 3..=3;
    E336 = 336 ID, 2..=2;
    E337 = 337 Kind::Time, 4..=8;
    E338 = 338 R, 1..=6;
    E342 = 342 R, 1..=5;
    E347 = 347 R, 1..=10;
    E349 = 349 Kind::Code(&["F", "S", "X"]), 1..=1;
    E350 = 350 AN, 1..=20;
    E351 = 351 N0, 1..=3;
    E352 = 352 AN, 1..=80;
    E353 = 353 ID, 2..=2;
    E354 = 354 N0, 1..=6;
    E355 = 355 ID, 2..=2;
    E356 = 356 N0, 1..=6;
    E357 = 357 R, 1..=8;
    E358 = 358 R, 1..=10, later 15;
    E362 = 362 N2, 1..=10;
    E363 = 363 ID, 3..=3;
    E364 = 364 AN, 1..=80, later 256;
    E365 = 365 ID, 2..=2;
    E366 = 366 ID, 2..=2;
    E367 = 367 AN, 1..=30;
    E368 = 368 ID, 2..=2;
    E369 = 369 AN, 1..=45;
    E370 = 370 Kind::Date, 8..=8;
    E373 = 373 Kind::Date, 8..=8;
    E374 = 374 ID, 3..=3;
    E378 = 378 ID, 1..=1;
    E380 = 380 R, 1..=15;
    E382 = 382 R, 1..=10;
    E384 = 384 R, 1..=9;
    E385 = 385 R, 1..=9;
    E386 = 386 N0, 1..=3;
    E387 = 387 AN, 1..=35;
    E388 = 388 Kind::Date, 8..=8;
    E389 = 389 N2, 1..=10;
    E441 = 441 ID, 1..=1;
    E443 = 443 AN, 1..=20;
    E446 = 446 Kind::Date, 8..=8;
    E447 = 447 AN, 1..=4, later 6;
    E478 = 478 ID, 1..=1;
    E479 = 479 ID, 2..=2;
    E480 = 480 AN, 1..=12;
    E499 = 499 AN, 1..=10;
    E522 = 522 ID, 1..=3;
    E559 = 559 ID, 2..=2;
    E587 = 587 ID, 2..=2;
    E610 = 610 N2, 1..=15;
    E623 = 623 ID, 2..=2;
    E639 = 639 ID, 2..=2;
    E640 = 640 ID, 2..=2;
    E648 = 648 ID, 3..=3;
    E649 = 649 R, 1..=10;
    E662 = 662 ID, 1..=1;
    E668 = 668 ID, 2..=2;
    E669 = 669 ID, 3..=3;
    E673 = 673 ID, 2..=2;
    E687 = 687 ID, 2..=2;
    E706 = 706 ID, 2..=2;
    E715 = 715 Kind::Code(&["A", "E", "M", "P", "R", "W", "X"]), 1..=1;
    E716 = 716 ID, 1..=3;
    E717 = 717 Kind::Code(&["A", "E", "M", "R", "W", "X"]), 1..=1;
    E718 = 718 ID, 1..=3;
    E719 = 719 N0, 1..=6, later 10;
    E720 = 720 ID, 1..=3;
    E721 = 721 ID, 2..=3;
    E722 = 722 N0, 1..=2;
    E723 = 723 ID, 1..=3;
    E724 = 724 AN, 1..=99;
    E725 = 725 N0, 1..=4;
    E731 = 731 ID, 1..=2;
    E732 = 732 ID, 2..=2;
    E733 = 733 R, 1..=4;
    E750 = 750 ID, 2..=3;
    E751 = 751 AN, 1..=12;
    E752 = 752 ID, 2..=2;
    E765 = 765 N0, 1..=2;
    E770 = 770 AN, 1..=20;
    E782 = 782 R, 1..=18;
    E786 = 786 ID, 2..=2;
    E810 = 810 N0, 1..=6;
    E819 = 819 ID, 2..=3;
    E822 = 822 AN, 1..=15;
    E828 = 828 R, 1..=9;
    E933 = 933 AN, 1..=264;
    E934 = 934 ID, 2..=2;
    E954 = 954 R, 1..=10;
    E955 = 955 ID, 2..=2;
    E956 = 956 AN, 1..=10;
    E963 = 963 ID, 2..=2;
    E1019 = 1019 ID, 3..=3;
    E1073 = 1073 ID, 1..=1;
    E1166 = 1166 ID, 2..=2;
    E1250 = 1250 ID, 2..=3;
    E1251 = 1251 AN, 1..=35;
    E1300 = 1300 ID, 4..=4;
    E1301 = 1301 AN, 1..=10;
    E1470 = 1470 N0, 1..=9;
    E1528 = 1528 N0, 1..=2;
    E1551 = 1551 AN, 1..=4096;
    E1686 = 1686 N0, 1..=4;
    E1705 = 1705 AN, 1..=35;
}

/// C001, composite unit of measure.
pub(super) static C001: [ElementUse; 15] = [
    m(&E355),
    o(&E1018),
    o(&E649),
    o(&E355),
    o(&E1018),
    o(&E649),
    o(&E355),
    o(&E1018),
    o(&E649),
    o(&E355),
    o(&E1018),
    o(&E649),
    o(&E355),
    o(&E1018),
    o(&E649),
];
elements! { E1018 = 1018 R, 1..=15; }

/// C030, position in a segment.
pub(super) static C030: [ElementUse; 3] = [m(&E722), o(&E1528), o(&E1686)];

/// C040, reference identifier.
pub(super) static C040: [ElementUse; 6] =
    [m(&E128), m(&E127), o(&E128), o(&E127), o(&E128), o(&E127)];

/// An optional composite.
pub(super) const fn composite(parts: &'static [ElementUse]) -> ElementUse {
    ElementUse { need: Need::Optional, content: Content::Composite(parts) }
}

/// A mandatory composite.
pub(super) const fn mandatory_composite(parts: &'static [ElementUse]) -> ElementUse {
    ElementUse { need: Need::Mandatory, content: Content::Composite(parts) }
}
