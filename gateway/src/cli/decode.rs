//! `tillgate decode`: what a barcode or a swiped card says, without a daemon, a device or a configuration.
//!
//! In: the data of a barcode as argument, a swipe on stdin. Out: what it says on stdout, findings on stderr (with
//! `--json` all of it on stdout). Never: a card number or the rest of a track.

#![expect(clippy::print_stderr, reason = "a command talks to the person who called it")]

mod barcode;
mod swipe;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tillgate_parsers::card::{self, CardReading, LoyaltyCard, TokenKey};
use tillgate_parsers::wedge::{self, Layout};
use zeroize::Zeroizing;

use self::barcode::BarcodeArgs;
use super::exit;
use crate::config::Config;

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

/// Reads one swipe from stdin and shows what is left of it: scheme, masked number, token or loyalty number
///
/// A swipe ends with the input, or where its reader pauses. A terminal shows nothing of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo ';9156001122334?' | tillgate decode card
  tillgate decode card                       (a reader that types like a keyboard)
  cat /dev/ttyUSB1 | tillgate decode card --json --token-key-file /etc/tillgate/token.key
  tillgate decode card --config /etc/tillgate/tillgate.toml    (as a card reader of this store)

Exit codes: 0 fine, 2 the card could not be read.")]
struct CardArgs {
    /// The key for card tokens: 64 hexadecimal digits. Without it no token is shown
    #[arg(long, value_name = "FILE")]
    token_key_file: Option<PathBuf>,
    /// The configuration, for the store's own loyalty cards
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl DecodeArgs {
    /// The configuration that the command wants to have read for it.
    #[must_use]
    pub fn config_path(&self) -> Option<&Path> {
        match &self.what {
            What::Barcode(args) => args.config.as_deref(),
            What::Card(args) => args.config.as_deref(),
        }
    }
}

/// Runs the command and gives its exit code.
#[must_use]
pub fn run(args: DecodeArgs, config: Option<&Config>) -> u8 {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let mut output = Output { data: &mut stdout, words: &mut stderr };
    let result = match args.what {
        What::Barcode(args) => {
            let decoded = barcode::decode(&args, config, &mut io::stdin().lock(), &mut output);
            decoded.map_err(anyhow::Error::from)
        }
        What::Card(args) => {
            let cards = config.map(Config::loyalty_rules).unwrap_or_default();
            decode_card(&args, &cards, io::stdin().as_fd(), &mut output)
        }
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

fn decode_card(
    args: &CardArgs,
    cards: &[LoyaltyCard],
    input: BorrowedFd<'_>,
    output: &mut Output<'_>,
) -> anyhow::Result<u8> {
    let key = token_key(args)?;
    if swipe::is_terminal(input) {
        writeln!(output.words, "Swipe a card, then press Enter; what comes is not shown.")?;
    }
    let mut swipe = swipe::swipe(input)?;
    let typed = Zeroizing::new(std::str::from_utf8(&swipe.frame).unwrap_or_default().to_owned());
    let mut reading = card::read_tracks(&mut swipe.frame, &key, cards);
    if args.token_key_file.is_none() {
        reading.card_token = None;
    }
    let mut findings = Vec::from_iter(finding(&reading, || layouts(&typed, &key, cards)));
    if is_unlisted(&reading) {
        findings.push(("warning", "card-unlisted", UNLISTED.to_owned()));
    }
    if swipe.more {
        findings.push(("warning", "card-several", SEVERAL.to_owned()));
    }
    if args.json {
        writeln!(output.data, "{}", card_json(&reading, &findings))?;
    } else {
        write_card(&reading, output)?;
        for (severity, code, message) in &findings {
            writeln!(output.words, "{severity} {code}: {message}")?;
        }
    }
    Ok(if is_known(&reading) { exit::FINE } else { exit::INPUT })
}

const SEVERAL: &str =
    "another swipe came behind the first one and was not read: swipe one card at a time";

const UNLISTED: &str = "the card is neither a payment card that tillgate knows nor in a [[loyalty_card]], so that only a \
                        token of its number leaves: if it is the store's own, compare prefix, lengths and check digit";

/// Severity, code, message.
type CardFinding = (&'static str, &'static str, String);

fn is_known(reading: &CardReading) -> bool {
    reading.masked_pan.is_some() || reading.loyalty.is_some()
}

fn is_unlisted(reading: &CardReading) -> bool {
    reading.masked_pan.is_some() && reading.scheme.is_none()
}

/// What the card is, in words.
fn verdict(reading: &CardReading) -> Option<String> {
    match (&reading.scheme, &reading.loyalty, &reading.loyalty_card) {
        (Some(_), ..) => Some("payment card".to_owned()),
        (None, Some(_), Some(card)) => Some(format!("loyalty card of {card}")),
        (None, Some(_), None) => Some("loyalty card".to_owned()),
        (None, None, _) => is_unlisted(reading).then(|| "unknown card".to_owned()),
    }
}

fn finding(
    reading: &CardReading,
    layouts: impl Fn() -> Option<(Layout, Layout)>,
) -> Option<CardFinding> {
    if is_known(reading) {
        let message = "a track could not be read".to_owned();
        return reading.damaged.then_some(("warning", "card-track", message));
    }
    if let Some((reader, machine)) = layouts() {
        let (reader, machine) = (reader.name(), machine.name());
        let message = format!(
            "the swipe makes sense if the reader types the layout {reader} and it was read in the layout {machine}: \
             set layout = \"{reader}\" at its [[device]], or the reader to {machine}"
        );
        return Some(("error", "card-keyboard-layout", message));
    }
    Some(match reading.damaged {
        true => (
            "error",
            "card-damaged",
            "the number could not be read: swipe again, slowly and to the end".to_owned(),
        ),
        false => ("error", "card-without-number", "no card number found".to_owned()),
    })
}

/// The layouts of reader and machine under which a swipe can be read whole.
fn layouts(typed: &str, key: &TokenKey, cards: &[LoyaltyCard]) -> Option<(Layout, Layout)> {
    let fits = |(reader, machine): &(Layout, Layout)| {
        let Some(mut meant) = wedge::retyped(typed, *machine, *reader) else { return false };
        let has_sentinels = meant.contains(&b'?') && matches!(meant.first(), Some(b'%' | b';'));
        let reading = card::read_tracks(&mut meant, key, cards);
        has_sentinels && !reading.damaged && is_known(&reading)
    };
    Layout::pairs().find(fits)
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
        ("card", verdict(reading)),
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
    Ok(())
}

fn card_json(reading: &CardReading, findings: &[CardFinding]) -> Value {
    let findings = findings.iter().map(|(severity, code, message)| {
        json!({ "severity": severity, "code": code, "message": message })
    });
    json!({
        "card": verdict(reading),
        "scheme": reading.scheme.map(card::Scheme::as_str),
        "masked_pan": reading.masked_pan,
        "card_token": reading.card_token,
        "loyalty": reading.loyalty,
        "loyalty_card": reading.loyalty_card,
        "damaged": reading.damaged,
        "findings": findings.collect::<Vec<_>>(),
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
    pub(super) fn decode(args: &[&str], stdin: &str) -> (u8, String, String) {
        decode_with(&[], args, stdin)
    }

    fn decode_with(cards: &[LoyaltyCard], args: &[&str], stdin: &str) -> (u8, String, String) {
        let command = Command::try_parse_from([&["decode"], args].concat()).unwrap();
        let (mut data, mut words) = (Vec::new(), Vec::new());
        let mut output = Output { data: &mut data, words: &mut words };
        let code = match command.decode.what {
            What::Barcode(args) => {
                let decoded = barcode::decode(&args, None, &mut stdin.as_bytes(), &mut output);
                decoded.map_err(anyhow::Error::from)
            }
            What::Card(args) => {
                let (reader, mut writer) = io::pipe().unwrap();
                writer.write_all(stdin.as_bytes()).unwrap();
                drop(writer);
                decode_card(&args, cards, reader.as_fd(), &mut output)
            }
        };
        (code.unwrap(), String::from_utf8(data).unwrap(), String::from_utf8(words).unwrap())
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
        assert_eq!(
            (code, data.as_str()),
            (exit::FINE, "card       loyalty card\nloyalty    9156001122334\n")
        );
    }

    #[test]
    fn a_wrong_layout_and_a_second_swipe_are_told() {
        let (code, data, words) = decode(&["card"], "ö4111111111111111´2512101_\r");
        assert_eq!((code, data.as_str()), (exit::INPUT, ""));
        assert!(words.starts_with("error card-keyboard-layout: "), "{words}");
        assert!(words.contains("types the layout us and it was read in the layout"), "{words}");
        assert!(words.contains("set layout = \"us\"") && !words.contains("4111"), "{words}");
        let two = ";9156001122334?\n;9156001122335?\n";
        let (code, data, words) = decode(&["card"], two);
        assert_eq!(
            (code, data.as_str()),
            (exit::FINE, "card       loyalty card\nloyalty    9156001122334\n")
        );
        assert!(words.starts_with("warning card-several: "), "{words}");
        let (_, data, words) = decode(&["card", "--json"], two);
        assert!(data.contains("card-several") && words.is_empty(), "{data}");
    }

    #[test]
    fn a_card_is_what_the_stores_list_says() {
        let check = card::NumberCheck::None;
        let club = [LoyaltyCard::new("club", "9156", (13, 13), check).unwrap()];
        for (swipe, expected, warned) in [
            (";9156001122334?", "card       loyalty card of club\nloyalty    9156001122334\n", ""),
            (
                ";4111111111111111=2912?",
                "card       payment card\nscheme     visa\nnumber     411111******1111\n",
                "",
            ),
            (
                ";9157001122334?",
                "card       unknown card\nnumber     *********2334\n",
                "warning card-unlisted: ",
            ),
        ] {
            let (code, data, words) = decode_with(&club, &["card"], swipe);
            assert_eq!((code, data.as_str()), (exit::FINE, expected), "{words}");
            assert!(words.starts_with(warned) && words.is_empty() == warned.is_empty(), "{words}");
        }
        let (_, data, _) = decode_with(&club, &["card", "--json"], ";9156001122334?");
        let json: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(
            (&json["card"], &json["loyalty_card"]),
            (&json!("loyalty card of club"), &json!("club"))
        );
    }
}
