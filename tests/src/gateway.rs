//! The gateway as an operator has it: a process of the real binary.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::deadline::{eventually, until};
use crate::http::Connection;
use crate::process::{Process, command};

/// The contract: a stopped daemon is gone within five seconds.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// A daemon on a busy machine, which opens its journal.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The binary: `TILLGATE_BIN`, or the one that was built beside this test.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("TILLGATE_BIN") {
        return PathBuf::from(program);
    }
    let test = std::env::current_exe().expect("the path of this test");
    // Tests are in target/PROFILE/deps, programs in target/PROFILE.
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join("tillgate"));
    beside.into_iter().find(|program| program.is_file()).unwrap_or_else(|| {
        panic!("the gateway is not built: run `cargo build`, or set TILLGATE_BIN to a binary")
    })
}

/// Whether the gateway was built with fail points: it then knows the name of their variable.
///
/// # Panics
///
/// When there is no gateway.
#[must_use]
pub fn has_fail_points() -> bool {
    let binary = std::fs::read(program()).expect("the gateway's binary");
    memchr::memmem::find(&binary, b"TILLGATE_FAIL_POINT").is_some()
}

/// A daemon that is to fail at a point gets there in the ordinary course of its work.
const FAILED_WITHIN: Duration = Duration::from_secs(150);

/// Fail points kill as `kill -9` does.
fn is_kill(ended: Option<ExitStatus>) -> bool {
    ended.and_then(|status| status.signal()) == Some(Signal::KILL.as_raw())
}

/// A running daemon.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    config: PathBuf,
    address: String,
    log: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    /// From the start of the process to its first 200 on `/livez`.
    pub ready_after: Duration,
}

impl Gateway {
    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it ends or does not answer.
    #[must_use]
    pub fn start(config: &Path, address: &str, log: &Path) -> Self {
        Self::start_with(config, address, log, Vec::new())
    }

    /// The same with more in its environment, in all its lives.
    ///
    /// # Panics
    ///
    /// When it ends or does not answer.
    #[must_use]
    pub fn start_with(
        config: &Path,
        address: &str,
        log: &Path,
        environment: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let started = Instant::now();
        let mut daemon = daemon(config);
        daemon.envs(environment.iter().map(|(name, value)| (*name, value)));
        let mut process = Process::start(daemon, log);
        loop {
            if let Some(status) = process.ended() {
                panic!("the gateway ended at its start with {status}; it said:\n{}", process.log());
            }
            if answers(address) {
                break;
            }
            assert!(
                started.elapsed() < READY_WITHIN,
                "the gateway does not answer; it said:\n{}",
                process.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            process,
            config: config.to_owned(),
            address: address.to_owned(),
            log: log.to_owned(),
            environment,
            ready_after: started.elapsed(),
        }
    }

    /// Starts the daemon and waits for nothing.
    #[must_use]
    pub fn launch(config: &Path, log: &Path) -> Process {
        Process::start(daemon(config), log)
    }

    /// Starts again, and waits until the daemon has killed itself at a fail point, the nth time that it got there.
    ///
    /// # Panics
    ///
    /// When it does not get there in time.
    pub fn resume_until(&mut self, fail_point: &str, nth: u32) {
        self.process = self.armed(fail_point, nth);
        until(FAILED_WITHIN.as_secs(), fail_point, || {
            let ended = self.process.ended();
            let killed = is_kill(ended);
            assert!(killed || ended.is_none(), "{fail_point}: {ended:?}; it said:\n{}", self.log());
            killed
        });
    }

    /// The same with a point that every orderly stop passes.
    ///
    /// # Panics
    ///
    /// When the daemon does not stop, or not there.
    pub fn stop_at(&mut self, fail_point: &str) {
        let before = self.process.log_bytes();
        self.process = self.armed(fail_point, 1);
        until(FAILED_WITHIN.as_secs(), "a connection to the broker", || {
            self.process.log_behind(before).contains("connected to the broker")
        });
        self.process.signal(Signal::TERM);
        let end =
            eventually(2 * STOP_WITHIN.as_secs(), "the daemon stops", || self.process.ended());
        assert!(is_kill(Some(end)), "{fail_point}: {end}; it said:\n{}", self.log());
    }

    fn armed(&self, fail_point: &str, nth: u32) -> Process {
        let mut armed = daemon(&self.config);
        armed.env("TILLGATE_FAIL_POINT", format!("{fail_point}:{nth}"));
        Process::start(armed, &self.log)
    }

    /// As by a power cut.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// As by a service manager; the contract says within five seconds.
    ///
    /// # Panics
    ///
    /// When it takes longer or ends with a failure.
    pub fn terminate(&mut self) {
        let status = self.process.terminate(STOP_WITHIN);
        assert!(status.success(), "an orderly stop ended with {status}; it said:\n{}", self.log());
    }

    /// Starts again after a kill or stop.
    pub fn resume(&mut self) {
        let environment = std::mem::take(&mut self.environment);
        *self = Self::start_with(&self.config, &self.address, &self.log, environment);
    }

    /// An orderly stop and a start.
    pub fn restart(&mut self) {
        self.terminate();
        self.resume();
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The process, for signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What all daemons of this store wrote to stderr.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A value of `/proc/PID/status` in KiB, such as `VmRSS` or `VmHWM`.
    ///
    /// # Panics
    ///
    /// When the daemon does not run.
    #[must_use]
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))
            .expect("a running daemon");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a known name");
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse().ok())
            .expect("a number of KiB")
    }
}

fn daemon(config: &Path) -> Command {
    let mut daemon = command(program());
    daemon.arg("run").arg("--config").arg(config);
    daemon
}

/// Whether a daemon answers there.
#[must_use]
pub fn answers(address: &str) -> bool {
    Connection::open(address)
        .and_then(|mut connection| connection.request("GET", "/livez", &[], b""))
        .is_ok_and(|answer| answer.status == 200)
}
