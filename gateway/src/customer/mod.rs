//! The directory of customers and the catalog of products that the edge knows, and the link from a record to its
//! customer. Pure but for look-ups through the store.
