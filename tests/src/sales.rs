//! Sample sales: valid in every respect, so that a test changes just what it is about.

use serde_json::{Value, json};

use crate::site::STORE;

/// The trading day of all samples.
pub const BUSINESS_DATE: &str = "2026-11-21";
/// What is sold first in each sample: a GTIN with a right check digit, of a number range for examples.
pub const GTIN: &str = "09506000134352";
/// A loyalty number that is no card number: it begins as no payment scheme does.
pub const LOYALTY: &str = "9156001122334";

/// A sale of two lines, paid in cash. The amounts agree with each other.
#[must_use]
pub fn sale(terminal: &str, sequence: u64) -> Value {
    json!({
        "kind": "sale",
        "store": STORE,
        "terminal": terminal,
        "sequence": sequence,
        "business_date": BUSINESS_DATE,
        "started_at": "2026-11-21T18:01:44+08:00",
        "ended_at": "2026-11-21T18:03:11+08:00",
        "operator": "7",
        "currency": "CNY",
        "customer": { "loyalty": LOYALTY },
        "lines": [
            {
                "number": 1, "gtin": GTIN, "quantity": "2", "unit": "EA", "unit_price": "12.50",
                "discounts": [{ "amount": "1.00", "reason": "coupon" }],
                "taxes": [{ "rate": "13", "amount": "2.76", "included": true }],
                "amount": "24.00", "entry": "scanned"
            },
            {
                "number": 2, "sku": "BAG-S", "description": "carrier bag", "quantity": "1",
                "unit": "EA", "unit_price": "0.50", "amount": "0.50", "entry": "keyed"
            }
        ],
        "tenders": [{ "kind": "cash", "amount": "24.50", "change": "0.00" }],
        "totals": { "net": "21.74", "tax": "2.76", "gross": "24.50" }
    })
}

/// The goods come back.
#[must_use]
pub fn return_of(terminal: &str, sequence: u64, original: u64) -> Value {
    json!({
        "kind": "return",
        "store": STORE,
        "terminal": terminal,
        "sequence": sequence,
        "business_date": BUSINESS_DATE,
        "currency": "CNY",
        "lines": [{ "number": 1, "gtin": GTIN, "quantity": "-2", "unit_price": "12.00", "amount": "-24.00" }],
        "tenders": [{ "kind": "cash", "amount": "-24.00" }],
        "totals": { "gross": "-24.00" },
        "references": { "original_sale": format!("acme/{STORE}/{terminal}/{BUSINESS_DATE}/{original}/sale") }
    })
}

/// Sales of one terminal with these numbers.
#[must_use]
pub fn sales(terminal: &str, numbers: std::ops::Range<u64>) -> Vec<Value> {
    numbers.map(|number| sale(terminal, number)).collect()
}

/// One a line.
#[must_use]
pub fn lines(sales: &[Value]) -> String {
    sales.iter().map(|sale| format!("{sale}\n")).collect()
}

/// The idempotency key of a sale: the `subject` of its event.
#[must_use]
pub fn key(sale: &Value) -> String {
    let part = |name: &str| match &sale[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let parts = ["store", "terminal", "business_date", "sequence", "kind"].map(part);
    format!("{}/{}", crate::site::ORG, parts.join("/"))
}

/// A GTIN-13 for a number: a range for examples, and the check digit.
#[must_use]
pub fn gtin13(number: u32) -> String {
    let body = format!("950600{:06}", number % 1_000_000);
    let sum: u32 = body
        .bytes()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_published_examples() {
        assert_eq!(format!("0{}", gtin13(13435)), GTIN);
    }

    #[test]
    fn keys_are_those_of_the_contract() {
        assert_eq!(key(&sale("03", 18231)), "acme/0042/03/2026-11-21/18231/sale");
    }
}
