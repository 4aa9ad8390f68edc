//! The shape of a sale, to say what is wrong with one that could not be read: all of it, with the place and what
//! to do. A test holds it equal to the JSON Schema of [`tillgate_record::Sale`].

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tillgate_record::{Amount, Quality};

use super::findings::{Findings, compared, error, excerpt, warning};

/// What a value must be.
pub(super) enum Shape {
    Text,
    /// A text that tells about a person: findings do not repeat it.
    PersonalText,
    Amount,
    Whole(u64),
    Truth,
    Date,
    Time,
    OneOf(&'static [&'static str]),
    List(&'static Self),
    Object(&'static [Field]),
}

/// A field of an object.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) shape: Shape,
}

/// Whether a field may be left out, or be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    /// May be left out, but not be null.
    Defaulted,
    /// May be left out or be null.
    Optional,
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, presence: Presence::Required, shape }
}
const fn defaulted(name: &'static str, shape: Shape) -> Field {
    Field { name, presence: Presence::Defaulted, shape }
}
const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, presence: Presence::Optional, shape }
}

const KINDS: Shape = Shape::OneOf(&["sale", "return", "void", "post_void", "no_sale", "suspended"]);

const CUSTOMER: Shape = Shape::Object(&[
    optional("loyalty", Shape::PersonalText),
    optional("card_token", Shape::PersonalText),
    optional("phone", Shape::PersonalText),
    optional("email", Shape::PersonalText),
    optional("name", Shape::PersonalText),
]);

const DISCOUNT: Shape =
    Shape::Object(&[required("amount", Shape::Amount), optional("reason", Shape::Text)]);

const TAX: Shape = Shape::Object(&[
    optional("rate", Shape::Amount),
    required("amount", Shape::Amount),
    defaulted("included", Shape::Truth),
]);

const LINE: Shape = Shape::Object(&[
    optional("number", Shape::Whole(u32::MAX as u64)),
    optional("gtin", Shape::Text),
    optional("sku", Shape::Text),
    optional("description", Shape::Text),
    required("quantity", Shape::Amount),
    optional("unit", Shape::Text),
    optional("unit_price", Shape::Amount),
    defaulted("discounts", Shape::List(&DISCOUNT)),
    defaulted("taxes", Shape::List(&TAX)),
    required("amount", Shape::Amount),
    defaulted("voided", Shape::Truth),
    optional("entry", Shape::Text),
    optional("salesperson", Shape::Text),
]);

const TENDER: Shape = Shape::Object(&[
    required("kind", Shape::Text),
    required("amount", Shape::Amount),
    optional("scheme", Shape::Text),
    optional("masked_pan", Shape::PersonalText),
    optional("card_token", Shape::PersonalText),
    optional("change", Shape::Amount),
]);

const TOTALS: Shape = Shape::Object(&[
    optional("net", Shape::Amount),
    optional("tax", Shape::Amount),
    required("gross", Shape::Amount),
]);

const LOYALTY: Shape =
    Shape::Object(&[optional("earned", Shape::Amount), optional("redeemed", Shape::Amount)]);

const REFERENCES: Shape = Shape::Object(&[
    optional("original_sale", Shape::Text),
    optional("purchase_order", Shape::Text),
    optional("invoice", Shape::Text),
]);

pub(super) const SALE: Shape = Shape::Object(&[
    defaulted("kind", KINDS),
    required("store", Shape::Text),
    required("terminal", Shape::Text),
    required("sequence", Shape::Whole(u64::MAX)),
    required("business_date", Shape::Date),
    optional("started_at", Shape::Time),
    optional("ended_at", Shape::Time),
    optional("operator", Shape::Text),
    optional("salesperson", Shape::Text),
    defaulted("training", Shape::Truth),
    required("currency", Shape::Text),
    optional("customer", CUSTOMER),
    required("lines", Shape::List(&LINE)),
    defaulted("tenders", Shape::List(&TENDER)),
    required("totals", TOTALS),
    optional("loyalty", LOYALTY),
    optional("references", REFERENCES),
]);

/// What the gateway adds; a terminal that sends it back sends too much.
const ADDED_BY_GATEWAY: [&str; 3] = ["link", "provenance", "quality"];
/// Names that differ by more are no misspelling of each other.
const NEARNESS_MIN: f64 = 0.8;

/// Everything that keeps a JSON value from being a sale.
pub(super) fn examine(tree: &Value, findings: &mut Findings) {
    examine_value(&SALE, tree, "", findings);
}

/// A field that the contract does not know, with the one that was probably meant.
pub(super) fn unknown_field(parent: &str, field: &str) -> Quality {
    let path = format!("{parent}/{}", escaped(&excerpt(field)));
    if parent.is_empty() && ADDED_BY_GATEWAY.contains(&field) {
        let message = "the gateway adds this field; what was sent in it is ignored";
        return warning("unknown-field", path, message);
    }
    let nearest = names_at(parent)
        .map(|name| (strsim::jaro_winkler(name, field), name))
        .filter(|(nearness, _)| *nearness >= NEARNESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut finding = warning("unknown-field", path, "this field is unknown and is ignored");
    if let Some((_, name)) = nearest {
        finding.message.push_str("; did you mean ");
        finding.message.push_str(name);
        finding.message.push('?');
        finding.expected = Some(name.to_owned());
    }
    finding
}

/// RFC 6901 section 3: `~` and `/` are escaped in a reference token.
fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The fields of the object at a JSON pointer.
fn names_at(pointer: &str) -> impl Iterator<Item = &'static str> {
    let mut shape = &SALE;
    let mut names: &[Field] = &[];
    for segment in pointer.split('/').skip(1) {
        shape = match shape {
            Shape::Object(fields) => fields
                .iter()
                .find(|field| field.name == segment)
                .map_or(shape, |field| &field.shape),
            Shape::List(element) => element,
            _ => shape,
        };
    }
    if let Shape::Object(fields) = shape {
        names = fields;
    }
    names.iter().map(|field| field.name)
}

fn examine_value(shape: &Shape, value: &Value, path: &str, findings: &mut Findings) {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(object)) => {
            examine_object(fields, object, path, findings);
        }
        (Shape::List(element), Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                examine_value(element, value, &format!("{path}/{index}"), findings);
            }
        }
        (Shape::Amount, Value::Number(number)) => findings.add(compared(
            error(
                "amount-as-number",
                path.to_owned(),
                "a decimal is sent in quotes, since a JSON number may lose cents in binary",
            ),
            format!("\"{number}\""),
            number,
        )),
        _ => {
            if let Some(expected) = misfit(shape, value) {
                findings.add(compared(
                    error(rule_of(shape), path.to_owned(), format!("expected {expected}")),
                    expected,
                    described(shape, value),
                ));
            }
        }
    }
}

fn examine_object(
    fields: &[Field],
    object: &serde_json::Map<String, Value>,
    path: &str,
    findings: &mut Findings,
) {
    for field in fields {
        let place = format!("{path}/{}", field.name);
        match object.get(field.name) {
            None if field.presence == Presence::Required => findings.add(error(
                "missing-field",
                place,
                format!("{} is missing: every sale must have it", field.name),
            )),
            None => {}
            Some(Value::Null) if field.presence == Presence::Optional => {}
            Some(value) => examine_value(&field.shape, value, &place, findings),
        }
    }
    for name in object.keys() {
        if !fields.iter().any(|field| field.name == name) {
            findings.add(unknown_field(path, name));
        }
    }
}

fn rule_of(shape: &Shape) -> &'static str {
    match shape {
        Shape::Amount => "amount",
        Shape::Date => "date",
        Shape::Time => "time",
        Shape::OneOf(_) => "choice",
        _ => "type",
    }
}

/// What was expected instead, if the value does not fit.
fn misfit(shape: &Shape, value: &Value) -> Option<String> {
    let text = value.as_str();
    let (fits, expected) = match shape {
        Shape::Text | Shape::PersonalText => (text.is_some(), "a text in quotes"),
        Shape::Amount => (
            text.is_some_and(|text| text.parse::<Amount>().is_ok()),
            "a decimal number in quotes, such as \"12.50\"",
        ),
        Shape::Whole(max) => {
            (value.as_u64().is_some_and(|number| number <= *max), "a whole number without quotes")
        }
        Shape::Truth => (value.is_boolean(), "true or false"),
        Shape::Date => {
            (text.is_some_and(|text| text.parse::<Date>().is_ok()), "a date such as \"2026-11-21\"")
        }
        Shape::Time => (
            text.is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            "a time with its UTC offset, such as \"2026-11-21T18:03:11+08:00\"",
        ),
        Shape::OneOf(names) => {
            let fits = text.is_some_and(|text| names.contains(&text));
            return (!fits).then(|| format!("one of {}", names.join(", ")));
        }
        Shape::List(_) => (false, "a list in square brackets"),
        Shape::Object(_) => (false, "an object in braces"),
    };
    (!fits).then(|| expected.to_owned())
}

/// A value that does not fit, in few words.
fn described(shape: &Shape, value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Number(_) if matches!(shape, Shape::PersonalText) => "a number".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) if matches!(shape, Shape::List(_) | Shape::Object(_)) => {
            "a text".to_owned()
        }
        Value::String(text) => format!("\"{}\"", excerpt(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::schema_for;
    use tillgate_record::Sale;

    use super::*;

    /// Field by field: name, whether required, whether null is allowed, and the same below.
    fn assert_agree(shape: &Shape, schema: &Value, root: &Value, path: &str) {
        let schema = resolved(schema, root);
        match shape {
            Shape::Object(fields) => {
                let properties = schema["properties"].as_object().unwrap();
                let theirs: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
                let ours: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
                assert_eq!(ours, theirs, "fields at {path:?}");
                let required: BTreeSet<&str> = schema["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|name| name.as_str().unwrap())
                    .collect();
                for field in *fields {
                    let place = format!("{path}/{}", field.name);
                    assert_eq!(
                        field.presence == Presence::Required,
                        required.contains(field.name),
                        "required at {place}"
                    );
                    let property = &properties[field.name];
                    assert_eq!(
                        field.presence == Presence::Optional,
                        allows_null(property),
                        "null at {place}"
                    );
                    assert_agree(&field.shape, property, root, &place);
                }
            }
            Shape::List(element) => assert_agree(element, &schema["items"], root, path),
            Shape::Text | Shape::PersonalText | Shape::Amount | Shape::Date | Shape::Time => {
                assert!(names_type(&schema, "string"), "{path} is no string: {schema}");
            }
            Shape::Whole(_) => assert!(names_type(&schema, "integer"), "{path}"),
            Shape::Truth => assert!(names_type(&schema, "boolean"), "{path}"),
            Shape::OneOf(names) => {
                let theirs: BTreeSet<&str> = schema["oneOf"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|variant| variant["const"].as_str().unwrap())
                    .collect();
                assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), theirs, "{path}");
            }
        }
    }

    fn resolved(schema: &Value, root: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return root.pointer(reference.trim_start_matches('#')).unwrap().clone();
        }
        match schema["anyOf"].as_array() {
            Some(choices) => {
                let named = choices.iter().find(|choice| choice["type"] != "null").unwrap();
                resolved(named, root)
            }
            None => schema.clone(),
        }
    }

    fn allows_null(schema: &Value) -> bool {
        names_type(schema, "null")
            || schema["anyOf"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| names_type(one, "null")))
    }

    fn names_type(schema: &Value, name: &str) -> bool {
        schema["type"] == name
            || schema["type"].as_array().is_some_and(|names| names.iter().any(|one| one == name))
    }

    #[test]
    fn the_shape_is_the_schema_of_a_sale() {
        let schema = schema_for!(Sale).to_value();
        assert_agree(&SALE, &schema, &schema, "");
    }
}
