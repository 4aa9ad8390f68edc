//! What the process does before anything else, so that card data in its memory never reaches a disk.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core dump, and no other process of the same user may look into this one (`prctl(2)`, `PR_SET_DUMPABLE`).
/// A kernel that knows neither is no reason not to sell: the service unit asks for the same.
pub fn harden() {
    let _refused = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _refused = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
