//! Zebra's SSI on a serial port.
//!
//! In: packets of a scanner, and what became of its codes. Out: barcodes, each once, and the packets that answer them.
//! A code is acknowledged when it is durable. Where the store does not take it the scanner beeps otherwise; where
//! nobody says anything it sends again, and at last beeps by itself. Never: what a scanner says about itself in a
//! reading.

use tillgate_parsers::ssi::{Code, Event, Host, Refusal, Settings, aim};
use tokio::time::Instant;

use super::dialogue::Dialogue;
use crate::{DeviceEvent, DeviceSettings, Reading};

/// The host's side of the line.
pub(crate) struct SsiDialogue {
    host: Host,
    /// The host counts time from here.
    began: Instant,
}

impl SsiDialogue {
    /// `accept` and `refuse` of the settings are numbers of the scanner's beeps here.
    pub(crate) fn new(settings: &DeviceSettings) -> Self {
        let usual = Settings::default();
        let settings = Settings {
            accept_sound: settings.accept.first().copied().or(usual.accept_sound),
            refuse_sound: settings.refuse.first().copied().or(usual.refuse_sound),
            ..usual
        };
        Self { host: Host::new(settings), began: Instant::now() }
    }

    fn say(&mut self, events: &mut Vec<DeviceEvent>) -> u32 {
        let mut readings = 0;
        for event in self.host.events() {
            match event {
                Event::Code(code) => {
                    readings += 1;
                    events.push(DeviceEvent::Reading(reading(code)));
                }
                Event::Refused { refusal, bytes } => {
                    events.push(DeviceEvent::Damaged { problem: problem(refusal), bytes });
                }
                Event::Damaged { bytes } => {
                    events.push(DeviceEvent::Damaged { problem: NOISE, bytes });
                }
                // Old scanners do not know all commands, and read all the same.
                Event::Revision(_)
                | Event::Capabilities(_)
                | Event::Parameters(_)
                | Event::Failed { .. } => {}
            }
        }
        readings
    }
}

impl Dialogue for SsiDialogue {
    fn open(&mut self, now: Instant, _bytes_wait: bool) {
        self.host.start(now - self.began);
    }

    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32 {
        self.host.receive(bytes, now - self.began);
        self.say(events)
    }

    fn wake_at(&self) -> Option<Instant> {
        Some(self.began + self.host.deadline()?)
    }

    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>) {
        self.host.tick(now - self.began);
        self.say(events);
    }

    fn awaits_verdicts(&self) -> bool {
        true
    }

    fn settled(&mut self, is_taken: bool, now: Instant) {
        self.host.settle(is_taken, now - self.began);
    }

    fn output(&mut self) -> Vec<u8> {
        self.host.output()
    }

    fn close(&mut self, events: &mut Vec<DeviceEvent>) {
        let bytes = self.host.close();
        if bytes > 0 {
            events.push(DeviceEvent::Partial { bytes });
        }
    }
}

fn reading(code: Code) -> Reading {
    let Code { code_type, data } = code;
    Reading::Barcode { aim: aim(code_type).map(str::to_owned), data, damaged: false }
}

const NOISE: &str = "no SSI packet, which the scanner was asked to send again: if no code arrives at all, set the \
                     scanner to SSI, or compare `baud` and `line` with its settings";

fn problem(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Doubtful => {
            "a code that may be the last one sent again, or the same one scanned once more; the scanner beeped"
        }
        Refusal::Incomplete => "a part of a long code never came; the scanner beeped",
        Refusal::TooLong => "a code longer than any barcode; the scanner beeped",
    }
}
