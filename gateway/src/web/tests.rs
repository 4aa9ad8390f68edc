//! The listeners on real sockets of this machine, with a store in memory.

mod bench;
mod http;
mod stream;
mod tls;
