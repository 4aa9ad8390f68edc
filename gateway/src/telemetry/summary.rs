//! A record in one line, for `tillgate tail` and the demo. Never: a customer but by the CRM's id, a card but by
//! what its record holds, which is masked.

use serde_json::Value;
use tillgate_record::Event;

/// What stands above the lines.
#[must_use]
pub fn header() -> String {
    format!("{:>6}  {:<11} {:<10} {:<22} what", "seq", "record", "from", "customer")
}

/// An event in one line.
#[must_use]
pub fn line(payload: &[u8]) -> String {
    match serde_json::from_slice::<Event<'_>>(payload) {
        Ok(event) => describe(&event, &serde_json::from_str(event.data.get()).unwrap_or_default()),
        Err(error) => format!("not an event of tillgate: {error}"),
    }
}

fn describe(event: &Event<'_>, data: &Value) -> String {
    let kind = data["kind"].as_str().unwrap_or("?");
    let from = data["lane"]
        .as_str()
        .map_or_else(|| text(&data["provenance"]["source"]), |lane| format!("lane {lane}"));
    let customer = customer(data);
    format!("{:>6}  {kind:<11} {from:<10} {customer:<22} {}", event.sequence, content(data))
}

/// Who it was, as far as a screen may show it, and how that is known.
fn customer(data: &Value) -> String {
    let link = &data["link"];
    match (link["decision"].as_str(), link["customer_id"].as_str()) {
        (Some("linked"), Some(id)) => format!("{id} by {}", text(&link["method"])),
        (Some("anonymous") | None, _) => "-".to_owned(),
        (Some(decision), _) => decision.to_owned(),
    }
}

fn content(data: &Value) -> String {
    match data["kind"].as_str() {
        Some("barcode") => match data["description"].as_str() {
            Some(description) => format!("{}  {description}", text(&data["data"])),
            None => text(&data["data"]),
        },
        Some("card") => match data["masked_pan"].as_str() {
            Some(masked) => format!("{} {masked}", text(&data["scheme"])),
            None => "loyalty card".to_owned(),
        },
        Some("parked") => format!("stays at the gateway: {}", text(&data["reason"])),
        Some("lost") => format!("through {}: {}", data["through"], text(&data["reason"])),
        Some("order" | "invoice" | "credit_note") => {
            format!(
                "{} of {}, {}",
                text(&data["number"]),
                text(&data["sender"]["id"]),
                lines(&data["lines"])
            )
        }
        _ => format!(
            "{} {}, {}",
            text(&data["totals"]["gross"]),
            text(&data["currency"]),
            lines(&data["lines"])
        ),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn lines(value: &Value) -> String {
    match value.as_array().map_or(0, Vec::len) {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_record_says_why_and_what_to_do() {
        let event = serde_json::json!({
            "specversion": "1.0", "id": "6f2b7c1e-2f7c-5d0a-8c55-0a4f3f2e9b11", "source": "/acme/1/gw",
            "type": "tillgate.parked.v1", "time": "2026-11-21T18:03:11+08:00", "subject": "k",
            "dataschema": "s", "datacontenttype": "application/json", "sequence": "7", "incarnation": 1,
            "data": {"kind": "parked", "type": "tillgate.sale.v1", "reason": "not allowed (0x90): have it allowed"},
        });
        let line = line(event.to_string().as_bytes());
        assert!(line.trim_start().starts_with("7  parked"), "{line}");
        assert!(
            line.ends_with("stays at the gateway: not allowed (0x90): have it allowed"),
            "{line}"
        );
    }
}
