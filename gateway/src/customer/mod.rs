//! The directory of customers and the catalog of products that the edge knows, and the link from a record to its
//! customer. Pure but for look-ups through the store.

pub mod import;
pub mod keys;
pub mod link;
pub mod normalize;

pub use keys::{CustomerKey, CustomerKeys, KeyKind};
pub use link::{Hits, link};
