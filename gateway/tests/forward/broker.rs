//! A broker that follows a script, over real TCP: MQTT 3.1.1 and 5 as far as a gateway needs them, encoded by
//! hand, so that it can also do what a real broker never should.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tillgate::forward::{Stream, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// A PUBLISH as the broker saw it.
#[derive(Debug, Clone)]
pub(crate) struct Publish {
    pub(crate) connection: usize,
    pub(crate) id: u16,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) content_type: Option<String>,
}

impl Publish {
    /// The sequence number, for a record.
    pub(crate) fn sequence(&self) -> Option<u64> {
        let digits = self.topic.ends_with("/records").then_some(&self.payload)?;
        let digits = digits.split(|byte| *byte == b' ').next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// What the broker does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Ack(u16),
    AckWith(u16, u8),
    AckLater(u16, Duration),
    /// An answer to something that was never sent.
    AckStray(u16),
    /// A message on the receipts topic.
    Say(String),
    /// MQTT 5, 3.14.
    Disconnect(u8),
    Close,
    Reset,
    StopReading,
}

/// What the broker answers to CONNECT.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connack {
    pub(crate) delay: Duration,
    pub(crate) code: u8,
    pub(crate) session_present: bool,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) packet_max: Option<u32>,
    pub(crate) retain_unavailable: bool,
}

impl Default for Connack {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            code: 0,
            session_present: false,
            receive_maximum: None,
            packet_max: None,
            retain_unavailable: false,
        }
    }
}

type OnPublish = Box<dyn FnMut(&Publish) -> Vec<Act> + Send>;

/// What the broker answers to SUBSCRIBE.
#[derive(Debug, Clone)]
pub(crate) enum Suback {
    /// With what is retained there, which comes at once.
    Granted(Option<String>),
    Refused,
    Never,
}

/// How one connection goes.
pub(crate) struct Script {
    /// `None`: never.
    pub(crate) connack: Option<Connack>,
    pub(crate) on_publish: OnPublish,
    pub(crate) suback: Suback,
    /// A slow line: so many bytes are read at once, then nothing for so long.
    pub(crate) slow_line: Option<(usize, Duration)>,
    /// The connection is reset after so many bytes from the gateway.
    pub(crate) cut_reading_at: Option<usize>,
    /// The connection is reset after so many bytes to the gateway.
    pub(crate) cut_writing_at: Option<usize>,
}

impl Script {
    /// Answers each publish like this.
    pub(crate) fn answer(on_publish: impl FnMut(&Publish) -> Vec<Act> + Send + 'static) -> Self {
        Self {
            connack: Some(Connack::default()),
            on_publish: Box::new(on_publish),
            suback: Suback::Granted(None),
            slow_line: None,
            cut_reading_at: None,
            cut_writing_at: None,
        }
    }

    /// As a broker should be.
    pub(crate) fn good() -> Self {
        Self::answer(|publish| vec![Act::Ack(publish.id)])
    }

    pub(crate) fn with_connack(mut self, connack: Connack) -> Self {
        self.connack = Some(connack);
        self
    }

    pub(crate) fn with_suback(mut self, suback: Suback) -> Self {
        self.suback = suback;
        self
    }

    pub(crate) fn without_connack(mut self) -> Self {
        self.connack = None;
        self
    }
}

/// What the broker saw and did.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connects: Vec<Instant>,
    /// Whole CONNECT packets, less the fixed header.
    pub(crate) connect_packets: Vec<Vec<u8>>,
    pub(crate) publishes: Vec<Publish>,
    /// Sequence numbers whose publish was answered with success.
    pub(crate) taken: BTreeSet<u64>,
    /// Topics of SUBSCRIBE packets, and how many publishes had come before each.
    pub(crate) subscriptions: Vec<(String, usize)>,
    /// UNSUBSCRIBE packets: how often a sign of life was asked for.
    pub(crate) unsubscribes: usize,
    /// PUBACK packets of the gateway.
    pub(crate) acknowledged: usize,
    /// Connections that ended with DISCONNECT from the gateway.
    pub(crate) goodbyes: usize,
    /// Most unanswered publishes of each connection.
    pub(crate) most_open: Vec<usize>,
}

impl Seen {
    /// Sequence numbers in the order of arrival, with repeats.
    pub(crate) fn sequences(&self) -> Vec<u64> {
        self.publishes.iter().filter_map(Publish::sequence).collect()
    }

    /// Sequence numbers in the order of their first arrival.
    pub(crate) fn first_arrivals(&self) -> Vec<u64> {
        let mut known = BTreeSet::new();
        self.sequences().into_iter().filter(|sequence| known.insert(*sequence)).collect()
    }

    /// Numbers of records in whose place something else came.
    pub(crate) fn parked(&self) -> Vec<u64> {
        let texts =
            self.publishes.iter().filter_map(|seen| std::str::from_utf8(&seen.payload).ok());
        texts.filter_map(|text| text.strip_prefix("parked ")?.parse().ok()).collect()
    }

    pub(crate) fn repeats(&self) -> usize {
        self.sequences().len() - self.first_arrivals().len()
    }
}

type Newest = Arc<Mutex<Option<mpsc::UnboundedSender<Write>>>>;

/// The broker. Ends when dropped.
pub(crate) struct Broker {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    /// The way to the gateway on the newest connection.
    newest: Newest,
    _accepting: Option<AbortOnDropHandle<()>>,
    _serving: AbortOnDropHandle<()>,
}

impl Broker {
    /// Listens; connection number n, from 0, goes by `script(n)`.
    pub(crate) async fn start(
        version: Version,
        script: impl Fn(usize) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(0, version, script).await
    }

    /// The same at a port.
    pub(crate) async fn start_at(
        port: u16,
        version: Version,
        script: impl Fn(usize) -> Script + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (calls, called) = mpsc::unbounded_channel();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                calls.send(Box::new(stream) as Stream).unwrap();
            }
        });
        let accepting = Some(AbortOnDropHandle::new(accepting));
        Self { port, _accepting: accepting, ..Self::serving(called, version, script) }
    }

    /// The same without a network, for tokio's paused clock: connections are what is sent here.
    pub(crate) fn serving(
        mut called: mpsc::UnboundedReceiver<Stream>,
        version: Version,
        script: impl Fn(usize) -> Script + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let newest = Newest::default();
        let current = Arc::clone(&newest);
        let task = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Some(stream) = called.recv().await {
                let number = connections.len();
                let connection = Connection {
                    version,
                    number,
                    seen: Arc::clone(&shared),
                    open: 0,
                    read: 0,
                    said: 0,
                };
                let newest = Arc::clone(&current);
                let serving = tokio::spawn(connection.serve(stream, script(number), newest));
                connections.push(AbortOnDropHandle::new(serving));
            }
        });
        Self { port: 0, seen, newest, _accepting: None, _serving: AbortOnDropHandle::new(task) }
    }

    /// Publishes on the receipts topic, to the newest connection.
    pub(crate) fn say(&self, version: Version, payload: &str) {
        let out = self.newest.lock().unwrap().clone().expect("a connection");
        later(&out, Duration::ZERO, receipts_message(version, 999, payload));
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

struct Connection {
    version: Version,
    number: usize,
    seen: Arc<Mutex<Seen>>,
    open: usize,
    read: usize,
    said: u16,
}

/// What goes to the task that writes.
enum Write {
    Bytes(Vec<u8>),
    Close,
}

impl Connection {
    async fn serve(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        mut script: Script,
        newest: Newest,
    ) {
        let (mut reader, mut writer) = split(stream);
        let (out, mut writes) = mpsc::unbounded_channel();
        *newest.lock().unwrap() = Some(out.clone());
        let mut room = script.cut_writing_at.unwrap_or(usize::MAX);
        let writing = tokio::spawn(async move {
            while let Some(Write::Bytes(bytes)) = writes.recv().await {
                let part = &bytes[..bytes.len().min(room)];
                room -= part.len();
                if writer.write_all(part).await.is_err() || room == 0 {
                    break;
                }
            }
            let _ = writer.shutdown().await;
        });
        let mut writing = AbortOnDropHandle::new(writing);
        let mut buffer = Vec::new();
        loop {
            while let Some((kind, body)) = take_packet(&mut buffer) {
                match self.packet(kind, &body, &mut script, &out) {
                    Next::Read => {}
                    Next::Nothing => std::future::pending().await,
                    Next::Reset => return,
                    Next::Close => {
                        let _ = out.send(Write::Close);
                        let _ = (&mut writing).await;
                        // What is still unread would turn the end into a reset, which outruns the last answer.
                        let mut rest = [0; 4096];
                        while matches!(reader.read(&mut rest).await, Ok(count) if count > 0) {}
                        return;
                    }
                }
            }
            let room = script.cut_reading_at.map_or(usize::MAX, |cut| cut - self.read);
            let (piece, pause) = script.slow_line.unwrap_or((64 << 10, Duration::ZERO));
            let mut chunk = vec![0; room.min(piece)];
            if chunk.is_empty() {
                return;
            }
            sleep(pause).await;
            let count = tokio::select! {
                read = reader.read(&mut chunk) => read.unwrap_or(0),
                _ = &mut writing => 0,
            };
            if count == 0 {
                return;
            }
            self.read += count;
            buffer.extend_from_slice(&chunk[..count]);
        }
    }

    fn packet(
        &mut self,
        kind: u8,
        body: &[u8],
        script: &mut Script,
        out: &mpsc::UnboundedSender<Write>,
    ) -> Next {
        match kind >> 4 {
            1 => {
                let mut seen = self.seen.lock().unwrap();
                seen.connects.push(Instant::now());
                seen.connect_packets.push(body.to_vec());
                if let Some(connack) = script.connack {
                    later(out, connack.delay, self.connack(connack));
                }
                Next::Read
            }
            3 => {
                let publish = self.publish(kind, body);
                self.open += 1;
                {
                    let mut seen = self.seen.lock().unwrap();
                    seen.publishes.push(publish.clone());
                    let number = self.number;
                    if seen.most_open.len() <= number {
                        seen.most_open.resize(number + 1, 0);
                    }
                    seen.most_open[number] = seen.most_open[number].max(self.open);
                }
                for act in (script.on_publish)(&publish) {
                    let next = self.act(&act, out);
                    if !matches!(next, Next::Read) {
                        return next;
                    }
                }
                Next::Read
            }
            4 => {
                self.seen.lock().unwrap().acknowledged += 1;
                Next::Read
            }
            8 => {
                self.subscribe(body, &script.suback, out);
                Next::Read
            }
            10 => {
                let answer = match self.version {
                    Version::V3 => vec![0xB0, 2, body[0], body[1]],
                    Version::V5 => vec![0xB0, 4, body[0], body[1], 0, 0x11],
                };
                self.seen.lock().unwrap().unsubscribes += 1;
                later(out, Duration::ZERO, answer);
                Next::Read
            }
            12 => {
                let _ = out.send(Write::Bytes(vec![0xD0, 0]));
                Next::Read
            }
            14 => {
                self.seen.lock().unwrap().goodbyes += 1;
                Next::Reset
            }
            other => panic!("packet type {other} from the gateway"),
        }
    }

    fn subscribe(&mut self, body: &[u8], suback: &Suback, out: &mpsc::UnboundedSender<Write>) {
        // After the id come the properties of MQTT 5, none of which is expected.
        let filter = if self.version == Version::V5 { &body[3..] } else { &body[2..] };
        let length = usize::from(u16::from_be_bytes([filter[0], filter[1]]));
        let topic = String::from_utf8(filter[2..2 + length].to_vec()).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let published = seen.publishes.iter().filter(|seen| seen.connection == self.number).count();
        seen.subscriptions.push((topic, published));
        drop(seen);
        let (code, retained) = match suback {
            Suback::Granted(retained) => (1, retained.clone()),
            Suback::Refused if self.version == Version::V5 => (0x87, None),
            Suback::Refused => (0x80, None),
            Suback::Never => return,
        };
        let packet = match self.version {
            Version::V3 => vec![0x90, 3, body[0], body[1], code],
            Version::V5 => vec![0x90, 4, body[0], body[1], 0, code],
        };
        later(out, Duration::ZERO, packet);
        if let Some(retained) = retained {
            self.say(&retained, out);
        }
    }

    fn say(&mut self, payload: &str, out: &mpsc::UnboundedSender<Write>) {
        self.said += 1;
        later(out, Duration::ZERO, receipts_message(self.version, self.said, payload));
    }

    fn act(&mut self, act: &Act, out: &mpsc::UnboundedSender<Write>) -> Next {
        match *act {
            Act::Ack(id) => self.ack(id, 0, Duration::ZERO, out),
            Act::AckWith(id, reason) => self.ack(id, reason, Duration::ZERO, out),
            Act::AckLater(id, delay) => self.ack(id, 0, delay, out),
            Act::Say(ref payload) => self.say(payload, out),
            Act::AckStray(id) => later(out, Duration::ZERO, self.puback(id, 0)),
            Act::Disconnect(reason) => {
                later(out, Duration::ZERO, vec![0xE0, 2, reason, 0]);
                return Next::Close;
            }
            Act::Close => return Next::Close,
            Act::Reset => return Next::Reset,
            Act::StopReading => return Next::Nothing,
        }
        Next::Read
    }

    fn ack(&mut self, id: u16, reason: u8, delay: Duration, out: &mpsc::UnboundedSender<Write>) {
        self.open = self.open.saturating_sub(1);
        let mut seen = self.seen.lock().unwrap();
        let number = self.number;
        let answered =
            seen.publishes.iter().rev().find(|seen| seen.connection == number && seen.id == id);
        if let Some(sequence) = answered.and_then(Publish::sequence)
            && reason < 0x80
        {
            seen.taken.insert(sequence);
        }
        drop(seen);
        later(out, delay, self.puback(id, reason));
    }

    fn puback(&self, id: u16, reason: u8) -> Vec<u8> {
        let [high, low] = id.to_be_bytes();
        match (self.version, reason) {
            (Version::V3, _) | (Version::V5, 0) => vec![0x40, 2, high, low],
            (Version::V5, reason) => vec![0x40, 4, high, low, reason, 0],
        }
    }

    fn connack(&self, connack: Connack) -> Vec<u8> {
        let session = u8::from(connack.session_present);
        if self.version == Version::V3 {
            return vec![0x20, 2, session, connack.code];
        }
        let mut properties = Vec::new();
        if let Some(maximum) = connack.receive_maximum {
            properties.push(0x21);
            properties.extend(maximum.to_be_bytes());
        }
        if connack.retain_unavailable {
            properties.extend([0x25, 0]);
        }
        if let Some(maximum) = connack.packet_max {
            properties.push(0x27);
            properties.extend(maximum.to_be_bytes());
        }
        let length = u8::try_from(properties.len()).unwrap();
        let mut packet = vec![0x20, length + 3, session, connack.code, length];
        packet.extend(properties);
        packet
    }

    fn publish(&self, kind: u8, body: &[u8]) -> Publish {
        assert_eq!(kind & 0b0110, 0b0010, "QoS 1 is expected");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
        let id = u16::from_be_bytes([body[2 + length], body[3 + length]]);
        assert_ne!(id, 0);
        let mut payload = &body[4 + length..];
        let mut content_type = None;
        if self.version == Version::V5 {
            let properties = usize::from(payload[0]);
            assert!(properties < 128, "few properties are expected");
            let text = &payload[1..1 + properties];
            if text.first() == Some(&3) {
                content_type = Some(String::from_utf8(text[3..].to_vec()).unwrap());
            }
            payload = &payload[1 + properties..];
        }
        let retain = kind & 1 == 1;
        Publish {
            connection: self.number,
            id,
            topic,
            payload: payload.to_vec(),
            retain,
            content_type,
        }
    }
}

/// What follows a packet.
enum Next {
    Read,
    Nothing,
    Close,
    Reset,
}

/// PUBLISH with QoS 1 on the receipts topic.
fn receipts_message(version: Version, id: u16, payload: &str) -> Vec<u8> {
    let topic = b"tillgate/v1/acme/0042/gw-1/receipts";
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic);
    body.extend(id.to_be_bytes());
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(payload.as_bytes());
    let mut packet = vec![0x32];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(u8::try_from(length % 0x80).unwrap() | 0x80);
        length /= 0x80;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}

fn later(out: &mpsc::UnboundedSender<Write>, delay: Duration, bytes: Vec<u8>) {
    if delay.is_zero() {
        let _ = out.send(Write::Bytes(bytes));
        return;
    }
    let out = out.clone();
    tokio::spawn(async move {
        sleep(delay).await;
        let _ = out.send(Write::Bytes(bytes));
    });
}

/// Takes a whole packet off the buffer: its first byte, and what follows the length.
fn take_packet(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let kind = *buffer.first()?;
    let mut length = 0_usize;
    for (index, byte) in buffer.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7F) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            let end = index + 1 + length;
            if buffer.len() < end {
                return None;
            }
            let body = buffer[index + 1..end].to_vec();
            buffer.drain(..end);
            return Some((kind, body));
        }
    }
    None
}
