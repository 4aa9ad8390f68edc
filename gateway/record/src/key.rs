//! Idempotency keys: the same business event has the same key, whoever repeats it and however often.

use std::fmt;

use jiff::civil::Date;
use uuid::Uuid;

use crate::document::{DocumentKind, TradingId};
use crate::sale::Sale;

/// The name space of all event ids: UUIDv5 of `tillgate:record` in the RFC 9562 URL name space.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d1b_0c9e_3f7a_5d52_9c04_7a1e_8b60_2f11);

/// The key of a business event, in clear. Parts that come from outside are escaped, so that no choice of
/// store or document number can imitate another event's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `{org}/{store}/{terminal}/{business_date}/{sequence}/{kind}`.
    #[must_use]
    pub fn of_sale(org: &str, sale: &Sale) -> Self {
        Self::joined(&[
            org,
            &sale.store,
            &sale.terminal,
            &sale.business_date.to_string(),
            &sale.sequence.to_string(),
            sale.kind.as_str(),
        ])
    }

    /// `{org}/{store}/{device}/{capture}/reading`: each reading is an event of its own, since two equal items
    /// give two equal scans.
    #[must_use]
    pub fn of_reading(org: &str, store: &str, device: &str, capture: &str) -> Self {
        Self::joined(&[org, store, device, capture, "reading"])
    }

    /// `{org}/edi/{sender}/{receiver}/{kind}/{number}/{date}`. The control numbers stay out: a document that is
    /// sent again in a new interchange is still the same document.
    #[must_use]
    pub fn of_document(
        org: &str,
        route: (&TradingId, &TradingId),
        kind: DocumentKind,
        number: &str,
        date: Option<Date>,
    ) -> Self {
        let (sender, receiver) = route;
        let name = |party: &TradingId| format!("{}:{}", party.qualifier, party.id);
        let date = date.map_or_else(|| "-".to_owned(), |date| date.to_string());
        Self::joined(&[org, "edi", &name(sender), &name(receiver), kind.as_str(), number, &date])
    }

    /// `{source}/{incarnation}/{first}/{through}/lost`: what a gateway says of records that it no longer has.
    #[must_use]
    pub fn of_lost(source: &str, incarnation: u32, (first, through): (u64, u64)) -> Self {
        let numbers = [u64::from(incarnation), first, through].map(|number| number.to_string());
        let [incarnation, first, through] = &numbers;
        Self::joined(&[source, incarnation, first, through, "lost"])
    }

    /// The key as text: the `subject` of the event.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The event's id for a version of the event: the first version is 1.
    #[must_use]
    pub fn event_id(&self, version: u32) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}#{version}", self.0).as_bytes())
    }

    /// A key that was stored before.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    fn joined(parts: &[&str]) -> Self {
        let mut key = String::with_capacity(64);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                key.push('/');
            }
            for character in part.chars() {
                match character {
                    '/' => key.push_str("%2F"),
                    '%' => key.push_str("%25"),
                    '#' => key.push_str("%23"),
                    other => key.push(other),
                }
            }
        }
        Self(key)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_in_a_number_cannot_imitate_another_key() {
        let one = IdempotencyKey::of_reading("acme", "1/2", "s", "c");
        let other = IdempotencyKey::of_reading("acme", "1", "2/s", "c");
        assert_ne!(one, other);
        assert_eq!(one.as_str(), "acme/1%2F2/s/c/reading");
    }

    #[test]
    fn the_id_is_a_function_of_key_and_version() {
        let key = IdempotencyKey::of_reading("acme", "1", "s", "c");
        assert_eq!(key.event_id(1), key.clone().event_id(1));
        assert_ne!(key.event_id(1), key.event_id(2));
        assert_eq!(key.event_id(1).get_version_num(), 5);
    }
}
