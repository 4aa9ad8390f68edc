//! Where a broker is.

use std::fmt;
use std::str::FromStr;

use super::settings::SettingsError;

/// Where the broker is: `mqtts://host:8883` or `mqtt://host:1883`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl FromStr for Address {
    type Err = SettingsError;

    fn from_str(url: &str) -> Result<Self, SettingsError> {
        let (tls, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(wrong_url("mqtts://host:8883, or mqtt://host:1883 without TLS", url)),
        };
        if rest.contains('@') {
            return Err(wrong_url(
                "no user in it: username and password_file are keys of their own",
                url,
            ));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let default_port = if tls { 8883 } else { 1883 };
        let (host, port) = split_port(authority, default_port)
            .ok_or_else(|| wrong_url("host and port after ://, and nothing behind them", url))?;
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// An IPv6 address stands in brackets (RFC 3986, 3.2.2).
fn split_port(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']')?;
            (host, if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Some(default_port), |digits| digits.parse().ok())?;
    let is_host = !host.is_empty() && !host.contains(['/', '?', '#', '[', ' ']);
    (is_host && port != 0).then_some((host, port))
}

fn wrong_url(expected: &'static str, url: &str) -> SettingsError {
    // What stands before an @ may be a password.
    let found =
        url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("…@{rest}"));
    SettingsError::Url { expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (url, host, port, tls, written) in [
            (
                "mqtts://broker.example:8883",
                "broker.example",
                8883,
                true,
                "mqtts://broker.example:8883",
            ),
            ("mqtt://10.0.0.1", "10.0.0.1", 1883, false, "mqtt://10.0.0.1:1883"),
            (
                "mqtts://broker.example/",
                "broker.example",
                8883,
                true,
                "mqtts://broker.example:8883",
            ),
            ("mqtt://[::1]:1884", "::1", 1884, false, "mqtt://[::1]:1884"),
            ("mqtts://[fe80::2]", "fe80::2", 8883, true, "mqtts://[fe80::2]:8883"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address, Address { host: host.to_owned(), port, tls }, "{url}");
            assert_eq!(address.to_string(), written);
        }
    }

    #[test]
    fn wrong_addresses_say_what_was_expected() {
        for url in [
            "broker:1883",
            "tcp://broker",
            "mqtt://",
            "mqtt://broker:0",
            "mqtt://broker:65536",
            "mqtt://broker:x",
            "mqtt://broker/topic",
            "mqtt://[::1",
            "mqtt://::1",
            "mqtt://a b",
        ] {
            let message = url.parse::<Address>().unwrap_err().to_string();
            assert!(message.starts_with("mqtt.url: expected "), "{message}");
        }
        let message = "mqtt://user:s3cret@broker".parse::<Address>().unwrap_err().to_string();
        assert!(message.contains("password_file") && !message.contains("s3cret"), "{message}");
    }
}
