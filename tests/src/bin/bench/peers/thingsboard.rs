//! ThingsBoard's IoT Gateway, with its SQLite storage, between a broker in the store and a server of ThingsBoard.
//!
//! A mosquitto stands for the server: topics of the gateway's API are just published. What a server does beyond that is
//! done here: it answers the request for the session's limits (there are none), and a client does not hear what it
//! publishes itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use tillgate_tests::broker::Broker;
use tillgate_tests::process::{Process, command, run_tool};

use super::source::{PEER, Source, TOPICS};
use super::{Edge, Peer, packages};

pub(super) const NAME: &str = "ThingsBoard gateway 3.8.5";
const PACKAGE: &str = "thingsboard-gateway";
const VERSION: &str = "3.8.5";
const CONNECTOR: &str = "6b1c1a4e-52a1-4f0e-9c39-1f2b7a60d001";
const REQUESTS: &str = "v1/devices/me/rpc/request/";
/// No limits, and the payload size of a server with its defaults.
const LIMITS: &str =
    r#"{"maxPayloadSize":65536,"maxInflightMessages":100,"rateLimits":{},"gatewayRateLimits":{}}"#;
/// Rights of mosquitto: everything for those without a name, a bridge's notices too, and for a gateway what a server
/// gives it.
const ACCESS: &str = "topic readwrite #\ntopic readwrite $SYS/#\n\nuser tillgate-edge\n\
                      topic write v1/devices/me/rpc/request/#\ntopic read v1/devices/me/rpc/response/#\n\
                      topic write v1/devices/me/telemetry\ntopic write v1/devices/me/attributes\n\
                      topic write v1/gateway/#\n";
/// The time stamps of sales: its data are time series, and of two values with the same time only one stays.
const FIRST_MILLISECOND: usize = 1_700_000_000_000;

pub(super) fn peers() -> Result<Vec<Peer>, String> {
    let program = packages::from_pypi(PACKAGE, VERSION)?.join("bin").join(PACKAGE);
    let how = "MQTT connector, QoS 1, sessions kept, SQLite storage";
    let start = move |centre: &Broker| -> Box<dyn Edge> {
        Box::new(ThingsBoard::start(program.clone(), centre))
    };
    Ok(vec![Peer::new(NAME, how, &[0, 5], Box::new(start))])
}

/// The line of mosquitto's configuration that makes it a server for the gateway.
pub(super) fn access() -> String {
    let file = packages::folder().join("thingsboard.access");
    fs::create_dir_all(packages::folder()).expect("a folder for peers");
    fs::write(&file, ACCESS).expect("the server's rights are written");
    format!("acl_file {}\n", file.display())
}

struct ThingsBoard {
    program: PathBuf,
    folder: TempDir,
    source: Source,
    given: usize,
    process: Process,
    _server: Process,
}

impl ThingsBoard {
    fn start(program: PathBuf, centre: &Broker) -> Self {
        let folder = TempDir::with_prefix("tillgate-thingsboard-").expect("a temporary folder");
        let source = Source::start();
        let server = answer_requests(centre.port());
        for (file, content) in [
            ("tb_gateway.json", gateway(centre.port(), folder.path())),
            ("mqtt.json", connector(source.port())),
            ("logs.json", logs()),
        ] {
            fs::write(folder.path().join(file), content.to_string()).expect("a configuration");
        }
        let process = Self::run(&program, folder.path());
        source.wait_for_peer(centre);
        Self { program, folder, source, given: 0, process, _server: server }
    }

    fn run(program: &Path, folder: &Path) -> Process {
        let mut gateway = command(program);
        gateway.current_dir(folder).env("TB_GW_CONFIG_DIR", folder).stdout(Stdio::null());
        Process::start(gateway, &folder.join("log"))
    }
}

impl Edge for ThingsBoard {
    fn take(&mut self, sales: &[String]) {
        let from = FIRST_MILLISECOND + self.given;
        let payloads = (from..).zip(sales);
        let payloads =
            payloads.map(|(ts, sale)| format!(r#"{{"ts":{ts},"values":{sale}}}"#).into_bytes());
        self.source.give(payloads.collect());
        self.given += sales.len();
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn resume(&mut self) {
        self.process = Self::run(&self.program, self.folder.path());
    }
}

/// What of its main file is no default: the server, the storage on disk, and nothing that needs a real server.
fn gateway(port: u16, folder: &Path) -> Value {
    json!({
        "thingsboard": {
            "host": "127.0.0.1",
            "port": port,
            "remoteShell": false,
            "remoteConfiguration": false,
            "syncDevicesSharedAttributesOnConnect": false,
            "statistics": { "enable": false },
            "security": { "type": "accessToken", "accessToken": "tillgate-edge" },
            "qos": 1
        },
        "storage": { "type": "sqlite", "data_file_path": format!("{}/data/", folder.display()) },
        "grpc": { "enabled": false },
        "connectors": [{
            "name": "store", "id": CONNECTOR, "type": "mqtt", "configuration": "mqtt.json", "logLevel": "ERROR"
        }]
    })
}

/// Takes each sale as it is, with a session that outlives the gateway.
fn connector(port: u16) -> Value {
    json!({
        "name": "store",
        "id": CONNECTOR,
        "logLevel": "ERROR",
        "broker": {
            "host": "127.0.0.1",
            "port": port,
            "clientId": PEER,
            "version": 5,
            "cleanStart": false,
            "sessionExpiryInterval": 86_400,
            "security": { "type": "anonymous" }
        },
        "mapping": [{
            "topicFilter": TOPICS,
            "subscriptionQos": 1,
            "converter": {
                "type": "json",
                "deviceInfo": {
                    "deviceNameExpressionSource": "constant",
                    "deviceNameExpression": "till",
                    "deviceProfileExpressionSource": "constant",
                    "deviceProfileExpression": "default"
                },
                "attributes": [],
                "timeseries": ["*"]
            }
        }]
    })
}

fn logs() -> Value {
    json!({
        "version": 1,
        "disable_existing_loggers": false,
        "handlers": { "stderr": { "class": "logging.StreamHandler", "stream": "ext://sys.stderr" } },
        "root": { "level": "WARNING", "handlers": ["stderr"] }
    })
}

/// The server's part: limits for each session that asks for them.
fn answer_requests(port: u16) -> Process {
    let mut subscriber = command("mosquitto_sub");
    subscriber
        .args(["-q", "1", "-F", "%t", "-t", &format!("{REQUESTS}+"), "-h", "127.0.0.1", "-p"])
        .arg(port.to_string())
        .stdout(Stdio::piped());
    let mut subscriber = Process::start(subscriber, Path::new("/dev/null"));
    let topics = BufReader::new(subscriber.stdout().expect("a piped output")).lines();
    thread::spawn(move || {
        for topic in topics.map_while(Result::ok) {
            let answer = topic.replacen("request", "response", 1);
            let port = port.to_string();
            run_tool("mosquitto_pub", &["-p", &port, "-q", "1", "-t", &answer, "-m", LIMITS]);
        }
    });
    subscriber
}
