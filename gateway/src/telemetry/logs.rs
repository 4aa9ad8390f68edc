//! Logs: logfmt or JSON, repeats counted instead of repeated.
