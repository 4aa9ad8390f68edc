//! What the tests stand on: listeners on free ports, an intake in memory that reads sales with the real
//! interpreter, a status that can be changed, and a client that shows every byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tillgate_record::IdempotencyKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::normalize::{Body, Context, Item, Reply, sale};
use crate::pipeline::{Intake, ItemStatus, Taken, TakenItem};
use crate::source::{Input, Media};
use crate::store::{Filling, StoreError};
use crate::telemetry::board::Board;
use crate::telemetry::status::tests::ordinary_day;
use crate::telemetry::status::{Condition, Readiness, Status};
use crate::web::{Services, StatusSource, bind, serve};

/// Nothing in these tests takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the store in memory answers instead of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    Budget,
    Overloaded,
    Stopping,
    Failed,
}

pub(super) struct MemoryIntake {
    config: Arc<Config>,
    pub(super) trouble: Mutex<Trouble>,
    known: Mutex<HashMap<String, Vec<u8>>>,
    pub(super) inputs: Mutex<Vec<(String, &'static str, usize)>>,
    pub(super) delay: Duration,
}

impl Intake for MemoryIntake {
    async fn take(&self, input: Input) -> Result<Taken, StoreError> {
        tokio::time::sleep(self.delay).await;
        match *self.trouble.lock().unwrap() {
            Trouble::None => {}
            Trouble::Budget => {
                let filling = Filling { waiting: 2, ..Filling::default() };
                return Err(StoreError::BudgetSpent { used: 2, budget: 1, filling });
            }
            Trouble::Overloaded => return Err(StoreError::Overloaded),
            Trouble::Stopping => return Err(StoreError::Stopping),
            Trouble::Failed => {
                return Err(StoreError::Failed {
                    operation: "commit",
                    source: Arc::new(sqlx::Error::PoolClosed),
                });
            }
        }
        let record = (input.source.clone(), input.media.as_str(), input.bytes.len());
        self.inputs.lock().unwrap().push(record);
        if input.media == Media::Edi {
            return Ok(edi(&input.bytes));
        }
        let context = Context {
            config: &self.config,
            source: &input.source,
            received_at: input.received_at,
            control_number: None,
        };
        let read = sale::interpret(&input.bytes, input.media, &context);
        let items = read.items.into_iter().map(|item| self.keep(item)).collect();
        Ok(Taken { capture: Ulid::from_parts(1, 1), items, replies: Vec::new() })
    }
}

impl MemoryIntake {
    fn keep(&self, item: Item) -> TakenItem {
        match item {
            Item::Candidate(candidate) => {
                let Body::Sale(sale) = candidate.body else { panic!("no sale") };
                let key = IdempotencyKey::of_sale("acme", &sale);
                let content = serde_json::to_vec(&sale).unwrap();
                let mut known = self.known.lock().unwrap();
                let status = match known.get(key.as_str()) {
                    None => ItemStatus::Accepted,
                    Some(before) if *before == content => ItemStatus::Duplicate,
                    Some(_) => ItemStatus::Conflict,
                };
                let event_id = Some(key.event_id(1));
                known.entry(key.as_str().to_owned()).or_insert(content);
                TakenItem { status, event_id, kind: None, findings: candidate.quality }
            }
            Item::Rejected(findings) | Item::Noted(findings) => {
                TakenItem { status: ItemStatus::Quarantined, event_id: None, kind: None, findings }
            }
        }
    }
}

/// An interchange for these tests is what begins with ISA; it earns two acknowledgements.
fn edi(bytes: &[u8]) -> Taken {
    let read = bytes.starts_with(b"ISA");
    let status = if read { ItemStatus::Accepted } else { ItemStatus::Quarantined };
    let reply = |content: &[u8]| Reply {
        content_type: "application/EDI-X12",
        file_name: "ack".to_owned(),
        content: content.to_vec(),
    };
    Taken {
        capture: Ulid::from_parts(1, 2),
        items: vec![TakenItem { status, event_id: None, kind: None, findings: Vec::new() }],
        replies: if read { vec![reply(b"TA1~"), reply(b"997~")] } else { Vec::new() },
    }
}

pub(super) struct MemoryStatus(pub(super) Mutex<Status>);

impl StatusSource for MemoryStatus {
    async fn status(&self) -> Status {
        self.0.lock().unwrap().clone()
    }

    fn ready(&self) -> Readiness {
        self.0.lock().unwrap().readiness.clone()
    }
}

impl MemoryStatus {
    pub(super) fn disk_full(&self) {
        self.0.lock().unwrap().readiness = Readiness {
            ready: false,
            reasons: vec![Condition {
                code: "disk-budget".to_owned(),
                message: "the disk budget is spent".to_owned(),
                fix: "connect the broker, or raise [disk] budget".to_owned(),
            }],
            warnings: Vec::new(),
        };
    }
}

pub(super) struct Gateway {
    pub(super) http: SocketAddr,
    pub(super) stream: SocketAddr,
    pub(super) intake: Arc<MemoryIntake>,
    pub(super) status: Arc<MemoryStatus>,
    pub(super) board: Arc<Board>,
    pub(super) config: watch::Sender<Arc<Config>>,
    pub(super) stop: CancellationToken,
    pub(super) served: JoinHandle<()>,
}

/// A configuration with tokens `terminal-03`, `terminal-04`, `bigbox` and `alice` in their roles.
pub(super) fn config(limits: &str, http: &str) -> Config {
    let hash = |token: &str| hex::encode(Sha256::digest(token));
    let text = format!(
        r#"
        [gateway]
        org = "acme"
        store = "0042"
        id = "gw-1"
        data_dir = "/nowhere"
        currency = "CNY"
        [mqtt]
        url = "mqtt://localhost"
        [http]
        listen = "127.0.0.1:0"
        {http}
        [terminals]
        listen = "127.0.0.1:0"
        [limits]
        {limits}
        [[terminal]]
        id = "03"
        token_sha256 = "{}"
        [[terminal]]
        id = "04"
        token_sha256 = "{}"
        [[partner]]
        id = "bigbox"
        token_sha256 = "{}"
        [[viewer]]
        id = "alice"
        token_sha256 = "{}"
        "#,
        hash("terminal-03"),
        hash("terminal-04"),
        hash("bigbox"),
        hash("alice"),
    );
    toml::from_str(&text).unwrap()
}

pub(super) async fn start(limits: &str) -> Gateway {
    start_with(config(limits, ""), Duration::ZERO, false).await
}

pub(super) async fn start_with(config: Config, delay: Duration, open: bool) -> Gateway {
    let listeners = bind(&config).await.unwrap();
    let http = listeners.http_address().unwrap();
    let stream = listeners.stream_address().unwrap();
    let config = Arc::new(config);
    let intake = Arc::new(MemoryIntake {
        config: Arc::clone(&config),
        trouble: Mutex::new(Trouble::None),
        known: Mutex::default(),
        inputs: Mutex::default(),
        delay,
    });
    let status = Arc::new(MemoryStatus(Mutex::new(ordinary_day())));
    let board = Arc::new(Board::default());
    board.add_source("03", crate::telemetry::board::SourceKind::Terminal, None, "");
    let (sender, receiver) = watch::channel(config);
    let stop = CancellationToken::new();
    let services = Services {
        intake: Arc::clone(&intake),
        status: Arc::clone(&status),
        metrics: Arc::new(|| "tillgate_build_info 1\n".to_owned()),
        config: receiver,
        clock: Arc::new(SystemClock),
        board: Arc::clone(&board),
        open,
    };
    let served = tokio::spawn(serve(listeners, services, stop.clone()));
    Gateway { http, stream, intake, status, board, config: sender, stop, served }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.head.lines().any(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))
    }
}

/// The answers in what a connection said.
pub(super) fn answers(text: &str) -> Vec<Answer> {
    let mut rest = text;
    let mut answers = Vec::new();
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            })
            .unwrap_or(0);
        let (body, next) = after.split_at(length);
        answers.push(Answer { status, head: head.to_owned(), body: body.to_owned() });
        rest = next;
    }
    answers
}

/// Sends bytes and reads until the other side ends the connection.
pub(super) async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    read_to_end(&mut socket).await
}

pub(super) async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut text)).await.unwrap().unwrap();
    String::from_utf8(text).unwrap()
}

pub(super) fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: till\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

/// One request on a connection of its own.
pub(super) async fn ask(
    address: SocketAddr,
    line: (&str, &str),
    headers: &[&str],
    body: &str,
) -> Answer {
    let headers: Vec<&str> = headers.iter().copied().chain(["Connection: close"]).collect();
    let text = talk(address, request(line.0, line.1, &headers, body).as_bytes()).await;
    let mut all = answers(&text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

pub(super) const TERMINAL: &str = "Authorization: Bearer terminal-03";
pub(super) const JSON: &str = "Content-Type: application/json";
pub(super) const NDJSON: &str = "Content-Type: application/x-ndjson";

pub(super) async fn post_sale(gateway: &Gateway, body: &str) -> Answer {
    ask(gateway.http, ("POST", "/v1/sales"), &[TERMINAL, JSON], body).await
}

pub(super) fn sale(sequence: u64, gross: &str) -> String {
    json!({
        "store": "0042", "terminal": "03", "sequence": sequence, "business_date": "2026-11-20",
        "currency": "CNY", "lines": [{"quantity": "1", "amount": gross}],
        "totals": {"gross": gross}
    })
    .to_string()
}
