//! A simulated SSI scanner on a line that loses, repeats and damages packets in both directions: every code is
//! delivered once, or refused with a beep, of the host or of the scanner.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use tillgate_parsers::ssi::command::{Cause, opcode};
use tillgate_parsers::ssi::packet::{Packet, PacketReader, RETRANSMISSION};
use tillgate_parsers::ssi::{Event, Host, Settings};

const TICK: Duration = Duration::from_millis(50);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const CODE_39: u8 = 0x01;

/// What the line does to a packet.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Damaged {
        at: usize,
        flip: u8,
    },
    /// Cut off after so many bytes.
    Cut {
        at: usize,
    },
    /// The scanner sends it once more, although it was acknowledged.
    Repeated,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        2 => (0_usize..20, 1_u8..).prop_map(|(at, flip)| Fate::Damaged { at, flip }),
        1 => (1_usize..8).prop_map(|at| Fate::Cut { at }),
        1 => Just(Fate::Repeated),
    ]
}

/// A person scans `content` so many ticks after the scanner is done with the code before. The store then takes so many
/// ticks until it has it.
#[derive(Debug, Clone, Copy)]
struct Scan {
    content: char,
    after: u32,
    store: u32,
}

fn scan() -> impl Strategy<Value = Scan> {
    let store = prop_oneof![4 => Just(0_u32), 1 => 1_u32..70];
    (prop::sample::select(vec!['A', 'B']), 6_u32..100, store)
        .prop_map(|(content, after, store)| Scan { content, after, store })
}

/// The scanner, as SE955 and its kind behave.
struct Scanner {
    scans: VecDeque<Scan>,
    reader: PacketReader,
    /// The code that waits for its acknowledgement, when it was sent last, and how often it may be sent again.
    current: Option<(char, Duration, u8)>,
    idle_since: Duration,
    /// Codes that it gave up with a beep.
    gave_up: Vec<char>,
}

impl Scanner {
    fn send(content: char, status: u8) -> Vec<u8> {
        let data = [CODE_39, b'N', b'o', b' ', content as u8];
        Packet { opcode: opcode::DECODE_DATA, status, data: &data }
            .from_scanner()
            .unwrap_or_default()
    }

    fn tick(&mut self, now: Duration) -> Option<Vec<u8>> {
        match self.current {
            Some((_, at, _)) if now - at >= RESPONSE_TIMEOUT => self.again(now),
            Some(_) => None,
            None => {
                let next = self.scans.front()?;
                if now < self.idle_since + TICK * next.after {
                    return None;
                }
                let scan = self.scans.pop_front()?;
                self.current = Some((scan.content, now, 2));
                Some(Self::send(scan.content, 0))
            }
        }
    }

    fn again(&mut self, now: Duration) -> Option<Vec<u8>> {
        let (content, _, left) = self.current?;
        if left == 0 {
            self.gave_up.push(content);
            self.done(now);
            return None;
        }
        self.current = Some((content, now, left - 1));
        Some(Self::send(content, RETRANSMISSION))
    }

    fn done(&mut self, now: Duration) {
        self.current = None;
        self.idle_since = now;
    }

    fn receive(&mut self, bytes: &[u8], now: Duration) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        self.reader.feed(bytes, &mut |packet| packets.push((packet.opcode, packet.data.to_vec())));
        // Each call is one packet of the host: what is left of a damaged one is over with it.
        self.reader.quiet();
        let answers = packets.into_iter().filter_map(|(code, data)| match code {
            opcode::ACK => {
                self.done_if_waiting(now);
                None
            }
            opcode::NAK if Cause::of(&data) == Cause::Resend => self.again(now),
            opcode::NAK => None,
            _ => Packet { opcode: opcode::ACK, status: 0, data: &[] }.from_scanner(),
        });
        answers.collect()
    }

    fn done_if_waiting(&mut self, now: Duration) {
        if self.current.is_some() {
            self.done(now);
        }
    }
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    delivered: Vec<char>,
    refused: usize,
    gave_up: usize,
}

struct World {
    scanner: Scanner,
    host: Host,
    fates: VecDeque<Fate>,
    /// Bytes that the host has not read yet.
    to_host: Vec<u8>,
    /// Copies that are sent at the next tick.
    repeats: Vec<Vec<u8>>,
    busy_until: Duration,
    stores: VecDeque<u32>,
    unsettled: bool,
    outcome: Outcome,
}

impl World {
    fn new(scans: &[Scan], fates: Vec<Fate>) -> Self {
        let scanner = Scanner {
            scans: scans.iter().copied().collect(),
            reader: PacketReader::default(),
            current: None,
            idle_since: Duration::ZERO,
            gave_up: Vec::new(),
        };
        Self {
            scanner,
            host: Host::new(Settings { accept_sound: Some(3), ..Settings::default() }),
            fates: fates.into(),
            to_host: Vec::new(),
            repeats: Vec::new(),
            busy_until: Duration::ZERO,
            stores: scans.iter().map(|scan| scan.store).collect(),
            unsettled: false,
            outcome: Outcome::default(),
        }
    }

    fn run(mut self) -> Outcome {
        let mut now = Duration::ZERO;
        let mut quiet_ticks = 0;
        while quiet_ticks < 400 {
            now += TICK;
            let is_busy = self.scanner.current.is_some() || !self.scanner.scans.is_empty();
            quiet_ticks = if is_busy { 0 } else { quiet_ticks + 1 };
            for copy in std::mem::take(&mut self.repeats) {
                self.to_host.extend(copy);
            }
            if let Some(bytes) = self.scanner.tick(now) {
                self.carry_to_host(bytes);
            }
            self.host_reads(now);
        }
        self.outcome.gave_up = self.scanner.gave_up.len();
        self.outcome
    }

    /// After the given fates all is well, so that every run ends.
    fn fate(&mut self) -> Fate {
        self.fates.pop_front().unwrap_or(Fate::Arrives)
    }

    fn carry_to_host(&mut self, mut bytes: Vec<u8>) {
        match self.fate() {
            Fate::Arrives => {}
            Fate::Lost => return,
            Fate::Damaged { at, flip } => damage(&mut bytes, at, flip),
            Fate::Cut { at } => bytes.truncate(at),
            Fate::Repeated => {
                let mut copy = Vec::new();
                let mut reader = PacketReader::default();
                reader.feed(&bytes, &mut |packet| {
                    let again = Packet { status: packet.status | RETRANSMISSION, ..packet };
                    copy = again.from_scanner().unwrap_or_default();
                });
                self.repeats.push(copy);
            }
        }
        self.to_host.extend(bytes);
    }

    /// A driver reads nothing while the store is busy with a code.
    fn host_reads(&mut self, now: Duration) {
        if now < self.busy_until {
            return;
        }
        if std::mem::take(&mut self.unsettled) {
            self.host.settle(true, now);
        }
        let bytes = std::mem::take(&mut self.to_host);
        if bytes.is_empty() {
            self.host.tick(now);
        } else {
            self.host.receive(&bytes, now);
        }
        for event in self.host.events() {
            match event {
                Event::Code(code) => {
                    self.outcome.delivered.extend(code.data.last().map(|byte| char::from(*byte)));
                    self.busy_until = now + TICK * self.stores.pop_front().unwrap_or_default();
                    if self.busy_until == now {
                        self.host.settle(true, now);
                    } else {
                        self.unsettled = true;
                    }
                }
                Event::Refused { .. } => self.outcome.refused += 1,
                _ => {}
            }
        }
        self.carry_to_scanner(now);
    }

    fn carry_to_scanner(&mut self, now: Duration) {
        let mut packets = Vec::new();
        let sent = self.host.output();
        PacketReader::default().feed(&sent, &mut |packet| packets.extend(packet.from_host()));
        for mut bytes in packets {
            match self.fate() {
                Fate::Arrives | Fate::Repeated => {}
                Fate::Lost => continue,
                Fate::Damaged { at, flip } => damage(&mut bytes, at, flip),
                Fate::Cut { at } => bytes.truncate(at),
            }
            for answer in self.scanner.receive(&bytes, now) {
                self.carry_to_host(answer);
            }
        }
    }
}

fn damage(bytes: &mut [u8], at: usize, flip: u8) {
    let at = at % bytes.len();
    bytes[at] ^= flip;
}

/// Whether `part` is what is left of `whole` after some were taken out.
fn is_left_of(part: &[char], whole: &[char]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|found| found == wanted))
}

proptest! {

    #[test]
    fn every_code_is_delivered_once_or_refused_with_a_beep(
        scans in prop::collection::vec(scan(), 1..6),
        fates in prop::collection::vec(fate(), 0..40),
    ) {
        let scanned: Vec<char> = scans.iter().map(|scan| scan.content).collect();
        let Outcome { delivered, refused, gave_up } = World::new(&scans, fates).run();
        prop_assert!(is_left_of(&delivered, &scanned), "{delivered:?} of {scanned:?}");
        let missing = scanned.len() - delivered.len();
        prop_assert!(missing <= refused + gave_up, "{missing} missing, {refused} refused, {gave_up} given up");
    }

    #[test]
    fn on_a_sound_line_every_code_is_delivered_at_once(scans in prop::collection::vec(scan(), 1..9)) {
        let scanned: Vec<char> = scans.iter().map(|scan| scan.content).collect();
        let Outcome { delivered, refused, gave_up } = World::new(&scans, Vec::new()).run();
        prop_assert_eq!((delivered, refused, gave_up), (scanned, 0, 0));
    }
}
