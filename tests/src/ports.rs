//! Free ports on the loopback, for tests that run side by side.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

/// Below the range from which the kernel gives ports to outgoing connections: one of those could take the port between
/// the look here and the server's own bind.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody listens on now. Chosen at random, so that two tests hardly ever meet.
///
/// # Panics
///
/// When a hundred ports in a row are taken.
#[must_use]
pub fn free() -> u16 {
    let mut random = rand::rng();
    (0..100)
        .map(|_| random.random_range(RANGE))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port among a hundred")
}
