//! Coupons: the offer codes of GS1 US in AI (8110) and (8112), coupons in UPC-A and EAN-13.
//!
//! In: digits. Out: a [`Coupon`] with the fields that its form has, as digits; codes keep the numbers of the
//! guideline ("North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols"). Never: a sum of
//! money, since what an offer is worth depends on the basket.

use serde::Serialize;

use super::lint::{Flaw, Lint};

const CODE: &str = "gs1-coupon";

/// A coupon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coupon {
    /// `8110`, `8112`, `upc-5`, `ean-99` (a coupon of the country's own form) or `ean-981` (of a currency area).
    pub form: &'static str,
    /// GS1 company prefix of who pays for it; in `upc-5` the five digits of the manufacturer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Offer code, six digits; in `upc-5` the three digits of the family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// What is saved, digits; in `upc-5` the two digits of the value code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_value: Option<String>,
    /// How the saved value is meant, whether it goes off one item, and two flags: store coupon, do not multiply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_value_codes: Option<String>,
    /// What must be bought: one to three.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purchases: Vec<Purchase>,
    /// How these purchases go together: 0 all, 1 to 3 as the guideline says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase_rule: Option<String>,
    /// YYMMDD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    /// YYMMDD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Company prefix or location number of the only retailer that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retailer: Option<String>,
}

/// What must be bought for a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purchase {
    /// How many or how much, digits.
    pub requirement: String,
    /// What the requirement counts: one digit of the guideline.
    pub requirement_code: String,
    /// Family code, three digits.
    pub family: String,
    /// GS1 company prefix, when another than the coupon's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
}

/// What AI (8110) holds.
pub(super) fn north_american(digits: &[u8]) -> Result<Coupon, Flaw> {
    Lint::Digits.check(digits)?;
    let mut fields = Fields { digits, at: 0 };
    let mut coupon = Coupon { form: "8110", ..Coupon::default() };
    coupon.company = Some(fields.sized("the company prefix", b'0'..=b'6', 6)?);
    coupon.offer = Some(fields.take("six digits of the offer code", 6)?);
    coupon.save_value = Some(fields.sized("the saved value", b'1'..=b'5', 0)?);
    coupon.purchases.push(fields.purchase("the first purchase")?);
    if fields.begins(b'1') {
        coupon.purchase_rule = Some(fields.code("the rule of additional purchases", b"0123")?);
        coupon.purchases.push(fields.other_purchase("the second purchase")?);
    }
    if fields.begins(b'2') {
        coupon.purchases.push(fields.other_purchase("the third purchase")?);
    }
    if fields.begins(b'3') {
        coupon.expires = Some(fields.date("the last day")?);
    }
    if fields.begins(b'4') {
        coupon.starts = Some(fields.date("the first day")?);
        fields.check_order(&coupon)?;
    }
    if fields.begins(b'5') {
        coupon.serial = Some(fields.sized("the serial number", b'0'..=b'9', 6)?);
    }
    if fields.begins(b'6') {
        coupon.retailer = Some(fields.sized("the retailer", b'1'..=b'7', 6)?);
    }
    if fields.begins(b'9') {
        let kind = fields.code("the kind of the saved value", b"01256")?;
        let item = fields.code("the item that the value goes off", b"012")?;
        let store = fields.code("the flag of a store coupon", b"0123456789")?;
        let multiply = fields.code("the flag against multiplying", b"01")?;
        coupon.save_value_codes = Some([kind, item, store, multiply].concat());
    }
    fields.end()?;
    Ok(coupon)
}

/// What AI (8112) holds.
pub(super) fn positive_offer(digits: &[u8]) -> Result<Coupon, Flaw> {
    Lint::Digits.check(digits)?;
    let mut fields = Fields { digits, at: 0 };
    fields.code("the coupon format", b"01")?;
    let company = fields.sized("the company that pays", b'0'..=b'6', 6)?;
    let offer = fields.take("six digits of the offer code", 6)?;
    let serial = fields.sized("the serial number", b'0'..=b'9', 6)?;
    fields.end()?;
    let (company, offer, serial) = (Some(company), Some(offer), Some(serial));
    Ok(Coupon { form: "8112", company, offer, serial, ..Coupon::default() })
}

/// What a number of the EAN/UPC family says when it is a coupon's: UPC-A of number system 5, which GS1 US ended in
/// 2011 and printers have not; EAN-13 of 981 to 984 and 99 (GS1 General Specifications 1.4.2, 2.3.2).
pub(super) fn of_gtin(gtin: &str) -> Option<Coupon> {
    let part = |from: usize, to: usize| gtin.get(from..to).map(str::to_owned);
    match gtin.as_bytes() {
        [b'0', b'0', b'5', ..] => Some(Coupon {
            form: "upc-5",
            company: part(3, 8),
            offer: part(8, 11),
            save_value: part(11, 13),
            ..Coupon::default()
        }),
        [b'0', b'9', b'8', b'1'..=b'4', ..] => {
            Some(Coupon { form: "ean-981", ..Coupon::default() })
        }
        [b'0', b'9', b'9', ..] => Some(Coupon { form: "ean-99", ..Coupon::default() }),
        _ => None,
    }
}

/// The fields of a coupon, one behind the other. A flaw marks the wrong digit, or what there is of a field that
/// should be longer, or all digits where a field is missing.
struct Fields<'a> {
    digits: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn flaw(&self, length: usize, expected: String) -> Flaw {
        match self.at < self.digits.len() {
            true => Flaw::new((self.at, length), CODE, expected),
            false => Flaw::new((0, self.digits.len()), CODE, expected),
        }
    }

    /// One digit out of a few.
    fn code(&mut self, name: &str, allowed: &[u8]) -> Result<String, Flaw> {
        let digit = self.digits.get(self.at).copied().filter(|digit| allowed.contains(digit));
        let Some(digit) = digit else {
            let listed: Vec<String> =
                allowed.iter().map(|digit| char::from(*digit).to_string()).collect();
            return Err(self.flaw(1, format!("{name}: one of {}", listed.join(" "))));
        };
        self.at += 1;
        Ok(char::from(digit).to_string())
    }

    fn take(&mut self, name: &str, length: usize) -> Result<String, Flaw> {
        let Some(taken) = self.digits.get(self.at..self.at + length) else {
            let rest = self.digits.len().saturating_sub(self.at);
            return Err(self.flaw(rest, name.to_owned()));
        };
        self.at += length;
        Ok(taken.iter().copied().map(char::from).collect())
    }

    /// A digit that says how long the field is, less `shortest`, and the field.
    fn sized(
        &mut self,
        name: &str,
        allowed: std::ops::RangeInclusive<u8>,
        shortest: usize,
    ) -> Result<String, Flaw> {
        let (first, last) = (char::from(*allowed.start()), char::from(*allowed.end()));
        let size = self.digits.get(self.at).copied().filter(|digit| allowed.contains(digit));
        let Some(size) = size else {
            return Err(self.flaw(1, format!("the length of {name}, {first} to {last}")));
        };
        self.at += 1;
        let length = shortest + usize::from(size - b'0');
        self.take(&format!("{length} digits of {name}"), length)
    }

    /// Whether an optional field stands here; its number is taken off.
    fn begins(&mut self, number: u8) -> bool {
        let begins = self.digits.get(self.at) == Some(&number);
        self.at += usize::from(begins);
        begins
    }

    fn purchase(&mut self, name: &str) -> Result<Purchase, Flaw> {
        let requirement = self.sized(&format!("the requirement of {name}"), b'1'..=b'5', 0)?;
        let requirement_code = self.code(&format!("the requirement code of {name}"), b"012349")?;
        let family = self.take(&format!("three digits of the family of {name}"), 3)?;
        Ok(Purchase { requirement, requirement_code, family, company: None })
    }

    /// Behind the family stands the length of a company prefix, or 9 for the coupon's own.
    fn other_purchase(&mut self, name: &str) -> Result<Purchase, Flaw> {
        let mut purchase = self.purchase(name)?;
        if !self.begins(b'9') {
            let company = self.sized(&format!("the company prefix of {name}"), b'0'..=b'6', 6);
            purchase.company = Some(company?);
        }
        Ok(purchase)
    }

    fn date(&mut self, name: &str) -> Result<String, Flaw> {
        let at = self.at;
        let date = self.take(&format!("{name}, YYMMDD"), 6)?;
        match Lint::Date.check(date.as_bytes()) {
            Ok(()) => Ok(date),
            Err(_) => Err(Flaw::new((at, 6), CODE, format!("{name}, a date YYMMDD"))),
        }
    }

    /// The first day stands right behind the last, each with its number before it.
    fn check_order(&self, coupon: &Coupon) -> Result<(), Flaw> {
        let (Some(starts), Some(expires)) = (&coupon.starts, &coupon.expires) else {
            return Ok(());
        };
        match starts <= expires {
            true => Ok(()),
            false => {
                let at = self.at.saturating_sub(14);
                Err(Flaw::new((at, 14), CODE, "a last day that is not before the first"))
            }
        }
    }

    fn end(&self) -> Result<(), Flaw> {
        match self.digits.len().saturating_sub(self.at) {
            0 => Ok(()),
            rest => Err(self.flaw(rest, "the end of the coupon".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_read_field_by_field() {
        let coupon = north_american(b"106141416543213500110000310123196000").unwrap();
        assert_eq!(coupon.company.as_deref(), Some("0614141"));
        assert_eq!(coupon.offer.as_deref(), Some("654321"));
        assert_eq!(coupon.save_value.as_deref(), Some("500"));
        assert_eq!(coupon.expires.as_deref(), Some("101231"));
        assert_eq!(coupon.save_value_codes.as_deref(), Some("6000"));
        let [purchase] = coupon.purchases.as_slice() else { panic!("one purchase") };
        assert_eq!((purchase.requirement.as_str(), purchase.family.as_str()), ("1", "000"));
    }

    #[test]
    fn coupons_of_the_retail_family_are_known_by_their_prefix() {
        let old = of_gtin("00512345678900").unwrap();
        let fields = [old.company, old.offer, old.save_value];
        assert_eq!(fields.map(Option::unwrap), ["12345", "678", "90"]);
        assert_eq!(of_gtin("09812345678909").unwrap().form, "ean-981");
        assert_eq!(of_gtin("09912345678908").unwrap().form, "ean-99");
        assert_eq!(of_gtin("04006381333931"), None);
    }
}
