//! Whether this user can open a port, and if not, why and what to do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Roots, names};

/// Whether a port can be opened now.
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

/// Whether this user can open `port` now. A program of another user that holds it can only be seen by root.
#[must_use]
pub fn access(roots: &Roots, port: &Path) -> Access {
    let both = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    if rustix::fs::access(port, both) == Err(rustix::io::Errno::ACCESS) {
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
    let rules = "install 60-tillgate.rules in /etc/udev/rules.d and plug the device in again";
    let Ok(node) = fs::metadata(port) else { return rules.to_owned() };
    let for_group = node.mode() & 0o060 == 0o060;
    match group_name(&roots.etc, node.gid()) {
        Some(group) if for_group && group != "root" => format!(
            "it belongs to group {group}: `sudo usermod -aG {group} USER` with the user that runs tillgate, then \
             start tillgate anew; or {rules}"
        ),
        _ => format!("only root may open it: {rules}"),
    }
}

/// `group_name:password:GID:user_list` (group(5)).
fn group_name(etc: &Path, gid: u32) -> Option<String> {
    let groups = fs::read_to_string(etc.join("group")).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// The program that has `port` open.
fn holder(proc: &Path, port: &Path) -> Option<String> {
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
