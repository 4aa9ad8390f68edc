//! The compiler of the schema files: what it takes, and what it says of mistakes.

#[path = "../build/schema/mod.rs"]
mod schema;

use schema::{Source, compile};

fn source(folder: &str, stem: &str, text: &str) -> Source {
    Source { folder: folder.to_owned(), stem: stem.to_owned(), text: text.to_owned() }
}

/// A small X12 with one file put in place of the right one.
fn with(stem: &str, text: &str) -> Result<String, Vec<String>> {
    let files = [
        (
            "elements",
            "353 ID 2/2 \"Purpose\"\n  codes 00 01\n  codes 22 @5010\n127 AN 1/30 [5010: 1/50] \"Reference\"\n",
        ),
        ("composites", "C040 \"Reference Identifier\"\n  M 353\n  O 127\n"),
        (
            "segments",
            "BEG \"Beginning\"\n  M 353\n  O 127 @<5010\n  O C040\n  P 2 3\nST \"Header\"\n  M 127\n",
        ),
        (
            "850",
            "set 850 \"Order\" group PO\ncount BEG02 PO1\nM ST\nM BEG\nloop PO1 M 9 [5010: >1]\n  M PO1\n  O BEG\nM SE\n",
        ),
    ];
    let mut sources: Vec<Source> = files
        .iter()
        .filter(|(own, _)| *own != stem)
        .map(|(stem, text)| source("x12", stem, text))
        .collect();
    sources.push(source("x12", stem, text));
    compile(&sources).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn set(body: &str) -> Result<String, Vec<String>> {
    with("850", &format!("set 850 \"Order\" group PO\n{body}"))
}

#[test]
fn right_files_are_compiled_for_each_version() {
    let out = with("tags", "# other tags\nHL ZZZ\n").unwrap();
    for name in ["X12V4010", "X12V5010", "D96A", "D01B", "TRADACOMS"] {
        assert!(out.contains(&format!("static {name}: Tables")), "{name}");
    }
    let (earlier, later) = out.split_once("static X12V5010").unwrap();
    // 22 is a code of the later version, packed with its first byte in the highest.
    assert!(!earlier.contains("0x3232000000000000") && later.contains("0x3232000000000000"));
    assert!(earlier.contains("longest: 30") && later.contains("longest: 50"));
    assert!(earlier.contains("most: 9 }") && later.contains("most: UNBOUNDED }"));
    // What one version does not use keeps its place.
    assert!(!earlier.contains("Need::Unused") && later.contains("Need::Unused"));
}

#[test]
fn mistakes_are_told_with_file_and_line() {
    let cases = [
        (
            with("elements", "353 ID 2 \"Purpose\"\n"),
            "x12/elements.txt:1: `ID 2` is no type with lengths",
        ),
        (
            with("elements", "353 ID 3/2 \"Purpose\"\n"),
            "x12/elements.txt:1: `ID 3/2` is no type with lengths",
        ),
        (with("elements", "353 ID 2/2\n"), "x12/elements.txt:1: the name is missing"),
        (with("elements", "353 ID 2/2 \"Purpose\n"), "x12/elements.txt:1: a name is not closed"),
        (
            with("elements-more", "127 AN 1/2 \"A\"\n"),
            "x12/elements-more.txt:1: `127` is defined twice",
        ),
        (
            with("elements-more", "\n128 AN 1/2 @7010 \"A\"\n"),
            "x12/elements-more.txt:2: `7010` is no version to tell apart here: `5010` is",
        ),
        (
            with("segments", "BEG \"Beginning\"\n  M 999\n"),
            "x12/segments.txt:2: nothing defines `999`",
        ),
        (
            with("segments", "BEG \"Beginning\"\n  M 353\n  P 1 2\n"),
            "x12/segments.txt:3: the segment has no position 2",
        ),
        (
            with("segments", "BEG \"Beginning\"\n   M 353\n"),
            "x12/segments.txt:2: nesting is by two blanks",
        ),
        (with("segments", "beg \"Beginning\"\n  M 353\n"), "x12/segments.txt:1: `beg` is no tag"),
        (
            with("composites", "C040 \"C\"\n  M 353\n  O C040\n"),
            "x12/composites.txt:3: a composite does not stand in a composite",
        ),
        (set("M BEG\nM SE\n"), "x12/850.txt:1: a set begins with `M ST` and ends with `M SE`"),
        (set("M ST\nQ BEG\nM SE\n"), "x12/850.txt:3: `Q` is no use: M, O, C or X"),
        (set("M ST\nM BEG 0\nM SE\n"), "x12/850.txt:3: `0` is no bound: 5, or >1"),
        (
            set("M ST\nloop PO1 O 5\n  O PO1\nM SE\n"),
            "x12/850.txt:4: a loop is opened by a segment that is mandatory in it and stands once",
        ),
        (set("M ST\nloop PO1 O 5\nM SE\n"), "x12/850.txt:3: the loop `PO1` is empty"),
        (
            set("M ST\nM BEG\n  M PO1\nM SE\n"),
            "x12/850.txt:4: only a loop has something nested in it",
        ),
        (
            set("count CTT PO1\nM ST\nM SE\n"),
            "x12/850.txt:2: a total is written `CTT01 PO1`, `CTT02 IT1 02` or `CNT 2 LIN`",
        ),
        (
            with("850-b", "set 850 \"Again\" group PO\nM ST\nM SE\n"),
            "x12/850-b.txt:1: `850` is defined twice",
        ),
    ];
    for (result, says) in cases {
        let faults = result.expect_err(says);
        assert!(faults.contains(&format!("schemas/{says}")), "{says} is not in {faults:#?}");
    }
}

#[test]
fn too_many_positions_for_the_masks_are_refused() {
    let elements: String = (0..64).map(|_| "  O 127\n").collect();
    let faults = with("segments", &format!("BEG \"Beginning\"\n{elements}")).unwrap_err();
    assert!(faults.iter().any(|fault| fault.contains("more than 63 positions")), "{faults:?}");
    let parts: String = (0..130).map(|_| "O BEG\n").collect();
    let faults = set(&format!("M ST\n{parts}M SE\n")).unwrap_err();
    assert!(faults.iter().any(|fault| fault.contains("more than 128 positions")), "{faults:?}");
}

#[test]
fn a_file_of_messages_names_messages_that_are_there() {
    let segments = source(
        "tradacoms",
        "segments",
        "MHD \"Header\"\n  M \"MSRF\" 9..12\n  M \"TYPE\" X..6 9..1\nEOB \"End\"\n",
    );
    let messages = "file ORDERS \"Orders\"\ncount OFT01 ORDHDR\nM ORDHDR\nM ORDERS >1\n\nmessage ORDHDR 9 \"Header\"\nM MHD\nM MTR\n";
    let faults = compile(&[segments, source("tradacoms", "ORDERS", messages)]).unwrap_err();
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["schemas/tradacoms/ORDERS.txt:4: nothing defines the message `ORDERS`"]);
}
