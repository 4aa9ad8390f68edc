//! SSI exchanges, byte for byte: `ssi/*.txt` says who sends what and what comes of it.
//!
//! Lines: `do:` what the host is told, `wait:` milliseconds that pass, `scanner:` bytes from it; and what must follow,
//! in this order and nothing else: `host:` bytes to the scanner, `event:` what the host says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what drives the tests fails them in the same way"
)]

use std::fs;
use std::time::Duration;

use tillgate_parsers::ssi::command::Parameter;
use tillgate_parsers::ssi::{Command, Event, Host, Settings, aim};

struct Exchange {
    host: Host,
    now: Duration,
    sent: Vec<u8>,
    events: Vec<String>,
}

impl Exchange {
    fn new() -> Self {
        let settings = Settings { accept_sound: Some(0x03), ..Settings::default() };
        let host = Host::new(settings);
        Self { host, now: Duration::ZERO, sent: Vec::new(), events: Vec::new() }
    }

    fn step(&mut self, verb: &str, rest: &str) {
        match verb {
            "host" => {
                let expected = bytes(rest);
                let found = self.sent.get(..expected.len()).unwrap_or(&self.sent);
                assert_eq!(hex::encode(found), hex::encode(&expected));
                self.sent.drain(..expected.len());
            }
            "event" => {
                assert!(!self.events.is_empty(), "no event");
                assert_eq!(self.events.remove(0), rest);
            }
            _ => {
                self.assert_nothing_left();
                self.act(verb, rest);
                self.sent = self.host.output();
                self.events = self.host.events().iter().map(shown).collect();
            }
        }
    }

    fn act(&mut self, verb: &str, rest: &str) {
        match (verb, rest) {
            ("scanner", _) => self.host.receive(&bytes(rest), self.now),
            ("wait", _) => {
                self.now += Duration::from_millis(rest.parse().unwrap());
                self.host.tick(self.now);
            }
            ("do", "start") => self.host.start(self.now),
            ("do", "accept") => self.host.settle(true, self.now),
            ("do", "refuse") => self.host.settle(false, self.now),
            ("do", _) => assert!(self.host.ask(command(rest), self.now), "no room"),
            _ => panic!("what is {verb}?"),
        }
    }

    fn assert_nothing_left(&self) {
        assert!(self.sent.is_empty(), "sent as well: {}", hex::encode(&self.sent));
        assert!(self.events.is_empty(), "happened as well: {:?}", self.events);
    }
}

fn command(name: &str) -> Command {
    match name {
        "aim off" => Command::Aim(false),
        "aim on" => Command::Aim(true),
        "beep 04" => Command::Beep(4),
        "capabilities" => Command::Capabilities,
        "flush queue" => Command::FlushQueue,
        "illumination off" => Command::Illumination(false),
        "illumination on" => Command::Illumination(true),
        "led off 05" => Command::Led { mask: 5, on: false },
        "led on 05" => Command::Led { mask: 5, on: true },
        "parameter defaults" => Command::ParameterDefaults,
        "parameter request 9F 256 1024" => Command::ParameterRequest(vec![0x9F, 256, 1024]),
        "parameter send 8C=05 for good" => Command::ParameterSend {
            values: vec![Parameter { number: 0x8C, value: 5 }],
            permanent: true,
        },
        "revision" => Command::Revision,
        "scan disable" => Command::ScanEnabled(false),
        "scan enable" => Command::ScanEnabled(true),
        "session start" => Command::Session(true),
        "session stop" => Command::Session(false),
        "sleep" => Command::Sleep,
        _ => panic!("what is {name}?"),
    }
}

fn shown(event: &Event) -> String {
    match event {
        Event::Code(code) if code.data.len() > 64 => {
            format!("code {:02X}, {} bytes", code.code_type, code.data.len())
        }
        Event::Code(code) => {
            let aim = aim(code.code_type).unwrap_or("-");
            format!("code {:02X} {aim} {}", code.code_type, code.data.escape_ascii())
        }
        Event::Refused { refusal, bytes } => format!("refused {refusal:?} {bytes}"),
        Event::Damaged { bytes } => format!("damaged {bytes}"),
        Event::Revision(text) => format!("revision {text}"),
        Event::Capabilities(known) => format!("capabilities {}", hex::encode_upper(known)),
        Event::Parameters(list) => {
            let list: Vec<String> =
                list.iter().map(|one| format!("{}={}", one.number, one.value)).collect();
            format!("parameters {}", list.join(" "))
        }
        Event::Failed { command, cause } => format!("failed {:02X} {cause:?}", command.opcode()),
    }
}

/// Hex with blanks; `XX*N` is N times that byte.
fn bytes(text: &str) -> Vec<u8> {
    let word = |word: &str| match word.split_once('*') {
        Some((byte, times)) => hex::decode(byte).unwrap().repeat(times.parse().unwrap()),
        None => hex::decode(word).unwrap(),
    };
    text.split_whitespace().flat_map(word).collect()
}

#[test]
fn each_exchange_goes_byte_for_byte() {
    let mut files = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ssi")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut exchange = Exchange::new();
        for (number, line) in text.lines().enumerate() {
            println!("{}:{}: {line}", path.display(), number + 1);
            match line.split_once(':') {
                _ if line.starts_with('#') || line.is_empty() => {}
                Some((verb, rest)) => exchange.step(verb, rest.trim()),
                None => panic!("no step: {line}"),
            }
        }
        exchange.assert_nothing_left();
        files += 1;
    }
    assert!(files >= 5, "{files} exchanges");
}
