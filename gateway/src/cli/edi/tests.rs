use super::*;

const ORDER: &str = include_str!("../../../../config/samples/850-clean.edi");

fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.edi");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn check(content: &[u8], strict: bool, json: bool) -> (u8, String) {
    check_with(content, &[], (strict, json))
}

fn check_with(content: &[u8], guides: &[Guide], (strict, json): (bool, bool)) -> (u8, String) {
    let (_folder, path) = file(content);
    let check = Check { strict, lenient: !strict, json, guides: Vec::new(), files: vec![path] };
    let mut out = Vec::new();
    let code = run_check(&check, guides, (&mut out, &mut Vec::new())).unwrap();
    (code, String::from_utf8(out).unwrap())
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
    let (_, text) = check(b"UNA:+.? 'UNB+", false, true);
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

#[test]
fn sales_are_records_and_ack_is_a_997() {
    let (_folder, path) = file(ORDER.as_bytes());
    let (mut out, mut words) = (Vec::new(), Vec::new());
    assert_eq!(run_sales(&path, None, (&mut out, &mut words)).unwrap(), exit::FINE);
    let record: DocumentRecord = serde_json::from_slice(&out).unwrap();
    assert_eq!(record.document.number, "PO-7001");
    let mut out = Vec::new();
    let ack = Ack { implementation: false, control_number: 5, file: path };
    assert_eq!(run_ack(&ack, &mut out, &mut Vec::new()).unwrap(), exit::FINE);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("ISA*00*") && text.ends_with("IEA*1*000000005~"), "{text}");
}

#[test]
fn a_file_that_is_not_there_is_a_failure() {
    let check = Check {
        guides: Vec::new(),
        strict: false,
        lenient: false,
        json: false,
        files: vec!["/nonexistent/x".into()],
    };
    let mut words = Vec::new();
    assert_eq!(run_check(&check, &[], (&mut Vec::new(), &mut words)).unwrap(), exit::FAILURE);
    assert!(!words.is_empty());
}
