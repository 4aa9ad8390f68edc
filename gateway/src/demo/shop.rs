//! What the demo's shop sells, and to whom. Names, numbers and baskets are made up; the card numbers come from the
//! card schemes' public test ranges.

use jiff::Zoned;
use rand::Rng;
use rand::rngs::SmallRng;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// GTIN, description, price in hundredths.
const PRODUCTS: [(&str, &str, i64); 8] = [
    ("06901234567892", "Green tea 500 ml", 450),
    ("05012345678900", "Rye bread 750 g", 1290),
    ("04006381333931", "Highlighter pen", 890),
    ("00036000291452", "Paper towels, 2 rolls", 1680),
    ("09780201379624", "Paperback novel", 5600),
    ("05449000000996", "Cola 0.33 l", 390),
    ("04012345678901", "Olive oil 0.5 l", 6990),
    ("08712345678906", "Coffee beans 250 g", 4290),
];

/// Id, name, loyalty number, telephone, e-mail.
const CUSTOMERS: [(&str, &str, &str, &str, &str); 5] = [
    ("c-81231", "王小明", "9156001122334", "+8613812345678", "wang.xm@example.com"),
    ("c-81232", "李芳", "9156001122341", "+8613912345670", "li.fang@example.com"),
    ("c-90417", "Anna Schmidt", "9156001199002", "+4930901820", "anna.schmidt@example.com"),
    ("c-90555", "Marie Dupont", "9156001155008", "+33142685300", "marie.dupont@example.com"),
    ("c-77003", "James O'Neill", "9156001177007", "+442079460958", "j.oneill@example.com"),
];

/// Track data of test cards, as a swipe sends it.
const SWIPES: [&[&str]; 3] = [
    &[
        "%B4111111111111111^TEST/CARD^30121010000000000000?",
        ";4111111111111111=30121010000000000000?",
    ],
    &[
        "%B5555555555554444^TEST/CARD^30121010000000000000?",
        ";5555555555554444=30121010000000000000?",
    ],
    &[";9156001122334=99120000000000?"],
];

/// The customers as a CSV file for `tillgate customers import`.
pub(super) fn customers_csv() -> String {
    let mut csv = String::from("id,name,loyalty,phone,email\n");
    for (id, name, loyalty, phone, email) in CUSTOMERS {
        csv.push_str(&format!("{id},{name},{loyalty},{phone},{email}\n"));
    }
    csv
}

/// The products as a CSV file for `tillgate catalog import`.
pub(super) fn products_csv() -> String {
    let mut csv = String::from("gtin,description\n");
    for (gtin, description, _) in PRODUCTS {
        csv.push_str(&format!("{gtin},\"{description}\"\n"));
    }
    csv
}

/// What one customer carries to the till.
pub(super) struct Basket {
    items: Vec<(usize, u32)>,
    customer: Option<usize>,
}

impl Basket {
    /// One to four products; four of five customers say who they are.
    pub(super) fn random(random: &mut SmallRng) -> Self {
        let count = random.random_range(1..=4);
        let items = (0..count)
            .map(|_| (random.random_range(0..PRODUCTS.len()), random.random_range(1..=3)))
            .collect();
        let customer = random.random_bool(0.8).then(|| random.random_range(0..CUSTOMERS.len()));
        Self { items, customer }
    }

    /// The barcodes that the scanner will see, in order: EAN-13, or UPC-A where the code is American.
    pub(super) fn barcodes(&self) -> impl Iterator<Item = &'static str> {
        self.items.iter().map(|(product, _)| {
            let (gtin, _, _) = PRODUCTS[*product];
            gtin.strip_prefix("00").or_else(|| gtin.strip_prefix('0')).unwrap_or(gtin)
        })
    }

    /// A card swipe to go with it.
    pub(super) fn swipe(random: &mut SmallRng) -> &'static [&'static str] {
        SWIPES[random.random_range(0..SWIPES.len())]
    }

    /// The sale as the terminal posts it.
    pub(super) fn sale(&self, terminal: &str, sequence: u64, now: &Zoned) -> Value {
        let lines: Vec<Value> = self.items.iter().map(line).collect();
        let gross: i64 = self
            .items
            .iter()
            .map(|(product, count)| PRODUCTS[*product].2 * i64::from(*count))
            .sum();
        let ended_at = now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        json!({
            "kind": "sale", "store": "0042", "terminal": terminal, "sequence": sequence,
            "business_date": now.date().to_string(), "ended_at": ended_at,
            "operator": "7", "currency": "CNY",
            "customer": self.customer.map(identification),
            "lines": lines,
            "tenders": [{"kind": "cash", "amount": money(gross)}],
            "totals": {"gross": money(gross)},
        })
    }
}

fn line((product, count): &(usize, u32)) -> Value {
    let (gtin, _, price) = PRODUCTS[*product];
    json!({
        "gtin": gtin, "quantity": count.to_string(), "unit": "EA", "unit_price": money(price),
        "amount": money(price * i64::from(*count)), "entry": "scanned",
    })
}

/// Customers identify themselves by card, telephone or e-mail, in turn.
fn identification(customer: usize) -> Value {
    let (_, _, loyalty, phone, email) = CUSTOMERS[customer];
    match customer % 3 {
        0 => json!({ "loyalty": loyalty }),
        1 => json!({ "phone": phone }),
        _ => json!({ "email": email }),
    }
}

fn money(hundredths: i64) -> String {
    Decimal::new(hundredths, 2).to_string()
}

#[cfg(test)]
mod tests {
    use tillgate_parsers::barcode::check_digit_fits;

    use super::*;

    #[test]
    fn every_gtin_has_a_right_check_digit() {
        for (gtin, _, _) in PRODUCTS {
            assert!(check_digit_fits(gtin.as_bytes()), "{gtin}");
        }
    }
}
