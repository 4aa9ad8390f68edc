//! Programs that a test runs: servers in the background, and commands to their end.
//!
//! Each dies with the thread that started it (`setpriv --pdeathsig`), so a test that is stopped by whatever leaves no
//! server behind. A server must therefore be started on the thread of the test's body, not on a helper that ends early.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The user that has no rights: `nobody` on every Debian.
pub const NOBODY: u32 = 65534;

/// A command that is not done by then hangs.
const COMMAND_AT_MOST: Duration = Duration::from_secs(60);

/// A program that runs in the background; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it writes to stderr is appended to `log`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let name = name_of(&command);
        let stderr = File::options().create(true).append(true).open(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name, child, log: log.to_owned() }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, once, when the command piped it.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// What it has written to stderr, in all its lives that share the log.
    #[must_use]
    pub fn log(&self) -> String {
        self.log_behind(0)
    }

    /// The same behind so many bytes. After a thousand lives the whole log takes longer to read than one life.
    #[must_use]
    pub fn log_behind(&self, bytes: u64) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(bytes))?;
            log.read_to_end(&mut text)
        });
        read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// How long the log is.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// How it ended, if it did.
    ///
    /// # Panics
    ///
    /// When the kernel does not know the process.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child to wait for")
    }

    /// As by a power cut: SIGKILL, and the wait for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// As by a service manager: SIGTERM, and the wait for its end.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn terminate(&mut self, at_most: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        let end = Instant::now() + at_most;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                Instant::now() < end,
                "{} did not stop within {at_most:?} after SIGTERM; it said:\n{}",
                self.name,
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// When there is no such process.
    pub fn signal(&self, signal: Signal) {
        kill_process(process_id(self.child.id()), signal)
            .unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program behind `setpriv … --`.
fn name_of(command: &Command) -> String {
    let program = command.get_args().skip_while(|argument| *argument != "--").nth(1);
    let program = Path::new(program.unwrap_or_default());
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A command that dies with the thread that starts it.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// The same as a user without rights. Only root can do that.
#[must_use]
pub fn command_as_nobody(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    let nobody = NOBODY.to_string();
    command
        .args([
            "--reuid",
            &nobody,
            "--regid",
            &nobody,
            "--clear-groups",
            "--pdeathsig",
            "KILL",
            "--",
        ])
        .arg(program);
    command
}

/// Whether this test runs as root, who may read and write everything.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end. What it said is complete also when it had to be killed after a minute: code -1.
///
/// # Panics
///
/// When it cannot be started.
#[must_use]
pub fn run(mut command: Command) -> Said {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let id = child.id();
    let (done, finished) = mpsc::channel();
    let waiting = thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = done.send(());
        output
    });
    if finished.recv_timeout(COMMAND_AT_MOST).is_err() {
        let _ = kill_process(process_id(id), Signal::KILL);
    }
    let output = waiting.join().expect("a thread that waits").expect("the command's output");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn process_id(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id")
}

/// Runs a tool that has to succeed.
///
/// # Panics
///
/// When it does not.
pub fn run_tool(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments);
    let said = run(command);
    assert_eq!(said.code, 0, "{program} {} failed:\n{}", arguments.join(" "), said.stderr);
}
