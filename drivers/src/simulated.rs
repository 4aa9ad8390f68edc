//! A device that is not there: one end of a pseudo terminal is the port that a driver opens, the other end sends what
//! a scanner or reader would. For demonstrations and tests. To a driver nothing is different from a real port.

pub mod machine;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::time::sleep;

/// The port's buffer is full: a real device would be waiting for its turn on the cable about as long.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// A simulated device. Dropping it is unplugging it.
pub struct SimulatedDevice {
    device: OwnedFd,
    port: PathBuf,
}

impl SimulatedDevice {
    /// Plugs a device in.
    ///
    /// # Errors
    /// When the machine gives no pseudo terminal.
    pub fn plug_in() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let device = openpt(flags)?;
        grantpt(&device)?;
        unlockpt(&device)?;
        let port = PathBuf::from(OsString::from_vec(ptsname(&device, Vec::new())?.into_bytes()));
        // A pseudo terminal begins as a teletype that echoes and turns CR into LF, until a driver opens it.
        let mut settings = tcgetattr(&device)?;
        settings.make_raw();
        tcsetattr(&device, OptionalActions::Now, &settings)?;
        rustix::fs::fcntl_setfl(&device, rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { device, port })
    }

    /// The port for a driver.
    #[must_use]
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// Sends a barcode, ended by CR LF.
    ///
    /// # Errors
    /// When the port is gone.
    pub async fn scan(&self, code: &str) -> io::Result<()> {
        self.send(format!("{code}\r\n").as_bytes()).await
    }

    /// Sends the tracks of a card, a line each. The tracks of tests and demonstrations hold public test numbers only.
    ///
    /// # Errors
    /// When the port is gone.
    pub async fn swipe(&self, tracks: &[&str]) -> io::Result<()> {
        for track in tracks {
            self.send(format!("{track}\r").as_bytes()).await?;
        }
        Ok(())
    }

    /// What the driver sent since the last call. Waits for something to come.
    ///
    /// # Errors
    /// When the driver has closed the port.
    pub async fn heard(&self) -> io::Result<Vec<u8>> {
        let mut bytes = [0; 1024];
        loop {
            match rustix::io::read(&self.device, &mut bytes) {
                Ok(length) => return Ok(bytes.get(..length).unwrap_or_default().to_vec()),
                Err(Errno::AGAIN) => sleep(FULL_PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends bytes as they are. Waits while the driver does not read, as a device with flow control does.
    ///
    /// # Errors
    /// When the port is gone.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&self.device, rest) {
                Ok(length) => rest = rest.get(length..).unwrap_or_default(),
                Err(Errno::AGAIN) => sleep(FULL_PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
