//! A test that mounts a file system of its own. It runs once more in a mount namespace, which ends with it, so that
//! the machine never sees the mount.

use std::path::Path;
use std::process::Command;

use crate::process::{command, is_root, run, run_tool};

/// Set for the run within the namespace.
const WITHIN: &str = "TILLGATE_TEST_MAY_MOUNT";

/// Runs `body` where it may mount; `test` is its full name in this test program. Where the machine does not allow
/// namespaces, it says so and the test is left out.
///
/// # Panics
///
/// When the body fails.
#[expect(clippy::print_stdout, reason = "a test that was left out says so where its results stand")]
pub fn with_mounts(test: &str, body: impl FnOnce() + Send + 'static) {
    if std::env::var_os(WITHIN).is_some() {
        return body();
    }
    let allowed = run(unshare("true"));
    if allowed.code != 0 {
        println!("left out: this machine does not let tests mount: {}", allowed.stderr.trim());
        return;
    }
    let program = std::env::current_exe().expect("the path of this test");
    let mut again = unshare(&program.to_string_lossy());
    again.args(["--exact", test, "--nocapture"]).env(WITHIN, "yes");
    let status = again.status().expect("the test runs once more");
    assert!(status.success(), "within its own mounts the test ended with {status}");
}

fn unshare(program: &str) -> Command {
    let mut unshare = command("unshare");
    if !is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--mount", "--", program]);
    unshare
}

/// Mounts an empty disk of so many MiB.
///
/// # Panics
///
/// When it cannot be mounted.
pub fn small_disk(folder: &Path, mebibytes: u32) {
    std::fs::create_dir_all(folder).expect("a folder to mount on");
    let options = format!("size={mebibytes}m,mode=700");
    run_tool("mount", &["-t", "tmpfs", "-o", &options, "tillgate-test", &folder.to_string_lossy()]);
}
