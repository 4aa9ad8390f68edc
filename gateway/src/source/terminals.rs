//! Terminals: `POST /v1/sales` and the TCP stream.
