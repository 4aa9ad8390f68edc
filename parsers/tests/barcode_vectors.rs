//! Our own vectors for what GS1's lack: restricted circulation numbers, UPC-E, add-ons, publications. They stand in
//! `barcode/vectors.tsv`, and `barcode/check_with_biip.py` holds them against the Python package biip.

use std::path::Path;
use std::process::Command;

use tillgate_parsers::barcode::{
    self, Barcode, Function, Meaning, Measure, Pattern, Restricted, Rules,
};
use tillgate_parsers::card::{LoyaltyCard, NumberCheck};

const VECTORS: &str = include_str!("barcode/vectors.tsv");

/// What a row of the table is about, in the words of its last column.
fn found(kind: &str, setting: &str, input: &str) -> String {
    match kind {
        "restricted" => {
            let rules = Rules { restricted: barcode::national(setting), ..Rules::default() };
            restricted(&barcode::read_with(&rules, Some("]E0"), input.as_bytes()))
        }
        "upc-e" => {
            let gtin = barcode::read(Some("]E0"), input.as_bytes()).gtin;
            gtin.map_or_else(|| "-".to_owned(), |gtin| gtin[2..].to_owned())
        }
        "add-on" => {
            let aim = Some(setting).filter(|aim| !aim.is_empty());
            add_on(&barcode::read(aim, input.as_bytes()))
        }
        "publication" => publication(&barcode::read(Some("]E0"), input.as_bytes())),
        "written" => barcode::gtin_14(input).unwrap_or_else(|_| "-".to_owned()),
        _ => format!("unknown kind {kind}"),
    }
}

fn restricted(barcode: &Barcode) -> String {
    if let Some(finding) = barcode.findings.first() {
        return finding.code.to_owned();
    }
    let Some(Meaning::Restricted(number)) = &barcode.meaning else { return "-".to_owned() };
    let Some((measure, value)) = &number.measure else { return "-".to_owned() };
    let measure = match measure {
        Measure::Count => "count",
        Measure::Price => "price",
        Measure::Weight => "weight",
    };
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!("{} {} {measure} {value}", shown(&number.item), shown(&number.item_gtin))
}

fn add_on(barcode: &Barcode) -> String {
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let numbers = format!("{} {}", shown(&barcode.gtin), shown(&barcode.add_on));
    let Some(Meaning::Publication(publication)) = &barcode.meaning else { return numbers };
    let price = publication.price.as_ref().map(|(currency, amount)| format!("{currency} {amount}"));
    match publication.issue.clone().or(price) {
        Some(meaning) => format!("{numbers} {meaning}"),
        None => numbers,
    }
}

fn publication(barcode: &Barcode) -> String {
    let Some(Meaning::Publication(publication)) = &barcode.meaning else { return "-".to_owned() };
    let short = publication.short_number.as_deref().unwrap_or("-");
    format!("{} {} {short}", publication.kind, publication.number)
}

#[test]
fn our_vectors_are_right() {
    let rows = VECTORS.lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut differing = Vec::new();
    for row in rows {
        let columns: Vec<&str> = row.split('\t').collect();
        let [kind, setting, input, expected] = columns[..] else { panic!("{row}") };
        let found = found(kind, setting, input);
        if found != expected {
            differing.push(format!("{row}: found {found}"));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

/// Every scheme of the table has vectors.
#[test]
fn no_national_scheme_is_forgotten() {
    for scheme in barcode::national_schemes() {
        let row = format!("restricted\t{scheme}\t");
        let vectors = VECTORS.lines().filter(|line| line.starts_with(&row)).count();
        assert!(vectors >= 2 * barcode::national(&scheme).len(), "{scheme}");
    }
}

#[test]
fn biip_agrees_where_it_speaks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/barcode/check_with_biip.py");
    let Ok(output) = Command::new("python3").arg(script).output() else {
        println!("skipped: no python3");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{complaint}");
}

#[test]
fn a_store_has_its_own_patterns() {
    let own = Pattern::new("counter", "21IIIIIMMMMMC", (Measure::Price, 2)).unwrap();
    let rules = Rules { restricted: vec![own], ..Rules::default() };
    let read = |data: &[u8]| barcode::read_with(&rules, None, data).meaning;
    let Some(Meaning::Restricted(meat)) = read(b"2112345012995") else { panic!("no number") };
    assert_eq!(meat.scheme.as_deref(), Some("counter"));
    assert_eq!(meat.measure, Some((Measure::Price, "12.99".to_owned())));
    let unknown = Restricted { scheme: None, item: None, item_gtin: None, measure: None };
    assert_eq!(read(b"2212345678907"), Some(Meaning::Restricted(unknown)));
    assert_eq!(read(b"4006381333931"), None);
}

#[test]
fn loyalty_cards_and_functions_come_before_the_standards() {
    let card = |name, prefix, check| LoyaltyCard::new(name, prefix, (13, 13), check).unwrap();
    let rules = Rules {
        loyalty: vec![card("green", "29", NumberCheck::Gs1), card("blue", "91", NumberCheck::Luhn)],
        functions: vec![Function { content: "TILL-TOTAL".to_owned(), name: "total".to_owned() }],
        ..Rules::default()
    };
    let read = |data: &[u8]| barcode::read_with(&rules, None, data);
    let loyalty = |card: &str, number: &str| {
        Some(Meaning::Loyalty { card: card.to_owned(), number: number.to_owned() })
    };
    assert_eq!(read(b"2912345678906").meaning, loyalty("green", "2912345678906"));
    let blue = read(b"9156001122333");
    assert_eq!((blue.meaning, blue.findings), (loyalty("blue", "9156001122333"), Vec::new()));
    assert_eq!(read(b"TILL-TOTAL").meaning, Some(Meaning::Function("total".to_owned())));
    assert_eq!(read(b"TILL-TOTALS").meaning, None);
    let misread = read(b"9156001122331");
    assert_eq!(misread.meaning, None);
    assert!(misread.findings.iter().any(|finding| finding.code == "loyalty-check-digit"));
}
