//! The link from a record to its customer: deterministic, from keys that lead into the directory, with a name that
//! may speak against it. A name alone never links.
//!
//! Pure: the same buyer, hits and directory version give the same link.

use std::collections::{BTreeMap, HashMap};

use tillgate_record::{Customer, Decision, Evidence, Link};

use super::keys::{CustomerKey, KeyKind};
use super::normalize::{Names, compare_names};
use crate::store::KeyHit;

/// Bits that a random customer of the directory starts behind: a store's regular customers are some thousands (2^13).
const PRIOR_BITS: f64 = 13.0;
/// A number that is issued to one customer and read by machine.
const LOYALTY_BITS: f64 = 24.0;
/// A card has one holder; partners pay with one another's.
const CARD_TOKEN_BITS: f64 = 22.0;
/// An address is mostly one person's.
const EMAIL_BITS: f64 = 19.0;
/// A phone is often a household's, and numbers are given out again.
const PHONE_BITS: f64 = 17.0;
/// Frequent names are shared by one in a hundred or less.
const NAME_SAME_BITS: f64 = 7.0;
/// A clear conflict outweighs a phone and an address together with what they prove beyond the prior: members of a
/// household share both.
const NAME_CONFLICT_BITS: f64 = -25.0;

/// What the directory answered, by key.
#[derive(Debug, Clone, Default)]
pub struct Hits(HashMap<CustomerKey, Vec<KeyHit>>);

impl Hits {
    /// The hits of a look-up, for any number of buyers.
    #[must_use]
    pub fn new(hits: Vec<KeyHit>) -> Self {
        let mut by_key: HashMap<CustomerKey, Vec<KeyHit>> = HashMap::new();
        for hit in hits {
            by_key.entry(hit.key).or_default().push(hit);
        }
        Self(by_key)
    }

    fn of(&self, key: &CustomerKey) -> &[KeyHit] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

/// A customer that some key leads to.
#[derive(Debug)]
struct Candidate<'a> {
    id: &'a str,
    /// Kinds of the keys that lead here, strongest first.
    kinds: Vec<KeyKind>,
    names: Names,
}

impl Candidate<'_> {
    fn evidence(&self) -> Vec<Evidence> {
        let keys = self.kinds.iter().map(|kind| evidence(kind.as_str(), bits(*kind)));
        let name = match self.names {
            Names::Same => Some(evidence("name", NAME_SAME_BITS)),
            Names::Unknown => None,
            Names::Conflict => Some(evidence("name", NAME_CONFLICT_BITS)),
        };
        keys.chain(name).collect()
    }

    fn bits(&self) -> f64 {
        self.evidence().iter().map(|evidence| evidence.weight).sum()
    }

    /// Phones and addresses are shared in households, so that a name may speak against them; an issued number or a
    /// card was in the buyer's hand.
    fn is_contradicted(&self) -> bool {
        let weak = |kind: &KeyKind| matches!(kind, KeyKind::Phone | KeyKind::Email);
        self.names == Names::Conflict && self.kinds.iter().all(weak)
    }
}

fn evidence(field: &str, weight: f64) -> Evidence {
    Evidence { field: field.to_owned(), weight }
}

fn bits(kind: KeyKind) -> f64 {
    match kind {
        KeyKind::Loyalty => LOYALTY_BITS,
        KeyKind::CardToken => CARD_TOKEN_BITS,
        KeyKind::Phone => PHONE_BITS,
        KeyKind::Email => EMAIL_BITS,
    }
}

/// The link of a buyer. `keys` are the buyer's ([`super::CustomerKeys::of`]).
///
/// Linked: all keys that are known lead to one customer, at least one of them to no other, and no name contradicts.
/// Review: anything else that leads to somebody; the most likely customer is named, and the runner-up.
#[must_use]
pub fn link(
    customer: &Customer,
    keys: &[CustomerKey],
    hits: &Hits,
    directory_version: u64,
) -> Link {
    let mut link = Link::anonymous(directory_version);
    if keys.is_empty() {
        return link;
    }
    let candidates = candidates(customer, keys, hits);
    let Some(best) = candidates.first() else {
        link.decision = Decision::New;
        return link;
    };
    let known: Vec<&[KeyHit]> =
        keys.iter().map(|key| hits.of(key)).filter(|hits| !hits.is_empty()).collect();
    let agreed = best.kinds.len() == known.len() && known.iter().any(|hits| hits.len() == 1);
    let linked = agreed && !best.is_contradicted();
    link.decision = if linked { Decision::Linked } else { Decision::Review };
    link.customer_id = Some(best.id.to_owned());
    link.method = best.kinds.first().map(|kind| kind.as_str().to_owned());
    link.evidence = best.evidence();
    link.probability = probability(&candidates);
    link.runner_up = candidates.get(1).map(|candidate| candidate.id.to_owned());
    link
}

/// Who is meant, most likely first; equals by their id, so that the order never depends on the database.
fn candidates<'a>(customer: &Customer, keys: &[CustomerKey], hits: &'a Hits) -> Vec<Candidate<'a>> {
    let mut found: BTreeMap<&str, Candidate<'a>> = BTreeMap::new();
    for key in keys {
        for hit in hits.of(key) {
            let candidate = found.entry(hit.customer.as_str()).or_insert_with(|| Candidate {
                id: &hit.customer,
                kinds: Vec::new(),
                names: match (&customer.name, &hit.name) {
                    (Some(given), Some(known)) => compare_names(given, known),
                    _ => Names::Unknown,
                },
            });
            candidate.kinds.push(key.kind);
        }
    }
    let mut candidates: Vec<_> = found.into_values().collect();
    candidates.sort_by(|one, other| other.bits().total_cmp(&one.bits()));
    candidates
}

/// Bayes over all candidates and "none of them" (0 bits over the prior).
fn probability(candidates: &[Candidate<'_>]) -> f64 {
    let odds = |candidate: &Candidate<'_>| (candidate.bits() - PRIOR_BITS).exp2();
    let all: f64 = candidates.iter().map(odds).sum();
    let best = candidates.first().map_or(0.0, odds);
    // Four digits: more would claim more than the weights know.
    (best / (1.0 + all) * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::super::CustomerKeys;
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    fn buyer(loyalty: &str, card: &str, phone: &str, email: &str, name: &str) -> Customer {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Customer {
            loyalty: some(loyalty),
            card_token: some(card),
            phone: some(phone),
            email: some(email),
            name: some(name),
        }
    }

    /// Links a buyer with a directory of other buyers, by their position: c0, c1 …
    fn linked(buyer: &Customer, directory: &[Customer]) -> Link {
        let keys = CustomerKeys::new(SECRET, None).of(buyer);
        let hit = |(position, known): (usize, &Customer)| {
            let (customer, name) = (format!("c{position}"), known.name.clone());
            CustomerKeys::new(SECRET, None)
                .of(known)
                .into_iter()
                .filter(|key| keys.contains(key))
                .map(move |key| KeyHit { key, customer: customer.clone(), name: name.clone() })
                .collect::<Vec<_>>()
        };
        let hits = Hits::new(directory.iter().enumerate().flat_map(hit).collect());
        link(buyer, &keys, &hits, 5)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table, one case a line or two")]
    fn the_decision_table() {
        use Decision::{Anonymous, Linked, New, Review};
        const PHONE: &str = "+8613812345678";

        let xiaoming = buyer("915", "tok", PHONE, "x@example.com", "王小明");
        let fang = buyer("916", "", PHONE, "", "王芳");
        let one = std::slice::from_ref(&xiaoming);
        let household = [xiaoming.clone(), fang.clone()];
        let table = [
            ("nothing", buyer("", "", "", "", ""), one, Anonymous, None, None),
            ("a name alone", buyer("", "", "", "", "王小明"), one, Anonymous, None, None),
            ("an unknown number", buyer("1", "", "", "", ""), one, New, None, None),
            ("loyalty", buyer("9-15", "", "", "", ""), one, Linked, Some("c0"), None),
            ("a lent card", buyer("915", "", "", "", "王芳"), one, Linked, Some("c0"), None),
            ("card token", buyer("", "tok", "", "", ""), one, Linked, Some("c0"), None),
            ("phone, no name", buyer("", "", PHONE, "", ""), one, Linked, Some("c0"), None),
            ("phone, same name", buyer("", "", PHONE, "", "王小明"), one, Linked, Some("c0"), None),
            ("phone, other name", buyer("", "", PHONE, "", "王芳"), one, Review, Some("c0"), None),
            ("phone, surname", buyer("", "", PHONE, "", "王先生"), one, Linked, Some("c0"), None),
            (
                "mail, other name",
                buyer("", "", "", "x@example.com", "李"),
                one,
                Review,
                Some("c0"),
                None,
            ),
            (
                "shared phone",
                buyer("", "", PHONE, "", ""),
                &household,
                Review,
                Some("c0"),
                Some("c1"),
            ),
            (
                "shared phone, name",
                buyer("", "", PHONE, "", "王芳"),
                &household,
                Review,
                Some("c1"),
                Some("c0"),
            ),
            (
                "shared phone, loyalty",
                buyer("916", "", PHONE, "", ""),
                &household,
                Linked,
                Some("c1"),
                Some("c0"),
            ),
            (
                "two customers",
                buyer("915", "", "", "", ""),
                std::slice::from_ref(&fang),
                New,
                None,
                None,
            ),
            (
                "loyalty and another's mail",
                buyer("916", "", "", "x@example.com", ""),
                &household,
                Review,
                Some("c1"),
                Some("c0"),
            ),
            (
                "a new phone",
                buyer("915", "", "+8613900000000", "", ""),
                one,
                Linked,
                Some("c0"),
                None,
            ),
        ];
        for (case, buyer, directory, decision, customer, runner_up) in table {
            let link = linked(&buyer, directory);
            assert_eq!(link.decision, decision, "{case}: {link:?}");
            assert_eq!(link.customer_id.as_deref(), customer, "{case}");
            assert_eq!(link.runner_up.as_deref(), runner_up, "{case}");
            assert_eq!(link.directory_version, 5, "{case}");
            assert!((0.0..=1.0).contains(&link.probability), "{case}");
        }
    }

    #[test]
    fn evidence_says_what_spoke_for_and_against() {
        let known = buyer("", "", "+8613812345678", "", "王小明");
        let link =
            linked(&buyer("", "", "+8613812345678", "", "王芳"), std::slice::from_ref(&known));
        let fields: Vec<_> = link.evidence.iter().map(|e| (e.field.as_str(), e.weight)).collect();
        assert_eq!(fields, [("phone", PHONE_BITS), ("name", NAME_CONFLICT_BITS)]);
        assert!(link.probability < 0.01, "{link:?}");
        let link = linked(&known, std::slice::from_ref(&known));
        assert!(link.probability > 0.99, "{link:?}");
        assert_eq!(link.method.as_deref(), Some("phone"));
    }

    #[test]
    fn the_order_of_the_hits_does_not_matter() {
        let household =
            [buyer("1", "", "+8613812345678", "", ""), buyer("2", "", "+8613812345678", "", "")];
        let keys = CustomerKeys::new(SECRET, None).of(&buyer("", "", "+8613812345678", "", ""));
        let hit =
            |customer: &str| KeyHit { key: keys[0], customer: customer.to_owned(), name: None };
        let one = link(&household[0], &keys, &Hits::new(vec![hit("a"), hit("b")]), 1);
        let other = link(&household[0], &keys, &Hits::new(vec![hit("b"), hit("a")]), 1);
        assert_eq!(one, other);
    }
}
