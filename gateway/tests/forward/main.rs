//! The forwarder from outside: against a scripted broker, and against a real one.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod answers;
mod broker;
mod changes;
mod consumer;
mod faults;
mod gateway;
mod mosquitto;
mod receipts;
mod silence;
