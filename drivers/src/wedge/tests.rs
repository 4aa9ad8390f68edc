//! Recorded events of keyboards. A pseudo terminal stands for a node that is none.

use tillgate_parsers::card::TokenKey;
use tillgate_parsers::wedge::{CALIBRATION, KEYS, Layout, Symbol};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::simulated::SimulatedDevice;

const ENTER: u16 = 28;
const SHIFT: u16 = 42;

/// What the kernel would give: each event with the time of the one before and a millisecond.
#[derive(Default)]
struct Recording {
    bytes: Vec<u8>,
    events: usize,
}

impl Recording {
    fn event(&mut self, kind: u16, code: u16, value: i32) {
        self.events += 1;
        let at = 1000 * self.events;
        self.bytes.extend((at / 1_000_000).to_ne_bytes());
        self.bytes.extend((at % 1_000_000).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(code.to_ne_bytes());
        self.bytes.extend(value.to_ne_bytes());
    }

    fn tap(&mut self, code: u16) {
        self.event(1, code, 1);
        self.event(0, 0, 0);
        self.event(1, code, 0);
        self.event(0, 0, 0);
    }

    fn text(mut self, layout: Layout, text: &str) -> Self {
        for wanted in text.chars() {
            let gives = |key: &u16, shift| {
                layout.symbol(*key, shift, false) == Some(Symbol::Character(wanted))
            };
            if wanted == ' ' {
                self.tap(57);
            } else if let Some(key) = KEYS.iter().find(|key| gives(key, false)) {
                self.tap(*key);
            } else {
                let key = KEYS.iter().find(|key| gives(key, true)).unwrap();
                self.event(1, SHIFT, 1);
                self.tap(*key);
                self.event(1, SHIFT, 0);
            }
        }
        self
    }

    fn enter(mut self) -> Self {
        self.tap(ENTER);
        self
    }
}

fn protocol(layout: Layout, prefix: &[u8]) -> WedgeProtocol {
    let mut settings =
        DeviceSettings::new("wedge-1", DriverKind::KeyboardWedge, Path::new("/dev/input/event9"));
    settings.layout = layout;
    settings.framing.prefix = prefix.to_vec();
    protocol_of(settings)
}

fn protocol_of(settings: DeviceSettings) -> WedgeProtocol {
    WedgeProtocol::new(&Assignment {
        settings,
        token_key: Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap()),
        events: mpsc::channel(1).0,
        stop: CancellationToken::new(),
    })
}

fn shown(event: &DeviceEvent) -> String {
    match event {
        DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }) => {
            let mark = if *damaged { "|damaged" } else { "" };
            format!("{}|{}{mark}", aim.as_deref().unwrap_or_default(), data.escape_ascii())
        }
        DeviceEvent::Reading(Reading::Card(card)) => {
            card.masked_pan.clone().or_else(|| card.loyalty.clone()).unwrap_or_default()
        }
        DeviceEvent::Connected { detail } => detail.clone(),
        other => format!("{other:?}"),
    }
}

fn read(protocol: &mut WedgeProtocol, recording: &Recording) -> Vec<String> {
    let mut events = Vec::new();
    for batch in recording.bytes.chunks(EVENT_BYTES * 7) {
        assert_eq!(protocol.read(batch, &mut events), None);
    }
    events.iter().map(shown).collect()
}

#[test]
fn two_scanners_at_once_are_two_decoders() {
    let (mut one, mut other) = (protocol(Layout::De, b""), protocol(Layout::Us, b""));
    let first = Recording::default().text(Layout::De, "zy-4006381333931").enter();
    let second = Recording::default().text(Layout::Us, "zy-963850744006/").enter();
    let mut seen = (Vec::new(), Vec::new());
    // By turns, some events of each at a time.
    let step = EVENT_BYTES * 5;
    let batches = first.bytes.len().max(second.bytes.len()).div_ceil(step);
    for batch in 0..batches {
        let part = |bytes: &[u8]| bytes.chunks(step).nth(batch).unwrap_or_default().to_vec();
        one.read(&part(&first.bytes), &mut seen.0);
        other.read(&part(&second.bytes), &mut seen.1);
    }
    assert_eq!(seen.0.iter().map(shown).collect::<Vec<_>>(), ["|zy-4006381333931"]);
    assert_eq!(seen.1.iter().map(shown).collect::<Vec<_>>(), ["|zy-963850744006/"]);
}

#[test]
fn identifier_and_prefix_come_off() {
    let mut wedge = protocol(Layout::Us, b"#");
    let good = Recording::default().text(Layout::Us, "#]E04006381333931").enter();
    assert_eq!(read(&mut wedge, &good), ["]E0|4006381333931"]);
    let bare = Recording::default().text(Layout::Us, "96385074").enter();
    let mut wedge = protocol(Layout::Us, b"#");
    assert_eq!(read(&mut wedge, &bare), ["|96385074|damaged"], "the start is missing");
}

#[test]
fn what_is_typed_right_after_the_node_was_opened_may_be_a_rest() {
    let code = Recording::default().text(Layout::Us, "96385074").enter();
    let mut wedge = protocol(Layout::Us, b"");
    wedge.just_opened = true;
    assert_eq!(read(&mut wedge, &code), ["|96385074|damaged"]);
    wedge.just_opened = true;
    let pause = wedge.gap().expect("it listens for a pause");
    assert_eq!(pause, Duration::from_millis(wedge.settings.key_gap_ms));
    wedge.quiet(&mut Vec::new());
    assert!(wedge.gap().is_none());
    assert_eq!(read(&mut wedge, &code), ["|96385074"]);
}

#[test]
fn a_card_reader_that_types_gives_a_card() {
    let mut wedge = protocol(Layout::Us, b"");
    let mut swipe =
        Recording::default().text(Layout::Us, "%B4111111111111111^DOE/JANE^29121011234?").enter();
    swipe = swipe.text(Layout::Us, ";4111111111111111=29121011234?").enter();
    assert!(read(&mut wedge, &swipe).is_empty(), "a third track may follow");
    assert_eq!(wedge.gap(), Some(Duration::from_millis(150)));
    let mut events = Vec::new();
    wedge.quiet(&mut events);
    assert_eq!(events.iter().map(shown).collect::<Vec<_>>(), ["411111******1111"]);
    assert_eq!(wedge.gap(), None);
}

#[test]
fn a_card_reader_in_another_layout_gives_words_and_nothing_else() {
    for (typed, configured, text) in [
        (Layout::Us, Layout::Fr, "4111111111111111"),
        (Layout::Us, Layout::Fr, ";4111111111111111=29121011234?"),
        (Layout::Us, Layout::De, "%B4111111111111111^DOE/JANE^29121011234?"),
        (Layout::Us, Layout::De, ";4111111111111111=29121011234?"),
    ] {
        let mut wedge = protocol(configured, b"");
        let code = Recording::default().text(configured, "96385074").enter();
        assert_eq!(read(&mut wedge, &code), ["|96385074"]);
        let mut events = Vec::new();
        wedge.read(&Recording::default().text(typed, text).enter().bytes, &mut events);
        wedge.quiet(&mut events);
        let [DeviceEvent::Damaged { problem, bytes }] = events.as_slice() else {
            panic!("{text}: {:?}", events.iter().map(shown).collect::<Vec<_>>())
        };
        assert!(problem.contains("set `layout = \"us\"`"), "{text}: {problem}");
        assert_eq!(*bytes, text.len());
    }
}

#[test]
fn a_pause_ends_a_read_and_a_person_is_told_once() {
    let mut wedge = protocol(Layout::Us, b"");
    assert!(read(&mut wedge, &Recording::default().text(Layout::Us, "96385074")).is_empty());
    assert_eq!(wedge.gap(), Some(Duration::from_millis(100)));
    let mut events = Vec::new();
    wedge.quiet(&mut events);
    for _ in 0..2 {
        let typed = Recording::default().text(Layout::Us, "a");
        assert!(read(&mut wedge, &typed).is_empty());
        wedge.quiet(&mut events);
    }
    let seen: Vec<String> = events.iter().map(shown).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0] == "|96385074" && seen[1].contains("a person types"), "{seen:?}");
}

#[test]
fn the_suffix_says_whether_a_pause_ends_a_read() {
    for (suffix, mark) in [
        (FrameEnd::Gap, ""),
        (FrameEnd::Any, ""),
        (FrameEnd::Cr, "|damaged"),
        (FrameEnd::Tab, "|damaged"),
    ] {
        let path = Path::new("/dev/input/event9");
        let mut settings = DeviceSettings::new("wedge-1", DriverKind::KeyboardWedge, path);
        settings.framing.suffix = suffix;
        let mut wedge = protocol_of(settings);
        let mut events = Vec::new();
        wedge.read(&Recording::default().text(Layout::Us, "96385074").bytes, &mut events);
        wedge.quiet(&mut events);
        let seen: Vec<String> = events.iter().map(shown).collect();
        assert_eq!(seen, [format!("|96385074{mark}")], "{suffix:?}");
    }
}

#[test]
fn dropped_events_and_an_unplug_lose_no_code_silently() {
    let mut wedge = protocol(Layout::Us, b"");
    let mut recording = Recording::default().text(Layout::Us, "40063");
    recording.event(0, 3, 0);
    recording.event(0, 0, 0);
    let recording = recording.text(Layout::Us, "31").enter().text(Layout::Us, "96385074").enter();
    assert_eq!(read(&mut wedge, &recording), ["|4006331|damaged", "|96385074"]);
    let mut lost = Recording::default();
    lost.event(0, 3, 0);
    lost.event(0, 0, 0);
    assert!(read(&mut wedge, &lost).is_empty());
    assert!(wedge.gap().is_some(), "it is told though nothing comes behind it");
    let mut events = Vec::new();
    wedge.quiet(&mut events);
    let told: Vec<String> = events.iter().map(shown).collect();
    assert!(told.len() == 1 && told[0].contains("the kernel dropped keys"), "{told:?}");
    assert!(wedge.gap().is_none());
    let mut stump = Recording::default();
    stump.event(0, 3, 0);
    stump.event(0, 0, 0);
    let stump = stump.text(Layout::Us, "1111111111=29121011234?").enter();
    let seen = read(&mut wedge, &stump);
    assert!(seen.len() == 1 && seen[0].starts_with("Damaged"), "{seen:?}");
    let mut wedge = protocol(Layout::Us, b"");
    assert!(read(&mut wedge, &Recording::default().text(Layout::Us, "40063")).is_empty());
    let mut events = Vec::new();
    wedge.detach(&mut events);
    assert_eq!(events.iter().map(shown).collect::<Vec<_>>(), ["Partial { bytes: 5 }"]);
}

#[test]
fn the_calibration_code_names_the_line_to_write() {
    let mut wedge = protocol(Layout::De, b"");
    let typed = Recording::default().text(Layout::Us, CALIBRATION).enter();
    let seen = read(&mut wedge, &typed);
    assert!(seen.len() == 1 && seen[0].contains("`layout = \"us\"`"), "{seen:?}");
}

#[test]
fn what_is_no_keyboard_is_refused_in_words() {
    let device = SimulatedDevice::plug_in().unwrap();
    let node = std::fs::OpenOptions::new().read(true).write(true).open(device.port()).unwrap();
    let refused = protocol(Layout::Us, b"").attach(&Arc::new(node.into()), device.port());
    let Err(OpenError::Unfit { reason, hint }) = refused else {
        panic!("taken, or for another reason")
    };
    assert!(reason.contains("is no input device") && hint.contains("/dev/input/by-id"));
}
