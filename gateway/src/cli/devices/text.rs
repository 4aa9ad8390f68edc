//! What people see: comments and blocks, so that the whole can be appended to a configuration.

use tillgate_drivers::attached::{Access, AttachedDevice, Role};

use super::super::style::{Colour, Style, harmless};
use super::{Configured, Seen, State, Survey};

const WIDTH: usize = 100;

/// Commented out, since the lane is probably there already.
const LANE: &str = "\
# Each device belongs to a lane. Where the configuration has none yet:
#[[lane]]
#id = \"1\"

";

/// All that there is to say, in lines of any length.
pub(super) fn lines(survey: &Survey, style: Style) -> String {
    let mut text = String::new();
    if !survey.configured.is_empty() {
        text.push_str("# In the configuration:\n");
        survey.configured.iter().for_each(|device| configured(&mut text, device, style));
        text.push('\n');
    }
    let is_shown = |seen: &&Seen| {
        let hidden = seen.device.role == Role::UnknownMode && seen.second_choice;
        seen.device.role != Role::Other && !hidden && seen.used_by.is_none()
    };
    let (shown, others): (Vec<&Seen>, Vec<&Seen>) = survey.seen.iter().partition(is_shown);
    if survey.lane.is_none() && shown.iter().any(|seen| seen.block.is_some()) {
        text.push_str(LANE);
    }
    shown.into_iter().for_each(|seen| attached(&mut text, seen, style));
    let others = others.iter().filter(|seen| seen.used_by.is_none()).count();
    if others > 0 {
        let are = if others == 1 { "device is" } else { "devices are" };
        text.push_str(&format!(
            "# {others} more {are} neither scanner nor reader; `tillgate devices --json` lists all\n"
        ));
    }
    text
}

fn configured(text: &mut String, device: &Configured, style: Style) {
    let Configured { id, state, .. } = device;
    match state {
        State::Found(node) => {
            comment(text, &format!("{}: {}", style.paint(Colour::Green, id), node.display()));
        }
        State::Trouble { reason, candidates } => {
            comment(text, &format!("{}: {reason}", style.paint(Colour::Red, id)));
            candidates.split("; ").for_each(|candidate| comment(text, &format!("  {candidate}")));
        }
    }
}

/// Comments and a block.
fn attached(text: &mut String, seen: &Seen, style: Style) {
    let Seen { device, access, block, second_choice, .. } = seen;
    let title = match device.role.is_guess() {
        true => style.paint(Colour::Yellow, device.role.words()),
        false => style.paint(Colour::Green, device.role.words()),
    };
    text.push_str(&format!("# {title}{}\n", harmless(&name(device))));
    comment(text, &place(device));
    let Some(block) = block else {
        comment(text, no_driver(device.role));
        return text.push('\n');
    };
    match access {
        Access::Free => comment(text, "ready to be used"),
        Access::Held { by } if by.starts_with("ModemManager") => {
            comment(
                text,
                &format!("in use by {by}: install 60-tillgate.rules, which keep it away"),
            );
        }
        Access::Held { by } => comment(text, &format!("in use by {by}, which must let go first")),
        Access::Denied { hint } => {
            comment(text, &format!("{}: {hint}", style.paint(Colour::Red, "no permission")));
        }
    }
    match doubt(device.role, *second_choice) {
        None => text.push_str(block.as_str()),
        Some(doubt) => {
            comment(text, doubt);
            block.as_str().lines().for_each(|line| text.push_str(&format!("#{line}\n")));
        }
    }
    text.push('\n');
}

/// Why the lines of a device are commented out.
fn doubt(role: Role, second_choice: bool) -> Option<&'static str> {
    if second_choice {
        return Some(
            "the same device as one above: these lines would read what it types instead of its reports",
        );
    }
    match role {
        Role::Keyboard => Some(
            "a person's keyboard, or a scanner that types: scan something into a text field to see; remove the # \
             in front if it is a scanner, and nobody can type on it any more",
        ),
        Role::PlainSerial => Some(
            "what is connected to it, the machine cannot tell; remove the # in front if it is a scanner",
        ),
        _ => None,
    }
}

fn no_driver(role: Role) -> &'static str {
    match role {
        Role::Scale => "scales are not read over this connection",
        _ => {
            "in a mode that tillgate does not read: scan the code in its manual that selects HID POS, USB serial (CDC) \
             or keyboard"
        }
    }
}

fn name(device: &AttachedDevice) -> String {
    let Some(identity) = &device.identity else { return String::new() };
    let names = [identity.manufacturer.as_deref(), identity.product.as_deref()];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    let name = if names.is_empty() { "without a name".to_owned() } else { names.join(" ") };
    format!(": {name} ({})", identity.usb)
}

fn place(device: &AttachedDevice) -> String {
    let number = device.identity.as_ref().map(|identity| match &identity.serial_number {
        Some(number) => format!("serial number {number}"),
        None => "no serial number".to_owned(),
    });
    let parts = [
        Some(device.node.display().to_string()),
        number,
        device.usb_port.as_ref().map(|port| format!("USB port {port}")),
        device.interface.map(|number| format!("interface {number}")),
        device.driver.as_ref().map(|driver| format!("driver {driver}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

const COMMENT: &str = "#   ";

fn comment(text: &mut String, words: &str) {
    text.push_str(&format!("{COMMENT}{}\n", harmless(words)));
}

/// Comments in lines that fit a screen.
pub(super) fn fitted(text: &str) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix(COMMENT) {
            Some(words) => wrap(&mut fitted, words),
            None => fitted.push_str(&format!("{line}\n")),
        }
    }
    fitted
}

/// What stands between backquotes is for copying, and stays in one piece.
fn wrap(text: &mut String, words: &str) {
    let indent = words.len() - words.trim_start().len();
    let mut line = String::new();
    let mut flush = |line: &mut String| {
        text.push_str(&format!("{COMMENT}{:indent$}{}\n", "", line.trim_end()));
        line.clear();
    };
    for (index, piece) in words.trim_start().split('`').enumerate() {
        let parts: Vec<String> = match index % 2 {
            1 => vec![format!("`{piece}`")],
            _ => piece.split_inclusive(' ').map(str::to_owned).collect(),
        };
        for part in parts {
            let fits = line.chars().count() + part.trim_end().chars().count() <= WIDTH;
            // Punctuation behind a quotation stays with it.
            let clings = part.starts_with([',', ';', '.', ':', ' ']);
            if !fits && !clings && !line.is_empty() {
                flush(&mut line);
            }
            line.push_str(&part);
        }
    }
    flush(&mut line);
}
