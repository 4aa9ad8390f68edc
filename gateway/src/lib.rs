//! The gateway: every way in, the journal, normalizing and linking, and the way out.
//!
//! In: devices, terminals, EDI partners. Out: records at an MQTT broker, findings for people. Read
//! [`pipeline`] first: it shows the way of the data on one screen. What must stay true is written in
//! `gateway/ARCHITECTURE.md`.

pub mod admission;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod customer;
#[cfg(feature = "demo-broker")]
pub mod demo;
mod durable_folder;
pub mod fail_point;
pub mod forward;
pub mod normalize;
pub mod pipeline;
pub mod run;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod web;
