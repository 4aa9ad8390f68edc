//! The kernel's word that devices came or went, so that one that is plugged in again is opened at once.
//!
//! In: uevents over netlink, from the kernel and, where it runs, from udevd after its rules, which is when links and
//! permissions are there. Out: the moment to look. What a message says of a device is not relied upon: it only says
//! that looking is worth while. Never: the only way to notice a device. The socket may not be allowed, and may lose
//! messages, so that whoever waits here looks now and then all the same.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// Of the kernel, and of udevd (`UDEV_MONITOR_KERNEL` and `UDEV_MONITOR_UDEV`).
const GROUPS: u32 = 1 | 2;

/// The kernel's messages have at most 2 KiB (`UEVENT_BUFFER_SIZE`), udevd's some more.
const MESSAGE_BYTES: usize = 16 * 1024;

/// One device makes a dozen messages within a moment.
const SETTLE: Duration = Duration::from_millis(50);

/// In which subsystems our devices are.
const SUBSYSTEMS: [&[u8]; 3] = [b"SUBSYSTEM=tty", b"SUBSYSTEM=hidraw", b"SUBSYSTEM=input"];

/// Listens for devices as long as it lives.
pub(crate) struct Hotplug {
    socket: Option<AsyncFd<OwnedFd>>,
}

impl Hotplug {
    /// Listens from now on. Where the machine does not allow it, [`Self::wait`] is a pause.
    pub(crate) fn listen() -> Self {
        Self::over(netlink())
    }

    fn over(socket: Result<OwnedFd, Errno>) -> Self {
        #[expect(
            deprecated,
            reason = "its successor wants a promise from its caller; an OwnedFd keeps it by itself: it closes when dropped"
        )]
        let socket = socket.ok().and_then(|socket| AsyncFd::new(socket).ok());
        Self { socket }
    }

    /// Waits until a device came or went, at most so long.
    pub(crate) async fn wait(&mut self, at_most: Duration) {
        tokio::select! {
            () = self.changed() => {}
            () = sleep(at_most) => {}
        }
    }

    async fn changed(&mut self) {
        loop {
            let Some(socket) = &self.socket else { return std::future::pending().await };
            let heard = heard(socket).await;
            match heard {
                Ok(true) => break,
                Ok(false) => {}
                Err(_) => self.socket = None,
            }
        }
        sleep(SETTLE).await;
    }
}

fn netlink() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = SocketType::DGRAM;
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, Some(KOBJECT_UEVENT))?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// Takes all messages that are there, and says whether one was worth a look.
async fn heard(socket: &AsyncFd<OwnedFd>) -> Result<bool, Errno> {
    let Ok(mut ready) = socket.readable().await else { return Err(Errno::BADF) };
    let mut buffer = [0; MESSAGE_BYTES];
    let mut worth_a_look = false;
    loop {
        match rustix::net::recv(socket.get_ref(), &mut buffer[..], RecvFlags::empty()) {
            // Nobody sends empty messages: the other end is closed.
            Ok((_, 0)) => return Err(Errno::PIPE),
            Ok((_, length)) => worth_a_look |= concerns_us(buffer.get(..length).unwrap_or(&buffer)),
            Err(Errno::AGAIN) => {
                ready.clear_ready();
                return Ok(worth_a_look);
            }
            Err(Errno::INTR) => {}
            // More came than the socket holds: whatever it was, it may have been our device.
            Err(Errno::NOBUFS) => worth_a_look = true,
            Err(error) => return Err(error),
        }
    }
}

/// Both kinds of message hold `KEY=value`, each ended by a zero byte; udevd's begin with a binary header.
fn concerns_us(message: &[u8]) -> bool {
    let mut pairs = message.split(|byte| *byte == 0);
    pairs.any(|pair| SUBSYSTEMS.iter().any(|subsystem| pair.ends_with(subsystem)))
}

#[cfg(test)]
mod tests {
    use rustix::net::SendFlags;
    use tokio::time::{Instant, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A socket that gets what a test says instead of what the kernel says.
    fn pair() -> (Hotplug, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
        (Hotplug::over(Ok(ours)), theirs)
    }

    fn say(socket: &OwnedFd, message: &[u8]) {
        rustix::net::send(socket, message, SendFlags::empty()).unwrap();
    }

    const OF_KERNEL: &[u8] =
        b"add@/devices/pci/usb1/1-1/1-1:1.0/tty/ttyACM0\0ACTION=add\0SUBSYSTEM=tty\0DEVNAME=ttyACM0\0SEQNUM=9\0";
    const OF_ANOTHER: &[u8] =
        b"change@/devices/virtual/block/dm-0\0ACTION=change\0SUBSYSTEM=block\0";

    #[test]
    fn messages_of_kernel_and_udevd_are_known() {
        let mut of_udevd = b"libudev\0\xfe\xed\xca\xfe".to_vec();
        of_udevd.extend([40, 0, 0, 0, 40, 0, 0, 0, 90, 0, 0, 0, 1, 2, 3, 4]);
        of_udevd.extend(b"SUBSYSTEM=hidraw\0ACTION=add\0");
        assert!(concerns_us(OF_KERNEL) && concerns_us(&of_udevd));
        for other in [OF_ANOTHER, b"", b"\0\0", b"SUBSYSTEM=ttyx\0"] {
            assert!(!concerns_us(other), "{}", other.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_device_ends_the_wait_and_others_do_not() {
        let (mut hotplug, kernel) = pair();
        say(&kernel, OF_ANOTHER);
        let nothing = timeout(Duration::from_millis(200), hotplug.wait(LONG)).await;
        assert!(nothing.is_err(), "a disk is no scanner");
        say(&kernel, OF_ANOTHER);
        say(&kernel, OF_KERNEL);
        timeout(Duration::from_secs(5), hotplug.wait(LONG)).await.unwrap();
        let heard_all = timeout(Duration::from_millis(200), hotplug.wait(LONG)).await;
        assert!(heard_all.is_err(), "messages are taken once");
    }

    #[tokio::test]
    async fn without_a_socket_a_wait_is_a_pause() {
        let (mut hotplug, kernel) = pair();
        say(&kernel, b"");
        for mut hotplug in [Hotplug::over(Err(Errno::AFNOSUPPORT)), Hotplug::over(Ok(kernel))] {
            let start = Instant::now();
            hotplug.wait(Duration::from_millis(50)).await;
            assert!(start.elapsed() >= Duration::from_millis(50));
        }
        let start = Instant::now();
        hotplug.wait(Duration::from_millis(50)).await;
        assert!(start.elapsed() >= Duration::from_millis(50) && hotplug.socket.is_none());
    }

    #[tokio::test]
    async fn the_kernel_s_own_messages_are_heard() {
        let mut hotplug = Hotplug::listen();
        // The kernel repeats its message of a device for whoever writes here (`sysfs-uevent` of its documentation).
        let asked = std::fs::write("/sys/class/tty/tty0/uevent", "change");
        if asked.is_err() || hotplug.socket.is_none() {
            println!("skipped: this machine does not let us ask, or listen");
            return hotplug.wait(Duration::from_millis(10)).await;
        }
        timeout(Duration::from_secs(5), hotplug.wait(LONG)).await.unwrap();
    }
}
