//! `serial-scale`: the scale of a checkout.
//!
//! In: answers of a scale. Out: what is on it, said when it changes, and requests at a steady pace. Never: a weight
//! of a scale that does not answer any more.

use std::time::Duration;

use tillgate_parsers::scale::{OnScale, ScaleAnswer, ScaleReader};
use tokio::time::Instant;

use super::dialogue::Dialogue;
use super::serve;
use crate::{DeviceEvent, DeviceSettings, Driver, DriverKind};

/// The driver's entry.
pub(crate) const DRIVER: Driver = Driver {
    kind: DriverKind::SerialScale,
    name: "serial-scale",
    start: |assignment| {
        let dialogue = ScaleDialogue::new(&assignment.settings);
        Box::pin(serve(assignment, Box::new(dialogue)))
    },
};

/// So long a weight stands without a new answer, and a scale may think about one.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What was said last of a scale.
#[derive(PartialEq, Eq)]
enum Said {
    /// Nothing yet.
    Nothing,
    /// That it does not answer.
    Silent,
    /// What is on it.
    Weighed(OnScale),
}

/// Asks a scale and hears what it says.
struct ScaleDialogue {
    reader: ScaleReader,
    /// None for a scale that speaks by itself.
    ask_every: Option<Duration>,
    ask_at: Option<Instant>,
    silent_at: Option<Instant>,
    said: Said,
    output: Vec<u8>,
}

impl ScaleDialogue {
    fn new(settings: &DeviceSettings) -> Self {
        let ask_every = Duration::from_millis(settings.scale.ask_ms);
        Self {
            reader: ScaleReader::new(settings.scale.protocol, settings.scale.unit),
            ask_every: (!ask_every.is_zero()).then_some(ask_every),
            ask_at: None,
            silent_at: None,
            said: Said::Nothing,
            output: Vec::new(),
        }
    }

    fn ask(&mut self, now: Instant) {
        if let Some(pace) = self.ask_every {
            self.output.extend(self.reader.request());
            self.ask_at = Some(now + pace);
        }
    }
}

impl Dialogue for ScaleDialogue {
    fn open(&mut self, now: Instant, _bytes_wait: bool) {
        self.ask(now);
        self.silent_at = Some(now + ANSWER_WITHIN);
    }

    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32 {
        let Self { reader, silent_at, said, .. } = self;
        let mut answers = 0;
        reader.feed(bytes, &mut |answer| {
            answers += 1;
            match answer {
                ScaleAnswer::Malformed { bytes } => {
                    events.push(DeviceEvent::Damaged { problem: MALFORMED, bytes });
                }
                ScaleAnswer::Weighed(on_scale) => {
                    *silent_at = Some(now + ANSWER_WITHIN);
                    let before = std::mem::replace(said, Said::Weighed(on_scale.clone()));
                    if before != *said {
                        events.push(DeviceEvent::Weighed(Some(on_scale)));
                    }
                }
            }
        });
        answers
    }

    fn wake_at(&self) -> Option<Instant> {
        [self.ask_at, self.silent_at].into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>) {
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask(now);
        }
        if self.silent_at.is_some_and(|at| at <= now) {
            self.silent_at = None;
            // A scale that is never asked may have nothing new to say.
            if self.ask_every.is_some() {
                self.said = Said::Silent;
                events.push(DeviceEvent::Weighed(None));
                events.push(DeviceEvent::Damaged { problem: SILENT, bytes: self.reader.close() });
            }
        }
    }

    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn close(&mut self, events: &mut Vec<DeviceEvent>) {
        (self.ask_at, self.silent_at) = (None, None);
        self.said = Said::Nothing;
        self.output.clear();
        events.push(DeviceEvent::Weighed(None));
        let bytes = self.reader.close();
        if bytes > 0 {
            events.push(DeviceEvent::Partial { bytes });
        }
    }
}

const MALFORMED: &str = "no answer of a scale: compare `scale.protocol`, `baud` and `line` with its settings; a Toledo \
                         must send a decimal point";
const SILENT: &str =
    "the scale does not answer: compare `scale.protocol`, `baud` and `line` with its settings";
