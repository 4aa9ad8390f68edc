//! Currencies: how many decimals their amounts have (ISO 4217, column "minor unit").

use rust_decimal::Decimal;

/// Currencies whose minor unit is not the hundredth.
const EXPONENTS: [(u32, &[&str]); 3] = [
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
            "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF"]),
];

/// The decimals of a currency's amounts; none for what is not three capital letters.
pub(super) fn exponent(code: &str) -> Option<u32> {
    let well_formed = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    well_formed.then(|| {
        EXPONENTS.iter().find(|(_, codes)| codes.contains(&code)).map_or(2, |(digits, _)| *digits)
    })
}

/// The smallest amount of a currency with so many decimals.
pub(super) fn minor_unit(exponent: u32) -> Decimal {
    Decimal::new(1, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_follow_iso_4217() {
        for (code, expected) in [("CNY", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("EUR", 2)] {
            assert_eq!(exponent(code), Some(expected), "{code}");
        }
        for code in ["", "cny", "CN", "CNYX", "元", "C1Y"] {
            assert_eq!(exponent(code), None, "{code}");
        }
        assert_eq!(minor_unit(2).to_string(), "0.01");
    }
}
