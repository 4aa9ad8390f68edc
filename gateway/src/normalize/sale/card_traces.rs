//! Traces of card data in texts of a sale.
//!
//! Card numbers are cut out of an input before it comes here. Where one was, its sender should learn of it: a card
//! number in a description or a name means that a terminal is set up wrongly.

use tillgate_record::Sale;

use super::findings::{Findings, warning};

/// What stands in the place of track data.
const REMOVED: &str = "[removed]";
/// Shortest card number (ISO/IEC 7812-1).
const PAN_DIGITS_MIN: usize = 12;
/// Stars that make a masked number: a terminal that writes `王**` masks a name, no card.
const STARS_MIN: usize = 4;

/// Reports each text that held card data. `masked_pan` may hold stars: it is the right place.
pub(super) fn report(sale: &Sale, findings: &mut Findings) {
    let mut look = |text: Option<&String>, path: &dyn Fn() -> String| {
        if text.is_some_and(|text| is_trace(text)) {
            findings.add(warning(
                "card-data-removed",
                path(),
                "card data was cut out of this field: a card belongs in tenders, as masked_pan and card_token",
            ));
        }
    };
    look(sale.operator.as_ref(), &|| "/operator".to_owned());
    look(sale.salesperson.as_ref(), &|| "/salesperson".to_owned());
    if let Some(customer) = &sale.customer {
        for (name, text) in [
            ("loyalty", &customer.loyalty),
            ("card_token", &customer.card_token),
            ("phone", &customer.phone),
            ("email", &customer.email),
            ("name", &customer.name),
        ] {
            look(text.as_ref(), &|| format!("/customer/{name}"));
        }
    }
    for (index, line) in sale.lines.iter().enumerate() {
        for (name, text) in [
            ("gtin", &line.gtin),
            ("sku", &line.sku),
            ("description", &line.description),
            ("unit", &line.unit),
            ("entry", &line.entry),
            ("salesperson", &line.salesperson),
        ] {
            look(text.as_ref(), &|| format!("/lines/{index}/{name}"));
        }
        for (place, discount) in line.discounts.iter().enumerate() {
            look(discount.reason.as_ref(), &|| format!("/lines/{index}/discounts/{place}/reason"));
        }
    }
    for (index, tender) in sale.tenders.iter().enumerate() {
        look(Some(&tender.kind), &|| format!("/tenders/{index}/kind"));
        look(tender.scheme.as_ref(), &|| format!("/tenders/{index}/scheme"));
        look(tender.card_token.as_ref(), &|| format!("/tenders/{index}/card_token"));
    }
    if let Some(references) = &sale.references {
        for (name, text) in [
            ("original_sale", &references.original_sale),
            ("purchase_order", &references.purchase_order),
            ("invoice", &references.invoice),
        ] {
            look(text.as_ref(), &|| format!("/references/{name}"));
        }
    }
}

/// Whether card data was cut out of a text: the mark, or a number masked in the middle.
fn is_trace(text: &str) -> bool {
    if !text.bytes().any(|byte| byte == b'*' || byte == b'[') {
        return false;
    }
    text.contains(REMOVED) || text.split(|c| !is_masked_digit(c)).any(is_masked_number)
}

fn is_masked_digit(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '*' | ' ' | '-')
}

fn is_masked_number(text: &str) -> bool {
    let stars = text.bytes().filter(|byte| *byte == b'*').count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    stars >= STARS_MIN && digits > 0 && stars + digits >= PAN_DIGITS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_told_from_masks_of_other_things() {
        for trace in
            ["411111******1111", "paid 4111 11** **** 1111 ok", "[removed]", "a [removed] b"]
        {
            assert!(is_trace(trace), "{trace}");
        }
        for text in ["王**", "138****8000", "***", "green tea [500 ml]", "2 * 3", "************"] {
            assert!(!is_trace(text), "{text}");
        }
    }
}
