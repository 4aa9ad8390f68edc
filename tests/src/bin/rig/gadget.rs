//! USB devices whose other side is the kernel itself: gadgets on dummy_hcd's sockets, set up in configfs
//! (Documentation/usb/gadget_configfs.rst).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A USB device with one function.
pub(crate) struct Gadget {
    folder: PathBuf,
    socket: &'static str,
}

/// What it is.
pub(crate) struct Description<'a> {
    pub(crate) name: &'a str,
    pub(crate) serial_number: &'a str,
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    /// The kernel's name of the function and its instance, such as `acm.0`.
    pub(crate) function: &'a str,
    /// What configfs asks about the function.
    pub(crate) attributes: &'a [(&'a str, &'a [u8])],
    /// The socket of dummy_hcd.
    pub(crate) socket: &'static str,
}

impl Gadget {
    /// Makes a device, once; nobody sees it before it is plugged in.
    pub(crate) fn make(what: &Description<'_>) -> Self {
        let folder = PathBuf::from("/sys/kernel/config/usb_gadget").join(what.serial_number);
        if folder.exists() {
            return Self { folder, socket: what.socket };
        }
        let strings = folder.join("strings/0x409");
        let function = folder.join("functions").join(what.function);
        let configuration = folder.join("configs/c.1");
        for made in [&folder, &strings, &function, &configuration] {
            fs::create_dir(made).expect("configfs takes a gadget");
        }
        let gadget = Self { folder, socket: what.socket };
        gadget.set("idVendor", format!("{:#06x}", what.vendor).as_bytes());
        gadget.set("idProduct", format!("{:#06x}", what.product).as_bytes());
        gadget.set("strings/0x409/manufacturer", b"Rig");
        gadget.set("strings/0x409/product", what.name.as_bytes());
        gadget.set("strings/0x409/serialnumber", what.serial_number.as_bytes());
        for (name, value) in what.attributes {
            gadget.set(&format!("functions/{}/{name}", what.function), value);
        }
        symlink(&function, configuration.join(what.function)).expect("configfs takes a function");
        gadget
    }

    pub(crate) fn plug_in(&self) {
        self.set("UDC", self.socket.as_bytes());
    }

    pub(crate) fn unplug(&self) {
        self.set("UDC", b"\n");
    }

    fn set(&self, attribute: &str, value: &[u8]) {
        fs::write(self.folder.join(attribute), value)
            .unwrap_or_else(|error| panic!("{attribute} of a gadget: {error}"));
    }
}
