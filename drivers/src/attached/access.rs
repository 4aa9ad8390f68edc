//! Whether a device can be opened, and if not, why and what to do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::sysfs::names;
use super::{AttachedDevice, NodeKind, Roots, devices, role};

/// Whether a device can be opened now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It can.
    Free,
    /// A program has it open.
    Held {
        /// Its name and process number.
        by: String,
    },
    /// This user may not.
    Denied {
        /// What to do.
        hint: String,
    },
}

/// The user and group that the shipped files make for the daemon.
const ACCOUNT: &str = "tillgate";

/// Whether `port` can be opened now: by this user; for root, who may open everything, by the daemon's user, where the
/// machine has one. A program of another user that holds it can only be seen by root.
#[must_use]
pub fn access(roots: &Roots, port: &Path) -> Access {
    let both = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    let denied = rustix::fs::access(port, both) == Err(rustix::io::Errno::ACCESS);
    let is_root = rustix::process::geteuid().is_root();
    if denied || is_root && account_may_open(&roots.etc, port) == Some(false) {
        return Access::Denied { hint: denied_hint(roots, port) };
    }
    match holder(&roots.proc, port) {
        Some(by) => Access::Held { by },
        None => Access::Free,
    }
}

/// What to do about a port that belongs to somebody else.
#[must_use]
pub fn denied_hint(roots: &Roots, port: &Path) -> String {
    let device = devices(roots).into_iter().find(|device| device.is_at(port));
    let name = port.file_name().unwrap_or_default().to_string_lossy();
    let rules = match device.as_ref().and_then(rule) {
        // A port of the board cannot be plugged in again.
        _ if ["ttyS", "ttyAMA"].iter().any(|board| name.starts_with(board)) => format!(
            "write `SUBSYSTEM==\"tty\", KERNEL==\"{name}\", GROUP=\"{ACCOUNT}\", MODE=\"0660\"` into \
             /etc/udev/rules.d/61-tillgate-devices.rules, and run `sudo udevadm control --reload` and \
             `sudo udevadm trigger /dev/{name}`"
        ),
        Some(rule) => format!(
            "write `{rule}` into /etc/udev/rules.d/61-tillgate-devices.rules, run `sudo udevadm control --reload`, \
             and plug the device in again"
        ),
        None => {
            "install 60-tillgate.rules in /etc/udev/rules.d, run `sudo udevadm control --reload`, and plug the device in \
             again"
                .to_owned()
        }
    };
    let Ok(node) = fs::metadata(port) else { return rules };
    let for_group = node.mode() & 0o060 == 0o060;
    // Who is in the group of input devices can read what everybody types.
    let one_device = device.is_none_or(|device| device.kind != NodeKind::Evdev);
    match group_name(&roots.etc, node.gid()) {
        Some(group) if for_group && one_device && group != "root" => format!(
            "it belongs to group {group}: `sudo usermod -aG {group} USER` with the user that runs tillgate, then \
             start tillgate anew; or {rules}"
        ),
        _ => format!("only root may open it: {rules}"),
    }
}

/// The udev rule that gives a device to the daemon. None where 60-tillgate.rules has one already.
fn rule(device: &AttachedDevice) -> Option<String> {
    let subsystem = match device.kind {
        NodeKind::Serial => return None,
        NodeKind::Hidraw => "SUBSYSTEM==\"hidraw\"",
        NodeKind::Evdev => "SUBSYSTEM==\"input\", KERNEL==\"event[0-9]*\"",
    };
    let identity = device.identity.as_ref()?;
    if identity.on_usb && role::is_served_by_rules(identity.usb.vendor) {
        return None;
    }
    let (vendor, product) = (identity.usb.vendor, identity.usb.product);
    let which = match device.kind {
        _ if identity.on_usb => {
            format!("ATTRS{{idVendor}}==\"{vendor:04x}\", ATTRS{{idProduct}}==\"{product:04x}\"")
        }
        NodeKind::Evdev => {
            format!("ATTRS{{id/vendor}}==\"{vendor:04x}\", ATTRS{{id/product}}==\"{product:04x}\"")
        }
        _ => format!("KERNELS==\"*:{vendor:04X}:{product:04X}.*\""),
    };
    Some(format!("{subsystem}, {which}, GROUP=\"{ACCOUNT}\", MODE=\"0660\""))
}

/// Whether the daemon's user may open `port`, by owner, groups and mode. None where there is no such user.
fn account_may_open(etc: &Path, port: &Path) -> Option<bool> {
    let accounts = fs::read_to_string(etc.join("passwd")).ok()?;
    // `name:password:UID:GID:…` (passwd(5))
    let mut fields = accounts
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(ACCOUNT)).then_some(fields))?;
    let uid: u32 = fields.nth(1)?.parse().ok()?;
    let gid: u32 = fields.next()?.parse().ok()?;
    let node = fs::metadata(port).ok()?;
    let in_group = || node.gid() == gid || is_member(etc, node.gid());
    let bits = match () {
        () if node.uid() == uid => node.mode() >> 6,
        () if in_group() => node.mode() >> 3,
        () => node.mode(),
    };
    Some(bits & 0o6 == 0o6)
}

/// `group_name:password:GID:user_list` (group(5)).
fn is_member(etc: &Path, gid: u32) -> bool {
    let groups = fs::read_to_string(etc.join("group")).unwrap_or_default();
    groups.lines().any(|line| {
        let mut fields = line.split(':').skip(2);
        let same = fields.next().and_then(|id| id.parse().ok()) == Some(gid);
        same && fields.next().is_some_and(|users| users.split(',').any(|user| user == ACCOUNT))
    })
}

fn group_name(etc: &Path, gid: u32) -> Option<String> {
    let groups = fs::read_to_string(etc.join("group")).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// The program that has `port` open.
pub(crate) fn holder(proc: &Path, port: &Path) -> Option<String> {
    let node = fs::canonicalize(port).ok()?;
    names(proc).filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).find_map(|process| {
        let handles = proc.join(&process).join("fd");
        let holds = names(&handles)
            .any(|handle| fs::read_link(handles.join(handle)).is_ok_and(|open| open == node));
        holds.then(|| {
            let name = fs::read_to_string(proc.join(&process).join("comm")).unwrap_or_default();
            format!("{} (process {process})", name.trim())
        })
    })
}
