//! What the forwarder needs to know, read from the configuration and its files.
//!
//! Paths are kept, not only contents: certificates and passwords are read anew for each connection, so that
//! renewed ones are taken. [`Settings::load`] reads them once, so that a wrong file is found at the start.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::tls;
use crate::config::secret::{Files, SecretError};
use crate::config::{BrokerUrl, BrokerUrlError, Config, Confirm, NoSubscriber};

/// How all topics begin; an event's source follows.
pub(super) const TOPIC_ROOT: &str = "tillgate/v1";

/// Records under way at once, at most. Five times as many packet ids must fit into 16 bits, and beyond some
/// thousands the client only gets slower.
const WINDOW_RECORDS_MAX: u16 = 2_000;

/// What the configuration of the broker connection can get wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `mqtt.url`.
    #[error("mqtt.url: {0}")]
    Url(BrokerUrlError),
    /// `mqtt.fallback_urls`.
    #[error("mqtt.fallback_urls[{0}]: {1}")]
    Fallback(usize, BrokerUrlError),
    /// `mqtt.version`.
    #[error("mqtt.version: expected 5, or 3 for MQTT 3.1.1, found {0}")]
    Version(u8),
    /// Two keys that belong together.
    #[error("mqtt.{missing} is missing: {why}")]
    Missing {
        /// The key.
        missing: &'static str,
        /// Why it is needed.
        why: &'static str,
    },
    /// A file.
    #[error("mqtt.{key}")]
    File {
        /// The key that names the file.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        source: SecretError,
    },
    /// A file that holds no certificate, or no key.
    #[error("mqtt.{key}: {} {problem}", path.display())]
    Pem {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// MQTT version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

impl TryFrom<u8> for Version {
    type Error = SettingsError;

    fn try_from(number: u8) -> Result<Self, SettingsError> {
        match number {
            3 => Ok(Self::V3),
            5 => Ok(Self::V5),
            other => Err(SettingsError::Version(other)),
        }
    }
}

/// How to get to a broker and who we are there. The forwarder and `tillgate tail` share it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The broker.
    pub address: BrokerUrl,
    /// MQTT version.
    pub version: Version,
    /// Who we are. The broker ends the older of two connections with one id.
    pub client_id: String,
    /// User name at the broker.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// The authority that signed the broker's certificate.
    pub ca_file: Option<PathBuf>,
    /// Our certificate.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key.
    pub client_key_file: Option<PathBuf>,
    /// Time between signs of life.
    pub keep_alive: Duration,
    /// Where files with relative paths are looked up.
    pub files: Files,
}

impl Connection {
    /// A connection without user, password and certificates.
    #[must_use]
    pub fn plain(address: BrokerUrl, version: Version, client_id: &str) -> Self {
        Self {
            address,
            version,
            client_id: client_id.to_owned(),
            username: None,
            password_file: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            keep_alive: Duration::from_secs(30),
            files: Files::default(),
        }
    }

    /// Reads all files, to find out whether they can be used.
    ///
    /// # Errors
    ///
    /// With the key and the file that is wrong.
    pub fn check_files(&self) -> Result<(), SettingsError> {
        self.password()?;
        if self.address.tls {
            tls::client_config(self)?;
        }
        Ok(())
    }

    pub(super) fn password(&self) -> Result<Option<SecretString>, SettingsError> {
        let read = |path: &PathBuf| {
            let secret = self.files.secret(path);
            secret.map_err(|source| SettingsError::File { key: "password_file", source })
        };
        self.password_file.as_ref().map(read).transpose()
    }
}

/// Waits and limits in time. The defaults are right for production; tests use shorter ones.
#[derive(Debug, Clone)]
pub struct Timing {
    /// For DNS, TCP, TLS and CONNACK together.
    pub connect: Duration,
    /// A connection on which the broker gave no sign of life for so long, while a publish is open, is dropped. After
    /// half of it the broker is asked for one.
    pub silence: Duration,
    /// A connection on which the broker lives, but the oldest open publish made no progress for so long, is dropped:
    /// it was not answered, nor was anything still on its way to the broker.
    pub unanswered: Duration,
    /// First limit of the wait between attempts; it doubles.
    pub backoff_base: Duration,
    /// Last limit of the wait between attempts.
    pub backoff_cap: Duration,
    /// Two attempts to connect are at least so far apart.
    pub connect_floor: Duration,
    /// A connection that held so long was good: the next wait begins small again.
    pub stable: Duration,
    /// For what is under way when the forwarder is stopped.
    pub stop: Duration,
    /// How often notices are looked for.
    pub notices: Duration,
    /// For the broker's answer to our subscription; then records go out without it.
    pub suback: Duration,
    /// So long the CRM may confirm nothing before all that is unconfirmed is sent again; it doubles.
    pub receipt_patience: Duration,
    /// Last limit of that patience.
    pub receipt_patience_cap: Duration,
    /// How often is looked whether certificates and passwords were renewed.
    pub renewal: Duration,
    /// So long a broker may fail before a fallback is tried, however few the attempts were.
    pub fallback_patience: Duration,
    /// About so long a fallback is used before the main broker is looked for.
    pub fallback_stay: Duration,
    /// So long connections must end at one record before it is suspected.
    pub poison_patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(8),
            unanswered: Duration::from_secs(30),
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(60),
            connect_floor: Duration::from_secs(2),
            stable: Duration::from_secs(60),
            stop: Duration::from_secs(3),
            notices: Duration::from_secs(2),
            suback: Duration::from_secs(5),
            receipt_patience: Duration::from_secs(30),
            receipt_patience_cap: Duration::from_secs(3600),
            renewal: Duration::from_secs(10),
            fallback_patience: Duration::from_secs(60),
            fallback_stay: Duration::from_secs(600),
            poison_patience: Duration::from_secs(300),
        }
    }
}

/// Everything that the forwarder is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to get to the broker.
    pub connection: Connection,
    /// Other brokers for when it fails, reached in the same way.
    pub fallbacks: Vec<BrokerUrl>,
    /// Topics begin with it: `tillgate/v1/{org}/{store}/{gateway}`.
    pub topic_prefix: String,
    /// Most records under way at once.
    pub window_records: u16,
    /// Largest MQTT packet that the broker takes, in bytes.
    pub message_max: usize,
    /// What to do when nobody receives the records.
    pub no_subscriber: NoSubscriber,
    /// When a record counts as delivered.
    pub confirm: Confirm,
    /// Waits and limits in time.
    pub timing: Timing,
}

impl Settings {
    /// From the configuration. Reads certificates and the password once, to find mistakes now.
    ///
    /// # Errors
    ///
    /// With the key, what was expected there and what was found.
    pub fn load(config: &Config) -> Result<Self, SettingsError> {
        let settings = Self::from_config(config)?;
        settings.connection.check_files()?;
        Ok(settings)
    }

    /// From the configuration, without a look at any file.
    ///
    /// # Errors
    ///
    /// With the key, what was expected there and what was found.
    pub fn from_config(config: &Config) -> Result<Self, SettingsError> {
        let (gateway, mqtt) = (&config.gateway, &config.mqtt);
        let address: BrokerUrl = mqtt.url.parse().map_err(SettingsError::Url)?;
        require_pairs(mqtt, address.tls)?;
        let connection = Connection {
            address,
            version: mqtt.version.try_into()?,
            client_id: format!("{}-{}-{}", gateway.org, gateway.store, gateway.id),
            username: mqtt.username.clone(),
            password_file: mqtt.password_file.clone(),
            ca_file: mqtt.ca_file.clone(),
            client_cert_file: mqtt.client_cert_file.clone(),
            client_key_file: mqtt.client_key_file.clone(),
            // The client refuses zero on some versions and a dead peer is found by it: at least five seconds.
            keep_alive: Duration::from_secs(mqtt.keep_alive_seconds.max(5).into()),
            files: Files::of_service(),
        };
        let backoff_cap = Duration::from_secs(mqtt.reconnect_cap_seconds.max(2).into());
        Ok(Self {
            connection,
            topic_prefix: format!("{TOPIC_ROOT}/{}/{}/{}", gateway.org, gateway.store, gateway.id),
            window_records: mqtt.window_records.clamp(1, WINDOW_RECORDS_MAX),
            message_max: mqtt.message_max.as_usize(),
            no_subscriber: mqtt.no_subscriber,
            fallbacks: fallbacks(mqtt)?,
            confirm: mqtt.confirm,
            timing: Timing { backoff_cap, ..Timing::default() },
        })
    }

    /// `/{org}/{store}/{gateway}`: the source of its events.
    pub(super) fn source(&self) -> &str {
        self.topic_prefix.strip_prefix(TOPIC_ROOT).unwrap_or(&self.topic_prefix)
    }

    pub(super) fn topic(&self, leaf: &str) -> String {
        format!("{}/{leaf}", self.topic_prefix)
    }
}

fn fallbacks(mqtt: &crate::config::Mqtt) -> Result<Vec<BrokerUrl>, SettingsError> {
    let parsed = mqtt
        .fallback_urls
        .iter()
        .enumerate()
        .map(|(index, url)| url.parse().map_err(|error| SettingsError::Fallback(index, error)));
    parsed.collect()
}

fn require_pairs(mqtt: &crate::config::Mqtt, tls: bool) -> Result<(), SettingsError> {
    let rules = [
        (
            tls && mqtt.ca_file.is_none(),
            "ca_file",
            "mqtts needs the authority that signed the broker's certificate",
        ),
        (
            mqtt.client_cert_file.is_some() && mqtt.client_key_file.is_none(),
            "client_key_file",
            "client_cert_file needs its private key",
        ),
        (
            mqtt.client_key_file.is_some() && mqtt.client_cert_file.is_none(),
            "client_cert_file",
            "client_key_file needs its certificate",
        ),
        (
            mqtt.password_file.is_some() && mqtt.username.is_none(),
            "username",
            "password_file needs the user that it belongs to",
        ),
    ];
    match rules.into_iter().find(|(broken, _, _)| *broken) {
        Some((_, missing, why)) => Err(SettingsError::Missing { missing, why }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mqtt: &str) -> Config {
        let gateway = "[gateway]\norg = \"acme\"\nstore = \"0042\"\nid = \"gw-1\"\ndata_dir = \"/tmp\"\ncurrency = \"EUR\"\n";
        toml::from_str(&format!("{gateway}[mqtt]\n{mqtt}")).unwrap()
    }

    #[test]
    fn the_configuration_becomes_settings() {
        let settings = Settings::load(&config("url = \"mqtt://broker\"")).unwrap();
        assert_eq!(settings.connection.client_id, "acme-0042-gw-1");
        assert_eq!(settings.topic("records"), "tillgate/v1/acme/0042/gw-1/records");
        assert_eq!(settings.connection.version, Version::V5);
        assert_eq!(settings.timing.backoff_cap, Duration::from_secs(60));
        assert_eq!(settings.window_records, 200);
        let extreme =
            config("url = \"mqtt://broker\"\nwindow_records = 65535\nkeep_alive_seconds = 0");
        let extreme = Settings::load(&extreme).unwrap();
        assert_eq!(extreme.window_records, WINDOW_RECORDS_MAX);
        assert_eq!(extreme.connection.keep_alive, Duration::from_secs(5));
    }

    #[test]
    fn what_belongs_together_must_be_there() {
        for (mqtt, key) in [
            ("url = \"mqtts://broker\"", "mqtt.ca_file"),
            ("url = \"mqtt://broker\"\nclient_cert_file = \"a\"", "mqtt.client_key_file"),
            ("url = \"mqtt://broker\"\nclient_key_file = \"a\"", "mqtt.client_cert_file"),
            ("url = \"mqtt://broker\"\npassword_file = \"a\"", "mqtt.username"),
            ("url = \"mqtt://broker\"\nversion = 4", "mqtt.version"),
        ] {
            let message = Settings::load(&config(mqtt)).unwrap_err().to_string();
            assert!(message.starts_with(key), "{message}");
        }
        let missing =
            "url = \"mqtt://broker\"\nusername = \"u\"\npassword_file = \"/nowhere/password\"";
        let error = Settings::load(&config(missing)).unwrap_err();
        assert_eq!(error.to_string(), "mqtt.password_file");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with("cannot read /nowhere/password: No such file"), "{cause}");
    }
}
