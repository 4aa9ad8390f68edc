//! The customers and products that the edge knows. Keys are keyed hashes: no phone number stands here in clear.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::{Row, SqliteConnection};

use super::insert::{Inserts, Lookups};
use super::{CustomerEntry, Product};
use crate::customer::{CustomerKey, KeyKind};

/// A customer that a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHit {
    /// The key that was asked for.
    pub key: CustomerKey,
    /// The CRM's id of the customer.
    pub customer: String,
    /// The customer's name, where the directory has it.
    pub name: Option<String>,
}

/// A key that many customers share, such as the shop's own number, proves nothing: a few of them show that.
static KEY_LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| {
    Lookups::new(
        "WITH wanted (kind, hash) AS (VALUES {}) \
         SELECT DISTINCT wanted.kind, wanted.hash, customer.id, customer.name \
         FROM wanted CROSS JOIN customer ON customer.number IN (SELECT customer FROM customer_key \
         WHERE kind = wanted.kind AND hash = wanted.hash ORDER BY customer LIMIT 4)",
        "(?,?)",
    )
});

/// The customers that these keys lead to, at most four a key.
pub(super) async fn customers_by_keys(
    connection: &mut SqliteConnection,
    keys: &[CustomerKey],
) -> Result<Vec<KeyHit>, sqlx::Error> {
    let rows = KEY_LOOKUPS
        .run(connection, keys, |query, key| query.bind(key.kind.number()).bind(key.hash.as_slice()))
        .await?;
    let mut hits = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = KeyKind::of_number(row.try_get(0)?);
        let hash = row.try_get::<Vec<u8>, _>(1)?.try_into();
        if let (Some(kind), Ok(hash)) = (kind, hash) {
            let key = CustomerKey { kind, hash };
            hits.push(KeyHit { key, customer: row.try_get(2)?, name: row.try_get(3)? });
        }
    }
    Ok(hits)
}

static PRODUCT_LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| {
    Lookups::new("SELECT gtin, sku, description FROM product WHERE gtin IN ({})", "?")
});

/// The products of these GTINs (14 digits).
pub(super) async fn products(
    connection: &mut SqliteConnection,
    gtins: &[&str],
) -> Result<HashMap<String, Product>, sqlx::Error> {
    let rows = PRODUCT_LOOKUPS.run(connection, gtins, |query, gtin| query.bind(*gtin)).await?;
    rows.iter()
        .map(|row| {
            let gtin: String = row.try_get(0)?;
            let product =
                Product { gtin: gtin.clone(), sku: row.try_get(1)?, description: row.try_get(2)? };
            Ok((gtin, product))
        })
        .collect()
}

/// Whether there is any customer, and any product.
pub(super) async fn is_filled(
    connection: &mut SqliteConnection,
) -> Result<(bool, bool), sqlx::Error> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM customer), EXISTS (SELECT 1 FROM product)";
    let row = sqlx::query(SQL).fetch_one(connection).await?;
    Ok((row.try_get::<i64, _>(0)? != 0, row.try_get::<i64, _>(1)? != 0))
}

static KEY_INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new("INSERT OR IGNORE INTO customer_key (kind, hash, customer) VALUES", 3, "")
});

/// Writes customers: an entry replaces the customer of the same id with all its keys. The caller commits.
pub(super) async fn write_customers(
    connection: &mut SqliteConnection,
    customers: &[CustomerEntry],
    version: i64,
) -> Result<(), sqlx::Error> {
    const CUSTOMER: &str = "INSERT INTO customer (id, name, version) VALUES (?, ?, ?) \
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version \
        RETURNING number";
    const FORGET: &str = "DELETE FROM customer_key WHERE customer = ?";
    let mut keys = Vec::new();
    for entry in customers {
        let query = sqlx::query(CUSTOMER).bind(&*entry.id).bind(entry.name.as_deref());
        let row = query.bind(version).fetch_one(&mut *connection).await?;
        let number: i64 = row.try_get(0)?;
        sqlx::query(FORGET).bind(number).execute(&mut *connection).await?;
        // The last entry of an id wins, also within one batch.
        keys.retain(|(_, owner)| *owner != number);
        keys.extend(entry.keys.iter().map(|key| (*key, number)));
    }
    KEY_INSERTS
        .run(connection, &keys, |query, (key, number)| {
            query.bind(key.kind.number()).bind(key.hash.as_slice()).bind(*number)
        })
        .await
}

static PRODUCT_WRITES: LazyLock<Inserts> =
    LazyLock::new(|| Inserts::new("REPLACE INTO product (gtin, sku, description) VALUES", 3, ""));

/// Writes products; one of the same GTIN is replaced. The caller commits.
pub(super) async fn write_products(
    connection: &mut SqliteConnection,
    products: &[Product],
) -> Result<(), sqlx::Error> {
    PRODUCT_WRITES
        .run(connection, products, |query, product| {
            query
                .bind(product.gtin.as_str())
                .bind(product.sku.as_deref())
                .bind(product.description.as_str())
        })
        .await
}
