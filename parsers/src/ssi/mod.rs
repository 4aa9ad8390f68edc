//! SSI, the Simple Serial Interface of Zebra scanners: packets with checksums, answered one by one.
//!
//! In: bytes of the line and the time. Out: barcodes with their symbology, each once; bytes to send; what the scanner
//! says about itself; what was refused. Never: I/O, the clock, a code that was cut or altered, a code in a log.
//!
//! After the Simple Serial Interface Programmer's Guide (Zebra 72E-40451) and the SE955 integration guide. Where they
//! leave room, and where scanners in the field do otherwise, the place says so.

mod assembly;
mod code_type;
pub mod command;
mod host;
pub mod packet;
mod repeat;

pub use assembly::{CODE_BYTES_MAX, Code};
pub use code_type::aim;
pub use command::Command;
pub use host::{Event, Host, Refusal, Settings};
