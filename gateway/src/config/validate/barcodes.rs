//! Labels, loyalty cards and function codes: patterns that can be read, and names that do not collide.

use tillgate_parsers::barcode;
use tillgate_parsers::card::LoyaltyCard;

use super::Flaws;
use crate::config::Config;

pub(super) fn check(config: &Config, flaws: &mut Flaws) {
    let known = barcode::national_schemes();
    for (index, scheme) in config.barcodes.schemes.iter().enumerate() {
        if !known.contains(scheme) {
            let known = known.join(", ");
            let message = format!(
                "{scheme:?} is no national scheme; expected one of {known}, or a [[scale_label]] of your own"
            );
            flaws.error(format!("barcodes.schemes[{index}]"), message);
        }
    }
    for (index, label) in config.scale_labels.iter().enumerate() {
        flaws.name(format!("scale_label[{index}].id"), &label.id);
        if let Err(error) = label.pattern() {
            flaws.error(format!("scale_label[{index}].pattern"), error.to_string());
        }
    }
    loyalty_cards(config, flaws);
    function_codes(config, flaws);
}

fn loyalty_cards(config: &Config, flaws: &mut Flaws) {
    for (index, card) in config.loyalty_cards.iter().enumerate() {
        flaws.name(format!("loyalty_card[{index}].id"), &card.id);
        match card.rule() {
            Ok(rule) => loyalty_range(&rule, &format!("loyalty_card[{index}].prefix"), flaws),
            Err(error) => flaws.error(format!("loyalty_card[{index}].prefix"), error.to_string()),
        }
        if card.length_min > card.length_max {
            let message = format!("expected at least `length_min`, {}", card.length_min);
            flaws.error(format!("loyalty_card[{index}].length_max"), message);
        }
    }
}

/// A card whose numbers could be a payment card's is refused: the number of a payment card that lost a digit, or of
/// which one was misread, would leave in full as a member's.
fn loyalty_range(card: &LoyaltyCard, path: &str, flaws: &mut Flaws) {
    if card.prefix_length() >= card.lengths.0 {
        flaws.error(
            path,
            "expected fewer characters than `length_min`: else other numbers would be taken for cards",
        );
    }
    let Some(overlap) = card.overlap() else { return };
    let scheme = overlap.scheme.as_str();
    match overlap.is_told_apart {
        false => flaws.error(
            path,
            format!(
                "is in a range of {scheme}: a payment card with one digit lost or misread could leave with its full \
                 number; narrow the range or the lengths, or set `check` if the numbers have a check digit of their own"
            ),
        ),
        true => flaws.warning(
            path,
            format!(
                "is in a range of {scheme}: numbers that could be a payment card's leave masked, as a payment card"
            ),
        ),
    }
}

fn function_codes(config: &Config, flaws: &mut Flaws) {
    let codes = &config.function_codes;
    for (index, code) in codes.iter().enumerate() {
        flaws.name(format!("function_code[{index}].name"), &code.name);
        let path = format!("function_code[{index}].code");
        let before = codes.iter().take(index).position(|known| known.code == code.code);
        if code.code.is_empty() {
            flaws.error(path, "must not be empty");
        } else if let Some(first) = before {
            flaws.error(path, format!("is the same as in [[function_code]] #{}", first + 1));
        }
    }
}
