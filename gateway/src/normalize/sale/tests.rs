use proptest::prelude::*;
use serde_json::{Value, json};
use tillgate_record::{Sale, Severity};

use super::*;
use crate::config::Config;

const CONFIG: &str = r#"
[gateway]
org = "acme"
store = "0042"
id = "gw-1"
data_dir = "/nowhere"
currency = "CNY"
[mqtt]
url = "mqtt://localhost"
[limits]
sale = "64 KiB"
[[terminal]]
id = "03"
token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#;

fn good() -> Value {
    json!({
        "kind": "sale", "store": "0042", "terminal": "03", "sequence": 18231,
        "business_date": "2026-11-21",
        "started_at": "2026-11-21T18:01:44+08:00", "ended_at": "2026-11-21T18:03:11+08:00",
        "operator": "7", "salesperson": "E1044", "training": false, "currency": "CNY",
        "customer": {"loyalty": "9156001122334", "phone": "+8613812345678", "name": "王小明"},
        "lines": [{
            "number": 1, "gtin": "06901234567892", "description": "绿茶 500ml", "quantity": "2",
            "unit": "EA", "unit_price": "12.50",
            "discounts": [{"amount": "1.00", "reason": "coupon"}],
            "taxes": [{"rate": "13", "amount": "2.76", "included": true}],
            "amount": "24.00", "voided": false, "entry": "scanned", "salesperson": "E1044"
        }],
        "tenders": [{"kind": "card", "amount": "24.00", "scheme": "unionpay",
            "masked_pan": "622123******7890", "card_token": "t-1", "change": "0.00"}],
        "totals": {"net": "21.24", "tax": "2.76", "gross": "24.00"},
        "loyalty": {"earned": "24", "redeemed": "0"},
        "references": {"original_sale": null, "purchase_order": null, "invoice": null}
    })
}

fn with_config<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let config: Config = toml::from_str(CONFIG).unwrap();
    look(&Context {
        config: &config,
        source: "03",
        received_at: "2026-11-21T10:03:12Z".parse().unwrap(),
        control_number: None,
    })
}

#[test]
fn the_day_of_a_sale_without_a_time_is_that_of_the_store() {
    let mut config: Config = toml::from_str(CONFIG).unwrap();
    let sale = changed(&[
        ("/started_at-", Value::Null),
        ("/ended_at-", Value::Null),
        ("/business_date", json!("2026-11-23")),
    ]);
    let raw = serde_json::to_vec(&sale).unwrap();
    let mut is_future = |zone: &str| {
        zone.clone_into(&mut config.gateway.timezone);
        let received_at = "2026-11-21T23:30:00Z".parse().unwrap();
        let context = Context { config: &config, source: "03", received_at, control_number: None };
        match interpret(&raw, Media::SaleJson, &context).items.remove(0) {
            Item::Candidate(candidate) => {
                candidate.quality.iter().any(|one| one.rule == "business-date-future")
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(is_future("UTC"), "the day after tomorrow");
    assert!(!is_future("Asia/Shanghai"), "tomorrow: there the 22nd has begun");
}

fn read_all(raw: &[u8], media: Media) -> Vec<Item> {
    with_config(|context| interpret(raw, media, context).items)
}

fn read_one(sale: &Value) -> (Option<Sale>, Vec<Quality>) {
    let mut items = read_all(&serde_json::to_vec(sale).unwrap(), Media::SaleJson);
    assert_eq!(items.len(), 1);
    match items.remove(0) {
        Item::Candidate(candidate) => match candidate.body {
            Body::Sale(sale) => (Some(sale), candidate.quality),
            other => panic!("no sale: {other:?}"),
        },
        Item::Rejected(quality) => {
            assert!(quality.iter().any(|one| one.severity == Severity::Error));
            (None, quality)
        }
        Item::Noted(_) => panic!("noted"),
    }
}

/// The good sale with other values at some pointers; `null` at a pointer that ends in `-` removes the field.
fn changed(changes: &[(&str, Value)]) -> Value {
    let mut sale = good();
    for (pointer, value) in changes {
        if let Some(pointer) = pointer.strip_suffix('-') {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            sale.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        } else if let Some(place) = sale.pointer_mut(pointer) {
            *place = value.clone();
        } else {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            sale.pointer_mut(parent).unwrap()[field] = value.clone();
        }
    }
    sale
}

#[test]
fn the_sale_of_the_contract_is_taken_without_a_finding() {
    let (sale, findings) = read_one(&good());
    assert_eq!(findings, []);
    let mut again = serde_json::to_value(sale.unwrap()).unwrap();
    // Fields that are left out when empty.
    again["references"] = good()["references"].clone();
    assert_eq!(again, good());
}

#[test]
fn the_least_sale_is_taken_without_a_finding() {
    let least = json!({
        "store": "0042", "terminal": "03", "sequence": 1, "business_date": "2026-11-21",
        "currency": "CNY", "lines": [{"quantity": "1", "amount": "5"}], "totals": {"gross": "5"}
    });
    let (sale, findings) = read_one(&least);
    assert_eq!(findings, []);
    assert_eq!(sale.unwrap().lines[0].number, Some(1));
}

#[test]
fn what_forbids_a_record() {
    let cases: &[(&str, Value, &str, &str)] = &[
        ("/store-", Value::Null, "missing-field", "/store"),
        ("/totals/gross-", Value::Null, "missing-field", "/totals/gross"),
        ("/lines/0/quantity-", Value::Null, "missing-field", "/lines/0/quantity"),
        ("/store", json!(42), "type", "/store"),
        ("/sequence", json!("18231"), "type", "/sequence"),
        ("/sequence", json!(-1), "type", "/sequence"),
        ("/lines", json!({}), "type", "/lines"),
        ("/lines/0", json!("x"), "type", "/lines/0"),
        ("/lines/0/voided", json!("no"), "type", "/lines/0/voided"),
        ("/totals/gross", json!(24.0), "amount-as-number", "/totals/gross"),
        ("/totals/gross", json!("24,00"), "amount", "/totals/gross"),
        ("/lines/0/taxes/0/rate", json!("13%"), "amount", "/lines/0/taxes/0/rate"),
        ("/business_date", json!("21.11.2026"), "date", "/business_date"),
        ("/business_date", json!("2026-02-30"), "date", "/business_date"),
        ("/ended_at", json!("2026-11-21T18:03:11"), "time", "/ended_at"),
        ("/kind", json!("refund"), "choice", "/kind"),
        ("/currency", json!("cny"), "currency", "/currency"),
        ("/store", json!("0043"), "foreign-store", "/store"),
        ("/terminal", json!("04"), "foreign-terminal", "/terminal"),
        ("/totals/gross", json!("24.001"), "amount-decimals", "/totals/gross"),
        ("/lines/0/taxes/0/amount", json!("2.761"), "amount-decimals", "/lines/0/taxes/0/amount"),
        ("/tenders/0/amount", json!("1000000000000"), "amount-range", "/tenders/0/amount"),
        ("/lines/0/unit_price", json!("-1000000000000"), "amount-range", "/lines/0/unit_price"),
    ];
    for (pointer, value, rule, path) in cases {
        let (sale, findings) = read_one(&changed(&[(pointer, value.clone())]));
        assert!(sale.is_none(), "{pointer} = {value} was taken");
        let found = findings.iter().find(|one| one.rule == *rule && one.path == *path);
        let found = found.unwrap_or_else(|| panic!("{pointer} = {value}: {findings:?}"));
        assert_eq!(found.severity, Severity::Error);
    }
}

#[test]
fn what_travels_as_a_warning() {
    type Changes<'a> = &'a [(&'a str, Value)];
    let cases: &[(Changes<'_>, &str, &str)] = &[
        (&[("/lines/0/amount", json!("23.99"))], "line-amount", "/lines/0/amount"),
        (&[("/lines/0/taxes/0/amount", json!("3.12"))], "line-tax", "/lines/0/taxes/0/amount"),
        (&[("/totals/gross", json!("25.00"))], "lines-total", "/totals/gross"),
        (&[("/totals/tax", json!("2.70"))], "tax-total", "/totals/tax"),
        (&[("/totals/net", json!("21.25"))], "totals", "/totals/net"),
        (&[("/tenders/0/amount", json!("20.00"))], "tenders-total", "/tenders"),
        (&[("/tenders/0/change", json!("1.00"))], "change-tender", "/tenders/0/change"),
        (&[("/tenders/0/masked_pan", json!("**** 7890"))], "masked-pan", "/tenders/0/masked_pan"),
        (&[("/lines/0/quantity", json!("-2"))], "line-sign", "/lines/0/quantity"),
        (&[("/lines/0/quantity", json!("0"))], "line-quantity", "/lines/0/quantity"),
        (
            &[("/lines/0/discounts/0/amount", json!("-1.00"))],
            "discount-sign",
            "/lines/0/discounts/0/amount",
        ),
        (&[("/kind", json!("return"))], "sale-sign", "/totals/gross"),
        (&[("/currency", json!("EUR"))], "foreign-currency", "/currency"),
        (&[("/lines/0/number", json!(0))], "line-number", "/lines/0/number"),
        (&[("/business_date", json!("2026-11-19"))], "business-date", "/business_date"),
        (
            &[
                ("/started_at-", Value::Null),
                ("/ended_at-", Value::Null),
                ("/business_date", json!("2026-11-23")),
            ],
            "business-date-future",
            "/business_date",
        ),
        (&[("/ended_at", json!("2026-11-21T18:01:43+08:00"))], "times", "/ended_at"),
        (&[("/ended_at", json!("2026-11-21T18:14:00+08:00"))], "clock-ahead", "/ended_at"),
        (&[("/lines/0/gtin", json!("6901234567893"))], "gtin-check-digit", "/lines/0/gtin"),
        (&[("/lines/0/gtin", json!("4711"))], "gtin-form", "/lines/0/gtin"),
        (
            &[("/lines/0/description", json!("card 411111******1111"))],
            "card-data-removed",
            "/lines/0/description",
        ),
        (&[("/customer/name", json!("[removed]"))], "card-data-removed", "/customer/name"),
        (&[("/lines/0/qauntity", json!("1"))], "unknown-field", "/lines/0/qauntity"),
        (&[("/link", json!({}))], "unknown-field", "/link"),
    ];
    for (changes, rule, path) in cases {
        let (sale, findings) = read_one(&changed(changes));
        assert!(sale.is_some(), "{changes:?} was refused: {findings:?}");
        let found = findings.iter().any(|one| one.rule == *rule && one.path == *path);
        assert!(found, "{changes:?}: {findings:?}");
    }
}

#[test]
fn what_is_normal_gives_no_finding() {
    let cases: &[&[(&str, Value)]] = &[
        // Late shift: the trading day of the evening before.
        &[("/business_date", json!("2026-11-20"))],
        &[("/ended_at", json!("2026-11-21T10:03:11Z")), ("/started_at-", Value::Null)],
        // Days without network.
        &[
            ("/started_at-", Value::Null),
            ("/ended_at-", Value::Null),
            ("/business_date", json!("2026-11-02")),
        ],
        // Tax on top, rounded per line.
        &[
            ("/lines/0/taxes/0", json!({"rate": "13", "amount": "3.12", "included": false})),
            ("/totals", json!({"net": "24.00", "tax": "3.12", "gross": "27.12"})),
            ("/tenders/0/amount", json!("27.12")),
        ],
        // Tax on top, only in the totals.
        &[
            ("/lines/0/taxes-", Value::Null),
            ("/totals", json!({"net": "24.00", "tax": "3.12", "gross": "27.12"})),
            ("/tenders/0/amount", json!("27.12")),
        ],
        // Weighed goods.
        &[
            ("/lines/0/quantity", json!("0.345")),
            ("/lines/0/unit_price", json!("69.97")),
            ("/lines/0/discounts-", Value::Null),
            ("/lines/0/amount", json!("24.14")),
            ("/lines/0/taxes-", Value::Null),
            ("/totals", json!({"gross": "24.14"})),
            ("/tenders/0/amount", json!("24.14")),
        ],
        // A voided line stays out of the sums.
        &[("/lines/1", json!({"quantity": "1", "amount": "9.99", "voided": true}))],
        // Goods come back, with their discount.
        &[
            ("/kind", json!("return")),
            ("/lines/0/quantity", json!("-2")),
            ("/lines/0/amount", json!("-24.00")),
            ("/lines/0/taxes/0/amount", json!("-2.76")),
            ("/totals", json!({"net": "-21.24", "tax": "-2.76", "gross": "-24.00"})),
            ("/tenders/0/amount", json!("-24.00")),
        ],
        &[("/tenders", json!([{"kind": "cash", "amount": "50", "change": "26.00"}]))],
        &[
            ("/kind", json!("suspended")),
            ("/tenders", json!([])),
            ("/totals/gross", json!("0")),
            ("/totals/net-", Value::Null),
        ],
        &[("/lines/0/gtin", json!("96385074"))],
        &[("/customer/name", json!("王**")), ("/customer/phone", json!("138****5678"))],
        &[("/customer", Value::Null)],
    ];
    for changes in cases {
        let mut sale = good();
        if changes.iter().any(|(pointer, _)| *pointer == "/lines/1") {
            sale["lines"].as_array_mut().unwrap().push(changes[0].1.clone());
        } else {
            sale = changed(changes);
        }
        assert_eq!(read_one(&sale).1, [], "{changes:?}");
    }
}

#[test]
fn a_gtin_is_14_digits_or_goes() {
    let gtin = |value: &str| {
        let mut sent = changed(&[("/lines/0/gtin", json!(value))]);
        let first = read_one(&sent).0.unwrap().lines.remove(0);
        sent["lines"][0]["sku"] = json!("own");
        let second = read_one(&sent).0.unwrap().lines.remove(0);
        assert_eq!(second.sku.as_deref(), Some("own"));
        (first.gtin, first.sku)
    };
    assert_eq!(gtin("6901234567892"), (Some("06901234567892".to_owned()), None));
    assert_eq!(gtin("6901234567893"), (Some("06901234567893".to_owned()), None));
    assert_eq!(gtin("4711"), (None, Some("4711".to_owned())));
}

#[test]
fn decimals_follow_the_currency() {
    let yen = |amount: &str| {
        let sale = json!({
            "store": "0042", "terminal": "03", "sequence": 1, "business_date": "2026-11-21",
            "currency": "JPY", "lines": [], "totals": {"gross": amount}
        });
        read_one(&sale).0.is_some()
    };
    assert!(yen("100") && yen("100.00"));
    assert!(!yen("100.5"));
}

#[test]
fn all_errors_are_told_at_once_and_unknown_fields_with_the_nearest_name() {
    let sent = changed(&[
        ("/store-", Value::Null),
        ("/totals/gross", json!(24)),
        ("/lines/0/amonut", json!("1")),
    ]);
    let (_, findings) = read_one(&sent);
    let rules: Vec<&str> = findings.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(rules, ["missing-field", "unknown-field", "amount-as-number"]);
    assert_eq!(findings[1].path, "/lines/0/amonut");
    assert_eq!(findings[1].expected.as_deref(), Some("amount"));
    assert_eq!(findings[2].expected.as_deref(), Some("\"24\""));
}

#[test]
fn what_is_no_json_says_so() {
    for (text, part) in [
        ("", "EOF while parsing"),
        ("{", "EOF while parsing"),
        ("{} {}", "application/x-ndjson"),
        ("[1]", "an object in braces"),
        ("\u{0}\u{1}", "expected value"),
        (r#"{"store":"1","store":"2"}"#, "duplicate field"),
    ] {
        let items = read_all(text.as_bytes(), Media::SaleJson);
        let [Item::Rejected(findings)] = items.as_slice() else { panic!("{text}: {items:?}") };
        let all = format!("{findings:?}");
        assert!(all.contains(part), "{text}: {all}");
    }
    let two = format!("{0}\n{0}", good());
    let items = read_all(two.as_bytes(), Media::SaleJson);
    let [Item::Rejected(findings)] = items.as_slice() else { panic!("{items:?}") };
    assert!(findings[0].message.contains("application/x-ndjson"), "{findings:?}");
}

#[test]
fn lines_are_items_in_order() {
    let raw = format!("\u{feff}{0}\r\n\n{{\n   \n{0}", good());
    let items = read_all(raw.as_bytes(), Media::SaleNdjson);
    let [Item::Candidate(first), Item::Rejected(_), Item::Candidate(last)] = items.as_slice()
    else {
        panic!("{items:?}")
    };
    assert_eq!(first.quality[0].rule, "byte-order-mark");
    assert_eq!(last.quality, []);
}

#[test]
fn a_large_sale_is_refused_and_many_findings_are_cut() {
    let items = read_all(&[b' '; 100_000], Media::SaleJson);
    let [Item::Rejected(findings)] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(findings[0].rule, "json", "blanks around a sale do not count");
    let long = changed(&[("/operator", json!("x".repeat(70_000)))]);
    assert_eq!(read_one(&long).1[0].rule, "sale-size");
    let lines: Vec<Value> = (0..500).map(|_| json!({"quantity": 1})).collect();
    assert_eq!(read_one(&changed(&[("/lines", json!(lines))])).1.len(), 51);
}

#[test]
fn a_card_number_in_a_wrong_place_is_not_repeated() {
    for pointer in ["/customer/loyalty", "/tenders/0/masked_pan"] {
        let (_, findings) = read_one(&changed(&[(pointer, json!(4111111111111111_u64))]));
        let text = serde_json::to_string(&findings).unwrap();
        assert!(text.contains("a number") && !text.contains("411111"), "{text}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[-+.0-9*e]{0,32}".prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("99999999999999999999999999.99")),
        Just(json!("0.0000000000000000000000000001")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z_]{1,8}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_pointer() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/kind",
        "/store",
        "/sequence",
        "/business_date",
        "/ended_at",
        "/currency",
        "/customer",
        "/lines",
        "/lines/0",
        "/lines/0/gtin",
        "/lines/0/quantity",
        "/lines/0/unit_price",
        "/lines/0/amount",
        "/lines/0/discounts/0/amount",
        "/lines/0/taxes/0/rate",
        "/lines/0/taxes/0/amount",
        "/lines/0/description",
        "/tenders",
        "/tenders/0/amount",
        "/tenders/0/masked_pan",
        "/totals/gross",
        "/totals/net",
        "/extra",
    ])
}

proptest! {
    #[test]
    fn no_bytes_panic(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&raw, Media::SaleNdjson);
    }

    /// A sale is either taken, or refused with an error; and what is taken is JSON of the contract again.
    #[test]
    fn no_value_panics_or_is_dropped(
        changes in prop::collection::vec((any_pointer(), any_json()), 1..4),
    ) {
        let mut sent = good();
        for (pointer, value) in changes {
            if let Some(place) = sent.pointer_mut(pointer) {
                *place = value;
            } else if pointer == "/extra" {
                sent["extra"] = value;
            }
        }
        if let (Some(sale), _) = read_one(&sent) {
            let again = serde_json::to_value(&sale).unwrap();
            prop_assert_eq!(read_one(&again).0, Some(sale));
        }
    }
}
