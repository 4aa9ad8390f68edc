//! What a gateway asks of the kernel, as `strace` sees it: every write, sync, rename and answer, with its bytes.
//!
//! In: a store. Out: the calls in the order in which they began and ended. Never: a guess. A line that cannot be read,
//! or a write whose bytes are not all there, ends the test.
//!
//! Only root may look: the gateway forbids it to everybody else, since card numbers pass through its memory.

mod line;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::until;
use crate::gateway;
use crate::process::{Process, command, is_root};
use crate::site::Site;
use line::{Line, Parsed};

/// The calls that change files, or that bring bytes in or out.
const CALLS: &str = "trace=openat,lseek,read,recvfrom,readv,write,writev,sendto,sendmsg,pwrite64,pwritev,\
    ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
/// No write of a small load is longer.
const LONGEST_BYTES: &str = "4000000";
const READY_SECONDS: u64 = 60;
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it began: the number of an event of the whole trace.
    pub begin: usize,
    /// When it had ended. A call that never came back has the highest number.
    pub end: usize,
    /// What it did.
    pub deed: Deed,
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A file is there, new or not.
    Create(PathBuf),
    /// A folder is new.
    MakeFolder(PathBuf),
    /// Bytes of a file.
    Write {
        /// The file, by its name at that time.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// The size of a file.
    Resize {
        /// The file.
        path: PathBuf,
        /// Its size from now on.
        size: u64,
    },
    /// A file or folder is on the disk.
    Sync(PathBuf),
    /// Another name.
    Rename(PathBuf, PathBuf),
    /// A name is gone.
    Remove(PathBuf),
    /// Bytes came in over a socket or a serial line.
    Receive {
        /// Which one.
        channel: String,
    },
    /// Bytes went out over a socket or a serial line.
    Send {
        /// Which one.
        channel: String,
        /// What.
        bytes: Vec<u8>,
    },
}

/// Whether a trace can be made here; says why not.
///
/// # Errors
///
/// Why not.
pub fn is_possible() -> Result<(), String> {
    if !is_root() {
        return Err("only root may look into a gateway".to_owned());
    }
    let mut probe = std::process::Command::new("strace");
    probe.args(["-f", "-e", "trace=none", "--", "true"]);
    match probe.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("strace: {error}")),
    }
}

/// A running daemon that is watched.
#[derive(Debug)]
pub struct Traced {
    strace: Process,
    file: PathBuf,
    data_dir: PathBuf,
}

impl Traced {
    /// Starts the daemon of a store and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    #[must_use]
    pub fn start(site: &Site, file: &Path) -> Self {
        let config = site.write_config();
        let mut strace = command("strace");
        strace
            .args(["--seccomp-bpf", "-f", "-y", "-xx", "-s", LONGEST_BYTES, "-e", CALLS, "-o"])
            .arg(file)
            // The daemon ends with strace, as strace ends with the test.
            .args(["--", "setpriv", "--pdeathsig", "KILL", "--"])
            .arg(gateway::program())
            .arg("run")
            .arg("--config")
            .arg(config);
        let mut strace = Process::start(strace, &site.gateway_log());
        until(READY_SECONDS, "the watched gateway is ready", || {
            assert!(strace.ended().is_none(), "strace ended: {}", strace.log());
            gateway::answers(&site.http_address())
        });
        Self { strace, file: file.to_owned(), data_dir: site.data_dir() }
    }

    /// An orderly stop. What the daemon did is in the file then.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    pub fn terminate(mut self) -> Vec<Call> {
        // strace keeps signals to itself: the lock of the data folder names the daemon.
        let holder = fs::read_to_string(self.data_dir.join("tillgate.lock")).expect("a lock");
        let daemon = holder.trim().parse().ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(daemon, Signal::TERM).expect("a running daemon");
        until(STOP_WITHIN.as_secs(), "the watched gateway stops", || self.strace.ended().is_some());
        calls(&fs::read(&self.file).expect("the trace"))
    }
}

/// The calls of a trace, in the order of their beginnings.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn calls(trace: &[u8]) -> Vec<Call> {
    let mut reader = Reader::default();
    for (number, text) in trace.split(|byte| *byte == b'\n').enumerate() {
        reader.line(number, text);
    }
    let mut calls = reader.calls;
    calls.sort_by_key(|call| call.begin);
    calls
}

#[derive(Debug, Default)]
struct Reader {
    calls: Vec<Call>,
    /// Of each thread that is in a call: when it began, and the first half of its line.
    begun: HashMap<u32, (usize, Vec<u8>)>,
    /// Where the next plain read or write of a descriptor happens.
    positions: HashMap<u32, u64>,
}

impl Reader {
    fn line(&mut self, number: usize, text: &[u8]) {
        match line::split(text) {
            Some(Line::Whole(call)) => self.call(number, number, call),
            Some(Line::Begun(thread, half)) => {
                self.begun.insert(thread, (number, half.to_vec()));
            }
            Some(Line::Resumed(thread, rest)) => {
                let (begin, mut call) = self.begun.remove(&thread).expect("a call that began");
                call.extend_from_slice(rest);
                self.call(begin, number, &call);
            }
            None => {}
        }
    }

    fn call(&mut self, begin: usize, end: usize, text: &[u8]) {
        let Some(call) = line::parse(text) else { return };
        // What was cut off by the end of the process has no result, and may have happened or not.
        let end = if call.result.is_some() { end } else { usize::MAX };
        if call.result.is_some_and(|result| result < 0) {
            return;
        }
        if let Some(deed) = self.deed(&call) {
            self.calls.push(Call { begin, end, deed });
        }
    }

    fn deed(&mut self, call: &Parsed<'_>) -> Option<Deed> {
        match call.name {
            "openat" => self.open(call),
            "lseek" => {
                self.positions.insert(call.descriptor()?, call.done());
                None
            }
            "read" | "recvfrom" | "readv" => self.receive(call),
            "write" | "writev" | "sendto" | "sendmsg" => self.send(call),
            "pwrite64" | "pwritev" => Some(Deed::Write {
                path: call.file()?,
                offset: call.number_from_end(0),
                bytes: call.bytes(),
            }),
            "ftruncate" => Some(Deed::Resize { path: call.file()?, size: call.number_from_end(0) }),
            "fallocate" => {
                let size = call.number_from_end(1) + call.number_from_end(0);
                Some(Deed::Resize { path: call.file()?, size })
            }
            "fsync" | "fdatasync" => Some(Deed::Sync(call.file()?)),
            "rename" | "renameat" | "renameat2" => {
                let [from, to] = <[PathBuf; 2]>::try_from(call.names()).ok()?;
                Some(Deed::Rename(from, to))
            }
            "unlink" | "unlinkat" => call.names().into_iter().next().map(Deed::Remove),
            "mkdir" | "mkdirat" => call.names().into_iter().next().map(Deed::MakeFolder),
            _ => None,
        }
    }

    fn open(&mut self, call: &Parsed<'_>) -> Option<Deed> {
        let descriptor = u32::try_from(call.result?).ok()?;
        self.positions.insert(descriptor, 0);
        let path = call.result_file()?;
        if call.says("O_TRUNC") {
            return Some(Deed::Resize { path, size: 0 });
        }
        call.says("O_CREAT").then_some(Deed::Create(path))
    }

    fn receive(&mut self, call: &Parsed<'_>) -> Option<Deed> {
        if call.file().is_some() {
            *self.positions.entry(call.descriptor()?).or_default() += call.done();
            return None;
        }
        (call.done() > 0).then(|| call.channel().map(|channel| Deed::Receive { channel }))?
    }

    fn send(&mut self, call: &Parsed<'_>) -> Option<Deed> {
        let Some(path) = call.file() else {
            return Some(Deed::Send { channel: call.channel()?, bytes: call.bytes() });
        };
        let position = self.positions.entry(call.descriptor()?).or_default();
        let offset = *position;
        *position += call.done();
        Some(Deed::Write { path, offset, bytes: call.bytes() })
    }
}
