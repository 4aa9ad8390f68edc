//! What the daemon tells people and machines about itself: metrics, logs, live state, watchdog.

pub mod board;
pub mod exporter;
pub mod logs;
pub mod metric;
pub mod pulse;
pub mod service;
pub mod status;
pub mod summary;
