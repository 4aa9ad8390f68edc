//! The broker inside the demo: rumqttd on the loopback interface, in memory.
//!
//! It keeps nothing and cannot be stopped but with the process, so it never stands near real data: a store's gateway
//! talks to a broker of its own.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// Starts the broker on a free port. Its address is the answer; it runs until the process ends.
pub(super) fn start() -> anyhow::Result<SocketAddr> {
    let address = free_port()?;
    let mut broker = Broker::new(settings(address));
    let serve = move || {
        if let Err(error) = broker.start() {
            tracing::error!(%error, "the demo's broker has ended");
        }
    };
    thread::Builder::new().name("demo-broker".to_owned()).spawn(serve)?;
    Ok(address)
}

/// rumqttd wants an address, not a socket. Whoever takes the port in between makes the demo fail with a message.
fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn settings(listen: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 10_000,
        max_payload_size: 1 << 20,
        max_inflight_count: 200,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server = ServerSettings {
        name: "demo".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 16,
        max_outgoing_packet_count: 200,
        max_segment_size: 4 << 20,
        max_segment_count: 4,
        ..RouterConfig::default()
    };
    Config { router, v5: Some(HashMap::from([("1".to_owned(), server)])), ..Config::default() }
}
