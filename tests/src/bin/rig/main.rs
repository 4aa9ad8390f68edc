//! The store in the guest: plays real devices to the daemon and says how each scene went. `tests/tests/rig` boots it;
//! on any other machine it would find no `/dev/uhid`.
//!
//! In: the kernel's own ways to make devices (uhid, uinput, USB gadgets) and QEMU's USB devices. Out: one line a scene,
//! `scene NAME ok|failed SECONDS: FIGURES`. Never: a time that a scene depends on; times are printed.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's tool prints, and stops when something fails"
)]

mod card_slot;
mod gadget;
mod hid;
mod machine;
mod scenes;
mod store;
mod uhid;
mod wedge;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use store::Store;

fn main() -> ExitCode {
    let mut store = Store::open();
    let mut failed = false;
    // The kernel hands on what stands on its command line. Without it: all of them.
    let chosen = std::env::var("TILLGATE_SCENES").unwrap_or_default();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|one| one == name);
    for (name, scene) in scenes::ALL.into_iter().filter(|(name, _)| is_chosen(name)) {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| scene(&mut store)));
        let seconds = began.elapsed().as_secs_f32();
        match result {
            Ok(figures) => println!("scene {name} ok {seconds:.1} s: {figures}"),
            Err(panic) => {
                failed = true;
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                println!("scene {name} failed {seconds:.1} s: {}", text.replace('\n', " / "));
                store.print_log();
            }
        }
        store.forget();
    }
    ExitCode::from(u8::from(failed))
}
