//! What whole-system tests share: a store with its configuration, the gateway as a process, a real broker, a witness
//! behind it, terminals, a lane, chip cards, an EDI partner, and sample data.
//!
//! In: nothing but the binary and the servers that the machine has. Out: things that happen to the gateway, and what
//! could be seen of it from outside. Never: a look into the gateway's own code, a fixed port, a wait without an end.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test's tool that fails has nobody to hand an error to: it says what failed and stops the test"
)]

pub mod bad_line;
pub mod broker;
pub mod canary;
pub mod certificates;
pub mod chip_card;
pub mod config;
pub mod deadline;
pub mod edi;
pub mod edi_files;
pub mod faults;
pub mod gateway;
pub mod http;
pub mod journal_log;
pub mod lane;
pub mod mounts;
pub mod partner;
pub mod ports;
pub mod process;
pub mod promises;
pub mod receiver;
pub mod recording;
pub mod sales;
pub mod site;
pub mod stream;
pub mod terminal;
pub mod token;
pub mod trace;
pub mod witness;
