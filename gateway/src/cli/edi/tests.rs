use tillgate_parsers::edi::{Standard, Summary};

use super::*;

const ORDER: &str = include_str!("../../../../config/samples/850-clean.edi");

fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.edi");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Exit code, stdout, stderr.
fn checked(paths: &[&Path], change: impl FnOnce(&mut Check)) -> (u8, String, String) {
    checked_with(paths, &[], change)
}

fn checked_with(
    paths: &[&Path],
    guides: &[Guide],
    change: impl FnOnce(&mut Check),
) -> (u8, String, String) {
    let files = paths.iter().map(|path| path.to_path_buf()).collect();
    let mut check = Check {
        strict: false,
        lenient: false,
        json: false,
        quiet: false,
        guides: Vec::new(),
        files,
    };
    change(&mut check);
    let (mut out, mut words) = (Vec::new(), Vec::new());
    let code =
        check::run((&check, guides), (&mut out, Style::plain()), (&mut words, false)).unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(words).unwrap())
}

fn check(content: &[u8], strict: bool, json: bool) -> (u8, String) {
    check_with(content, &[], (strict, json))
}

fn check_with(content: &[u8], guides: &[Guide], (strict, json): (bool, bool)) -> (u8, String) {
    let (_folder, path) = file(content);
    let (code, out, _) = checked_with(&[&path], guides, |check| {
        (check.strict, check.json) = (strict, json);
    });
    (code, out)
}

#[test]
fn a_clean_file_is_valid() {
    let (code, text) = check(ORDER.as_bytes(), true, false);
    assert_eq!(code, exit::FINE);
    assert!(
        text.contains(
            "valid: 1 interchange, 1 group, 1 transaction set, 23 segments; 0 errors, 0 warnings"
        ),
        "{text}"
    );
}

#[test]
fn a_guide_is_told_apart_from_the_standard() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/guides/bigbox-850.toml");
    let guide = crate::config::guides::read(&sample).unwrap();
    let (code, text) = check_with(ORDER.as_bytes(), &[guide], (false, false));
    assert_eq!(code, exit::INPUT);
    let says = "error[guide-pattern]: BIGBOX order guide 3.1: REF02 with REF01 DP must look like 9999: found \"038\"";
    assert!(text.contains(says), "{text}");
}

#[test]
fn a_finding_shows_its_segment_with_a_caret() {
    let (code, text) =
        check(ORDER.replace("*20261121~CUR", "*20261341~CUR").as_bytes(), false, false);
    assert_eq!(code, exit::INPUT);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "error[element-date]: there is no such date: found \"20261341\"");
    assert_eq!(lines[2], "   | BEG*00*SA*PO-7001**20261341");
    assert_eq!(lines[3].find('^'), lines[2].find("20261341"));
}

#[test]
fn card_numbers_and_control_bytes_are_not_shown() {
    let (_, text) = check(
        ORDER.replace("REF*DP*038", "REF*DPXX*4111111111111111\x1D").as_bytes(),
        false,
        false,
    );
    assert!(!text.contains("4111111111111111") && text.contains("411111******1111\\x1D"), "{text}");
}

#[test]
fn json_is_one_object_a_file() {
    let (code, text) =
        check(ORDER.replace("BEG*00*SA*PO-7001*", "BEG*00*SA**").as_bytes(), false, true);
    assert_eq!(code, exit::INPUT);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["standard"], "x12");
    assert_eq!(value["verdict"], "invalid");
    assert_eq!(
        (&value["interchanges"], &value["transactions"], &value["segments"]),
        (&1.into(), &1.into(), &23.into())
    );
    let finding = &value["findings"][0];
    assert_eq!(finding["code"], "element-missing");
    assert_eq!((&finding["segment"], &finding["element"]), (&"BEG".into(), &3.into()));
    assert_eq!(
        (&finding["interchange"], &finding["transaction"]),
        (&"000000101".into(), &"0001".into())
    );
    assert_eq!(finding["acknowledgement"]["AK403"], "1");
    assert!(finding.get("component").is_none());
    let (_, text) = check(b"%PDF-1.7", false, true);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["standard"], &value["verdict"]),
        (&serde_json::Value::Null, &"invalid".into())
    );
    // What belongs to one message stands without its envelope: the standard is known all the same.
    let (_, text) = check(b"UNH+1+ORDERS:D:96A:UN'", false, true);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["standard"], &value["verdict"]), (&"edifact".into(), &"invalid".into()));
}

#[test]
fn strict_refuses_what_lenient_takes() {
    let unpadded = ORDER.replace("BIGBOX         ", "BIGBOX");
    assert_eq!(check(unpadded.as_bytes(), false, false).0, exit::FINE);
    assert_eq!(check(unpadded.as_bytes(), true, false).0, exit::INPUT);
}

#[test]
fn loops_are_nested_in_json() {
    let (_folder, path) = file(ORDER.as_bytes());
    let mut out = Vec::new();
    assert_eq!(run_json(&path, &mut out, &mut Vec::new()).unwrap(), exit::FINE);
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let content = value["content"].as_array().unwrap();
    let lines: Vec<_> = content.iter().filter(|node| node["loop"] == "PO1").collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(content[1]["BEG03"], "PO-7001");
    assert_eq!(lines[1]["content"][0]["PO103"], "CA");
    assert_eq!(lines[1]["content"][1]["loop"], "PID");
    assert_eq!(content.last().unwrap()["segment"], "SE");
}

/// Exit code and acknowledgements.
fn answered(path: &Path, change: impl FnOnce(&mut Ack)) -> (u8, String) {
    let mut ack = Ack {
        strict: false,
        lenient: false,
        implementation: false,
        control_number: 5,
        guides: Vec::new(),
        file: path.to_owned(),
    };
    change(&mut ack);
    let mut out = Vec::new();
    let code = run_ack((&ack, &[]), &mut out, &mut Vec::new()).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn an_acknowledgement_follows_the_policy() {
    let wrong_count = ORDER.replace("~SE*19*", "~SE*20*");
    assert_ne!(wrong_count, ORDER);
    let (_folder, path) = file(wrong_count.as_bytes());
    let (code, text) = answered(&path, |_| {});
    assert!(code == exit::FINE && text.contains("~AK5*E*4~"), "{text}");
    let (code, text) = answered(&path, |ack| ack.strict = true);
    assert!(code == exit::INPUT && text.contains("~AK5*R*4~"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_has_its_line_of_json() {
    let (code, out, words) = checked(&[Path::new("/nonexistent/x")], |check| check.json = true);
    assert_eq!((code, words.lines().count()), (exit::FAILURE, 1), "{words}");
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&line["file"], &line["verdict"]), (&"/nonexistent/x".into(), &"unreadable".into()));
    assert!(line["error"].as_str().unwrap().starts_with("No such file"), "{line}");
    assert_eq!(line["findings"], serde_json::json!([]));
}

#[test]
fn sales_are_records_and_ack_is_a_997() {
    let (_folder, path) = file(ORDER.as_bytes());
    let (mut out, mut words) = (Vec::new(), Vec::new());
    assert_eq!(run_sales(&path, None, (&mut out, &mut words)).unwrap(), exit::FINE);
    let record: DocumentRecord = serde_json::from_slice(&out).unwrap();
    assert_eq!(record.document.number, "PO-7001");
    let (code, text) = answered(&path, |_| {});
    assert_eq!(code, exit::FINE);
    assert!(text.starts_with("ISA*00*") && text.ends_with("IEA*1*000000005~"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let (_folder, path) = file(ORDER.as_bytes());
    let missing = Path::new("/nonexistent/x");
    let (code, out, words) = checked(&[missing, &path], |_| {});
    assert_eq!(code, exit::FAILURE);
    assert!(words.starts_with("/nonexistent/x: No such file"), "{words}");
    assert!(out.contains("order.edi: valid: ") && out.contains("1 could not be read"), "{out}");
}

#[test]
fn it_is_said_whose_fault_it_is_and_what_to_do() {
    let (_, text) = check(ORDER.replace("*20261121~CUR", "*20261341~CUR").as_bytes(), false, false);
    let advice = "to do: send a day that exists, as CCYYMMDD or as the element asks";
    assert!(text.contains(&format!("\n   = fault: the sender's; {advice}\n")), "{text}");
    assert!(text.contains(", BEG05, segment 2 of transaction set 0001, interchange "), "{text}");
    let (_, text) = check(ORDER.replace('~', "~\n").as_bytes(), false, false);
    assert!(text.contains("   = fault: the sender's; nothing to do: line ends"), "{text}");
}

#[test]
fn messages_are_called_messages() {
    let summary = Summary {
        standard: Some(Standard::Edifact),
        interchanges: 1,
        sets: 2,
        segments: 9,
        ..Summary::default()
    };
    let text = |summary| {
        let checked = Checked { name: "a\x1b[2J\nb".to_owned(), summary, findings: Vec::new() };
        let mut out = Vec::new();
        report::write_text(&mut out, Style::plain(), &checked).unwrap();
        String::from_utf8(out).unwrap()
    };
    let expected = "valid: 1 interchange, 2 messages, 9 segments; 0 errors, 0 warnings\n";
    assert_eq!(text(summary), format!("a\u{fffd}[2J\u{fffd}b: {expected}"));
    assert!(text(Summary { groups: 1, ..summary }).contains("1 interchange, 1 group, 2 messages"));
}

/// Files by name, the last three not EDI, not readable and hidden.
fn folder_of_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("m/deep")).unwrap();
    let wrong = ORDER.replace("*20261121~CUR", "*20261341~CUR");
    let unpadded = ORDER.replace("BIGBOX         ", "BIGBOX");
    for number in 0..100 {
        let (folder_name, content) = match number % 4 {
            0 => ("m", &wrong),
            1 => ("m/deep", &unpadded),
            _ => (".", &ORDER.to_owned()),
        };
        let name = folder.path().join(folder_name).join(format!("f{number:03}.edi"));
        std::fs::write(name, content).unwrap();
    }
    std::fs::write(folder.path().join("z.pdf"), "%PDF-1.7").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("zz.edi")).unwrap();
    std::fs::write(folder.path().join(".hidden"), "no EDI").unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("m/up")).unwrap();
    folder
}

#[test]
fn a_directory_is_checked_in_order_with_a_summary() {
    let folder = folder_of_files();
    let (code, out, words) = checked(&[folder.path()], |_| {});
    assert_eq!(code, exit::FAILURE, "one cannot be read");
    assert!(words.contains("zz.edi: No such file") && words.lines().count() == 1, "{words}");
    assert!(!out.contains("hidden"), "{out}");
    let verdicts: Vec<&str> = out
        .lines()
        .filter_map(|line| line.strip_prefix(folder.path().to_str().unwrap())?.split(": ").next())
        .collect();
    assert_eq!(verdicts.len(), 101);
    let sorted: Vec<&str> = {
        let mut sorted = verdicts.clone();
        sorted.sort_unstable();
        sorted
    };
    assert_eq!(verdicts, sorted);
    let (_, summary) = out.split_once("\n\n102 files: ").expect("a summary");
    let mut lines = summary.lines();
    assert_eq!(
        lines.next(),
        Some("50 valid, 25 with warnings, 25 invalid, 1 not EDI, 1 could not be read")
    );
    assert_eq!(lines.next(), Some("most frequent findings:"));
    assert_eq!(lines.next(), Some("       25  element-date, in 25 files"));
    assert!(lines.any(|line| line.ends_with("  not-edi, in 1 file")), "{summary}");
    assert!(summary.trim_end().ends_with(" MB/s"), "{summary}");
}

#[test]
fn each_report_is_whole() {
    let folder = folder_of_files();
    let (_, out, _) = checked(&[&folder.path().join("m")], |_| {});
    let lines: Vec<&str> = out.lines().collect();
    let findings: Vec<usize> =
        (0..lines.len()).filter(|at| lines[*at].contains("  --> ")).collect();
    assert!(findings.len() >= 50);
    for at in findings {
        let file = lines[at].trim_start_matches("  --> ").split(':').next().unwrap();
        let verdict = lines[at..].iter().find(|line| line.starts_with('/')).unwrap();
        assert!(verdict.starts_with(&format!("{file}: ")), "{verdict} after {}", lines[at]);
    }
}

#[test]
fn many_files_as_json_are_a_line_each_and_the_summary_is_for_people() {
    let folder = folder_of_files();
    let (_, out, words) = checked(&[folder.path()], |check| check.json = true);
    assert_eq!(out.lines().count(), 102);
    for line in out.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["file"].as_str().unwrap().starts_with('/'), "{line}");
    }
    assert!(words.contains("102 files: 50 valid"), "{words}");
    let (_, out, _) = checked(&[folder.path()], |check| {
        (check.json, check.quiet) = (true, true);
    });
    assert_eq!(out.lines().count(), 52);
    assert!(!out.contains("\"verdict\":\"valid\""), "{out}");
}

#[test]
fn an_output_that_fails_ends_the_work() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = folder_of_files();
    let files = vec![folder.path().to_owned()];
    let check = Check {
        strict: false,
        lenient: false,
        json: false,
        quiet: false,
        guides: Vec::new(),
        files,
    };
    let ended = check::run((&check, &[]), (&mut Closed, Style::plain()), (&mut Vec::new(), false));
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn the_999_answers_where_it_is_asked_for() {
    let (_folder, path) =
        file(include_bytes!("../../../../parsers/tests/edi/golden/element-missing.edi"));
    let answer = |implementation| {
        let (code, text) = answered(&path, |ack| ack.implementation = implementation);
        assert_eq!(code, exit::INPUT);
        text
    };
    assert!(answer(false).contains("~ST*997*0001~AK1*PO*101~"));
    let implementation = answer(true);
    assert!(implementation.contains("~ST*999*0001~AK1*PO*101*004010~"), "{implementation}");
    assert!(implementation.contains("~IK3*BEG*2**8~IK4*3*324*1~IK5*R*5~"), "{implementation}");
}
