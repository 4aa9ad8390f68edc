//! Bytes to values and findings.
//!
//! In: slices of bytes, in chunks of any size. Out: values, and findings about what is wrong with them: malformed
//! input is never an `Err`. Never: I/O, the clock, async, logging, card numbers in clear.

pub mod barcode;
pub mod card;
pub mod edi;
pub mod finding;
pub mod framing;
pub mod hid;
pub mod redact;
pub mod wedge;
