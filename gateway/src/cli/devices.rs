//! `tillgate devices`: what is attached, what it probably is, and the configuration lines that would use it.
//!
//! Out on stdout: lines to append to the configuration, with comments that say what each device is and what hinders its
//! use; or one JSON object a device. Where there is a configuration, also what its devices lead to. Never: an open
//! node. Looking at a scanner must not disturb it.

mod block;
mod json;
mod text;

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tillgate_drivers::attached::{
    self, Access, AttachedDevice, NotOne, Role, Roots, access, instead_of, not_one,
};

use super::config_file::{ConfigFile, USUAL_FILE};
use super::style::Style;
use crate::config::{Config, Device};
use crate::source::lanes;
use block::Block;

/// Lists the attached scanners and readers with the configuration lines that would use them.
///
/// Serial ports, HID devices and keyboards are shown with what they probably are. Nothing is opened or changed. Which
/// lane a device belongs to is for you to set right. Devices that the configuration names are looked for, and where
/// one is not there, or several are meant, the candidates are listed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate devices
  tillgate devices >> /etc/tillgate/tillgate.toml
  tillgate devices --json | jq 'select(.access == \"denied\")'

Exit codes: 0 listed, even where nothing is attached, 1 it failed, 78 no such configuration.")]
pub struct DevicesArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object a device, also of those that are neither scanner nor reader.
    #[arg(long)]
    json: bool,
    /// Where dev, sys, proc and etc are found.
    #[arg(long, hide = true, default_value = "/", value_name = "DIRECTORY")]
    root: PathBuf,
}

/// Runs the command. The answer is the exit code.
///
/// # Errors
/// When `out` takes nothing.
pub fn run(args: &DevicesArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let survey = Survey::of(&Roots::below(&args.root), configuration(args)?.as_deref());
    let text = match args.json {
        true => json::lines(&survey),
        false => text::fitted(&text::lines(&survey, Style::of_stdout())),
    };
    out.write_all(text.as_bytes())?;
    // On a terminal only: what is appended to a file needs no telling.
    if !args.json && io::stdout().is_terminal() && survey.seen.iter().any(|s| s.block.is_some()) {
        let file = args.config.path.display();
        writeln!(
            io::stderr().lock(),
            "To use a device, append its lines to {file} and set its lane."
        )?;
    }
    if survey.seen.iter().all(|seen| seen.device.role == Role::Other) {
        writeln!(io::stderr().lock(), "{NONE_ATTACHED}")?;
    }
    Ok(0)
}

/// A machine that is set up has one; one with mistakes is as good as none here. One that somebody names is there.
fn configuration(args: &DevicesArgs) -> anyhow::Result<Option<Arc<Config>>> {
    let file = &args.config.path;
    if !file.exists() && file == Path::new(USUAL_FILE) {
        return Ok(None);
    }
    if !file.exists() {
        return Ok(Some(args.config.load()?.config));
    }
    let loaded = args.config.load().ok().map(|loaded| loaded.config);
    if loaded.is_none() {
        let said = "has mistakes, so the devices that it names are not looked for";
        writeln!(io::stderr().lock(), "{} {said}: see `tillgate check`", file.display())?;
    }
    Ok(loaded)
}

const NONE_ATTACHED: &str = "no scanner, reader or serial port is attached.\n\
     - Check cable and power of the device; `dmesg | tail` shows whether the machine sees it.\n\
     - In a virtual machine or container, hand the USB device through.";

/// What is attached, and what a configuration makes of it.
struct Survey {
    seen: Vec<Seen>,
    configured: Vec<Configured>,
    /// A lane that there is.
    lane: Option<String>,
}

/// An attached device.
struct Seen {
    device: AttachedDevice,
    access: Access,
    /// The configured device that uses it.
    used_by: Option<String>,
    /// The lines that would use it; none where it is used, or no driver reads it.
    block: Option<Block>,
    /// Another node of the same device suits better.
    second_choice: bool,
}

/// A configured device.
struct Configured {
    id: String,
    /// How the configuration names it.
    address: String,
    state: State,
}

enum State {
    /// Its node is there.
    Found(PathBuf),
    /// It leads to no device, or to several.
    Trouble { reason: String, candidates: String },
}

impl Survey {
    fn of(roots: &Roots, config: Option<&Config>) -> Self {
        let mut attached = attached::devices(roots);
        let all = attached.clone();
        attached.sort_by_key(|device| device.role.is_guess() || is_second_choice(device, &all));
        let devices = config.map(|config| config.devices.as_slice()).unwrap_or_default();
        let lane = config.and_then(|config| config.lanes.first()).map(|lane| lane.id.clone());
        let mut blocks = Blocks { devices, attached: &attached, lane: lane.as_deref(), number: 0 };
        let seen = attached.iter().map(|device| {
            let used_by = user_of(device, devices, &attached);
            let block = if used_by.is_none() { blocks.next(device) } else { None };
            Seen {
                access: access(roots, &device.node),
                second_choice: is_second_choice(device, &attached),
                device: device.clone(),
                used_by,
                block,
            }
        });
        Self {
            seen: seen.collect(),
            configured: devices.iter().map(|device| found(device, roots, &attached)).collect(),
            lane,
        }
    }
}

/// Makes blocks, each with an id of its own.
struct Blocks<'a> {
    devices: &'a [Device],
    attached: &'a [AttachedDevice],
    lane: Option<&'a str>,
    number: usize,
}

impl Blocks<'_> {
    fn next(&mut self, device: &AttachedDevice) -> Option<Block> {
        let driver = device.role.driver(device.kind)?;
        let id = loop {
            self.number += 1;
            let id = block::id(driver, self.number);
            if !self.devices.iter().any(|device| device.id == id) {
                break id;
            }
        };
        let lane = self.lane.unwrap_or("1");
        let address = attached::address_of(device, self.attached);
        Some(Block::new(device, driver, address, [&id, lane]))
    }
}

fn user_of(
    device: &AttachedDevice,
    devices: &[Device],
    attached: &[AttachedDevice],
) -> Option<String> {
    let uses = |user: &&Device| {
        let meant = user.address().meant(attached, lanes::kind_of(user.driver));
        matches!(meant.as_slice(), [only] if *only == device)
    };
    devices.iter().find(uses).map(|user| user.id.clone())
}

/// What sends reports says what it reads; the keyboard beside it only types.
fn is_second_choice(device: &AttachedDevice, attached: &[AttachedDevice]) -> bool {
    let lesser = [Role::ScannerWedge, Role::CardWedge, Role::Keyboard, Role::UnknownMode];
    let better = |other: &AttachedDevice| {
        let readable = other.role.driver(other.kind).is_some();
        readable && (device.role == Role::UnknownMode || !lesser.contains(&other.role))
    };
    lesser.contains(&device.role)
        && attached.iter().any(|other| other.is_same_hardware(device) && better(other))
}

fn found(device: &Device, roots: &Roots, attached: &[AttachedDevice]) -> Configured {
    let (address, kind) = (device.address(), lanes::kind_of(device.driver));
    let trouble = |reason| State::Trouble { reason, candidates: instead_of(roots, &address, kind) };
    let meant = address.meant(attached, kind);
    let state = match (meant.as_slice(), &device.port) {
        ([only], _) => State::Found(only.node.clone()),
        (_, Some(port)) if may_be_device(port) => State::Found(port.clone()),
        (_, Some(port)) if port.exists() => {
            trouble(format!("{} is no scanner, reader or serial port", port.display()))
        }
        (_, Some(port)) => trouble(format!("there is no {}", port.display())),
        ([], None) => trouble(not_one(&address, kind, NotOne::None)),
        (_, None) => trouble(not_one(&address, kind, NotOne::Several)),
    };
    Configured { id: device.id.clone(), address: address.to_string(), state }
}

/// A pseudo terminal, the socket of pcscd, or what drivers of the machine itself made; no file, and not the memory
/// devices such as /dev/null.
fn may_be_device(port: &Path) -> bool {
    const MEMORY_DEVICES: u32 = 1;
    std::fs::metadata(port).is_ok_and(|found| {
        let kind = found.file_type();
        let is_memory = rustix::fs::major(found.rdev()) == MEMORY_DEVICES;
        kind.is_socket() || kind.is_char_device() && !is_memory
    })
}

#[cfg(test)]
mod tests;
