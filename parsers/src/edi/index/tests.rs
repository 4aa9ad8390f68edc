use proptest::prelude::*;

use super::*;

const EDIFACT: Marks = Marks { element: b'+', segment: b'\'', release: Some(b'?'), inner: *b":*" };
const X12: Marks = Marks { element: b'*', segment: b'~', release: None, inner: *b">^" };

/// The index of a block in chunks that end at `cuts`, which may be in any order.
fn indexed(variant: Variant, block: &[u8], base: u32, marks: &Marks, cuts: &[usize]) -> Index {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(block.len())).collect();
    cuts.push(block.len());
    cuts.sort_unstable();
    let (mut carry, mut out, mut from) = (Carry::default(), Index::default(), 0);
    for to in cuts {
        let at = base.wrapping_add(u32::try_from(from).unwrap());
        index_with(variant, &block[from..to], at, marks, &mut carry, &mut out);
        from = to;
    }
    out
}

#[track_caller]
fn hold(block: &[u8], marks: &Marks, expected_marks: &[u32], expected_ends: &[(u32, u32, u8)]) {
    let ends = expected_ends.iter().map(|&(at, marks, flags)| End { at, marks, flags });
    let expected = Index { marks: expected_marks.to_vec(), ends: ends.collect() };
    for variant in Variant::available() {
        let shown = String::from_utf8_lossy(block);
        assert_eq!(indexed(variant, block, 0, marks, &[]), expected, "{variant:?} of {shown}");
        let every: Vec<usize> = (0..block.len()).collect();
        assert_eq!(
            indexed(variant, block, 0, marks, &every),
            expected,
            "{variant:?}, bytewise, of {shown}"
        );
    }
}

#[test]
fn segments_elements_and_flags() {
    hold(b"", &X12, &[], &[]);
    hold(b"no delimiter", &X12, &[], &[]);
    hold(b"N1*ST*SHOP~SE*2*1~", &X12, &[2, 5, 13, 15], &[(10, 2, 0), (17, 4, 0)]);
    hold(b"~~", &X12, &[], &[(0, 0, 0), (1, 0, 0)]);
    // A line break after a terminator belongs to the next segment; the end without a terminator is no segment.
    hold(b"A*1~\nB*2~C*\x7F", &X12, &[1, 6, 10], &[(3, 1, 0), (8, 2, ODD)]);
    hold(
        b"A*1~B*\xFC~C*\x1F~D*\x7E~",
        &X12,
        &[1, 5, 9, 13],
        &[(3, 1, 0), (7, 2, ODD), (11, 3, ODD), (14, 4, 0), (15, 4, 0)],
    );
    hold(b"A+1'B+?+'", &EDIFACT, &[1, 5], &[(3, 1, 0), (8, 2, RELEASED)]);
    // A terminator outside the printable bytes makes nothing odd, but the same byte released does.
    let lines = Marks { segment: b'\n', ..EDIFACT };
    hold(b"A+1\nB?\n+2\n", &lines, &[1, 7], &[(3, 1, 0), (9, 2, ODD | RELEASED)]);
}

#[test]
fn parity_of_release_characters_decides() {
    for (run, released) in [(0, false), (1, true), (2, false), (3, true), (6, false), (7, true)] {
        let flags = if run == 0 { 0 } else { RELEASED };
        // Every place of a word, its edges above all.
        for before in 0..130_u32 {
            let run_end = before + run;
            let text = |length: u32, byte: &str| byte.repeat(usize::try_from(length).unwrap());
            let block = format!("{}{}'+'", text(before, "x"), text(run, "?"));
            let (separator, last) = (run_end + 1, run_end + 2);
            let first = (run_end, 0, flags);
            let expected =
                if released { vec![(last, 1, flags)] } else { vec![first, (last, 1, 0)] };
            hold(block.as_bytes(), &EDIFACT, &[separator], &expected);
        }
    }
}

#[test]
fn runs_longer_than_words() {
    for run in 120..200_u32 {
        let block = format!("{}'", "?".repeat(usize::try_from(run).unwrap()));
        let expected: &[_] = if run % 2 == 0 { &[(run, 0, RELEASED)] } else { &[] };
        hold(block.as_bytes(), &EDIFACT, &[], expected);
    }
}

#[test]
fn of_two_roles_of_a_byte_one_wins() {
    let both = Marks { element: b'~', segment: b'~', release: None, inner: *b">^" };
    hold(b"A~B~", &both, &[], &[(1, 0, 0), (3, 0, 0)]);
    let released = Marks { release: Some(b'~'), ..both };
    hold(b"A~~B~", &released, &[], &[(1, 0, 0), (2, 0, 0), (4, 0, 0)]);
    let separates = Marks { release: Some(b'*'), ..X12 };
    hold(b"A**~B~", &separates, &[1, 2], &[(3, 2, 0), (5, 2, 0)]);
}

#[test]
fn offsets_count_from_the_base_and_begin_again() {
    for variant in Variant::available() {
        let found = indexed(variant, b"A*1~B~", u32::MAX - 2, &X12, &[]);
        assert_eq!(found.marks, [u32::MAX - 1]);
        let ends: Vec<_> = found.ends.iter().map(|end| (end.at, end.marks)).collect();
        assert_eq!(ends, [(0, 1), (2, 1)], "{variant:?}");
    }
}

#[test]
fn every_byte_a_delimiter() {
    let long = b"*".repeat(1000);
    let expected: Vec<u32> = (0..1000).collect();
    hold(&long, &X12, &expected, &[]);
    let ends: Vec<_> = expected.iter().map(|at| (*at, 0, 0)).collect();
    hold(&b"~".repeat(1000), &X12, &[], &ends);
}

#[test]
fn what_this_processor_lacks_is_done_another_way() {
    let block = b"A*1~".repeat(40);
    let expected = indexed(Variant::Scalar, &block, 0, &X12, &[]);
    for variant in Variant::FASTEST_FIRST {
        assert_eq!(indexed(*variant, &block, 0, &X12, &[]), expected, "{variant:?}");
    }
}

/// Few different bytes, so that delimiters meet, and any.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let dense =
        prop_oneof![Just(b'?'), Just(b'\''), Just(b'+'), Just(b'A'), Just(b'\n'), Just(b'*')];
    let sparse = prop_oneof![1 => dense.clone(), 6 => 0x20_u8..0x80];
    prop_oneof![
        prop::collection::vec(dense, 0..400),
        prop::collection::vec(sparse, 0..400),
        prop::collection::vec(any::<u8>(), 0..400),
    ]
}

fn delimiter() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'?'), Just(b'\''), Just(b'+'), Just(b'\n'), any::<u8>()]
}

fn delimiters() -> impl Strategy<Value = Marks> {
    let any = (delimiter(), delimiter(), prop::option::of(delimiter()));
    let any = any.prop_map(|(element, segment, release)| Marks {
        element,
        segment,
        release,
        inner: [element ^ 1, b':'],
    });
    prop_oneof![any, Just(EDIFACT), Just(Marks { release: None, ..EDIFACT })]
}

proptest! {
    #[test]
    fn all_variants_and_cuts_agree(
        block in bytes(),
        marks in delimiters(),
        base in any::<u32>(),
        cuts in prop::collection::vec(0..400_usize, 0..6),
    ) {
        let expected = indexed(Variant::Scalar, &block, base, &marks, &[]);
        for variant in Variant::available() {
            prop_assert_eq!(&indexed(variant, &block, base, &marks, &[]), &expected, "{:?}", variant);
            prop_assert_eq!(&indexed(variant, &block, base, &marks, &cuts), &expected, "{:?} cut", variant);
        }
    }
}
