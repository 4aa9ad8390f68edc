//! Lanes, terminals, devices, partners and viewers: names, tokens and places that must not collide.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Component, PathBuf};

use tillgate_drivers::LineSettings;
use tillgate_drivers::attached::{check_usb_port, port_advice};
use tillgate_parsers::wedge::Layout;

use super::Flaws;
use crate::config::{Config, Device, Driver, Partner, Protocol, TradingIdentity};

const BAUD: std::ops::RangeInclusive<u32> = 300..=921_600;
/// Keys of one code come faster than the first; nobody waits for the second at a till.
const KEY_GAP_MS: std::ops::RangeInclusive<u32> = 10..=2000;
/// A weight must not be older than the moment between weighing and scanning, and a scale needs time to answer.
const ASK_MS: std::ops::RangeInclusive<u32> = 50..=1000;
const PREFIX_CHARS_MAX: usize = 16;
/// X12 I06 and I07: interchange sender and receiver id.
const X12_ID_CHARS_MAX: usize = 15;
/// EDIFACT 0004 and 0010: interchange sender and recipient.
const EDIFACT_ID_CHARS_MAX: usize = 35;
/// EDIFACT 0007.
const EDIFACT_QUALIFIER_CHARS_MAX: usize = 4;

pub(super) fn check(config: &Config, flaws: &mut Flaws) {
    names(config, flaws);
    lanes(config, flaws);
    tokens(config, flaws);
    devices(&config.devices, flaws);
    if let Some(identity) = &config.edi.x12 {
        x12("edi.x12", identity, flaws);
    }
    if let Some(identity) = &config.edi.edifact {
        edifact("edi.edifact", identity, flaws);
    }
    partners(config, flaws);
}

/// What was seen before, and where.
struct Seen<K>(HashMap<K, String>);

impl<K: Eq + Hash> Seen<K> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// Notes a value; tells who had it before.
    fn before(&mut self, value: K, list: &str, index: usize) -> Option<&str> {
        let entry = format!("[[{list}]] #{}", index + 1);
        match self.0.entry(value) {
            std::collections::hash_map::Entry::Occupied(first) => Some(first.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(entry);
                None
            }
        }
    }
}

/// Terminals, devices and partners share one space of names, since a record only names its source.
fn names(config: &Config, flaws: &mut Flaws) {
    unique(&mut Seen::new(), "lane", config.lanes.iter().map(|lane| &lane.id), flaws);
    unique(&mut Seen::new(), "viewer", config.viewers.iter().map(|viewer| &viewer.id), flaws);
    let mut seen = Seen::new();
    unique(&mut seen, "terminal", config.terminals.iter().map(|terminal| &terminal.id), flaws);
    unique(&mut seen, "device", config.devices.iter().map(|device| &device.id), flaws);
    unique(&mut seen, "partner", config.partners.iter().map(|partner| &partner.id), flaws);
}

fn unique<'c>(
    seen: &mut Seen<&'c String>,
    list: &str,
    ids: impl Iterator<Item = &'c String>,
    flaws: &mut Flaws,
) {
    for (index, id) in ids.enumerate() {
        let path = format!("{list}[{index}].id");
        flaws.name(&path, id);
        if let Some(first) = seen.before(id, list, index) {
            flaws.error(path, format!("the name is taken by {first}: choose another"));
        }
    }
}

fn lanes(config: &Config, flaws: &mut Flaws) {
    let known: Vec<&str> = config.lanes.iter().map(|lane| lane.id.as_str()).collect();
    let terminals = config.terminals.iter().map(|terminal| terminal.lane.as_deref());
    let devices = config.devices.iter().map(|device| Some(device.lane.as_str()));
    let of_terminals = terminals.enumerate().map(|(index, lane)| ("terminal", index, lane));
    let of_devices = devices.enumerate().map(|(index, lane)| ("device", index, lane));
    for (list, index, lane) in of_terminals.chain(of_devices) {
        let Some(lane) = lane.filter(|lane| !known.contains(lane)) else { continue };
        let lanes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        flaws.error(
            format!("{list}[{index}].lane"),
            format!("there is no [[lane]] with id {lane:?}; the lanes are: {lanes}; add: [[lane]] id = {lane:?}"),
        );
    }
}

/// A token stands for one sender: with a shared one nobody could say who sent what.
fn tokens(config: &Config, flaws: &mut Flaws) {
    let terminals = config.terminals.iter().map(|terminal| Some(terminal.token_sha256));
    let partners = config.partners.iter().map(|partner| partner.token_sha256);
    let viewers = config.viewers.iter().map(|viewer| Some(viewer.token_sha256));
    let all = (terminals.enumerate().map(|(index, hash)| ("terminal", index, hash)))
        .chain(partners.enumerate().map(|(index, hash)| ("partner", index, hash)))
        .chain(viewers.enumerate().map(|(index, hash)| ("viewer", index, hash)));
    let mut seen = Seen::new();
    for (list, index, hash) in all {
        let Some(hash) = hash else { continue };
        if let Some(first) = seen.before(hash, list, index) {
            flaws.error(
                format!("{list}[{index}].token_sha256"),
                format!("is the same as in {first}: make another with `tillgate token`"),
            );
        }
    }
}

fn devices(devices: &[Device], flaws: &mut Flaws) {
    let mut addresses = Seen::new();
    for (index, device) in devices.iter().enumerate() {
        let path = |key: &str| format!("device[{index}].{key}");
        address(device, path, flaws);
        super::device_keys::check(device, path, flaws);
        // One device may be a scanner and a card reader; a path leads to one of the two. One pcscd has many readers.
        let driver = device.port.is_none().then_some(device.driver);
        let named = (device.address().to_string(), driver, &device.card.reader);
        if let Some(first) = addresses.before(named, "device", index) {
            let key = if device.port.is_some() { "port" } else { "id" };
            flaws.error(path(key), format!("the same device is {first}: a device has one entry"));
        }
        if !BAUD.contains(&device.baud) {
            flaws.error(path("baud"), format!("expected {} to {}", BAUD.start(), BAUD.end()));
        }
        if let Err(error) = device.line.parse::<LineSettings>() {
            flaws.error(path("line"), error.to_string());
        }
        if device.driver != Driver::SerialScanner && device.protocol == Protocol::Ssi {
            flaws.error(path("protocol"), "only a serial-scanner speaks \"ssi\"");
        }
        if let Err((file, key, message)) = device.card.plan() {
            flaws.error(path(&format!("card.files[{file}].{key}")), message);
        }
        if Layout::of_name(&device.layout).is_none() {
            let names = Layout::ALL.map(|(_, name)| name).join(", ");
            flaws.error(path("layout"), format!("expected one of {names}"));
        }
        if !KEY_GAP_MS.contains(&device.key_gap_ms) {
            let (least, most) = (KEY_GAP_MS.start(), KEY_GAP_MS.end());
            flaws.error(path("key_gap_ms"), format!("expected {least} to {most}"));
        }
        let asked = device.scale.ask_ms;
        if asked != 0 && !ASK_MS.contains(&asked) {
            let (least, most) = (ASK_MS.start(), ASK_MS.end());
            flaws.error(path("scale.ask_ms"), format!("expected 0 or {least} to {most}"));
        }
        if device.prefix.chars().count() > PREFIX_CHARS_MAX {
            flaws.error(path("prefix"), format!("has more than {PREFIX_CHARS_MAX} characters"));
        }
    }
}

/// By path, or by what it says of itself and where it is plugged in.
fn address(device: &Device, path: impl Fn(&str) -> String, flaws: &mut Flaws) {
    let Device { port, usb, serial_number, usb_port, .. } = device;
    let selected = usb.is_some() || serial_number.is_some() || usb_port.is_some();
    match port {
        Some(_) if selected || device.interface.is_some() => flaws.error(
            path("port"),
            "stands beside `usb`, `serial_number`, `usb_port` or `interface`: name the device in one way",
        ),
        None if device.driver == Driver::Pcsc => flaws.error(
            path("port"),
            "is missing: a reader of chip cards is reached through pcscd's socket, /run/pcscd/pcscd.comm",
        ),
        Some(port) => {
            flaws.absolute(path("port"), port);
            if let Some(advice) = port_advice(port) {
                flaws.warning(path("port"), advice);
            }
        }
        None if !selected => flaws.error(
            path("serial_number"),
            "is missing: name the device by `serial_number`, `usb_port` or `port`; `tillgate devices` prints the lines",
        ),
        None => {}
    }
    if serial_number.as_deref() == Some("") {
        flaws.error(path("serial_number"), "must not be empty: use `usb_port` where there is none");
    }
    if let Some(Err(error)) = usb_port.as_deref().map(check_usb_port) {
        flaws.error(path("usb_port"), error.to_string());
    }
}

fn partners(config: &Config, flaws: &mut Flaws) {
    let (mut x12_identities, mut edifact_identities) = (Seen::new(), Seen::new());
    for (index, partner) in config.partners.iter().enumerate() {
        if partner.x12.is_none() && partner.edifact.is_none() {
            flaws.warning(
                format!("partner[{index}].x12"),
                "is missing, so the sender of an interchange is not checked: add x12 = { qualifier = \"ZZ\", id = \"…\" } or edifact",
            );
        }
        let mut unique = |seen: &mut Seen<_>, path: String, identity: &'_ TradingIdentity| {
            let key = (identity.qualifier.clone(), identity.id.clone());
            if let Some(first) = seen.before(key, "partner", index) {
                flaws.error(
                    path,
                    format!("is the same as in {first}: nobody could tell them apart"),
                );
            }
        };
        if let Some(identity) = &partner.x12 {
            unique(&mut x12_identities, format!("partner[{index}].x12"), identity);
        }
        if let Some(identity) = &partner.edifact {
            unique(&mut edifact_identities, format!("partner[{index}].edifact"), identity);
        }
        if let Some(identity) = &partner.x12 {
            x12(&format!("partner[{index}].x12"), identity, flaws);
        }
        if let Some(identity) = &partner.edifact {
            edifact(&format!("partner[{index}].edifact"), identity, flaws);
        }
    }
    folders(config, flaws);
}

/// X12.5 I05, I06 and I07: fixed fields of the ISA segment, padded with blanks that are no part of the value.
fn x12(path: &str, identity: &TradingIdentity, flaws: &mut Flaws) {
    let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if identity.qualifier.len() != 2 || !printable(&identity.qualifier) {
        flaws.error(format!("{path}.qualifier"), "expected two characters, such as \"ZZ\"");
    }
    let id = &identity.id;
    if !(1..=X12_ID_CHARS_MAX).contains(&id.len()) || !printable(id) || id.trim() != id {
        flaws.error(
            format!("{path}.id"),
            format!("expected 1 to {X12_ID_CHARS_MAX} characters of ASCII, without blanks around"),
        );
    }
}

/// ISO 9735, S002 and S003: 0004 an..35 and 0007 an..4.
fn edifact(path: &str, identity: &TradingIdentity, flaws: &mut Flaws) {
    let right = |text: &str, longest: usize| text.chars().count() <= longest && text.trim() == text;
    if !right(&identity.qualifier, EDIFACT_QUALIFIER_CHARS_MAX) {
        let most =
            format!("expected at most {EDIFACT_QUALIFIER_CHARS_MAX} characters, such as \"14\"");
        flaws.error(format!("{path}.qualifier"), most);
    }
    if identity.id.is_empty() || !right(&identity.id, EDIFACT_ID_CHARS_MAX) {
        flaws.error(
            format!("{path}.id"),
            format!("expected 1 to {EDIFACT_ID_CHARS_MAX} characters, without blanks around"),
        );
    }
}

/// A folder within another's would be read as both partners' mail.
fn folders(config: &Config, flaws: &mut Flaws) {
    let folders: Vec<PathBuf> = config.partners.iter().map(|p| folder(config, p)).collect();
    for (index, folder) in folders.iter().enumerate() {
        let path = format!("partner[{index}].folder");
        flaws.absolute(&path, folder);
        if folder.components().any(|part| part == Component::ParentDir) {
            flaws.error(path, "expected a path without \"..\"");
            continue;
        }
        let nested = |other: &PathBuf| folder.starts_with(other) || other.starts_with(folder);
        if let Some(first) = folders.iter().take(index).position(nested) {
            let relation = if folders.get(first).is_some_and(|other| folder.starts_with(other)) {
                "lies within"
            } else {
                "contains"
            };
            let first = first + 1;
            flaws.error(path, format!("{relation} the folder of [[partner]] #{first}"));
        }
    }
}

fn folder(config: &Config, partner: &Partner) -> PathBuf {
    let usual = || config.gateway.data_dir.join("edi").join(&partner.id);
    partner.folder.clone().unwrap_or_else(usual)
}
