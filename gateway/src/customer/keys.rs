//! Keys of customers: keyed hashes of what identifies them, so that no phone number or address stands in the directory
//! in clear. A plain hash would not do: eleven digits are tried out in minutes.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tillgate_record::Customer;
use zeroize::Zeroizing;

use super::normalize::{self, Region};

/// What identifies a customer, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Loyalty number.
    Loyalty,
    /// Keyed token of a card.
    CardToken,
    /// Telephone.
    Phone,
    /// E-mail address.
    Email,
}

impl KeyKind {
    /// All kinds, strongest first.
    pub const ALL: [Self; 4] = [Self::Loyalty, Self::CardToken, Self::Phone, Self::Email];

    /// The name in JSON, CSV headers and evidence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loyalty => "loyalty",
            Self::CardToken => "card_token",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }

    /// The number in the store.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Loyalty => 1,
            Self::CardToken => 2,
            Self::Phone => 3,
            Self::Email => 4,
        }
    }

    /// The kind of a number in the store.
    #[must_use]
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The key of a value as someone wrote it; none when it cannot be read as one of this kind.
    #[must_use]
    pub fn key(
        self,
        value: &str,
        secret: &[u8; 32],
        region: Option<Region>,
    ) -> Option<CustomerKey> {
        let normal = match self {
            Self::Loyalty => normalize::loyalty(value),
            Self::CardToken => normalize::card_token(value),
            Self::Phone => normalize::phone(value, region),
            Self::Email => normalize::email(value),
        };
        CustomerKey::of_normal(self, &normal?, secret)
    }
}

/// What leads to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomerKey {
    /// What the value is.
    pub kind: KeyKind,
    /// First 16 bytes of the HMAC-SHA-256 of the normalised value.
    pub hash: [u8; 16],
}

impl CustomerKey {
    /// The hash names the kind, so that a loyalty number that looks like a phone number is not one.
    fn of_normal(kind: KeyKind, normal: &str, secret: &[u8; 32]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(b"tillgate/directory/");
        mac.update(kind.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(normal.as_bytes());
        let hash = mac.finalize().into_bytes().first_chunk().copied()?;
        Some(Self { kind, hash })
    }
}

/// What makes keys of values: the gateway's secret, and the region of telephone numbers without country code.
#[derive(Clone)]
pub struct CustomerKeys {
    secret: Zeroizing<[u8; 32]>,
    region: Option<Region>,
}

impl CustomerKeys {
    /// Keys under a secret.
    #[must_use]
    pub fn new(secret: [u8; 32], region: Option<Region>) -> Self {
        Self { secret: Zeroizing::new(secret), region }
    }

    /// The key of one value. None: it cannot be read as what it should be.
    #[must_use]
    pub fn key(&self, kind: KeyKind, value: &str) -> Option<CustomerKey> {
        kind.key(value, &self.secret, self.region)
    }

    /// The keys of a buyer, strongest first. None: nothing identifies them.
    #[must_use]
    pub fn of(&self, customer: &Customer) -> Vec<CustomerKey> {
        let values = [
            (KeyKind::Loyalty, &customer.loyalty),
            (KeyKind::CardToken, &customer.card_token),
            (KeyKind::Phone, &customer.phone),
            (KeyKind::Email, &customer.email),
        ];
        values.into_iter().filter_map(|(kind, value)| self.key(kind, value.as_deref()?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_kind_value_and_secret() {
        let key = |kind: KeyKind, value, secret| kind.key(value, &[secret; 32], None).unwrap();
        let phone = key(KeyKind::Phone, "+86 138 1234 5678", 1);
        assert_eq!(phone, key(KeyKind::Phone, "+8613812345678", 1));
        assert_ne!(phone.hash, key(KeyKind::Phone, "+8613812345678", 2).hash);
        assert_ne!(phone.hash, key(KeyKind::Phone, "+8613812345679", 1).hash);
        assert_ne!(phone.hash, key(KeyKind::Loyalty, "+8613812345678", 1).hash);
    }

    #[test]
    fn what_cannot_be_read_is_no_key() {
        let customer = Customer {
            loyalty: Some(" ".to_owned()),
            phone: Some("ask at the desk".to_owned()),
            email: Some("none".to_owned()),
            name: Some("王小明".to_owned()),
            card_token: None,
        };
        assert!(CustomerKeys::new([7; 32], None).of(&customer).is_empty());
    }
}
