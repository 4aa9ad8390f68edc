//! From each way in to the broker: what a terminal, a lane and a partner send arrives at the CRM's side as the contract
//! says, in sequence, and what does not arrive is in quarantine.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests share fails as loudly as they do"
)]

mod commands;
mod exchange;
mod keeping;
mod lanes;
mod linking;
mod quarantine;
mod restarts;
mod schemas;
mod stream;
mod terminals;

/// Longest test here, on a machine that builds something else at the same time.
const TEST_SECONDS: u64 = 90;
/// Longest wait for one thing.
const WAIT_SECONDS: u64 = 30;
