//! A real browser without a window, driven over its debugging pipe: JSON messages with a NUL behind each (Chrome
//! `DevTools` Protocol, `--remote-debugging-pipe`, file descriptors 3 and 4).

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tillgate_tests::process::{Process, command, run_tool};

/// A browser with one page.
pub(crate) struct Browser {
    requests: File,
    answers: BufReader<File>,
    next_id: u64,
    session: String,
    _process: Process,
    _folder: TempDir,
}

/// The browser's program, if this machine has one.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let files = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    files.into_iter().find(|file| file.is_file())
}

impl Browser {
    /// Starts the browser and opens a page.
    pub(crate) fn open(program: &Path, url: &str) -> Self {
        let folder = TempDir::with_prefix("tillgate-browser-").expect("a temporary folder");
        let (requests, answers) = (folder.path().join("requests"), folder.path().join("answers"));
        run_tool("mkfifo", &[&requests.to_string_lossy(), &answers.to_string_lossy()]);
        let process = Process::start(launch(program, folder.path()), &folder.path().join("log"));
        let requests = File::options().write(true).open(requests).expect("the browser's pipe");
        let answers = BufReader::new(File::open(answers).expect("the browser's pipe"));
        let (session, next_id) = (String::new(), 1);
        let mut browser =
            Self { requests, answers, next_id, session, _process: process, _folder: folder };
        browser.attach(url);
        browser
    }

    fn attach(&mut self, url: &str) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", target);
        self.session = attached["sessionId"].as_str().expect("a session").to_owned();
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// The page as a person reads it.
    pub(crate) fn text(&mut self) -> String {
        let expression = json!({ "expression": "document.body ? document.body.innerText : ''" });
        let answer = self.call("Runtime.evaluate", expression);
        answer["result"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// A picture of the whole page on a screen of this width, in base64.
    pub(crate) fn screenshot(&mut self, width: u32) -> String {
        let screen =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let answer = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        answer["data"].as_str().expect("a picture").to_owned()
    }

    /// Asks and waits for the answer; what the browser tells without being asked is passed over.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).expect("a browser that runs");
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).expect("a browser that runs");
            message.pop();
            let message: Value =
                serde_json::from_slice(&message).expect("a message of the browser");
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }
}

fn launch(program: &Path, folder: &Path) -> Command {
    let mut shell = command("sh");
    let folder = folder.display();
    let words = [
        format!("exec '{}' --remote-debugging-pipe", program.display()),
        "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars"
            .to_owned(),
        "--no-first-run --disable-extensions --disable-background-networking".to_owned(),
        format!("--user-data-dir='{folder}/profile' 3<'{folder}/requests' 4>'{folder}/answers'"),
    ];
    shell.args(["-c", &words.join(" ")]);
    shell
}
