//! A machine that is not there: a folder with the parts of `/sys`, `/dev`, `/proc` and `/etc` that tell of devices. For
//! tests. To whoever reads its [`Roots`] nothing is different from the machine itself.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::attached::{Roots, UsbId};

/// A simulated machine.
pub struct SimulatedMachine {
    root: PathBuf,
}

/// A USB device that a test plugs in. All are below one controller, `0000:00:14.0`.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedUsb<'a> {
    /// The ports that lead to it: `1.2`.
    pub ports: &'a str,
    /// Vendor and product.
    pub id: UsbId,
    /// Who made it and what it is called; nothing where it is empty.
    pub names: [&'a str; 2],
    /// Its serial number; none where it is empty.
    pub serial_number: &'a str,
}

const BUS: &str = "sys/devices/pci0000:00/0000:00:14.0/usb1";

impl SimulatedMachine {
    /// A machine without devices in a folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(root: &Path) -> io::Result<Self> {
        let machine = Self { root: fs::canonicalize(root)? };
        for folder in ["dev/input", "sys/class", "proc", "etc"] {
            fs::create_dir_all(machine.path(folder))?;
        }
        Ok(machine)
    }

    /// Where it describes itself.
    #[must_use]
    pub fn roots(&self) -> Roots {
        Roots::below(&self.root)
    }

    /// A path of the machine.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
        let file = self.path(file);
        fs::create_dir_all(file.parent().unwrap_or(&self.root))?;
        fs::write(file, content)
    }

    /// Makes a link, and the folders above it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn link(&self, link: &str, target: &Path) -> io::Result<()> {
        let link = self.path(link);
        fs::create_dir_all(link.parent().unwrap_or(&self.root))?;
        symlink(target, link)
    }

    /// A serial port of the machine itself. Type 4 is a 16550A, 0 an empty socket.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add_plain_port(&self, name: &str, kind: u8) -> io::Result<()> {
        let device = self.driven(&format!("sys/devices/platform/{name}"), "serial8250")?;
        self.write(&format!("sys/class/tty/{name}/type"), format!("{kind}\n"))?;
        self.add_node("tty", name, &device, None)
    }

    /// A serial port of a USB device. `terminal` is what its node leads to, such as the port of a simulated device.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add_port(
        &self,
        usb: &SimulatedUsb<'_>,
        name: &str,
        terminal: Option<&Path>,
    ) -> io::Result<()> {
        let interface = self.plug_in(usb, 0, "cdc_acm")?;
        self.add_node("tty", name, &interface, terminal)
    }

    /// A HID interface of a USB device, with its report descriptor.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add_hidraw(
        &self,
        usb: &SimulatedUsb<'_>,
        (interface, number): (u8, u8),
        descriptor: &[u8],
    ) -> io::Result<()> {
        let hid = self.add_hid(usb, interface, number)?;
        self.write(&format!("{hid}/report_descriptor"), descriptor)?;
        self.add_node("hidraw", &format!("hidraw{number}"), &self.path(&hid), None)
    }

    /// A keyboard of a USB device, with its bitmap of keys: `fffffffffffffffe` has all that a scanner needs.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add_keyboard(
        &self,
        usb: &SimulatedUsb<'_>,
        (interface, number): (u8, u8),
        keys: &str,
    ) -> io::Result<()> {
        let hid = self.add_hid(usb, interface, number)?;
        let input = format!("{hid}/input/input{number}");
        self.write(&format!("{input}/capabilities/key"), format!("{keys}\n"))?;
        self.add_node("input", &format!("event{number}"), &self.path(&input), None)
    }

    /// Takes a device and its nodes away.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn unplug(&self, usb: &SimulatedUsb<'_>, nodes: &[&str]) -> io::Result<()> {
        fs::remove_dir_all(self.path(&format!("{BUS}/1-{}", usb.ports)))?;
        nodes.iter().try_for_each(|node| fs::remove_file(self.path("dev").join(node)))
    }

    fn add_hid(&self, usb: &SimulatedUsb<'_>, interface: u8, number: u8) -> io::Result<String> {
        self.plug_in(usb, interface, "usbhid")?;
        let UsbId { vendor, product } = usb.id;
        let interface = format!("{BUS}/1-{0}/1-{0}:1.{interface}", usb.ports);
        let hid = format!("{interface}/0003:{vendor:04X}:{product:04X}.{number:04X}");
        let name = usb.names.join(" ");
        let uevent = format!("HID_ID=0003:0000{vendor:04X}:0000{product:04X}\nHID_NAME={name}\n");
        self.write(&format!("{hid}/uevent"), uevent)?;
        self.driven(&hid, "hid-generic")?;
        Ok(hid)
    }

    /// The device and one interface of it.
    fn plug_in(&self, usb: &SimulatedUsb<'_>, interface: u8, driver: &str) -> io::Result<PathBuf> {
        let device = format!("{BUS}/1-{}", usb.ports);
        let [manufacturer, product] = usb.names;
        for (attribute, value) in [
            ("idVendor", format!("{:04x}", usb.id.vendor).as_str()),
            ("idProduct", format!("{:04x}", usb.id.product).as_str()),
            ("manufacturer", manufacturer),
            ("product", product),
            ("serial", usb.serial_number),
        ] {
            if !value.is_empty() {
                self.write(&format!("{device}/{attribute}"), format!("{value}\n"))?;
            }
        }
        let interface_folder = format!("{device}/1-{}:1.{interface}", usb.ports);
        self.write(&format!("{interface_folder}/bInterfaceNumber"), format!("{interface:02x}\n"))?;
        self.driven(&interface_folder, driver)
    }

    fn driven(&self, device: &str, driver: &str) -> io::Result<PathBuf> {
        let (device, driver) = (self.path(device), self.path("sys/drivers").join(driver));
        fs::create_dir_all(&device)?;
        fs::create_dir_all(&driver)?;
        match symlink(driver, device.join("driver")) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(device),
            done => done.map(|()| device),
        }
    }

    /// An entry in a class, and the node.
    fn add_node(
        &self,
        class: &str,
        name: &str,
        device: &Path,
        terminal: Option<&Path>,
    ) -> io::Result<()> {
        let entry = self.path("sys/class").join(class).join(name);
        fs::create_dir_all(&entry)?;
        let link = entry.join("device");
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        symlink(device, link)?;
        let folder = if class == "input" { "dev/input" } else { "dev" };
        let node = self.path(folder).join(name);
        match terminal {
            Some(terminal) => symlink(terminal, node),
            None => fs::write(node, ""),
        }
    }
}
