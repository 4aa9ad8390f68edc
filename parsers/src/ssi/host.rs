//! The host's side of an SSI line.
//!
//! In: bytes, commands, verdicts about codes, and the time with each. Out: [`Event`]s, bytes to send, and when to ask
//! again. Never: a code twice because its acknowledgement was lost; a code whose end is unknown to the person at the
//! scanner: it is delivered, or a beep says that it was refused.

use std::collections::VecDeque;
use std::time::Duration;

use super::assembly::{Assembly, Code, Step};
use super::command::{Cause, Command, Parameter, opcode, parameters};
use super::packet::{Packet, PacketReader, RETRANSMISSION};
use super::repeat::{Repeat, Repeats};

/// Commands that wait for their turn. More are refused: a scanner that answers none of them is not there.
const COMMANDS_WAITING_MAX: usize = 32;

/// Text that a scanner says about itself is cut there.
const REVISION_CHARS_MAX: usize = 128;

/// A byte that wakes a scanner that sleeps. It is no part of a packet.
const WAKE_UP: u8 = 0;

/// Event of a scanner: it has power again, and forgot what it was told (parameter 258).
const POWER_UP: u8 = 0x03;

/// Decodes come as packets, not as text.
const PACKETED_DECODES: u16 = 0xEE;

/// Packets are acknowledged.
const HANDSHAKING: u16 = 0x9F;

/// How long the scanner waits for an acknowledgement, in tenths of a second.
const SCANNER_RESPONSE_TIMEOUT: u16 = 0x9B;

/// How the host speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The sound for a code that was taken; scanners beep by themselves for what they read.
    pub accept_sound: Option<u8>,
    /// The sound for a code that was refused.
    pub refuse_sound: Option<u8>,
    /// How long either side waits for an answer. At most 9.9 seconds.
    pub response_timeout: Duration,
    /// A packet within which the line is quiet for so long is damaged.
    pub character_timeout: Duration,
    /// So often a command is sent again.
    pub retries: u8,
    /// Whether segments of a long code are acknowledged one by one. Some scanners go on without.
    pub acknowledge_segments: bool,
}

impl Default for Settings {
    /// The time-outs of the guide; four short low beeps for a refusal, none besides the scanner's own for a code that
    /// was taken.
    fn default() -> Self {
        Self {
            accept_sound: None,
            refuse_sound: Some(0x08),
            response_timeout: Duration::from_secs(2),
            character_timeout: Duration::from_millis(200),
            retries: 2,
            acknowledge_segments: true,
        }
    }
}

/// What came of the line. No `Debug`: a code can be a card number.
pub enum Event {
    /// A barcode. The host waits with its acknowledgement for [`Host::settle`].
    Code(Code),
    /// A code was not taken, and the person heard that.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Bytes of it that were there.
        bytes: usize,
    },
    /// Bytes that were no packet.
    Damaged {
        /// How many.
        bytes: usize,
    },
    /// The software of the scanner, in its words.
    Revision(String),
    /// Opcodes of the commands that the scanner knows.
    Capabilities(Vec<u8>),
    /// How parameters are set.
    Parameters(Vec<Parameter>),
    /// A command was not done.
    Failed {
        /// Which.
        command: Command,
        /// What the scanner said; `None` when it said nothing.
        cause: Option<Cause>,
    },
}

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It may be a copy of the last code, or the same code scanned once more.
    Doubtful,
    /// A part of it never came.
    Incomplete,
    /// It is longer than [`super::CODE_BYTES_MAX`].
    TooLong,
}

/// A command that waits for its answer.
struct Asked {
    command: Command,
    at: Duration,
    retries_left: u8,
}

/// The host. Times are since any moment that stays the same. No `Debug`, as with [`Event`].
pub struct Host {
    reader: PacketReader,
    line: Line,
}

/// All but the reader, whose packets it takes.
struct Line {
    settings: Settings,
    output: Vec<u8>,
    events: Vec<Event>,
    repeats: Repeats,
    assembly: Assembly,
    /// When the last part of the code that is being assembled came.
    part_at: Duration,
    heard_at: Duration,
    /// Since when nobody listened, because a verdict took its time: what is heard next may be as old.
    deaf_since: Option<Duration>,
    /// Codes that were handed out and have no verdict yet.
    unsettled: usize,
    asked: Option<Asked>,
    waiting: VecDeque<Command>,
}

impl Host {
    /// A host on a line of which nothing is known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let line = Line {
            settings,
            output: Vec::new(),
            events: Vec::new(),
            repeats: Repeats::default(),
            assembly: Assembly::default(),
            part_at: Duration::ZERO,
            heard_at: Duration::ZERO,
            deaf_since: None,
            unsettled: 0,
            asked: None,
            waiting: VecDeque::new(),
        };
        Self { reader: PacketReader::default(), line }
    }

    /// Wakes the scanner, makes it send packets and wait for acknowledgements until it loses power, asks what it is,
    /// and allows scanning.
    pub fn start(&mut self, now: Duration) {
        self.line.start(now);
    }

    /// Takes bytes of the line.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.tick(now);
        let Self { reader, line } = self;
        line.heard_at = now;
        let sent_since = line.deaf_since.take().unwrap_or(now);
        reader.feed(bytes, &mut |packet| line.take(&packet, sent_since, now));
    }

    /// Says what became of the first code that has no verdict yet: it is safe, or it is not taken. Either way the
    /// scanner is told that it arrived; the sound tells the person.
    pub fn settle(&mut self, accepted: bool, now: Duration) {
        let line = &mut self.line;
        if line.unsettled == 0 {
            return;
        }
        line.unsettled -= 1;
        line.deaf_since = (now > line.heard_at).then_some(line.heard_at);
        line.repeats.acknowledged(now);
        line.send(opcode::ACK, &[]);
        let sound = match accepted {
            true => line.settings.accept_sound,
            false => line.settings.refuse_sound,
        };
        line.sound(sound, now);
    }

    /// Asks something of the scanner, after what was asked before. Says whether there was room to wait.
    pub fn ask(&mut self, command: Command, now: Duration) -> bool {
        self.line.ask(command, now)
    }

    /// Looks at the time. To be called at [`Self::deadline`]; more often does no harm.
    pub fn tick(&mut self, now: Duration) {
        let Self { reader, line } = self;
        let is_quiet = now.saturating_sub(line.heard_at) >= line.settings.character_timeout;
        if reader.is_pending() && is_quiet {
            line.damaged(reader.quiet());
        }
        line.tick(now);
    }

    /// When [`Self::tick`] is wanted, if nothing comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let line = &self.line;
        let quiet_at = || line.heard_at + line.settings.character_timeout;
        let deadlines = [
            self.reader.is_pending().then(quiet_at),
            line.asked.as_ref().map(|asked| asked.at + line.settings.response_timeout),
            line.assembly.is_open().then(|| line.part_at + line.give_up_after()),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// The line closed: what is pending never ends. Says how many bytes that were.
    pub fn close(&mut self) -> usize {
        let pending = self.reader.quiet() + self.line.assembly.abandon();
        let settings = self.line.settings.clone();
        self.line = Self::new(settings).line;
        pending
    }

    /// What happened since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.line.events)
    }

    /// Bytes to send since the last call.
    pub fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line.output)
    }
}

impl Line {
    fn start(&mut self, now: Duration) {
        self.output.push(WAKE_UP);
        let tenths = u8::try_from(self.settings.response_timeout.as_millis() / 100).unwrap_or(99);
        let values = vec![
            Parameter { number: PACKETED_DECODES, value: 1 },
            Parameter { number: HANDSHAKING, value: 1 },
            Parameter { number: SCANNER_RESPONSE_TIMEOUT, value: tenths.min(99) },
        ];
        self.ask(Command::ParameterSend { values, permanent: false }, now);
        self.ask(Command::Revision, now);
        self.ask(Command::Capabilities, now);
        self.ask(Command::ScanEnabled(true), now);
    }

    fn take(&mut self, packet: &Packet<'_>, sent_since: Duration, now: Duration) {
        match packet.opcode {
            opcode::ACK => self.answered(opcode::ACK, now),
            opcode::NAK => self.refused(Cause::of(packet.data), now),
            opcode::DECODE_DATA | opcode::SEGMENT => self.code(packet, sent_since, now),
            opcode::REVISION => {
                let text = String::from_utf8_lossy(packet.data);
                let shown = text.chars().filter(|one| !one.is_control()).take(REVISION_CHARS_MAX);
                self.events.push(Event::Revision(shown.collect()));
                self.answered(opcode::REVISION, now);
            }
            opcode::CAPABILITIES => {
                // Two bytes of line speeds, one of line settings, one about long messages.
                let known = packet.data.get(4..).unwrap_or_default().to_vec();
                self.events.push(Event::Capabilities(known));
                self.answered(opcode::CAPABILITIES, now);
            }
            opcode::PARAM_SEND => {
                self.send(opcode::ACK, &[]);
                self.events.push(Event::Parameters(parameters(packet.data)));
                self.answered(opcode::PARAM_SEND, now);
            }
            opcode::EVENT => {
                self.send(opcode::ACK, &[]);
                if packet.data.first() == Some(&POWER_UP) && !packet.is_retransmission() {
                    self.start(now);
                }
            }
            _ => self.send(opcode::NAK, &[Cause::BadContext.code()]),
        }
    }

    fn code(&mut self, packet: &Packet<'_>, sent_since: Duration, now: Duration) {
        let response_timeout = self.settings.response_timeout;
        match self.repeats.judge(packet, sent_since, now, response_timeout) {
            Repeat::New => self.part(packet, now),
            // The verdict brings its acknowledgement.
            Repeat::Same if self.unsettled > 0 => {}
            Repeat::Answered => {}
            Repeat::Same => self.acknowledge_part(packet),
            Repeat::Doubtful => {
                self.acknowledge_part(packet);
                self.refuse(Refusal::Doubtful, packet.data.len(), now);
            }
        }
    }

    fn part(&mut self, packet: &Packet<'_>, now: Duration) {
        if self.assembly.is_interrupted_by(packet) {
            let bytes = self.assembly.abandon();
            self.refuse(Refusal::Incomplete, bytes, now);
        }
        self.part_at = now;
        match self.assembly.take(packet) {
            Step::Whole(code) => {
                self.unsettled += 1;
                self.events.push(Event::Code(code));
            }
            Step::More => self.acknowledge_part(packet),
            Step::TooLong => {
                self.send(opcode::NAK, &[Cause::Cancel.code()]);
                self.refuse(Refusal::TooLong, packet.data.len(), now);
            }
            Step::Broken => {
                self.send(opcode::NAK, &[Cause::Cancel.code()]);
                self.refuse(Refusal::Incomplete, packet.data.len(), now);
            }
        }
    }

    /// Segments that are not the last have an answer of their own.
    fn acknowledge_part(&mut self, packet: &Packet<'_>) {
        match packet.opcode {
            opcode::SEGMENT if self.assembly.is_open() => {
                if self.settings.acknowledge_segments {
                    self.send(opcode::SEGMENT_ACK, &[]);
                }
            }
            _ => self.send(opcode::ACK, &[]),
        }
    }

    /// Asks for it once more. A scanner whose code never arrives whole says so with a beep of its own.
    fn damaged(&mut self, bytes: usize) {
        self.repeats.damaged();
        self.events.push(Event::Damaged { bytes });
        self.send(opcode::NAK, &[Cause::Resend.code()]);
    }

    fn refuse(&mut self, refusal: Refusal, bytes: usize, now: Duration) {
        self.events.push(Event::Refused { refusal, bytes });
        self.sound(self.settings.refuse_sound, now);
    }

    /// A scanner sends a packet three times: what is missing comes before that time is over, its next code after it.
    fn give_up_after(&self) -> Duration {
        (3 * self.settings.response_timeout).saturating_sub(self.settings.character_timeout)
    }

    fn tick(&mut self, now: Duration) {
        let parts_end = now.saturating_sub(self.part_at) >= self.give_up_after();
        if self.assembly.is_open() && parts_end {
            let bytes = self.assembly.abandon();
            self.refuse(Refusal::Incomplete, bytes, now);
        }
        let is_late =
            |asked: &Asked| now.saturating_sub(asked.at) >= self.settings.response_timeout;
        if self.asked.as_ref().is_some_and(is_late) {
            self.again(None, now);
        }
    }

    fn ask(&mut self, command: Command, now: Duration) -> bool {
        if self.waiting.len() >= COMMANDS_WAITING_MAX {
            return false;
        }
        self.waiting.push_back(command);
        self.ask_next(now);
        true
    }

    fn sound(&mut self, sound: Option<u8>, now: Duration) {
        if let Some(sound) = sound {
            self.ask(Command::Beep(sound), now);
        }
    }

    fn ask_next(&mut self, now: Duration) {
        while self.asked.is_none() {
            let Some(command) = self.waiting.pop_front() else { return };
            let Some(bytes) = command.packet(0) else {
                self.events.push(Event::Failed { command, cause: None });
                continue;
            };
            self.output.extend(bytes);
            // A beep that comes seconds late belongs to another code by then.
            let is_late_useless = matches!(command, Command::Beep(_));
            let retries_left = if is_late_useless { 0 } else { self.settings.retries };
            self.asked = Some(Asked { command, at: now, retries_left });
        }
    }

    fn answered(&mut self, answer: u8, now: Duration) {
        if self.asked.take_if(|asked| asked.command.answer() == answer).is_some() {
            self.ask_next(now);
        }
    }

    /// The scanner did not take the command.
    fn refused(&mut self, cause: Cause, now: Duration) {
        match cause {
            Cause::Resend => self.again(Some(cause), now),
            _ => {
                self.fail(Some(cause));
                self.ask_next(now);
            }
        }
    }

    fn again(&mut self, cause: Option<Cause>, now: Duration) {
        match &mut self.asked {
            Some(asked) if asked.retries_left > 0 => {
                asked.retries_left -= 1;
                asked.at = now;
                self.output.extend(asked.command.packet(RETRANSMISSION).unwrap_or_default());
            }
            _ => {
                self.fail(cause);
                self.ask_next(now);
            }
        }
    }

    fn fail(&mut self, cause: Option<Cause>) {
        if let Some(Asked { command, .. }) = self.asked.take() {
            self.events.push(Event::Failed { command, cause });
        }
    }

    fn send(&mut self, opcode: u8, data: &[u8]) {
        let packet = Packet { opcode, status: 0, data };
        self.output.extend(packet.from_host().unwrap_or_default());
    }
}
