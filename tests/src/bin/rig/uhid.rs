//! HID devices out of nothing: `/dev/uhid` (include/uapi/linux/uhid.h).

use std::fs::File;
use std::io::Write;

const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const NAME_BYTES: usize = 128;
const PHYS_BYTES: usize = 64;
const UNIQ_BYTES: usize = 64;
const DATA_BYTES_MAX: usize = 4096;
const BUS_USB: u16 = 3;

/// What a device says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) name: &'static str,
    pub(crate) serial_number: &'static str,
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    pub(crate) descriptor: &'static [u8],
}

/// A HID device; unplugged when dropped.
pub(crate) struct HidDevice(File);

impl HidDevice {
    /// Plugs a device in. The kernel makes its node a moment later.
    pub(crate) fn plug_in(identity: Identity) -> Self {
        let mut device = File::options().read(true).write(true).open("/dev/uhid").expect("uhid");
        let mut event = CREATE2.to_ne_bytes().to_vec();
        for (text, bytes) in
            [(identity.name, NAME_BYTES), ("", PHYS_BYTES), (identity.serial_number, UNIQ_BYTES)]
        {
            let end = event.len() + bytes;
            event.extend(text.bytes().take(bytes - 1));
            event.resize(end, 0);
        }
        let size = u16::try_from(identity.descriptor.len()).expect("a short descriptor");
        event.extend(size.to_ne_bytes());
        event.extend(BUS_USB.to_ne_bytes());
        // Vendor, product, version, country.
        for number in [u32::from(identity.vendor), u32::from(identity.product), 1, 0] {
            event.extend(number.to_ne_bytes());
        }
        event.extend(identity.descriptor);
        event.resize(event.len() + DATA_BYTES_MAX - identity.descriptor.len(), 0);
        device.write_all(&event).expect("uhid makes the device");
        Self(device)
    }

    /// The device sends a report.
    pub(crate) fn send(&mut self, report: &[u8]) {
        let mut event = INPUT2.to_ne_bytes().to_vec();
        event.extend(u16::try_from(report.len()).expect("a short report").to_ne_bytes());
        event.extend(report);
        self.0.write_all(&event).expect("uhid takes the report");
    }
}
