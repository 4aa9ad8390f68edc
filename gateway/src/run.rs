//! The daemon: builds everything, starts it, reloads it, drains it.
