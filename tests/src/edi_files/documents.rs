//! One document of a generated file: its segments, and what is rolled for them.
//!
//! In: dice, a control number. Out: text from ST or UNH to SE or UNT. Never: a value that a checker would question.

use std::fmt::{self, Write};
use std::ops::Range;

/// Lines of an order.
const LINES_850: u64 = 45;
const LINES_ORDERS: u64 = 40;
/// Customers of a resale report, and what each has bought.
const CUSTOMERS: u64 = 10;
const LINES_867: u64 = 4;

const GOODS: [&str; 8] = [
    "GREEN TEA 500ML",
    "OAT BISCUITS 200G",
    "TOMATOES 400G",
    "DISH SOAP",
    "AA BATTERIES 4PK",
    "RYE BREAD",
    "ORANGE JUICE 1L",
    "PAPER TOWELS",
];
const CUSTOMER_NAMES: [&str; 4] =
    ["HARBOR CAFE", "RIVERSIDE SCHOOL", "OAK STREET DELI", "ST JOHN CLINIC"];

/// What is rolled: another number each time, the same in each file.
/// SplitMix64, since a generator of a library may roll otherwise in its next version.
#[derive(Default)]
pub(super) struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }

    fn one_of(&mut self, texts: &[&'static str]) -> &'static str {
        usize::try_from(self.roll(0..texts.len() as u64))
            .ok()
            .and_then(|place| texts.get(place))
            .copied()
            .unwrap_or_default()
    }

    /// A GTIN-12 with its check digit.
    fn upc(&mut self) -> String {
        checked(&format!("0{:010}", self.roll(3_600_000_000..3_600_900_000)))
    }

    /// A GTIN-13 with its check digit.
    fn ean(&mut self) -> String {
        checked(&format!("{}", self.roll(400_638_100_000..400_638_900_000)))
    }

    /// A global location number with its check digit.
    pub(super) fn gln(&mut self) -> String {
        checked(&format!("{}", self.roll(541_234_500_000..541_234_600_000)))
    }

    fn price(&mut self) -> Cents {
        Cents(self.roll(1_05..79_95))
    }
}

/// With the check digit of GS1: from the right, every other digit counts three times.
fn checked(digits: &str) -> String {
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[derive(Clone, Copy)]
struct Cents(u64);

impl fmt::Display for Cents {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.0 / 100)?;
        // X12 writes no point at the right end of a number.
        if self.0.is_multiple_of(100) { Ok(()) } else { write!(to, ".{:02}", self.0 % 100) }
    }
}

/// The text of a document, and its segments.
#[derive(Default)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) segments: u64,
}

impl Document {
    fn add(&mut self, terminator: char, segment: fmt::Arguments<'_>) {
        self.segments += 1;
        write!(self.text, "{segment}{terminator}").expect("a text takes everything");
    }

    pub(super) fn order_850(dice: &mut Dice, number: u64) -> Self {
        let mut set = Self::default();
        let mut add = |segment: fmt::Arguments<'_>| set.add('~', segment);
        add(format_args!("ST*850*{number:04}"));
        add(format_args!("BEG*00*SA*PO{:08}**20261121", dice.roll(1..99_999_999)));
        add(format_args!("REF*DP*038"));
        add(format_args!("DTM*010*20261128"));
        for party in ["BY", "ST"] {
            add(format_args!("N1*{party}*BIGBOX STORE*92*{:04}", dice.roll(1..9_999)));
            add(format_args!("N4*SEATTLE*WA*98101*US"));
        }
        for line in 1..=LINES_850 {
            let (quantity, price, upc) = (dice.roll(1..99), dice.price(), dice.upc());
            let vendor = dice.roll(1_000..9_999);
            add(format_args!("PO1*{line}*{quantity}*EA*{price}**UP*{upc}*VN*AB-{vendor}"));
            add(format_args!("PID*F****{}", dice.one_of(&GOODS)));
            if line % 3 == 0 {
                add(format_args!("DTM*002*202612{:02}", dice.roll(1..29)));
            }
        }
        add(format_args!("CTT*{LINES_850}"));
        set.closed_x12(number)
    }

    pub(super) fn resale_867(dice: &mut Dice, number: u64) -> Self {
        let mut set = Self::default();
        let mut add = |segment: fmt::Arguments<'_>| set.add('~', segment);
        add(format_args!("ST*867*{number:04}"));
        add(format_args!("BPT*00*R{:08}*20261121*02", dice.roll(1..99_999_999)));
        add(format_args!("DTM*090*20261101"));
        add(format_args!("DTM*091*20261121"));
        add(format_args!("N1*DS*BIGBOX*91*0042"));
        let mut units = 0;
        for line in 0..CUSTOMERS * LINES_867 {
            if line % LINES_867 == 0 {
                add(format_args!("PTD*SS***IV*{:08}", dice.roll(1..99_999_999)));
                add(format_args!("DTM*003*202611{:02}", dice.roll(1..21)));
                add(format_args!(
                    "N1*ST*{}*91*{:06}",
                    dice.one_of(&CUSTOMER_NAMES),
                    dice.roll(1..999_999)
                ));
                add(format_args!("N4*SEATTLE*WA*98101*US"));
            }
            let (quantity, price) = (dice.roll(1..99), dice.price());
            units += quantity;
            add(format_args!("QTY*32*{quantity}*EA"));
            add(format_args!(
                "LIN*{}*UP*{}*VN*AB-{}",
                line + 1,
                dice.upc(),
                dice.roll(1_000..9_999)
            ));
            add(format_args!("UIT*EA*{price}"));
            add(format_args!("AMT*1*{}", Cents(price.0 * quantity)));
        }
        add(format_args!("CTT*{}*{units}", CUSTOMERS * LINES_867));
        set.closed_x12(number)
    }

    fn closed_x12(mut self, number: u64) -> Self {
        let segments = self.segments + 1;
        self.add('~', format_args!("SE*{segments}*{number:04}"));
        self
    }

    pub(super) fn orders(dice: &mut Dice, number: u64) -> Self {
        let mut message = Self::default();
        let mut add = |segment: fmt::Arguments<'_>| message.add('\'', segment);
        add(format_args!("UNH+{number}+ORDERS:D:96A:UN:EAN008"));
        add(format_args!("BGM+220+PO{:08}+9", dice.roll(1..99_999_999)));
        add(format_args!("DTM+137:20261121:102"));
        for party in ["BY", "SU"] {
            add(format_args!("NAD+{party}+{}::9", dice.gln()));
        }
        add(format_args!("NAD+DP+{}::9++O?'BRIEN STORES+DOCK 4+DUBLIN++D04+IE", dice.gln()));
        add(format_args!("CUX+2:EUR:9"));
        for line in 1..=LINES_ORDERS {
            add(format_args!("LIN+{line}++{}:EN", dice.ean()));
            add(format_args!("IMD+F++:::{}", dice.one_of(&GOODS)));
            add(format_args!("QTY+21:{}:PCE", dice.roll(1..999)));
            add(format_args!("PRI+AAA:{}:CA", dice.price()));
        }
        add(format_args!("UNS+S"));
        add(format_args!("CNT+2:{LINES_ORDERS}"));
        let segments = message.segments + 1;
        message.add('\'', format_args!("UNT+{segments}+{number}"));
        message
    }
}
