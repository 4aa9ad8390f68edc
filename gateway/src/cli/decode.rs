//! `tillgate decode`: what a barcode or a swiped card says, without a daemon, a device or a configuration.
//!
//! In: the data of a barcode as argument, a swipe on stdin. Out: what it says on stdout, findings on stderr (with
//! `--json` all of it on stdout). Never: a card number or the rest of a track.

#![expect(clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tillgate_parsers::barcode::{self, Barcode};
use tillgate_parsers::card::{self, CardReading, TokenKey};
use tillgate_parsers::finding::{Finding, Severity};
use zeroize::Zeroizing;

use super::exit;

/// Longest swipe that is read from stdin, in bytes.
const MAX_SWIPE_BYTES: u64 = 4096;

/// Shows what a barcode or a card says; card data masked
#[derive(Debug, Args)]
pub struct DecodeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Barcode(BarcodeArgs),
    Card(CardArgs),
}

/// Shows the symbology, GTIN and GS1 elements of a barcode, or what is wrong with it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate decode barcode 4006381333931
  tillgate decode barcode --aim ']E0' 4006381333931
  tillgate decode barcode ']C1010400638133393110A1{GS}17291231'
  tillgate decode barcode '(01)04006381333931(10)A1(17)291231'

Exit codes: 0 fine, 2 the barcode has errors.")]
struct BarcodeArgs {
    /// What the scanner sent. FNC1 is written {GS}, <GS> or \x1D; GS1 elements may stand in brackets
    data: String,
    /// AIM symbology identifier, where DATA does not begin with it
    #[arg(long, value_name = "IDENTIFIER", value_parser = symbology_identifier)]
    aim: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Reads one swipe from stdin and shows what is left of it: scheme, masked number, token or loyalty number
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo ';9156001122334?' | tillgate decode card
  cat /dev/ttyUSB1 | tillgate decode card --json --token-key-file /etc/tillgate/token.key

Exit codes: 0 fine, 2 the card could not be read.")]
struct CardArgs {
    /// The key for card tokens: 64 hexadecimal digits. Without it no token is shown
    #[arg(long, value_name = "FILE")]
    token_key_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command and gives its exit code.
#[must_use]
pub fn run(args: DecodeArgs) -> u8 {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let mut output = Output { data: &mut stdout, words: &mut stderr };
    let result = match args.what {
        What::Barcode(args) => decode_barcode(&args, &mut output),
        What::Card(args) => decode_card(&args, &mut io::stdin().lock(), &mut output),
    };
    drop(stderr);
    result.unwrap_or_else(|error| {
        eprintln!("tillgate decode: {error:#}");
        exit::FAILURE
    })
}

/// Where data and words go.
struct Output<'a> {
    data: &'a mut dyn Write,
    words: &'a mut dyn Write,
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

fn decode_barcode(args: &BarcodeArgs, output: &mut Output<'_>) -> anyhow::Result<u8> {
    let barcode = match barcode::from_brackets(&args.data) {
        // Brackets are only written for GS1 data: it is read as under GS1-128, which nobody stated.
        Some(message) if args.aim.is_none() => {
            Barcode { symbology: None, ..barcode::read(Some("]C1"), &message) }
        }
        Some(message) => barcode::read(args.aim.as_deref(), &message),
        None => barcode::read(args.aim.as_deref(), with_fnc1(&args.data).as_bytes()),
    };
    if args.json {
        writeln!(output.data, "{}", barcode_json(&barcode))?;
    } else {
        write_barcode(&barcode, output)?;
    }
    let wrong = barcode.findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { exit::INPUT } else { exit::FINE })
}

/// FNC1 as people and shells write it.
fn with_fnc1(data: &str) -> String {
    ["{GS}", "<GS>", "\\x1D", "\\x1d"]
        .iter()
        .fold(data.to_owned(), |data, written| data.replace(written, "\u{1d}"))
}

fn write_barcode(barcode: &Barcode, output: &mut Output<'_>) -> io::Result<()> {
    let symbology = barcode.symbology.unwrap_or("not stated");
    writeln!(output.data, "symbology  {symbology}")?;
    writeln!(output.data, "data       {}", printable(&barcode.data))?;
    if let Some(gtin) = &barcode.gtin {
        writeln!(output.data, "gtin       {gtin}")?;
    }
    if let Some(add_on) = &barcode.add_on {
        writeln!(output.data, "add-on     {add_on}")?;
    }
    for (identifier, value) in &barcode.elements {
        writeln!(output.data, "{:<10} {}", format!("({identifier})"), printable(value))?;
    }
    barcode.findings.iter().try_for_each(|finding| write_finding(finding, output))
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

fn barcode_json(barcode: &Barcode) -> Value {
    json!({
        "symbology": barcode.symbology,
        "data": barcode.data,
        "gtin": barcode.gtin,
        "add_on": barcode.add_on,
        "elements": barcode.elements,
        "findings": barcode.findings,
    })
}

fn decode_card(
    args: &CardArgs,
    input: &mut dyn Read,
    output: &mut Output<'_>,
) -> anyhow::Result<u8> {
    let key = token_key(args)?;
    // Room for all of it from the start: a buffer that grows would leave copies behind.
    let mut frame = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_SWIPE_BYTES)?));
    input.take(MAX_SWIPE_BYTES).read_to_end(&mut frame)?;
    let mut reading = card::read_tracks(&mut frame, &key);
    if args.token_key_file.is_none() {
        reading.card_token = None;
    }
    if args.json {
        writeln!(output.data, "{}", card_json(&reading))?;
    } else {
        write_card(&reading, output)?;
    }
    let known = reading.masked_pan.is_some() || reading.loyalty.is_some();
    Ok(if known { exit::FINE } else { exit::INPUT })
}

/// Without a file any key will do, since the token is not shown then.
fn token_key(args: &CardArgs) -> anyhow::Result<TokenKey> {
    use anyhow::Context as _;
    let Some(path) = &args.token_key_file else { return Ok(TokenKey::from_hex(&"0".repeat(64))?) };
    let file = || format!("token key {}", path.display());
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(file)?);
    TokenKey::from_hex(&text).with_context(file)
}

fn write_card(reading: &CardReading, output: &mut Output<'_>) -> io::Result<()> {
    let lines = [
        ("scheme", reading.scheme.map(|scheme| scheme.as_str().to_owned())),
        ("number", reading.masked_pan.clone()),
        ("token", reading.card_token.clone()),
        ("loyalty", reading.loyalty.clone()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(output.data, "{name:<10} {value}")?;
        }
    }
    match (reading.damaged, reading.masked_pan.is_some() || reading.loyalty.is_some()) {
        (true, true) => writeln!(output.words, "warning card-track: a track could not be read"),
        (true, false) => writeln!(
            output.words,
            "error card-damaged: the number could not be read: swipe again, slowly and to the end"
        ),
        (false, true) => Ok(()),
        (false, false) => writeln!(output.words, "error card-without-number: no card number found"),
    }
}

fn card_json(reading: &CardReading) -> Value {
    json!({
        "scheme": reading.scheme.map(card::Scheme::as_str),
        "masked_pan": reading.masked_pan,
        "card_token": reading.card_token,
        "loyalty": reading.loyalty,
        "damaged": reading.damaged,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        decode: DecodeArgs,
    }

    /// Exit code, stdout, stderr.
    fn decode(args: &[&str], stdin: &str) -> (u8, String, String) {
        let command = Command::try_parse_from([&["decode"], args].concat()).unwrap();
        let (mut data, mut words) = (Vec::new(), Vec::new());
        let mut output = Output { data: &mut data, words: &mut words };
        let code = match command.decode.what {
            What::Barcode(args) => decode_barcode(&args, &mut output),
            What::Card(args) => decode_card(&args, &mut stdin.as_bytes(), &mut output),
        };
        (code.unwrap(), String::from_utf8(data).unwrap(), String::from_utf8(words).unwrap())
    }

    #[test]
    fn fnc1_may_be_written_in_several_ways() {
        let expected = "data       010400638133393110A1{GS}17291231\ngtin       04006381333931\n\
                        (01)       04006381333931\n(10)       A1\n(17)       291231\n";
        for (symbology, data) in [
            ("gs1-128", "]C1010400638133393110A1{GS}17291231"),
            ("gs1-128", "]C1010400638133393110A1<GS>17291231"),
            ("gs1-128", "]C1010400638133393110A1\\x1D17291231"),
            ("not stated", "(01)04006381333931(10)A1(17)291231"),
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
        assert!(Command::try_parse_from(["decode", "barcode", "--aim", "C1", "x"]).is_err());
    }

    #[test]
    fn a_card_is_only_shown_masked() {
        let swipe = "%B4111111111111111^DOE/JANE^29121011234?;4111111111111111=29121011234?\n";
        for args in [["card"].as_slice(), &["card", "--json"]] {
            let (code, data, words) = decode(args, swipe);
            assert_eq!(code, exit::FINE);
            assert!(data.contains("411111******1111") && data.contains("visa"), "{data}");
            let all = data + &words;
            assert!(
                !all.contains("4111111111111111") && !all.contains("DOE") && !all.contains("k1_")
            );
        }
    }

    #[test]
    fn a_key_file_gives_a_token_and_a_misread_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "5a".repeat(32)).unwrap();
        let path = file.path().to_str().unwrap();
        let (_, data, _) = decode(&["card", "--token-key-file", path], ";5555555555554444=2912?");
        assert!(data.contains("token      k1_"), "{data}");
        let (code, data, words) = decode(&["card"], ";5555555555554445=2912?");
        assert_eq!((code, data.as_str()), (exit::INPUT, ""));
        assert!(words.starts_with("error card-damaged"), "{words}");
        let (code, data, _) = decode(&["card"], ";9156001122334?");
        assert_eq!((code, data.as_str()), (exit::FINE, "loyalty    9156001122334\n"));
    }
}
