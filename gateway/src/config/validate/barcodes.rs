//! Labels, loyalty cards and function codes: patterns that can be read, and names that do not collide.

use tillgate_parsers::barcode;

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
        let prefix = usize::from(card.length_min).saturating_sub(card.prefix.len());
        if card.prefix.is_empty() || prefix == 0 {
            let message = "expected some characters, and fewer than `length_min`: else other barcodes would be \
                           taken for cards";
            flaws.error(format!("loyalty_card[{index}].prefix"), message);
        }
        if card.length_min > card.length_max {
            let message = format!("expected at least `length_min`, {}", card.length_min);
            flaws.error(format!("loyalty_card[{index}].length_max"), message);
        }
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
