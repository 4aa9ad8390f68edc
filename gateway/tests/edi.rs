//! `tillgate edi` as its caller sees it: streams, exit codes, closed pipes, and how much memory a large file takes.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

const ORDER: &str = include_str!("../../config/samples/850-clean.edi");

/// What `tillgate edi check` may take, with all that the program itself is: 16 MB in a release build.
const MEMORY_MOST_KB: u64 = if cfg!(debug_assertions) { 32_000 } else { 16_000 };

fn tillgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillgate"));
    command.arg("edi").args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, stdout, stderr, with an input.
fn ran(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = tillgate(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// One interchange with so many orders, written piece by piece.
fn write_orders(out: &mut impl Write, orders: usize) {
    let (head, rest) = ORDER.split_at(ORDER.find("ST*850").unwrap());
    let (order, tail) = rest.split_at(rest.find("GE*").unwrap());
    out.write_all(head.as_bytes()).unwrap();
    for number in 1..=orders {
        out.write_all(order.replace("0001", &format!("{number:07}")).as_bytes()).unwrap();
    }
    out.write_all(tail.replace("GE*1*", &format!("GE*{orders}*")).as_bytes()).unwrap();
}

fn peak_kb(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Peak memory after so many orders came in on stdin, and the lines that came out.
fn peak_of(command: &str, orders: usize) -> (u64, usize) {
    let mut child = tillgate(&[command, "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || out.lines().map(Result::unwrap).count());
    let mut input = child.stdin.take().unwrap();
    write_orders(&mut input, orders);
    // It waits for the end of its input, so that there is time to look.
    let peak = peak_kb(&child);
    drop(input);
    let lines = reader.join().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
    (peak, lines)
}

#[test]
fn memory_does_not_depend_on_the_file() {
    for command in ["check", "json"] {
        let (small, _) = peak_of(command, 300);
        let (large, lines) = peak_of(command, 10_000);
        assert_eq!(lines, if command == "json" { 10_000 } else { 1 });
        assert!(large < MEMORY_MOST_KB, "{command}: {large} kB for 8 MB");
        assert!(large < small + 2_000, "{command}: {large} kB for 8 MB, {small} kB for 250 kB");
    }
}

#[test]
fn standard_input_is_a_file() {
    let (code, out, err) = ran(&["check", "-"], ORDER.as_bytes());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("-: valid: 1 interchange, 1 group, 1 transaction set"), "{out}");
    let (code, out, err) = ran(&["json", "-"], ORDER.as_bytes());
    assert_eq!((code, err.as_str()), (0, ""));
    let set: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&set["transaction"], &set["valid"]), (&"850".into(), &true.into()));
    let (code, out, err) = ran(&["ack", "-"], ORDER.as_bytes());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("ISA*00*") && out.contains("ST*997*"), "{out}");
    let (code, out, _) = ran(&["check", "-"], b"\x1F\x8B\x08");
    assert!(
        code == 2 && out.contains("this is a gzip file") && out.ends_with("-: not EDI\n"),
        "{out}"
    );
}

#[test]
fn a_set_is_printed_before_the_input_ends() {
    let mut child = tillgate(&["json", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    write_orders(&mut input, 3);
    // Enough that no buffer on the way keeps it.
    input.write_all(&b" ".repeat(8192)).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let set: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(set["control_number"], "0000001");
    drop(input);
    assert_eq!(out.lines().count(), 2);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn json_with_errors_goes_on_and_says_so() {
    let wrong = ORDER.replace("*20261121~CUR", "*20261341~CUR");
    let (code, out, err) = ran(&["json", "-"], format!("{wrong}{ORDER}").as_bytes());
    assert_eq!(code, 2);
    let valid: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["valid"].clone())
        .collect();
    assert_eq!(valid, [false, true]);
    assert!(err.contains("error[element-date]"), "{err}");
}

#[test]
fn a_closed_pipe_ends_the_work_quietly() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..200 {
        fs::write(folder.path().join(format!("{number:03}.edi")), ORDER).unwrap();
    }
    let large = folder.path().join("large.edi");
    write_orders(&mut fs::File::create(&large).unwrap(), 3000);
    for (command, path) in [("check", folder.path()), ("json", &large)] {
        let mut child = tillgate(&[command, text(path)]).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{command}");
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    let fine = write("fine.edi", ORDER);
    let warned = write("warned.edi", &ORDER.replace("BIGBOX         ", "BIGBOX"));
    let wrong = write("wrong.edi", &ORDER.replace("*20261121~CUR", "*20261341~CUR"));
    let missing = text(&folder.path().join("missing.edi")).to_owned();
    for (arguments, expected) in [
        (&[fine.as_str()][..], 0),
        (&[&warned], 0),
        (&["--strict", &warned], 2),
        (&[&wrong, &fine], 2),
        (&[&missing, &wrong, &fine], 1),
        (&[text(folder.path())], 2),
        (&["--strict", "--lenient", &fine], 64),
        (&[], 64),
    ] {
        let code = ran(&[&["check"], arguments].concat(), b"").0;
        assert_eq!(code, expected, "{arguments:?}");
    }
    for command in ["json", "ack", "sales"] {
        assert_eq!(ran(&[command, &missing], b"").0, 1, "{command}");
        assert_eq!(ran(&[command, &fine], b"").0, 0, "{command}");
    }
    assert_eq!(ran(&["json", &wrong], b"").0, 2);
    let empty = tempfile::tempdir().unwrap();
    let (code, out, _) = ran(&["check", text(empty.path())], b"");
    assert!(code == 0 && out.contains("0 files: 0 valid"), "{out}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_acknowledgement_says_what_breaks_a_guide() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/guides/bigbox-850.toml");
    let guide = guide.to_str().unwrap();
    // Its departments are four digits; the order has three.
    let (code, without, _) = ran(&["ack", "--999", "-"], ORDER.as_bytes());
    assert_eq!((code, without.contains("IK5*A~")), (0, true), "{without}");
    let (code, with, _) = ran(&["ack", "--999", "--guide", guide, "-"], ORDER.as_bytes());
    assert_eq!((code, with.contains("IK5*R*I5~")), (2, true), "{with}");
    let (code, with, _) = ran(&["ack", "--guide", guide, "-"], ORDER.as_bytes());
    assert_eq!((code, with.contains("AK5*R*5~")), (2, true), "{with}");
    let (code, _, words) = ran(&["ack", "--guide", "none.toml", "-"], ORDER.as_bytes());
    assert_eq!(code, 78, "{words}");
}
