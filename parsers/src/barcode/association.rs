//! Which elements must and must not stand together (GS1 General Specifications 4.13, 4.14).
//!
//! In: the elements of one barcode. Out: findings. GS1 holds these rules against all barcodes of a physical item, so
//! that what one of them lacks, another may have: whoever sees all of them decides what a finding weighs.

use super::dictionary::is_meant;
use super::element::{Element, error, named};
use crate::finding::Finding;

/// An element lacks another that must be on the same item.
pub const MISSING: &str = "gs1-missing-ai";
/// Two elements must not be on the same item.
pub const EXCLUDED: &str = "gs1-excluded-ai";

pub(super) fn findings(elements: &[Element]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        let (before, behind) = elements.split_at(place);
        if let Some(first) = before.iter().find(|other| other.identifier == element.identifier) {
            if first.value != element.value {
                found.push(contradiction(element));
            }
            continue;
        }
        found.extend(
            behind.iter().skip(1).chain(before).find_map(|other| exclusion(element, other)),
        );
        found.extend(missing(element, elements));
        found.extend(missing_serial(element, elements));
    }
    found
}

fn contradiction(element: &Element) -> Finding {
    let name = named(&element.identifier);
    let message = format!("{name} stands there twice with different values: the label is wrong");
    Finding {
        expected: Some("one value".to_owned()),
        found: Some("two values".to_owned()),
        ..error("gs1-repeated-ai", message)
    }
}

fn exclusion(element: &Element, other: &Element) -> Option<Finding> {
    let (one, two) = (&element.identifier, &other.identifier);
    let excludes = |row: &Element, other: &str| {
        row.row.excludes.iter().any(|pattern| is_meant(pattern, other))
    };
    let is_excluded = one != two && excludes(element, two);
    is_excluded.then(|| {
        let (name, other) = (named(one), named(two));
        let message =
            format!("{name} and {other} must not be on the same item: the label is wrong");
        Finding {
            expected: Some("one of them".to_owned()),
            found: Some("both".to_owned()),
            ..error(EXCLUDED, message)
        }
    })
}

fn missing(element: &Element, elements: &[Element]) -> Option<Finding> {
    let is_there =
        |pattern: &&str| elements.iter().any(|other| is_meant(pattern, &other.identifier));
    let is_met = |demand: &&Vec<Vec<&str>>| {
        demand.iter().any(|alternative| alternative.iter().all(&is_there))
    };
    let demand = element.row.needs.iter().find(|demand| !is_met(demand))?;
    let alternatives: Vec<String> = demand
        .iter()
        .map(|all| all.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" with "))
        .collect();
    let name = named(&element.identifier);
    let message = format!(
        "{name} says something of another element, which is not in this barcode: scan the item's other barcode too; \
         if there is none, the label is wrong"
    );
    Some(Finding {
        expected: Some(alternatives.join(" or ")),
        found: Some("none of them".to_owned()),
        ..error(MISSING, message)
    })
}

/// A digital signature is of one object: keys of documents, coupons and assets need their serial part beside it.
fn missing_serial(element: &Element, elements: &[Element]) -> Option<Finding> {
    let is_signed = elements.iter().any(|other| other.identifier == "8030");
    let has_no_serial = matches!(element.identifier.as_str(), "253" | "255" | "8003")
        && element.value.len() <= element.row.lengths().0;
    (is_signed && has_no_serial).then(|| {
        let name = named(&element.identifier);
        let message = format!(
            "{name} has no serial part, which a signature (8030) needs: the label is wrong"
        );
        Finding {
            expected: Some("a serial part".to_owned()),
            ..error("gs1-missing-serial", message)
        }
    })
}
