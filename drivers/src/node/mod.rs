//! The life of a device node that gives reports or events: hidraw and evdev.
//!
//! In: a node and the protocol that is spoken on it. Out: events. A node is opened for us alone, read until it is
//! gone, closed at once, and taken back when it returns. A node that is gone is seen by poll (ERR and HUP) and by
//! reads that fail with EIO (hidraw) or ENODEV (evdev). Never: a loop that spins.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, sleep_until};
use zeroize::{Zeroize, Zeroizing};

use crate::hotplug::Hotplug;
use crate::serial::open::{self, OpenError};
use crate::serial::{Complaints, FrameRate, Outlet, PAUSE, Stopped};
use crate::{Assignment, DeviceEvent, DeviceSettings};

/// Linux gives no longer report (`HID_MAX_BUFFER_SIZE`), and events by as many as there is room for.
const READ_BYTES: usize = 16 * 1024;

/// An idle node is asked so often whether it is still there, should its hang-up have been missed.
const HEALTH_CHECK: Duration = Duration::from_secs(1);

/// What is spoken on a node.
pub(crate) trait Protocol: Send {
    /// Takes an open node into use: what is it, and what does it want to hear first?
    fn attach(&mut self, node: &Arc<OwnedFd>, path: &Path) -> Result<Attached, OpenError>;

    /// Takes what one read gave. What it returns is written to the device.
    fn read(&mut self, bytes: &[u8], events: &mut Vec<DeviceEvent>) -> Option<Vec<u8>>;

    /// How long the device must be quiet until [`Self::quiet`] is wanted, while something waits for it.
    fn gap(&self) -> Option<Duration>;

    /// The device was quiet: what waits is whole.
    fn quiet(&mut self, events: &mut Vec<DeviceEvent>);

    /// The node is gone: lets go of it, and of what was under way.
    fn detach(&mut self, events: &mut Vec<DeviceEvent>);
}

/// A node that is in use.
pub(crate) struct Attached {
    /// What it is, for people.
    pub(crate) detail: String,
    /// Reports to write before anything is read.
    pub(crate) first: Vec<Vec<u8>>,
}

/// Serves a device until it is told to stop.
pub(crate) async fn serve(assignment: Assignment, mut protocol: Box<dyn Protocol>) {
    let Assignment { settings, events, stop, .. } = assignment;
    let outlet = Outlet { events, stop };
    while let Ok((node, attached)) = wait_for_node(&settings, protocol.as_mut(), &outlet).await {
        let end = session(node, attached, &settings, protocol.as_mut(), &outlet).await;
        // Before anything is awaited: an open handle keeps the device's number taken.
        let mut events = Vec::new();
        protocol.detach(&mut events);
        let Ok(reason) = end else { return };
        let hint = "plug it in again; tillgate takes it back by itself".to_owned();
        events.push(DeviceEvent::Disconnected { reason, hint });
        if deliver(&outlet, events).await.is_err()
            || outlet.unless_stopped(sleep(PAUSE)).await.is_err()
        {
            return;
        }
    }
}

/// Waits until the node can be used. Says why it cannot whenever the reason changes.
async fn wait_for_node(
    settings: &DeviceSettings,
    protocol: &mut dyn Protocol,
    outlet: &Outlet,
) -> Result<(AsyncFd<Arc<OwnedFd>>, Attached), Stopped> {
    // Before the first look: what comes after it is heard.
    let mut hotplug = Hotplug::listen();
    let mut complaints = Complaints::default();
    loop {
        let problem = match outlet.unless_stopped(open_and_attach(settings, protocol)).await? {
            Ok(usable) => return Ok(usable),
            Err(problem) => problem,
        };
        // Whatever the protocol holds of the node would keep it open.
        protocol.detach(&mut Vec::new());
        let news = complaints.is_news(&problem, Instant::now());
        let retry = Complaints::retry(&problem);
        if news {
            outlet.send(open::explain(settings, problem).await).await?;
        }
        outlet.unless_stopped(hotplug.wait(retry)).await?;
    }
}

async fn open_and_attach(
    settings: &DeviceSettings,
    protocol: &mut dyn Protocol,
) -> Result<(AsyncFd<Arc<OwnedFd>>, Attached), OpenError> {
    open::look_at(settings)?;
    let wanted = settings.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let path = open::locate(&wanted)?;
        Ok((open_now(&path)?, path))
    });
    let (node, path): (OwnedFd, PathBuf) = opened.await.map_err(|error| failed(&error))??;
    let node = Arc::new(node);
    let mut attached = protocol.attach(&node, &path)?;
    attached.detail = format!("{}, {}", path.display(), attached.detail);
    #[expect(
        deprecated,
        reason = "its successor wants a promise from its caller; an OwnedFd keeps it by itself: it closes when dropped"
    )]
    let node = AsyncFd::new(node).map_err(|error| failed(&error))?;
    Ok((node, attached))
}

/// Opens a node for us alone: hidraw has no grab, so that a lock keeps out those who ask for one.
fn open_now(path: &Path) -> Result<OwnedFd, OpenError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let node = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOENT | Errno::NXIO | Errno::NODEV => OpenError::Missing,
        Errno::ACCESS | Errno::PERM => OpenError::Denied,
        Errno::BUSY => OpenError::Busy,
        error => failed(&error),
    })?;
    match rustix::fs::flock(&node, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(node),
        Err(Errno::WOULDBLOCK) => Err(OpenError::Busy),
        Err(error) => Err(failed(&error)),
    }
}

/// Anything that has no name of its own.
pub(crate) fn failed(error: &dyn std::error::Error) -> OpenError {
    OpenError::Failed { reason: error.to_string() }
}

/// Reads until the node is gone, and says what was seen then, or the driver is told to stop.
async fn session(
    node: AsyncFd<Arc<OwnedFd>>,
    attached: Attached,
    settings: &DeviceSettings,
    protocol: &mut dyn Protocol,
    outlet: &Outlet,
) -> Result<String, Stopped> {
    for report in attached.first {
        if let Err(error) = write(&node, report).await {
            return Ok(format!("the device does not take the report that makes it scan ({error})"));
        }
    }
    outlet.send(DeviceEvent::Connected { detail: attached.detail }).await?;
    let mut rate = FrameRate::new(settings.frames_per_second_max, Instant::now());
    let mut chunk = Zeroizing::new(vec![0; READ_BYTES]);
    let mut quiet_since = Instant::now();
    loop {
        let quiet_at = protocol.gap().map(|gap| quiet_since + gap);
        let step = step(&node, quiet_at, outlet, &mut chunk).await?;
        let mut events = Vec::new();
        let answer = match step {
            Step::Read(Err(error)) => return Ok(format!("{UNPLUGGED} ({error})")),
            Step::Read(Ok(0)) => return Ok(UNPLUGGED.to_owned()),
            Step::Read(Ok(length)) => {
                quiet_since = Instant::now();
                let bytes = chunk.get_mut(..length).unwrap_or_default();
                let answer = protocol.read(bytes, &mut events);
                bytes.zeroize();
                answer
            }
            Step::Quiet => {
                // What still waits then waits anew: never at once again.
                quiet_since = Instant::now();
                protocol.quiet(&mut events);
                None
            }
            Step::Idle if is_gone(&node) => return Ok(UNPLUGGED.to_owned()),
            Step::Idle => None,
        };
        if let Some(answer) = answer
            && let Err(error) = write(&node, answer).await
        {
            return Ok(format!("{UNPLUGGED} ({error})"));
        }
        throttle(&mut rate, events, outlet).await?;
    }
}

const UNPLUGGED: &str = "the device is gone: unplugged or without power";

/// What happened next on the node.
enum Step {
    Read(io::Result<usize>),
    Quiet,
    Idle,
}

async fn step(
    node: &AsyncFd<Arc<OwnedFd>>,
    quiet_at: Option<Instant>,
    outlet: &Outlet,
    chunk: &mut [u8],
) -> Result<Step, Stopped> {
    let quiet = async {
        match quiet_at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = outlet.stop.cancelled() => Err(Stopped),
        read = read(node, chunk) => Ok(Step::Read(read)),
        () = quiet => Ok(Step::Quiet),
        () = sleep(HEALTH_CHECK) => Ok(Step::Idle),
    }
}

async fn read(node: &AsyncFd<Arc<OwnedFd>>, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = node.readable().await?;
        let tried = ready.try_io(|node| Ok(rustix::io::read(node.get_ref(), &mut *chunk)?));
        match tried {
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(result) => return result,
            Err(_) => {}
        }
    }
}

/// On a thread of its own: a device that does not listen keeps its writer waiting for seconds.
async fn write(node: &AsyncFd<Arc<OwnedFd>>, report: Vec<u8>) -> io::Result<()> {
    let node = Arc::clone(node.get_ref());
    let written = tokio::task::spawn_blocking(move || rustix::io::write(&*node, &report)).await;
    written.map_err(io::Error::other)??;
    Ok(())
}

fn is_gone(node: &AsyncFd<Arc<OwnedFd>>) -> bool {
    let mut asked = [PollFd::new(node.get_ref(), PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&now)).is_ok()
        && asked.iter().any(|one| one.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

/// Delivers events, and waits where a device sends more than anyone can scan.
pub(crate) async fn throttle(
    rate: &mut FrameRate,
    mut events: Vec<DeviceEvent>,
    outlet: &Outlet,
) -> Result<(), Stopped> {
    // Reports and keys say nothing by their bytes: a code of a few digits has thousands.
    let flood = rate.count(u32::try_from(events.len()).unwrap_or(u32::MAX), 0, Instant::now());
    let pause = flood.as_ref().map(|flood| flood.pause);
    events.extend(flood.and_then(|flood| flood.news));
    deliver(outlet, events).await?;
    match pause {
        Some(pause) => outlet.unless_stopped(sleep(pause)).await,
        None => Ok(()),
    }
}

async fn deliver(outlet: &Outlet, events: Vec<DeviceEvent>) -> Result<(), Stopped> {
    for event in events {
        outlet.send(event).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
