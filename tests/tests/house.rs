//! The plan of the house, held by a test: who may use whom, what pure code never touches, how every file begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Longer than what rustfmt makes of code, since a comment or a text may need the room.
const LINE_CHARACTERS_MAX: usize = 120;
/// Above 600 lines a file wants a reason; above this there is none.
const FILE_LINES_MAX: usize = 1000;

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).map(Path::to_owned).unwrap_or_default()
}

/// Every Rust file of the project, by its path from the root.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    assert!(found.len() > 50, "only {} files found: has the project moved?", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let path = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

/// What each member of the workspace uses of the others, tests and build scripts included.
fn directions() -> BTreeMap<String, Vec<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let output = cargo.output().map(|output| output.stdout).unwrap_or_default();
    let metadata: Value = serde_json::from_slice(&output).unwrap_or_default();
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let members: Vec<String> = packages.iter().map(name).collect();
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        dependencies.iter().map(name).filter(|used| members.contains(used)).collect()
    };
    packages.iter().map(|package| (name(package), uses(package))).collect()
}

#[test]
fn members_use_each_other_as_planned() {
    let plan: [(&str, &[&str]); 5] = [
        ("tillgate-parsers", &[]),
        ("tillgate-record", &[]),
        ("tillgate-drivers", &["tillgate-parsers"]),
        ("tillgate", &["tillgate-drivers", "tillgate-parsers", "tillgate-record"]),
        (
            "tillgate-tests",
            &["tillgate", "tillgate-drivers", "tillgate-parsers", "tillgate-record"],
        ),
    ];
    let directions = directions();
    assert_eq!(directions.len(), plan.len(), "a member without a plan: {:?}", directions.keys());
    for (member, allowed) in plan {
        for used in &directions[member] {
            assert!(allowed.contains(&used.as_str()), "{member} must not use {used}");
        }
    }
}

#[test]
fn pure_code_sees_no_socket_no_file_and_no_clock() {
    let never = [
        "std::fs",
        "std::net",
        "tokio::fs",
        "tokio::net",
        "File::open",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime",
        "Instant::now",
        "sqlx",
        "std::env",
    ];
    let pure =
        ["gateway/src/normalize", "gateway/src/customer", "gateway/record/src", "parsers/src"];
    assert_none_says(&pure, &never);
}

#[test]
fn parsers_know_no_async_and_no_logging() {
    assert_none_says(
        &["parsers/src", "gateway/record/src"],
        &["tokio", "async fn", "tracing::", "log::"],
    );
}

#[test]
fn drivers_know_nothing_of_sales() {
    assert_none_says(&["drivers/src"], &["tillgate_record", "Sale"]);
}

fn assert_none_says(folders: &[&str], words: &[&str]) {
    let sources = sources();
    let mut faults = Vec::new();
    for folder in folders {
        let inside = || {
            let module = format!("{folder}.rs");
            sources
                .iter()
                .filter(move |source| source.path.starts_with(folder) || source.path == module)
        };
        assert!(inside().count() > 0, "{folder} is gone: mend this test");
        // What tests do beside the code is not the code.
        for source in inside().filter(|source| !is_test(source)) {
            let lines =
                source.text.lines().zip(1..).take_while(|(line, _)| *line != "#[cfg(test)]");
            for (line, number) in lines {
                let code = line.split("//").next().unwrap_or_default();
                let said = words.iter().filter(|word| code.contains(**word));
                faults.extend(said.map(|word| format!("{}:{number} says {word}", source.path)));
            }
        }
    }
    assert_no(&faults);
}

fn is_test(source: &Source) -> bool {
    source.path.contains("/tests/") || source.path.ends_with("/tests.rs")
}

#[track_caller]
fn assert_no(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// This test, and the bench that measures the client alone.
const MQTT_KNOWN_TO: [&str; 2] = ["tests/tests/house.rs", "tests/src/bin/bench/limits.rs"];

#[test]
fn only_the_way_out_knows_the_mqtt_client() {
    for source in sources() {
        let allowed = source.path.starts_with("gateway/src/forward")
            || MQTT_KNOWN_TO.contains(&source.path.as_str());
        assert!(allowed || !source.text.contains("rumqttc"), "{} knows rumqttc", source.path);
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_readable() {
    let mut faults = Vec::new();
    for Source { path, text } in sources() {
        // A fuzz target is one line, and a module called `tests` says what it is by its name.
        let speaks_for_itself =
            path.starts_with("fuzz/fuzz_targets") || path.ends_with("/tests.rs");
        if !text.starts_with("//!") && !speaks_for_itself {
            faults.push(format!("{path} does not begin with `//!`: what is it for?"));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{path} has {lines} lines: split it"));
        }
        for (line, number) in text.lines().zip(1..) {
            let length = length_without_texts(line);
            if length > LINE_CHARACTERS_MAX {
                faults.push(format!("{path}:{number} is {length} characters long"));
            }
        }
    }
    assert_no(&faults);
}

/// A long text stands in one piece, so that it can be searched for: what is between quotation marks does not count.
fn length_without_texts(line: &str) -> usize {
    let mut quoted = false;
    let mut before = ' ';
    let mut length = 0;
    for character in line.chars() {
        if character == '"' && before != '\\' {
            quoted = !quoted;
        }
        length += usize::from(!quoted);
        before = character;
    }
    // One mark without its partner: a text that begins or ends on another line.
    if quoted { 0 } else { length }
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_for_later() {
    assert_nowhere(&["#[ignore", "todo!(", "unimplemented!(", "dbg!(", "FIXME"]);
}

#[test]
fn a_lint_is_relaxed_with_a_reason_and_only_where_it_strikes() {
    assert_nowhere(&["#[allow(", "#![allow("]);
}

/// The one place that loads vector registers.
const UNSAFE_KNOWN_TO: &str = "parsers/src/edi/index/";

#[test]
fn only_the_delimiter_index_is_unsafe() {
    let mut faults = Vec::new();
    for Source { path, text } in sources() {
        let mut explained = false;
        for (line, number) in text.lines().zip(1..) {
            let (code, comment) = line.split_once("//").unwrap_or((line, ""));
            let is_unsafe = code
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .any(|word| word == "unsafe");
            let said = is_unsafe && path != "tests/tests/house.rs";
            if said && !path.starts_with(UNSAFE_KNOWN_TO) {
                faults.push(format!("{path}:{number} is unsafe"));
            } else if said && !explained {
                faults.push(format!(
                    "{path}:{number} is unsafe, and no SAFETY above it says why it is sound"
                ));
            }
            explained = comment.contains("SAFETY:") || explained && code.trim().is_empty();
        }
    }
    assert_no(&faults);
}

fn assert_nowhere(words: &[&str]) {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.path != "tests/tests/house.rs") {
        let said = words.iter().filter(|word| source.text.contains(**word));
        faults.extend(said.map(|word| format!("{} says {word}", source.path)));
    }
    assert_no(&faults);
}

/// Everything that can hold work or run beside other work, with what bounds it. A new one needs a bound, and a line.
const QUEUES: &[(&str, &str, usize, &str)] = &[
    ("drivers/src/lib.rs", "oneshot::channel(", 1, "one value"),
    ("drivers/src/node/mod.rs", "spawn_blocking(", 2, "one at a time of a device, awaited"),
    ("drivers/src/serial/dialogue.rs", "VecDeque<", 1, "READINGS_WAITING_MAX of the lane"),
    ("drivers/src/serial/open.rs", "spawn_blocking(", 2, "one at a time of a device, awaited"),
    ("drivers/src/serial/session.rs", "VecDeque<", 2, "READINGS_WAITING_MAX of the lane"),
    ("gateway/src/control/server.rs", "Semaphore::new(", 1, "CONNECTIONS_MAX"),
    ("gateway/src/control/server.rs", "TaskTracker::new(", 1, "CONNECTIONS_MAX"),
    ("gateway/src/forward/consume.rs", "VecDeque<", 2, "TOGETHER"),
    ("gateway/src/forward/ledger.rs", "VecDeque<", 1, "IDS_MAX"),
    ("gateway/src/forward/session/mod.rs", "VecDeque<", 1, "LOST_WAITING"),
    ("gateway/src/forward/supervisor.rs", "tokio::spawn(", 1, "one session at a time"),
    ("gateway/src/forward/supply.rs", "VecDeque<", 1, "one read of the outbox"),
    ("gateway/src/forward/transport/v3.rs", "AsyncClient::builder(", 1, "its channel: the window"),
    ("gateway/src/forward/transport/v5.rs", "AsyncClient::builder(", 1, "its channel: the window"),
    ("gateway/src/forward/window.rs", "VecDeque<", 1, "window_records, and bytes"),
    ("gateway/src/run/admin.rs", "watch::channel(", 1, "one value"),
    ("gateway/src/run/daemon.rs", "tokio::spawn(", 1, "one forwarder"),
    ("gateway/src/run/daemon.rs", "watch::channel(", 1, "one value"),
    ("gateway/src/run/sources.rs", "tokio::spawn(", 3, "two a source of the configuration"),
    (
        "gateway/src/source/exchange/mod.rs",
        "spawn_blocking(",
        3,
        "one at a time of a partner, awaited",
    ),
    (
        "gateway/src/source/lanes/mod.rs",
        "mpsc::channel(",
        2,
        "EVENTS_WAITING_MAX, READINGS_WAITING_MAX",
    ),
    ("gateway/src/store/ballast.rs", "spawn_blocking(", 1, "one at a time, by `writing`"),
    ("gateway/src/store/disk.rs", "spawn_blocking(", 1, "at the start, awaited"),
    ("gateway/src/store/fresh.rs", "VecDeque<", 1, "FRESH_BYTES"),
    ("gateway/src/store/handle.rs", "tokio::spawn(", 1, "one writer"),
    ("gateway/src/store/handle.rs", "watch::Sender::new(", 2, "one value each"),
    ("gateway/src/store/job.rs", "Semaphore::new(", 1, "QUEUE_KIB"),
    ("gateway/src/store/job.rs", "mpsc::channel(", 1, "QUEUE_JOBS"),
    ("gateway/src/store/job.rs", "oneshot::channel(", 2, "one value"),
    ("gateway/src/store/mark.rs", "spawn_blocking(", 1, "one at a time, awaited"),
    ("gateway/src/store/mark.rs", "tokio::spawn(", 1, "one keeper"),
    ("gateway/src/store/mark.rs", "watch::Sender::new(", 1, "one value"),
    ("gateway/src/web/events.rs", "Semaphore::new(", 1, "PAGES_MAX"),
    ("gateway/src/web/listener.rs", "Semaphore::new(", 1, "[limits] connections"),
    ("gateway/src/web/listener.rs", "TaskTracker::new(", 1, "[limits] connections"),
    ("gateway/src/web/mod.rs", "Semaphore::new(", 1, "MEMORY_KIBIBYTES"),
];

/// What makes a queue, or runs something beside.
const QUEUE_WORDS: &[&str] = &[
    "mpsc::channel(",
    "oneshot::channel(",
    "broadcast::channel(",
    "watch::channel(",
    "watch::Sender::new(",
    "Semaphore::new(",
    "VecDeque<",
    "LinkedList<",
    "JoinSet::new(",
    "FuturesUnordered::new(",
    "TaskTracker::new(",
    "tokio::spawn(",
    "spawn_blocking(",
    "thread::spawn(",
    "AsyncClient::builder(",
];

#[test]
fn every_queue_has_a_bound_and_stands_in_the_list() {
    let daemon = |path: &str| {
        let served = ["gateway/src", "drivers/src"].iter().any(|folder| path.starts_with(folder));
        served && !path.starts_with("gateway/src/demo")
    };
    let mut found = BTreeMap::new();
    let sources = sources();
    for source in sources.iter().filter(|source| daemon(&source.path) && !is_test(source)) {
        let lines = source.text.lines().take_while(|line| *line != "#[cfg(test)]");
        for line in lines.map(|line| line.split("//").next().unwrap_or_default()) {
            assert!(
                !line.contains("unbounded"),
                "{} has a queue without bound: {line}",
                source.path
            );
            for word in QUEUE_WORDS.iter().filter(|word| line.contains(**word)) {
                *found.entry((source.path.as_str(), *word)).or_insert(0_usize) += 1;
            }
        }
    }
    let listed: BTreeMap<_, _> =
        QUEUES.iter().map(|(path, word, count, _)| ((*path, *word), *count)).collect();
    let new = found.iter().filter(|(queue, count)| listed.get(*queue) != Some(*count));
    let gone = listed.iter().filter(|(queue, _)| !found.contains_key(*queue));
    let faults: Vec<_> = new
        .map(|((path, word), count)| {
            format!("{path}: {count} times {word}, which the list does not know")
        })
        .chain(gone.map(|((path, word), _)| format!("{path}: no {word} any more")))
        .collect();
    assert_no(&faults);
}
