//! Sample sales: valid in every respect, so that a test changes just what it is about.

use std::sync::LazyLock;

use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};

use crate::site::STORE;

/// When the samples of this process were sold. A gateway finds it odd when a trading day is not about today.
static SOLD_AT: LazyLock<Zoned> =
    LazyLock::new(|| Zoned::now().in_tz("Asia/Shanghai").expect("a known time zone"));

/// What is sold first in each sample: a GTIN with a right check digit, of a number range for examples.
pub const GTIN: &str = "09506000134352";
/// A loyalty number that is no card number: it begins as no payment scheme does.
pub const LOYALTY: &str = "9156001122334";

/// The trading day of all samples.
#[must_use]
pub fn business_date() -> String {
    SOLD_AT.date().to_string()
}

fn minutes_before(minutes: i64) -> String {
    let at = &*SOLD_AT - minutes.minutes();
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A sale of two lines, paid in cash. The amounts agree with each other.
#[must_use]
pub fn sale(terminal: &str, sequence: u64) -> Value {
    json!({
        "kind": "sale",
        "store": STORE,
        "terminal": terminal,
        "sequence": sequence,
        "business_date": business_date(),
        "started_at": minutes_before(3),
        "ended_at": minutes_before(1),
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
        "business_date": business_date(),
        "currency": "CNY",
        "lines": [{ "number": 1, "gtin": GTIN, "quantity": "-2", "unit_price": "12.00", "amount": "-24.00" }],
        "tenders": [{ "kind": "cash", "amount": "-24.00" }],
        "totals": { "gross": "-24.00" },
        "references": { "original_sale": format!("acme/{STORE}/{terminal}/{}/{original}/sale", business_date()) }
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
        let expected = format!("acme/0042/03/{}/18231/sale", business_date());
        assert_eq!(key(&sale("03", 18231)), expected);
    }
}
