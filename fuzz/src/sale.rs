//! What must hold for every sale as JSON. Apart from the other checks, since it needs the gateway and they need only
//! its parsers.

use std::sync::LazyLock;

use tillgate::config::Config;
use tillgate::normalize::{Body, Context, Item, sale};
use tillgate::source::Media;
use tillgate_parsers::redact;
use tillgate_record::Severity;

/// As many items as lines, an error in each that is rejected and none in the others, and a sale that is taken is
/// taken again as it was written.
pub(crate) fn sale_json(data: &[u8]) {
    // The gateway interprets what is left after redaction.
    let data = redact::json(data).bytes;
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&data);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let context = Context {
        config: &CONFIG,
        source: "03",
        received_at: jiff::Timestamp::UNIX_EPOCH,
        control_number: None,
    };
    for (media, expected) in [(Media::SaleNdjson, lines.count()), (Media::SaleJson, 1)] {
        let items = sale::interpret(&data, media, &context).items;
        assert_eq!(items.len(), expected, "{media:?}");
        items.iter().for_each(|item| assert_item(item, &context));
    }
}

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("gateway.toml");
    toml::from_str(text).unwrap_or_else(|error| panic!("gateway.toml: {error}"))
});

fn assert_item(item: &Item, context: &Context<'_>) {
    let (quality, taken) = match item {
        Item::Candidate(candidate) => (&candidate.quality, Some(&candidate.body)),
        Item::Rejected(quality) => (quality, None),
        Item::Noted(_) => panic!("a sale always asks for a record"),
    };
    let errors = quality.iter().filter(|one| one.severity == Severity::Error).count();
    assert_eq!(errors == 0, taken.is_some(), "{quality:?}");
    let Some(Body::Sale(taken)) = taken else { return };
    let written = serde_json::to_vec(taken).expect("a sale serializes");
    let again = sale::interpret(&written, Media::SaleJson, context);
    match again.items.first() {
        Some(Item::Candidate(candidate)) => match &candidate.body {
            Body::Sale(sale) => assert_eq!(sale, taken, "read otherwise the second time"),
            other => panic!("no sale: {other:?}"),
        },
        other => panic!("{} was taken once, then: {other:?}", written.escape_ascii()),
    }
}
