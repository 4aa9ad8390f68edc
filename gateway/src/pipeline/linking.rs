//! Whose record it is, and what the catalog calls its lines: two look-ups for a whole input, not two a record.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use tillgate_record::document::Control;
use tillgate_record::{BarcodeMeaning, Customer, Document, Link, Quality, ReadingKind};

use crate::customer::{self, CustomerKeys, Hits};
use crate::normalize::{Body, Candidate, Interpretation, Item, Reply};
use crate::store::{Product, Store, StoreError};

/// An interpretation whose records know their customers.
pub(super) struct Linked {
    pub(super) parser: &'static str,
    pub(super) items: Vec<LinkedItem>,
    pub(super) replies: Vec<Reply>,
}

/// One item of an input.
pub(super) enum LinkedItem {
    /// It can become a record.
    Record(Box<LinkedRecord>),
    /// It cannot.
    Rejected(Vec<Quality>),
    /// It needs none.
    Noted(Vec<Quality>),
}

impl LinkedItem {
    /// Its link, where it can become a record.
    pub(super) fn link(&self) -> Option<&Link> {
        match self {
            Self::Record(record) => Some(&record.link),
            Self::Rejected(_) | Self::Noted(_) => None,
        }
    }
}

/// A record that knows its customer.
pub(super) struct LinkedRecord {
    pub(super) candidate: Candidate,
    pub(super) link: Link,
    /// First half of the SHA-256 of what the source said: tells a repeat from a conflict.
    pub(super) content: [u8; 16],
    /// The JSON of a sale that is still as its source said it.
    pub(super) json: Option<Vec<u8>>,
}

/// Links each candidate to its customer and names its lines from the catalog.
pub(super) async fn link(
    interpretation: Interpretation,
    store: &Store,
    keys: &CustomerKeys,
) -> Result<Linked, StoreError> {
    let Interpretation { parser, items, replies } = interpretation;
    let hits = directory_hits(&items, store, keys).await?;
    let products = catalog_entries(&items, store).await?;
    let version = store.directory_version();
    let items = items.into_iter().map(|item| match item {
        Item::Candidate(mut candidate) => {
            let (content, json) = content_of(&candidate.body);
            let link = customer_of(&candidate.body).map_or_else(
                || Link::anonymous(version),
                |who| customer::link(&who, &keys.of(&who), &hits, version),
            );
            let json = if products.is_empty() { json } else { None };
            name_lines(&mut candidate.body, &products);
            LinkedItem::Record(Box::new(LinkedRecord {
                candidate: *candidate,
                link,
                content,
                json,
            }))
        }
        Item::Rejected(findings) => LinkedItem::Rejected(findings),
        Item::Noted(findings) => LinkedItem::Noted(findings),
    });
    Ok(Linked { parser, items: items.collect(), replies })
}

async fn directory_hits(
    items: &[Item],
    store: &Store,
    keys: &CustomerKeys,
) -> Result<Hits, StoreError> {
    if store.directory_is_empty() {
        return Ok(Hits::default());
    }
    let wanted: HashSet<_> =
        candidates(items).filter_map(customer_of).flat_map(|who| keys.of(&who)).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    store.customers_by_keys(&wanted).await.map(Hits::new)
}

async fn catalog_entries(
    items: &[Item],
    store: &Store,
) -> Result<HashMap<String, Product>, StoreError> {
    if store.catalog_is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: HashSet<&str> = candidates(items).flat_map(unnamed_gtins).collect();
    store.products(&wanted.into_iter().collect::<Vec<_>>()).await
}

fn candidates(items: &[Item]) -> impl Iterator<Item = &Body> {
    items.iter().filter_map(|item| match item {
        Item::Candidate(candidate) => Some(&candidate.body),
        Item::Rejected(_) | Item::Noted(_) => None,
    })
}

/// What a record says of its buyer. The card that paid identifies the buyer where nothing else does.
fn customer_of(body: &Body) -> Option<Customer> {
    match body {
        Body::Sale(sale) => {
            let mut customer = sale.customer.clone().unwrap_or_default();
            if customer.card_token.is_none() {
                customer.card_token =
                    sale.tenders.iter().find_map(|tender| tender.card_token.clone());
            }
            Some(customer)
        }
        Body::Reading { reading: ReadingKind::Card { loyalty, card_token, .. }, .. } => {
            Some(Customer {
                loyalty: loyalty.clone(),
                card_token: card_token.clone(),
                ..Customer::default()
            })
        }
        Body::Reading {
            reading:
                ReadingKind::Barcode { meaning: Some(BarcodeMeaning::Loyalty { number, .. }), .. },
            ..
        } => Some(Customer { loyalty: Some(number.clone()), ..Customer::default() }),
        Body::Reading { .. } | Body::Document(_) => None,
    }
}

fn unnamed_gtins(body: &Body) -> Vec<&str> {
    match body {
        Body::Sale(sale) => sale
            .lines
            .iter()
            .filter(|line| line.description.is_none())
            .filter_map(|line| line.gtin.as_deref())
            .collect(),
        Body::Document(document) => document
            .lines
            .iter()
            .filter(|line| line.description.is_none())
            .filter_map(|line| line.gtin.as_deref())
            .collect(),
        Body::Reading { reading: ReadingKind::Barcode { gtin, .. }, .. } => {
            gtin.as_deref().into_iter().collect()
        }
        Body::Reading { .. } => Vec::new(),
    }
}

fn name_lines(body: &mut Body, products: &HashMap<String, Product>) {
    let name = |gtin: &Option<String>, description: &mut Option<String>| {
        if description.is_none() {
            *description = gtin
                .as_ref()
                .and_then(|gtin| products.get(gtin))
                .map(|product| product.description.clone());
        }
    };
    match body {
        Body::Sale(sale) => {
            sale.lines.iter_mut().for_each(|line| name(&line.gtin, &mut line.description));
        }
        Body::Document(document) => {
            document.lines.iter_mut().for_each(|line| name(&line.gtin, &mut line.description));
        }
        Body::Reading { reading: ReadingKind::Barcode { gtin, description, .. }, .. } => {
            name(gtin, description);
        }
        Body::Reading { .. } => {}
    }
}

/// The digest of what the source said, taken before the gateway adds names, and for a sale the text that it was taken
/// of. The control numbers of a document stay out: the same order in a new interchange is the same order.
fn content_of(body: &Body) -> ([u8; 16], Option<Vec<u8>>) {
    // The types are plain data, so writing them does not fail. If it did, the text would be empty, and all failures of
    // one key would count as repeats of one another.
    let text = match body {
        Body::Sale(sale) => serde_json::to_vec(sale),
        Body::Document(document) => {
            serde_json::to_vec(&Document { control: Control::default(), ..document.clone() })
        }
        Body::Reading { reading, .. } => serde_json::to_vec(reading),
    }
    .unwrap_or_default();
    let digest = Sha256::digest(&text);
    let is_sale = matches!(body, Body::Sale(_)) && !text.is_empty();
    (std::array::from_fn(|index| digest[index]), is_sale.then_some(text))
}
