//! The life of a serial port: wait for it, open it, read it until it is gone, close it at once, and again.
//!
//! Closing at once matters: while an old handle is open, the kernel gives the device another number when it comes
//! back. Never: a loop that spins. Each turn waits for the kernel's word that a device came, or a while.

mod dialogue;
pub(crate) mod open;
pub(crate) mod scale;
mod session;
mod ssi;

use std::future::Future;
use std::mem::{self, Discriminant};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use crate::hotplug::Hotplug;
use crate::{Assignment, DeviceEvent, DeviceSettings};
pub(crate) use dialogue::{Decoder, Dialogue, Lines};
use open::OpenError;
pub(crate) use session::FrameRate;
use session::{End, Session};
pub(crate) use ssi::SsiDialogue;

/// A port that was lost is not looked for at once: a loose plug would keep us busy.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);

/// Without a word of the kernel the port is looked for so often, so that a device that is plugged in again is there
/// within two seconds all the same.
const RESCAN: Duration = Duration::from_secs(1);

/// udev gives a new node to its group a moment after the kernel has made it.
const RETRY_DENIED: Duration = Duration::from_millis(250);

/// The node of a device appears a moment before udev gives it its group and mode.
const DENIED_GRACE: Duration = Duration::from_secs(2);

/// Serves a device until it is told to stop.
pub(crate) async fn serve(assignment: Assignment, mut dialogue: Box<dyn Dialogue>) {
    let Assignment { settings, events, stop, .. } = assignment;
    let outlet = Outlet { events, stop };
    while let Ok((port, node)) = wait_for_port(&settings, &outlet).await {
        let session = Session::new(port, &settings, dialogue.as_mut());
        let opened = DeviceEvent::Connected { detail: detail(&settings, &node) };
        if outlet.send(opened).await.is_err() {
            return;
        }
        let end = session.run(&outlet).await;
        let End::Lost { reason } = end else { return };
        let gone = DeviceEvent::Disconnected {
            reason,
            hint: "plug it in again; tillgate takes it back by itself".to_owned(),
        };
        if outlet.send(gone).await.is_err() || outlet.unless_stopped(sleep(PAUSE)).await.is_err() {
            return;
        }
    }
}

fn detail(settings: &DeviceSettings, port: &Path) -> String {
    let node = std::fs::canonicalize(port).ok().filter(|node| node != port);
    let behind = node.map(|node| format!(" ({})", node.display())).unwrap_or_default();
    format!("{}{behind}, {} {}", port.display(), settings.baud, settings.line)
}

/// Waits until the port can be opened. Says why it cannot whenever the reason changes.
async fn wait_for_port(
    settings: &DeviceSettings,
    outlet: &Outlet,
) -> Result<(SerialStream, PathBuf), Stopped> {
    // Before the first look: what comes after it is heard.
    let mut hotplug = Hotplug::listen();
    let mut complaints = Complaints::default();
    loop {
        let problem = match outlet.unless_stopped(open::open(settings)).await? {
            Ok(port) => return Ok(port),
            Err(problem) => problem,
        };
        let news = complaints.is_news(&problem, Instant::now());
        let retry = Complaints::retry(&problem);
        if news {
            outlet.send(open::explain(settings, problem).await).await?;
        }
        outlet.unless_stopped(hotplug.wait(retry)).await?;
    }
}

/// Which problem with a port is worth saying.
#[derive(Default)]
pub(crate) struct Complaints {
    told: Option<Discriminant<OpenError>>,
    denied_since: Option<Instant>,
}

impl Complaints {
    pub(crate) fn is_news(&mut self, problem: &OpenError, now: Instant) -> bool {
        if !matches!(problem, OpenError::Denied) {
            self.denied_since = None;
        } else if now - *self.denied_since.get_or_insert(now) < DENIED_GRACE {
            return false;
        }
        let kind = mem::discriminant(problem);
        self.told.replace(kind) != Some(kind)
    }

    /// When to look again.
    pub(crate) fn retry(problem: &OpenError) -> Duration {
        match problem {
            OpenError::Denied => RETRY_DENIED,
            _ => RESCAN,
        }
    }
}

/// The driver was told to stop, or nobody takes its events any more.
pub(crate) struct Stopped;

/// Where events go. Every wait on it ends when the driver is told to stop.
pub(crate) struct Outlet {
    pub(crate) events: mpsc::Sender<DeviceEvent>,
    pub(crate) stop: CancellationToken,
}

impl Outlet {
    /// Waits for room: meanwhile the device is not read.
    pub(crate) async fn send(&self, event: DeviceEvent) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            sent = self.events.send(event) => sent.map_err(|_| Stopped),
            () = self.stop.cancelled() => Err(Stopped),
        }
    }

    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            done = work => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_and_again_after_another() {
        let now = Instant::now();
        let mut complaints = Complaints::default();
        assert!(complaints.is_news(&OpenError::Missing, now));
        assert!(!complaints.is_news(&OpenError::Missing, now));
        assert!(complaints.is_news(&OpenError::Busy, now));
        assert!(complaints.is_news(&OpenError::Missing, now));
    }

    #[test]
    fn a_port_that_udev_has_not_handed_over_yet_is_no_news() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut complaints = Complaints::default();
        assert!(!complaints.is_news(&OpenError::Denied, at(0)));
        assert!(!complaints.is_news(&OpenError::Denied, at(1999)));
        assert!(complaints.is_news(&OpenError::Denied, at(2000)));
        assert!(!complaints.is_news(&OpenError::Denied, at(9000)));
        assert!(complaints.is_news(&OpenError::Missing, at(9250)));
        assert!(!complaints.is_news(&OpenError::Denied, at(9500)), "a new node, a new grace");
    }
}
