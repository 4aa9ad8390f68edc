//! `tillgate decode barcode`: symbology, number, elements and meaning of a barcode, as a table or as JSON.
//!
//! In: what a scanner sent, or a barcode as people write it. Out: what it says, or what is wrong with it. Never: a
//! card number, or a control character on the terminal.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tillgate_parsers::barcode::{
    self, Barcode, Coupon, Meaning, Measure, Publication, Restricted, Rules,
};
use tillgate_parsers::finding::{Finding, Severity};

use super::Output;
use crate::cli::exit;
use crate::config::Config;

/// More than any barcode holds: the rest of stdin is left alone, and the length is told.
const MAX_INPUT_BYTES: u64 = 1 << 20;
/// Width of the left column.
const LABEL_CHARS: usize = 10;

/// Shows the symbology, GTIN and GS1 elements of a barcode, or what is wrong with it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate decode barcode 4006381333931
  tillgate decode barcode --aim ']E0' 4006381333931
  tillgate decode barcode ']C1010400638133393110A1{GS}17291231'
  tillgate decode barcode '(01)04006381333931(10)A1(17)291231'
  tillgate decode barcode 'https://id.gs1.org/01/09520123456788/10/A1?17=291231'
  tillgate decode barcode --scheme se 2099999901250
  cat /dev/ttyACM0 | head -n 1 | tillgate decode barcode -

Exit codes: 0 fine, 2 the barcode has errors.")]
pub(super) struct BarcodeArgs {
    /// What the scanner sent. FNC1 is written {GS}, <GS> or \x1D, or ^ in data that begins with ^; GS1 elements may
    /// stand in brackets. - for stdin, whose last line end is left out
    data: String,
    /// AIM symbology identifier, where DATA does not begin with it
    #[arg(long, value_name = "IDENTIFIER", value_parser = symbology_identifier)]
    aim: Option<String>,
    /// National scheme of labels with price or weight, such as de, gb, se or us
    #[arg(long, value_name = "NAME", value_parser = national_scheme)]
    scheme: Vec<String>,
    /// The configuration, for the store's own labels, loyalty cards and function codes
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn symbology_identifier(text: &str) -> Result<String, String> {
    match text.as_bytes() {
        [b']', code, modifier]
            if code.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected `]`, a letter and a digit, such as ]C1 or ]E0".to_owned()),
    }
}

fn national_scheme(text: &str) -> Result<String, String> {
    let known = barcode::national_schemes();
    match known.iter().any(|scheme| scheme == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected one of {}", known.join(", "))),
    }
}

pub(super) fn decode(
    args: &BarcodeArgs,
    config: Option<&Config>,
    input: &mut dyn Read,
    output: &mut Output<'_>,
) -> io::Result<u8> {
    let data = match args.data.as_str() {
        "-" => from(input)?,
        data => data.to_owned(),
    };
    let mut rules = config.map(Config::barcode_rules).unwrap_or_default();
    rules.restricted.extend(args.scheme.iter().flat_map(|scheme| barcode::national(scheme)));
    let barcode = read(args.aim.as_deref(), &data, &rules);
    if args.json {
        writeln!(output.data, "{}", as_json(&barcode))?;
    } else {
        write(&barcode, output)?;
    }
    let wrong = barcode.findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { exit::INPUT } else { exit::FINE })
}

/// All of stdin, less the line end that a shell or a scanner puts behind it.
fn from(input: &mut dyn Read) -> io::Result<String> {
    let mut data = Vec::new();
    input.take(MAX_INPUT_BYTES).read_to_end(&mut data)?;
    let mut text = String::from_utf8_lossy(&data).into_owned();
    for end in ['\n', '\r'] {
        text.truncate(text.strip_suffix(end).unwrap_or(&text).len());
    }
    Ok(text)
}

fn read(aim: Option<&str>, text: &str, rules: &Rules) -> Barcode {
    match (barcode::written(text), aim) {
        // Brackets and ^ are only written for GS1 data: it is read as under GS1-128, which nobody stated.
        (Ok((implied @ Some(_), data)), None) => {
            Barcode { symbology: None, ..barcode::read_with(rules, implied, &data) }
        }
        (Ok((_, data)), None) => {
            let mut barcode = barcode::read_with(rules, None, &data);
            barcode.findings.extend(barcode::advice(rules, &data));
            barcode
        }
        (Ok((_, data)), Some(_)) => barcode::read_with(rules, aim, &data),
        (Err(finding), None) => {
            let Barcode { data, .. } = barcode::read_with(rules, Some("]C1"), text.as_bytes());
            Barcode { data, findings: vec![finding], ..Barcode::default() }
        }
        // Whoever names a symbology may mean plain data with a bracket in front.
        (Err(_), Some(_)) => barcode::read_with(rules, aim, text.as_bytes()),
    }
}

fn write(barcode: &Barcode, output: &mut Output<'_>) -> io::Result<()> {
    let mut line = |label: &str, value: &str| {
        writeln!(output.data, "{label:<LABEL_CHARS$} {}", printable(value))
    };
    line("symbology", barcode.symbology.unwrap_or("not stated"))?;
    line("data", &barcode.data)?;
    for (label, value) in [("gtin", &barcode.gtin), ("add-on", &barcode.add_on)] {
        value.iter().try_for_each(|value| line(label, value))?;
    }
    for (label, value) in barcode.meaning.iter().flat_map(meaning) {
        line(label, &value)?;
    }
    let width = barcode.elements.iter().map(|(_, value)| printable(value).chars().count()).max();
    for (identifier, value) in &barcode.elements {
        let value = printable(value);
        let title =
            [Some(barcode::title(identifier).to_owned()), barcode::explained(identifier, &value)];
        let said: Vec<String> =
            title.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        let width = width.unwrap_or_default();
        let text = format!("{value:<width$}  {}", said.join(": "));
        line(&format!("({identifier})"), text.trim_end())?;
    }
    barcode.findings.iter().try_for_each(|finding| write_finding(finding, output))
}

/// What a barcode is besides a number, line by line.
fn meaning(meaning: &Meaning) -> Vec<(&'static str, String)> {
    match meaning {
        Meaning::Coupon(coupon) => of_coupon(coupon),
        Meaning::Function(name) => vec![("function", name.clone())],
        Meaning::Loyalty { card, number } => vec![("loyalty", format!("{number} ({card})"))],
        Meaning::Publication(publication) => of_publication(publication),
        Meaning::Restricted(restricted) => of_restricted(restricted),
    }
}

fn of_coupon(coupon: &Coupon) -> Vec<(&'static str, String)> {
    let fields = [
        ("company", &coupon.company),
        ("offer", &coupon.offer),
        ("saves", &coupon.save_value),
        ("starts", &coupon.starts),
        ("expires", &coupon.expires),
        ("serial", &coupon.serial),
        ("retailer", &coupon.retailer),
    ];
    let said = fields.into_iter().filter_map(|(label, value)| Some((label, value.clone()?)));
    [("coupon", coupon.form.to_owned())].into_iter().chain(said).collect()
}

fn of_publication(publication: &Publication) -> Vec<(&'static str, String)> {
    let number = match &publication.short_number {
        Some(short) => format!("{}, until 2007 {short}", publication.number),
        None => publication.number.clone(),
    };
    let price = publication.price.as_ref().map(|(currency, amount)| format!("{currency} {amount}"));
    let said = [("issue", publication.issue.clone()), ("price", price)];
    let said = said.into_iter().filter_map(|(label, value)| Some((label, value?)));
    [(publication.kind, number)].into_iter().chain(said).collect()
}

fn of_restricted(restricted: &Restricted) -> Vec<(&'static str, String)> {
    let Some(scheme) = &restricted.scheme else {
        let message = "of a store or country: no scheme says what it means; try --scheme";
        return vec![("restricted", message.to_owned())];
    };
    let mut lines = vec![("restricted", format!("scheme {scheme}"))];
    lines.extend(restricted.item.clone().map(|item| ("item", item)));
    lines.extend(restricted.item_gtin.clone().map(|gtin| ("catalog", gtin)));
    lines.extend(restricted.measure.as_ref().map(|(measure, value)| match measure {
        Measure::Count => ("count", value.clone()),
        Measure::Price => ("price", value.clone()),
        Measure::Weight => ("weight", format!("{value} kg")),
    }));
    lines
}

fn write_finding(finding: &Finding, output: &mut Output<'_>) -> io::Result<()> {
    let severity = match finding.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    write!(output.words, "{severity} {}: {}", finding.code, finding.message)?;
    if let Some(expected) = &finding.expected {
        write!(output.words, "; expected {expected}")?;
    }
    if let Some(found) = &finding.found {
        write!(output.words, "; found {found}")?;
    }
    writeln!(output.words)
}

/// A barcode may hold anything: nothing of it reaches the terminal as a control character.
fn printable(text: &str) -> String {
    text.replace('\u{1d}', "{GS}")
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn as_json(barcode: &Barcode) -> Value {
    json!({
        "symbology": barcode.symbology,
        "data": barcode.data,
        "gtin": barcode.gtin,
        "add_on": barcode.add_on,
        "elements": barcode.elements,
        "meaning": barcode.meaning,
        "findings": barcode.findings,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::cli::decode::tests::decode;
    use crate::cli::exit;

    #[test]
    fn fnc1_may_be_written_in_several_ways() {
        let expected = "data       010400638133393110A1{GS}17291231\ngtin       04006381333931\n\
                        (01)       04006381333931  GTIN\n(10)       A1              BATCH/LOT\n\
                        (17)       291231          USE BY or EXPIRY: 2029-12-31\n";
        for (symbology, data) in [
            ("gs1-128", "]C1010400638133393110A1{GS}17291231"),
            ("gs1-128", "]C1010400638133393110A1<GS>17291231"),
            ("gs1-128", "]C1010400638133393110A1\\x1D17291231"),
            ("not stated", "(01)04006381333931(10)A1(17)291231"),
            ("not stated", "^010400638133393110A1^17291231"),
        ] {
            let expected = format!("symbology  {symbology}\n{expected}");
            assert_eq!(decode(&["barcode", data], ""), (exit::FINE, expected, String::new()));
        }
    }

    #[test]
    fn a_wrong_check_digit_is_an_input_error() {
        let (code, _, words) = decode(&["barcode", "--aim", "]E0", "4006381333933"], "");
        assert_eq!(code, exit::INPUT);
        assert!(words.starts_with("error gtin-check-digit: "), "{words}");
        assert!(words.ends_with("; expected check digit 1; found 3\n"), "{words}");
        let (code, data, words) = decode(&["barcode", "--json", "]E04006381333933"], "");
        let value: Value = serde_json::from_str(&data).unwrap();
        assert_eq!((code, words.as_str()), (exit::INPUT, ""));
        assert_eq!(value["findings"][0]["code"], "gtin-check-digit");
    }

    #[test]
    fn what_a_setting_spoilt_is_told_and_an_empty_barcode_is_an_error() {
        for (data, stdin, expected) in [
            ("", "", "error barcode-empty"),
            ("-", "\r\n", "error barcode-empty"),
            ("4006381333931\t", "", "warning barcode-blanks"),
            ("F4006381333931", "", "warning barcode-code-identifier"),
            ("-", "010400638133393110A1{GS}17291231\n", "warning gs1-no-identifier"),
            ("é\"\"_àà_", "", "warning barcode-keyboard-layout"),
            ("03600029145217", "", "warning barcode-add-on"),
        ] {
            let (code, _, words) = decode(&["barcode", data], stdin);
            assert!(words.starts_with(expected), "{data:?}: {words}");
            assert_eq!(code == exit::INPUT, expected.starts_with("error"), "{data:?}");
        }
        let (code, data, words) = decode(&["barcode", "-"], "4006381333931\r\n");
        assert_eq!((code, words.as_str()), (exit::FINE, ""));
        assert!(data.contains("gtin       04006381333931"), "{data}");
    }

    #[test]
    fn what_a_number_means_is_shown() {
        for (args, shown) in [
            (
                ["--scheme=de", "2273025005802"].as_slice(),
                "item       7302\ncatalog    02273020000000\nprice      5.80\n",
            ),
            (&["2273025005802"], "restricted of a store or country: "),
            (&["]E3977147396801212"], "issn       1473-9682\nissue      0112\n"),
            (
                &["]E3978030640615751999"],
                "isbn       9780306406157, until 2007 0306406152\nprice      USD 19.99\n",
            ),
            (
                &["(8110)106141416543213500110000310123196000"],
                "coupon     8110\ncompany    0614141\n",
            ),
        ] {
            let (code, data, words) = decode(&[&["barcode"], args].concat(), "");
            assert_eq!((code, words.as_str()), (exit::FINE, ""), "{args:?}");
            assert!(data.contains(shown), "{args:?}: {data}");
        }
    }

    #[test]
    fn a_bracket_in_front_is_plain_data_under_a_symbology_and_else_explained() {
        let (code, data, words) = decode(&["barcode", "(no) 4111111111111111"], "");
        assert_eq!(code, exit::INPUT);
        assert!(words.starts_with("error gs1-unknown-ai"), "{words}");
        assert!(!data.contains("4111111111111111"), "{data}");
        let (code, data, _) = decode(&["barcode", "--aim", "]Q1", "(no) 4111111111111111"], "");
        assert_eq!(code, exit::FINE);
        assert!(data.contains("data       (no) 411111******1111"), "{data}");
    }
}
