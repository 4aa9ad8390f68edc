//! The simulated network and broker: pipes in memory instead of sockets, and a broker that delays, reorders, repeats,
//! refuses, cuts and forgets, as the seed of its world says.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use rand::Rng;
use rand::rngs::SmallRng;
use tillgate::forward::{Connection, Dial, Stream, Trouble};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::packets::{self, Publish};
use super::seeds::generator;
use super::world::{Shared, Unwanted};

/// The largest packet that the broker takes.
pub(crate) const PACKET_MAX: usize = 4000;

const RECEIPTS: &str = "tillgate/v1/acme/0042/gw-1/receipts";

/// How one connection goes.
#[derive(Debug, Clone)]
struct Manner {
    /// Success, if it ever comes.
    connack: Option<(Duration, u8)>,
    suback: Option<bool>,
    cut_reading_at: usize,
    cut_writing_at: usize,
    stops_reading_at: usize,
    /// Answers take up to so long.
    delay_milliseconds: u64,
    /// Of a hundred publishes, so many are not answered, answered twice, refused, or end the connection.
    unanswered: u32,
    twice: u32,
    refused: u32,
    ended: u32,
}

impl Manner {
    fn good() -> Self {
        Self {
            connack: Some((Duration::ZERO, 0)),
            suback: Some(true),
            cut_reading_at: usize::MAX,
            cut_writing_at: usize::MAX,
            stops_reading_at: usize::MAX,
            delay_milliseconds: 5,
            unanswered: 0,
            twice: 0,
            refused: 0,
            ended: 0,
        }
    }

    fn hostile(random: &mut SmallRng, hostility: u32) -> Self {
        let mut strikes = |percent: u32| random.random_range(0..10_000) < percent * hostility;
        let [late, never, refuses, deaf, mute, stops, cut_in, cut_out, slow] =
            [20, 5, 10, 10, 5, 10, 25, 25, 50].map(&mut strikes);
        let [unanswered, twice, refused, ended] = [15, 15, 25, 15].map(&mut strikes);
        let mut at = |is_so: bool| if is_so { random.random_range(0..6000) } else { usize::MAX };
        let (cut_reading_at, cut_writing_at, stops_reading_at) =
            (at(cut_in), at(cut_out), at(stops));
        let cut_writing_at = cut_writing_at / if cut_out { 20 } else { 1 };
        let connack_delay = if late { random.random_range(0..15_000) } else { 0 };
        let code = if refuses { [3, 5][random.random_range(0..2)] } else { 0 };
        Self {
            connack: (!never).then_some((Duration::from_millis(connack_delay), code)),
            suback: (!mute).then_some(!deaf),
            cut_reading_at,
            cut_writing_at,
            stops_reading_at,
            delay_milliseconds: if slow { 20_000 } else { 50 },
            unanswered: if unanswered { 5 } else { 0 },
            twice: if twice { 5 } else { 0 },
            refused: if refused { 10 } else { 0 },
            ended: if ended { 5 } else { 0 },
        }
    }
}

/// The broker, and the way to it.
#[derive(Clone)]
pub(crate) struct Broker {
    world: Shared,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    connections: Vec<AbortOnDropHandle<()>>,
    /// The way to the gateway, while it is subscribed.
    subscriber: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// The newest message on the receipts topic.
    retained: Option<String>,
    said: u16,
}

impl Broker {
    pub(crate) fn new(world: &Shared) -> Self {
        Self { world: world.clone(), state: Arc::default() }
    }

    /// All connections end. What was not delivered is forgotten, or kept.
    pub(crate) fn crash(&self, forgets: bool) {
        let mut state = self.state.lock().unwrap();
        state.connections.clear();
        state.subscriber = None;
        let mut world = self.world.lock();
        world.tally.broker_crashes += 1;
        if forgets {
            world.tally.forgotten += world.kept.len() as u64;
            world.kept.clear();
            state.retained = None;
        }
    }

    /// Publishes on the receipts topic.
    pub(crate) fn say(&self, payload: &str) {
        let version = self.world.lock().plan.version;
        let mut state = self.state.lock().unwrap();
        state.retained = Some(payload.to_owned());
        state.said = state.said % 60_000 + 1;
        if let Some(subscriber) = &state.subscriber {
            // The gateway may be gone.
            let _gone = subscriber.send(packets::publish(version, RECEIPTS, state.said, payload));
        }
    }

    async fn connect(&self) -> io::Result<Stream> {
        let (number, is_hostile, plan) = {
            let mut world = self.world.lock();
            world.tally.connections += 1;
            (world.tally.connections, world.is_hostile, world.plan.clone())
        };
        let mut random = generator(plan.seed, 10_000 + number);
        let mut manner = Manner::good();
        if is_hostile {
            manner = Manner::hostile(&mut random, plan.hostility);
            sleep(Duration::from_millis(random.random_range(0..300))).await;
            match random.random_range(0..100) * 100 / plan.hostility.max(1) {
                0..10 => return Err(io::ErrorKind::ConnectionRefused.into()),
                10..15 => pending().await,
                _ => {}
            }
        }
        let (ours, theirs) = duplex([64, 1000, 65_536][random.random_range(0..3)]);
        let serving = Serving {
            broker: self.clone(),
            manner,
            random,
            open: 0,
            most_open: usize::from(plan.window.min(plan.receive_maximum)),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(serving.serve(ours)));
        let mut state = self.state.lock().unwrap();
        state.connections.retain(|connection| !connection.is_finished());
        state.connections.push(task);
        Ok(Box::new(theirs))
    }
}

impl Dial for Broker {
    fn dial<'a>(
        &'a self,
        _connection: &'a Connection,
        _limit: Duration,
    ) -> BoxFuture<'a, Result<Stream, Trouble>> {
        self.connect().map(|made| made.map_err(|error| Trouble::of_error(&error))).boxed()
    }
}

type Out = mpsc::UnboundedSender<Vec<u8>>;

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Read,
    /// After what was written so far.
    Close,
    Cut,
}

/// One connection.
struct Serving {
    broker: Broker,
    manner: Manner,
    random: SmallRng,
    open: usize,
    most_open: usize,
}

impl Serving {
    async fn serve(mut self, stream: DuplexStream) {
        let (mut reader, mut writer) = split(stream);
        let (out, mut packets) = mpsc::unbounded_channel::<Vec<u8>>();
        let mut room = self.manner.cut_writing_at;
        let writing = tokio::spawn(async move {
            while let Some(packet) = packets.recv().await {
                let part = &packet[..packet.len().min(room)];
                room -= part.len();
                // An empty packet ends the connection.
                if packet.is_empty() || writer.write_all(part).await.is_err() || room == 0 {
                    break;
                }
            }
        });
        let mut writing = AbortOnDropHandle::new(writing);
        let (mut buffer, mut total) = (Vec::new(), 0);
        let mut next = Next::Read;
        while next == Next::Read {
            let mut chunk = vec![0; (self.manner.cut_reading_at - total).min(4096)];
            let count = tokio::select! {
                biased;
                _ = &mut writing => 0,
                read = reader.read(&mut chunk) => read.unwrap_or(0),
            };
            if count == 0 {
                self.broker.world.lock().tally.cuts += 1;
                return;
            }
            total += count;
            buffer.extend_from_slice(&chunk[..count]);
            while let Some((kind, body)) = packets::take(&mut buffer)
                && next == Next::Read
            {
                next = self.packet(kind, &body, &out);
            }
            if total > self.manner.stops_reading_at {
                pending::<()>().await;
            }
        }
        if next == Next::Close {
            let _gone = out.send(Vec::new());
            let _ended = writing.await;
        }
    }

    fn packet(&mut self, kind: u8, body: &[u8], out: &Out) -> Next {
        let plan = self.broker.world.lock().plan.clone();
        match kind {
            1 => {
                if let Some((delay, code)) = self.manner.connack {
                    let code = match plan.version {
                        tillgate::forward::Version::V5 if code > 0 => code + 0x85,
                        _ => code,
                    };
                    let packet_max = u32::try_from(PACKET_MAX).unwrap();
                    let answer =
                        packets::connack(plan.version, code, plan.receive_maximum, packet_max);
                    later(delay, out, answer, || {});
                    if code > 0 {
                        return Next::Close;
                    }
                }
            }
            3 => return self.publish(&packets::read_publish(plan.version, body), out),
            4 => {}
            8 => self.subscribe(body, out),
            10 => send(out, packets::unsuback(plan.version, body)),
            12 => send(out, packets::pingresp()),
            14 => return Next::Cut,
            other => self.fail(format!("a packet of type {other} came from the gateway")),
        }
        Next::Read
    }

    fn fail(&self, words: String) {
        self.broker.world.lock().expect(false, || words);
    }

    fn subscribe(&mut self, body: &[u8], out: &Out) {
        let (version, is_hostile) = {
            let world = self.broker.world.lock();
            (world.plan.version, world.is_hostile)
        };
        // In calm times it answers, also on a connection that was made before.
        let Some(is_granted) = self.manner.suback.or_else(|| (!is_hostile).then_some(true)) else {
            return;
        };
        let is_granted = is_granted || !is_hostile;
        send(out, packets::suback(version, body, is_granted));
        if is_granted {
            let mut state = self.broker.state.lock().unwrap();
            state.subscriber = Some(out.clone());
            if let Some(retained) = &state.retained {
                send(out, packets::publish(version, RECEIPTS, 60_001, retained));
            }
        }
    }

    fn publish(&mut self, publish: &Publish, out: &Out) -> Next {
        self.open += 1;
        if self.open > self.most_open {
            self.fail(format!("{} publishes under way, {} are allowed", self.open, self.most_open));
        }
        // What is JSON speaks of records that are gone.
        let is_record = publish.topic.ends_with("/records") && !publish.payload.starts_with(b"{");
        let sequence = if is_record {
            let Some(sequence) = self.broker.world.lock().arrived(&publish.payload) else {
                return Next::Cut;
            };
            if let Some(next) = self.never_taken(sequence, publish, out) {
                return next;
            }
            Some(sequence)
        } else {
            None
        };
        let dice = self.random.random_range(0..100);
        let Manner { unanswered, twice, refused, ended, .. } = self.manner;
        if dice < ended {
            self.broker.world.lock().tally.cuts += 1;
            return if dice % 2 == 0 { Next::Close } else { Next::Cut };
        }
        let version = self.broker.world.lock().plan.version;
        if version == tillgate::forward::Version::V5 && dice < ended + refused {
            let reason = [0x10, 0x80, 0x87, 0x97][self.random.random_range(0..4)];
            if reason == 0x10 && publish.topic.ends_with("/findings") {
                // Nobody has to listen to notices: this one is done.
                self.answered_notice(publish);
            }
            return self.refuse(publish.id, reason, out);
        }
        if let Some(sequence) = sequence {
            self.broker.world.lock().kept.push_back(sequence);
        }
        if dice >= 100 - unanswered {
            return Next::Read;
        }
        // The same once more, or an answer to nothing. It comes at once: a client cannot tell an answer that is late by
        // a whole round of packet ids from the one that it waits for.
        let second = (dice >= 100 - unanswered - twice).then_some(if dice % 2 == 0 {
            publish.id
        } else {
            65_000
        });
        self.answer(publish, sequence, second, out);
        Next::Read
    }

    fn answered_notice(&self, publish: &Publish) {
        let id = String::from_utf8_lossy(&publish.payload).into_owned();
        self.broker.world.lock().notices_answered.insert(id);
    }

    /// What the broker does with a record that it will not take in any case.
    fn never_taken(&mut self, sequence: u64, publish: &Publish, out: &Out) -> Option<Next> {
        let unwanted = {
            let mut world = self.broker.world.lock();
            let is_itself = publish.payload.as_slice() != format!("{sequence} parked").as_bytes();
            let unwanted = world.plan.unwanted(sequence).filter(|_| is_itself)?;
            world.tally.refusals += 1;
            unwanted
        };
        match unwanted {
            Unwanted::TooLarge => {
                self.fail(format!("record {sequence} was sent and is too large"));
                Some(Next::Cut)
            }
            Unwanted::Refused => {
                let reason = [0x90, 0x99][self.random.random_range(0..2)];
                Some(self.refuse(publish.id, reason, out))
            }
            Unwanted::Closes => Some(Next::Close),
        }
    }

    fn refuse(&mut self, id: u16, reason: u8, out: &Out) -> Next {
        self.open -= 1;
        let version = {
            let mut world = self.broker.world.lock();
            world.tally.refusals += 1;
            world.plan.version
        };
        later(self.delay(), out, packets::puback(version, id, reason), || {});
        Next::Read
    }

    /// PUBACK, after a while. It counts as answered when it goes out.
    fn answer(&mut self, publish: &Publish, sequence: Option<u64>, second: Option<u16>, out: &Out) {
        self.open -= 1;
        let world = self.broker.world.clone();
        let version = world.lock().plan.version;
        let notice = publish.topic.ends_with("/findings").then(|| publish.payload.clone());
        let mut packets = packets::puback(version, publish.id, 0);
        packets.extend(second.into_iter().flat_map(|id| packets::puback(version, id, 0)));
        later(self.delay(), out, packets, move || {
            let mut world = world.lock();
            world.answered.extend(sequence);
            let id = notice.and_then(|notice| String::from_utf8(notice).ok());
            world.notices_answered.extend(id);
        });
    }

    fn delay(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(0..=self.manner.delay_milliseconds))
    }
}

fn send(out: &Out, packet: Vec<u8>) {
    // The connection may have ended.
    let _ended = out.send(packet);
}

/// Sends after a while, and does something at that moment.
fn later(delay: Duration, out: &Out, packet: Vec<u8>, then: impl FnOnce() + Send + 'static) {
    if delay.is_zero() {
        then();
        return send(out, packet);
    }
    let out = out.clone();
    // A few seconds of simulated time; the connection may be gone by then.
    let _task = tokio::spawn(async move {
        sleep(delay).await;
        then();
        send(&out, packet);
    });
}
