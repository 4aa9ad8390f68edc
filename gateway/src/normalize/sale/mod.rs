//! Sales of terminals: JSON to a sale with findings.
//!
//! In: one sale ([`Media::SaleJson`]) or one a line ([`Media::SaleNdjson`]), already free of card data. Out: an
//! item for each, with everything that is wrong or odd in it. Never: a repair without a finding that shows what
//! was there. Notation is no repair: a GTIN is written in 14 digits and lines are numbered as the contract says.
//!
//! The good path reads the bytes straight into [`Sale`]. Only a sale that cannot be read is looked at a second
//! time, as a tree, to tell its sender everything that is wrong with it at once.

mod card_traces;
mod checks;
mod currency;
mod findings;
mod shape;
mod sums;

use serde::Deserialize;
use tillgate_record::{Quality, Sale};

use self::findings::{Findings, compared, error, warning};
use super::{Body, Candidate, Context, Interpretation, Item};
use crate::source::Media;

/// Parser and version, as records name it.
pub const PARSER: &str = "sale-json/1";

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the sales of a capture.
#[must_use]
pub fn interpret(raw: &[u8], media: Media, context: &Context<'_>) -> Interpretation {
    let (marked, text) = match raw.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let mut items: Vec<Item> = match media {
        Media::SaleNdjson => text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .map(|line| item((line, media), context))
            .collect(),
        Media::SaleJson | Media::Reading | Media::Edi => {
            vec![item((text.trim_ascii(), media), context)]
        }
    };
    if let (true, Some(first)) = (marked, items.first_mut()) {
        first_quality(first).push(warning(
            "byte-order-mark",
            String::new(),
            "the input begins with a byte order mark, which JSON forbids (RFC 8259 section 8.1); it was skipped",
        ));
    }
    Interpretation { parser: PARSER, items, replies: Vec::new() }
}

fn first_quality(item: &mut Item) -> &mut Vec<Quality> {
    match item {
        Item::Candidate(candidate) => &mut candidate.quality,
        Item::Rejected(quality) | Item::Noted(quality) => quality,
    }
}

fn item((text, media): (&[u8], Media), context: &Context<'_>) -> Item {
    let mut findings = Findings::default();
    let limit = context.config.limits.sale;
    if text.len() > limit.as_usize() {
        findings.add(compared(
            error(
                "sale-size",
                String::new(),
                "the sale is too large: split it, or raise [limits] sale",
            ),
            format!("at most {limit}"),
            format!("{} bytes", text.len()),
        ));
        return Item::Rejected(findings.into_list());
    }
    let Some(mut sale) = read((text, media), &mut findings) else {
        return Item::Rejected(findings.into_list());
    };
    checks::examine(&mut sale, context, &mut findings);
    if findings.has_error() {
        return Item::Rejected(findings.into_list());
    }
    Item::Candidate(Box::new(Candidate { body: Body::Sale(sale), quality: findings.into_list() }))
}

fn read((text, media): (&[u8], Media), findings: &mut Findings) -> Option<Sale> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut unknown = |path: serde_ignored::Path<'_>| {
        let (pointer, field) = pointer_of(&path);
        findings.add(shape::unknown_field(&pointer, &field));
    };
    let ignoring = serde_ignored::Deserializer::new(&mut json, &mut unknown);
    let failure = match Sale::deserialize(ignoring).and_then(|sale| json.end().map(|()| sale)) {
        Ok(sale) => return Some(sale),
        Err(failure) => failure,
    };
    // What was noted up to the failure is found again by the second look, which sees the whole sale.
    *findings = Findings::default();
    explain((text, media), &failure, findings);
    None
}

/// Says why a text is no sale: at least one error comes out.
fn explain((text, media): (&[u8], Media), failure: &serde_json::Error, findings: &mut Findings) {
    match serde_json::from_slice(text) {
        Ok(tree) => {
            shape::examine(&tree, findings);
            let words = failure.to_string();
            if words.starts_with("duplicate field") {
                // In a tree the second value has replaced the first: which one is meant, only the sender knows.
                findings.add(error("duplicate-field", String::new(), words));
            } else if !findings.has_error() {
                // Serde's words may hold a value of the input, so they are not repeated.
                let place = format!("line {} column {}", failure.line(), failure.column());
                let message =
                    format!("the sale cannot be read at {place}: compare it with the schema");
                findings.add(error("sale-form", String::new(), message));
            }
        }
        Err(failure) => findings.add(no_json(&failure, media)),
    }
}

fn no_json(failure: &serde_json::Error, media: Media) -> Quality {
    let several = failure.to_string().starts_with("trailing characters");
    let help = if several && media == Media::SaleNdjson {
        "send each sale on a line of its own; were the line ends lost? curl wants --data-binary"
    } else if several {
        "send several sales one a line, as application/x-ndjson"
    } else {
        "send each sale as one whole JSON object (RFC 8259) in UTF-8"
    };
    let message = format!("the sale is no valid JSON: {failure}; {help}");
    error("json", String::new(), message)
}

/// The JSON pointer (RFC 6901) of an ignored field's parent, and the field's name.
fn pointer_of(path: &serde_ignored::Path<'_>) -> (String, String) {
    fn write(path: &serde_ignored::Path<'_>, out: &mut Vec<String>) {
        use serde_ignored::Path;
        match path {
            Path::Root => {}
            Path::Seq { parent, index } => {
                write(parent, out);
                out.push(index.to_string());
            }
            Path::Map { parent, key } => {
                write(parent, out);
                out.push(key.clone());
            }
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => write(parent, out),
        }
    }
    let mut segments = Vec::new();
    write(path, &mut segments);
    let field = segments.pop().unwrap_or_default();
    // The parents are names of the contract and indexes: nothing in them needs an escape.
    let parent = segments.iter().map(|segment| format!("/{segment}")).collect();
    (parent, field)
}

#[cfg(test)]
mod tests;
