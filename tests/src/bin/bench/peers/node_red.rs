//! Node-RED between a broker in the store and the centre's: once wired straight through, and once with the package that
//! its community offers for guaranteed delivery, whose queue lies in Node-RED's file context.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tillgate_tests::broker::Broker;
use tillgate_tests::process::{Process, command};

use super::source::{PEER, Source, TOPICS};
use super::{Edge, Peer, packages};

pub(super) const NAME: &str = "Node-RED 4.1.15";
const PACKAGES: [&str; 2] = ["node-red@4.1.15", "@colinl/node-red-guaranteed-delivery@1.0.1"];
/// Contexts on disk, written each second instead of each thirty; no editor and no web server.
const SETTINGS: &str = "module.exports = {
  flowFile: 'flows.json', httpAdminRoot: false, httpNodeRoot: false, mqttReconnectTime: 1000,
  contextStorage: { default: { module: 'localfilesystem', config: { flushInterval: 1 } } },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
};
";

pub(super) fn peers() -> Result<Vec<Peer>, String> {
    let home = packages::from_npm(&PACKAGES)?;
    let straight = Start { home: home.clone(), flow: straight };
    let queued = Start { home, flow: queued };
    let with_queue = format!("{NAME}, guaranteed-delivery 1.0.1");
    Ok(vec![
        Peer::new(
            NAME,
            "MQTT in to MQTT out, QoS 1, sessions kept",
            &[0],
            Box::new(move |centre| Box::new(straight.start(centre))),
        ),
        Peer::new(
            &with_queue,
            "the same with its queue between, in the file context, which is written each second",
            &[0, 5],
            Box::new(move |centre| Box::new(queued.start(centre))),
        ),
    ])
}

struct Start {
    home: PathBuf,
    /// Nodes beside those of the brokers.
    flow: fn() -> Value,
}

impl Start {
    fn start(&self, centre: &Broker) -> NodeRed {
        let folder = TempDir::with_prefix("tillgate-node-red-").expect("a temporary folder");
        let source = Source::start();
        let mut flow = (self.flow)();
        let nodes = flow.as_array_mut().expect("a list of nodes");
        nodes.push(json!({ "id": "tab", "type": "tab", "label": "store to centre" }));
        nodes.push(broker("source", source.port(), PEER));
        nodes.push(broker("centre", centre.port(), "tillgate-edge"));
        fs::write(folder.path().join("flows.json"), flow.to_string()).expect("a flow");
        fs::write(folder.path().join("settings.js"), SETTINGS).expect("settings");
        // Packages of users lie beside their flows.
        let modules = self.home.join("node_modules");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).expect("a link");
        let program = self.home.join("node_modules/node-red/red.js");
        let process = NodeRed::run(&program, folder.path());
        source.wait_for_peer(centre);
        NodeRed { program, folder, source, process }
    }
}

struct NodeRed {
    program: PathBuf,
    folder: TempDir,
    source: Source,
    process: Process,
}

impl NodeRed {
    fn run(program: &Path, folder: &Path) -> Process {
        let mut node = command("node");
        node.arg(program).arg("--userDir").arg(folder).current_dir(folder).stdout(Stdio::null());
        Process::start(node, &folder.join("log"))
    }
}

impl Edge for NodeRed {
    fn take(&mut self, sales: &[String]) {
        self.source.give(sales.iter().map(|sale| sale.clone().into_bytes()).collect());
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn resume(&mut self) {
        self.process = Self::run(&self.program, self.folder.path());
    }
}

fn broker(id: &str, port: u16, client: &str) -> Value {
    json!({
        "id": id, "type": "mqtt-broker", "broker": "127.0.0.1", "port": port.to_string(), "clientid": client,
        "autoConnect": true, "usetls": false, "protocolVersion": "4", "keepalive": "60", "cleansession": false
    })
}

fn input(to: &str) -> Value {
    json!({
        "id": "in", "type": "mqtt in", "z": "tab", "topic": TOPICS, "qos": "1", "datatype": "utf8",
        "broker": "source", "inputs": 0, "wires": [[to]]
    })
}

fn output() -> Value {
    json!({
        "id": "out", "type": "mqtt out", "z": "tab", "topic": "", "qos": "1", "retain": "false", "broker": "centre",
        "wires": []
    })
}

fn straight() -> Value {
    json!([input("out"), output()])
}

/// As the package says: what was published is told to the queue, which then gives the next one out.
fn queued() -> Value {
    json!([
        input("queue"),
        {
            "id": "queue", "type": "guaranteed-delivery", "z": "tab", "controlProperty": "control", "OKValue": "OK",
            "FAILValue": "FAIL", "retrySecs": 1, "timeout": 2, "maxQueue": 0, "contextStore": "default",
            "wires": [["out"]]
        },
        output(),
        { "id": "done", "type": "complete", "z": "tab", "scope": ["out"], "uncaught": false, "wires": [["told"]] },
        {
            "id": "told", "type": "change", "z": "tab",
            "rules": [{ "t": "set", "p": "control", "pt": "msg", "to": "OK", "tot": "str" }], "wires": [["queue"]]
        }
    ])
}
