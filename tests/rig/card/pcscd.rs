//! A pcscd that nobody else sees: its socket lies in a `/run` of its own, which the test reaches through `/proc`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tillgate_tests::deadline::until;
use tillgate_tests::ports;
use tillgate_tests::process::{Process, command, is_root};

/// The driver of virtual readers, of the package vsmartcard-vpcd.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// A pcscd with two readers, `Virtual PCD 00 00` and `Virtual PCD 00 01`, or none.
pub(crate) struct Pcscd {
    process: Process,
    folder: PathBuf,
    port: u16,
}

impl Pcscd {
    /// Starts one; what it needs lies below `folder`.
    pub(crate) fn start(folder: &Path, readers: bool) -> Self {
        assert!(
            Path::new(DRIVER).exists(),
            "install pcscd and vsmartcard-vpcd: {DRIVER} is missing"
        );
        let folder = folder.join("pcscd");
        let port = ports::free();
        let process = launch(&folder, readers.then_some(port));
        Self { process, folder, port }
    }

    /// Where its socket is, through all its lives.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Where a card is put on the first reader.
    pub(crate) fn reader_port(&self) -> u16 {
        self.port
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, with readers.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.folder, Some(self.port));
    }
}

fn launch(folder: &Path, port: Option<u16>) -> Process {
    let configuration = folder.join("readers");
    fs::create_dir_all(&configuration).expect("a folder");
    if let Some(port) = port {
        let reader = format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x{port:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{port:X}\n"
        );
        fs::write(configuration.join("vpcd"), reader).expect("a reader's configuration");
    }
    let mut own_run = command("unshare");
    if !is_root() {
        own_run.args(["--user", "--map-root-user"]);
    }
    let start = "mount -t tmpfs tillgate-test /run && exec pcscd --foreground --config \"$0\"";
    own_run.args(["--mount", "--", "sh", "-c", start]).arg(&configuration);
    let process = Process::start(own_run, &folder.join("pcscd.log"));
    let socket = PathBuf::from(format!("/proc/{}/root/run/pcscd/pcscd.comm", process.id()));
    until(30, "pcscd listens", || socket.exists());
    let name = folder.join("socket");
    let _ = fs::remove_file(&name);
    symlink(&socket, &name).expect("a name for the socket");
    process
}
