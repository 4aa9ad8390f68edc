//! Canaries: test card numbers that are sent through every way in, and the search for them wherever they could be left.
//!
//! In: files, messages, answers, a process's memory, as [`Place`]s. Out: where a number, or anything else that must not
//! stay, was found, in which form. Never: a real card's number; a masked number as a find.

mod cards;
mod forms;
mod places;
mod search;

pub use cards::{CARDS, masked, numbers, one_of_each_scheme};
pub use places::{Place, files, memory};
pub use search::{Needles, assert_absent};

/// A card's holder, as tracks of the canary name them.
pub const HOLDER: &str = "DOE/JANE";

/// Expiry date, service code and discretionary data of the canary's tracks.
pub const BEHIND_THE_NUMBER: &str = "29121019876543210";
