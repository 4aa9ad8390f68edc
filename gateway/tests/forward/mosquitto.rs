//! The forwarder and `tail` with a real mosquitto, where one is installed.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tillgate::config::NoSubscriber;
use tillgate::forward::{Settings, TailEvent, TailSettings, Version, tail};
use tokio_util::task::AbortOnDropHandle;

use crate::gateway::{Gateway, MemoryOutbox, settings, until};

/// Where a program is installed; Debian keeps mosquitto out of a user's path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
    let found = std::env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// A broker of its own, on a free port. Ends when dropped.
struct Mosquitto {
    port: u16,
    directory: TempDir,
    process: Child,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mosquitto {
    /// With further lines of configuration, in which `DIR` stands for its folder.
    async fn start(program: &Path, directory: TempDir, lines: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = directory.path().display().to_string();
        let config = directory.path().join("mosquitto.conf");
        let mut file = fs::File::create(&config).unwrap();
        writeln!(file, "listener {port} 127.0.0.1\n{}", lines.replace("DIR", &place)).unwrap();
        if runs_as_root() {
            writeln!(file, "user root").unwrap();
        }
        let process = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("mosquitto", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { port, directory, process }
    }

    async fn open(program: &Path) -> Self {
        Self::start(program, tempfile::tempdir().unwrap(), "allow_anonymous true").await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// As root mosquitto would become another user, who cannot read the test's files.
fn runs_as_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a subscriber got: sequence numbers in order of arrival.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<Vec<u64>>>, Arc<Mutex<usize>>);

impl Arrived {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }

    fn subscriptions(&self) -> usize {
        *self.1.lock().unwrap()
    }

    fn take(&self, event: &TailEvent<'_>) {
        match event {
            TailEvent::Subscribed => *self.1.lock().unwrap() += 1,
            TailEvent::Message(payload) => {
                let text = std::str::from_utf8(payload).unwrap();
                self.0.lock().unwrap().push(text.split(' ').next().unwrap().parse().unwrap());
            }
            TailEvent::Lost { .. } => {}
        }
    }
}

fn tail_settings(settings: &Settings) -> TailSettings {
    let mut connection = settings.connection.clone();
    connection.client_id = "receiver".to_owned();
    TailSettings { timing: settings.timing.clone(), ..TailSettings::all_records(connection) }
}

fn receive(settings: TailSettings) -> (Arrived, AbortOnDropHandle<()>) {
    let arrived = Arrived::default();
    let taking = arrived.clone();
    let task = tokio::spawn(tail(settings, move |event| {
        taking.take(&event);
        ControlFlow::Continue(())
    }));
    (arrived, AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn records_arrive_in_order_and_once() {
    let Some(program) = program("mosquitto") else { return };
    for version in [Version::V3, Version::V5] {
        let broker = Mosquitto::open(&program).await;
        let settings = settings(version, broker.port);
        let (arrived, _receiver) = receive(tail_settings(&settings));
        until("a subscription", || arrived.subscriptions() == 1).await;
        let outbox = MemoryOutbox::with_records(2000, 500);
        let gateway = Gateway::start(settings, &outbox);
        gateway.delivered(2000).await;
        until("all records", || arrived.numbers().len() >= 2000).await;
        assert!(arrived.numbers().into_iter().eq(1..=2000));
        gateway.stop().await;
    }
}

#[tokio::test]
async fn records_wait_for_the_first_receiver() {
    let Some(program) = program("mosquitto") else { return };
    let broker = Mosquitto::open(&program).await;
    let settings = settings(Version::V5, broker.port);
    let outbox = MemoryOutbox::with_records(50, 500);
    let gateway = Gateway::start(settings.clone(), &outbox);
    gateway.problem("knows no receiver").await;
    assert_eq!(outbox.through(), 0);
    let (arrived, _receiver) = receive(tail_settings(&settings));
    gateway.delivered(50).await;
    until("all records", || arrived.numbers().len() >= 50).await;
    assert!(arrived.numbers().into_iter().eq(1..=50));
    assert_eq!(gateway.board.broker().problem, None);
}

#[tokio::test]
async fn a_receiver_with_a_kept_session_misses_nothing() {
    let Some(program) = program("mosquitto") else { return };
    for version in [Version::V3, Version::V5] {
        let broker = Mosquitto::open(&program).await;
        let settings = settings(version, broker.port);
        let kept = TailSettings { clean: false, ..tail_settings(&settings) };
        let (first, receiver) = receive(kept.clone());
        until("a subscription", || first.subscriptions() == 1).await;
        drop(receiver);
        let gateway = Gateway::start(settings, &MemoryOutbox::with_records(100, 20));
        gateway.delivered(100).await;
        let (second, _receiver) = receive(kept);
        until("all records", || second.numbers().len() >= 100).await;
        assert!(second.numbers().into_iter().eq(1..=100));
    }
}

#[tokio::test]
async fn tail_ends_when_it_is_told_to() {
    let Some(program) = program("mosquitto") else { return };
    let broker = Mosquitto::open(&program).await;
    let settings = settings(Version::V5, broker.port);
    let outbox = MemoryOutbox::with_records(10, 20);
    let gateway = Gateway::start(settings.clone(), &outbox);
    let mut seen = 0;
    tail(tail_settings(&settings), |event| {
        seen += usize::from(matches!(event, TailEvent::Message(_)));
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await;
    assert_eq!(seen, 3);
    drop(gateway);
    drop(broker);
    let mut problems = Vec::new();
    tail(tail_settings(&settings), |event| {
        if let TailEvent::Lost { problem, .. } = event {
            problems.push(problem.to_owned());
        }
        if problems.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await;
    assert!(problems[1].contains("nothing listens there"), "{problems:?}");
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let (Some(program), Some(passwords)) = (program("mosquitto"), program("mosquitto_passwd"))
    else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("passwords");
    let made =
        Command::new(passwords).arg("-b").arg("-c").arg(&file).args(["gw-1", "right"]).status();
    assert!(made.unwrap().success());
    let lines = "allow_anonymous false\npassword_file DIR/passwords";
    let broker = Mosquitto::start(&program, directory, lines).await;
    for version in [Version::V3, Version::V5] {
        let mut settings = settings(version, broker.port);
        settings.no_subscriber = NoSubscriber::Deliver;
        let secret = broker.path("secret");
        settings.connection.username = Some("gw-1".to_owned());
        settings.connection.password_file = Some(secret.clone());
        fs::write(&secret, "wrong\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let gateway = Gateway::start(settings, &MemoryOutbox::with_records(1, 20));
        // mosquitto 2.0 answers "not authorised" to a wrong password.
        gateway.problem("check").await;
        // The file is read anew for each attempt.
        fs::write(&secret, "right\n").unwrap();
        gateway.delivered(1).await;
    }
}

/// An authority, a broker's certificate for 127.0.0.1 and a client's, made by openssl.
fn certificates(openssl: &Path, directory: &Path) {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(openssl);
        let command = command.args(arguments).current_dir(directory).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "openssl {arguments:?}");
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    for (name, subject) in
        [("ca", "/CN=authority"), ("other", "/CN=other"), ("twin", "/CN=authority")]
    {
        let (out, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let head = ["req", "-x509", "-days", "2", "-subj", subject];
        run(&[&head[..], &key, &["-keyout", &out, "-out", &pem]].concat());
    }
    fs::write(directory.join("broker.ext"), "subjectAltName=IP:127.0.0.1").unwrap();
    fs::write(directory.join("client.ext"), "extendedKeyUsage=clientAuth").unwrap();
    for name in ["broker", "client"] {
        let [out, csr, pem, extensions] =
            ["key", "csr", "pem", "ext"].map(|kind| format!("{name}.{kind}"));
        let head = ["req", "-subj", "/CN=test", "-out", &csr];
        run(&[&head[..], &key, &["-keyout", &out]].concat());
        let sign = ["x509", "-req", "-in", &csr, "-CA", "ca.pem", "-CAkey", "ca.key"];
        let rest = ["-CAcreateserial", "-days", "2", "-out", &pem, "-extfile", &extensions];
        run(&[&sign[..], &rest].concat());
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(directory.join(&out), mode).unwrap();
    }
}

#[tokio::test]
async fn tls_works_and_says_what_is_wrong() {
    let (Some(program), Some(openssl)) = (program("mosquitto"), program("openssl")) else { return };
    let directory = tempfile::tempdir().unwrap();
    certificates(&openssl, directory.path());
    let lines = "allow_anonymous true\ncafile DIR/ca.pem\ncertfile DIR/broker.pem\nkeyfile DIR/broker.key\nrequire_certificate true";
    let broker = Mosquitto::start(&program, directory, lines).await;
    for version in [Version::V3, Version::V5] {
        let good = {
            let mut good = settings(version, broker.port);
            good.no_subscriber = NoSubscriber::Deliver;
            good.connection.address.tls = true;
            good.connection.ca_file = Some(broker.path("ca.pem"));
            good.connection.client_cert_file = Some(broker.path("client.pem"));
            good.connection.client_key_file = Some(broker.path("client.key"));
            good
        };
        let gateway = Gateway::start(good.clone(), &MemoryOutbox::with_records(500, 500));
        gateway.delivered(500).await;
        gateway.stop().await;

        let problem = async |change: &dyn Fn(&mut Settings), words: &str| {
            let mut bad = good.clone();
            change(&mut bad);
            let gateway = Gateway::start(bad, &MemoryOutbox::with_records(1, 20));
            gateway.problem(words).await
        };
        for wrong in ["other.pem", "twin.pem"] {
            problem(
                &|bad| bad.connection.ca_file = Some(broker.path(wrong)),
                "not signed by the authority in mqtt.ca_file",
            )
            .await;
        }
        problem(
            &|bad| bad.connection.address.host = "localhost".to_owned(),
            "certificate is for another name",
        )
        .await;
        let without = problem(
            &|bad| {
                bad.connection.client_cert_file = None;
                bad.connection.client_key_file = None;
            },
            "client certificate",
        )
        .await;
        assert!(without.contains("mqtt.client_cert_file"), "{without}");
        problem(
            &|bad| bad.connection.client_cert_file = Some(broker.path("broker.key")),
            "holds no certificate",
        )
        .await;
    }
    // mqtts to a port that speaks plain MQTT.
    let plain = Mosquitto::open(&program).await;
    let mut settings = settings(Version::V5, plain.port);
    settings.connection.address.tls = true;
    settings.connection.ca_file = Some(broker.path("ca.pem"));
    let gateway = Gateway::start(settings, &MemoryOutbox::with_records(1, 20));
    gateway.problem("does it speak TLS on this port?").await;
    let plain_at_tls = crate::gateway::settings(Version::V5, broker.port);
    let gateway = Gateway::start(plain_at_tls, &MemoryOutbox::with_records(1, 20));
    gateway.problem("does it expect TLS").await;
}
