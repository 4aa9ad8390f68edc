//! What happens in the store, in this order.

mod hid_scanner;

use crate::store::Store;

/// A scene gives its figures; it panics when something is wrong.
type Scene = fn(&mut Store) -> String;

/// All scenes.
pub(crate) const ALL: [(&str, Scene); 1] = [("hid_scanner", hid_scanner::play)];
