//! Amounts, quantities and rates: exact decimals that travel as strings.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact decimal such as `"12.50"`. The scale that the sender wrote is kept.
///
/// JSON numbers are refused: most writers send them as binary floating point, which cannot hold `0.10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub Decimal);

impl Amount {
    /// No money, no goods.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The digits after the decimal point that are in use: `12.50` has 1, `12.00` has 0.
    #[must_use]
    pub fn significant_scale(self) -> u32 {
        self.0.normalize().scale()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Decimal> for Amount {
    fn from(value: Decimal) -> Self {
        Self(value)
    }
}

impl FromStr for Amount {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(text).map(Self)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalText;

        impl de::Visitor<'_> for DecimalText {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number in quotes, such as \"12.50\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(DecimalText)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_scale_survives() {
        for text in ["12.50", "0", "-3", "0.10", "1000000.000"] {
            let json = format!("\"{text}\"");
            let amount: Amount = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_exact_decimal_is_refused() {
        for json in [
            "12.5",
            "\"12,50\"",
            "\"1e3\"",
            "\"\"",
            "\" 1\"",
            "null",
            "\"99999999999999999999999999999999\"",
        ] {
            assert!(serde_json::from_str::<Amount>(json).is_err(), "{json} was taken");
        }
    }
}
