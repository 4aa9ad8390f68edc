//! Boots the guest once for all scenes and gives what it printed.
//!
//! In: QEMU, a kernel, this machine's mosquitto and udev, and the programs under test. Out: the guest's console. Never:
//! a network or a file of this machine in the guest, and no KVM: it may be there and not work, and what it would save
//! are seconds.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tillgate_tests::gateway;
use tillgate_tests::process::{Process, command, run_tool};

use crate::initrd::Initrd;
use crate::kernel::Kernel;

const QEMU: &str = "/usr/bin/qemu-system-x86_64";
const BUSYBOX: &str = "/bin/busybox";
const UDEVD: &str = "/lib/systemd/systemd-udevd";

/// What the guest runs besides the programs under test.
const PROGRAMS: [&str; 6] = [
    UDEVD,
    "/usr/bin/udevadm",
    "/usr/bin/setpriv",
    "/usr/sbin/mosquitto",
    "/usr/bin/mosquitto_sub",
    "/usr/sbin/pcscd",
];

/// pcscd's driver of USB readers, which it finds by the list beside it.
const CCID_LIST: &str = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist";
const CCID_DRIVER: &str = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Linux/libccid.so";

/// udev's own rules that name and classify what the scenes plug in.
const RULES: [&str; 4] = ["50-udev-default", "60-input-id", "60-persistent-input", "60-serial"];

const MODULES: [&str; 14] = [
    "xhci-pci",
    "usbhid",
    "hid-generic",
    "uhid",
    "uinput",
    "evdev",
    "usbserial",
    "ftdi_sio",
    "cdc-acm",
    "dummy_hcd",
    "libcomposite",
    "usb_f_hid",
    "usb_f_acm",
    "configfs",
];

/// Users and groups that udev's rules name.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n";
const GROUPS: &str = "root:x:0:\ntty:x:5:\ndialout:x:20:\ninput:x:101:\nkmem:x:15:\ndisk:x:6:\nlp:x:7:\ncdrom:x:24:\n\
                      tape:x:26:\naudio:x:29:\nvideo:x:44:\nsgx:x:102:\nkvm:x:103:\nrender:x:104:\ntillgate:x:105:\n";

/// Why this machine cannot boot the guest, if it cannot.
pub(crate) fn hindrance() -> Option<String> {
    if std::env::consts::ARCH != "x86_64" {
        return Some(format!("the guest is x86_64, this machine is {}", std::env::consts::ARCH));
    }
    for program in [QEMU, BUSYBOX, CCID_LIST, CCID_DRIVER].into_iter().chain(PROGRAMS) {
        if !Path::new(program).is_file() {
            return Some(format!("{program} is missing; tests/run installs it"));
        }
    }
    let folder = kernel_folder();
    Kernel::unpacked_in(&folder)
        .is_none()
        .then(|| format!("no kernel in {}; tests/run downloads one", folder.display()))
}

/// What the guest printed. It boots for the first test that asks; the others, processes of their own, read it in a
/// file that carries the number of the test run.
pub(crate) fn console() -> &'static str {
    static CONSOLE: OnceLock<String> = OnceLock::new();
    CONSOLE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let run =
            std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
        let mut report = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(folder.join("rig.log"))
            .expect("a report");
        report.lock().expect("a lock on the report");
        let mut text = String::new();
        report.read_to_string(&mut text).expect("a report");
        if let Some(console) = text.strip_prefix(&format!("{run}\n")) {
            return console.to_owned();
        }
        let console = boot(folder);
        report.set_len(0).and_then(|()| report.rewind()).expect("an empty report");
        write!(report, "{run}\n{console}").expect("a report");
        console
    })
}

fn kernel_folder() -> PathBuf {
    let folder = std::env::var_os("TILLGATE_GUEST_KERNEL").map(PathBuf::from);
    folder.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tools/kernel"))
}

fn boot(folder: &Path) -> String {
    let kernel = Kernel::unpacked_in(&kernel_folder()).expect("a kernel");
    let initrd = folder.join("rig.cpio");
    fs::write(&initrd, archive(&kernel, folder)).expect("the guest's file system");
    let sockets = tempfile::tempdir().expect("a folder for sockets");
    let mut process = Process::start(
        machine(&kernel.image, &initrd, sockets.path()),
        &sockets.path().join("log"),
    );
    let mut console = String::new();
    for line in BufReader::new(process.stdout().expect("a piped console")).split(b'\n') {
        let line = line.expect("the guest's console");
        let line = String::from_utf8_lossy(&line);
        println!("{}", line.trim_end());
        console.push_str(line.trim_end());
        console.push('\n');
    }
    console.push_str(&process.log());
    console
}

/// The machine and its USB devices. The guest plays both ends: its second serial port is the far end of the USB serial
/// scanner, its third speaks to QEMU's monitor, its fourth is the slot of the reader of chip cards.
fn machine(kernel: &Path, initrd: &Path, sockets: &Path) -> Command {
    let socket = |name: &str| sockets.join(name).display().to_string();
    // Each socket by its name, and which serial port is its other end, in order.
    let ends = [("scanner", "far-end"), ("monitor", "control"), ("card", "slot")];
    let mut qemu = command(QEMU);
    qemu.args(["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"])
        .args(["-accel", "tcg", "-machine", "pc", "-cpu", "max", "-smp", "1", "-m", "1024"])
        .args(["-nodefaults", "-nic", "none", "-vga", "none", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", &command_line()])
        .args(["-serial", "stdio"])
        .args(["-device", "qemu-xhci,id=usb"])
        .stdout(Stdio::piped());
    for (name, far_end) in ends {
        let path = socket(name);
        qemu.args(["-chardev", &format!("socket,id={name},path={path},server=on,wait=off")])
            .args(["-chardev", &format!("socket,id={far_end},path={path}")])
            .args(["-serial", &format!("chardev:{far_end}")]);
    }
    qemu.args(["-mon", "chardev=monitor,mode=control"]);
    qemu
}

/// The guest runs nothing but our own programs: what guards a kernel from others would cost a third of its time.
fn command_line() -> String {
    let chosen = std::env::var("TILLGATE_SCENES").unwrap_or_default();
    let scenes = if chosen.is_empty() { chosen } else { format!(" TILLGATE_SCENES={chosen}") };
    format!("console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off apparmor=0 audit=0{scenes}")
}

fn archive(kernel: &Kernel, folder: &Path) -> Vec<u8> {
    let mut initrd = Initrd::default();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    initrd.script("/init", &source.join("rig/init"));
    for program in [BUSYBOX, CCID_DRIVER].into_iter().chain(PROGRAMS) {
        initrd.program(Path::new(program));
    }
    initrd.file(CCID_LIST, &fs::read(CCID_LIST).expect("the package libccid"));
    for (path, program) in
        [("/rig/tillgate", gateway::program()), ("/rig/store", env!("CARGO_BIN_EXE_rig").into())]
    {
        // Names and lines for debuggers would be most of what the guest has to load.
        let stripped = folder.join("rig.stripped");
        let names = [&stripped, &program].map(|path| path.to_string_lossy().into_owned());
        run_tool("strip", &["--strip-all", "-o", &names[0], &names[1]]);
        initrd.program_as(path, &stripped);
    }
    let mut order = String::new();
    for (module, content) in kernel.modules(&MODULES) {
        initrd.file(&format!("/modules/{module}"), &content);
        order.push_str(&format!("{module}\n"));
    }
    initrd.file("/modules/order", order.as_bytes());
    let zone = "/usr/share/zoneinfo/Asia/Shanghai";
    initrd.file(zone, &fs::read(zone).expect("the package tzdata"));
    initrd.file("/etc/passwd", PASSWD.as_bytes());
    initrd.file("/etc/group", GROUPS.as_bytes());
    rules(&mut initrd, source);
    initrd.finish()
}

fn rules(initrd: &mut Initrd, source: &Path) {
    let mut add = |path: String, file: PathBuf| {
        let rules =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // What an operator turns on for their scanner is on.
        initrd.file(&path, rules.replace("\n#SUBSYSTEM", "\nSUBSYSTEM").as_bytes());
    };
    for name in RULES {
        let path = format!("/lib/udev/rules.d/{name}.rules");
        add(path.clone(), PathBuf::from(path));
    }
    let ours = source.join("../config/udev/60-tillgate.rules");
    add("/etc/udev/rules.d/60-tillgate.rules".to_owned(), ours);
    add("/etc/udev/rules.d/90-rig.rules".to_owned(), source.join("rig/90-rig.rules"));
}
