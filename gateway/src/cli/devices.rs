//! `tillgate devices`: the serial ports that are attached, and the configuration lines that would use them.
//!
//! Out on stdout: lines to append to the configuration, with comments that say what each port is; or one JSON object
//! a port. Never: an open port. Looking at a scanner must not disturb it.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tillgate_drivers::attached::{Access, AttachedPort, Roots, UsbIdentity, ports};

/// Lists the attached serial ports with the configuration lines that would use them.
///
/// Nothing is opened or changed. Which lane a device belongs to, and whether it is a scanner or a card reader, is
/// for you to set right.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate devices
  tillgate devices >> /etc/tillgate/tillgate.toml

Exit codes: 0 listed, even where no port is attached, 1 it failed.")]
pub struct DevicesArgs {
    /// Print one JSON object a port.
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
    let attached = ports(&Roots::below(&args.root));
    let text = if args.json { json_lines(&attached) } else { toml_lines(&attached) };
    out.write_all(text.as_bytes())?;
    if attached.is_empty() {
        writeln!(io::stderr().lock(), "{NONE_ATTACHED}")?;
    }
    Ok(0)
}

const NONE_ATTACHED: &str = "no serial port is attached.\n\
     - Check cable and power of the device; `dmesg | tail` shows whether the machine sees it.\n\
     - Many scanners are keyboards until a barcode in their manual sets them to USB serial (CDC, virtual COM).\n\
     - In a virtual machine or container, hand the USB device through.";

/// Commented out, since the lane is probably there already.
const LANE: &str = "\
# Each device belongs to a lane. Where the configuration has none yet:
#[[lane]]
#id = \"1\"

";

fn toml_lines(ports: &[AttachedPort]) -> String {
    let devices = ports.iter().enumerate().map(|(index, port)| described(port, index + 1));
    let lane = if ports.is_empty() { "" } else { LANE };
    [lane.to_owned()].into_iter().chain(devices).collect()
}

/// Comments and a `[[device]]`, so that the whole can be appended to a configuration.
fn described(port: &AttachedPort, number: usize) -> String {
    let mut text = format!("# {}: {}\n", port.node.display(), what(port));
    match &port.access {
        Access::Free => text.push_str("# ready to be used\n"),
        Access::Held { by } => {
            text.push_str(&format!("# in use by {by}: it must let go of the port first\n"));
        }
        Access::Denied { hint } => text.push_str(&format!("# no permission: {hint}\n")),
    }
    if port.stable_name() == port.node && port.usb.is_some() {
        text.push_str("# no link below /dev/serial leads here: the name may move\n");
    }
    let lines = configuration(port, number);
    if is_plain(port) {
        text.push_str("# what is connected to it, the machine cannot tell; remove the # in front if it is a scanner\n");
        lines.lines().for_each(|line| text.push_str(&format!("#{line}\n")));
    } else {
        text.push_str(&lines);
    }
    text.push('\n');
    text
}

fn what(port: &AttachedPort) -> String {
    let driver = port.driver.as_deref().unwrap_or("unknown driver");
    let Some(usb) = &port.usb else { return format!("serial port of the machine ({driver})") };
    let names = [usb.manufacturer.as_deref(), usb.product.as_deref()];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    let name = if names.is_empty() { "USB device".to_owned() } else { names.join(" ") };
    let serial = usb.serial_number.as_deref().unwrap_or("none");
    format!("{name} ({}:{}, serial number {serial}, {driver})", usb.vendor_id, usb.product_id)
}

/// A port of the machine itself, which shows whether anything is connected to it only when it sends.
fn is_plain(port: &AttachedPort) -> bool {
    let name = port.node.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    port.usb.is_none() && name.starts_with("ttyS")
}

/// The lines of a `[[device]]`. Which lane it is, only the operator knows.
fn configuration(port: &AttachedPort, number: usize) -> String {
    let (kind, driver) = match &port.usb {
        Some(usb) if reads_cards(usb) => ("reader", "serial-magstripe"),
        _ => ("scanner", "serial-scanner"),
    };
    let name = toml::Value::String(port.stable_name().display().to_string());
    format!(
        "[[device]]\nid = \"{kind}-{number}\"\nlane = \"1\"\ndriver = \"{driver}\"\nport = {name}\nbaud = 9600\n"
    )
}

/// A guess by name, for the operator to correct.
fn reads_cards(usb: &UsbIdentity) -> bool {
    const MAGTEK: &str = "0801";
    let product = usb.product.as_deref().unwrap_or_default().to_lowercase();
    let words = ["swipe", "magstripe", "magnetic", "msr", "card reader"];
    usb.vendor_id == MAGTEK || words.iter().any(|word| product.contains(word))
}

fn json_lines(ports: &[AttachedPort]) -> String {
    let objects = ports.iter().enumerate().map(|(index, port)| object(port, index + 1));
    objects.map(|object| format!("{object}\n")).collect()
}

fn object(port: &AttachedPort, number: usize) -> Value {
    let (access, detail) = match &port.access {
        Access::Free => ("free", None),
        Access::Held { by } => ("in-use", Some(by)),
        Access::Denied { hint } => ("denied", Some(hint)),
    };
    json!({
        "kind": "serial",
        "port": port.stable_name(),
        "node": port.node,
        "by_id": port.by_id,
        "by_path": port.by_path,
        "driver": port.driver,
        "usb": port.usb.as_ref().map(|usb| json!({
            "vendor_id": usb.vendor_id,
            "product_id": usb.product_id,
            "manufacturer": usb.manufacturer,
            "product": usb.product,
            "serial_number": usb.serial_number,
        })),
        "access": access,
        "access_detail": detail,
        "configuration": configuration(port, number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;

    fn scanner() -> AttachedPort {
        AttachedPort {
            node: "/dev/ttyACM0".into(),
            by_id: Some("/dev/serial/by-id/usb-Honeywell_HH660_12345-if00".into()),
            by_path: None,
            driver: Some("cdc_acm".to_owned()),
            usb: Some(UsbIdentity {
                vendor_id: "0c2e".to_owned(),
                product_id: "0ca1".to_owned(),
                manufacturer: Some("Honeywell".to_owned()),
                product: Some("HH660".to_owned()),
                serial_number: Some("12345".to_owned()),
            }),
            access: Access::Free,
        }
    }

    fn reader() -> AttachedPort {
        let mut usb = scanner().usb.unwrap();
        usb.product = Some("Mini Swipe".to_owned());
        usb.serial_number = None;
        AttachedPort {
            node: "/dev/ttyUSB0".into(),
            by_id: None,
            usb: Some(usb),
            access: Access::Denied { hint: "it belongs to group dialout".to_owned() },
            ..scanner()
        }
    }

    #[derive(serde::Deserialize)]
    struct Devices {
        device: Vec<Device>,
    }

    #[test]
    fn the_lines_can_be_appended_to_a_configuration() {
        let text = toml_lines(&[scanner(), reader()]);
        let devices = toml::from_str::<Devices>(&text).unwrap().device;
        let ids: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, ["scanner-1", "reader-2"]);
        assert_eq!(devices[0].port, *scanner().stable_name());
        assert!(text.contains(
            "# /dev/ttyACM0: Honeywell HH660 (0c2e:0ca1, serial number 12345, cdc_acm)\n# ready"
        ));
        assert!(text.contains("# no permission: it belongs to group dialout\n"), "{text}");
        assert!(text.contains("the name may move"), "{text}");
    }

    #[test]
    fn a_plain_port_is_commented_out_and_a_lane_is_shown() {
        let plain = AttachedPort { node: "/dev/ttyS0".into(), by_id: None, usb: None, ..scanner() };
        let text = toml_lines(&[plain]);
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
        assert!(text.contains("#[[lane]]\n#id = \"1\"\n"), "{text}");
        assert!(text.contains("#[[device]]\n"), "{text}");
    }

    #[test]
    fn json_has_one_object_a_port_with_the_same_lines() {
        let text = json_lines(&[scanner(), reader()]);
        let objects: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[0]["port"], "/dev/serial/by-id/usb-Honeywell_HH660_12345-if00");
        assert_eq!(objects[0]["usb"]["vendor_id"], "0c2e");
        assert_eq!(objects[1]["access"], "denied");
        let lines = objects[1]["configuration"].as_str().unwrap();
        assert!(lines.contains("driver = \"serial-magstripe\""), "{lines}");
    }

    #[test]
    fn a_machine_without_ports_is_told_what_to_look_at() {
        let root = tempfile::tempdir().unwrap();
        for json in [false, true] {
            let args = DevicesArgs { json, root: root.path().to_owned() };
            let mut out = Vec::new();
            assert_eq!(run(&args, &mut out).unwrap(), 0);
            assert!(out.is_empty(), "words for people go to stderr");
        }
        assert!(NONE_ATTACHED.contains("dmesg"));
    }
}
