//! A device of a lane: the far end of a serial line. The gateway sees a serial port, the test sends what a scanner or a
//! reader would send.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr};

/// A serial line with a name in the file system.
#[derive(Debug)]
pub struct Line {
    link: PathBuf,
    device: File,
    port: File,
}

impl Line {
    /// A line whose gateway end is called `link`, as a link below `/dev/serial/by-id` would be.
    ///
    /// # Panics
    ///
    /// When the kernel has no pseudo terminals.
    #[must_use]
    pub fn open(link: &Path) -> Self {
        let (device, port) = pair(link);
        Self { link: link.to_owned(), device, port }
    }

    /// The gateway's end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// The device sends bytes.
    ///
    /// # Panics
    ///
    /// When the line is gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A gateway that was killed cannot give up its exclusive use, and this test holds the port open: without this
        // the next gateway would find it busy.
        let _ = ioctl_tiocnxcl(&self.port);
        self.device.write_all(bytes.as_ref()).expect("the device's line");
    }

    /// The cable is pulled.
    pub fn unplug(self) -> PathBuf {
        let _ = fs::remove_file(&self.link);
        self.link
    }
}

fn pair(link: &Path) -> (File, File) {
    // Without CLOEXEC the gateway would inherit the device's end, and a device that is pulled would stay.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let device: OwnedFd = openpt(flags).expect("a pseudo terminal");
    grantpt(&device).expect("a pseudo terminal");
    unlockpt(&device).expect("a pseudo terminal");
    let name = ptsname(&device, Vec::new()).expect("a pseudo terminal");
    let name = name.to_str().expect("a plain name");
    let port = OpenOptions::new().read(true).write(true).open(name).expect("the port");
    // Until the gateway sets the line up itself, nothing may be echoed to the device or translated.
    let mut settings = tcgetattr(&port).expect("the line's settings");
    settings.make_raw();
    tcsetattr(&port, OptionalActions::Now, &settings).expect("the line's settings");
    let _ = fs::remove_file(link);
    std::os::unix::fs::symlink(name, link).expect("a link to the port");
    (File::from(device), port)
}
