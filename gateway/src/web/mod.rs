//! The HTTP listener: interface for terminals and partners, pages and metrics for people and machines.
