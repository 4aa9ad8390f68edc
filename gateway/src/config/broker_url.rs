//! The broker's address: `mqtts://host:8883`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Where the broker is, and whether the way there is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// TLS from the first byte on.
    pub tls: bool,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What a broker's address should look like. Does not repeat what was found: a password may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokerUrlError(&'static str);

impl BrokerUrl {
    /// Whether the way to the broker stays on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerUrl {
    type Err = BrokerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: BrokerUrlError =
            BrokerUrlError("expected mqtts://HOST:PORT, or mqtt://HOST:PORT without TLS");
        let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
        let (tls, default_port) = match scheme {
            "mqtts" => (true, 8883),
            "mqtt" => (false, 1883),
            _ => return Err(EXPECTED),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(BrokerUrlError(
                "user and password do not belong into the URL: use username and password_file",
            ));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or(EXPECTED)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| EXPECTED)?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(EXPECTED);
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(EXPECTED)?,
            None => default_port,
        };
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for (text, written) in [
            ("mqtt://localhost", "mqtt://localhost:1883"),
            ("mqtts://b.example", "mqtts://b.example:8883"),
            ("mqtts://b.example:8884/", "mqtts://b.example:8884"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
            ("mqtt://10.0.0.1", "mqtt://10.0.0.1:1883"),
        ] {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().to_string(), written);
        }
        for text in [
            "localhost:1883",
            "tcp://h",
            "ssl://h:1",
            "mqtt://",
            "mqtt://h:",
            "mqtt://h:0",
            "mqtt://h:99999",
            "mqtt://u:p@h",
            "mqtt://h/x",
            "mqtt://[::1",
            "mqtt://a b",
        ] {
            assert!(text.parse::<BrokerUrl>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (text, loopback) in [
            ("mqtt://localhost", true),
            ("mqtt://127.0.0.9", true),
            ("mqtt://[::1]", true),
            ("mqtt://10.0.0.1", false),
            ("mqtt://broker", false),
        ] {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
