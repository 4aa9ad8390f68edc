//! What this machine gives at most, measured in the same run: the MQTT client alone with the same payloads, the
//! database alone with the same bytes, a bare loop of both without any of our work, and one step of that loop alone.
//!
//! In: a broker. Out: rows of the table. Never: a comparison with figures of another day.

use std::time::{Duration, Instant};

use rumqttc_v5::{
    AsyncClient, Broker as Address, Event, EventLoop, Incoming, IncomingPacketSizeLimit,
    MqttOptions, PublishOptions,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;
use tillgate_tests::broker::Broker;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::figures::{Table, rate};

/// Publishes under way at once, as many as the gateway has.
const WINDOW: usize = 200;
/// Where all of this goes: not where the gateway's records go.
const TOPIC: &str = "tillgate/v1/bench/records";
/// Rows of one insert statement, and of one commit.
const ROWS: usize = 100;
const GROUP: usize = 1_000;

/// Measures all three with `count` payloads of `bytes` each.
pub(crate) fn measure(broker: &Broker, count: u64, bytes: usize, table: &mut Table) {
    let runtime = Runtime::new().expect("a runtime");
    let payload = vec![b'.'; bytes];
    let time = runtime.block_on(publish_alone(broker.port(), count, &payload));
    let how = format!("{count} payloads of {bytes} B, QoS 1, window {WINDOW}, no disk");
    table.row("limit: MQTT client alone", rate(count, time), &how);

    let folder = TempDir::with_prefix("tillgate-bench-").expect("a temporary folder");
    let time = runtime.block_on(async {
        let mut journal = journal(&folder, "alone.db").await;
        let began = Instant::now();
        for _ in 0..count.div_ceil(GROUP as u64) {
            commit(&mut journal, &vec![payload.clone(); GROUP]).await;
        }
        began.elapsed()
    });
    let how = format!("the same bytes, WAL, synced commits of {GROUP}");
    table.row("limit: SQLite alone", rate(count, time), &how);

    let time = runtime.block_on(bare_loop(broker.port(), count, &payload, &folder));
    table.row(
        "limit: bare loop",
        rate(count, time),
        "lines over TCP, SQLite, MQTT; no parsing, no checks, no order",
    );
}

async fn publish_alone(port: u16, count: u64, payload: &[u8]) -> Duration {
    let (lines, queue) = mpsc::channel(WINDOW);
    let payload = payload.to_vec();
    tokio::spawn(async move {
        for _ in 0..count {
            if lines.send(payload.clone()).await.is_err() {
                return;
            }
        }
    });
    publish(port, count, queue).await
}

/// Publishes what comes out of a queue, with a window, until `count` are acknowledged.
async fn publish(port: u16, count: u64, mut queue: mpsc::Receiver<Vec<u8>>) -> Duration {
    let (client, mut events) = connect("tillgate-bench", port);
    let (mut sent, mut acknowledged) = (0, 0);
    let began = Instant::now();
    while acknowledged < count {
        let has_room = sent < count && sent - acknowledged < WINDOW as u64;
        tokio::select! {
            Some(payload) = queue.recv(), if has_room => {
                client.try_publish(TOPIC, payload, PublishOptions::at_least_once()).expect("room");
                sent += 1;
            }
            event = events.poll() => {
                if let Event::Incoming(Incoming::PubAck(_)) = event.expect("a broker that works") {
                    acknowledged += 1;
                }
            }
        }
    }
    began.elapsed()
}

fn connect(client_id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(client_id, Address::tcp("127.0.0.1", port));
    options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(1 << 20));
    AsyncClient::builder(options)
        .capacity(WINDOW)
        .try_build()
        .expect("settings that the client takes")
}

/// Publishes all of these; done when the broker has acknowledged the last.
pub(crate) fn publish_all(port: u16, payloads: Vec<Vec<u8>>) {
    let runtime = Runtime::new().expect("a runtime");
    let count = payloads.len() as u64;
    runtime.block_on(async move {
        let (lines, queue) = mpsc::channel(WINDOW);
        tokio::spawn(async move {
            for payload in payloads {
                if lines.send(payload).await.is_err() {
                    return;
                }
            }
        });
        publish(port, count, queue).await
    });
}

/// One record at a time, synced and then published: what a reading takes at least.
pub(crate) struct Step {
    runtime: Runtime,
    journal: SqliteConnection,
    client: AsyncClient,
    events: EventLoop,
    _folder: TempDir,
}

impl Step {
    pub(crate) fn with(broker: &Broker) -> Self {
        let folder = TempDir::with_prefix("tillgate-bench-").expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let journal = runtime.block_on(journal(&folder, "step.db"));
        let (client, events) = runtime.block_on(async { connect("tillgate-step", broker.port()) });
        Self { runtime, journal, client, events, _folder: folder }
    }

    /// How long one synced commit took, and after it one publish until its acknowledgement.
    pub(crate) fn take(&mut self, payload: Vec<u8>) -> [Duration; 2] {
        let Self { runtime, journal, client, events, .. } = self;
        runtime.block_on(async {
            let began = Instant::now();
            commit(journal, std::slice::from_ref(&payload)).await;
            let committed = Instant::now();
            client.try_publish(TOPIC, payload, PublishOptions::at_least_once()).expect("room");
            loop {
                let event = events.poll().await.expect("a broker that works");
                if let Event::Incoming(Incoming::PubAck(_)) = event {
                    break;
                }
            }
            [committed - began, committed.elapsed()]
        })
    }
}

async fn journal(folder: &TempDir, name: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join(name))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut journal = options.connect().await.expect("a database");
    let table = "CREATE TABLE record (sequence INTEGER PRIMARY KEY, data BLOB NOT NULL)";
    sqlx::query(table).execute(&mut journal).await.expect("a table");
    journal
}

/// One synced commit.
async fn commit(journal: &mut SqliteConnection, rows: &[Vec<u8>]) {
    let mut transaction = journal.begin().await.expect("a transaction");
    for chunk in rows.chunks(ROWS) {
        let sql =
            format!("INSERT INTO record (data) VALUES {}", vec!["(?)"; chunk.len()].join(","));
        let query = chunk
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, row| query.bind(row.as_slice()));
        query.execute(&mut *transaction).await.expect("an insert");
    }
    transaction.commit().await.expect("a commit");
}

/// Lines over TCP into the database, and from there, once they are synced, to the broker.
async fn bare_loop(port: u16, count: u64, payload: &[u8], folder: &TempDir) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let line = [payload, b"\n"].concat();
    tokio::spawn(async move {
        let mut till = TcpStream::connect(address).await.expect("a connection");
        let batch = line.repeat(ROWS);
        for _ in 0..count.div_ceil(ROWS as u64) {
            if till.write_all(&batch).await.is_err() {
                return;
            }
        }
    });
    let (committed, queue) = mpsc::channel(GROUP);
    let mut journal = journal(folder, "loop.db").await;
    let began = Instant::now();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a till");
        let mut lines = BufReader::with_capacity(1 << 20, stream).split(b'\n');
        let mut group = Vec::with_capacity(GROUP);
        while let Ok(Some(line)) = lines.next_segment().await {
            group.push(line);
            if group.len() == GROUP {
                commit(&mut journal, &group).await;
                for row in group.drain(..) {
                    if committed.send(row).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    publish(port, count, queue).await;
    began.elapsed()
}
