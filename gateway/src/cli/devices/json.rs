//! What machines see: one object a device, attached ones first, then those of the configuration.

use serde_json::{Value, json};
use tillgate_drivers::attached::{Access, AttachedDevice};

use super::{Configured, Seen, State, Survey};

/// All that there is to say.
pub(super) fn lines(survey: &Survey) -> String {
    let attached = survey.seen.iter().map(attached);
    let configured = survey.configured.iter().map(configured);
    attached.chain(configured).map(|object| format!("{object}\n")).collect()
}

fn attached(seen: &Seen) -> Value {
    let Seen { device, access, used_by, block, .. } = seen;
    let (access, detail) = match access {
        Access::Free => ("free", None),
        Access::Held { by } => ("in-use", Some(by)),
        Access::Denied { hint } => ("denied", Some(hint)),
    };
    json!({
        "kind": device.kind.as_str(),
        "probably": device.role.words(),
        "port": device.stable_name(),
        "node": device.node,
        "by_id": device.by_id,
        "by_path": device.by_path,
        "usb_port": device.usb_port,
        "interface": device.interface,
        "driver": device.driver,
        "usb": identity(device),
        "access": access,
        "access_detail": detail,
        "configured_as": used_by,
        "configuration": block.as_ref().map(|block| block.as_str()),
    })
}

fn identity(device: &AttachedDevice) -> Option<Value> {
    let identity = device.identity.as_ref()?;
    Some(json!({
        "vendor_id": format!("{:04x}", identity.usb.vendor),
        "product_id": format!("{:04x}", identity.usb.product),
        "manufacturer": identity.manufacturer,
        "product": identity.product,
        "serial_number": identity.serial_number,
    }))
}

fn configured(device: &Configured) -> Value {
    let (node, problem, candidates) = match &device.state {
        State::Found(node) => (Some(node), None, None),
        State::Trouble { reason, candidates } => (None, Some(reason), Some(candidates)),
    };
    json!({
        "kind": "configured",
        "id": device.id,
        "address": device.address,
        "node": node,
        "problem": problem,
        "candidates": candidates,
    })
}
