//! A typist writes on each layout what the decoder must read.

use proptest::prelude::*;

use super::*;

const ENTER: u16 = 28;
const SHIFT: u16 = 42;
const ALT: u16 = 56;
const ALT_GR: u16 = 100;
const CTRL: u16 = 29;
const KEYPAD: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];

/// Writes events, so many microseconds from each to the next.
struct Typist {
    layout: Layout,
    events: Vec<KeyEvent>,
    time_us: u64,
    step_us: u64,
}

impl Typist {
    fn new(layout: Layout) -> Self {
        Self { layout, events: Vec::new(), time_us: 1_000_000, step_us: 1_000 }
    }

    fn event(&mut self, kind: u16, code: u16, value: i32) -> &mut Self {
        self.time_us += self.step_us;
        self.events.push(KeyEvent { kind, code, value, time_us: self.time_us });
        self
    }

    fn down(&mut self, code: u16) -> &mut Self {
        self.event(EV_KEY, code, 1).event(EV_SYN, SYN_REPORT, 0)
    }

    fn up(&mut self, code: u16) -> &mut Self {
        self.event(EV_KEY, code, 0).event(EV_SYN, SYN_REPORT, 0)
    }

    fn tap(&mut self, code: u16) -> &mut Self {
        self.down(code).up(code)
    }

    fn pause(&mut self, milliseconds: u64) -> &mut Self {
        self.time_us += 1000 * milliseconds;
        self
    }

    fn with(&mut self, held: &[u16], code: u16) -> &mut Self {
        held.iter().for_each(|key| {
            self.down(*key);
        });
        self.tap(code);
        held.iter().rev().for_each(|key| {
            self.up(*key);
        });
        self
    }

    fn alt(&mut self, number: &str) -> &mut Self {
        self.down(ALT);
        for digit in number.bytes() {
            self.tap(KEYPAD[usize::from(digit - b'0')]);
        }
        self.up(ALT)
    }

    fn text(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|character| self.character(character));
        self
    }

    /// As a scanner does: the key that has the character, else the dead key and a space, else its number.
    fn character(&mut self, character: char) {
        if character == ' ' {
            self.tap(57);
            return;
        }
        for key in KEYS {
            for (shift, alt_gr) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut held = Vec::new();
                held.extend(shift.then_some(SHIFT));
                held.extend(alt_gr.then_some(ALT_GR));
                match self.layout.symbol(key, shift, alt_gr) {
                    Some(Symbol::Character(found)) if found == character => {
                        self.with(&held, key);
                        return;
                    }
                    Some(Symbol::Dead(accent)) if spacing(accent) == character => {
                        self.with(&held, key).tap(57);
                        return;
                    }
                    _ => {}
                }
            }
        }
        self.alt(&format!("0{}", u32::from(character)));
    }
}

fn settings(layout: Layout) -> WedgeSettings {
    WedgeSettings { layout, gap_us: 100_000, end: ReadEnd::Learnt }
}

fn shown(read: &WedgeRead<'_>) -> String {
    match read {
        WedgeRead::Scan { data, damaged } => {
            let text = String::from_utf8_lossy(data);
            if *damaged { format!("{text}|damaged") } else { text.into_owned() }
        }
        other => format!("{other:?}"),
    }
}

fn reads_of(decoder: &mut WedgeDecoder, events: &[KeyEvent]) -> Vec<String> {
    let mut seen = Vec::new();
    for event in events {
        decoder.take(*event, &mut |read| seen.push(shown(&read)));
    }
    decoder.quiet(&mut |read| seen.push(shown(&read)));
    seen
}

fn reads(layout: Layout, type_it: impl Fn(&mut Typist)) -> Vec<String> {
    let mut typist = Typist::new(layout);
    type_it(&mut typist);
    reads_of(&mut WedgeDecoder::new(settings(layout)), &typist.events)
}

#[test]
fn codes_back_to_back_come_apart() {
    let seen = reads(Layout::Us, |typist| {
        typist.text("4006381333931").tap(ENTER).text("ABC-abc/01").tap(15);
        typist.text("]C10104006381333931").tap(96).tap(ENTER);
    });
    assert_eq!(seen, ["4006381333931", "ABC-abc/01", "]C10104006381333931"]);
}

#[test]
fn every_way_to_write_a_separator_is_one() {
    let seen = reads(Layout::De, |typist| {
        typist.text("10A").alt("029").text("21B").alt("0029").text("1").tap(66).text("2");
        typist.with(&[CTRL], 27).text("3{GS}4").tap(ENTER);
    });
    assert_eq!(seen, ["10A\x1d21B\x1d1\x1d2\x1d3\x1d4"]);
}

#[test]
fn accents_and_numbers_write_letters() {
    let seen = reads(Layout::Fr, |typist| {
        typist.tap(26).tap(18).text("te").alt("0233").alt("130").tap(26).tap(45).tap(ENTER);
    });
    assert_eq!(seen, ["êteéé^x"]);
    let seen = reads(Layout::De, |typist| {
        typist.with(&[CTRL, ALT], 16).text("abc").tap(ENTER);
    });
    assert_eq!(seen, ["@abc"], "Ctrl and Alt are AltGr");
}

#[test]
fn caps_lock_shifts_letters_and_in_france_digits() {
    let seen = reads(Layout::De, |typist| {
        typist.tap(58).text("ab1").with(&[SHIFT], 46).tap(58).text("x").tap(ENTER);
    });
    assert_eq!(seen, ["AB1cx"]);
    let seen = reads(Layout::Fr, |typist| {
        typist.tap(58).tap(2).tap(3).tap(4).tap(58).tap(ENTER);
    });
    assert_eq!(seen, ["123"]);
}

#[test]
fn the_keypad_and_repeats() {
    let seen = reads(Layout::Us, |typist| {
        typist.tap(79).down(80).event(EV_KEY, 80, 2).up(80).tap(74).tap(83).tap(ENTER);
    });
    assert_eq!(seen, ["12-."]);
}

#[test]
fn a_pause_ends_a_read_where_no_key_does() {
    let seen = reads(Layout::Us, |typist| {
        typist.text("4006381333931").pause(150).text("96385074");
    });
    assert_eq!(seen, ["4006381333931", "96385074"]);
}

#[test]
fn a_pause_within_a_code_makes_no_wrong_read() {
    let seen = reads(Layout::Us, |typist| {
        typist.text("96385074").tap(ENTER).text("400638").pause(150).text("1333931").tap(ENTER);
        typist.text("96385074").tap(ENTER);
    });
    assert_eq!(seen, ["96385074", "400638|damaged", "1333931|damaged", "96385074"]);
}

#[test]
fn with_an_end_by_pause_a_pause_ends_a_read_whatever_came_before() {
    let mut typist = Typist::new(Layout::Us);
    typist.text("96385074").tap(ENTER).text("4006381333931").pause(150).text("20471100");
    for (end, wanted) in [
        (ReadEnd::Pause, ["96385074", "4006381333931", "20471100"]),
        (ReadEnd::Learnt, ["96385074", "4006381333931|damaged", "20471100|damaged"]),
    ] {
        let settings = WedgeSettings { end, ..settings(Layout::Us) };
        assert_eq!(reads_of(&mut WedgeDecoder::new(settings), &typist.events), wanted);
    }
}

#[test]
fn what_ends_a_code_is_learnt_from_scans_only() {
    for type_first in [
        |typist: &mut Typist| {
            // A person, who ends by Enter.
            typist.step_us = 40_000;
            typist.text("secret").tap(ENTER).pause(2000).step_us = 1000;
        },
        |typist: &mut Typist| {
            typist.text(CALIBRATION).tap(ENTER).pause(2000);
        },
        |typist: &mut Typist| {
            typist.text("1234").tap(60).tap(ENTER).pause(2000);
        },
    ] {
        let seen = reads(Layout::Us, |typist| {
            type_first(typist);
            typist.text("4006381333931").pause(2000).text("96385074");
        });
        assert_eq!(seen[1..], ["4006381333931", "96385074"]);
    }
}

#[test]
fn a_device_that_was_set_up_anew_is_learnt_anew() {
    let codes = |typist: &mut Typist| {
        (0..4).for_each(|_| {
            typist.text("96385074").pause(2000);
        });
    };
    let seen = reads(Layout::Us, |typist| {
        typist.text("4006381333931").tap(ENTER);
        codes(typist);
    });
    let cut = "96385074|damaged";
    assert_eq!(seen, ["4006381333931", cut, cut, "96385074", "96385074"]);
    let mut typist = Typist::new(Layout::Us);
    typist.text("4006381333931").tap(ENTER);
    let mut decoder = WedgeDecoder::new(settings(Layout::Us));
    assert_eq!(reads_of(&mut decoder, &typist.events), ["4006381333931"]);
    decoder.close();
    typist.events.clear();
    codes(&mut typist);
    assert_eq!(reads_of(&mut decoder, &typist.events), ["96385074"; 4], "after an unplug");
}

#[test]
fn pauses_within_codes_that_end_by_a_key_unlearn_nothing() {
    let seen = reads(Layout::Us, |typist| {
        typist.text("96385074").tap(ENTER);
        (0..4).for_each(|_| {
            typist.text("400638").pause(150).text("1333931").tap(ENTER).pause(2000);
            typist.text("96385074").tap(ENTER).pause(2000);
        });
        typist.text("400638");
    });
    assert_eq!(seen.last().map(String::as_str), Some("400638|damaged"));
    assert_eq!(seen.iter().filter(|read| read.ends_with("|damaged")).count(), 9);
}

#[test]
fn a_person_is_no_scanner() {
    let seen = reads(Layout::Us, |typist| {
        typist.step_us = 40_000;
        typist.text("secret").tap(ENTER);
    });
    assert_eq!(seen, ["Typed { keys: 6 }"]);
    let seen = reads(Layout::Us, |typist| {
        typist.text("a").pause(200).text("b").pause(200).text("96385074").tap(ENTER);
    });
    assert_eq!(seen, ["Typed { keys: 1 }", "Typed { keys: 1 }", "96385074"]);
    let seen = reads(Layout::Us, |typist| {
        typist.text("abcd").tap(14).text("e").tap(ENTER);
    });
    assert_eq!(seen, ["Typed { keys: 5 }"], "scanners do not correct themselves");
    let seen = reads(Layout::Us, |typist| {
        typist.text("96385074").tap(ENTER).pause(2000);
        typist.text("pin").pause(200).text("7").pause(200).tap(ENTER).pause(2000);
        typist.text("96385074").tap(ENTER);
    });
    let typed = ["96385074", "Typed { keys: 3 }", "Typed { keys: 1 }", "96385074"];
    assert_eq!(seen, typed, "where a key ends every read too");
}

#[test]
fn dropped_events_mark_the_read_and_modifiers_are_asked_for() {
    let mut typist = Typist::new(Layout::Us);
    typist.text("40063").event(EV_SYN, SYN_DROPPED, 0).event(EV_KEY, 30, 1);
    typist.event(EV_SYN, SYN_REPORT, 0);
    let mut decoder = WedgeDecoder::new(settings(Layout::Us));
    for event in &typist.events {
        decoder.take(*event, &mut |read| panic!("{read:?}"));
    }
    assert!(decoder.wants_keys_down());
    decoder.set_keys_down([SHIFT].into_iter());
    assert!(!decoder.wants_keys_down());
    let from = typist.events.len();
    typist.tap(31).up(SHIFT).tap(31).tap(ENTER).text("96385074").tap(ENTER);
    let seen = reads_of(&mut decoder, &typist.events[from..]);
    assert_eq!(seen, ["40063Ss|damaged", "96385074"]);
}

#[test]
fn dropped_events_are_told_once_though_nothing_comes_behind_them() {
    for first in ["", "96385074"] {
        let mut typist = Typist::new(Layout::Us);
        if !first.is_empty() {
            typist.text(first).tap(ENTER);
        }
        typist.event(EV_SYN, SYN_DROPPED, 0).event(EV_SYN, SYN_REPORT, 0);
        let mut decoder = WedgeDecoder::new(settings(Layout::Us));
        let mut seen = Vec::new();
        for event in &typist.events {
            decoder.take(*event, &mut |read| seen.push(shown(&read)));
        }
        decoder.set_keys_down(std::iter::empty());
        for _ in 0..2 {
            let waits = decoder.is_waiting();
            decoder.quiet(&mut |read| seen.push(format!("{waits} {}", shown(&read))));
        }
        assert_eq!(seen.last().map(String::as_str), Some("true |damaged"));
        assert_eq!(seen.len(), 1 + usize::from(!first.is_empty()), "{seen:?}");
        assert!(!decoder.is_waiting());
    }
}

#[test]
fn what_a_keyboard_is_opened_in_the_middle_of_is_marked() {
    let mut typist = Typist::new(Layout::Us);
    typist.text("6381333931").tap(ENTER).text("96385074").tap(ENTER);
    let mut decoder = WedgeDecoder::new(settings(Layout::Us));
    decoder.begin_midway();
    assert_eq!(reads_of(&mut decoder, &typist.events), ["6381333931|damaged", "96385074"]);
    // Of the code before only the end of its Enter is seen.
    let mut typist = Typist::new(Layout::Us);
    typist.up(ENTER).pause(1000).text("96385074").tap(ENTER);
    decoder.begin_midway();
    assert_eq!(reads_of(&mut decoder, &typist.events), ["96385074"]);
}

#[test]
fn a_key_without_meaning_marks_the_read() {
    assert_eq!(
        reads(Layout::Us, |typist| {
            typist.text("1234").tap(60).text("5").tap(ENTER);
        }),
        ["12345|damaged"]
    );
    assert_eq!(
        reads(Layout::Jp, |typist| {
            typist.text("1234").tap(41).tap(ENTER);
        }),
        ["1234|damaged"]
    );
}

#[test]
fn an_endless_read_is_dropped_and_told() {
    let seen = reads(Layout::Us, |typist| {
        typist.text(&"7".repeat(STROKES_MAX + 3)).tap(ENTER).text("96385074").tap(ENTER);
    });
    assert_eq!(seen, [format!("Overflow {{ keys: {} }}", STROKES_MAX + 3), "96385074".to_owned()]);
}

#[test]
fn an_unplugged_device_leaves_nothing() {
    let mut typist = Typist::new(Layout::Us);
    typist.text("40063").down(SHIFT);
    let mut decoder = WedgeDecoder::new(settings(Layout::Us));
    for event in &typist.events {
        decoder.take(*event, &mut |read| panic!("{read:?}"));
    }
    assert_eq!((decoder.is_waiting(), decoder.close(), decoder.is_waiting()), (true, 5, false));
    typist.events.clear();
    typist.text("1234").tap(ENTER);
    assert_eq!(reads_of(&mut decoder, &typist.events), ["1234"]);
}

#[test]
fn the_calibration_code_finds_each_layout_whatever_is_configured() {
    for (layout, name) in Layout::ALL {
        let mut typist = Typist::new(layout);
        typist.text(CALIBRATION).tap(ENTER);
        for configured in [Layout::Us, Layout::Fr] {
            let mut decoder = WedgeDecoder::new(settings(configured));
            let seen = reads_of(&mut decoder, &typist.events);
            assert_eq!(seen, [format!("Calibration {{ layout: {layout:?} }}")], "{name}");
        }
    }
}

/// What a reader that is set to `typed` gives under each configured layout.
fn swipe_reads(typed: Layout, text: &str) -> Vec<(Layout, Vec<String>)> {
    let mut typist = Typist::new(typed);
    typist.text(text).tap(ENTER);
    let read = |(configured, _): &(Layout, &str)| {
        (*configured, reads_of(&mut WedgeDecoder::new(settings(*configured)), &typist.events))
    };
    Layout::ALL.iter().map(read).collect()
}

#[test]
fn a_card_in_another_layout_leaves_nothing_and_names_a_layout() {
    for (typed, name) in Layout::ALL {
        for track in [
            ";4111111111111111=29121011234?",
            "%B4111111111111111^DOE/JANE^29121011234?",
            "%B378282246310005^DOE/JANE^29121011234?;378282246310005=29121011234?",
        ] {
            for (configured, seen) in swipe_reads(typed, track) {
                let [seen] = seen.as_slice() else { panic!("{name} {configured:?}: {seen:?}") };
                // A read that begins as a track in the configured layout is one to the driver.
                let is_track = ["%B4", "%B3", ";4"].iter().any(|front| seen.starts_with(front));
                assert!(
                    is_track || seen.starts_with("Card { layout: Some("),
                    "{name} as {configured:?}: {seen}"
                );
                assert!(typed != configured || seen == track, "{name}: {seen}");
            }
        }
    }
}

#[test]
fn a_bare_card_number_does_not_leave_as_what_another_layout_makes_of_its_keys() {
    for (typed, configured, wanted) in [
        (Layout::Us, Layout::Fr, "Card { layout: Some(Us), keys: 16 }"),
        (Layout::Fr, Layout::Us, "Card { layout: Some(Be), keys: 16 }"),
        (Layout::De, Layout::Be, "Card { layout: Some(Us), keys: 16 }"),
        (Layout::De, Layout::Us, "4111111111111111"),
    ] {
        let mut typist = Typist::new(typed);
        typist.text("4111111111111111").tap(ENTER);
        let seen = reads_of(&mut WedgeDecoder::new(settings(configured)), &typist.events);
        assert_eq!(seen, [wanted], "{typed:?} as {configured:?}");
    }
    // A reader that leaves the sentinels out.
    let mut typist = Typist::new(Layout::De);
    typist.text("4111111111111111=29121011234").tap(ENTER);
    let seen = reads_of(&mut WedgeDecoder::new(settings(Layout::Us)), &typist.events);
    assert_eq!(seen, ["Card { layout: Some(Ch), keys: 28 }"]);
}

#[test]
fn a_track_without_its_end_or_its_sentinels_stays_one_in_its_own_layout() {
    for (layout, name) in Layout::ALL {
        for track in [
            ";4111111111111111=2912",
            ";4111111111111111",
            "%B4111111111111111^DOE/JANE^2912",
            "4111111111111111=29121011234",
            "B4111111111111111^DOE/JANE^2912",
        ] {
            let mut typist = Typist::new(layout);
            typist.text(track).tap(ENTER);
            let seen = reads_of(&mut WedgeDecoder::new(settings(layout)), &typist.events);
            assert_eq!(seen, [track], "{name}");
            let mut decoder = WedgeDecoder::new(settings(layout));
            decoder.begin_midway();
            let seen = reads_of(&mut decoder, &typist.events);
            assert_eq!(seen, [format!("{track}|damaged")], "{name}");
        }
    }
}

#[test]
fn the_rest_of_a_card_in_another_layout_does_not_leave() {
    for (typed, configured) in
        [(Layout::De, Layout::Us), (Layout::Us, Layout::Fr), (Layout::Fr, Layout::De)]
    {
        let mut typist = Typist::new(typed);
        typist.text("111111111=29121011234?").tap(ENTER);
        let mut decoder = WedgeDecoder::new(settings(configured));
        decoder.begin_midway();
        let seen = reads_of(&mut decoder, &typist.events);
        assert_eq!(seen, ["Card { layout: None, keys: 22 }"], "{typed:?} as {configured:?}");
    }
}

#[test]
fn codes_that_are_no_cards_pass_in_every_layout() {
    for (layout, name) in Layout::ALL {
        for code in [
            "4006381333931",
            "4012345000009",
            "(01)04006381333931(10)AB-12_3",
            "]C10104006381333931",
            "https://host:8080/01/04006381333931?17=291231",
            "4012345678901_01",
            "AB-1234567890_x",
        ] {
            assert_eq!(
                reads(layout, |typist| {
                    typist.text(code).tap(ENTER);
                }),
                [code],
                "{name}"
            );
        }
    }
}

fn layout() -> impl Strategy<Value = Layout> {
    (0..Layout::ALL.len()).prop_map(|place| Layout::ALL[place].0)
}

proptest! {
    #[test]
    fn every_layout_reads_what_it_typed(layout in layout(), text in "[ -~]{4,40}") {
        prop_assume!(!text.contains("{GS}"));
        let seen = reads(layout, |typist| { typist.text(&text).tap(ENTER); });
        prop_assert_eq!(seen, vec![text]);
    }

    /// Whatever the kernel drops, what is not marked is one of the codes that were scanned.
    #[test]
    fn a_read_is_right_or_marked(layout in layout(), from in 0_usize..1000, length in 1_usize..120) {
        let codes = ["]C10104006381333931", "Ab-3/xY@z", "4006381333931", "96385074", "QRst77uv"];
        let mut typist = Typist::new(layout);
        codes.iter().for_each(|code| { typist.text(code).tap(ENTER); });
        let events = typist.events;
        let from = from * events.len() / 1000;
        let behind = (from + length).min(events.len());
        let mut decoder = WedgeDecoder::new(settings(layout));
        let mut seen = Vec::new();
        events[..from].iter().for_each(|event| decoder.take(*event, &mut |read| seen.push(shown(&read))));
        let mark = |code| KeyEvent { kind: EV_SYN, code, value: 0, time_us: events[from].time_us };
        decoder.take(mark(SYN_DROPPED), &mut |read| panic!("{read:?}"));
        decoder.take(mark(SYN_REPORT), &mut |read| panic!("{read:?}"));
        let mut down = std::collections::BTreeSet::new();
        for event in events[..behind].iter().filter(|event| event.kind == EV_KEY) {
            if event.value == 1 { down.insert(event.code); } else { down.remove(&event.code); }
        }
        decoder.set_keys_down(down.into_iter());
        seen.extend(reads_of(&mut decoder, &events[behind..]));
        // Where a Shift is lost, digits of France and Belgium look like the rest of a card.
        let is_marked = |read: &&String| read.ends_with("|damaged") || read.starts_with("Card {");
        for read in seen.iter().filter(|read| !is_marked(read)) {
            prop_assert!(codes.contains(&read.as_str()), "{read}");
        }
        let whole = seen.iter().filter(|read| !is_marked(read)).count();
        prop_assert!(whole + 1 + length / 16 >= codes.len() - 1, "{seen:?}");
    }

    #[test]
    fn any_events_end_in_bounded_reads(
        events in prop::collection::vec((0_u16..5, 0_u16..130, 0_i32..3, 0_u64..200_000), 0..400),
    ) {
        let mut decoder = WedgeDecoder::new(settings(Layout::Ch));
        let mut time_us = 0;
        for (kind, code, value, step_us) in events {
            time_us += step_us;
            decoder.take(KeyEvent { kind, code, value, time_us }, &mut |read| {
                if let WedgeRead::Scan { data, .. } = read {
                    assert!(std::str::from_utf8(data).is_ok());
                }
            });
        }
        decoder.close();
        prop_assert!(!decoder.is_waiting());
    }
}
