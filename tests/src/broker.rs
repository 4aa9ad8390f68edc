//! The CRM's broker: a real mosquitto on a port and in a folder of its own. The system's mosquitto is left alone.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::deadline::until;
use crate::ports;
use crate::process::{Process, command, run_tool};

/// Debian puts it where only root's path looks.
const PROGRAM: &str = "/usr/sbin/mosquitto";

/// How a broker is set up. The default takes anybody without TLS and keeps its sessions across a stop.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    /// TLS with a certificate of the broker's own authority.
    pub tls: bool,
    /// Only clients with a certificate of that authority.
    pub client_certificates: bool,
    /// Only this user with this password.
    pub user: Option<(&'static str, &'static str)>,
    /// Forget everything at a stop, as mosquitto does by default.
    pub forgetful: bool,
    /// More lines of its configuration.
    pub more: String,
}

/// A broker.
#[derive(Debug)]
pub struct Broker {
    options: BrokerOptions,
    port: u16,
    folder: TempDir,
    certificates: Option<Certificates>,
    process: Option<Process>,
}

impl Broker {
    /// A broker that takes anybody.
    #[must_use]
    pub fn plain() -> Self {
        Self::start(BrokerOptions::default())
    }

    /// Starts a broker and waits until it listens.
    ///
    /// # Panics
    ///
    /// When mosquitto is missing or does not start.
    #[must_use]
    pub fn start(options: BrokerOptions) -> Self {
        let folder = TempDir::with_prefix("tillgate-broker-").expect("a temporary folder");
        let certificates =
            options.tls.then(|| Certificates::make(&folder.path().join("certificates")));
        let mut broker = Self { options, port: ports::free(), folder, certificates, process: None };
        broker.write_configuration();
        broker.resume();
        broker
    }

    /// As `[mqtt] url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.options.tls { "mqtts" } else { "mqtt" }, self.port)
    }

    /// The port, which stays the same for the broker's life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Certificates of a broker with TLS.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("a broker with TLS")
    }

    /// User and password, where it asks for them.
    #[must_use]
    pub fn user(&self) -> Option<(&'static str, &'static str)> {
        self.options.user
    }

    /// Whether clients need TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.options.tls
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Where it logs.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("mosquitto.log")
    }

    /// Somebody publishes a word.
    ///
    /// # Panics
    ///
    /// When the broker does not take it.
    pub fn publish(&self, topic: &str) {
        let port = self.port.to_string();
        let whom = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "1"];
        run_tool("mosquitto_pub", &[&whom[..], &["-t", topic, "-m", "here"]].concat());
    }

    /// Proves that it runs: a test of the gateway means nothing without.
    ///
    /// # Panics
    ///
    /// When it has ended by itself.
    #[track_caller]
    pub fn assert_running(&mut self) {
        let ended = self.process.as_mut().map(Process::ended);
        assert_eq!(ended, Some(None), "mosquitto ended by itself; it said:\n{}", self.log());
    }

    /// An orderly stop: sessions and queued messages are saved, unless the broker is forgetful.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(Duration::from_secs(10));
        }
    }

    /// As by a power cut.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts again on the same port, with what was saved.
    ///
    /// # Panics
    ///
    /// When it does not listen within ten seconds.
    pub fn resume(&mut self) {
        let mut mosquitto = command(PROGRAM);
        mosquitto.arg("-c").arg(self.configuration_file());
        let mut process = Process::start(mosquitto, &self.log_file());
        until(10, "mosquitto listens", || {
            assert!(process.ended().is_none(), "mosquitto ended: {}", process.log());
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        });
        self.process = Some(process);
    }

    /// It answers nothing from now on, and its connections stay open.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        self.process.as_ref().expect("a broker that runs").signal(Signal::STOP);
    }

    /// It goes on where it was paused.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn wake(&self) {
        self.process.as_ref().expect("a broker that runs").signal(Signal::CONT);
    }

    /// Stop and start.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// A stop that loses everything, sessions too, as of a broker whose disk was exchanged; and a start.
    ///
    /// # Panics
    ///
    /// When it does not listen within ten seconds.
    pub fn forget(&mut self) {
        self.stop();
        let _ = fs::remove_file(self.folder.path().join("mosquitto.db"));
        self.resume();
    }

    fn configuration_file(&self) -> PathBuf {
        self.folder.path().join("mosquitto.conf")
    }

    fn write_configuration(&self) {
        let folder = self.folder.path();
        // Started by root, mosquitto would change to a user who cannot read the temporary folder.
        let mut text = format!("user root\nlistener {} 127.0.0.1\nlog_dest stderr\n", self.port);
        text.push_str("log_type error\nlog_type warning\nlog_type notice\nlog_type information\nlog_type subscribe\n");
        // Its own limits, 20 under way and 1,000 queued a client, would lose what this test wants to count.
        text.push_str("max_inflight_messages 1000\nmax_queued_messages 0\n");
        text.push_str(&self.options.more);
        if !self.options.forgetful {
            let _ = writeln!(text, "persistence true\npersistence_location {}/", folder.display());
        }
        if let Some(certificates) = &self.certificates {
            let _ = writeln!(
                text,
                "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate {}",
                certificates.ca.display(),
                certificates.server.display(),
                certificates.server_key.display(),
                self.options.client_certificates,
            );
        }
        match self.options.user {
            None => text.push_str("allow_anonymous true\n"),
            Some((name, password)) => {
                let file = folder.join("passwords");
                write_password(&file, name, password);
                let _ = writeln!(text, "allow_anonymous false\npassword_file {}", file.display());
            }
        }
        fs::write(self.configuration_file(), text).expect("the broker's configuration is written");
    }
}

fn write_password(file: &Path, name: &str, password: &str) {
    run_tool("mosquitto_passwd", &["-b", "-c", &file.to_string_lossy(), name, password]);
}
