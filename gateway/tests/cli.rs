//! The program as its caller sees it: exit codes, what goes to stdout and what to stderr.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn tillgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillgate"));
    command.args(arguments).env_remove("TILLGATE_CONFIG").stdin(Stdio::null());
    command
}

/// Exit code, stdout, stderr.
fn ran(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = tillgate(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A directory with a configuration whose data directory is there.
fn store(extra: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let file = dir.path().join("tillgate.toml");
    let text = format!(
        "[gateway]\norg = \"acme\"\nstore = \"1\"\nid = \"gw\"\ndata_dir = {:?}\ncurrency = \"CNY\"\n\
         [mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n{extra}",
        dir.path()
    );
    fs::write(&file, text).unwrap();
    (dir, file)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_command_line_is_explained() {
    assert_eq!(ran(&[]).0, 64);
    let (code, out, err) = ran(&["chek"]);
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("'check'"), "{err}");
    let (code, out, err) = ran(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Exit codes"), "{out}");
    assert_eq!(ran(&["--version"]).0, 0);
}

#[test]
fn check_says_what_is_wrong_and_writes_nothing() {
    let (dir, file) = store("[[lane]]\nid = \"3\"\n");
    let names = || {
        let entries = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<Vec<_>>()
    };
    let before = names();
    let (code, out, err) = ran(&["check", "--config", text(&file)]);
    assert_eq!((code, err.as_str()), (0, ""));
    let expected = "is fine: 1 lane, 0 terminals, 0 devices, 0 partners, 0 viewers\n";
    assert!(out.ends_with(expected), "{out}");
    assert_eq!(names(), before);

    let (_dir, file) = store("urll = 1\n");
    let (code, out, err) = ran(&["check", "--config", text(&file)]);
    assert_eq!((code, out.as_str()), (78, ""));
    let expected =
        ":9:1: [mqtt] urll: unknown key; did you mean \"url\"?\n  9 | urll = 1\n    | ^^^^\n";
    assert_eq!(err, format!("{}{expected}", file.display()));
}

#[test]
fn warnings_are_errors_when_asked() {
    let (_dir, file) = store(
        "[[lane]]\nid = \"3\"\n[[device]]\nid = \"s\"\nlane = \"3\"\ndriver = \"serial-scanner\"\n\
         port = \"/dev/ttyUSB0\"\n",
    );
    let (code, out, err) = ran(&["check", "--config", text(&file)]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("warning: [[device]] \"s\" port: "), "{err}");
    assert!(out.contains("is fine"), "{out}");
    let (code, out, _) = ran(&["check", "--deny-warnings", "--config", text(&file)]);
    assert_eq!((code, out.as_str()), (78, ""));
}

#[test]
fn the_environment_names_the_configuration() {
    let (_dir, file) = store("");
    let status = tillgate(&["check"]).env("TILLGATE_CONFIG", &file).output().unwrap().status;
    assert_eq!(status.code(), Some(0));
}

#[test]
fn without_a_daemon_commands_work_on_its_data_or_say_what_to_do() {
    let (dir, file) = store("");
    let with_config = |command: &[&str]| ran(&[command, &["--config", text(&file)]].concat());
    let (code, out, err) = with_config(&["status"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("the daemon is not running on"), "{err}");
    assert!(err.contains("systemctl start tillgate"), "{err}");
    let (code, _, err) = with_config(&["verify", "--json"]);
    assert!(code == 1 && err.contains("there is no journal at"), "{err}");

    let (code, _, err) = with_config(&["quarantine", "list"]);
    assert!(code == 1 && err.contains("has the gateway ever run"), "{err}");
    assert!(!dir.path().join("journal.db").exists(), "looking makes nothing");

    let csv = dir.path().join("c.csv");
    fs::write(&csv, "\u{feff}name,id\nWang,c-1\n").unwrap();
    let (code, out, err) = with_config(&["customers", "import", text(&csv)]);
    assert_eq!((code, out.as_str()), (0, "1 customer imported, as version 1\n"), "{err}");
    let (code, out, err) = with_config(&["quarantine", "list"]);
    assert_eq!((code, out.as_str()), (0, "quarantine is empty\n"), "{err}");
}

#[test]
fn a_broken_import_names_the_line_or_the_column() {
    let (dir, file) = store("");
    let csv = dir.path().join("x.csv");
    for (what, content, expected_code, expected) in [
        ("customers", "id,name\nc-1,Wang\n,Li\n", 2, "line 3: the id is missing"),
        ("customers", "id,nmae\n", 1, "unknown column \"nmae\": did you mean \"name\"?"),
        ("customers", "name\nWang\n", 1, "there is no column \"id\""),
        (
            "catalog",
            "gtin,description\n4006381333930,Pen\n",
            2,
            "line 2: the check digit of GTIN 4006381333930 is wrong, expected 1",
        ),
    ] {
        fs::write(&csv, content).unwrap();
        let (code, _, err) = ran(&[what, "--config", text(&file), "import", text(&csv)]);
        assert_eq!(code, expected_code, "{err}");
        assert!(err.contains(expected), "{err}");
    }
}

#[test]
fn doctor_checks_the_machine_and_fails_where_the_broker_is_away() {
    let (dir, file) = store("");
    let (code, out, err) = ran(&["doctor", "--json", "--config", text(&file)]);
    assert_eq!((code, err.as_str()), (1, ""));
    let checks: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcome = |id: &str| {
        let check = checks.iter().find(|check| check["id"] == id);
        check.map(|check| check["outcome"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    for (id, expected) in [
        ("config.valid", "ok"),
        ("data_dir.exists", "ok"),
        ("data_dir.mode", "ok"),
        ("clock.plausible", "ok"),
        ("broker.reachable", "fail"),
        ("daemon.running", "fail"),
    ] {
        assert_eq!(outcome(id), expected, "{id}: {out}");
    }
    for check in &checks {
        assert_eq!(check["outcome"] == "ok", check.get("hint").is_none(), "{check}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_token_and_its_block() {
    let (code, out, _) = ran(&["token", "--kind", "terminal", "--id", "03"]);
    assert_eq!(code, 0);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0].len(), 64);
    assert_eq!(&lines[2..4], ["[[terminal]]", "id = \"03\""]);
    assert!(lines[4].starts_with("token_sha256 = \""), "{out}");
    let again = ran(&["token"]).1;
    assert_ne!(again.lines().next(), Some(lines[0]), "each token is new");
    assert_eq!(ran(&["token", "--kind", "terminal"]).0, 64);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child =
        tillgate(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn the_process_leaves_no_core() {
    let (_dir, file) = store("");
    let arguments = ["quarantine", "replay", "x", "--with", "-", "--config", text(&file)];
    let mut child =
        tillgate(&arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It waits for its input, so that there is time to look. Until exec is through the limits are still ours.
    let limits = format!("/proc/{}/limits", child.id());
    let no_core = |limits: &str| {
        let mut lines = limits.lines();
        lines.any(|line| {
            line.split_whitespace().eq(["Max", "core", "file", "size", "0", "0", "bytes"])
        })
    };
    let seen = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        no_core(&fs::read_to_string(&limits).unwrap_or_default())
    });
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(seen, "no core limit of 0 in {limits}");
}

#[test]
fn completions_are_made_for_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = ran(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(out.contains("quarantine"), "{shell}");
    }
}
