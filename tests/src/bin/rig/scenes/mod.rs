//! What happens in the store, in this order. A scene gives its figures, and panics when something is wrong.

mod cards;
mod chip_cards;
mod replug;
mod scanners;
mod wedges;
mod work;

use crate::store::Store;

type Scene = fn(&mut Store) -> String;

/// All scenes, by the names of their tests.
pub(crate) const ALL: [(&str, Scene); 14] = [
    ("hid_scanner", scanners::hid),
    ("usb_hid_scanner", scanners::usb_hid),
    ("acm_scanner", scanners::acm),
    ("ftdi_scanner", scanners::ftdi),
    ("card_readers", cards::play),
    ("two_wedges_at_once", wedges::two_at_once),
    ("wedge_back_to_back", wedges::back_to_back),
    ("usb_keyboard", wedges::usb_keyboard),
    ("usb_ccid_reader", chip_cards::contacts),
    ("replug_hid_scanner", replug::hid_scanner),
    ("replug_wedge", replug::wedge),
    ("replug_serial_adapter", replug::serial_adapter),
    ("unplugged_devices_cost_nothing", work::unplugged),
    ("scan_to_commit", work::scan_to_commit),
];
