//! Readings of a lane's devices.
//!
//! In: a [`RawReading`] as the lane wrote it. Out: a barcode with its trade item, or a card with its token; or what to
//! tell the operator. Never: a reading that is half understood.

use serde::{Deserialize, Serialize};
use tillgate_parsers::barcode::{self, Barcode, Coupon, Meaning, Measure, Publication, Restricted};
use tillgate_parsers::finding;
use tillgate_record::{BarcodeMeaning, ItemWeight, Quality, ReadingKind, Severity};

use super::{Body, Candidate, Context, Interpretation, Item};

/// Name and version of this interpretation.
const PARSER: &str = "reading/1";

/// What a lane writes into the journal for a reading: already free of card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RawReading {
    /// A barcode as the scanner sent it, less framing.
    Barcode {
        /// The checkout position.
        lane: String,
        /// AIM symbology identifier, such as `]C1`, if the scanner sends one.
        aim: Option<String>,
        /// Content; where it is no UTF-8, byte for byte in ASCII: `\xNN` for what ASCII cannot print, and a backslash
        /// before a backslash or quote.
        data: String,
        /// Whether bytes were lost or unreadable.
        damaged: bool,
        /// What shows that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Damage>,
        /// What the lane's scale said, for an item sold by weight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight: Option<RawWeight>,
    },
    /// A card, of which only this is left.
    Card {
        /// The checkout position.
        lane: String,
        /// Card scheme; none for a card that is no payment card.
        scheme: Option<String>,
        /// First six and last four digits of a payment card, at most the last four of an unlisted one.
        masked_pan: Option<String>,
        /// Keyed token of such a card.
        card_token: Option<String>,
        /// The number of a loyalty card.
        loyalty: Option<String>,
        /// Whose loyalty card it is, where the store lists them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loyalty_card: Option<String>,
        /// Whether a track could not be read.
        damaged: bool,
    },
}

/// What shows that a barcode is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Damage {
    /// Bytes that are no text.
    Bytes,
    /// Control characters that no barcode of a till has.
    Control,
    /// It does not begin with the configured prefix.
    Prefix,
    /// The device or its driver knows that characters are missing.
    Lost,
}

impl Damage {
    /// Rule and words for people.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Bytes => (
                "barcode-bytes",
                "the barcode came with bytes that are no UTF-8 text, kept here as \\xNN: set the scanner to send UTF-8; \
                 if digits came so, too, compare `line` and `baud` with its settings",
            ),
            Self::Control => (
                "barcode-control-bytes",
                "the barcode came with control characters in it: scan again; if it stays, compare `prefix`, `suffix`, \
                 `line` and `baud` with the scanner's settings",
            ),
            Self::Prefix => (
                "barcode-prefix",
                "the barcode did not begin with the configured `prefix`: scan again; if it stays, compare `prefix` with \
                 what the scanner sends",
            ),
            Self::Lost => (
                "barcode-damaged",
                "characters of a barcode were lost on their way: scan again; if it stays, check the cable and the baud rate",
            ),
        }
    }
}

/// What a lane's scale said when an item was scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawWeight {
    /// `stable`, or why there is no weight.
    pub state: String,
    /// The weight, a decimal; with a stable one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether a tare was taken off, where the scale says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<bool>,
}

/// Says what a reading means. It is one item.
#[must_use]
pub fn interpret(raw: &[u8], context: &Context<'_>) -> Interpretation {
    let item = match serde_json::from_slice(raw) {
        // Captures of earlier versions name no cause.
        Ok(RawReading::Barcode { damaged: true, cause, .. }) => {
            let (rule, words) = cause.unwrap_or(Damage::Lost).told();
            Item::Rejected(vec![error(rule, "/data", words)])
        }
        Ok(RawReading::Barcode { lane, aim, data, weight, .. }) => {
            let rules = context.config.barcode_rules();
            let barcode = barcode::read_with(&rules, aim.as_deref(), data.as_bytes());
            of_barcode(lane, barcode, weight)
        }
        Ok(RawReading::Card {
            lane,
            scheme,
            masked_pan,
            card_token,
            loyalty,
            loyalty_card,
            damaged,
        }) => {
            let card = ReadingKind::Card { scheme, masked_pan, card_token, loyalty, loyalty_card };
            of_card(lane, card, damaged)
        }
        Err(error) => Item::Rejected(vec![not_a_reading(&error)]),
    };
    Interpretation { parser: PARSER, items: vec![item], replies: Vec::new() }
}

fn of_barcode(lane: String, barcode: Barcode, weight: Option<RawWeight>) -> Item {
    let mut quality: Vec<Quality> = barcode.findings.iter().map(of_finding).collect();
    if barcode.data.is_empty() {
        return Item::Rejected(vec![error(
            "barcode-empty",
            "/data",
            "the scanner sent a barcode without content: scan again; if it stays, check the scanner's prefix and suffix",
        )]);
    }
    if quality.iter().any(|quality| quality.severity == Severity::Error) {
        return Item::Rejected(quality);
    }
    let Barcode { symbology, data, gtin, add_on, elements, meaning, .. } = barcode;
    let (weight, missing) = weight.map_or((None, None), of_weight);
    quality.extend(missing);
    // A catalog knows the item of a label by its number without price or weight.
    let item_gtin = match &meaning {
        Some(Meaning::Restricted(restricted)) => restricted.item_gtin.clone(),
        _ => None,
    };
    let reading = ReadingKind::Barcode {
        symbology: symbology.map(str::to_owned),
        data,
        gtin: item_gtin.or(gtin),
        description: None,
        elements,
        add_on,
        meaning: meaning.map(of_meaning),
        weight,
    };
    candidate(reading, lane, quality)
}

/// The weight of an item that is sold by weight, or that there was none.
fn of_weight(weight: RawWeight) -> (Option<Box<ItemWeight>>, Option<Quality>) {
    match weight {
        RawWeight { value: Some(value), unit: Some(unit), net, .. } => {
            (Some(Box::new(ItemWeight { value, unit, net })), None)
        }
        RawWeight { state, .. } => {
            let missing = quality(
                "weight-missing",
                Severity::Warning,
                "/weight",
                "the item is sold by weight and the scale of its lane had none for it: weigh it before it is scanned",
            );
            let expected = Some("stable".to_owned());
            (None, Some(Quality { expected, found: Some(state), ..missing }))
        }
    }
}

fn of_meaning(meaning: Meaning) -> BarcodeMeaning {
    match meaning {
        Meaning::Coupon(Coupon { form, company, offer, serial, .. }) => {
            BarcodeMeaning::Coupon { form: form.to_owned(), company, offer, serial }
        }
        Meaning::Function(name) => BarcodeMeaning::Function { name },
        Meaning::Loyalty { card, number } => BarcodeMeaning::Loyalty { card, number },
        Meaning::Publication(Publication { kind, number, issue, .. }) => {
            BarcodeMeaning::Publication { form: kind.to_owned(), number, issue }
        }
        Meaning::Restricted(Restricted { scheme, item, measure, .. }) => {
            let of = |wanted: Measure| {
                let measure = measure.as_ref().filter(|(kind, _)| *kind == wanted);
                measure.map(|(_, value)| value.clone())
            };
            let (price, weight, count) =
                (of(Measure::Price), of(Measure::Weight), of(Measure::Count));
            BarcodeMeaning::Restricted { scheme, item, price, weight, count }
        }
    }
}

/// A card counts when one of its tracks said whose it is, even if another could not be read.
fn of_card(lane: String, card: ReadingKind, damaged: bool) -> Item {
    let ReadingKind::Card { scheme, card_token, loyalty, .. } = &card else {
        return Item::Noted(Vec::new());
    };
    // Redaction masks what a driver took for a loyalty number and is a payment card's.
    if loyalty.as_ref().is_some_and(|number| number.contains('*')) {
        return Item::Rejected(vec![error(
            "card-number-as-loyalty",
            "/loyalty",
            "the reader took a payment card for a loyalty card: swipe the loyalty card; \
             if it stays, check the reader's driver setting",
        )]);
    }
    let known = card_token.is_some() || loyalty.is_some();
    let warning = |rule, words| quality(rule, Severity::Warning, "", words);
    let partly = "a track of the card could not be read, another one could: nothing to do";
    let unlisted = "the card is neither a payment card that tillgate knows nor in a [[loyalty_card]], so that only a token \
                    of its number leaves: if it is the store's own, compare prefix, lengths and check digit";
    match (known, damaged) {
        (true, damaged) => {
            let is_unlisted = scheme.is_none() && loyalty.is_none();
            let track = damaged.then(|| warning("card-track", partly));
            let card_of_nobody = is_unlisted.then(|| warning("card-unlisted", unlisted));
            candidate(card, lane, track.into_iter().chain(card_of_nobody).collect())
        }
        (false, true) => Item::Rejected(vec![error(
            "card-damaged",
            "",
            "the reader saw a card and could not read its number: swipe again, slowly and to the end",
        )]),
        (false, false) => Item::Noted(vec![quality(
            "card-without-number",
            Severity::Warning,
            "",
            "the reader saw a card that is neither a payment nor a loyalty card: nothing is kept of it",
        )]),
    }
}

fn candidate(reading: ReadingKind, lane: String, quality: Vec<Quality>) -> Item {
    Item::Candidate(Box::new(Candidate { body: Body::Reading { reading, lane }, quality }))
}

fn of_finding(finding: &finding::Finding) -> Quality {
    // Pairs of elements are demanded of an item, not of one of its barcodes (GS1 General Specifications 4.13), and a
    // lane sees one at a time: what was read is right all the same.
    let is_pairing = [barcode::MISSING, barcode::EXCLUDED].contains(&finding.code);
    let severity = match finding.severity {
        finding::Severity::Error if !is_pairing => Severity::Error,
        finding::Severity::Error | finding::Severity::Warning => Severity::Warning,
    };
    Quality {
        expected: finding.expected.clone(),
        found: finding.found.clone(),
        ..quality(finding.code, severity, "/data", &finding.message)
    }
}

/// A lane writes readings through serde, so that this is a bug of ours or a journal of another version.
fn not_a_reading(error: &serde_json::Error) -> Quality {
    Quality {
        expected: Some("a barcode or a card as JSON".to_owned()),
        found: Some(format!("line {}, column {}", error.line(), error.column())),
        ..self::error(
            "reading-form",
            "",
            "the capture is no reading of this version of the gateway: keep it and report it",
        )
    }
}

fn error(rule: &str, path: &str, message: &str) -> Quality {
    quality(rule, Severity::Error, path, message)
}

fn quality(rule: &str, severity: Severity, path: &str, message: &str) -> Quality {
    Quality {
        rule: rule.to_owned(),
        severity,
        path: path.to_owned(),
        message: message.to_owned(),
        expected: None,
        found: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[gateway]
org = "acme"
store = "0042"
id = "gw-1"
data_dir = "/var/lib/tillgate"
currency = "CNY"

[mqtt]
url = "mqtt://broker.example:1883"
"#;

    fn item(raw: &str) -> Item {
        let config = toml::from_str(CONFIG).unwrap();
        let context = Context {
            config: &config,
            source: "scanner-3",
            received_at: "2026-11-21T10:03:11Z".parse().unwrap(),
            control_number: None,
        };
        let mut interpretation = interpret(raw.as_bytes(), &context);
        assert_eq!((interpretation.parser, interpretation.items.len()), ("reading/1", 1));
        interpretation.items.remove(0)
    }

    fn barcode(aim: &str, data: &str) -> Item {
        let aim = Some(aim.to_owned()).filter(|aim| !aim.is_empty());
        let (lane, data) = ("3".to_owned(), data.to_owned());
        let raw =
            RawReading::Barcode { lane, aim, data, damaged: false, cause: None, weight: None };
        item(&serde_json::to_string(&raw).unwrap())
    }

    fn rules(item: &Item) -> (&'static str, Vec<&str>) {
        let (name, quality) = match item {
            Item::Candidate(candidate) => ("candidate", &candidate.quality),
            Item::Rejected(quality) => ("rejected", quality),
            Item::Noted(quality) => ("noted", quality),
        };
        (name, quality.iter().map(|quality| quality.rule.as_str()).collect())
    }

    #[test]
    fn a_barcode_becomes_a_reading_with_its_trade_item() {
        let Item::Candidate(candidate) = barcode("]C1", "010400638133393110A1\u{1d}17291231")
        else {
            panic!("expected a candidate")
        };
        let Body::Reading { reading: ReadingKind::Barcode { symbology, gtin, elements, .. }, lane } =
            candidate.body
        else {
            panic!("expected a barcode")
        };
        assert_eq!(lane, "3");
        assert_eq!(symbology.as_deref(), Some("gs1-128"));
        assert_eq!(gtin.as_deref(), Some("04006381333931"));
        assert_eq!(elements.len(), 3);
    }

    #[test]
    fn what_cannot_be_a_barcode_is_rejected() {
        assert_eq!(rules(&barcode("]E0", "4006381333933")), ("rejected", vec!["gtin-check-digit"]));
        assert_eq!(rules(&barcode("", "9006381333932")), ("candidate", vec!["gtin-check-digit"]));
        assert_eq!(rules(&barcode("]Q1", "")), ("rejected", vec!["barcode-empty"]));
        let damaged = r#"{"kind":"barcode","lane":"3","aim":null,"data":"40","damaged":true}"#;
        assert_eq!(rules(&item(damaged)), ("rejected", vec!["barcode-damaged"]));
        for (cause, rule) in [
            ("bytes", "barcode-bytes"),
            ("control", "barcode-control-bytes"),
            ("prefix", "barcode-prefix"),
            ("lost", "barcode-damaged"),
        ] {
            let named = damaged.replace('}', &format!(r#","cause":"{cause}"}}"#));
            assert_eq!(rules(&item(&named)), ("rejected", vec![rule]));
        }
        assert_eq!(rules(&item("{}")), ("rejected", vec!["reading-form"]));
    }

    #[test]
    fn a_store_gives_barcodes_a_meaning() {
        let more = "[barcodes]\nschemes = ['se']\n\
                    [[scale_label]]\nid = 'counter'\npattern = '29IIIIIMMMMMC'\nmeasure = 'weight'\ndecimals = 3\n\
                    [[loyalty_card]]\nid = 'club'\nprefix = '9156'\nlength_min = 13\nlength_max = 13\n\
                    [[function_code]]\ncode = 'TILL-TOTAL'\nname = 'total'\n";
        let config = toml::from_str(&format!("{CONFIG}{more}")).unwrap();
        let context = Context {
            config: &config,
            source: "scanner-3",
            received_at: "2026-11-21T10:03:11Z".parse().unwrap(),
            control_number: None,
        };
        for (data, gtin, expected) in [
            (
                "2012345612990",
                Some("02012345600003"),
                r#"{"is":"restricted","scheme":"se","item":"123456","price":"12.99","weight":null,"count":null}"#,
            ),
            (
                "2912345012502",
                Some("02912345000004"),
                r#"{"is":"restricted","scheme":"counter","item":"12345","price":null,"weight":"1.250","count":null}"#,
            ),
            ("9156001122334", None, r#"{"is":"loyalty","card":"club","number":"9156001122334"}"#),
            ("TILL-TOTAL", None, r#"{"is":"function","name":"total"}"#),
        ] {
            let raw = format!(
                r#"{{"kind":"barcode","lane":"3","aim":null,"data":"{data}","damaged":false}}"#
            );
            let Some(Item::Candidate(candidate)) = interpret(raw.as_bytes(), &context).items.pop()
            else {
                panic!("expected a candidate: {data}")
            };
            let Body::Reading {
                reading: ReadingKind::Barcode { gtin: found, meaning, .. }, ..
            } = candidate.body
            else {
                panic!("expected a barcode: {data}")
            };
            assert_eq!(found.as_deref(), gtin, "{data}");
            assert_eq!(serde_json::to_string(&meaning).unwrap(), expected);
        }
    }

    #[test]
    fn an_item_sold_by_weight_has_its_weight_or_a_warning() {
        let scanned = |weight: &str| {
            item(&format!(
                r#"{{"kind":"barcode","lane":"3","aim":null,"data":"4011","damaged":false,"weight":{weight}}}"#
            ))
        };
        let weighed = scanned(r#"{"state":"stable","value":"1.255","unit":"kg","net":false}"#);
        assert_eq!(rules(&weighed), ("candidate", vec![]));
        let Item::Candidate(candidate) = weighed else { panic!("expected a candidate") };
        let Body::Reading { reading: ReadingKind::Barcode { weight, .. }, .. } = candidate.body
        else {
            panic!("expected a barcode")
        };
        let (value, unit) = ("1.255".to_owned(), "kg".to_owned());
        assert_eq!(weight, Some(Box::new(ItemWeight { value, unit, net: Some(false) })));
        assert_eq!(rules(&scanned(r#"{"state":"moving"}"#)), ("candidate", vec!["weight-missing"]));
    }

    #[test]
    fn elements_that_lack_their_item_are_taken_with_a_warning() {
        assert_eq!(rules(&barcode("]C1", "10A1")), ("candidate", vec!["gs1-missing-ai"]));
        assert_eq!(rules(&barcode("]C1", "10A B")), ("rejected", vec!["gs1-characters"]));
    }

    #[test]
    fn a_card_counts_when_a_track_said_whose_it_is() {
        let card = |token: &str, loyalty: &str, damaged: bool| {
            let field = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let raw = RawReading::Card {
                lane: "3".into(),
                scheme: field(token).map(|_| "visa".to_owned()),
                masked_pan: field(token).map(|_| "411111******1111".to_owned()),
                card_token: field(token),
                loyalty: field(loyalty),
                loyalty_card: None,
                damaged,
            };
            item(&serde_json::to_string(&raw).unwrap())
        };
        assert_eq!(rules(&card("k1_00", "", false)), ("candidate", vec![]));
        assert_eq!(rules(&card("", "9156001122334", false)), ("candidate", vec![]));
        assert_eq!(rules(&card("k1_00", "", true)), ("candidate", vec!["card-track"]));
        assert_eq!(rules(&card("", "", true)), ("rejected", vec!["card-damaged"]));
        assert_eq!(rules(&card("", "", false)), ("noted", vec!["card-without-number"]));
        let unlisted = r#"{"kind":"card","lane":"3","scheme":null,"masked_pan":"*********2334",
            "card_token":"k1_00","loyalty":null,"damaged":false}"#;
        assert_eq!(rules(&item(unlisted)), ("candidate", vec!["card-unlisted"]));
        let masked = card("", "411111******1111", false);
        assert_eq!(rules(&masked), ("rejected", vec!["card-number-as-loyalty"]));
    }
}
