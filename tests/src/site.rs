//! A store: its folder, its configuration, its people's tokens. What runs in it is a [`Gateway`].

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use toml::Value;

use crate::broker::Broker;
use crate::config::{self, Config};
use crate::faults::Faults;
use crate::gateway::{self, Gateway};
use crate::http::{Answer, Connection};
use crate::lane::Line;
use crate::partner::Partner;
use crate::ports;
use crate::process::{self, Said};
use crate::stream::StreamTerminal;
use crate::terminal::Terminal;
use crate::token::Token;

/// A gateway under a tracer is slow, and the machine may be busy.
const DEVICE_WAIT: Duration = Duration::from_secs(30);
/// What comes sooner after a port was opened may be the rest of a code.
const LINE_QUIET: Duration = Duration::from_millis(25);

/// The organisation of every test.
pub const ORG: &str = "acme";
/// The store of every test.
pub const STORE: &str = "0042";
/// The gateway of every test.
pub const GATEWAY: &str = "gw-1";
/// The terminals of every test.
pub const TERMINALS: [&str; 4] = ["01", "02", "03", "04"];
/// The scanner of lane 3.
pub const SCANNER: &str = "scanner-3";
/// The card reader of lane 3.
pub const READER: &str = "reader-3";
/// The EDI partner.
pub const PARTNER: &str = "bigbox";

/// A store.
#[derive(Debug)]
pub struct Site {
    /// What the gateway is told. Change it before the gateway starts.
    pub config: Config,
    /// One a terminal.
    tokens: Vec<Token>,
    viewer: Token,
    partner: Token,
    http_port: u16,
    stream_port: u16,
    folder: TempDir,
}

impl Site {
    /// A store with four terminals and an EDI partner, and a broker.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary folder.
    #[must_use]
    pub fn with(broker: &Broker) -> Self {
        let mut site = Self::at(&broker.url());
        let folder = site.folder.path().to_owned();
        if broker.has_tls() {
            let certificates = broker.certificates();
            site.config
                .set("mqtt", "ca_file", config::path(&certificates.ca))
                .set("mqtt", "client_cert_file", config::path(&certificates.client))
                .set("mqtt", "client_key_file", config::path(&certificates.client_key));
        }
        if let Some((name, password)) = broker.user() {
            let file = folder.join("mqtt.password");
            write_secret(&file, password);
            site.config.set("mqtt", "username", name).set(
                "mqtt",
                "password_file",
                config::path(&file),
            );
        }
        site
    }

    /// The same with a broker that may be anywhere or nowhere.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary folder.
    #[must_use]
    pub fn at(broker_url: &str) -> Self {
        let folder = TempDir::with_prefix("tillgate-site-").expect("a temporary folder");
        let mut site = Self {
            config: Config::default(),
            tokens: TERMINALS.iter().map(|_| Token::random()).collect(),
            viewer: Token::random(),
            partner: Token::random(),
            http_port: ports::free(),
            stream_port: ports::free(),
            folder,
        };
        site.furnish(broker_url);
        site
    }

    fn furnish(&mut self, broker_url: &str) {
        let data = self.folder.path().join("data");
        let (http, stream) = (self.http_address(), self.stream_address());
        self.config
            .set("gateway", "org", ORG)
            .set("gateway", "store", STORE)
            .set("gateway", "id", GATEWAY)
            .set("gateway", "data_dir", config::path(&data))
            .set("gateway", "timezone", "Asia/Shanghai")
            .set("gateway", "currency", "CNY")
            .set("mqtt", "url", broker_url)
            // A test does not wait a minute for the second attempt.
            .set("mqtt", "reconnect_cap_seconds", 2)
            .set("http", "listen", http)
            .set("terminals", "listen", stream)
            .set("edi", "settle_seconds", 1)
            .set("edi", "x12", config::x12("ACME"))
            .add("lane", [("id", "3".into())])
            .add(
                "viewer",
                [("id", "auditor".into()), ("token_sha256", self.viewer.sha256().into())],
            )
            .add(
                "partner",
                [
                    ("id", PARTNER.into()),
                    ("x12", config::x12("BIGBOX")),
                    ("token_sha256", self.partner.sha256().into()),
                ],
            );
        for (id, token) in TERMINALS.iter().zip(&self.tokens) {
            let keys: [(&str, Value); 3] = [
                ("id", (*id).into()),
                ("lane", "3".into()),
                ("token_sha256", token.sha256().into()),
            ];
            self.config.add("terminal", keys);
        }
    }

    /// Puts a scanner or reader on lane 3 and gives the test its other end.
    pub fn attach(&mut self, device: &str, driver: &str) -> Line {
        let line = Line::open(&self.folder.path().join(format!("tty-{device}")));
        self.config.add(
            "device",
            [
                ("id", device.into()),
                ("lane", "3".into()),
                ("driver", driver.into()),
                ("port", config::path(line.path())),
            ],
        );
        line
    }

    /// Where the store keeps files of its own: not the gateway's data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The gateway's data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.config.data_dir().to_owned()
    }

    /// `[http] listen`.
    #[must_use]
    pub fn http_address(&self) -> String {
        format!("127.0.0.1:{}", self.http_port)
    }

    /// `[terminals] listen`.
    #[must_use]
    pub fn stream_address(&self) -> String {
        format!("127.0.0.1:{}", self.stream_port)
    }

    /// Writes the configuration as it is now.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn write_config(&self) -> PathBuf {
        let file = self.folder.path().join("tillgate.toml");
        fs::write(&file, self.config.to_string()).expect("the configuration is written");
        file
    }

    /// Starts the daemon and waits until it is ready for tills.
    #[must_use]
    pub fn start(&self) -> Gateway {
        Gateway::start(&self.write_config(), &self.http_address(), &self.gateway_log())
    }

    /// The same on a disk that will fail.
    #[must_use]
    pub fn start_with(&self, faults: &Faults) -> Gateway {
        let (config, address, log) = (self.write_config(), self.http_address(), self.gateway_log());
        Gateway::start_with(&config, &address, &log, faults.environment())
    }

    /// What all daemons of this store wrote to stderr.
    #[must_use]
    pub fn gateway_log(&self) -> PathBuf {
        self.folder.path().join("gateway.log")
    }

    /// Runs a command of the gateway with this store's configuration.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let config = self.write_config();
        let mut command = Command::new(gateway::program());
        command.args(arguments).arg("--config").arg(config);
        process::run(command)
    }

    /// A GET by somebody who may look.
    ///
    /// # Panics
    ///
    /// When the gateway does not answer.
    #[must_use]
    #[track_caller]
    pub fn look(&self, path: &str) -> Answer {
        let authorization = format!("Bearer {}", self.viewer.as_str());
        self.get(path, &[("authorization", &authorization)])
    }

    /// A GET by anybody.
    ///
    /// # Panics
    ///
    /// When the gateway does not answer.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        Connection::open(&self.http_address())
            .and_then(|mut connection| connection.request("GET", path, headers, b""))
            .unwrap_or_else(|error| panic!("no answer to GET {path}: {error}"))
    }

    /// What `tillgate status --json` prints of a running daemon.
    ///
    /// # Panics
    ///
    /// When it prints no JSON.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> serde_json::Value {
        let said = self.run(&["status", "--json"]);
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("status: {error}: {}{}", said.stdout, said.stderr))
    }

    /// Whether a source is there, in the status of a running daemon.
    #[must_use]
    pub fn source_is_connected(&self, id: &str) -> bool {
        let status = self.status();
        let sources = status["sources"].as_array();
        sources
            .into_iter()
            .flatten()
            .any(|source| source["id"] == id && source["connected"] == true)
    }

    /// Waits until the gateway has a device open: what a scanner sends before that is lost, as on the shop floor, and
    /// what it sends right then may be the rest of a code.
    ///
    /// # Panics
    ///
    /// When it does not open it.
    #[track_caller]
    pub fn wait_for_device(&self, id: &str) {
        let end = Instant::now() + DEVICE_WAIT;
        while !self.source_is_connected(id) {
            assert!(Instant::now() < end, "{id} is not open: {}", self.status()["sources"]);
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(LINE_QUIET);
    }

    /// The nth terminal, from 0, over HTTP.
    #[must_use]
    pub fn terminal(&self, index: usize) -> Terminal {
        self.terminal_by(&self.http_address(), index)
    }

    /// The nth terminal, from 0, over HTTP by way of another address.
    #[must_use]
    pub fn terminal_by(&self, address: &str, index: usize) -> Terminal {
        Terminal::new(address, TERMINALS[index], &self.tokens[index])
    }

    /// The nth terminal, from 0, over the TCP stream by way of another address.
    #[must_use]
    pub fn stream_terminal_by(&self, address: &str, index: usize) -> StreamTerminal {
        StreamTerminal::new(address, TERMINALS[index], &self.tokens[index])
    }

    /// The nth terminal, from 0, over the TCP stream.
    #[must_use]
    pub fn stream_terminal(&self, index: usize) -> StreamTerminal {
        self.stream_terminal_by(&self.stream_address(), index)
    }

    /// The EDI partner's folder.
    #[must_use]
    pub fn partner(&self) -> Partner {
        Partner::new(&self.data_dir().join("edi").join(PARTNER))
    }

    /// The EDI partner's token.
    #[must_use]
    pub fn partner_token(&self) -> &Token {
        &self.partner
    }

    /// The token of somebody who may look.
    #[must_use]
    pub fn viewer_token(&self) -> &Token {
        &self.viewer
    }
}

/// Writes a file that only its owner may read.
///
/// # Panics
///
/// When it cannot be written.
pub fn write_secret(file: &Path, secret: &str) {
    fs::write(file, secret).expect("a secret is written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
        .expect("a secret is closed to others");
}
