//! The service manager: ready, status, watchdog, stopping.
